"""Our requests and the stand-ins' answers, held against what the providers publish. Opt-in: `make openapi`.

Twilio's OpenAPI files come out of its own command line's core package; Prism checks each exchange against them. Telnyx's file is in
no package, so its exchanges are held against the types of its own Python library, which is generated from that file. SignalWire's is
in no package either: its test says where it is published, and holds the exchanges against it once it is there.
"""
