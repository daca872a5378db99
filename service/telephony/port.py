"""The port every telephony provider fulfils, and the values that pass through it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from service.domain.call import CallInput, CallStatus, CallUpdate
from service.domain.communication import Status
from service.domain.prompt import Prompt


@dataclass(frozen=True, slots=True)
class OutgoingText:
    """One text to hand to a provider. `attempt_id` stands in the status callback's path, so that an unknown outcome
    resolves by itself; `sender` is a number in E.164 or a provider's sender pool id ("" for the provider's default)."""

    attempt_id: UUID
    to: str
    body: str
    sender: str = ""
    validity_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider has the text."""

    provider_id: str
    status: Status
    segments: int | None = None


class ProviderError(Exception):
    """Base of the three ways a provider call fails. Carries the provider's code, never a number or a body."""

    def __init__(self, code: str, meaning: str) -> None:
        super().__init__(f"{code}: {meaning}")
        self.code = code
        self.meaning = meaning


class PermanentFailure(ProviderError):
    """Never again with this text to this number. `effect` tells what else follows from the code."""

    def __init__(self, code: str, meaning: str, effect: str = "") -> None:
        super().__init__(code, meaning)
        self.effect = effect  # "" | opted_out | invalid_number | not_mobile | recycled | filtered | configuration | content


class TransientFailure(ProviderError):
    """Not processed by the provider: may be tried again, after `retry_after_seconds` when given."""

    def __init__(self, code: str, meaning: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(code, meaning)
        self.retry_after_seconds = retry_after_seconds


class UnknownOutcome(ProviderError):
    """The provider may or may not have the text: reconcile, never resend blindly (law 3)."""


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """A patient's text as a provider delivered it."""

    provider: str
    account: str
    provider_id: str
    sender: str
    """E.164, or the sender's short code or name exactly as delivered."""
    recipient: str
    body: str
    media_count: int = 0
    opt_out_type: str = ""
    """STOP | START | HELP when the provider has already answered the keyword itself, else ""."""
    raw: Mapping[str, str] = field(default_factory=dict)
    pool: str = ""
    """The provider's sender pool that `recipient` belongs to, "" for none: an organization may be known by it alone."""


@dataclass(frozen=True, slots=True)
class DeliveryUpdate:
    """A provider's word on one of our texts; `attempt_id` from the callback's path when it was there."""

    provider: str
    account: str
    provider_id: str
    status: Status | None
    """Our status (queued and sending are ACCEPTED, which resolves an `unknown` and else moves nothing), None for one that
    we do not know."""
    provider_status: str
    attempt_id: UUID | None = None
    error_code: str = ""
    effect: str = ""
    """As PermanentFailure.effect."""
    retry_after_seconds: float | None = None
    """Set when the code says that a new attempt is sensible, and not before so long (handset off: hours)."""


@dataclass(frozen=True, slots=True)
class RemoteText:
    """A text as the provider's own list shows it, for reconciling unknown outcomes and lost inbound messages."""

    provider_id: str
    to: str
    sender: str
    body: str
    status: Status | None
    provider_status: str
    created_at: datetime
    inbound: bool = False
    error_code: str = ""


class Provider(Protocol):
    """A telephony provider. Calls raise PermanentFailure, TransientFailure or UnknownOutcome and nothing else."""

    name: str
    account: str
    """The account at the provider, as its webhooks name it."""

    async def send_text(self, text: OutgoingText) -> Accepted:
        """Hands one text over; at most one HTTP call, no retry inside."""

    async def list_texts(self, *, to: str | None, since: datetime, limit: int = 200) -> Sequence[RemoteText]:
        """What the provider knows about texts created since then, newest first."""

    async def fetch_text(self, provider_id: str) -> RemoteText | None:
        """One text as the provider knows it now (two final statuses disagree; a status is hours old), None when it does not."""

    async def close(self) -> None:
        """Frees the connections."""


@dataclass(frozen=True, slots=True)
class OutgoingCall:
    """A call to place. `call_id` stands in the path of every webhook of it; `sender` is a number in E.164 ("" for the
    provider's default). Language and numbers are spoken when the service cannot be reached during the call."""

    call_id: UUID
    to: str
    sender: str = ""
    language: str = "en"
    emergency_number: str = "911"
    clinic_number: str = ""


@dataclass(frozen=True, slots=True)
class RemoteCall:
    """A call as the provider shows it: just placed, or from its list, for reconciling unknown outcomes."""

    provider_id: str
    to: str
    status: CallStatus | None
    provider_status: str
    created_at: datetime | None = None


class Telephone(Protocol):
    """A provider that places calls. Raises PermanentFailure, TransientFailure or UnknownOutcome and nothing else."""

    name: str
    account: str

    async def place_call(self, call: OutgoingCall) -> RemoteCall:
        """Places one call; at most one HTTP call, no retry inside."""

    async def list_calls(self, *, to: str, since: datetime, limit: int = 50) -> Sequence[RemoteCall]:
        """Calls that we have placed to this number since then, newest first."""

    async def fetch_call(self, provider_id: str) -> RemoteCall | None:
        """One call as the provider knows it now, None when it does not."""

    async def close(self) -> None:
        """Frees the connections."""


class VoiceReceiver(Protocol):
    """The provider's webhooks of calls, verified by its Receiver: parse, and render what is said next."""

    name: str

    def parse_call(self, form: Mapping[str, str], call_id: UUID, turn: int) -> CallInput | None:
        """The step of the call, None when required fields are missing."""

    def parse_call_status(self, form: Mapping[str, str], call_id: UUID) -> CallUpdate | None:
        """The update, None when required fields are missing."""

    def called_number(self, form: Mapping[str, str]) -> str:
        """Our number that somebody calls (E.164), "" when the form names none."""

    def render(self, prompt: Prompt, next_url: str) -> tuple[str, str]:
        """(content type, body) of a prompt; what the caller answers comes to `next_url`."""


class SignatureRefused(Exception):
    """A webhook is not from the provider (or not for our account): answer 403, write nothing."""


class Receiver(Protocol):
    """The provider's webhooks: verify, parse, acknowledge. Pure over the request's parts."""

    name: str

    def verify(self, *, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        """The verified form parameters; raises SignatureRefused."""

    def parse_message(self, form: Mapping[str, str]) -> InboundMessage | None:
        """The message, None when required fields are missing."""

    def parse_status(self, form: Mapping[str, str], attempt_id: UUID | None) -> DeliveryUpdate | None:
        """The update, None when required fields are missing."""

    def acknowledge(self) -> tuple[str, str]:
        """(content type, body) of the empty answer."""


class Author(StrEnum):
    """Whose text lies on a simulated phone."""

    SERVICE = "service"  # Rounds
    PATIENT = "patient"  # typed on the phone
    CARRIER = "carrier"  # the provider's own answer to STOP and START


@dataclass(frozen=True, slots=True)
class PhoneText:
    """One text on a simulated phone; `state` is accepted, sent, delivered, undelivered (service) or sending, received, lost (patient)."""

    provider_id: str
    author: Author
    body: str
    at: datetime
    state: str


class HandsetState(StrEnum):
    """How a call stands on a simulated phone."""

    RINGING = "ringing"
    TALKING = "talking"  # Rounds speaks, then listens
    CONNECTING = "connecting"  # the clinic's telephone is ringing
    CONNECTED = "connected"  # somebody at the clinic has answered
    OVER = "over"


@dataclass(frozen=True, slots=True)
class CallLine:
    """One thing said in a call. `how` is "" for words, pressed, mumbled (heard unsurely) or silent."""

    author: Author
    words: str
    language: str = "en"
    how: str = ""


@dataclass(frozen=True, slots=True)
class PhoneCall:
    """One call on a simulated phone; `lines` oldest first."""

    provider_id: str
    at: datetime
    state: HandsetState
    outgoing: bool = False
    """This phone has called the clinic."""
    lines: Sequence[CallLine] = ()
    listening: bool = False
    """Keys and words are taken now."""
    typed: str = ""
    """Keys that wait for more, or for #."""
    other: str = ""
    """The number that the call is put through to (E.164)."""
    outcome: str = ""
    """Once it is over: ended, declined, engaged, voicemail, dead (the service could not be reached)."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """One simulated phone as a page shows it; `texts` and `calls` oldest first."""

    number: str
    switched_on: bool
    blocked: bool
    """True between STOP and START: the carrier lets nothing through."""
    texts: Sequence[PhoneText]
    calls: Sequence[PhoneCall] = ()


class ReplyLost(Exception):
    """The service did not take a reply from a simulated phone."""


class PhoneWatcher(Protocol):
    """One live page's view of what has changed."""

    async def changed(self) -> frozenset[str]:
        """Waits for a change; the numbers whose conversation has changed since the last call."""


class Phones(Protocol):
    """The simulated phones, as the demo's page sees them."""

    def conversations(self) -> Sequence[Conversation]:
        """Every phone, the most recently active first."""

    def conversation(self, number: str) -> Conversation:
        """One phone; an unknown number is an empty one."""

    async def reply(self, number: str, text: str) -> str:
        """Sends what a visitor typed to the service by its real webhook; the message id. Raises ValueError or ReplyLost."""

    def add(self, number: str) -> None:
        """Puts a phone on the table before any text has come."""

    def switch(self, number: str, *, on: bool) -> None:
        """Switches a phone on or off; texts to one that is off come back undelivered."""

    def watch(self) -> AbstractContextManager[PhoneWatcher]:
        """A watcher for one live page."""
