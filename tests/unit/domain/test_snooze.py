"""How long an item may be put off at most, whatever the hours of its team."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from service.domain.coverage import Coverage, Shift
from service.domain.snooze import longest_snooze
from service.domain.urgency import Urgency

NOW = datetime(2026, 3, 4, 15, 0, tzinfo=UTC)  # a Wednesday
OFFICE = Coverage("UTC", tuple(Shift(day, time(8), time(18)) for day in range(5)))
ROUND_THE_CLOCK = Coverage("UTC", tuple(Shift(day, time(0), time(0)) for day in range(7)))


@pytest.mark.parametrize(
    ("coverage", "hours_from_now", "hours"),
    [
        (OFFICE, 0, 3),
        (OFFICE, 4, 13),  # in the evening: until somebody is there again
        (ROUND_THE_CLOCK, 0, 24),  # no staffed day ends there
        (None, 0, 4),
    ],
)
def test_a_same_day_item_is_put_off_for_its_day_at_most(coverage: Coverage | None, hours_from_now: int, hours: int) -> None:
    now = NOW + timedelta(hours=hours_from_now)
    assert longest_snooze(Urgency.SAME_DAY, now, coverage, now).until == now + timedelta(hours=hours)


@pytest.mark.parametrize("coverage", [OFFICE, ROUND_THE_CLOCK, None])
def test_an_emergency_is_never_put_off(coverage: Coverage | None) -> None:
    assert longest_snooze(Urgency.EMERGENCY, NOW + timedelta(hours=1), coverage, NOW).until is None
