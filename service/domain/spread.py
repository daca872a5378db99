"""Planned check-ins of one hour are spread over a window: each patient keeps their own minute, and the sender keeps its rate."""

from __future__ import annotations

from datetime import time, timedelta
from uuid import UUID
from zlib import crc32

SEGMENTS_A_CHECK_IN = 2
PART_OF_THE_RATE = 0.5
"""Check-ins fill half of what the senders carry: the answers to those who reply at once need the rest."""
NOTHING_BELOW = timedelta(minutes=1)
LONGEST = timedelta(minutes=64)
BEFORE_QUIET = timedelta(minutes=15)
"""The last check-in of the window is due so long before the quiet hours begin, so that it can still be answered."""


def window(check_ins: int, segments_per_second: float, minutes: int | None = None) -> timedelta:
    """Over how long the check-ins of one hour are spread: `minutes` when the organization has set them, else as long as they take at
    half of the senders' rate, rounded up to 1, 2, 4 ... 64 minutes so that it seldom changes; none when they take below a minute."""
    if minutes is not None:
        return min(timedelta(minutes=max(0, minutes)), LONGEST)
    takes = timedelta(seconds=check_ins * SEGMENTS_A_CHECK_IN / max(segments_per_second * PART_OF_THE_RATE, 0.001))
    if takes < NOTHING_BELOW:
        return timedelta()
    longest = NOTHING_BELOW
    while longest < takes and longest < LONGEST:
        longest *= 2
    return longest


def offset(patient_id: UUID, wall_time: time, spread_over: timedelta, quiet_start: time) -> timedelta:
    """How long after its time this patient's check-in is due, in whole seconds, the same every day; never into the quiet hours."""
    at, quiet = (timedelta(hours=each.hour, minutes=each.minute, seconds=each.second) for each in (wall_time, quiet_start))
    if at < quiet:
        spread_over = min(spread_over, max(timedelta(), quiet - BEFORE_QUIET - at))
    return timedelta(seconds=int(spread_over.total_seconds() * crc32(patient_id.bytes) / 2**32))
