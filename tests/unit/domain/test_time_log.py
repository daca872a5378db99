"""Minutes: counted once, added by code, marked by month; and the times at which a follow-up may be due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from service.domain.follow_up import due_at
from service.domain.time_log import Activity, Code, Entry, Month, counted, total

NOW = datetime(2026, 11, 16, 15, 0, tzinfo=UTC)  # a Monday, 10 in the morning in New York
NEW_YORK = "America/New_York"


def entry(seconds: int, code: Code = Code.CCM, *, struck: bool = False) -> Entry:
    return Entry(uuid4(), uuid4(), "Nora", "manual", Activity.CALL, code, seconds, "", NOW, None, struck)


@pytest.mark.parametrize(
    ("asked", "ago", "counts"),
    [(30, None, 30), (300, None, 120), (30, 30, 30), (30, 10, 10), (30, 0, 0), (300, 3600, 120), (-5, None, 0), (30, -60, 0)],
)
def test_a_beat_counts_what_has_passed_and_two_minutes_at_most(asked: float, ago: float | None, counts: int) -> None:
    last = NOW - timedelta(seconds=ago) if ago is not None else None
    assert counted(asked, last, NOW) == counts


def test_seconds_are_added_before_minutes_are_cut_and_each_code_has_its_own_marks() -> None:
    month = total([entry(590), entry(610), entry(30 * 60, Code.RPM), entry(3600, struck=True), entry(50, Code.NONE)])
    assert month.by_code == {Code.CCM: 20, Code.RPM: 30, Code.NONE: 0}
    assert month.minutes == 50
    assert month.marks(Code.CCM) == ((10, True), (16, True), (20, True), (40, False), (60, False))
    assert month.marks(Code.RPM)[3] == (40, False), "minutes of one code never count for another"


def test_a_month_is_one_of_the_clinic_s_clock() -> None:
    begins, ends = Month(2026, 11).bounds(NEW_YORK)
    assert (begins, ends) == (datetime(2026, 11, 1, 4, tzinfo=UTC), datetime(2026, 12, 1, 5, tzinfo=UTC))  # the clocks go back in it
    assert (Month(2026, 12).next(), Month(2026, 1).before()) == (Month(2027, 1), Month(2025, 12))
    assert str(Month(2026, 3)) == "2026-03"


@pytest.mark.parametrize("text", ["", "2026-13", "2026-1", "26-01", "2026-01-01", "1999-12", "x"])
def test_what_is_no_month_is_none(text: str) -> None:
    assert Month.parse(text) is None


@pytest.mark.parametrize(
    ("when", "day", "due"),
    [
        ("this_afternoon", "", datetime(2026, 11, 16, 20, tzinfo=UTC)),
        ("tomorrow_morning", "", datetime(2026, 11, 17, 14, tzinfo=UTC)),
        ("in_a_week", "", datetime(2026, 11, 23, 14, tzinfo=UTC)),
        ("date", "2026-12-24", datetime(2026, 12, 24, 14, tzinfo=UTC)),
        ("date", "2026-11-16", NOW),
        ("date", "2026-11-15", None),
        ("date", "2028-01-01", None),
        ("date", "soon", None),
        ("", "", None),
    ],
)
def test_a_follow_up_is_due_in_the_morning_of_its_day_and_never_in_the_past(when: str, day: str, due: datetime | None) -> None:
    assert due_at(when, day, NOW, NEW_YORK) == due
