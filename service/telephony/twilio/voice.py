"""Calls in: a prompt becomes TwiML, and Twilio's voice forms become steps and words on a call."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import structlog
from twilio.twiml.voice_response import Gather as GatherVerb
from twilio.twiml.voice_response import VoiceResponse

from service.domain.call import AnsweredBy, CallInput, CallUpdate
from service.domain.prompt import LONGEST_SPEECH, Connect, Gather, HangUp, Prompt, Say
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
_CALL_ID = re.compile(r"CA[0-9a-fA-F]{32}", re.ASCII)
_KEYS = re.compile(r"[0-9*#]{0,32}", re.ASCII)
_WORD = re.compile(r"[a-z_-]{1,30}", re.ASCII)
_ANSWERED_BY = {
    "human": AnsweredBy.PERSON,
    "machine_start": AnsweredBy.MACHINE,
    "machine_end_beep": AnsweredBy.MACHINE,
    "machine_end_silence": AnsweredBy.MACHINE,
    "machine_end_other": AnsweredBy.MACHINE,
    "fax": AnsweredBy.FAX,
    "unknown": AnsweredBy.UNSURE,
}


class TwilioVoice:
    """The port's VoiceReceiver for one account."""

    name = "twilio"

    def __init__(self, *, account_sid: str) -> None:
        self._account_sid = account_sid

    def parse_call(self, form: Mapping[str, str], call_id: UUID, turn: int) -> CallInput | None:
        """The step, None when a required field is missing or misshapen. Keys win over words that come with them.

        A wrong Confidence counts as none, so that the words are read back.
        """
        provider_id = form.get("CallSid", "")
        if form.get("AccountSid") != self._account_sid or not _CALL_ID.fullmatch(provider_id):
            return None
        pressed = form.get("Digits", "")
        if not _KEYS.fullmatch(pressed):
            return None
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

    def parse_call_status(self, form: Mapping[str, str], call_id: UUID) -> CallUpdate | None:
        """The update, None when a required field is missing; an unknown status is kept and logged, never an error."""
        provider_id, provider_status = form.get("CallSid", ""), form.get("CallStatus", "")
        if form.get("AccountSid") != self._account_sid or not _CALL_ID.fullmatch(provider_id) or not provider_status:
            return None
        status = our_call(provider_status)
        if status is None:
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

    def called_number(self, form: Mapping[str, str]) -> str:
        """The number that somebody calls, "" when the form names none."""
        return form.get("To", "")

    def render(self, prompt: Prompt, next_url: str) -> tuple[str, str]:
        """The prompt as TwiML. After a Gather without input the same address is asked, with no keys and no words."""
        response: Any = VoiceResponse()  # type: ignore[no-untyped-call]
        for part in prompt.parts:
            match part:
                case Say():
                    _say(response, part)
                case Gather():
                    response.append(_gather(part, next_url))
                    response.redirect(next_url, method="POST")
                case Connect():
                    response.dial(part.number, action=next_url, method="POST", timeout=part.seconds)
                case HangUp():
                    response.hangup()
        return "text/xml", str(response)


def _gather(part: Gather, next_url: str) -> Any:
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
        _say(verb, say)
    return verb


def _say(verb: Any, say: Say) -> None:
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
