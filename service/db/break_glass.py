"""Opening a record with a reason, and the report of it: who, whose, why, for how long, and what they looked at and did."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.audit import audit_events
from service.db.encryption import keyring_of
from service.db.escalation import concerns
from service.db.opened_records import opened_records
from service.db.organization import teams
from service.db.patient import patient_phones, patients, phones
from service.db.schema import new_id
from service.db.staff import staff
from service.domain.escalation import Escalation

PAGE = 50
RULE = "record_opened"
"""Of the operational item that tells the patient's team."""


@dataclass(frozen=True, slots=True)
class Opened:
    """One opening, as the report shows it."""

    id: UUID
    staff_id: UUID
    who: str
    patient_id: UUID
    patient: str
    team_id: UUID
    team: str
    reason: str
    opened_at: datetime
    ends_at: datetime
    events: int
    """Views and changes of this record by this member in that time, in the audit trail."""
    reviewed_at: datetime | None
    reviewer: str
    review: str


async def open_now(connection: AsyncConnection, staff_id: UUID, now: datetime) -> dict[UUID, tuple[str, datetime]]:
    """Patient -> name and end, of the records that this member has open."""
    wanted = (
        select(opened_records.c.patient_id, patients.c.name, opened_records.c.ends_at)
        .join(patients, patients.c.id == opened_records.c.patient_id)
        .where(opened_records.c.staff_id == staff_id, opened_records.c.ends_at > now)
    )
    return {row.patient_id: (row.name, row.ends_at) for row in (await connection.execute(wanted)).all()}


async def only_patient_of(connection: AsyncConnection, organization_id: UUID, number: str) -> UUID | None:
    """The patient with this telephone number (E.164); None for nobody and for several."""
    index = keyring_of(connection).blind_index(organization_id, number)
    wanted = (
        select(patient_phones.c.patient_id)
        .join(phones, phones.c.id == patient_phones.c.phone_id)
        .join(patients, patients.c.id == patient_phones.c.patient_id)
        .where(phones.c.organization_id == organization_id, phones.c.number_index == index, patient_phones.c.ended_at.is_(None))
        .where(patients.c.merged_into_id.is_(None))
        .limit(2)
    )
    found = (await connection.scalars(wanted)).all()
    return found[0] if len(found) == 1 else None


async def keep(
    connection: AsyncConnection,
    organization_id: UUID,
    *,
    staff_id: UUID,
    patient_id: UUID,
    team_id: UUID,
    reason: str,
    ends_at: datetime,
    now: datetime,
) -> UUID:
    """Keeps an opening; its id."""
    id = new_id(now)
    await connection.execute(
        insert(opened_records).values(
            id=id,
            organization_id=organization_id,
            staff_id=staff_id,
            patient_id=patient_id,
            team_id=team_id,
            reason=reason,
            opened_at=now,
            ends_at=ends_at,
        )
    )
    return id


async def close(connection: AsyncConnection, staff_id: UUID, patient_id: UUID, now: datetime) -> int:
    """Ends what this member has open of a patient; how many."""
    theirs = (opened_records.c.staff_id == staff_id) & (opened_records.c.patient_id == patient_id) & (opened_records.c.ends_at > now)
    return (await connection.execute(update(opened_records).where(theirs).values(ends_at=now))).rowcount


async def tells_of(connection: AsyncConnection, item: Escalation, staff_id: UUID) -> bool:
    """Whether this item tells the team that this member has opened its patient's record."""
    about = exists().where(concerns.c.escalation_id == item.id, concerns.c.rule == RULE)
    theirs = (opened_records.c.staff_id == staff_id) & (opened_records.c.patient_id == item.patient_id)
    found = select(opened_records.c.id).where(about, theirs, opened_records.c.opened_at >= item.opened_at)
    return await connection.scalar(found.limit(1)) is not None


async def report(
    connection: AsyncConnection, organization_id: UUID, *, team_ids: Collection[UUID] | None, before: UUID | None, limit: int = PAGE
) -> list[Opened]:
    """Openings, newest first; of these teams' patients (None: all), `before`: the last one of the page before."""
    reviewer = staff.alias("reviewer")
    within = (audit_events.c.at >= opened_records.c.opened_at) & (audit_events.c.at <= opened_records.c.ends_at)
    whose = (audit_events.c.patient_id == opened_records.c.patient_id) & (audit_events.c.staff_id == opened_records.c.staff_id)
    events = select(func.count()).select_from(audit_events).where(whose, within).scalar_subquery()
    wanted = (
        select(
            opened_records,
            staff.c.name.label("who"),
            patients.c.name.label("patient"),
            teams.c.name.label("team"),
            reviewer.c.name.label("reviewer"),
            events.label("events"),
        )
        .join(staff, staff.c.id == opened_records.c.staff_id)
        .join(patients, patients.c.id == opened_records.c.patient_id)
        .join(teams, teams.c.id == opened_records.c.team_id)
        .outerjoin(reviewer, reviewer.c.id == opened_records.c.reviewed_by)
        .where(opened_records.c.organization_id == organization_id)
        .order_by(opened_records.c.id.desc())
        .limit(limit)
    )
    if team_ids is not None:
        wanted = wanted.where(opened_records.c.team_id.in_(list(team_ids)))
    if before is not None:
        wanted = wanted.where(opened_records.c.id < before)
    return [
        Opened(
            row.id,
            row.staff_id,
            row.who,
            row.patient_id,
            row.patient,
            row.team_id,
            row.team,
            row.reason,
            row.opened_at,
            row.ends_at,
            row.events,
            row.reviewed_at,
            row.reviewer or "",
            row.review or "",
        )
        for row in (await connection.execute(wanted)).all()
    ]


async def review(
    connection: AsyncConnection, id: UUID, organization_id: UUID, *, team_ids: Collection[UUID] | None, by: UUID, words: str, now: datetime
) -> UUID | None:
    """Keeps what somebody found; the patient that was opened, None when there is no such opening or it was reviewed, or opened by them."""
    mine = (opened_records.c.id == id) & (opened_records.c.organization_id == organization_id) & (opened_records.c.staff_id != by)
    if team_ids is not None:
        mine &= opened_records.c.team_id.in_(list(team_ids))
    patient_id: UUID | None = await connection.scalar(
        select(opened_records.c.patient_id).where(mine, opened_records.c.reviewed_at.is_(None))
    )
    if patient_id is not None:
        await connection.execute(update(opened_records).where(mine).values(reviewed_at=now, reviewed_by=by, review=words))
    return patient_id
