"""The loop's webhooks: HMAC-SHA256 over address and body, plain forms. They speak in the name of the provider they stand in for."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl
from uuid import UUID

from service.domain.call import AnsweredBy, CallInput, CallStatus, CallUpdate
from service.domain.communication import Status
from service.domain.prompt import Prompt
from service.telephony.port import Answer, DeliveryUpdate, InboundMessage, Incomplete, Payload, SignatureRefused

NAME = "loop"
HEADER = "X-Rounds-Loop-Signature"
_STATUSES = {"sent": Status.SENT, "delivered": Status.DELIVERED}
_CALL_STATUSES = {"in-progress": CallStatus.TALKING, "completed": CallStatus.ENDED}


def loop_key(index_key: bytes) -> bytes:
    """The key that the loop signs with: the same on every node, and no use for anything else."""
    return hmac.digest(index_key, b"rounds loop webhooks", "sha256")


def sign(key: bytes, url: str, body: bytes) -> str:
    """The signature of one webhook, hexadecimal."""
    return hmac.digest(key, url.encode() + b"\n" + body, "sha256").hex()


class LoopReceiver:
    """The port's Receiver for what comes back from the loop."""

    name = NAME

    def __init__(self, key: bytes) -> None:
        self._key = key

    def verify(self, *, url: str, headers: Mapping[str, str], body: bytes) -> Payload:
        """The verified form; raises SignatureRefused."""
        given = headers.get(HEADER, "").encode("utf-8", "replace")
        if not hmac.compare_digest(sign(self._key, url, body).encode(), given):
            raise SignatureRefused("wrong signature" if given else "no signature")
        return Payload(dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)))

    def parse(self, payload: Payload, attempt_id: UUID | None) -> Sequence[InboundMessage | DeliveryUpdate]:
        """One status or one message. Raises Incomplete."""
        form = payload.form
        provider, account, id = _whose(form)
        if "status" in form:
            status = form["status"]
            return [DeliveryUpdate(provider, account, id, _STATUSES.get(status), status, attempt_id)]
        if not form.get("from") or not form.get("to") or "body" not in form:
            raise Incomplete
        return [InboundMessage(provider, account, id, form["from"], form["to"], form["body"], raw=form)]

    def acknowledge(self, events: Sequence[InboundMessage | DeliveryUpdate]) -> Answer:
        """Nothing to say."""
        return Answer()


class LoopVoice:
    """The port's VoiceReceiver for calls that come back from the loop; a prompt is told as JSON."""

    name = NAME

    def parse_call(self, payload: Payload, call_id: UUID, turn: int) -> CallInput:
        """The step. Raises Incomplete."""
        form = payload.form
        provider, account, id = _whose(form)
        person = AnsweredBy.PERSON if form.get("answered") else None
        return CallInput(provider, account, id, call_id, turn, pressed=form.get("pressed", ""), answered_by=person, raw=form)

    def parse_call_status(self, payload: Payload, call_id: UUID) -> CallUpdate:
        """The update. Raises Incomplete."""
        form = payload.form
        provider, account, id = _whose(form)
        status = form.get("status", "")
        return CallUpdate(provider, account, id, call_id, _CALL_STATUSES.get(status), status)

    def called_number(self, payload: Payload) -> str:
        """Nobody calls in by the loop."""
        return ""

    def render(self, prompt: Prompt, next_url: str) -> Answer:
        """The prompt as JSON; `read_prompt` reads it."""
        return Answer("application/json", json.dumps({"prompt": prompt.to_json(), "next": next_url}))


def read_prompt(body: str) -> tuple[Prompt, str]:
    """The prompt and the address that its answer goes to. ValueError for anything else."""
    try:
        document = json.loads(body)
        return Prompt.from_json(document["prompt"]), str(document["next"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a prompt: {type(error).__name__}") from None


def _whose(form: Mapping[str, str]) -> tuple[str, str, str]:
    """The provider that the loop stands in for, its account, and the id of the text or call."""
    if not form.get("for") or not form.get("id"):
        raise Incomplete
    return form["for"], form.get("account", ""), form["id"]
