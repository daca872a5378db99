"""The synthetic patient: an invented person who walks the whole way every quarter of an hour, so that a break shows before it hurts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

PATIENT_NUMBER = "+12025550185"
PAGES_NUMBER = "+12025550186"
DRILL_NUMBER = "+12025550187"
LOOP_NUMBERS = frozenset({PATIENT_NUMBER, PAGES_NUMBER, DRILL_NUMBER})
"""Numbers that nobody has (202-555-01xx is kept for fiction): what goes to them comes back to us and never meets a carrier."""

EVERY = timedelta(minutes=15)
"""Safety rule 45."""
LATE_AFTER = timedelta(minutes=20)
"""When no walk has begun for so long, one was missed."""
FIRST_AFTER = timedelta(minutes=10)
"""Own choice: a service that has just begun for the first time is left to settle."""


AWAY_AFTER = timedelta(minutes=2)
"""When nobody has looked at a walk for so long the service was away: the walk says nothing, and is broken off."""
STOPPED = "stopped"
"""How such a walk ends."""


class Station(StrEnum):
    """What a walk passes, in this order; each is seen where it leaves its mark, not where it was asked for."""

    ASKED = "asked"  # a text was handed to the provider through the routine lane
    ARRIVED = "arrived"  # it came in at the synthetic phone
    REPLIED = "replied"  # the phone's answer, words of danger, was given to the provider
    RECEIVED = "received"  # the answer is stored and was read
    RAISED = "raised"  # triage has opened an emergency, it stands in the queue
    PAGED = "paged"  # a page was handed to the provider
    PAGE_ARRIVED = "page_arrived"  # it came in at the phone of the synthetic person on call
    ANSWERED = "answered"  # the safety text came in at the synthetic phone
    CALLED = "called"  # nobody answers it, so a call was placed
    SPOKEN = "spoken"  # the call was picked up, and it was told what to say
    HUNG_UP = "hung_up"  # its end was told


WITHIN: Mapping[Station, timedelta] = {
    Station.ASKED: timedelta(minutes=2),
    Station.ARRIVED: timedelta(minutes=2),
    Station.REPLIED: timedelta(minutes=1),
    Station.RECEIVED: timedelta(minutes=2),
    Station.RAISED: timedelta(seconds=5),
    Station.PAGED: timedelta(minutes=1),
    Station.PAGE_ARRIVED: timedelta(minutes=2),
    Station.ANSWERED: timedelta(minutes=2),
    Station.CALLED: timedelta(minutes=4),
    Station.SPOKEN: timedelta(minutes=1),
    Station.HUNG_UP: timedelta(minutes=2),
}
"""After the latest station before it. Own choices: safety rule 19 for a page and a safety text, a slow carrier's minute beside it;
the call follows two minutes of silence."""


def next_station(reached: Mapping[Station, datetime]) -> Station | None:
    """The first station that the walk has yet to reach, None when it has reached all."""
    return next((station for station in Station if station not in reached), None)


def overdue(reached: Mapping[Station, datetime], began: datetime, now: datetime) -> Station | None:
    """The first station that was not reached in time: where the way is broken. None while all goes well."""
    station = next_station(reached)
    if station is None:
        return None
    latest = max([began, *reached.values()])
    return station if now - latest > WITHIN[station] else None
