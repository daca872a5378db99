"""The audit trail as an auditor reads it: who did what to whose record and when, newest first, page by page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.audit import audit_events
from service.db.database import among
from service.db.patient import patients
from service.db.staff import staff

PAGE = 100


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for; None and "" for anything."""

    who: UUID | None = None
    """A member of staff."""
    whom: UUID | None = None
    """A patient, with the records that have become part of theirs."""
    action: str = ""
    """A code, or its beginning."""
    since: datetime | None = None
    until: datetime | None = None
    """Exclusive."""


@dataclass(frozen=True, slots=True)
class Place:
    """The last entry of a page: the next one goes on behind it."""

    at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the trail."""

    id: UUID
    at: datetime
    actor: str
    staff_id: UUID | None
    who: str
    patient_id: UUID | None
    whom: str
    action: str
    object_kind: str
    object_id: UUID | None
    detail: Mapping[str, Any]
    sequence: int | None
    hash: bytes | None


async def read(
    connection: AsyncConnection, organization_id: UUID, wanted: Wanted, after: Place | None, *, limit: int = PAGE
) -> list[Entry]:
    """Entries of an organization, newest first, behind `after`."""
    c = audit_events.c
    statement = (
        select(audit_events, staff.c.name.label("who"), patients.c.name.label("whom"))
        # Only names of the same organization: what an entry says of another's is an id that somebody typed.
        .outerjoin(staff, (staff.c.id == c.staff_id) & (staff.c.organization_id == c.organization_id))
        .outerjoin(patients, (patients.c.id == c.patient_id) & (patients.c.organization_id == c.organization_id))
        .where(c.organization_id == organization_id)
        .order_by(c.at.desc(), c.id.desc())
        .limit(limit)
    )
    if wanted.who is not None:
        statement = statement.where(c.staff_id == wanted.who)
    if wanted.whom is not None:
        statement = statement.where(among(connection, c.patient_id, await _one_person(connection, organization_id, wanted.whom)))
    if wanted.action:
        statement = statement.where(c.action.startswith(wanted.action, autoescape=True))
    if wanted.since is not None:
        statement = statement.where(c.at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(c.at < wanted.until)
    if after is not None:
        statement = statement.where((c.at < after.at) | ((c.at == after.at) & (c.id < after.id)))
    return [
        Entry(
            row.id,
            row.at,
            row.actor,
            row.staff_id,
            row.who or "",
            row.patient_id,
            row.whom or "",
            row.action,
            row.object_kind,
            row.object_id,
            row.detail,
            row.sequence,
            row.hash,
        )
        for row in (await connection.execute(statement)).all()
    ]


async def _one_person(connection: AsyncConnection, organization_id: UUID, patient_id: UUID) -> list[UUID]:
    """The records of this person: entries stay under the id that they were made with, whatever was merged since."""
    record = func.coalesce(patients.c.merged_into_id, patients.c.id)
    whose = select(record).where(patients.c.id == patient_id, patients.c.organization_id == organization_id)
    root = await connection.scalar(whose)
    if root is None:
        return [patient_id]
    parts = select(patients.c.id).where((patients.c.id == root) | (patients.c.merged_into_id == root))
    return sorted((await connection.scalars(parts)).all())
