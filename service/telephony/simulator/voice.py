"""Calls in, of the simulator: a prompt goes out as JSON, and plain forms become steps and words on a call."""

from __future__ import annotations

import json
import re
from uuid import UUID

from service.domain.call import AnsweredBy, CallInput, CallStatus, CallUpdate
from service.domain.prompt import Prompt
from service.telephony.port import Answer, Incomplete, Payload
from service.telephony.simulator.receiver import ACCOUNT, NAME

MOST_WORDS = 1_600
STATUSES = {
    "ringing": CallStatus.PLACED,
    "in-progress": CallStatus.TALKING,
    "completed": CallStatus.ENDED,
    "busy": CallStatus.ENGAGED,
}
"""What the simulated carrier says of a call, in our words."""
_KEYS = re.compile(r"[0-9*]{0,32}", re.ASCII)
_ANSWERED_BY = {"person": AnsweredBy.PERSON, "machine": AnsweredBy.MACHINE}


class SimulatorVoice:
    """The port's VoiceReceiver for simulated phones."""

    name = NAME

    def parse_call(self, payload: Payload, call_id: UUID, turn: int) -> CallInput:
        """The step. `confidence` is "" or a number from 0 to 1. Incomplete when the call's id is missing or the keys are none."""
        form = payload.form
        pressed = form.get("pressed", "")
        if not form.get("id") or not _KEYS.fullmatch(pressed):
            raise Incomplete
        connected = form.get("connected", "")
        return CallInput(
            provider=self.name,
            account=ACCOUNT,
            provider_id=form["id"],
            call_id=call_id,
            turn=turn,
            pressed=pressed,
            spoken="" if pressed else form.get("spoken", "").strip()[:MOST_WORDS],
            confidence=float(form["confidence"]) if form.get("confidence") in _CONFIDENCES else None,
            answered_by=_ANSWERED_BY.get(form.get("answered_by", "")),
            connected=connected == "yes" if connected else None,
            raw=form,
        )

    def parse_call_status(self, payload: Payload, call_id: UUID) -> CallUpdate:
        """The update. Raises Incomplete."""
        form = payload.form
        if not form.get("id") or not form.get("status"):
            raise Incomplete
        return CallUpdate(
            provider=self.name,
            account=ACCOUNT,
            provider_id=form["id"],
            call_id=call_id,
            status=STATUSES.get(form["status"]),
            provider_status=form["status"],
            answered_by=_ANSWERED_BY.get(form.get("answered_by", "")),
        )

    def called_number(self, payload: Payload) -> str:
        """The number that is called, "" when the form names none."""
        return payload.form.get("to", "")

    def render(self, prompt: Prompt, next_url: str) -> Answer:
        """The prompt as JSON; `read_document` reads it."""
        return Answer("application/json", json.dumps({"prompt": prompt.to_json(), "next": next_url}))


CLEAR, MUMBLED = "0.95", "0.3"
"""Confidence of words that were said clearly, and of mumbled ones."""
_CONFIDENCES = frozenset({CLEAR, MUMBLED})


def read_document(body: str) -> tuple[Prompt, str]:
    """The prompt and the address that its answer goes to. ValueError for anything else."""
    try:
        document = json.loads(body)
        return Prompt.from_json(document["prompt"]), str(document["next"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a prompt: {type(error).__name__}") from None
