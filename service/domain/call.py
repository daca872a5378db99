"""A telephone call to a patient: the one table of its legal status changes, and what providers tell about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID


class CallStatus(StrEnum):
    """Our own names (decisions 24). Whoever picked up stands beside it, see AnsweredBy."""

    DUE = "due"
    CLAIMED = "claimed"
    PLACED = "placed"  # the provider has it; it may be ringing
    TALKING = "talking"  # somebody, or a machine, has picked up
    ENDED = "ended"  # hung up after it had been picked up
    UNANSWERED = "unanswered"
    ENGAGED = "engaged"
    FAILED = "failed"
    UNKNOWN = "unknown"  # the process or the line died between call and record
    EXPIRED = "expired"  # too late to be useful
    CANCELLED = "cancelled"  # refused by policy at the moment of calling


class AnsweredBy(StrEnum):
    """Who picked up."""

    PERSON = "person"
    MACHINE = "machine"
    FAX = "fax"
    UNSURE = "unsure"  # treated as a person: nothing about health is said before the identity check anyway


_OVER = frozenset({CallStatus.ENDED, CallStatus.UNANSWERED, CallStatus.ENGAGED, CallStatus.FAILED})
_NEXT: dict[CallStatus, frozenset[CallStatus]] = {
    CallStatus.DUE: frozenset({CallStatus.CLAIMED, CallStatus.EXPIRED, CallStatus.CANCELLED}),
    CallStatus.CLAIMED: _OVER | {CallStatus.DUE, CallStatus.PLACED, CallStatus.TALKING, CallStatus.UNKNOWN, CallStatus.CANCELLED},
    CallStatus.UNKNOWN: _OVER | {CallStatus.PLACED, CallStatus.TALKING},
    CallStatus.PLACED: _OVER | {CallStatus.TALKING},
    CallStatus.TALKING: frozenset({CallStatus.ENDED, CallStatus.FAILED}),
    CallStatus.ENDED: frozenset(),
    CallStatus.UNANSWERED: frozenset(),
    CallStatus.ENGAGED: frozenset(),
    CallStatus.FAILED: frozenset(),
    CallStatus.EXPIRED: frozenset(),
    CallStatus.CANCELLED: frozenset(),
}
OVER: frozenset[CallStatus] = frozenset(status for status, following in _NEXT.items() if not following)


def call_transition(current: CallStatus, new: CallStatus) -> bool:
    """True when a call may go from `current` to `new`. Callbacks come late, twice and out of order: False is no error."""
    return new in _NEXT[current]


@dataclass(frozen=True, slots=True)
class CallInput:
    """One step of a live call as a provider delivered it: the answer to prompt number `turn`, or its beginning (turn 0).

    No keys and no speech mean that the caller was silent. `connected` is set after a Connect: whether anybody answered there.
    """

    provider: str
    account: str
    provider_id: str
    call_id: UUID
    turn: int
    pressed: str = ""
    spoken: str = ""
    confidence: float | None = None
    """0.0 to 1.0, None when the provider names none."""
    answered_by: AnsweredBy | None = None
    connected: bool | None = None
    raw: Mapping[str, str] = field(default_factory=dict)

    @property
    def step_id(self) -> str:
        """Of this step alone, the same however often it comes: at most 41 letters, however long the provider's own ids are."""
        return f"{self.call_id}:{self.turn}"


@dataclass(frozen=True, slots=True)
class CallUpdate:
    """A provider's word on how a call stands; `status` None for a word that we do not know."""

    provider: str
    account: str
    provider_id: str
    call_id: UUID
    status: CallStatus | None
    provider_status: str
    answered_by: AnsweredBy | None = None
    seconds: int = 0
    """How long the call has lasted."""
