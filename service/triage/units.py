"""Amounts and periods as a nurse writes them in a rule: "3 lb", "1.4 kg", "24 h", "7 d"."""

from __future__ import annotations

import re
from datetime import timedelta

_AMOUNT = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*([a-zA-Z%/{}]*)\s*")
_TO_STORED = {
    "": ("", 1.0, 0.0), "lb": ("lb", 1.0, 0.0), "kg": ("lb", 2.2046226218, 0.0), "mmhg": ("mmHg", 1.0, 0.0),
    "mg/dl": ("mg/dL", 1.0, 0.0), "mmol/l": ("mg/dL", 18.0, 0.0), "%": ("%", 1.0, 0.0), "f": ("degF", 1.0, 0.0),
    "degf": ("degF", 1.0, 0.0), "c": ("degF", 1.8, 32.0), "cel": ("degF", 1.8, 32.0), "/min": ("/min", 1.0, 0.0),
    "l/min": ("L/min", 1.0, 0.0), "{inr}": ("", 1.0, 0.0), "{score}": ("", 1.0, 0.0), "{count}": ("", 1.0, 0.0),
}  # fmt: skip
_HOURS = {"h": 1, "hour": 1, "hours": 1, "d": 24, "day": 24, "days": 24, "week": 168, "weeks": 168}
LONGEST_DAYS = 90
"""Facts hold at most 90 days of history."""


def parse_amount(written: str | float) -> tuple[float, str]:
    """The amount in the unit that Rounds stores, and that unit ("" when none was written). ValueError says what to write.

    A temperature converts as a point on the scale, not as a difference.
    """
    return _converted(written, difference=False)


def parse_difference(written: str | float) -> tuple[float, str]:
    """As `parse_amount`, of a difference between two readings: 1 C is 1.8 degF."""
    return _converted(written, difference=True)


def parse_period(written: str) -> timedelta:
    """The period of "24 h", "7 d", "2 weeks". ValueError says what to write."""
    match = _AMOUNT.fullmatch(str(written))
    if match is None or match.group(2).lower() not in _HOURS or float(match.group(1)) <= 0:
        raise ValueError(f'"{written}" is no period; write for example 24 h or 7 d')
    hours = float(match.group(1)) * _HOURS[match.group(2).lower()]
    if hours > LONGEST_DAYS * 24:
        raise ValueError(f'"{written}" is longer than the {LONGEST_DAYS} days of history that are kept')
    return timedelta(hours=hours)


def _converted(written: str | float, *, difference: bool) -> tuple[float, str]:
    match = _AMOUNT.fullmatch(str(written))
    if match is None or match.group(2).lower() not in _TO_STORED:
        raise ValueError(f'"{written}" is no amount; write a number and a unit, for example 3 lb, 54 mg/dL, 88 %, 38 C')
    unit, factor, offset = _TO_STORED[match.group(2).lower()]
    return round(float(match.group(1)) * factor + (0.0 if difference else offset), 4), unit
