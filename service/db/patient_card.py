"""A patient's card: what a nurse wants to see at a glance, on the patient's page and beside an item."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.check_in import check_ins, enrollments
from service.db.escalation import escalations
from service.db.follow_ups import follow_ups
from service.db.organization import teams
from service.db.patient import (
    care_plans,
    conditions,
    limits,
    medications,
    patient_phones,
    patients,
    phones,
    related_persons,
)
from service.db.pauses import shown
from service.domain.escalation import Kind, State

MOST = 50


@dataclass(frozen=True, slots=True)
class PatientCard:
    """The record at a glance; lists are at most 50 long."""

    id: UUID
    organization_id: UUID
    team_id: UUID
    team: str
    name: str
    birth_date: str
    record_number: str
    language: str
    zone: str
    status: str
    allergies: str
    """In the nurse's words; "": nobody has asked."""
    emergency_instruction: str
    emergency_instruction_by: str
    merged_into_id: UUID | None
    last_heard_at: datetime | None
    phones: tuple[Row[Any], ...]
    """Each with `confirmed_at`, `doubted_at` and `others`: how many other patients have the same number."""
    conditions: tuple[str, ...]
    medications: tuple[Row[Any], ...]
    """Those that are taken."""
    limits: tuple[Row[Any], ...]
    """Also those that begin later; those that have ended are left out."""
    care_plans: tuple[Row[Any], ...]
    related_persons: tuple[Row[Any], ...]
    pauses: tuple[Row[Any], ...]
    """Pauses of the check-ins that are planned or on, each with `author` (None: the patient's own words)."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """What is open and what comes next."""

    enrollments: tuple[Row[Any], ...]
    """Programmes that run or rest."""
    item: Row[Any] | None
    """The open clinical item: id, urgency_rank, summary, state."""
    next_check_in: datetime | None
    next_follow_up: datetime | None


async def load_card(connection: AsyncConnection, patient_id: UUID, today: date) -> PatientCard | None:
    """The card of a patient, None when there is no such one. Whoever calls asks whether the member may see it."""
    wanted = select(patients, teams.c.name.label("team")).join(teams, teams.c.id == patients.c.team_id)
    row = (await connection.execute(wanted.where(patients.c.id == patient_id))).first()
    if row is None:
        return None

    async def some(wanted: Any) -> tuple[Row[Any], ...]:
        return tuple((await connection.execute(wanted.limit(MOST))).all())

    return PatientCard(
        id=row.id,
        organization_id=row.organization_id,
        team_id=row.team_id,
        team=row.team,
        name=row.name,
        birth_date=row.birth_date or "",
        record_number=row.record_number or "",
        language=row.language,
        zone=row.zone,
        status=row.status,
        allergies=row.allergies or "",
        emergency_instruction=row.emergency_instruction or "",
        emergency_instruction_by=row.emergency_instruction_by or "",
        merged_into_id=row.merged_into_id,
        last_heard_at=row.last_inbound_at,
        phones=await some(_phones(patient_id)),
        conditions=tuple(
            code
            for (code,) in await some(select(conditions.c.code).where(conditions.c.patient_id == patient_id).order_by(conditions.c.code))
        ),
        medications=await medicines(connection, patient_id, today),
        limits=await limits_of(connection, patient_id, today),
        care_plans=await some(
            select(care_plans)
            .where(care_plans.c.patient_id == patient_id, care_plans.c.ended_at.is_(None))
            .order_by(care_plans.c.created_at.desc())
        ),
        related_persons=await some(
            select(related_persons, phones.c.number)
            .outerjoin(phones, phones.c.id == related_persons.c.phone_id)
            .where(related_persons.c.patient_id == patient_id, related_persons.c.ended_at.is_(None))
            .order_by(related_persons.c.id)
        ),
        pauses=tuple(await shown(connection, patient_id)),
    )


async def load_ahead(connection: AsyncConnection, patient_id: UUID, now: datetime) -> Ahead:
    """The programmes of a patient, the open item, and what is planned next."""
    places = (
        select(enrollments)
        .where(enrollments.c.patient_id == patient_id, enrollments.c.status.in_(["active", "paused", "opted_out"]))
        .order_by(enrollments.c.created_at, enrollments.c.id)
    )
    open_item = select(
        escalations.c.id, escalations.c.urgency_rank, escalations.c.summary, escalations.c.state, escalations.c.due_at
    ).where(escalations.c.patient_id == patient_id, escalations.c.state != State.RESOLVED, escalations.c.kind == Kind.CLINICAL)
    planned = select(func.min(check_ins.c.due_at)).where(
        check_ins.c.patient_id == patient_id, check_ins.c.status == "planned", check_ins.c.useful_until > now
    )
    follow_up = select(func.min(follow_ups.c.due_at)).where(follow_ups.c.patient_id == patient_id, follow_ups.c.state == "planned")
    dates = (
        await connection.execute(select(planned.scalar_subquery().label("check_in"), follow_up.scalar_subquery().label("follow_up")))
    ).one()
    item: Any = (await connection.execute(open_item.limit(1))).first()
    return Ahead(
        tuple((await connection.execute(places.limit(MOST))).all()),
        item,
        dates.check_in,
        dates.follow_up,
    )


async def medicines(connection: AsyncConnection, patient_id: UUID, today: date) -> tuple[Row[Any], ...]:
    """The medicines that are taken, in the order in which they came on the list."""
    taken = or_(medications.c.ended_on.is_(None), medications.c.ended_on > today)
    wanted = select(medications).where(medications.c.patient_id == patient_id, taken).order_by(medications.c.id)
    return tuple((await connection.execute(wanted.limit(MOST))).all())


async def limits_of(connection: AsyncConnection, patient_id: UUID, today: date) -> tuple[Row[Any], ...]:
    """The limits that hold or will, by name."""
    wanted = select(limits).where(limits.c.patient_id == patient_id, or_(limits.c.ends_on.is_(None), limits.c.ends_on >= today))
    return tuple((await connection.execute(wanted.order_by(limits.c.name).limit(MOST))).all())


async def limit_id(connection: AsyncConnection, patient_id: UUID, name: str) -> UUID | None:
    """The row of the limit of this name, also of one that has ended; None without one."""
    found: UUID | None = await connection.scalar(select(limits.c.id).where(limits.c.patient_id == patient_id, limits.c.name == name))
    return found


def _phones(patient_id: UUID) -> Any:
    other = patient_phones.alias("other")
    others = (
        select(func.count())
        .where(other.c.phone_id == phones.c.id, other.c.patient_id != patient_id, other.c.ended_at.is_(None))
        .scalar_subquery()
        .label("others")
    )
    return (
        select(phones, patient_phones.c.confirmed_at, patient_phones.c.doubted_at, others)
        .join(patient_phones, patient_phones.c.phone_id == phones.c.id)
        .where(patient_phones.c.patient_id == patient_id, patient_phones.c.ended_at.is_(None))
        .order_by(patient_phones.c.position)
    )
