"""What is planned, waiting or was refused for one patient: check-ins, texts and calls, as rows for the page of next contacts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.calls import calls
from service.db.check_in import check_ins, enrollments
from service.db.communication import communications
from service.db.organization import holidays, sender_numbers
from service.db.patient import patients, phones
from service.db.senders import known_senders, senders
from service.domain.call import CallStatus
from service.domain.communication import Direction, Status

MOST = 60
"""Of each kind."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that did not leave lately."""

    at: datetime
    kind: str
    """text | call | check_in"""
    purpose: str
    programme: str
    status: str
    why: str


async def planned(connection: AsyncConnection, patient_id: UUID, now: datetime) -> list[UUID]:
    """Check-ins that are planned and not started, soonest first."""
    wanted = select(check_ins.c.id).where(check_ins.c.patient_id == patient_id, check_ins.c.status == "planned")
    return list((await connection.scalars(wanted.where(check_ins.c.useful_until > now).order_by(check_ins.c.due_at).limit(MOST))).all())


async def waiting_texts(connection: AsyncConnection, patient_id: UUID) -> list[UUID]:
    """Texts that are due or held."""
    c = communications.c
    wanted = select(c.id).where(c.patient_id == patient_id, c.direction == Direction.OUT, c.status.in_([Status.DUE, Status.HELD]))
    return list((await connection.scalars(wanted.order_by(c.due_at).limit(MOST))).all())


async def waiting_calls(connection: AsyncConnection, patient_id: UUID) -> list[UUID]:
    """Calls that are due."""
    wanted = select(calls.c.id).where(calls.c.patient_id == patient_id, calls.c.status == CallStatus.DUE)
    return list((await connection.scalars(wanted.order_by(calls.c.due_at).limit(MOST))).all())


async def refused(connection: AsyncConnection, patient_id: UUID, since: datetime) -> list[Refusal]:
    """What was cancelled or ran out since then, newest first."""
    c = communications.c
    texts = select(c.status_at, c.purpose, c.programme, c.status, c.reason, c.check_in_id).where(
        c.patient_id == patient_id,
        c.direction == Direction.OUT,
        c.status.in_([Status.CANCELLED, Status.EXPIRED]),
        c.status_at >= since,
    )
    rows = (await connection.execute(texts.order_by(c.status_at.desc()).limit(MOST))).all()
    found = [Refusal(row.status_at, "text", row.purpose, row.programme, row.status, row.reason) for row in rows]
    told = {row.check_in_id for row in rows if row.check_in_id is not None}
    rung = select(calls.c.status_at, calls.c.purpose, calls.c.programme, calls.c.status, calls.c.reason).where(
        calls.c.patient_id == patient_id,
        calls.c.status.in_([CallStatus.CANCELLED, CallStatus.EXPIRED]),
        calls.c.status_at >= since,
    )
    rung_rows = (await connection.execute(rung.order_by(calls.c.status_at.desc()).limit(MOST))).all()
    found += [Refusal(row.status_at, "call", row.purpose, row.programme, row.status, row.reason) for row in rung_rows]
    asked = (
        select(check_ins.c.id, check_ins.c.ended_at, check_ins.c.status, check_ins.c.held_why, enrollments.c.programme)
        .join(enrollments, enrollments.c.id == check_ins.c.enrollment_id)
        .where(
            check_ins.c.patient_id == patient_id,
            check_ins.c.status.in_(["cancelled", "expired", "paused"]),
            check_ins.c.ended_at >= since,
            check_ins.c.started_at.is_(None),
        )
    )
    for row in (await connection.execute(asked.order_by(check_ins.c.ended_at.desc()).limit(MOST))).all():
        why = row.held_why or row.status
        found += [] if row.id in told else [Refusal(row.ended_at, "check_in", "check_in", row.programme, row.status, why)]
    return sorted(found, key=lambda one: one.at, reverse=True)[:MOST]


async def patient_row(connection: AsyncConnection, patient_id: UUID) -> Any:
    """State, wish and birth date as they are on record."""
    c = patients.c
    columns = (c.birth_date, c.record_number, c.address, c.state, c.contact_from, c.contact_until, c.contact_days, c.on_holidays)
    return (await connection.execute(select(*columns).where(c.id == patient_id))).one()


async def sender_of(connection: AsyncConnection, organization_id: UUID, phone_id: UUID) -> str:
    """The number that this phone knows us by, else the organization's for patients; "" when neither is set."""
    known = select(senders.c.sender).join(known_senders, known_senders.c.sender_id == senders.c.id)
    found = await connection.scalar(known.where(known_senders.c.phone_id == phone_id))
    if found:
        return str(found)
    mine = select(sender_numbers.c.sender).where(
        sender_numbers.c.organization_id == organization_id, sender_numbers.c.purpose == "patients"
    )
    return str(await connection.scalar(mine.order_by(sender_numbers.c.id).limit(1)) or "")


async def coming_holidays(connection: AsyncConnection, organization_id: UUID, first: date, last: date) -> list[tuple[date, str]]:
    """The organization's holidays between two dates, both included, with their names."""
    wanted = select(holidays.c.local_date, holidays.c.name).where(
        holidays.c.organization_id == organization_id, holidays.c.local_date.between(first, last)
    )
    return [(row.local_date, row.name) for row in (await connection.execute(wanted.order_by(holidays.c.local_date))).all()]


async def number_of(connection: AsyncConnection, phone_id: UUID) -> str:
    """A phone's number (E.164)."""
    return str(await connection.scalar(select(phones.c.number).where(phones.c.id == phone_id)) or "")
