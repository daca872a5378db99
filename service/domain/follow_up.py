"""What a nurse plans for later when an item is closed: when it is due, what is to be done, and how urgent it comes back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from service.domain.schedule import to_local, to_utc
from service.domain.urgency import Urgency

LONGEST = 500
FARTHEST = timedelta(days=366)
MORNING = time(9)
AFTERNOON = time(15)


class What(StrEnum):
    """What is to be done."""

    CALL = "call"
    CHECK_VALUE = "check_value"
    CHECK_SYMPTOM = "check_symptom"
    PRESCRIBER_ANSWER = "prescriber_answer"
    APPOINTMENT_KEPT = "appointment_kept"
    MEDICINE_STARTED = "medicine_started"
    OTHER = "other"


class When(StrEnum):
    """The times that need no typing; a date stands beside them."""

    THIS_AFTERNOON = "this_afternoon"
    TOMORROW_MORNING = "tomorrow_morning"
    IN_TWO_DAYS = "in_two_days"
    IN_A_WEEK = "in_a_week"


@dataclass(frozen=True, slots=True)
class Plan:
    """A follow-up as it is asked for: `due_at` is an instant, `mine` gives it to who plans it, else it is the team's."""

    what: What
    due_at: datetime
    words: str = ""
    urgency: Urgency = Urgency.ROUTINE
    mine: bool = False


def due_at(when: str, day: str, now: datetime, zone: str) -> datetime | None:
    """When a follow-up is due, on the clock of `zone`: one of `When`, or the morning of an ISO date. None when it is neither or past."""
    today = to_local(now, zone).date()
    days = {When.TOMORROW_MORNING.value: 1, When.IN_TWO_DAYS.value: 2, When.IN_A_WEEK.value: 7}
    if when == When.THIS_AFTERNOON:
        due = to_utc(today, AFTERNOON, zone)
        return due if due > now else now + timedelta(hours=1)
    if when in days:
        return to_utc(today + timedelta(days=days[when]), MORNING, zone)
    try:
        chosen = date.fromisoformat(day)
    except ValueError:
        return None
    due = max(to_utc(chosen, MORNING, zone), now) if chosen == today else to_utc(chosen, MORNING, zone)
    return due if now <= due <= now + FARTHEST else None
