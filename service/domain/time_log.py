"""Minutes that people spend on a patient: how they are counted, what they may be billed under, and the marks of a month.

Sources (confirm each year): CMS physician fee schedule for remote monitoring (10 and 20 minutes a month, each further 20) and for
chronic care management (20, complex 60, each further 20 or 30); 16 days of device data in 30. Time of automation is never counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from uuid import UUID

from service.domain.schedule import to_utc

MARKS_MINUTES = (10, 16, 20, 40, 60)
DATA_DAYS_MARK = 16
DATA_DAYS_OF = 30
IDLE = timedelta(minutes=2)
"""The page's timer stops after this without a touch; no beat counts for more."""
LONGEST_MINUTES = 240
"""Of one entry by hand."""


class Activity(StrEnum):
    """What was done."""

    ITEM = "item"
    CALL = "call"
    REVIEW = "review"
    COORDINATION = "coordination"
    EDUCATION = "education"
    MEDICINES = "medicines"
    OTHER = "other"


class Code(StrEnum):
    """The one programme of billing that a minute belongs to, or none."""

    NONE = "none"
    RPM = "rpm"
    RTM = "rtm"
    CCM = "ccm"
    PCM = "pcm"
    TCM = "tcm"


@dataclass(frozen=True, slots=True)
class Entry:
    """Time of one member of staff on one patient; `seconds` are those that count, `struck` ones are kept and not counted."""

    id: UUID
    staff_id: UUID
    author: str
    source: str
    activity: Activity
    code: Code
    seconds: int
    words: str
    started_at: datetime
    escalation_id: UUID | None
    struck: bool = False


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month on the clinic's clock."""

    year: int
    month: int

    def bounds(self, zone: str) -> tuple[datetime, datetime]:
        """Its first instant and that of the next one (UTC)."""
        return to_utc(self._first(), time(), zone), to_utc(self.next()._first(), time(), zone)

    def next(self) -> Month:
        """The month after it."""
        return Month(self.year + self.month // 12, self.month % 12 + 1)

    def before(self) -> Month:
        """The month before it."""
        return Month(self.year - (self.month == 1), (self.month - 2) % 12 + 1)

    def _first(self) -> date:
        return date(self.year, self.month, 1)

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"

    @classmethod
    def parse(cls, text: str) -> Month | None:
        """The month of "2026-11"; None when it is none between 2000 and 2100."""
        try:
            day = date.fromisoformat(f"{text}-01")
        except ValueError:
            return None
        return cls(day.year, day.month) if 2000 <= day.year < 2100 and len(text) == 7 else None


@dataclass(frozen=True, slots=True)
class Total:
    """Whole minutes of a month: of all, and by code."""

    minutes: int
    by_code: Mapping[Code, int]

    def marks(self, code: Code) -> tuple[tuple[int, bool], ...]:
        """(minutes, reached) for each mark of a code; minutes of one code never count for another."""
        return tuple((mark, self.by_code.get(code, 0) >= mark) for mark in MARKS_MINUTES)


def total(entries: Iterable[Entry]) -> Total:
    """Adds up what counts. Seconds are added before minutes are cut, so that many short touches are not lost."""
    seconds: dict[Code, int] = {}
    for entry in entries:
        if not entry.struck:
            seconds[entry.code] = seconds.get(entry.code, 0) + entry.seconds
    return Total(sum(seconds.values()) // 60, {code: amount // 60 for code, amount in sorted(seconds.items())})


def proposed_minutes(measured_seconds: int) -> int:
    """What a note proposes for its minutes: the whole ones that were measured, and one at least: without script a page measures none."""
    return max(1, measured_seconds // 60)


def beyond(stated_minutes: int, measured_seconds: int) -> int:
    """The seconds that a note's minutes add to what was measured.

    A note that says no more than was proposed from a measure adds none: what was measured stands to the second, and part minutes add up
    over the month. One that says more, or that nothing was measured for, is a person's own statement, and all of it counts.
    """
    if measured_seconds and stated_minutes <= proposed_minutes(measured_seconds):
        return 0
    return max(0, stated_minutes * 60 - measured_seconds)


def counted(asked_seconds: float, last_at: datetime | None, now: datetime) -> int:
    """How many seconds of a timer's beat count: no more than have passed since this member's last beat on any patient, and than IDLE.

    So two windows open at once, or two patients, never count a minute twice.
    """
    most = IDLE.total_seconds()
    if last_at is not None:
        most = min(most, max(0.0, (now - last_at).total_seconds()))
    return int(max(0.0, min(asked_seconds, most)))
