"""Calls that reach nobody: when the next is due, and what remains when the last has been made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from service.domain.attempts import Ended, Last, NextCall, Outcome, next_call
from service.domain.urgency import Urgency

NEW_YORK = "America/New_York"
MONDAY = datetime(2026, 11, 16, 15, 0, tzinfo=UTC)  # 10:00 in New York
FRIDAY = MONDAY + timedelta(days=4)


def series(urgency: Urgency, start: datetime) -> list[datetime]:
    """The calls as they fall due when nobody ever answers."""
    made: list[tuple[datetime, Outcome]] = []
    at = start
    while isinstance(following := next_call(urgency, made, NEW_YORK), NextCall):
        at = following.due_at or start
        made.append((at, Outcome.NO_ANSWER))
    return [when for when, _ in made]


def test_an_emergency_is_called_three_times_within_fifteen_minutes_then_a_nurse_decides_about_a_welfare_check() -> None:
    calls = series(Urgency.EMERGENCY, MONDAY)
    assert len(calls) == 3
    assert calls[-1] - calls[0] <= timedelta(minutes=15)
    assert next_call(Urgency.EMERGENCY, [(at, Outcome.VOICEMAIL_LEFT) for at in calls], NEW_YORK) == Ended(Last.WELFARE_CHECK)


def test_an_urgent_one_three_times_within_two_hours() -> None:
    calls = series(Urgency.URGENT, MONDAY)
    assert len(calls) == 3
    assert calls[-1] - calls[0] <= timedelta(hours=2)


def test_a_same_day_one_twice_that_day_and_once_the_next_morning() -> None:
    assert series(Urgency.SAME_DAY, MONDAY) == [MONDAY, MONDAY + timedelta(hours=3), datetime(2026, 11, 17, 14, 0, tzinfo=UTC)]


def test_a_same_day_one_late_in_the_evening_waits_for_the_morning() -> None:
    late = MONDAY + timedelta(hours=9)  # 7 in the evening
    assert series(Urgency.SAME_DAY, late)[1] == datetime(2026, 11, 17, 14, 0, tzinfo=UTC)


@pytest.mark.parametrize("start", [MONDAY, FRIDAY])
def test_a_routine_one_three_times_over_five_business_days_then_a_letter(start: datetime) -> None:
    calls = series(Urgency.ROUTINE, start)
    assert len(calls) == 3
    assert all(at.weekday() < 5 for at in calls)
    assert [at.date() for at in calls] == (
        [start.date(), start.date() + timedelta(days=2), start.date() + timedelta(days=7)]
        if start is MONDAY
        else [start.date(), start.date() + timedelta(days=4), start.date() + timedelta(days=7)]
    )
    assert next_call(Urgency.ROUTINE, [(at, Outcome.BUSY) for at in calls], NEW_YORK) == Ended(Last.LETTER)


@pytest.mark.parametrize("outcome", [Outcome.REACHED_PATIENT, Outcome.REACHED_CAREGIVER, Outcome.REFUSED])
def test_whoever_has_been_spoken_to_is_not_called_again(outcome: Outcome) -> None:
    assert next_call(Urgency.EMERGENCY, [(MONDAY, Outcome.NO_ANSWER), (MONDAY, outcome)], NEW_YORK) == Ended(None)


def test_whoever_was_spoken_to_before_something_new_is_called_again() -> None:
    news_at = MONDAY + timedelta(hours=2)
    reached, again = (MONDAY, Outcome.REACHED_PATIENT), news_at + timedelta(minutes=1)
    assert next_call(Urgency.EMERGENCY, [reached], NEW_YORK, news_at) == NextCall(1, 3, None)
    tried = [reached, (again, Outcome.NO_ANSWER)]
    assert next_call(Urgency.EMERGENCY, tried, NEW_YORK, news_at) == NextCall(2, 3, again + timedelta(minutes=5))
    assert next_call(Urgency.EMERGENCY, [*tried, (again, Outcome.REACHED_PATIENT)], NEW_YORK, news_at) == Ended(None)


def test_the_first_call_is_due_at_once() -> None:
    assert next_call(Urgency.ROUTINE, [], NEW_YORK) == NextCall(1, 3, None)
