"""How the stand-in behaves; what is not here is as in the stand-in for Twilio."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.stand_in_twilio import options

SEED = bytes(range(32))


@dataclass
class Options(options.Options):
    """One account with one messaging profile and one TeXML application."""

    name: str = "telnyx"
    account_sid: str = "6c1ab5a8-9d0b-4f59-8f0c-3b0d0a5f7e11"
    """Of its calls."""
    auth_token: str = "KEY0123456789-stand-in"
    """The API key."""
    messaging_profile_id: str = "40017a5f-21b9-4c5e-9d4e-0a7f3f0b9c22"
    application_id: str = "1293384261075731499"
    services: dict[str, list[str]] = field(default_factory=dict)
    callbacks: list[str] = field(default_factory=lambda: ["sent", "delivered"])
    """Statuses told after queued: all but the last by message.sent, the last by message.finalized."""
    webhook_seconds: float = 2.0
    """How long Telnyx waits for an answer."""
    webhook_attempts: int = 3
    """At each address: the first, then the failover."""
    clock_skew_seconds: float = 0.0
    """How wrong the timestamps of its signatures are."""
    records_lag_seconds: float = 0.0
    """How long a text is missing from the detail records, and a call from the list of calls."""
    machine_told_with: str = "step"
    """Synchronous machine detection: AnsweredBy comes with the first `step`, with the `status` answered before it, or with the
    same status `late`, after it."""
    seed: bytes = SEED
    """Of the key that signs."""

    @property
    def private_key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    @property
    def public_key(self) -> str:
        """As the portal shows it."""
        return base64.b64encode(self.private_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
