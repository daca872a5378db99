"""Staffed hours, promises and due times. All wall clocks are New York's unless said otherwise."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest

from service.domain.coverage import Coverage, Shift
from service.domain.schedule import to_local, to_utc
from service.domain.segments import letters_outside_gsm_7
from service.domain.urgency import Urgency

ZONE = "America/New_York"
OFFICE = Coverage(
    ZONE,
    tuple(Shift(day, time(8), time(18)) for day in range(5)),
    frozenset({date(2026, 12, 25)}),
    "+12025550199",
)
ROUND_THE_CLOCK = Coverage(ZONE, tuple(Shift(day, time(0), time(0)) for day in range(7)))


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return to_utc(day, time(hour, minute), ZONE)


MONDAY, FRIDAY, SATURDAY = date(2026, 11, 23), date(2026, 11, 27), date(2026, 11, 28)


def test_staffed_from_the_first_minute_up_to_the_last() -> None:
    assert not OFFICE.staffed(at(MONDAY, 7, 59))
    assert OFFICE.staffed(at(MONDAY, 8))
    assert OFFICE.staffed(at(MONDAY, 17, 59))
    assert not OFFICE.staffed(at(MONDAY, 18))
    assert not OFFICE.staffed(at(SATURDAY, 12))


def test_a_holiday_is_not_staffed_and_the_next_opening_skips_it() -> None:
    christmas = date(2026, 12, 25)
    assert not OFFICE.staffed(at(christmas, 12))
    assert OFFICE.next_staffed(at(christmas, 12)) == at(date(2026, 12, 28), 8)


def test_next_staffed_is_now_while_somebody_is_there() -> None:
    assert OFFICE.next_staffed(at(MONDAY, 10)) == at(MONDAY, 10)
    assert OFFICE.next_staffed(at(FRIDAY, 19)) == at(date(2026, 11, 30), 8)


def test_round_the_clock_never_has_a_gap() -> None:
    now = at(date(2026, 10, 30), 0)
    for hours in range(24 * 5):
        assert ROUND_THE_CLOCK.staffed(now + timedelta(hours=hours))
    assert ROUND_THE_CLOCK.closes(now) is None


def test_a_night_shift_reaches_into_the_next_day() -> None:
    night = Coverage(ZONE, (Shift(0, time(20), time(6)),))
    assert night.staffed(at(MONDAY, 23))
    assert night.staffed(at(date(2026, 11, 24), 5, 59))
    assert not night.staffed(at(date(2026, 11, 24), 6))


def test_the_end_of_the_staffed_period_is_known() -> None:
    assert OFFICE.staffed_until(at(MONDAY, 10)) == at(MONDAY, 18)
    assert OFFICE.staffed_until(at(MONDAY, 20)) is None
    assert OFFICE.closes(at(MONDAY, 10)) == at(MONDAY, 18)
    assert OFFICE.closes(at(MONDAY, 20)) is None


@pytest.mark.parametrize(
    ("now", "urgency", "due"),
    [
        (at(SATURDAY, 3), Urgency.EMERGENCY, at(SATURDAY, 3, 15)),
        (at(SATURDAY, 3), Urgency.URGENT, at(SATURDAY, 4)),
        (at(MONDAY, 9), Urgency.SAME_DAY, at(MONDAY, 13)),
        (at(FRIDAY, 16), Urgency.SAME_DAY, at(date(2026, 11, 30), 10)),
        (at(MONDAY, 14), Urgency.SAME_DAY, at(MONDAY, 18)),
        (at(SATURDAY, 12), Urgency.SAME_DAY, at(date(2026, 11, 30), 12)),
        (at(FRIDAY, 9), Urgency.ROUTINE, at(date(2026, 11, 30), 18)),
        (at(MONDAY, 9), Urgency.ROUTINE, at(date(2026, 11, 24), 18)),
    ],
)
def test_when_an_answer_is_due(now: datetime, urgency: Urgency, due: datetime) -> None:
    assert OFFICE.answer_due(now, urgency) == due


def test_four_staffed_hours_are_four_hours_across_a_clock_change() -> None:
    night = at(date(2026, 11, 1), 0, 30)
    assert ROUND_THE_CLOCK.answer_due(night, Urgency.SAME_DAY) - night == timedelta(hours=4)


@pytest.mark.parametrize(
    ("now", "urgency", "english", "spanish"),
    [
        (at(MONDAY, 9), Urgency.EMERGENCY, "within 15 minutes", "en 15 minutos"),
        (at(SATURDAY, 3), Urgency.EMERGENCY, "Monday morning", "el lunes por la mañana"),
        (at(FRIDAY, 17, 50), Urgency.EMERGENCY, "Monday morning", "el lunes por la mañana"),
        (at(MONDAY, 9), Urgency.URGENT, "within 1 hour", "en 1 hora"),
        (at(FRIDAY, 17), Urgency.URGENT, "within 1 hour", "en 1 hora"),
        (at(FRIDAY, 17, 10), Urgency.URGENT, "by 6 pm today", "hoy antes de las 6 p. m."),
        (at(FRIDAY, 17, 45), Urgency.URGENT, "Monday morning", "el lunes por la mañana"),
        (at(FRIDAY, 19), Urgency.URGENT, "Monday morning", "el lunes por la mañana"),
        (at(MONDAY, 6), Urgency.URGENT, "this morning", "hoy por la mañana"),
        (at(MONDAY, 19), Urgency.URGENT, "tomorrow morning", "mañana por la mañana"),
        (at(MONDAY, 13, 10), Urgency.SAME_DAY, "by 5:30 pm today", "hoy antes de las 5:30 p. m."),
        (at(MONDAY, 14), Urgency.SAME_DAY, "by 6 pm today", "hoy antes de las 6 p. m."),
        (at(MONDAY, 8), Urgency.SAME_DAY, "by noon today", "hoy antes de las 12 p. m."),
        (at(MONDAY, 9), Urgency.SAME_DAY, "by 1 pm today", "hoy antes de la 1 p. m."),
        (at(FRIDAY, 16), Urgency.SAME_DAY, "Monday morning", "el lunes por la mañana"),
        (at(FRIDAY, 9), Urgency.ROUTINE, "by 6 pm Monday", "el lunes antes de las 6 p. m."),
        (at(date(2026, 12, 24), 19), Urgency.URGENT, "Monday morning", "el lunes por la mañana"),
    ],
)
def test_promises_in_the_patients_words(now: datetime, urgency: Urgency, english: str, spanish: str) -> None:
    assert OFFICE.promise(now, urgency, "en") == english
    assert OFFICE.promise(now, urgency, "es") == spanish


def test_a_team_that_is_always_there_promises_the_hour_at_midnight_too() -> None:
    for minutes in range(0, 48 * 60, 7):
        now = at(date(2026, 10, 31), 12) + timedelta(minutes=minutes)  # across the end of summer time
        assert ROUND_THE_CLOCK.promise(now, Urgency.URGENT, "en") == "within 1 hour"


def test_a_promise_speaks_the_patients_clock() -> None:
    assert OFFICE.promise(at(MONDAY, 14), Urgency.SAME_DAY, "en", "America/Phoenix") == "by 4 pm today"


def test_a_promised_hour_is_never_before_the_clock_of_the_item() -> None:
    for minutes in range(0, 10 * 60, 13):
        now = at(MONDAY, 8) + timedelta(minutes=minutes)
        due = to_local(OFFICE.answer_due(now, Urgency.SAME_DAY), ZONE)
        words = OFFICE.promise(now, Urgency.SAME_DAY, "en")
        if due.date() != MONDAY:
            assert words == "tomorrow morning"
            continue
        clock = words.removeprefix("by ").removesuffix(" today").replace("noon", "12 pm").upper()
        pattern = "%I:%M %p" if ":" in clock else "%I %p"
        assert datetime.strptime(clock, pattern).time() >= due.time().replace(second=0)  # noqa: DTZ007


def test_a_long_closure_is_promised_by_date() -> None:
    closed = Coverage(ZONE, OFFICE.hours, frozenset(MONDAY + timedelta(days=n) for n in range(14)))
    assert closed.promise(at(MONDAY, 9), Urgency.URGENT, "en") == "on the morning of December 7"
    assert closed.promise(at(MONDAY, 9), Urgency.URGENT, "es") == "el 7 de diciembre por la mañana"


def test_spanish_promises_stay_in_the_letters_that_fit() -> None:
    for day in range(7):
        team = Coverage(ZONE, (Shift(day, time(8), time(18)),))
        for hour in range(0, 24 * 7, 5):
            now = at(MONDAY, 0) + timedelta(hours=hour)
            for urgency in Urgency:
                assert letters_outside_gsm_7(team.promise(now, urgency, "es")) == ""


def test_nobody_for_sixty_days_is_promised_nothing_and_shows_as_overdue() -> None:
    closed = Coverage(ZONE, OFFICE.hours, frozenset(MONDAY + timedelta(days=n) for n in range(-2, 90)))
    now = at(MONDAY, 9)
    assert closed.next_staffed(now) is None
    assert closed.promise(now, Urgency.URGENT, "en") == "when the clinic opens again"
    assert closed.answer_due(now, Urgency.SAME_DAY) == now + timedelta(hours=24)


def test_coverage_survives_being_stored() -> None:
    assert Coverage.from_json(OFFICE.to_json()) == OFFICE


@pytest.mark.parametrize(
    "data",
    [
        {"zone": ZONE, "hours": {}},
        {"zone": "Mars/Base", "hours": {"monday": [["08:00", "18:00"]]}},
        {"zone": ZONE, "hours": {"mon": [["08:00", "18:00"]]}},
        {"zone": ZONE, "hours": {"monday": [["8 am", "18:00"]]}},
    ],
)
def test_coverage_that_means_nothing_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Coverage.from_json(data)


def test_answers_are_due_in_utc() -> None:
    for urgency in Urgency:
        assert OFFICE.answer_due(at(MONDAY, 9), urgency).tzinfo is UTC


@pytest.mark.parametrize(
    ("now", "urgency", "words", "until"),
    [
        (at(MONDAY, 9), Urgency.EMERGENCY, "within 15 minutes", at(MONDAY, 9, 15)),
        (at(MONDAY, 9), Urgency.URGENT, "within 1 hour", at(MONDAY, 10)),
        (at(MONDAY, 17, 20), Urgency.URGENT, "by 6 pm today", at(MONDAY, 18)),
        (at(MONDAY, 20), Urgency.URGENT, "tomorrow morning", at(date(2026, 11, 24), 12)),
        (at(MONDAY, 9, 10), Urgency.SAME_DAY, "by 1:30 pm today", at(MONDAY, 13, 30)),
        (at(SATURDAY, 12), Urgency.URGENT, "Monday morning", at(date(2026, 11, 30), 12)),
    ],
)
def test_a_promise_holds_until_the_last_moment_of_its_words(now: datetime, urgency: Urgency, words: str, until: datetime) -> None:
    assert OFFICE.promise(now, urgency, "en") == words
    assert OFFICE.promise_holds_until(now, urgency) == until


def test_no_promise_ends_before_the_time_that_it_names() -> None:
    for hours in range(24 * 8):
        now = at(MONDAY, 0) + timedelta(hours=hours, minutes=7)
        for urgency in Urgency:
            for zone in ("", "America/Phoenix"):
                until = OFFICE.promise_holds_until(now, urgency, zone)
                assert now < until
                if urgency in (Urgency.SAME_DAY, Urgency.ROUTINE):
                    assert until >= OFFICE.answer_due(now, urgency)


def test_a_promise_without_a_time_is_held_to_a_day() -> None:
    closed = Coverage(ZONE, OFFICE.hours, frozenset(date(2026, 11, 1) + timedelta(days=n) for n in range(100)))
    assert closed.promise_holds_until(at(MONDAY, 9), Urgency.URGENT) == at(MONDAY, 9) + timedelta(hours=24)
