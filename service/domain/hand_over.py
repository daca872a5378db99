"""Handing one's work over: line by line, each in I-PASS form (severity, summary, actions, what to do if), each taken by name or declined.

Nothing changes hands by silence: until the receiver accepts, the giver holds the item; what is not answered in time goes to the
supervisor; a shift with emergency or urgent items in hand does not end (safety rule 27).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from service.domain.escalation import LEASE
from service.domain.urgency import Urgency

OPENS_BEFORE = timedelta(minutes=15)
"""So long before a shift's end the page proposes the hand-over; it can be made at any time (docs: queue rules)."""
LONGEST_WORDS = 600
"""Letters of each part of a line: three sentences, which is what is said at a bedside hand-over."""
MOST_LINES = 50
"""Lines that one page offers at a time."""


class HandOverState(StrEnum):
    """Where a line of a hand-over stands."""

    OFFERED = "offered"
    OVERDUE = "overdue"  # not answered in time: the supervisor has been told; it can still be accepted
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"  # taken back by the giver
    VOID = "void"  # the item was closed, or somebody else holds it by now


_NEXT = {
    HandOverState.OFFERED: frozenset(HandOverState) - {HandOverState.OFFERED},
    HandOverState.OVERDUE: frozenset(HandOverState) - {HandOverState.OFFERED, HandOverState.OVERDUE},
    HandOverState.ACCEPTED: frozenset[HandOverState](),
    HandOverState.DECLINED: frozenset[HandOverState](),
    HandOverState.WITHDRAWN: frozenset[HandOverState](),
    HandOverState.VOID: frozenset[HandOverState](),
}
WAITING = (HandOverState.OFFERED, HandOverState.OVERDUE)
"""States in which the receiver may still answer."""


def transition(current: HandOverState, new: HandOverState) -> bool:
    """True when a line may go from `current` to `new` (law 6)."""
    return new in _NEXT[current]


def answer_by(urgency: Urgency, now: datetime) -> datetime:
    """Until when a line of this urgency waits for its receiver: as long as a claim lasts without a logged attempt, since offering an
    item extends its giver's claim by just that (decisions 16)."""
    return now + LEASE[urgency]


def unanswered_words(lines: int) -> str:
    """What the supervisor's item says of so many lines of one giver that nobody has answered in time."""
    what = "A line of a hand-over has" if lines == 1 else f"{lines} lines of a hand-over have"
    which = "it" if lines == 1 else "them"
    return f"{what} not been answered in time: on the hand-over page, accept {which} yourself or find out who does."


@dataclass(frozen=True, slots=True)
class Ipass:
    """What is said about one patient, besides how ill they are (I-PASS: illness severity, patient summary, actions, situation
    awareness and contingency, synthesis by the receiver: here the acceptance)."""

    summary: str
    actions: str
    contingency: str


def why_not_offer(words: Ipass, giver_id: UUID, receiver_id: UUID | None) -> str:
    """What is missing in a line, "" when nothing is."""
    if receiver_id is None:
        return "Choose who takes it over."
    if receiver_id == giver_id:
        return "Choose somebody else: you hold it already."
    if not words.summary.strip():
        return "Write who it is about and what has happened."
    if not words.actions.strip():
        return "Write what is to be done next."
    if not words.contingency.strip():
        return "Write what to do if it gets worse."
    if any(len(part) > LONGEST_WORDS for part in (words.summary, words.actions, words.contingency)):
        return "A part of the line is too long: three sentences are enough."
    return ""


@dataclass(frozen=True, slots=True)
class Held:
    """An item that somebody holds, as far as ending their shift asks."""

    id: UUID
    urgency: Urgency
    offered_to: str = ""
    """The name of whoever has been asked to take it over and has not answered; "" for nobody."""


def keeps_from_leaving(held: Iterable[Held]) -> list[Held]:
    """The items with which a shift does not end: every emergency and urgent one, offered or not (safety rule 27)."""
    return [item for item in held if item.urgency.rank <= Urgency.URGENT.rank]


def goes_back(held: Iterable[Held]) -> list[Held]:
    """The items that return to the pool when their holder leaves: the others that nobody has been asked to take over."""
    return [item for item in held if item.urgency.rank > Urgency.URGENT.rank and not item.offered_to]
