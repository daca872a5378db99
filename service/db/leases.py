"""Claims whose holders are gone, nurses or processes, and safety texts that have brought no answer: found by query (law 11)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, exists, func, literal, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.calls import calls
from service.db.communication import communications
from service.db.database import database_now, skip_locked
from service.db.due_work import due_work
from service.db.escalation import concerns, escalation_events, escalations, pages
from service.db.patient import patients, phones
from service.db.schema import Instant
from service.domain.call import CallStatus
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


async def given_up_items(connection: AsyncConnection, now: datetime, before: Mapping[Urgency, datetime], limit: int) -> list[UUID]:
    """Items that `lapsed_claims`, `seen_and_not_taken` or `slept_enough` would find now, at most `limit` of each."""
    claims_over = select(escalations.c.id).where(*_lapsed(now)).order_by(escalations.c.claimed_until).limit(limit)
    not_taken = select(escalations.c.id).where(*_idle(before)).order_by(escalations.c.acknowledged_at).limit(limit)
    slept = select(escalations.c.id).where(*_asleep(now)).order_by(escalations.c.snoozed_until).limit(limit)
    return [id for statement in (claims_over, not_taken, slept) for id in (await connection.scalars(statement)).all()]


def _asleep(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return escalations.c.state == State.SNOOZED, escalations.c.snoozed_until <= now


def _lapsed(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return escalations.c.state == State.CLAIMED, escalations.c.claimed_until <= now


def _idle(before: Mapping[Urgency, datetime]) -> tuple[ColumnElement[bool], ...]:
    waited = [(escalations.c.urgency_rank == urgency.rank) & (escalations.c.acknowledged_at <= at) for urgency, at in before.items()]
    return escalations.c.state == State.OPEN, or_(*waited)


async def lapsed_claims(connection: AsyncConnection, now: datetime, ids: Collection[UUID]) -> list[Lapsed]:
    """Those of these items that are claimed and whose lease is over, locked.

    Nurses' leases are minutes that the page shows, set by the clock of the service: that clock ends them too.
    """
    statement = (
        select(escalations.c.id, escalations.c.organization_id, escalations.c.claimed_by, escalations.c.urgency_rank)
        .where(escalations.c.id.in_(list(ids)), *_lapsed(now))
        .order_by(escalations.c.claimed_until)
    )
    rows = (await connection.execute(skip_locked(statement))).all()
    return [Lapsed(row.id, row.organization_id, row.claimed_by, by_rank(row.urgency_rank)) for row in rows]


async def slept_enough(connection: AsyncConnection, now: datetime, ids: Collection[UUID]) -> list[Lapsed]:
    """Those of these items that were put off until now at most, locked; `claimed_by` is who has put them off."""
    statement = (
        select(escalations.c.id, escalations.c.organization_id, escalations.c.claimed_by, escalations.c.urgency_rank)
        .where(escalations.c.id.in_(list(ids)), *_asleep(now))
        .order_by(escalations.c.snoozed_until)
    )
    rows = (await connection.execute(skip_locked(statement))).all()
    return [Lapsed(row.id, row.organization_id, row.claimed_by, by_rank(row.urgency_rank)) for row in rows]


async def seen_and_not_taken(connection: AsyncConnection, before: Mapping[Urgency, datetime], ids: Collection[UUID]) -> list[Lapsed]:
    """Those of these items that are open, of these urgencies, acknowledged before the instant given and not claimed since, locked."""
    statement = (
        select(escalations.c.id, escalations.c.organization_id, escalations.c.acknowledged_by, escalations.c.urgency_rank)
        .where(escalations.c.id.in_(list(ids)), *_idle(before))
        .order_by(escalations.c.acknowledged_at)
    )
    rows = (await connection.execute(skip_locked(statement))).all()
    return [Lapsed(row.id, row.organization_id, row.acknowledged_by, by_rank(row.urgency_rank)) for row in rows]


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


async def unheard_items(connection: AsyncConnection, now: datetime, after: timedelta, answers: str, limit: int) -> list[UUID]:
    """The items of `unheard_safety_texts`, those whose text is the oldest first."""
    waiting = _unheard((escalations.c.id,), now, after, answers).order_by(communications.c.created_at).limit(limit)
    return list(dict.fromkeys((await connection.scalars(waiting)).all()))


async def unheard_safety_texts(
    connection: AsyncConnection, now: datetime, after: timedelta, answers: str, ids: Collection[UUID]
) -> list[Unheard]:
    """Those of these items that are open with a safety text, silence for as long as `after`, and no follow-up of it noted yet; locked.

    Words of another emergency break no silence, since the text is not sent a second time: it counts from them. `answers` begins the
    names of the rules for answers to the text; who has given one is not silent. A relative's or carer's words are the patient's only where
    the text went to their number.
    """
    columns = (
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
    statement = (
        _unheard(columns, now, after, answers)
        .where(escalations.c.id.in_(list(ids)))
        .order_by(communications.c.created_at)
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


def _unheard(columns: Sequence[ColumnElement[Any]], now: datetime, after: timedelta, answers: str) -> Select[Any]:
    heard = communications.alias("heard")
    same_phone = heard.c.phone_id == communications.c.phone_id
    theirs = or_(
        (heard.c.patient_id == escalations.c.patient_id) & (heard.c.related_person_id.is_(None) | same_phone),
        escalations.c.patient_id.is_(None) & same_phone,
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
    return (
        select(*columns)
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
    )


async def lost_claims(connection: AsyncConnection, table: Table, now: datetime, limit: int) -> list[tuple[UUID, UUID]]:
    """(text or page, attempt) of claims whose holder is gone, of communications or pages: nobody knows whether the provider has them."""
    statement = (
        select(table.c.id, table.c.attempt_id)
        .where(
            text(f"{table.name}.status IN ('claimed', 'unknown')"),  # as the index says it
            table.c.status == Status.CLAIMED,
            table.c.lease_until <= database_now(connection, now),
        )
        .order_by(table.c.lease_until)
        .limit(limit)
    )
    return [(row.id, row.attempt_id) for row in (await connection.execute(statement)).all()]


async def end_claims(connection: AsyncConnection, now: datetime) -> int:
    """Ends every lease on texts, pages, calls and work that is claimed; how many. Only for a process that is alone on its database."""
    ended = 0
    for table, claimed in (
        (communications, communications.c.status == Status.CLAIMED),
        (pages, pages.c.status == Status.CLAIMED),
        (calls, calls.c.status == CallStatus.CLAIMED),
        (due_work, due_work.c.state == "claimed"),
    ):
        over = update(table).where(claimed, table.c.lease_until > literal(now, Instant())).values(lease_until=now)
        ended += (await connection.execute(over)).rowcount
    return ended
