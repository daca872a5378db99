"""Calls in: a prompt becomes TeXML, and Telnyx's voice forms become steps and words on a call.

TeXML is a dialect of TwiML: the verbs Say, Gather, Dial, Redirect and Hangup, their attributes and the forms that come back
(CallSid, Digits, SpeechResult, Confidence, AnsweredBy, DialCallStatus, CallStatus) are the same, so Twilio's builder and reader serve
both. What is not the same:
- a Say holds words only: there is no <prosody> in it; its speed is the attribute voiceSpeed (0.1 to 2.0);
- ids are like v3:9X2v..., and AccountSid is a UUID;
- a Gather sends what it heard by the method of the TeXML application, which therefore has to be POST;
- with synchronous machine detection AnsweredBy may come with the status "answered" instead of the first step: both are read;
- the account's list of calls says `machine` and `not_sure` where a webhook says machine_start and unknown.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from service.domain.prompt import LONGEST_SPEECH, Say
from service.telephony.port import LONGEST_ID
from service.telephony.twilio.dialect import TWILIO
from service.telephony.twilio.voice import VOICES, TwilioVoice

USUAL = "0.95"
SLOW = "0.85"
"""Speaking rates as TwilioVoice's, in voiceSpeed's terms."""

TEXML = replace(TWILIO, name="telnyx", title="Telnyx", call_id=re.compile(rf"v[0-9]:[0-9A-Za-z_-]{{10,{LONGEST_ID - 3}}}", re.ASCII))


class TelnyxVoice(TwilioVoice):
    """The port's VoiceReceiver for one Telnyx account."""

    def __init__(self, *, account_sid: str) -> None:
        """`account_sid`: whose calls these are."""
        super().__init__(account_sid=account_sid, dialect=TEXML)

    def _say(self, verb: Any, say: Say) -> None:
        locale, voice = VOICES[say.language]
        words = " ".join(say.text.split())[:LONGEST_SPEECH]
        if words:
            verb.say(words, voice=voice, language=locale, voice_speed=SLOW if say.slow else USUAL)
