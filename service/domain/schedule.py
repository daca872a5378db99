"""When check-ins are due: a local date rule, a wall time and the patient's zone give instants; and the default quiet hours.

This is the only module that applies a zone (coverage uses it too). A date rule works on naive local dates; the zone is
applied last, so that a clock change neither loses nor doubles a check-in: a wall time that the change skips is shifted
forward, one that it repeats means its first occurrence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Protocol

from dateutil.rrule import rrule, rrulestr
from whenever import Instant, PlainDateTime, TimeZoneNotFoundError

QUIET_FROM = time(20)
QUIET_UNTIL = time(9)
"""Default quiet hours at the patient's place: the strictest of the state calling-hour laws (FL, MD, CT and others)."""
MAX_DAYS = 1_200
"""Longest span that is planned at once, a bit over three years."""


class Every(StrEnum):
    """The kinds of date rule."""

    DAY = "daily"
    WEEKDAY = "weekdays"
    N_DAYS = "every_n_days"
    RRULE = "rrule"


@dataclass(frozen=True, slots=True)
class DateRule:
    """On which local dates something is due. "Every n days" and recurrence rules count from `starts_on`, which they need."""

    every: Every = Every.DAY
    n: int = 1
    recurrence: str = ""
    """RFC 5545 rule without DTSTART, by day or longer, e.g. FREQ=WEEKLY;BYDAY=MO,WE,FR."""
    starts_on: date | None = None

    def __post_init__(self) -> None:
        """Raises ValueError when the rule means nothing."""
        if self.every is Every.N_DAYS and not 1 <= self.n <= 366:
            raise ValueError(f'"every {self.n} days": write a number from 1 to 366')
        if self.every is Every.RRULE:
            _recurrence(self.recurrence, date(2000, 1, 1))

    def anchored(self, starts_on: date) -> DateRule:
        """The same rule counted from this date."""
        return replace(self, starts_on=starts_on)

    def dates(self, first_date: date, last_date: date) -> list[date]:
        """The dates from first to last, both included, ascending, each once. ValueError when the span is too long."""
        if (last_date - first_date).days >= MAX_DAYS:
            raise ValueError(f"plan at most {MAX_DAYS} days at once")
        if self.starts_on is None and self.every in (Every.N_DAYS, Every.RRULE):
            raise ValueError("this rule counts from a date: anchor it first, else every planning would shift it")
        anchor = self.starts_on or first_date
        first_date = max(first_date, anchor)
        days = [first_date + timedelta(days=n) for n in range((last_date - first_date).days + 1)]
        if self.every is Every.DAY:
            return days
        if self.every is Every.WEEKDAY:
            return [day for day in days if day.weekday() < 5]
        if self.every is Every.N_DAYS:
            return [day for day in days if (day - anchor).days % self.n == 0]
        found = _recurrence(self.recurrence, anchor).between(_midnight(first_date), _midnight(last_date), inc=True)
        return sorted({moment.date() for moment in found})


def parse_date_rule(text: str) -> DateRule:
    """Reads "daily", "weekdays", "every 3 days", "weekly" or "FREQ=WEEKLY;BYDAY=MO,TH". ValueError says what to write instead."""
    words = text.strip()
    if words == "daily":
        return DateRule()
    if words == "weekdays":
        return DateRule(Every.WEEKDAY)
    if words == "weekly":
        return DateRule(Every.N_DAYS, n=7)
    if match := re.fullmatch(r"every (\d{1,3}) days", words):
        return DateRule(Every.N_DAYS, n=int(match[1]))
    if words.startswith("FREQ="):
        return DateRule(Every.RRULE, recurrence=words)
    raise ValueError(f'"{words[:40]}": write daily, weekdays, weekly, every 3 days, or a rule such as FREQ=WEEKLY;BYDAY=MO,TH')


class Dates(Protocol):
    """Anything that knows on which local dates something is due: a date rule, or a cadence made of several."""

    def dates(self, first_date: date, last_date: date) -> list[date]:
        """The dates from first to last, both included, ascending, each once."""


def occurrences(rule: Dates, wall_time: time, zone: str, first_date: date, last_date: date) -> list[tuple[date, datetime]]:
    """When something is due: (local date, due instant in UTC), ascending, exactly one for each date of the rule."""
    return [(day, to_utc(day, wall_time, zone)) for day in rule.dates(first_date, last_date)]


def to_utc(day: date, wall_time: time, zone: str, *, second: bool = False) -> datetime:
    """The instant (aware UTC) of a wall time in a zone. A skipped time is shifted forward, a repeated one is its first
    (with `second` its second).

    Raises ValueError for a zone that the time zone database does not know.
    """
    plain = PlainDateTime(day.year, day.month, day.day, wall_time.hour, wall_time.minute, wall_time.second)
    try:
        zoned = plain.assume_tz(zone, disambiguation="later" if second else "compatible")
    except TimeZoneNotFoundError:
        raise ValueError(f'"{zone[:40]}" is no time zone: write one such as America/New_York') from None
    return zoned.to_instant().to_stdlib().astimezone(UTC)


def to_local(now: datetime, zone: str) -> datetime:
    """The wall clock (naive) at this instant in a zone. ValueError for a naive `now` or an unknown zone."""
    if now.tzinfo is None:
        raise ValueError("an instant needs a time zone: pass aware UTC")
    try:
        return Instant(now).to_tz(zone).to_plain().to_stdlib()
    except TimeZoneNotFoundError:
        raise ValueError(f'"{zone[:40]}" is no time zone: write one such as America/New_York') from None


def plain_time(local: datetime | time) -> str:
    """The time of day as an English text to staff says it: "9:05 am". Pages say it in their reader's language (`web.times`)."""
    return f"{local:%I:%M %p}".lstrip("0").lower()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def _recurrence(text: str, anchor: date) -> rrule:
    if len(text) > 200 or not re.fullmatch(r"FREQ=(DAILY|WEEKLY|MONTHLY|YEARLY)(;[A-Z]+=[A-Z0-9,+-]+)*", text):
        raise ValueError("a recurrence is one line such as FREQ=WEEKLY;BYDAY=MO,WE,FR, without times")
    if re.search(r"BY(HOUR|MINUTE|SECOND)|DTSTART", text):
        raise ValueError("a recurrence names dates only: the time of day is the wall time of the plan")
    try:
        rule = rrulestr(text, dtstart=_midnight(anchor))
    except ValueError as error:
        raise ValueError(f"the recurrence cannot be read: {error}") from None
    if not isinstance(rule, rrule):
        raise ValueError("write one recurrence rule, not several")
    return rule
