"""Kinds of senders, their buckets and the carriers' day."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.sender import LIMITS, Kind, Taking, capacity, carrier_day, kind_of, next_carrier_day


@pytest.mark.parametrize(
    ("sender", "kind"),
    [
        ("+12025550100", Kind.LONG_CODE),
        ("+18885550100", Kind.TOLL_FREE),
        ("+18335550100", Kind.TOLL_FREE),
        ("12345", Kind.SHORT_CODE),
        ("123456", Kind.SHORT_CODE),
        ("MG" + "a" * 32, Kind.POOL),
        ("", Kind.POOL),
        ("1234567", Kind.POOL),
    ],
)
def test_a_senders_kind_is_read_from_its_form(sender: str, kind: Kind) -> None:
    assert kind_of(sender) is kind


def test_every_kind_has_a_rate_with_its_source() -> None:
    assert set(LIMITS) == set(Kind)
    assert all(one.segments_per_second > 0 and one.source for one in LIMITS.values())
    assert [LIMITS[kind].segments_per_second for kind in (Kind.LONG_CODE, Kind.TOLL_FREE, Kind.SHORT_CODE)] == [1, 3, 100]


def test_the_carriers_day_ends_at_midnight_pacific_time() -> None:
    assert carrier_day(datetime(2026, 11, 24, 7, 59, tzinfo=UTC)) == date(2026, 11, 23)
    assert carrier_day(datetime(2026, 11, 24, 8, 0, tzinfo=UTC)) == date(2026, 11, 24)
    assert next_carrier_day(datetime(2026, 11, 24, 7, 59, tzinfo=UTC)) == datetime(2026, 11, 24, 8, tzinfo=UTC)
    assert next_carrier_day(datetime(2026, 7, 1, 12, tzinfo=UTC)) == datetime(2026, 7, 2, 7, tzinfo=UTC)


def test_a_text_of_two_segments_costs_two_and_may_leave_a_slow_bucket_when_it_is_full() -> None:
    fast = Taking(10, 3.0)
    assert [fast.take(2, waits=True), fast.take(2, waits=True), fast.take(1, waits=True)] == [True, False, True]
    slow = Taking(1, 1.0)
    assert slow.take(2, waits=True)
    assert not slow.take(1, waits=True)
    assert not Taking(1, 0.99).take(2, waits=True)


def test_an_emergency_takes_what_is_not_there_and_the_others_pay() -> None:
    taking = Taking(1, 0.0, day_left=0)
    assert not taking.take(1, waits=True)
    assert taking.take(2, waits=False)
    assert (taking.taken, taking.least) == (2, 0.0)


@given(st.floats(0.1, 200), st.floats(0, 200), st.none() | st.integers(0, 50), st.lists(st.tuples(st.integers(1, 4), st.booleans())))
def test_what_waits_never_takes_more_than_a_second_ahead(
    rate: float, available: float, day_left: int | None, texts: list[tuple[int, bool]]
) -> None:
    taking = Taking(rate, min(available, capacity(rate)), day_left)
    routine = 0
    for segments, waits in texts:
        before = taking.taken
        if taking.take(segments, waits=waits) and waits:
            routine += segments
            assert taking.available - before >= min(segments, capacity(rate))
            assert day_left is None or taking.taken <= day_left
        if not waits:
            assert taking.taken == before + segments
    assert routine <= capacity(rate) + 4
    assert taking.least <= taking.available
