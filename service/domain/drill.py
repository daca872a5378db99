"""A drill: words of danger from an invented patient, to the people who would be paged now. What it passes, and how soon it should."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from enum import StrEnum

from service.domain.schedule import to_local, to_utc

MOST_DAYS = 92
"""A quarter: people forget by then."""


class Station(StrEnum):
    """What a drill passes; two ways part after RAISED, one to the staff and one to the patient."""

    SAID = "said"  # words of danger were given to our own webhook
    RAISED = "raised"  # triage has opened the item
    ANSWERED = "answered"  # the safety text was handed to the provider
    HEARD = "heard"  # it has reached the invented patient
    PAGED = "paged"  # the first page was handed to the provider
    ACKNOWLEDGED = "acknowledged"  # somebody has pressed the key, answered the page or opened the item and said so
    FOLLOWED = "followed"  # the patient's answer to the safety text stands on the item


class Result(StrEnum):
    """How a drill ended."""

    PASSED = "passed"
    FAILED = "failed"


WITHIN: Mapping[Station, timedelta] = {
    Station.SAID: timedelta(seconds=30),
    Station.RAISED: timedelta(seconds=60),
    Station.ANSWERED: timedelta(seconds=60),
    Station.HEARD: timedelta(minutes=3),
    Station.PAGED: timedelta(seconds=60),
    Station.ACKNOWLEDGED: timedelta(minutes=15),
    Station.FOLLOWED: timedelta(minutes=5),
}
"""From its begin. Safety rule 19: page and safety text within 60 s; EMERGENCY_TARGET: an emergency is taken within 15 minutes; the
others are own choices, with a slow carrier's minute in them."""


def missed(reached: Mapping[Station, datetime], began: datetime, now: datetime) -> Station | None:
    """The first station that was not reached in time; None while all goes well."""
    late = (station for station in Station if station not in reached and now - began > WITHIN[station])
    return next(late, None)


def next_moment(now: datetime, zone: str, every_days: int, starts: time, ends: time, chance: float) -> datetime:
    """When the next unannounced drill is due: `every_days` days after today, local, at a moment between `starts` and `ends` that nobody
    can foretell (`chance` from 0 to 1). Aware UTC."""
    day = to_local(now, zone).date() + timedelta(days=every_days)
    first, last = to_utc(day, starts, zone), to_utc(day, ends, zone)
    return first + max(timedelta(), last - first) * chance


def why_not_plan(every_days: int, starts: time, ends: time) -> str:
    """What is wrong with a plan, "" when nothing is."""
    if not 1 <= every_days <= MOST_DAYS:
        return f"Drill a team every 1 to {MOST_DAYS} days."
    if ends <= starts:
        return "Write the later time second: drills begin between two times of one day."
    return ""


def seconds(reached: Mapping[Station, datetime], began: datetime) -> dict[Station, float]:
    """How long each station took, from the begin of the drill."""
    return {station: (reached[station] - began).total_seconds() for station in Station if station in reached}
