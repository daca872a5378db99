"""The simulator's webhooks: HMAC-SHA256 over the URL and the raw body, and a form of five plain fields."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl
from uuid import UUID

from service.domain.communication import Status
from service.telephony.port import DeliveryUpdate, InboundMessage, SignatureRefused

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

    def verify(self, *, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        """The verified form; raises SignatureRefused."""
        given = headers.get(HEADER, "").encode("utf-8", "replace")
        if not hmac.compare_digest(sign(self._secret, url, body).encode(), given):
            raise SignatureRefused("wrong signature" if given else "no signature")
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
        return {name: value.replace("\0", "\ufffd") for name, value in pairs}

    def parse_message(self, form: Mapping[str, str]) -> InboundMessage | None:
        """The message, None when a required field is missing."""
        if not all(form.get(name) for name in ("id", "from", "to")) or "body" not in form:
            return None
        return InboundMessage(
            provider=self.name,
            account=ACCOUNT,
            provider_id=form["id"],
            sender=form["from"],
            recipient=form["to"],
            body=form["body"],
            opt_out_type=form.get("opt_out_type", ""),
            raw=form,
        )

    def parse_status(self, form: Mapping[str, str], attempt_id: UUID | None) -> DeliveryUpdate | None:
        """The update, None when a required field is missing."""
        if not form.get("id") or not form.get("status"):
            return None
        error_code = form.get("error_code", "")
        return DeliveryUpdate(
            provider=self.name,
            account=ACCOUNT,
            provider_id=form["id"],
            status=_STATUSES.get(form["status"]),
            provider_status=form["status"],
            attempt_id=attempt_id,
            error_code=error_code,
            retry_after_seconds=2 * 3600.0 if error_code == SWITCHED_OFF else None,
        )

    def acknowledge(self) -> tuple[str, str]:
        """Nothing to say."""
        return "text/plain", ""
