"""Planning check-ins ahead: which enrollments are due for it, the check-ins they have, and new or moved ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, bindparam, exists, extract, func, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.check_in import check_ins, enrollments, flow_approvals, flow_sessions, flow_versions
from service.db.database import insert_missing, skip_locked
from service.db.due_work import due_work
from service.db.flows import approval_stands
from service.db.organization import organizations
from service.db.patient import patient_phones, patients, phones
from service.db.schema import new_id

KIND = "start_check_in"


@dataclass(frozen=True, slots=True)
class Plan:
    """An active enrollment whose check-ins are to be planned further; its row is locked."""

    enrollment_id: UUID
    organization_id: UUID
    patient_id: UUID
    programme: str
    flow: str
    is_demo: bool
    rule: str
    wall_time: time
    zone: str
    starts_on: date
    stops_on: date
    planned_through: date | None
    """None: new, or to be planned anew because the zone or the plan has changed."""
    created_at: datetime
    spread_minutes: int | None
    quiet_start: time


@dataclass(frozen=True, slots=True)
class Planned:
    """A check-in that exists already."""

    id: UUID
    enrollment_id: UUID
    local_date: date
    slot: int
    due_at: datetime
    status: str


def _may_run() -> ColumnElement[bool]:
    """Some version of the enrollment's flow has an approval that stands; in a demo organization drafts run too (decisions 25)."""
    version = exists().where(
        flow_versions.c.organization_id == enrollments.c.organization_id,
        flow_versions.c.programme == enrollments.c.programme,
        flow_versions.c.flow == enrollments.c.flow,
    )
    approved = exists().where(
        flow_versions.c.organization_id == enrollments.c.organization_id,
        flow_versions.c.programme == enrollments.c.programme,
        flow_versions.c.flow == enrollments.c.flow,
        flow_approvals.c.flow_version_id == flow_versions.c.id,
        approval_stands(),
    )
    return or_(approved, and_(organizations.c.is_demo == 1, version))


async def enrollments_to_plan(connection: AsyncConnection, through: date, limit: int) -> tuple[list[Plan], int]:
    """At most `limit` active enrollments not planned through this local date whose flow may run, locked; and how many there were.

    Those that somebody else has locked just now are counted and passed over.
    """
    statement = (
        select(enrollments.c.id, enrollments.c.patient_id)
        .join(organizations, organizations.c.id == enrollments.c.organization_id)
        .where(
            enrollments.c.status == "active",
            or_(enrollments.c.planned_through.is_(None), enrollments.c.planned_through < through),
            enrollments.c.starts_on <= through,
            _may_run(),
        )
        .order_by(enrollments.c.id)
        .limit(limit)
    )
    candidates = {row.id: row.patient_id for row in (await connection.execute(statement)).all()}
    if not candidates:
        return [], 0
    # Patients first, as whoever takes in their messages does; one who is busy just now is planned in the next batch.
    whose = select(patients.c.id).where(patients.c.id.in_(sorted(set(candidates.values())))).order_by(patients.c.id)
    free = set((await connection.scalars(whose.with_for_update(skip_locked=True, key_share=True))).all())
    wanted = [id for id, patient_id in candidates.items() if patient_id in free]
    locked = skip_locked(select(enrollments.c.id).where(enrollments.c.id.in_(wanted)).order_by(enrollments.c.id))
    ids = list((await connection.scalars(locked)).all())
    rows = (
        select(enrollments, patients.c.zone, organizations.c.is_demo, organizations.c.spread_minutes, organizations.c.quiet_start)
        .join(patients, patients.c.id == enrollments.c.patient_id)
        .join(organizations, organizations.c.id == enrollments.c.organization_id)
    )
    plans = [
        Plan(
            row.id,
            row.organization_id,
            row.patient_id,
            row.programme,
            row.flow,
            bool(row.is_demo),
            row.rule,
            row.wall_time,
            row.zone,
            row.starts_on,
            row.stops_on,
            row.planned_through,
            row.created_at,
            row.spread_minutes,
            row.quiet_start,
        )
        for row in (await connection.execute(rows.where(enrollments.c.id.in_(ids)).order_by(enrollments.c.id))).all()
    ]
    return plans, len(candidates)


async def in_each_hour(connection: AsyncConnection, organization_ids: Iterable[UUID]) -> dict[tuple[UUID, int], int]:
    """(organization, hour of the day) -> active enrollments whose check-ins are due in that hour, by the patients' own clocks."""
    hour = extract("hour", enrollments.c.wall_time)
    statement = (
        select(enrollments.c.organization_id, hour, func.count())
        .where(enrollments.c.status == "active", enrollments.c.organization_id.in_(sorted(set(organization_ids))))
        .group_by(enrollments.c.organization_id, hour)
    )
    return {(row[0], int(row[1])): row[2] for row in (await connection.execute(statement)).all()}


async def not_runnable(connection: AsyncConnection, limit: int) -> list[tuple[UUID, str, str]]:
    """(organization, programme, flow) of active enrollments that wait for a clinician's approval of their flow."""
    statement = (
        select(enrollments.c.organization_id, enrollments.c.programme, enrollments.c.flow)
        .distinct()
        .join(organizations, organizations.c.id == enrollments.c.organization_id)
        .where(enrollments.c.status == "active", ~_may_run())
        .limit(limit)
    )
    return [(row.organization_id, row.programme, row.flow) for row in (await connection.execute(statement)).all()]


async def existing(connection: AsyncConnection, enrollment_ids: Iterable[UUID], first: date, last: date) -> list[Planned]:
    """Check-ins of these enrollments between two local dates, both included."""
    statement = select(
        check_ins.c.id, check_ins.c.enrollment_id, check_ins.c.local_date, check_ins.c.slot, check_ins.c.due_at, check_ins.c.status
    ).where(check_ins.c.enrollment_id.in_(list(enrollment_ids)), check_ins.c.local_date.between(first, last))
    return [Planned(*row) for row in (await connection.execute(statement)).all()]


def check_in_row(plan: Plan, local_date: date, due_at: datetime, useful_until: datetime, now: datetime) -> dict[str, Any]:
    """A planned check-in of an enrollment's one daily slot."""
    return {
        "id": new_id(now),
        "organization_id": plan.organization_id,
        "patient_id": plan.patient_id,
        "enrollment_id": plan.enrollment_id,
        "local_date": local_date,
        "slot": 0,
        "due_at": due_at,
        "useful_until": useful_until,
        "status": "planned",
        "started_at": None,
        "ended_at": None,
    }


async def add(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Inserts check-ins; those whose (enrollment, local date, slot) exists already are left out of the answer (law 3)."""
    if not rows:
        return []
    c = check_ins.c
    statement = insert_missing(check_ins, connection, c.enrollment_id, c.local_date, c.slot).returning(c.id)
    inserted = set((await connection.scalars(statement, list(rows))).all())
    return [row for row in rows if row["id"] in inserted]


async def move(connection: AsyncConnection, moves: Sequence[tuple[UUID, datetime, datetime]]) -> None:
    """Gives check-ins that are planned and not started another time: (check-in, due, useful until). Their due work too."""
    if not moves:
        return
    rows = [{"row_id": id, "new_due": due, "new_until": until} for id, due, until in moves]
    times: dict[str, Any] = {"due_at": bindparam("new_due"), "useful_until": bindparam("new_until")}
    planned = update(check_ins).where(check_ins.c.id == bindparam("row_id"), check_ins.c.status == "planned")
    await connection.execute(planned.values(times), rows)
    waiting = update(due_work).where(due_work.c.subject_id == bindparam("row_id"), due_work.c.kind == KIND, due_work.c.state == "due")
    await connection.execute(waiting.values(times), rows)


async def set_planned_through(connection: AsyncConnection, enrollment_ids: Sequence[UUID], through: date) -> None:
    """Remembers up to which local date these enrollments are planned."""
    await connection.execute(update(enrollments).where(enrollments.c.id.in_(enrollment_ids)).values(planned_through=through))


async def plan_anew(connection: AsyncConnection, patient_id: UUID) -> None:
    """After a change of zone or plan: the next planning moves what is planned and not started."""
    await connection.execute(
        update(enrollments).where(enrollments.c.patient_id == patient_id, enrollments.c.status == "active").values(planned_through=None)
    )


async def end_enrollments(connection: AsyncConnection, before: date, now: datetime, limit: int) -> int:
    """Ends active enrollments whose last local date lies before this one; how many."""
    over = select(enrollments.c.id).where(enrollments.c.status == "active", enrollments.c.stops_on < before).limit(limit)
    ids = list((await connection.scalars(skip_locked(over))).all())
    if ids:
        await connection.execute(update(enrollments).where(enrollments.c.id.in_(ids)).values(status="ended", ended_at=now))
    return len(ids)


@dataclass(frozen=True, slots=True)
class DueCheckIn:
    """A check-in to start, with where it belongs."""

    id: UUID
    organization_id: UUID
    patient_id: UUID
    enrollment_id: UUID
    local_date: date
    due_at: datetime
    useful_until: datetime
    status: str
    programme: str
    flow: str
    high_risk: bool
    rule: str
    wall_time: time
    stops_on: date
    enrollment_status: str
    zone: str
    is_demo: bool


async def check_ins_to_start(connection: AsyncConnection, ids: Collection[UUID]) -> dict[UUID, DueCheckIn]:
    """These check-ins by id; lock their patients first."""
    statement = (
        select(
            check_ins,
            enrollments.c.programme,
            enrollments.c.flow,
            enrollments.c.high_risk,
            enrollments.c.rule,
            enrollments.c.wall_time,
            enrollments.c.stops_on,
            enrollments.c.status.label("enrollment_status"),
            patients.c.zone,
            organizations.c.is_demo,
        )
        .join(enrollments, enrollments.c.id == check_ins.c.enrollment_id)
        .join(patients, patients.c.id == check_ins.c.patient_id)
        .join(organizations, organizations.c.id == check_ins.c.organization_id)
        .where(check_ins.c.id.in_(list(ids)))
    )
    return {
        row.id: DueCheckIn(
            row.id,
            row.organization_id,
            row.patient_id,
            row.enrollment_id,
            row.local_date,
            row.due_at,
            row.useful_until,
            row.status,
            row.programme,
            row.flow,
            row.high_risk,
            row.rule,
            row.wall_time,
            row.stops_on,
            row.enrollment_status,
            row.zone,
            bool(row.is_demo),
        )
        for row in (await connection.execute(statement)).all()
    }


async def patients_of(connection: AsyncConnection, check_in_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Check-in -> patient."""
    statement = select(check_ins.c.id, check_ins.c.patient_id).where(check_ins.c.id.in_(list(check_in_ids)))
    return {row.id: row.patient_id for row in (await connection.execute(statement)).all()}


async def still_planned(connection: AsyncConnection, ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Those of these check-ins that were never started, locked in id order -> organization."""
    statement = (
        select(check_ins.c.id, check_ins.c.organization_id)
        .where(check_ins.c.id.in_(list(ids)), check_ins.c.status == "planned")
        .order_by(check_ins.c.id)
        .with_for_update(key_share=True)
    )
    return {row.id: row.organization_id for row in (await connection.execute(statement)).all()}


async def forgotten(connection: AsyncConnection, now: datetime, limit: int, only: Collection[UUID] | None = None) -> dict[UUID, UUID]:
    """Check-ins of the last week that are of no use any more and were never started -> organization: the net; of `only` these."""
    statement = (
        select(check_ins.c.id, check_ins.c.organization_id)
        .where(
            check_ins.c.status == "planned",
            check_ins.c.useful_until <= now - timedelta(minutes=10),
            check_ins.c.due_at > now - timedelta(days=7),
            true() if only is None else check_ins.c.id.in_(list(only)),
        )
        .order_by(check_ins.c.id)
        .limit(limit)
    )
    return {row.id: row.organization_id for row in (await connection.execute(skip_locked(statement))).all()}


async def sessions_timed_out(connection: AsyncConnection, now: datetime, limit: int) -> list[UUID]:
    """Patients whose conversation has waited long enough, longest overdue first."""
    statement = (
        select(flow_sessions.c.patient_id)
        .where(flow_sessions.c.status == "waiting", flow_sessions.c.waits_until <= now)
        .order_by(flow_sessions.c.waits_until)
        .limit(limit)
    )
    return list((await connection.scalars(statement)).all())


async def session_waits(connection: AsyncConnection, patient_ids: Collection[UUID]) -> dict[UUID, tuple[datetime | None, datetime]]:
    """Patient -> (when their waiting conversation times out, when it last changed); lock the patients first."""
    statement = select(flow_sessions.c.patient_id, flow_sessions.c.waits_until, flow_sessions.c.changed_at).where(
        flow_sessions.c.status == "waiting", flow_sessions.c.patient_id.in_(list(patient_ids))
    )
    return {row.patient_id: (row.waits_until, row.changed_at) for row in (await connection.execute(statement)).all()}


async def lock_shared_phones(connection: AsyncConnection, patient_ids: Collection[UUID]) -> None:
    """Locks the phones that these patients share with others, in id order: two check-ins of one phone begin one after the other.

    Before the patients, as whoever takes in a text locks them.
    """
    other = patient_phones.alias("other")
    shared = exists().where(
        other.c.phone_id == patient_phones.c.phone_id, other.c.patient_id != patient_phones.c.patient_id, other.c.ended_at.is_(None)
    )
    ids = select(patient_phones.c.phone_id).where(
        patient_phones.c.patient_id.in_(sorted(patient_ids)), patient_phones.c.ended_at.is_(None), shared
    )
    found = sorted(set((await connection.scalars(ids)).all()))
    if found:
        await connection.execute(select(phones.c.id).where(phones.c.id.in_(found)).order_by(phones.c.id).with_for_update(key_share=True))


async def phones_in_use(connection: AsyncConnection, phone_ids: Collection[UUID]) -> dict[UUID, set[UUID]]:
    """Phone -> the patients whose conversation is open on it; lock the phones first."""
    if not phone_ids:
        return {}
    wanted = sorted(phone_ids)
    reached = select(patient_phones.c.patient_id).where(patient_phones.c.phone_id.in_(wanted))
    statement = select(flow_sessions.c.phone_id, flow_sessions.c.patient_id).where(
        flow_sessions.c.patient_id.in_(reached), flow_sessions.c.phone_id.in_(wanted), flow_sessions.c.status == "waiting"
    )
    found: dict[UUID, set[UUID]] = {}
    for row in (await connection.execute(statement)).all():
        found.setdefault(row.phone_id, set()).add(row.patient_id)
    return found
