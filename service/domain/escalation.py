"""An escalation: work for a nurse, with an urgency, a clock, a claim with a lease, and a closing decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from service.domain.reading import Span
from service.domain.urgency import Urgency


class Kind(StrEnum):
    """Clinical items are closed by a named nurse only; software may close operational ones."""

    CLINICAL = "clinical"
    OPERATIONAL = "operational"


class State(StrEnum):
    """Where an escalation stands."""

    OPEN = "open"
    CLAIMED = "claimed"
    SNOOZED = "snoozed"
    """Put off by a nurse until a time, with a reason; wakes by itself, and at once with any word of the patient."""
    RESOLVED = "resolved"


_NEXT = {
    State.OPEN: frozenset({State.CLAIMED, State.SNOOZED, State.RESOLVED}),
    State.CLAIMED: frozenset({State.OPEN, State.CLAIMED, State.SNOOZED, State.RESOLVED}),  # again: a lease renewed, or one that ran out
    State.SNOOZED: frozenset({State.OPEN, State.CLAIMED, State.SNOOZED, State.RESOLVED}),
    State.RESOLVED: frozenset[State](),
}


def transition(current: State, new: State) -> bool:
    """True when an escalation may go from `current` to `new`."""
    return new in _NEXT[current]


def undoes(current: State, before: State) -> bool:
    """True when a nurse may take back, within seconds, the step that led from `before` to `current`: the only way back from closed."""
    return before is not State.RESOLVED and transition(before, current)


class Reached(StrEnum):
    """Whether an automatic answer has reached the patient; shown on every emergency item."""

    NONE_NEEDED = "none_needed"
    ON_ITS_WAY = "on_its_way"
    DELIVERED = "delivered"
    NOT_REACHED = "not_reached"  # failed, blocked, forbidden: "call"


class Disposition(StrEnum):
    """The nurse's closing decision (own code list; sites may link their licensed protocol)."""

    EMERGENCY_SERVICES = "emergency_services"
    EMERGENCY_DEPARTMENT = "emergency_department"
    SEEN_TODAY = "seen_today"
    SEEN_LATER = "seen_later"
    PRESCRIBER_INFORMED = "prescriber_informed"
    ADVICE_GIVEN = "advice_given"
    COULD_NOT_REACH = "could_not_reach"
    NO_ACTION_NEEDED = "no_action_needed"


class SpokeTo(StrEnum):
    """Closing an emergency also says who was spoken to."""

    PATIENT = "patient"
    CAREGIVER = "caregiver"
    EMERGENCY_SERVICES = "emergency_services"
    NOBODY = "nobody"


LEASE = {
    Urgency.EMERGENCY: timedelta(minutes=3),
    Urgency.URGENT: timedelta(minutes=10),
    Urgency.SAME_DAY: timedelta(minutes=30),
    Urgency.ROUTINE: timedelta(minutes=30),
}
"""How long a claim lasts without a logged attempt (decisions 16)."""

SAFETY_ANSWER = "safety."
"""How the rules begin by which an answer to a safety text becomes a concern."""


@dataclass(frozen=True, slots=True)
class Concern:
    """One reason an item exists: the rule, the patient's words (a communication and spans into it), the answer to it."""

    id: UUID
    rule: str
    rule_version: str
    urgency: Urgency
    reason: str
    source: str
    raised_at: datetime
    communication_id: UUID | None = None
    spans: tuple[Span, ...] = ()
    answered_at: datetime | None = None
    measured: Mapping[str, str] = field(default_factory=dict, hash=False)
    """The figures that the rule compared, as `Fired.measured`."""
    useful: bool | None = None
    """False: a nurse has closed it as of no use; None: nobody has said."""


@dataclass(frozen=True, slots=True)
class Escalation:
    """An item of the queue. `version` grows with every change: claims compare and set it."""

    id: UUID
    organization_id: UUID
    team_id: UUID
    kind: Kind
    urgency: Urgency
    state: State
    opened_at: datetime
    due_at: datetime
    version: int
    patient_id: UUID | None = None
    phone_id: UUID | None = None
    summary: str = ""
    claimed_by: UUID | None = None
    claimed_until: datetime | None = None
    snoozed_until: datetime | None = None
    acknowledged_at: datetime | None = None
    reached: Reached = Reached.NONE_NEEDED
    do_not_contact: bool = False
    last_patient_event_at: datetime | None = None
    resolved_at: datetime | None = None
    disposition: Disposition | None = None
    lowered_from: Urgency | None = None
    """The urgency that a nurse has lowered it from: it stays visible (safety rule 24)."""

    def held(self, now: datetime) -> bool:
        """True while somebody works on it: a claim whose lease is not over."""
        return self.state is State.CLAIMED and self.claimed_until is not None and self.claimed_until > now

    def asleep(self, now: datetime) -> bool:
        """True while it is put off."""
        return self.state is State.SNOOZED and self.snoozed_until is not None and self.snoozed_until > now


def by_words(concerns: Sequence[Concern]) -> list[tuple[Concern, ...]]:
    """Concerns that several rules raised over the same words, together; the most urgent leads its group and the list.

    A nurse reads and answers a patient's words once, however many rules saw them; every rule that fired stays listed.
    """
    groups: list[list[Concern]] = []
    for concern in sorted(concerns, key=lambda one: (one.urgency.rank, one.raised_at)):
        for group in groups:
            if _same_words(group[0], concern):
                group.append(concern)
                break
        else:
            groups.append([concern])
    return [tuple(group) for group in groups]


def _same_words(lead: Concern, other: Concern) -> bool:
    if lead.communication_id is None or lead.communication_id != other.communication_id:
        return False
    if (lead.answered_at is None) != (other.answered_at is None):
        return False
    return any(start < last and first < end for start, end in lead.spans for first, last in other.spans)


def why_not_resolvable(urgency: Urgency, disposition: str, note: str, spoke_to: str) -> str:
    """What is missing before an item may be closed, "" when nothing is.

    Free text alone is refused, and an emergency also says who was spoken to (safety rule 23).
    """
    if disposition not in set(Disposition):
        return "Choose what was decided."
    if not note.strip():
        return "Write a note: what you found, what you advised, what happens next."
    if urgency is Urgency.EMERGENCY and spoke_to not in set(SpokeTo):
        return "Say who was spoken to: an emergency cannot be closed without it."
    return ""
