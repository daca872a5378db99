"""Staffed hours as people write them: "mon-fri 08:00-18:00, sat 09:00-12:00", or "always"."""

from __future__ import annotations

import re
from datetime import time

from service.domain.coverage import MAX_SHIFTS, Shift
from service.domain.registration import parse_wall_time

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ALWAYS = tuple(Shift(weekday, time(), time()) for weekday in range(7))
"""Day and night: each day from midnight to midnight."""
_WRITE = "write days and times such as: mon-fri 08:00-18:00, sat 09:00-12:00 (or: always)"
_PART = re.compile(r"([a-z]{3})(?:-([a-z]{3}))? (\d{1,2}:\d{2})-(\d{1,2}:\d{2})")


def parse_hours(text: str) -> tuple[Shift, ...]:
    """The shifts of a week. "fri-mon" wraps around the week; a shift whose end is at or before its start ends the next day.

    ValueError says what to write.
    """
    text = " ".join(text.lower().split())
    if text == "always":
        return ALWAYS
    shifts: list[Shift] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = _PART.fullmatch(part)
        if match is None or match[1] not in DAYS or (match[2] or match[1]) not in DAYS:
            raise ValueError(_WRITE)
        try:
            start, end = parse_wall_time(match[3]), parse_wall_time("00:00" if match[4] == "24:00" else match[4])
        except ValueError:
            raise ValueError(_WRITE) from None
        first, last = DAYS.index(match[1]), DAYS.index(match[2] or match[1])
        days = range(first, last + 1) if first <= last else [*range(first, 7), *range(last + 1)]
        shifts += [Shift(day, start, end) for day in days]
    if not 1 <= len(shifts) <= MAX_SHIFTS:
        raise ValueError(_WRITE)
    return tuple(dict.fromkeys(shifts))
