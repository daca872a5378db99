"""The weekly self-report (safety rule 44): what is counted, and how shares and times are put. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from service.domain.schedule import to_local, to_utc

SAMPLE = 100
"""Replies without any action that nurses read again each week (safety rule 44: at least 100)."""
READY_AT = time(3)
"""Local wall time on Monday from which last week's report is made: late replies of Sunday night are in."""


class Verdict(StrEnum):
    """What a nurse found on reading a reply that had led to nothing."""

    RIGHT = "right"
    MISSED = "missed"


def last_week(now: datetime, zone: str) -> date | None:
    """The Monday of the week that is over and may be reported; None before Monday 03:00 for the week that has just ended."""
    today = to_local(now, zone)
    monday = today.date() - timedelta(days=today.weekday())
    return monday - timedelta(days=7) if now >= to_utc(monday, READY_AT, zone) else None


def week_span(week: date, zone: str) -> tuple[datetime, datetime]:
    """From when until when (UTC) a week lasts that begins on this Monday."""
    return to_utc(week, time(), zone), to_utc(week + timedelta(days=7), time(), zone)


def percentile(sorted_values: Sequence[float], share: float) -> float | None:
    """The value below or at which this share of the values lies (nearest rank); None without values.

    Nearest rank gives a value that was measured, also of few: no time is reported that nobody has waited.
    """
    if not sorted_values:
        return None
    rank = max(1, -(-len(sorted_values) * round(share * 1000) // 1000))
    return sorted_values[min(rank, len(sorted_values)) - 1]


def share(part: int, whole: int) -> float | None:
    """A part of a whole from 0 to 1; None of nothing."""
    return part / whole if whole else None
