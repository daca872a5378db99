"""Loads patients with everything a reply, a timeout or a due check-in is judged by, in a fixed number of statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import LABEL_STYLE_TABLENAME_PLUS_COL, Row, Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.check_in import check_ins, enrollments, flow_sessions
from service.db.communication import communications
from service.db.database import among
from service.db.escalation import concerns, escalations, pages
from service.db.observation import observations
from service.db.organization import coverage_hours, holidays, organizations, teams
from service.db.patient import conditions, consents, limits, medications, patient_phones, patients, phones
from service.domain.communication import Purpose
from service.domain.coverage import Coverage, Shift
from service.domain.escalation import Kind, Reached, State
from service.domain.facts import PastValue, PersonalLimit
from service.domain.patient import (
    Enrollment,
    OpenItem,
    Organization,
    PatientContext,
    PatientStatus,
    Phone,
    Team,
    WaitingSession,
)
from service.domain.reading import Measure
from service.domain.urgency import by_rank

HISTORY = timedelta(days=90)
MAXIMUM_VALUES = 200


async def load_contexts(connection: AsyncConnection, patient_ids: Sequence[UUID], now: datetime) -> dict[UUID, PatientContext]:
    """The patients by id, their rows (and their open items) locked in id order until the transaction ends.

    History reaches back 90 days and at most 200 values a patient. An id that does not exist is left out.
    """
    ids = sorted(set(patient_ids))
    if not ids:
        return {}
    locked = select(patients).where(among(connection, patients.c.id, ids)).order_by(patients.c.id).with_for_update()
    rows = (await connection.execute(locked)).all()
    found = [row.id for row in rows]
    team_of = await load_teams(connection, {row.team_id for row in rows})
    numbers = await _phones(connection, found)
    problem_list = await _grouped(
        connection, select(conditions.c.patient_id, conditions.c.code).where(among(connection, conditions.c.patient_id, found))
    )
    medicines = await _grouped(
        connection,
        select(medications.c.patient_id, medications.c.kind, medications.c.high_alert).where(
            among(connection, medications.c.patient_id, found),
            or_(medications.c.ended_on.is_(None), medications.c.ended_on > now.date()),
        ),
    )
    personal = await _grouped(connection, select(limits).where(among(connection, limits.c.patient_id, found)))
    values = await _grouped(connection, _history(connection, found, now))
    details = await _grouped(
        connection,
        select(consents.c.patient_id, consents.c.detail).where(
            among(connection, consents.c.patient_id, found), consents.c.revoked_at.is_(None), consents.c.detail
        ),
    )
    places = await _grouped(
        connection, select(enrollments).where(among(connection, enrollments.c.patient_id, found), enrollments.c.status == "active")
    )
    sessions = {row.patient_id: _session(row) for row in (await connection.execute(_waiting(connection, found))).all()}
    items = await _open_items(connection, among(connection, escalations.c.patient_id, found), "patient_id")
    return {
        row.id: PatientContext(
            id=row.id,
            organization=team_of[row.team_id].organization,
            team=team_of[row.team_id],
            name=row.name,
            language=row.language,
            zone=row.zone,
            status=PatientStatus(row.status),
            emergency_instruction=row.emergency_instruction or "",
            phones=tuple(phone for phone, _ in numbers[row.id]),
            unconfirmed_phones=frozenset(phone.id for phone, confirmed in numbers[row.id] if not confirmed),
            conditions=frozenset(condition.code for condition in problem_list[row.id]),
            medications=tuple(medicine.kind for medicine in medicines[row.id]),
            high_alert=any(medicine.high_alert for medicine in medicines[row.id]),
            limits=tuple(PersonalLimit(one.name, one.amount, one.unit, one.author, one.loosens) for one in personal[row.id]),
            history=tuple(
                PastValue(Measure(value.name), value.value, value.taken_at, value.value_2)
                for value in reversed(values[row.id][:MAXIMUM_VALUES])
            ),
            detail_consent=bool(details[row.id]),
            enrollments=tuple(Enrollment(one.id, one.programme, one.flow, one.high_risk) for one in places[row.id]),
            session=sessions.get(row.id),
            item=items.get(row.id),
        )
        for row in rows
    }


async def load_phone_items(connection: AsyncConnection, phone_ids: Sequence[UUID]) -> dict[UUID, OpenItem]:
    """Open items that hang on a phone number because no patient is known, by phone; their rows are locked."""
    return await _open_items(
        connection, and_(among(connection, escalations.c.phone_id, phone_ids), escalations.c.patient_id.is_(None)), "phone_id"
    )


async def load_teams(connection: AsyncConnection, team_ids: set[UUID]) -> dict[UUID, Team]:
    """Teams with their organization and coverage, by id; three statements."""
    joined = select(teams, organizations).join(organizations, teams.c.organization_id == organizations.c.id)
    rows = (
        (await connection.execute(joined.where(among(connection, teams.c.id, team_ids)).set_label_style(LABEL_STYLE_TABLENAME_PLUS_COL)))
        .mappings()
        .all()
    )
    hours = defaultdict(list)
    for row in (await connection.execute(select(coverage_hours).where(among(connection, coverage_hours.c.team_id, team_ids)))).all():
        hours[row.team_id].append(Shift(row.weekday, row.starts, row.ends))
    closed = await _grouped(
        connection,
        select(holidays).where(among(connection, holidays.c.organization_id, {row["organizations_id"] for row in rows})),
        "organization_id",
    )
    return {
        row["teams_id"]: Team(
            id=row["teams_id"],
            organization=organization_of(row),
            name=row["teams_name"],
            on_call_phone=row["teams_on_call_phone"],
            coverage=Coverage(
                row["organizations_zone"],
                tuple(hours[row["teams_id"]]),
                frozenset(day.local_date for day in closed[row["organizations_id"]]),
                row["organizations_after_hours_number"],
            )
            if hours[row["teams_id"]]
            else None,
        )
        for row in rows
    }


def organization_of(row: Any) -> Organization:
    """An organization from a row whose columns are labelled organizations_<name>."""
    return Organization(
        id=row["organizations_id"],
        name=row["organizations_name"],
        zone=row["organizations_zone"],
        quiet_start=row["organizations_quiet_start"],
        quiet_end=row["organizations_quiet_end"],
        emergency_number=row["organizations_emergency_number"],
        crisis_line=row["organizations_crisis_line"],
        after_hours_number=row["organizations_after_hours_number"],
        clinic_phone=row["organizations_clinic_phone"],
        is_demo=bool(row["organizations_is_demo"]),
    )


async def _phones(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, list[tuple[Phone, bool]]]:
    statement = (
        select(phones, patient_phones.c.patient_id, patient_phones.c.confirmed_at)
        .join(patient_phones, patient_phones.c.phone_id == phones.c.id)
        .where(among(connection, patient_phones.c.patient_id, ids))
        .order_by(patient_phones.c.patient_id, patient_phones.c.position)
    )
    found = defaultdict(list)
    for row in (await connection.execute(statement)).all():
        found[row.patient_id].append((phone_of(row), row.confirmed_at is not None))
    return found


def phone_of(row: Row[Any]) -> Phone:
    """A phone from its row."""
    return Phone(row.id, row.number, row.unsafe_since, row.opted_out_at, row.neutral_answer_at)


def _history(connection: AsyncConnection, ids: Sequence[UUID], now: datetime) -> Select[Any]:
    return (
        select(observations.c.patient_id, observations.c.name, observations.c.value, observations.c.value_2, observations.c.taken_at)
        .where(
            among(connection, observations.c.patient_id, ids),
            observations.c.kind == "value",
            observations.c.value.is_not(None),
            observations.c.taken_at > now - HISTORY,
        )
        .order_by(observations.c.patient_id, observations.c.taken_at.desc())
        .limit(MAXIMUM_VALUES * len(ids))
    )


def _waiting(connection: AsyncConnection, ids: Sequence[UUID]) -> Select[Any]:
    return (
        select(flow_sessions, enrollments.c.programme, check_ins.c.useful_until)
        .outerjoin(enrollments, flow_sessions.c.enrollment_id == enrollments.c.id)
        .outerjoin(check_ins, flow_sessions.c.check_in_id == check_ins.c.id)
        .where(among(connection, flow_sessions.c.patient_id, ids), flow_sessions.c.status == "waiting")
    )


def _session(row: Row[Any]) -> WaitingSession:
    return WaitingSession(
        id=row.id,
        flow_version_id=row.flow_version_id,
        phone_id=row.phone_id,
        state=row.state,
        check_in_id=row.check_in_id,
        enrollment_id=row.enrollment_id,
        programme=row.programme or "",
        check_in_useful_until=row.useful_until,
    )


async def _open_items(connection: AsyncConnection, whose: Any, key: str) -> dict[UUID, OpenItem]:
    statement = (
        select(escalations)
        .where(whose, escalations.c.state != State.RESOLVED, escalations.c.kind == Kind.CLINICAL)
        .order_by(escalations.c.id)
        .with_for_update()
    )
    rows = (await connection.execute(statement)).all()
    if not rows:
        return {}
    ids = [row.id for row in rows]
    raised = await _grouped(
        connection,
        select(concerns.c.escalation_id, concerns.c.rule, concerns.c.communication_id).where(
            among(connection, concerns.c.escalation_id, ids)
        ),
        "escalation_id",
    )
    paged = (
        select(pages.c.escalation_id, func.max(pages.c.step))
        .where(among(connection, pages.c.escalation_id, ids))
        .group_by(pages.c.escalation_id)
    )
    steps: dict[UUID, int] = {row[0]: row[1] for row in (await connection.execute(paged)).all()}
    safety = await _grouped(
        connection,
        select(communications.c.escalation_id, communications.c.reason, communications.c.created_at)
        .where(among(connection, communications.c.escalation_id, ids), communications.c.purpose == Purpose.SAFETY)
        .order_by(communications.c.created_at),
        "escalation_id",
    )
    return {
        getattr(row, key): OpenItem(
            id=row.id,
            urgency=by_rank(row.urgency_rank),
            due_at=row.due_at,
            state=row.state,
            reached=Reached(row.reached),
            acknowledged=row.acknowledged_at is not None,
            page_step=steps.get(row.id, -1),
            concerns=tuple((one.rule, str(one.communication_id or "")) for one in raised[row.id]),
            safety_texts=tuple(one.reason for one in safety[row.id]),
            safety_text_at=safety[row.id][-1].created_at if safety[row.id] else None,
        )
        for row in rows
    }


async def _grouped(connection: AsyncConnection, statement: Select[Any], key: str = "patient_id") -> dict[UUID, list[Row[Any]]]:
    found: dict[UUID, list[Row[Any]]] = defaultdict(list)
    for row in (await connection.execute(statement)).all():
        found[getattr(row, key)].append(row)
    return found
