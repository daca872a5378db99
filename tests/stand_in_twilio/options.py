"""How the stand-in behaves; every field may be set by POST /control/options too."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Options:
    """Account, addresses of the service under test, and the timing of callbacks."""

    account_sid: str = "AC" + "0123456789abcdef" * 2
    auth_token: str = "stand-in-token"
    numbers: list[str] = field(default_factory=lambda: ["+12025550190"])
    services: dict[str, list[str]] = field(default_factory=lambda: {"MG" + "ab" * 16: ["+12025550191"]})
    """Messaging services with their sender pools."""

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
