"""The whole story through real parts: `rounds serve` as a process of its own, the twilio library, a stand-in Twilio over HTTP."""
