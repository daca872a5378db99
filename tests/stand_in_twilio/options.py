"""How the stand-in behaves; every field may be set by POST /control/options too."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field


@dataclass
class Options:
    """Account, addresses of the service under test, and the timing of callbacks."""

    name: str = "twilio"
    """Of the provider, as in the service's webhooks."""
    account_sid: str = "AC" + "0123456789abcdef" * 2
    auth_token: str = "stand-in-token"
    api_keys: dict[str, str] = field(default_factory=dict)
    """API keys (SK...) and their secrets; they ask in the account's name, and sign nothing."""
    numbers: list[str] = field(default_factory=lambda: ["+12025550190"])
    services: dict[str, list[str]] = field(default_factory=lambda: {"MG" + "ab" * 16: ["+12025550191"]})
    """Messaging services with their sender pools."""

    prefix: str = ""
    """Before the paths of the interface."""
    signature_header: str = "X-Twilio-Signature"
    signing_key: str = ""
    """What signs webhooks; "" is the auth token."""
    signalwire: bool = False
    """Ids are UUIDs; answers, errors and webhooks have SignalWire's fields."""

    sms_url: str = ""
    """Where inbound texts go (the service's webhook, with overrides as a fragment); "" keeps them in the list only."""
    fallback_url: str = ""

    step_seconds: float = 0.02
    """Before each status callback."""
    callbacks: list[str] = field(default_factory=lambda: ["sent", "delivered"])
    """Statuses called back after queued; the last is replaced by the recipient's outcome."""
    duplicate: int = 1
    """How often each callback is made."""
    reverse: bool = False
    """The last status is called back first."""
    before_response: bool = False
    """The first callback is made before the create is answered."""

    advanced_opt_out: bool = True
    """Sends OptOutType with STOP, START and HELP."""
    answers_help: bool = True
    answer_seconds: float = 0.0
    """How long a create that was accepted waits for its answer: the moment between the carrier's yes and our commit."""
    hold_seconds: float = 30.0
    """How long a create that 'times out' is held open."""
    retry_pause_seconds: float = 0.02
    """Between two tries of one webhook."""
    redact_after_seconds: float = 0.0
    """How long after its end a text can be emptied; before that it is error 20009."""
    lines: dict[str, str] = field(default_factory=dict)
    """By number: what its line is (mobile, landline, nonFixedVoip ...); mobile when absent."""

    def new_id(self, kind: str) -> str:
        """A new id of a message (SM) or a call (CA)."""
        return str(uuid.uuid4()) if self.signalwire else kind + uuid.uuid4().hex


def signalwire() -> Options:
    """How SignalWire differs: its own address and header, a signing key, and its own fields (`as_signalwire.py`)."""
    return Options(
        name="signalwire",
        account_sid="0f3d7c52-8f3a-4d36-9a6b-3c1f5b2e7a10",
        auth_token="PTstand-in-token",
        signing_key="PSKstand-in-key",
        prefix="/api/laml",
        signature_header="X-SignalWire-Signature",
        signalwire=True,
        advanced_opt_out=False,
        services={"5b6f1c1e-2a7d-4a86-8d0b-9f5a34b0c7d1": ["+12025550191"]},
    )
