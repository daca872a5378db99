"""A check-in as it was: what the patient replied and when, what was known of them then, and what was raised for a nurse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from service.domain.facts import Facts
from service.domain.patient import Team, surroundings
from service.domain.reading import Channel
from service.domain.schedule import to_local
from service.domain.urgency import Urgency

HISTORY = timedelta(days=90)
MAXIMUM_VALUES = 200
"""How far back facts reach, and how many values, doses and symptoms each they hold: as when a reply comes in."""


@dataclass(frozen=True, slots=True)
class PastReply:
    """What the patient wrote or said, when, and what was read in it then."""

    id: UUID
    at: datetime
    text: str = field(repr=False)
    channel: Channel = Channel.SMS
    reading: Mapping[str, Any] | None = field(default=None, repr=False)
    """As it was kept: lexicon, missing, findings; None when it was not."""
    in_session: bool = True
    """False for a text that came after the check-in was over, and may have answered its last question late."""


@dataclass(frozen=True, slots=True)
class PastItem:
    """A rule that fired then and was raised for a nurse."""

    rule: str
    urgency: Urgency
    reason: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PastCheckIn:
    """A conversation that is over. No name stands in it but the first one (in `known`), by which others may speak of the patient."""

    id: UUID
    """Of the conversation."""
    patient_id: UUID
    initials: str
    local_date: date
    """The day of the check-in on the patient's calendar."""
    version_id: UUID
    """The flow version that it ran on."""
    state: Mapping[str, Any] = field(repr=False)
    """The conversation at its end, in the engine's own JSON; {} when it was not kept."""
    started_at: datetime
    ended_at: datetime
    silent: bool
    """True when it ended because nobody answered."""
    zone: str
    known: Facts = field(repr=False)
    """What the record says of the patient, with all that they told long before and after; see `facts`."""
    known_as_it_was: bool = False
    """True when conditions, medicines, limits and risk were kept with an item of this check-in. Else they are those of today's record."""
    team: Team | None = field(default=None, repr=False)
    """With its hours of duty as they stand today."""
    starts_on: date | None = None
    """First day of the enrollment."""
    replies: tuple[PastReply, ...] = ()
    """Oldest first."""
    items: tuple[PastItem, ...] = ()
    emergencies: tuple[datetime, ...] = ()
    """When the patient told of an emergency, anywhere, within HISTORY before and until it ended."""
    led_by: Urgency | None = None
    """Of a safety re-check: how urgent it was what led to it, and since when its first wait counts. None for others."""
    since: datetime | None = None

    def facts(self, at: datetime) -> Facts:
        """What was known at this instant, as far as it can be told today.

        Readings, doses, symptoms and kept answers are those told before then, as they were read then. Whether somebody was on duty
        follows from the hours of duty of today.
        """
        told, since = self.known.before(at), at - HISTORY
        days = (to_local(at, self.zone).date() - self.starts_on).days + 1 if self.starts_on is not None else 0
        around = surroundings(self.team, told.language, self.zone, at) if self.team is not None else {}
        return replace(
            told,
            history=tuple(past for past in told.history if past.taken_at > since)[-MAXIMUM_VALUES:],
            doses=tuple(dose for dose in told.doses if dose.taken_at > since)[-MAXIMUM_VALUES:],
            symptoms=tuple(symptom for symptom in told.symptoms if symptom.at > since)[-MAXIMUM_VALUES:],
            recorded=tuple(kept for kept in told.recorded if kept.at > since)[-MAXIMUM_VALUES:],
            day=days if days >= 1 else None,
            emergency_at=max((told_at for told_at in self.emergencies if told_at <= at), default=None),
            **around,
        )
