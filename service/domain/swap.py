"""A nurse asks a colleague to cover for her, or to swap: nothing changes before the colleague has said yes."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from enum import StrEnum

from service.domain.schedule import to_local, to_utc


class SwapState(StrEnum):
    """Where a request stands."""

    ASKED = "asked"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


_NEXT = {
    SwapState.ASKED: frozenset({SwapState.ACCEPTED, SwapState.DECLINED, SwapState.WITHDRAWN}),
    SwapState.ACCEPTED: frozenset[SwapState](),
    SwapState.DECLINED: frozenset[SwapState](),
    SwapState.WITHDRAWN: frozenset[SwapState](),
}
MOST_ASKED = 50
"""Requests of a team that are open at a time."""


CIVIL_FROM, CIVIL_UNTIL = time(8), time(20)
"""When a colleague is texted about a swap that can wait; own choice."""


def told_at(now: datetime, starts_at: datetime, zone: str) -> datetime:
    """When the colleague is told: now by day, else the next morning; at once when the time to cover begins before that."""
    local = to_local(now, zone)
    if CIVIL_FROM <= local.time() < CIVIL_UNTIL:
        return now
    day = local.date() if local.time() < CIVIL_FROM else local.date() + timedelta(days=1)
    morning = to_utc(day, CIVIL_FROM, zone)
    return morning if morning < starts_at else now


def transition(current: SwapState, new: SwapState) -> bool:
    """True when a request may go from `current` to `new` (law 6)."""
    return new in _NEXT[current]
