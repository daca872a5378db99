"""Claims of items whose nurse is gone, and safety texts that have brought no answer: found by query (law 11)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.communication import communications
from service.db.database import skip_locked
from service.db.escalation import concerns, escalation_events, escalations
from service.db.patient import patients, phones
from service.domain.communication import Direction, Purpose, Status
from service.domain.escalation import Reached, State
from service.domain.patient import PatientStatus
from service.domain.urgency import Urgency, by_rank


@dataclass(frozen=True, slots=True)
class Lapsed:
    """An item whose claim is over without its nurse having said more, or that was seen and never claimed; `claimed_by` is who that was."""

    id: UUID
    organization_id: UUID
    claimed_by: UUID | None
    urgency: Urgency


async def lapsed_claims(connection: AsyncConnection, now: datetime, limit: int) -> list[Lapsed]:
    """Claimed items whose lease is over, locked.

    Nurses' leases are minutes that the page shows, set by the clock of the service: that clock ends them too.
    """
    statement = (
        select(escalations.c.id, escalations.c.organization_id, escalations.c.claimed_by, escalations.c.urgency_rank)
        .where(escalations.c.state == State.CLAIMED, escalations.c.claimed_until <= now)
        .order_by(escalations.c.claimed_until)
        .limit(limit)
    )
    rows = (await connection.execute(skip_locked(statement))).all()
    return [Lapsed(row.id, row.organization_id, row.claimed_by, by_rank(row.urgency_rank)) for row in rows]


async def seen_and_not_taken(connection: AsyncConnection, before: datetime, limit: int) -> list[Lapsed]:
    """Open emergencies that somebody acknowledged before this and nobody has claimed since, locked."""
    statement = (
        select(escalations.c.id, escalations.c.organization_id, escalations.c.acknowledged_by, escalations.c.urgency_rank)
        .where(
            escalations.c.state == State.OPEN,
            escalations.c.urgency_rank == Urgency.EMERGENCY.rank,
            escalations.c.acknowledged_at <= before,
        )
        .order_by(escalations.c.acknowledged_at)
        .limit(limit)
    )
    rows = (await connection.execute(skip_locked(statement))).all()
    return [Lapsed(row.id, row.organization_id, row.acknowledged_by, Urgency.EMERGENCY) for row in rows]


async def last_emergencies(connection: AsyncConnection, patient_ids: Collection[UUID], since: datetime) -> dict[UUID, datetime]:
    """When each of these patients last told of an emergency, open or closed by now; those who have not since then are left out."""
    statement = (
        select(escalations.c.patient_id, func.max(concerns.c.raised_at))
        .join(concerns, concerns.c.escalation_id == escalations.c.id)
        .where(
            escalations.c.patient_id.in_(list(patient_ids)),
            concerns.c.urgency_rank == Urgency.EMERGENCY.rank,
            concerns.c.raised_at > since,
        )
        .group_by(escalations.c.patient_id)
    )
    return {row[0]: row[1] for row in (await connection.execute(statement)).all()}


@dataclass(frozen=True, slots=True)
class Unheard:
    """An item whose safety text has brought no answer in time; `arrived` when the provider says that it was delivered."""

    id: UUID
    organization_id: UUID
    communication_id: UUID
    status: Status
    reached: Reached
    key: str
    """Which safety text it was."""
    told_at: datetime
    phone_id: UUID
    patient_id: UUID | None
    """None for a number that belongs to nobody, or to several."""
    callable: bool
    """The number is safe to contact and nobody on it has opted out; the patient has not died."""

    @property
    def arrived(self) -> bool:
        """The patient has the text."""
        return self.status is Status.DELIVERED


FOLLOWED_UP = "patient_silent"
_ALIVE = frozenset({PatientStatus.ACTIVE, PatientStatus.PAUSED})


async def unheard_safety_texts(connection: AsyncConnection, now: datetime, after: timedelta, answers: str, limit: int) -> list[Unheard]:
    """Open items with a safety text, silence for as long as `after`, and no follow-up of it noted yet; locked.

    Words of another emergency break no silence, since the text is not sent a second time: it counts from them. `answers` begins the
    names of the rules for answers to the text; who has given one is not silent.
    """
    heard = communications.alias("heard")
    theirs = or_(
        heard.c.patient_id == escalations.c.patient_id, escalations.c.patient_id.is_(None) & (heard.c.phone_id == communications.c.phone_id)
    )
    since_then = (heard.c.direction == Direction.IN, heard.c.created_at > communications.c.created_at)
    last_words = select(func.max(heard.c.created_at)).where(theirs, *since_then).correlate(escalations, communications).scalar_subquery()
    silent_since = func.coalesce(last_words, communications.c.created_at)
    concern = exists().where(concerns.c.escalation_id == escalations.c.id)
    answered = concern.where(concerns.c.rule.startswith(answers, autoescape=True), concerns.c.raised_at >= communications.c.created_at)
    in_danger = concern.where(
        concerns.c.urgency_rank == Urgency.EMERGENCY.rank, concerns.c.communication_id.is_not(None), concerns.c.raised_at >= last_words
    )
    noted = exists().where(
        escalation_events.c.escalation_id == escalations.c.id,
        escalation_events.c.what == FOLLOWED_UP,
        escalation_events.c.at >= silent_since,
    )
    statement = (
        select(
            escalations.c.id,
            escalations.c.organization_id,
            communications.c.id.label("communication_id"),
            communications.c.status,
            escalations.c.reached,
            escalations.c.patient_id,
            communications.c.reason,
            communications.c.created_at,
            communications.c.phone_id,
            phones.c.unsafe_since,
            phones.c.opted_out_at,
            patients.c.status.label("patient_status"),
        )
        .join(communications, communications.c.escalation_id == escalations.c.id)
        .join(phones, phones.c.id == communications.c.phone_id)
        .outerjoin(patients, patients.c.id == escalations.c.patient_id)
        .where(
            escalations.c.state != State.RESOLVED,
            escalations.c.reached != Reached.NONE_NEEDED,
            communications.c.purpose == Purpose.SAFETY,
            communications.c.created_at <= now - after,
            communications.c.created_at > now - timedelta(days=1),
            silent_since <= now - after,
            or_(last_words.is_(None), in_danger),
            ~answered,
            ~noted,
        )
        .order_by(communications.c.created_at)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True, of=escalations)
    )
    return [
        Unheard(
            row.id,
            row.organization_id,
            row.communication_id,
            Status(row.status),
            Reached(row.reached),
            row.reason,
            row.created_at,
            row.phone_id,
            row.patient_id,
            row.unsafe_since is None and row.opted_out_at is None and row.patient_status in _ALIVE,
        )
        for row in (await connection.execute(statement)).all()
    ]
