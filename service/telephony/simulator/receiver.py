"""The simulator's webhooks: HMAC-SHA256 over the URL and the raw body, and a form of five plain fields."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl
from uuid import UUID

from service.domain.communication import Status
from service.telephony.port import Answer, DeliveryUpdate, InboundMessage, Incomplete, Payload, SignatureRefused

HEADER = "X-Simulator-Signature"
ACCOUNT = "simulator"
NAME = "simulator"
SWITCHED_OFF = "simulator_switched_off"

_STATUSES = {"sent": Status.SENT, "delivered": Status.DELIVERED, "undelivered": Status.UNDELIVERED}


def sign(secret: str, url: str, body: bytes) -> str:
    """The signature of one webhook, hexadecimal."""
    return hmac.digest(secret.encode(), url.encode() + b"\n" + body, "sha256").hex()


class SimulatorReceiver:
    """The port's Receiver for simulated phones."""

    name = NAME

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def verify(self, *, url: str, headers: Mapping[str, str], body: bytes) -> Payload:
        """The verified form; raises SignatureRefused."""
        given = headers.get(HEADER, "").encode("utf-8", "replace")
        if not hmac.compare_digest(sign(self._secret, url, body).encode(), given):
            raise SignatureRefused("wrong signature" if given else "no signature")
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
        return Payload({name: value.replace("\0", "\ufffd") for name, value in pairs})

    def parse(self, payload: Payload, attempt_id: UUID | None) -> Sequence[InboundMessage | DeliveryUpdate]:
        """One status or one message. Raises Incomplete."""
        form = payload.form
        return [_update(form, attempt_id) if "status" in form else _message(form)]

    def acknowledge(self, events: Sequence[InboundMessage | DeliveryUpdate]) -> Answer:
        """Nothing to say."""
        return Answer()


def _message(form: Mapping[str, str]) -> InboundMessage:
    if not all(form.get(name) for name in ("id", "from", "to")) or "body" not in form:
        raise Incomplete
    return InboundMessage(
        provider=NAME,
        account=ACCOUNT,
        provider_id=form["id"],
        sender=form["from"],
        recipient=form["to"],
        body=form["body"],
        opt_out_type=form.get("opt_out_type", ""),
        raw=form,
    )


def _update(form: Mapping[str, str], attempt_id: UUID | None) -> DeliveryUpdate:
    if not form.get("id") or not form.get("status"):
        raise Incomplete
    error_code = form.get("error_code", "")
    return DeliveryUpdate(
        provider=NAME,
        account=ACCOUNT,
        provider_id=form["id"],
        status=_STATUSES.get(form["status"]),
        provider_status=form["status"],
        attempt_id=attempt_id,
        error_code=error_code,
        retry_after_seconds=2 * 3600.0 if error_code == SWITCHED_OFF else None,
    )
