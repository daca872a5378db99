"""On which days check-ins come over the weeks of a programme."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from service.domain.cadence import cadence_text, once_more, parse_cadence, quickened

FIRST = date(2026, 11, 23)  # a Monday


def days(text: str, last: int = 60) -> list[int]:
    """The days counted from the start, which is day 1."""
    found = parse_cadence(text).anchored(FIRST).dates(FIRST, FIRST + timedelta(days=last - 1))
    return [(day - FIRST).days + 1 for day in found]


def test_phases_follow_each_other() -> None:
    text = cadence_text([{"rule": "daily", "for": "5 d"}, {"rule": "FREQ=WEEKLY;BYDAY=MO,WE,FR", "for": "9 d"}, {"rule": "weekly"}])
    assert text == "daily for 5 d, then FREQ=WEEKLY;BYDAY=MO,WE,FR for 9 d, then weekly"
    assert days(text, 40) == [1, 2, 3, 4, 5, 8, 10, 12, 15, 22, 29, 36]


def test_days_are_counted_from_the_start_which_is_day_1() -> None:
    assert days(cadence_text([{"on_days": [1, 2, 3, 5, 7, 30]}])) == [1, 2, 3, 5, 7, 30]
    assert days(cadence_text({"on_days": [2]})) == [2]


def test_one_rule_is_a_cadence_too() -> None:
    assert days("weekly", 20) == [1, 8, 15]
    assert days("weekdays", 8) == [1, 2, 3, 4, 5, 8]


def test_planning_piece_by_piece_gives_the_same_days_as_at_once() -> None:
    text = "daily for 3 d, then every 3 days for 9 d, then weekly, plus daily from 2026-12-20 for 4 d, once on 2026-12-30"
    rule = parse_cadence(text).anchored(FIRST)
    pieces = [day for n in range(0, 60, 2) for day in rule.dates(FIRST + timedelta(days=n), FIRST + timedelta(days=n + 1))]
    assert pieces == rule.dates(FIRST, FIRST + timedelta(days=59))
    assert len(set(pieces)) == len(pieces)


def test_a_patient_who_gets_worse_goes_back_to_an_earlier_phase_for_a_while() -> None:
    usual = parse_cadence("daily for 5 d, then weekly").anchored(FIRST)
    now = quickened(usual, 1, FIRST + timedelta(days=20), 3)
    assert now.text == "daily for 5 d, then weekly, plus daily from 2026-12-13 for 3 d"
    assert days(now.text, 30) == [1, 2, 3, 4, 5, 6, 13, 20, 21, 22, 23, 27]
    again = quickened(now, 1, FIRST + timedelta(days=23), 2)
    assert again.text == "daily for 5 d, then weekly, plus daily from 2026-12-16 for 2 d"
    with pytest.raises(ValueError, match="this cadence has 2"):
        quickened(usual, 3, FIRST, 3)


def test_one_extra_check_in_replaces_the_one_before() -> None:
    usual = parse_cadence("weekly")
    once = once_more(usual, date(2026, 11, 25))
    assert days(once.text, 10) == [1, 3, 8]
    assert once_more(once, date(2026, 11, 26)).text == "weekly, once on 2026-11-26"
    assert once_more(None, date(2026, 11, 25)).text == "once on 2026-11-25"
    assert once_more(once_more(None, date(2026, 11, 25)), date(2026, 11, 26)).text == "once on 2026-11-26"
    assert days("once on 2026-11-25") == [3]


def test_an_extra_day_outlives_a_change_of_pace_and_the_other_way_round() -> None:
    both = quickened(once_more(parse_cadence("daily for 5 d, then weekly"), date(2026, 12, 5)), 1, date(2026, 12, 10), 2)
    assert both.text == "daily for 5 d, then weekly, plus daily from 2026-12-10 for 2 d, once on 2026-12-05"
    assert parse_cadence(both.text) == both
    assert once_more(both, date(2026, 12, 6)).text.endswith("plus daily from 2026-12-10 for 2 d, once on 2026-12-06")


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ([{"rule": "daily"}, {"rule": "weekly"}], "every phase but the last"),
        ([{"rule": "daily", "for": "14 d"}], "the last phase has no for:"),
        ([{"rule": "hourly"}], "write daily, weekdays, weekly"),
        ([{"rule": "daily", "days": "14 d"}], "a list of phases such as"),
        ([{"on_days": [3, 1]}], "ascending"),
        ([{"on_days": [0, 1]}], "from 1"),
        ([{"on_days": 7}], "write a list of days"),
        ([{"on_days": list(range(1, 60))}], "use fewer phases or days"),
        ([{"rule": "daily", "for": "1 d"}] * 7 + [{"rule": "weekly"}], "phases"),
        (7, "a list of phases such as"),
        ("daily for 2 weeks", "write daily, weekdays, weekly"),
    ],
)
def test_a_cadence_that_means_nothing_says_what_to_write(written: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cadence_text(written)


def test_a_cadence_without_a_first_day_is_refused() -> None:
    with pytest.raises(ValueError, match="anchor it first"):
        parse_cadence("daily").dates(FIRST, FIRST)
