"""The nine-o'clock peak: how widely check-ins are spread, and each patient's own minute."""

from __future__ import annotations

from datetime import time, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.spread import BEFORE_QUIET, LONGEST, offset, window


@pytest.mark.parametrize(
    ("check_ins", "rate", "minutes", "expected"),
    [
        (10, 1.0, None, 0),  # 40 s of half the rate: everybody at once
        (20, 1.0, None, 2),
        (100, 1.0, None, 8),
        (5000, 1.0, None, 64),
        (5000, 100.0, None, 4),
        (5000, 1.0, 0, 0),
        (1, 100.0, 30, 30),
        (1, 100.0, 600, 64),
        (100, 0.0, None, 64),
    ],
)
def test_the_window_is_as_long_as_half_of_the_rate_needs(check_ins: int, rate: float, minutes: int | None, expected: int) -> None:
    assert window(check_ins, rate, minutes) == timedelta(minutes=expected)


@given(st.uuids(), st.times(), st.integers(0, 64), st.times())
def test_a_patient_keeps_their_minute_and_stays_out_of_the_quiet_hours(id: UUID, at: time, minutes: int, quiet: time) -> None:
    spread_over = timedelta(minutes=minutes)
    later = offset(id, at, spread_over, quiet)
    assert later == offset(id, at, spread_over, quiet)
    assert timedelta() <= later <= min(spread_over, LONGEST)
    begins, ends = (timedelta(hours=each.hour, minutes=each.minute, seconds=each.second) for each in (at, quiet))
    if begins < ends and later:
        assert begins + later <= ends - BEFORE_QUIET


def test_the_minutes_are_used_evenly() -> None:
    minutes = [0] * 16
    for _ in range(16_000):
        minutes[int(offset(uuid4(), time(9), timedelta(minutes=16), time(20)).total_seconds() // 60)] += 1
    assert all(800 < count < 1200 for count in minutes)
