"""Calls in: a prompt becomes TwiML, and Twilio's voice forms become steps and words on a call."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import structlog
from twilio.twiml.voice_response import Gather as GatherVerb
from twilio.twiml.voice_response import VoiceResponse

from service.domain.call import AnsweredBy, CallInput, CallUpdate
from service.domain.prompt import LONGEST_SPEECH, Connect, Gather, HangUp, Prompt, Say
from service.telephony.port import Answer, Incomplete, Payload
from service.telephony.twilio.calling import LONGEST_JOINED_SECONDS
from service.telephony.twilio.dialect import TWILIO, Dialect
from service.telephony.twilio.statuses import our_call

_log = structlog.get_logger(__name__)

VOICES = {"en": ("en-US", "Polly.Joanna"), "es": ("es-US", "Polly.Lupe")}
"""Locale and voice by language."""
SLOW = "85%"
USUAL = "95%"
"""Speaking rate: a little below the voice's own, slower still for what is said again."""
SPEECH_ENDS_AFTER_SECONDS = 2
"""Of silence after words; `auto` is not to be had with the default speech model (error 13335)."""
MOST_WORDS = 1_600
_KEYS = re.compile(r"[0-9*#]{0,32}", re.ASCII)
_WORD = re.compile(r"[a-z_-]{1,30}", re.ASCII)
_ANSWERED_BY = {
    "human": AnsweredBy.PERSON,
    "machine": AnsweredBy.MACHINE,
    "machine_start": AnsweredBy.MACHINE,
    "machine_end_beep": AnsweredBy.MACHINE,
    "machine_end_silence": AnsweredBy.MACHINE,
    "machine_end_other": AnsweredBy.MACHINE,
    "fax": AnsweredBy.FAX,
    "unknown": AnsweredBy.UNSURE,
}


class TwilioVoice:
    """The port's VoiceReceiver for one account."""

    def __init__(self, *, account_sid: str, dialect: Dialect = TWILIO) -> None:
        """`account_sid`: whose calls these are."""
        self.name = dialect.name
        self._dialect = dialect
        self._account_sid = account_sid

    def parse_call(self, payload: Payload, call_id: UUID, turn: int) -> CallInput:
        """The step; Incomplete when a required field is missing or misshapen. Keys win over words that come with them.

        A wrong Confidence counts as none, so that the words are read back.
        """
        form = payload.form
        provider_id = form.get("CallSid", "")
        if form.get("AccountSid") != self._account_sid or not self._dialect.call_id.fullmatch(provider_id):
            raise Incomplete
        pressed = form.get("Digits", "")
        if not _KEYS.fullmatch(pressed):
            raise Incomplete
        dialled = form.get("DialCallStatus", "")
        return CallInput(
            provider=self.name,
            account=self._account_sid,
            provider_id=provider_id,
            call_id=call_id,
            turn=turn,
            pressed=pressed.rstrip("#"),
            spoken="" if pressed.rstrip("#") else form.get("SpeechResult", "").strip()[:MOST_WORDS],
            confidence=_share(form.get("Confidence", "")),
            answered_by=_ANSWERED_BY.get(form.get("AnsweredBy", "")),
            connected=dialled in ("completed", "answered") if dialled else None,
            raw=form,
        )

    def parse_call_status(self, payload: Payload, call_id: UUID) -> CallUpdate:
        """The update, of a status or of asynchronous machine detection, which names no status. Raises Incomplete.

        An unknown status is kept and logged, never an error.
        """
        form = payload.form
        provider_id, provider_status = form.get("CallSid", ""), form.get("CallStatus", "")
        if form.get("AccountSid") != self._account_sid or not self._dialect.call_id.fullmatch(provider_id):
            raise Incomplete
        if not provider_status and form.get("AnsweredBy", "") not in _ANSWERED_BY:
            raise Incomplete
        status = our_call(provider_status)
        if status is None and provider_status:
            word = provider_status if _WORD.fullmatch(provider_status) else "unreadable"
            _log.error("unknown provider status", provider=self.name, status=word)
        seconds = form.get("CallDuration", "")
        return CallUpdate(
            provider=self.name,
            account=self._account_sid,
            provider_id=provider_id,
            call_id=call_id,
            status=status,
            provider_status=provider_status[:30],
            answered_by=_ANSWERED_BY.get(form.get("AnsweredBy", "")),
            seconds=int(seconds) if seconds.isascii() and seconds.isdigit() and len(seconds) <= 6 else 0,
        )

    def called_number(self, payload: Payload) -> str:
        """The number that somebody calls, "" when the form names none."""
        return payload.form.get("To", "")

    def render(self, prompt: Prompt, next_url: str) -> Answer:
        """The prompt as TwiML. After a Gather without input the same address is asked, with no keys and no words."""
        response: Any = VoiceResponse()  # type: ignore[no-untyped-call]
        for part in prompt.parts:
            match part:
                case Say():
                    self._say(response, part)
                case Gather():
                    response.append(self._gather(part, next_url))
                    response.redirect(next_url, method="POST")
                case Connect():
                    response.dial(
                        part.number,
                        action=next_url,
                        method="POST",
                        timeout=part.seconds,
                        time_limit=None if self._dialect.limits_calls else LONGEST_JOINED_SECONDS,
                        caller_id=part.caller or None,
                    )
                case HangUp():
                    response.hangup()
        return Answer("text/xml", str(response))

    def _gather(self, part: Gather, next_url: str) -> Any:
        locale, _ = VOICES[part.language]
        verb: Any = GatherVerb(  # type: ignore[no-untyped-call]
            input="dtmf speech" if part.speech else "dtmf",
            action=next_url,
            method="POST",
            timeout=part.seconds,
            num_digits=part.digits or None,
            finish_on_key="#",
            language=locale if part.speech else None,
            speech_timeout=SPEECH_ENDS_AFTER_SECONDS if part.speech else None,
            hints=", ".join(part.hints) or None,
            profanity_filter=False if part.speech else None,
        )
        for say in part.says:
            self._say(verb, say)
        return verb

    def _say(self, verb: Any, say: Say) -> None:
        locale, voice = VOICES[say.language]
        words = " ".join(say.text.split())[:LONGEST_SPEECH]
        if words:  # an empty Say is an error to Twilio
            verb.say(voice=voice, language=locale).prosody(words, rate=SLOW if say.slow else USUAL)


def _share(text: str) -> float | None:
    """A confidence from 0 to 1, None for anything else."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0.0 <= value <= 1.0 else None
