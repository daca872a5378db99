"""The port every telephony provider fulfils, and the values that pass through it.

Ids are opaque text of at most LONGEST_ID letters, unique per provider and account. Webhooks come as a form or as JSON, and a JSON
document may tell of several messages and statuses at once (Bandwidth sends an array) and of both under one address (Telnyx,
Vonage): `Receiver.parse` gives what one request tells, in its order. Numbers are E.164 inside, however a provider writes them.
Plivo, Sinch, Vonage and Bandwidth have no folder yet; their signatures and callbacks fit this port without a change to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from service.domain.call import CallInput, CallStatus, CallUpdate
from service.domain.communication import Status
from service.domain.prompt import Prompt

LONGEST_ID = 64
"""Of a provider's id, as the database keeps it; a longer one is no id."""


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
        self.effect = effect  # "" | opted_out | invalid_number | not_mobile | recycled | filtered | configuration | content | validity_over


class NotOffered(PermanentFailure):
    """The provider has no such thing at all (a list of its texts, for one): nothing is wrong, and asking again is of no use."""

    def __init__(self, meaning: str) -> None:
        super().__init__("not_offered", meaning)


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
    raw: Mapping[str, Any] = field(default_factory=dict)
    """The form, or this event's own part of a JSON document; without NUL, which PostgreSQL does not store."""
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
    automatic: bool = False
    """The provider's own answer to a keyword (STOP, HELP): none of our texts."""


class Provider(Protocol):
    """A telephony provider. Calls raise PermanentFailure, TransientFailure or UnknownOutcome and nothing else."""

    name: str
    account: str
    """The account at the provider, as its webhooks name it."""
    list_is_sure: bool
    """False: what the provider's list lacks may be there all the same (it lags); what it shows is true."""

    async def send_text(self, text: OutgoingText) -> Accepted:
        """Hands one text over; at most one HTTP call, no retry inside."""

    async def list_texts(self, *, to: str | None, since: datetime, limit: int = 200) -> Sequence[RemoteText]:
        """What the provider knows about texts created since then, newest first. NotOffered when it has no such list: an
        unknown outcome is then resolved by its callback, in whose path our attempt id stands, or by a nurse."""

    async def fetch_text(self, provider_id: str) -> RemoteText | None:
        """One text as the provider knows it now (two final statuses disagree; a status is hours old), None when it does not."""

    async def close(self) -> None:
        """Frees the connections."""


class Redactor(Protocol):
    """A provider that empties the body of a text it keeps, in either direction, once that text's way is over."""

    name: str

    async def redact_text(self, provider_id: str) -> None:
        """Empties the body; a text that the provider does not know any more is done. TransientFailure: too early, or no answer."""


class Line(StrEnum):
    """What kind of telephone stands behind a number."""

    MOBILE = "mobile"
    LANDLINE = "landline"  # a text does not arrive there
    VOIP = "voip"
    UNKNOWN = "unknown"


class Directory(Protocol):
    """A provider that knows what kind of line a number is."""

    name: str

    async def look_up(self, number: str) -> Line:
        """The line behind a number (E.164), UNKNOWN when the provider cannot tell; raises TransientFailure or PermanentFailure."""


class Webhooks(StrEnum):
    """The part of the path under which the steps of a call come in: /webhooks/<provider>/<this>/<call id>/..."""

    VOICE = "voice"  # calls with patients
    PAGE = "page"  # calls to staff
    NURSE = "nurse"  # calls that join a nurse and a patient


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
    webhooks: Webhooks = Webhooks.VOICE


@dataclass(frozen=True, slots=True)
class RemoteCall:
    """A call as the provider shows it: just placed, or from its list, for reconciling unknown outcomes and lost calls to us."""

    provider_id: str
    to: str
    status: CallStatus | None
    provider_status: str
    created_at: datetime | None = None
    sender: str = ""
    inbound: bool = False


class Telephone(Protocol):
    """A provider that places calls. Raises PermanentFailure, TransientFailure or UnknownOutcome and nothing else."""

    name: str
    account: str
    list_is_sure: bool
    """As Provider.list_is_sure."""

    async def place_call(self, call: OutgoingCall) -> RemoteCall:
        """Places one call; at most one HTTP call, no retry inside."""

    async def list_calls(self, *, to: str, since: datetime, inbound: bool = False, limit: int = 50) -> Sequence[RemoteCall]:
        """Calls to this number since then, newest first: those that we have placed, or (`inbound`) those that came to our own
        number `to`. NotOffered when the provider has no such list."""

    async def fetch_call(self, provider_id: str) -> RemoteCall | None:
        """One call as the provider knows it now, None when it does not."""

    async def go_on(self, provider_id: str, call_id: UUID, turn: int, webhooks: Webhooks = Webhooks.VOICE) -> bool:
        """Interrupts a live call: it asks at once for what is said at that turn. False when it is over; NotOffered."""

    async def close(self) -> None:
        """Frees the connections."""


class SignatureRefused(Exception):
    """A webhook is not from the provider (or not for our account): answer 403, write nothing."""


class SignatureTooOld(SignatureRefused):
    """The signature is right, but its time is too far from this machine's: an old request, or a wrong clock here."""


class Incomplete(Exception):
    """A signed webhook lacks a field that it must have, or a field has a wrong shape: keep it for somebody to look at, answer 400."""


@dataclass(frozen=True, slots=True)
class Payload:
    """A verified webhook: a form (the first value of a repeated name), or a parsed JSON document, by the request's content type."""

    form: Mapping[str, str] = field(default_factory=dict)
    document: Any = None
    time_signed: bool = False
    """Its signature holds the time at which it was made, and that was near enough to this machine's."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a webhook is answered with."""

    content_type: str = "text/plain"
    body: str = ""
    status: int = 200


class Receiver(Protocol):
    """The provider's webhooks: verify, parse, acknowledge. Pure over the request's parts."""

    name: str

    def verify(self, *, url: str, headers: Mapping[str, str], body: bytes) -> Payload:
        """The verified request; raises SignatureRefused."""

    def parse(self, payload: Payload, attempt_id: UUID | None) -> Sequence[InboundMessage | DeliveryUpdate]:
        """What the request tells of texts, in its order; nothing for an event that concerns none. `attempt_id` is the one in
        the request's path. Raises Incomplete; one bad event among several is logged and left out, so that it keeps none back."""

    def acknowledge(self, events: Sequence[InboundMessage | DeliveryUpdate]) -> Answer:
        """The answer to a request that told of these, once they are stored."""


class VoiceReceiver(Protocol):
    """The provider's webhooks of calls, verified by its Receiver: parse, and render what is said next."""

    name: str

    def parse_call(self, payload: Payload, call_id: UUID, turn: int) -> CallInput:
        """The step of the call. Raises Incomplete."""

    def parse_call_status(self, payload: Payload, call_id: UUID) -> CallUpdate:
        """The provider's word on how the call stands, or on who has picked up (status None). Raises Incomplete."""

    def called_number(self, payload: Payload) -> str:
        """Our number that somebody calls (E.164), "" when the request names none."""

    def render(self, prompt: Prompt, next_url: str) -> Answer:
        """A prompt in the provider's language; what the caller answers comes to `next_url`."""
