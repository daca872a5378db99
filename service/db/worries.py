"""A nurse's gut feeling about a patient: for 48 hours silence counts sooner, check-ins come daily, and the hand-over begins with them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Index, Row, Select, Table, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.database import among
from service.db.encryption import Encrypted
from service.db.patient import patients
from service.db.schema import Instant, id_column, metadata, new_id, organization_column, reference
from service.db.staff import staff as staff_table
from service.domain.staff import Staff

LASTS = timedelta(hours=48)
_STANDING = text("ended_at IS NULL")

worries = Table(
    "worries",
    metadata,
    id_column(),
    organization_column(),
    reference("patient_id", "patients"),
    reference("staff_id", "staff"),
    reference("ended_by", "staff", nullable=True),
    Column("reason", Encrypted("worries.reason"), doc="nobody has to give one"),
    Column("at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("ended_at", Instant, doc="set: somebody has taken it back before its time"),
    Index("ix_worries_patient_id", "patient_id", postgresql_where=_STANDING, sqlite_where=_STANDING),
)


@dataclass(frozen=True, slots=True)
class Worry:
    """Who worries about a patient, since when, until when, and why ("" when they did not say)."""

    id: UUID
    patient_id: UUID
    by: str
    at: datetime
    until: datetime
    reason: str = ""


async def add(connection: AsyncConnection, staff: Staff, patient_id: UUID, reason: str, now: datetime) -> UUID:
    """A new worry of 48 hours; an older one of the same patient ends with it."""
    await end(connection, staff, patient_id, now)
    id = new_id(now)
    row = {"id": id, "organization_id": staff.organization_id, "patient_id": patient_id, "staff_id": staff.id}
    await connection.execute(insert(worries).values(**row, reason=reason or None, at=now, until=now + LASTS))
    return id


async def end(connection: AsyncConnection, staff: Staff, patient_id: UUID, now: datetime) -> bool:
    """Takes back what stands for this patient; whether there was one."""
    mine = (worries.c.patient_id == patient_id) & (worries.c.organization_id == staff.organization_id) & worries.c.ended_at.is_(None)
    ended = await connection.execute(update(worries).where(mine).values(ended_at=now, ended_by=staff.id))
    return ended.rowcount > 0


async def standing(connection: AsyncConnection, patient_ids: Collection[UUID], now: datetime) -> dict[UUID, Worry]:
    """The worry about each of these patients that has one now. One statement."""
    if not patient_ids:
        return {}
    wanted = _worries(now).where(among(connection, worries.c.patient_id, patient_ids)).limit(1000)
    return {row.patient_id: _worry(row) for row in (await connection.execute(wanted)).all()}


async def of_teams(connection: AsyncConnection, staff: Staff, now: datetime, *, limit: int = 100) -> list[Worry]:
    """Every worry about a patient of this member's teams that stands now, the newest first: the hand-over begins with them."""
    wanted = (
        _worries(now)
        .join(patients, patients.c.id == worries.c.patient_id)
        .where(patients.c.organization_id == staff.organization_id, patients.c.team_id.in_(staff.team_ids))
        .order_by(worries.c.at.desc())
        .limit(limit)
    )
    return [_worry(row) for row in (await connection.execute(wanted)).all()]


async def pressed_at(connection: AsyncConnection, patient_ids: Collection[UUID], now: datetime) -> dict[UUID, datetime]:
    """When somebody began to worry about each of these patients, for those about whom they do now: silence counts from it sooner."""
    return {id: worry.at for id, worry in (await standing(connection, patient_ids, now)).items()}


def _worries(now: datetime) -> Select[Any]:
    return (
        select(worries, staff_table.c.name)
        .join(staff_table, staff_table.c.id == worries.c.staff_id)
        .where(worries.c.ended_at.is_(None), worries.c.until > now)
    )


def _worry(row: Row[Any]) -> Worry:
    return Worry(row.id, row.patient_id, row.name, row.at, row.until, row.reason or "")
