"""How long an item may be put off: the more dangerous, the shorter, an emergency never. What is hidden is forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from service.domain.coverage import SAME_DAY_STAFFED, Coverage
from service.domain.urgency import Urgency

URGENT_AT_MOST = timedelta(minutes=15)
ROUTINE_AT_MOST = timedelta(days=7)
SAME_DAY_AT_MOST = timedelta(days=1)
"""Of a team that is always there no staffed day ends."""
SHORTEST = timedelta(minutes=1)
LONGEST_REASON = 200
"""Also as the sentence below says it."""


@dataclass(frozen=True, slots=True)
class Longest:
    """Until when an item may be put off (None: not at all), and why no longer."""

    until: datetime | None
    why: str


def longest_snooze(urgency: Urgency, due_at: datetime, coverage: Coverage | None, now: datetime) -> Longest:
    """An urgent item 15 minutes and never beyond the time by which it must be answered; a same-day one to the end of the staffed
    day (24 hours where none ends), outside of it until somebody is there again; a routine one seven days.
    """
    match urgency:
        case Urgency.EMERGENCY:
            return Longest(None, "An emergency cannot be snoozed: work on it, or give it back so that somebody else does.")
        case Urgency.URGENT:
            until = min(now + URGENT_AT_MOST, due_at)
            if until - now < SHORTEST:
                return Longest(None, "This urgent item should have been answered by now: it cannot be snoozed any more.")
            return Longest(
                until, "An urgent item can be snoozed for 15 minutes at most, and not beyond the time by which it must be answered."
            )
        case Urgency.SAME_DAY:
            why = "A same-day item can be snoozed to the end of the staffed day at most."
            if coverage is None:
                return Longest(now + SAME_DAY_STAFFED, why)
            if (ends := coverage.staffed_until(now)) is not None:
                return Longest(min(ends, now + SAME_DAY_AT_MOST), why)
            return Longest(coverage.next_staffed(now) or now + SAME_DAY_STAFFED, why)
        case Urgency.ROUTINE:
            return Longest(now + ROUTINE_AT_MOST, "A routine item can be snoozed for seven days at most.")


def why_not_snoozable(longest: Longest, until: datetime, reason: str, now: datetime) -> str:
    """What is missing before an item may be put off until then, "" when nothing is."""
    if longest.until is None:
        return longest.why
    if not reason.strip():
        return "Say why it is snoozed: whoever finds it meanwhile has to know."
    if len(reason) > LONGEST_REASON:
        return "The reason is longer than 200 characters: shorten it."
    if until - now < SHORTEST:
        return "Choose a time that lies ahead."
    return longest.why if until > longest.until else ""
