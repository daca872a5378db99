"""The one table of SignalWire's error codes, of texts and calls.

They look like Twilio's, and many mean the same; some do not: 21606 is a recipient without a mobile telephone (there: a sender that may
not send), 21612 a media file (there: no route), 30001 the end of the validity (there: a full queue). Source: "Error codes", SignalWire
Compatibility API documentation, as of November 2026. A code that is not here is loud: it is logged as `unknown provider code`.
"""

from __future__ import annotations

from service.telephony.meaning import DAY, HOUR, Kind, Meaning, permanent, transient

CODES: dict[int, Meaning] = {
    # Not processed: again after a pause.
    20429: transient("too many requests, not processed"),
    21611: transient("the sender's queue is full"),
    30022: transient("the sender's rate limit was exceeded"),
    63011: transient("the carrier did not take the text"),
    30027: transient("the carrier's daily limit is reached", DAY),
    35125: transient("the campaign's daily limit is reached", DAY),
    # A few more tries hours apart, then another channel.
    30003: transient("the handset is switched off or out of reach", 2 * HOUR),
    30008: transient("the carrier gave no reason", 2 * HOUR),
    # Perhaps processed: look before sending again.
    20001: Meaning(Kind.UNKNOWN, "", "the provider had an unknown error"),
    20504: Meaning(Kind.UNKNOWN, "", "the provider had an internal error"),
    31003: Meaning(Kind.UNKNOWN, "", "the provider's connection timed out"),
    # The number.
    21211: permanent("invalid_number", "the number is missing or not valid"),
    21217: permanent("invalid_number", "the number is not valid"),
    21604: permanent("invalid_number", "the recipient's number is missing"),
    21606: permanent("not_mobile", "the number is no mobile number"),
    21614: permanent("not_mobile", "the number cannot receive texts"),
    30006: permanent("not_mobile", "no route to the handset"),
    30005: permanent("recycled", "the handset is unknown: the number may have a new owner"),
    21603: permanent("", "the sender's or the recipient's number is missing or not valid"),
    # The person's own no.
    21610: permanent("opted_out", "the recipient has opted out at the provider"),
    30004: permanent("", "the text was blocked by the carrier"),
    # The text.
    30007: permanent("filtered", "filtered by the carrier"),
    21602: permanent("content", "the text has neither body nor media"),
    21612: permanent("content", "the media are not supported"),
    21617: permanent("content", "the text is too long"),
    21620: permanent("content", "the media address is not valid"),
    21623: permanent("content", "too many media files"),
    11751: permanent("content", "the media are too large"),
    63019: permanent("content", "the media could not be fetched"),
    30001: permanent("validity_over", "the validity period ended in the provider's queue"),
    30009: permanent("validity_over", "the validity period ended at the carrier"),
    # What was asked.
    10000: permanent("", "a field of the request is missing or not valid, or it came too late"),
    21220: permanent("", "the call is not in progress"),
    21624: permanent("", "the validity period is not valid"),
    21481: permanent("", "the list has no such page"),
    54453: permanent("", "the list has no such page"),
    54454: permanent("", "the size of the list's page is not valid"),
    50509: permanent("", "a text can only be emptied"),
    90000: permanent("", "a parameter is not supported"),
    # Our set-up: stop and alert.
    4001: permanent("configuration", "the account's balance is too low"),
    30002: permanent("configuration", "the account's balance is too low"),
    30010: permanent("configuration", "the price is above the limit that was set"),
    10001: permanent("configuration", "the space does not offer this"),
    20003: permanent("configuration", "the credentials are refused"),
    20010: permanent("configuration", "the account may not do this"),
    20404: permanent("configuration", "the account or address does not exist"),
    21205: permanent("configuration", "the call has no address to ask"),
    21208: permanent("configuration", "the ringing time is not valid"),
    21209: permanent("configuration", "the method of an address is not valid"),
    21210: permanent("configuration", "the sender is not ours or not verified"),
    21212: permanent("configuration", "the sender is not valid"),
    21213: permanent("configuration", "the sender is missing"),
    21218: permanent("configuration", "the application does not exist"),
    21219: permanent("configuration", "a trial account may only reach verified numbers"),
    21234: permanent("configuration", "the machine detection is not set up rightly"),
    21262: permanent("configuration", "the machine detection has no address to tell"),
    21402: permanent("configuration", "an address is not valid"),
    21408: permanent("configuration", "the callback address is missing"),
    21456: permanent("configuration", "the callback address is not valid"),
    21601: permanent("configuration", "the sender cannot send texts or place calls"),
    21626: permanent("configuration", "a callback event is not valid"),
    21701: permanent("configuration", "the number group does not exist"),
    21703: permanent("configuration", "the number group has no number that can do this"),
    21705: permanent("configuration", "neither a sender nor a number group is named"),
    21717: permanent("configuration", "the sender belongs to no active campaign"),
}
