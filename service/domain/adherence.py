"""Doses day by day: what a patient has told of a medicine in a month, and what is not known. Pure."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

EVERY_MEDICINE = ""
"""A report that names no medicine counts for all that are asked about."""


class Day(StrEnum):
    """What is known of a day; the values are the letters that stand in the calendar."""

    TAKEN = "T"
    MISSED = "M"
    PARTLY = "P"
    UNKNOWN = "?"
    NOT_ASKED = "-"


@dataclass(frozen=True, slots=True)
class DoseReport:
    """A dose told of on a local date: taken, missed, partly or unsure, and of which kinds of medicine (none: all)."""

    day: date
    status: str
    medicines: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Month:
    """One medicine in one month: its days in order, and how many of them are what."""

    medicine: str
    days: tuple[Day, ...]

    @property
    def answered(self) -> int:
        """Days of which something is known."""
        return sum(day in (Day.TAKEN, Day.MISSED, Day.PARTLY) for day in self.days)

    @property
    def asked(self) -> int:
        """Days on which the patient was asked, or has told by themselves."""
        return sum(day is not Day.NOT_ASKED for day in self.days)

    @property
    def percent_taken(self) -> int | None:
        """Days taken in whole, in percent of those answered; None without an answer. Days without an answer count neither way."""
        return round(100 * self.days.count(Day.TAKEN) / self.answered) if self.answered else None


_WORST_LAST = {"taken": Day.TAKEN, "partly": Day.PARTLY, "missed": Day.MISSED}


def month_of(medicine: str, reports: Sequence[DoseReport], asked: Collection[date], year: int, month: int, today: date) -> Month:
    """The calendar of a medicine's kind (`EVERY_MEDICINE`: of all reports) in a month; days after `today` are not asked.

    Several reports on a day: the worst counts, missed before partly before taken, and each before "unsure". A dose that was late in
    telling stands on the day on which it was told.
    """
    told: dict[date, Day] = {}
    for report in reports:
        if medicine != EVERY_MEDICINE and report.medicines and medicine not in report.medicines:
            continue
        kind, before = _WORST_LAST.get(report.status, Day.UNKNOWN), told.get(report.day, Day.UNKNOWN)
        told[report.day] = max(kind, before, key=_rank)
    days = [date(year, month, number) for number in range(1, monthrange(year, month)[1] + 1)]
    return Month(medicine, tuple(_day(day, told, asked, today) for day in days))


def _day(day: date, told: dict[date, Day], asked: Collection[date], today: date) -> Day:
    if day in told:
        return told[day]
    return Day.UNKNOWN if day in asked and day <= today else Day.NOT_ASKED


def _rank(day: Day) -> int:
    return (Day.NOT_ASKED, Day.UNKNOWN, Day.TAKEN, Day.PARTLY, Day.MISSED).index(day)
