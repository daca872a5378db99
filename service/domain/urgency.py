"""How dangerous something is: four classes, most dangerous first."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Urgency(StrEnum):
    """Urgency of an escalation (FHIR Task priority: stat, asap, urgent, routine)."""

    EMERGENCY = "emergency"
    URGENT = "urgent"
    SAME_DAY = "same_day"
    ROUTINE = "routine"

    @property
    def rank(self) -> int:
        """0 for emergency up to 3 for routine: the order in which nurses see items."""
        return _RANK[self]


_RANK = {urgency: rank for rank, urgency in enumerate(Urgency)}


def by_rank(rank: int) -> Urgency:
    """The urgency with this rank; ValueError when there is none."""
    for urgency, value in _RANK.items():
        if value == rank:
            return urgency
    raise ValueError(f"no urgency has rank {rank}")


def highest(urgencies: Iterable[Urgency]) -> Urgency | None:
    """The most dangerous of them, None when there are none."""
    return min(urgencies, key=lambda urgency: urgency.rank, default=None)
