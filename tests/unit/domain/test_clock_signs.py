"""When a node's clock counts as wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from service.domain.clock_signs import ClockSigns

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(("seconds", "wrong"), [(0, False), (60, False), (-60, False), (61, True), (-61, True), (86_400, True)])
def test_a_clock_is_wrong_from_a_minute_on_in_either_direction(seconds: int, wrong: bool) -> None:
    signs = ClockSigns()
    signs.compare("database", NOW, NOW)
    signs.compare("provider", NOW + timedelta(seconds=seconds), NOW)
    assert (signs.apart(NOW) is not None) is wrong


def test_the_newest_word_of_each_clock_counts_for_an_hour() -> None:
    signs = ClockSigns()
    signs.compare("provider", NOW + timedelta(minutes=10), NOW)
    assert signs.apart(NOW + timedelta(minutes=59)) == timedelta(minutes=10)
    assert signs.apart(NOW + timedelta(minutes=61)) is None
    signs.compare("provider", NOW + timedelta(seconds=2), NOW)
    assert signs.apart(NOW) is None


def test_three_refusals_in_a_row_and_none_accepted_between_them_are_told() -> None:
    signs = ClockSigns()
    for _ in range(2):
        signs.refuse(NOW)
    signs.accept()
    for _ in range(2):
        signs.refuse(NOW)
    assert not signs.refuses(NOW)
    signs.refuse(NOW)
    assert signs.refuses(NOW)
    assert not signs.refuses(NOW + timedelta(hours=2))
    signs.accept()
    assert not signs.refuses(NOW)
