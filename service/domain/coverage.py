"""When nurses are there, what may therefore be promised to a patient, and when an answer is due.

Nothing is promised that nobody keeps: every time named to a patient comes from here. Emergency and urgent items have a
clock that runs day and night (an on-call number is paged); same-day and routine items count staffed hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

from service.domain.promise import PromiseKind, last_moment, promise_words
from service.domain.schedule import to_local, to_utc
from service.domain.urgency import Urgency

EMERGENCY_TARGET = timedelta(minutes=15)
URGENT_TARGET = timedelta(minutes=60)
SAME_DAY_STAFFED = timedelta(hours=4)
"""Staff targets per urgency class (docs: urgency classes); same-day counts staffed hours, routine is the next staffed day."""
SEARCH_DAYS = 60
"""How far ahead staffed hours are looked for; nothing in this time means "not staffed"."""
MAX_SHIFTS = 70
MAX_HOLIDAYS = 400
_IN_MINUTES = {Urgency.EMERGENCY: (PromiseKind.MINUTES, EMERGENCY_TARGET), Urgency.URGENT: (PromiseKind.HOUR, URGENT_TARGET)}
SHORTEST_PROMISE = timedelta(minutes=30)
"""With less time left than this before the team goes home, an urgent answer is promised for when it is back."""
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

Interval = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Shift:
    """Staffed hours on a weekday (0 = Monday); an `end` at or before `start` lies on the next day, 00:00 is midnight."""

    weekday: int
    start: time
    end: time


@dataclass(frozen=True, slots=True)
class Coverage:
    """A team's staffed hours in its own zone, the dates on which it is closed, and the number to call meanwhile."""

    zone: str
    hours: tuple[Shift, ...]
    holidays: frozenset[date] = frozenset()
    after_hours_number: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError when there are no hours, too many of them, a wrong weekday or an unknown zone."""
        if not 1 <= len(self.hours) <= MAX_SHIFTS or len(self.holidays) > MAX_HOLIDAYS:
            raise ValueError(f"a team needs 1 to {MAX_SHIFTS} shifts a week and at most {MAX_HOLIDAYS} holidays")
        if any(not 0 <= shift.weekday <= 6 for shift in self.hours):
            raise ValueError("a weekday is a number from 0 (Monday) to 6 (Sunday)")
        to_utc(date(2026, 1, 1), time(12), self.zone)

    def staffed(self, now: datetime) -> bool:
        """True while a nurse of the team is on duty."""
        return self.staffed_until(now) is not None

    def staffed_until(self, now: datetime) -> datetime | None:
        """The end (UTC) of the staffed period that `now` lies in, None when nobody is there."""
        return next((end for start, end in self._intervals(now) if start <= now < end), None)

    def minutes_until_unstaffed(self, now: datetime) -> int | None:
        """Whole minutes until nobody is there, 0 while nobody is; None when somebody always is (as far as 58 days ahead show)."""
        closing = self.staffed_until(now)
        if closing is None:
            return 0
        return int((closing - now).total_seconds() // 60) if self.closes(now) is not None else None

    def closes(self, now: datetime) -> datetime | None:
        """The end (UTC) of the staffed period that `now` lies in; None when nobody is there, or always somebody (for 58 days)."""
        closing = self.staffed_until(now)
        return closing if closing is not None and closing - now < timedelta(days=SEARCH_DAYS - 2) else None

    def next_staffed(self, now: datetime) -> datetime | None:
        """`now` while staffed, else the start (UTC) of the next staffed period; None when there is none in 60 days."""
        return next((max(start, now.astimezone(UTC)) for start, end in self._intervals(now) if end > now), None)

    def staffed_between(self, start: datetime, end: datetime) -> bool:
        """True when a nurse was on duty at some time from `start` up to and with `end`."""
        opening = self.next_staffed(start)
        return opening is not None and opening <= end

    def answer_due(self, now: datetime, urgency: Urgency) -> datetime:
        """When a nurse must have answered an item raised now (UTC).

        Without any staffed time in 60 days the answer is due within 24 hours, so that the gap shows as overdue.
        """
        match urgency:
            case Urgency.EMERGENCY:
                return now.astimezone(UTC) + EMERGENCY_TARGET
            case Urgency.URGENT:
                return now.astimezone(UTC) + URGENT_TARGET
            case Urgency.SAME_DAY:
                return self._after_staffed(now, SAME_DAY_STAFFED)
            case Urgency.ROUTINE:
                return self._end_of_next_staffed_day(now)

    def promise(self, now: datetime, urgency: Urgency, language: str, zone: str = "") -> str:
        """When a nurse will answer, in words: "within 1 hour", "by 6 pm today", "Monday morning".

        Spoken on the clock of `zone` (the patient's), the team's when it is empty. While nobody is there, an urgent or emergency
        promise names when somebody will be, never an hour that only the on-call number keeps; nor does it reach past closing.
        """
        kind, due = self._answer_by(now, urgency, zone)
        if due is None or kind in (PromiseKind.MINUTES, PromiseKind.HOUR):
            return promise_words(kind, language)
        return promise_words(kind, language, to_local(now, zone or self.zone), to_local(due, zone or self.zone))

    def promise_holds_until(self, now: datetime, urgency: Urgency, zone: str = "") -> datetime:
        """Until when (UTC) the words of `promise` may be taken: a clock time to its half hour, a part of the day to its end.

        "When the clinic opens again" is held to a day, so that a promise without a time is looked at as well.
        """
        kind, due = self._answer_by(now, urgency, zone)
        if due is None:
            return now.astimezone(UTC) + timedelta(hours=24)
        if kind in (PromiseKind.MINUTES, PromiseKind.HOUR):
            return due
        last = last_moment(kind, to_local(due, zone or self.zone))
        return max(due, to_utc(last.date(), last.time(), zone or self.zone))

    def _answer_by(self, now: datetime, urgency: Urgency, zone: str) -> tuple[PromiseKind, datetime | None]:
        """How a promise is put, and the instant that it names; None when nobody can say."""
        opening = self.next_staffed(now)
        if opening is None:
            return PromiseKind.UNKNOWN, None
        if urgency in _IN_MINUTES:
            kind, target = _IN_MINUTES[urgency]
            closing = self.staffed_until(now)
            if closing is not None:
                if closing - now >= target:
                    return kind, now.astimezone(UTC) + target
                if closing - now >= SHORTEST_PROMISE and to_local(closing, zone or self.zone).minute % 30 == 0:
                    return PromiseKind.BY_HOUR, closing
                opening = self.next_staffed(closing)
                if opening is None:
                    return PromiseKind.UNKNOWN, None
            return PromiseKind.PART_OF_DAY, opening
        due = self.answer_due(now, urgency)
        today = to_local(now, zone or self.zone).date()
        if urgency is Urgency.SAME_DAY and to_local(due, zone or self.zone).date() != today:
            return PromiseKind.PART_OF_DAY, due
        return PromiseKind.BY_HOUR, due

    def to_json(self) -> dict[str, Any]:
        """Plain JSON: zone, hours by weekday name as ["08:00", "18:00"] pairs, holidays, after_hours_number."""
        weekly: dict[str, list[list[str]]] = {}
        for shift in self.hours:
            weekly.setdefault(_DAYS[shift.weekday], []).append([f"{shift.start:%H:%M}", f"{shift.end:%H:%M}"])
        return {
            "zone": self.zone,
            "hours": weekly,
            "holidays": sorted(day.isoformat() for day in self.holidays),
            "after_hours_number": self.after_hours_number,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Coverage:
        """The coverage that `to_json` wrote. ValueError for an unknown weekday, time or date."""
        shifts = []
        for name, pairs in data["hours"].items():
            if name not in _DAYS:
                raise ValueError(f'"{name[:20]}" is no weekday: write monday to sunday')
            shifts += [Shift(_DAYS.index(name), time.fromisoformat(a), time.fromisoformat(b)) for a, b in pairs]
        holidays = frozenset(date.fromisoformat(day) for day in data.get("holidays", ()))
        return cls(data["zone"], tuple(shifts), holidays, data.get("after_hours_number", ""))

    def _intervals(self, now: datetime) -> tuple[Interval, ...]:
        return _intervals(self, to_local(now, self.zone).date())

    def _of_day(self, day: date) -> list[Interval]:
        """The periods that begin on this local date (none on a holiday)."""
        if day in self.holidays:
            return []
        found = []
        for shift in self.hours:
            if shift.weekday == day.weekday():
                last = day if shift.end > shift.start else day + timedelta(days=1)
                found.append((to_utc(day, shift.start, self.zone), to_utc(last, shift.end, self.zone)))
        return sorted(found)

    def _after_staffed(self, now: datetime, amount: timedelta) -> datetime:
        left = amount
        for start, end in self._intervals(now):
            begin = max(start, now.astimezone(UTC))
            if begin >= end:
                continue
            if begin + left <= end:
                return begin + left
            left -= end - begin
        return now.astimezone(UTC) + timedelta(hours=24)

    def _end_of_next_staffed_day(self, now: datetime) -> datetime:
        today = to_local(now, self.zone).date()
        for offset in range(1, SEARCH_DAYS):
            periods = self._of_day(today + timedelta(days=offset))
            if periods:
                return max(end for _, end in periods)
        return now.astimezone(UTC) + timedelta(hours=24)


@lru_cache(maxsize=256)
def _intervals(coverage: Coverage, today: date) -> tuple[Interval, ...]:
    """Staffed periods from the day before `today` on, ascending, touching ones joined; remembered, since every reply asks."""
    found: list[Interval] = []
    for offset in range(-1, SEARCH_DAYS):
        for start, end in coverage._of_day(today + timedelta(days=offset)):
            if found and start <= found[-1][1]:
                found[-1] = (found[-1][0], max(end, found[-1][1]))
            else:
                found.append((start, end))
    return tuple(found)
