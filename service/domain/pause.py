"""A pause of a patient's check-ins: why, from when until when, who may end it. While it is on, nobody counts as silent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from uuid import UUID

from service.domain.schedule import to_local, to_utc

LONGEST_DAYS = 90
"""No pause with an end is longer: by then somebody looks again whether check-ins are still wanted. Own choice."""


class PauseKind(StrEnum):
    """Why check-ins rest."""

    HOSPITAL = "hospital"
    AWAY = "away"
    OTHER = "other"


class PauseState(StrEnum):
    """A pause lies ahead, is on, or is over; it never goes back."""

    PLANNED = "planned"
    ON = "on"
    OVER = "over"


class PauseEnd(StrEnum):
    """How a pause came to its end."""

    DATE = "date"
    STAFF = "staff"
    PATIENT = "patient"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause that is planned, on or over."""

    id: UUID
    kind: PauseKind
    state: PauseState
    begins_at: datetime
    ends_at: datetime | None
    """None: until somebody ends it."""
    by_staff: bool
    """A member of staff set it; else the patient's own words did."""
    look_again_at: datetime | None = None


def may_pause(current: Pause | None, kind: PauseKind, *, by_staff: bool) -> bool:
    """Whether a new pause takes the place of the one that is on.

    Staff decide over every pause. The patient's own words change no hospital stay; a hospital stay that they tell of goes before
    everything else, another pause of theirs before none that staff have set.
    """
    if by_staff or current is None:
        return True
    if current.kind is PauseKind.HOSPITAL:
        return False
    return kind is PauseKind.HOSPITAL or not current.by_staff


def may_begin(current: Pause | None) -> bool:
    """Whether a planned pause takes the place of the one that is on when its day comes: not of a hospital stay, which was told after
    the plan was made and would end with the plan's last day (safety rule 43)."""
    return current is None or current.kind is not PauseKind.HOSPITAL


def ends_by_the_patients_word(current: Pause) -> bool:
    """A hospital stay ends by a nurse only (safety rule 43); other pauses also when the patient says that they are back."""
    return current.kind is not PauseKind.HOSPITAL


def end_of(days: int, zone: str, now: datetime) -> datetime:
    """The beginning of the patient's day so many days from now, at most LONGEST_DAYS: check-ins of that day run again."""
    return start_of(to_local(now, zone).date() + timedelta(days=min(days, LONGEST_DAYS)), zone)


def start_of(day: date, zone: str) -> datetime:
    """The instant at which this day begins where the patient is."""
    return to_utc(day, time(), zone)
