"""Local date rules, wall times and zones: exactly one check-in per local date, across every clock change."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from service.domain.contact_hours import ContactHours
from service.domain.schedule import QUIET_FROM, QUIET_UNTIL, DateRule, Every, occurrences, parse_date_rule, to_local, to_utc

ZONES = (
    "America/New_York",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Europe/London",
    "America/Phoenix",
    "Pacific/Apia",
)
TIMES = (time(0), time(0, 30), time(1), time(1, 30), time(2), time(2, 15), time(2, 59), time(3), time(9), time(23, 59))
FIRST, LAST = date(2025, 1, 1), date(2027, 12, 31)


@pytest.mark.law(9)
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("wall_time", TIMES, ids=str)
def test_every_local_date_has_exactly_one_check_in(zone: str, wall_time: time) -> None:
    found = occurrences(DateRule(), wall_time, zone, FIRST, LAST)
    expected = [FIRST + timedelta(days=n) for n in range(1095)]
    assert [day for day, _ in found] == expected
    instants = [due for _, due in found]
    assert all(a < b for a, b in itertools.pairwise(instants))
    assert all(due.utcoffset() == timedelta(0) for due in instants)
    # The oracle is another library: the instant falls on the date it was planned for, at the wall time or, where the
    # clock skips it, at most one hour later.
    for day, due in found:
        local = due.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        late = local - datetime.combine(day, wall_time)
        assert local.date() == day
        assert timedelta(0) <= late <= timedelta(hours=1)


@pytest.mark.law(9)
def test_a_skipped_wall_time_is_shifted_and_a_repeated_one_is_its_first() -> None:
    assert to_utc(date(2026, 3, 8), time(2, 30), "America/New_York") == datetime(2026, 3, 8, 7, 30, tzinfo=UTC)
    assert to_utc(date(2026, 11, 1), time(1, 30), "America/New_York") == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)


@pytest.mark.law(9)
def test_no_other_module_applies_a_zone() -> None:
    zoned = re.compile(r"zoneinfo|pytz|import whenever|from whenever|dateutil\.tz|assume_tz|to_tz\(|astimezone\((?!UTC\)|timezone\.utc\))")
    service = Path(__file__).parents[3] / "service"
    modules = sorted(service.rglob("*.py"))
    assert len(modules) > 20
    found = [str(path.relative_to(service)) for path in modules if zoned.search(path.read_text("utf-8"))]
    assert found == ["domain/schedule.py"]


def test_planning_in_pieces_gives_the_same_check_ins_as_planning_at_once() -> None:
    rule = DateRule(Every.N_DAYS, n=3, starts_on=date(2025, 1, 2))
    whole = occurrences(rule, time(2, 30), "America/New_York", FIRST, date(2025, 12, 31))
    pieces = [
        found
        for month in range(1, 13)
        for found in occurrences(
            rule,
            time(2, 30),
            "America/New_York",
            date(2025, month, 1),
            (date(2025, month, 28) + timedelta(days=4)).replace(day=1) - timedelta(days=1),
        )
    ]
    assert pieces == whole
    assert len(whole) == 122


def test_a_rule_that_counts_from_a_date_refuses_to_guess_it() -> None:
    with pytest.raises(ValueError, match="anchor it first"):
        DateRule(Every.N_DAYS, n=2).dates(FIRST, LAST)


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        ("daily", [5, 6, 7, 8, 9, 10, 11, 12]),
        ("weekdays", [5, 6, 7, 8, 9, 12]),
        ("every 3 days", [5, 8, 11]),
        ("weekly", [5, 12]),
        ("FREQ=WEEKLY;BYDAY=MO,WE,FR", [5, 7, 9, 12]),
    ],
)
def test_date_rules_as_a_flow_writes_them(text: str, dates: list[int]) -> None:
    rule = parse_date_rule(text).anchored(date(2026, 1, 5))
    assert [day.day for day in rule.dates(date(2026, 1, 1), date(2026, 1, 12))] == dates


@pytest.mark.parametrize("text", ["", "hourly", "every 0 days", "FREQ=HOURLY", "FREQ=DAILY;BYHOUR=3", "FREQ=DAILY;X=;"])
def test_a_rule_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_date_rule(text)


def test_no_more_than_three_years_are_planned_at_once() -> None:
    with pytest.raises(ValueError, match="at most"):
        DateRule().dates(date(2025, 1, 1), date(2035, 1, 1))


def test_an_unknown_zone_says_what_to_write() -> None:
    with pytest.raises(ValueError, match="America/New_York"):
        to_utc(FIRST, time(9), "Mars/Base")


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="aware UTC"):
        to_local(datetime(2026, 1, 1), "Europe/London")


NEW_YORK = "America/New_York"


def quiet(now: datetime, zone: str, start: time = QUIET_FROM, end: time = QUIET_UNTIL) -> bool:
    return ContactHours(zone, start, end).closed(now, scheduled=False) is not None


def quiet_ends(now: datetime, zone: str, start: time = QUIET_FROM, end: time = QUIET_UNTIL) -> datetime:
    closed = ContactHours(zone, start, end).closed(now, scheduled=False)
    return now if closed is None else closed.until


@pytest.mark.parametrize(("hour", "minute", "expected"), [(8, 59, True), (9, 0, False), (19, 59, False), (20, 0, True), (0, 0, True)])
def test_quiet_hours_at_the_patients_place(hour: int, minute: int, expected: bool) -> None:
    now = to_utc(date(2026, 6, 1), time(hour, minute), NEW_YORK)
    assert quiet(now, NEW_YORK) is expected
    later = quiet_ends(now, NEW_YORK)
    assert later >= now
    assert not quiet(later, NEW_YORK)
    assert (later == now) is not expected


def test_equal_times_mean_no_quiet_hours() -> None:
    now = to_utc(date(2026, 6, 1), time(3), NEW_YORK)
    assert not quiet(now, NEW_YORK, time(0), time(0))
    assert quiet_ends(now, NEW_YORK, time(0), time(0)) == now


def test_quiet_hours_by_day_end_the_same_day() -> None:
    now = to_utc(date(2026, 6, 1), time(13), NEW_YORK)
    assert quiet_ends(now, NEW_YORK, time(12), time(14)) == to_utc(date(2026, 6, 1), time(14), NEW_YORK)


@pytest.mark.parametrize("day", [date(2026, 3, 8), date(2026, 11, 1)])
@pytest.mark.parametrize("clock", [time(1, 59), time(2), time(3)], ids=str)
def test_quiet_hours_hold_on_both_days_the_clock_changes(day: date, clock: time) -> None:
    now = to_utc(day, clock, NEW_YORK)
    assert quiet(now, NEW_YORK)
    assert quiet_ends(now, NEW_YORK) == to_utc(day, time(9), NEW_YORK)


def test_every_minute_of_a_changing_day_ends_its_quiet_hours_at_nine() -> None:
    start = datetime(2026, 11, 1, 0, 30, tzinfo=UTC)
    for minutes in range(0, 13 * 60, 7):
        now = start + timedelta(minutes=minutes)
        assert quiet_ends(now, NEW_YORK) == to_utc(date(2026, 11, 1), time(9), NEW_YORK)


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Havana", "Africa/Cairo"])
@pytest.mark.parametrize(("start", "end"), [(time(20), time(9)), (time(0), time(2, 30)), (time(1, 30), time(2, 30)), (time(23), time(2))])
def test_a_text_that_is_held_for_quiet_hours_leaves_after_them_on_every_night_when_clocks_change(zone: str, start: time, end: time) -> None:
    for night in (datetime(2026, 3, 7, 18, tzinfo=UTC), datetime(2026, 10, 24, 18, tzinfo=UTC), datetime(2026, 10, 31, 18, tzinfo=UTC)):
        for minutes in range(0, 24 * 60, 11):
            now = night + timedelta(minutes=minutes)
            ends = quiet_ends(now, zone, start, end)
            assert (ends > now) == quiet(now, zone, start, end)
            assert not quiet(ends, zone, start, end)
