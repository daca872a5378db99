"""Loads patients with everything a reply, a timeout or a due check-in is judged by, in a fixed number of statements."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    LABEL_STYLE_TABLENAME_PLUS_COL,
    Boolean,
    ColumnElement,
    CompoundSelect,
    Date,
    Float,
    Row,
    Select,
    String,
    Subquery,
    Table,
    and_,
    bindparam,
    cast,
    func,
    literal_column,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.calls import calls
from service.db.check_in import check_ins, enrollments, flow_sessions, silent_in_a_row
from service.db.communication import communications
from service.db.database import among, listed
from service.db.escalation import concerns, escalations, pages
from service.db.observation import drugs_in, load_reported
from service.db.organization import coverage_hours, holidays, organizations, teams
from service.db.patient import conditions, consents, limits, medications, patient_phones, patients, phones
from service.db.pauses import open_pauses
from service.db.schema import Instant
from service.domain.call import CallStatus
from service.domain.communication import Purpose
from service.domain.coverage import SEARCH_DAYS, Coverage, Shift
from service.domain.escalation import SAFETY_ANSWER, Kind, Reached, State
from service.domain.facts import PastAnswer, PastDose, PastSymptom, PastValue, PersonalLimit
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
from service.domain.pause import PauseState
from service.domain.reading import Measure
from service.domain.urgency import by_rank

HISTORY = timedelta(days=90)
MAXIMUM_VALUES = 200
"""Values, doses and symptoms of a patient, of each so many at most."""


async def load_contexts(connection: AsyncConnection, patient_ids: Sequence[UUID], now: datetime) -> dict[UUID, PatientContext]:
    """The patients by id, their rows (and their open items) locked in id order until the transaction ends.

    History reaches back 90 days and at most 200 values, doses and symptoms each a patient. An id that does not exist is left out.
    """
    ids = sorted(set(patient_ids))
    if not ids:
        return {}
    dialect = connection.dialect.name
    rows = (await connection.execute(_locked(dialect), {"ids": ids})).all()
    found = [row.id for row in rows]
    team_of = await load_teams(connection, {row.team_id for row in rows}, now)
    numbers = await _phones(connection, found)
    lists = await _lists(connection, found, now)
    reported = await load_reported(connection, found, now - HISTORY, MAXIMUM_VALUES)
    open_ones = (await connection.execute(_waiting(dialect), {"ids": found, "now": now})).all()
    sessions = {row.patient_id: _session(row) for row in open_ones if row.status == "waiting"}
    late = {row.patient_id: _session(row) for row in open_ones if row.status == "ended"}
    items = await _open_items(connection, among(connection, escalations.c.patient_id, found), "patient_id")
    resting = await open_pauses(connection, [row.id for row in rows if row.status == PatientStatus.PAUSED])
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
            conditions=frozenset(one.a for one in lists[row.id, "condition"]),
            medications=tuple(one.a for one in lists[row.id, "medication"]),
            high_alert=any(one.flag for one in lists[row.id, "medication"]),
            limits=tuple(PersonalLimit(one.a, one.amount, one.b, one.c, bool(one.flag)) for one in lists[row.id, "limit"]),
            history=tuple(PastValue(Measure(one.name), one.value, one.taken_at, one.value_2) for one in reported[row.id, "value"]),
            doses=tuple(PastDose(one.name, one.taken_at, drugs_in(one.detail)) for one in reported[row.id, "medication"]),
            symptoms=tuple(PastSymptom(one.name, one.taken_at) for one in reported[row.id, "symptom"]),
            educated=tuple(f"{one.name}/{one.detail}" for one in reported[row.id, "education"]),
            recorded=tuple(PastAnswer(one.name, one.detail, one.taken_at, one.value) for one in reported[row.id, "answer"]),
            detail_consent=bool(lists[row.id, "detail"]),
            enrollments=tuple(_enrollment(one, lists[row.id, "silent"], lists[row.id, "cadence"]) for one in lists[row.id, "enrollment"]),
            session=sessions.get(row.id),
            late=late.get(row.id),
            item=items.get(row.id),
            pause=next((one for one in resting.get(row.id, []) if one.state is PauseState.ON), None),
        )
        for row in rows
    }


async def load_phone_items(connection: AsyncConnection, phone_ids: Sequence[UUID]) -> dict[UUID, OpenItem]:
    """Open items that hang on a phone number because no patient is known, by phone; their rows are locked."""
    return await _open_items(
        connection, and_(among(connection, escalations.c.phone_id, phone_ids), escalations.c.patient_id.is_(None)), "phone_id"
    )


async def load_teams(connection: AsyncConnection, team_ids: set[UUID], now: datetime) -> dict[UUID, Team]:
    """Teams with their organization and coverage, by id; two statements. Holidays as far ahead as coverage looks."""
    shifts = defaultdict(list)
    rows = {}
    for row in (await connection.execute(_teams(connection.dialect.name), {"ids": list(team_ids)})).mappings():
        rows[row["teams_id"]] = row
        if row["coverage_hours_id"] is not None:
            shifts[row["teams_id"]].append(Shift(row["coverage_hours_weekday"], row["coverage_hours_starts"], row["coverage_hours_ends"]))
    closed = await _grouped(
        connection,
        select(holidays).where(
            among(connection, holidays.c.organization_id, {row["organizations_id"] for row in rows.values()}),
            holidays.c.local_date.between(now.date() - timedelta(days=2), now.date() + timedelta(days=SEARCH_DAYS + 2)),
        ),
        key="organization_id",
    )
    return {
        row["teams_id"]: Team(
            id=row["teams_id"],
            organization=organization_of(row),
            name=row["teams_name"],
            on_call_phone=row["teams_on_call_phone"],
            coverage=Coverage(
                row["organizations_zone"],
                tuple(shifts[row["teams_id"]]),
                frozenset(day.local_date for day in closed[row["organizations_id"]]),
                row["organizations_after_hours_number"],
            )
            if shifts[row["teams_id"]]
            else None,
        )
        for row in rows.values()
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


@functools.cache
def _phones_statement(dialect: str) -> Select[Any]:
    return (
        select(phones, patient_phones.c.patient_id, patient_phones.c.confirmed_at)
        .join(patient_phones, patient_phones.c.phone_id == phones.c.id)
        .where(listed(dialect, patient_phones.c.patient_id, "ids"))
        .order_by(patient_phones.c.patient_id, patient_phones.c.position)
    )


async def _phones(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, list[tuple[Phone, bool]]]:
    found = defaultdict(list)
    for row in (await connection.execute(_phones_statement(connection.dialect.name), {"ids": ids})).all():
        found[row.patient_id].append((phone_of(row), row.confirmed_at is not None))
    return found


def phone_of(row: Row[Any]) -> Phone:
    """A phone from its row."""
    return Phone(row.id, row.number, row.unsafe_since, row.opted_out_at, row.neutral_answer_at)


@functools.cache
def _teams(dialect: str) -> Select[Any]:
    return (
        select(teams, organizations, coverage_hours)
        .join(organizations, teams.c.organization_id == organizations.c.id)
        .outerjoin(coverage_hours, coverage_hours.c.team_id == teams.c.id)
        .where(listed(dialect, teams.c.id, "ids"))
        .order_by(coverage_hours.c.id)
        .set_label_style(LABEL_STYLE_TABLENAME_PLUS_COL)
    )


@functools.cache
def _locked(dialect: str) -> Select[Any]:
    return select(patients).where(listed(dialect, patients.c.id, "ids")).order_by(patients.c.id).with_for_update(key_share=True)


async def _lists(connection: AsyncConnection, ids: Sequence[UUID], now: datetime) -> dict[tuple[UUID, str], list[Row[Any]]]:
    """The short lists of each patient by patient and kind (condition, medication, limit, detail, enrollment, silent), in one statement."""
    found: dict[tuple[UUID, str], list[Row[Any]]] = defaultdict(list)
    parameters = {"ids": ids, "today": now.date(), "since": now - HISTORY}
    rows = (await connection.execute(_lists_statement(connection.dialect.name), parameters)).all()
    for row in sorted(rows, key=lambda row: row.id):
        found[row.patient_id, row.kind].append(row)
    return found


# Statements of the hot paths are made once for each dialect: making one takes longer than executing it.


@functools.cache
def _lists_statement(dialect: str) -> CompoundSelect[Any]:
    """One round trip instead of six; `a`, `b`, `c`, `amount` and `flag` mean what each kind's part says."""

    def part(
        kind: str, table: Table | Subquery, *conditions: ColumnElement[bool], a: Any, b: Any, c: Any, amount: Any, flag: Any
    ) -> Select[Any]:
        columns = (a, String, "a"), (b, String, "b"), (c, String, "c"), (amount, Float, "amount"), (flag, Boolean, "flag")
        return select(
            literal_column(f"'{kind}'", String).label("kind"),
            table.c.patient_id.label("patient_id"),
            table.c.id.label("id"),
            *(cast(column, type_).label(name) for column, type_, name in columns),
        ).where(listed(dialect, table.c.patient_id, "ids"), *conditions)

    none = null()
    still_taken = or_(medications.c.ended_on.is_(None), medications.c.ended_on > bindparam("today", type_=Date()))
    return union_all(
        part("condition", conditions, a=conditions.c.code, b=none, c=none, amount=none, flag=none),
        part("medication", medications, still_taken, a=medications.c.kind, b=none, c=none, amount=none, flag=medications.c.high_alert),
        part("limit", limits, a=limits.c.name, b=limits.c.unit, c=limits.c.author, amount=limits.c.amount, flag=limits.c.loosens),
        part("detail", consents, consents.c.revoked_at.is_(None), consents.c.detail, a=none, b=none, c=none, amount=none, flag=none),
        part(
            "enrollment",
            enrollments,
            enrollments.c.status == "active",
            a=enrollments.c.programme,
            b=enrollments.c.flow,
            c=cast(enrollments.c.starts_on, String),
            amount=none,
            flag=enrollments.c.high_risk,
        ),
        part(
            "cadence",
            enrollments,
            enrollments.c.status == "active",
            a=enrollments.c.rule,
            b=cast(enrollments.c.wall_time, String),
            c=cast(enrollments.c.stops_on, String),
            amount=none,
            flag=none,
        ),
        part("silent", silent := silent_in_a_row(dialect), a=none, b=none, c=none, amount=silent.c.silent, flag=none),
    )


def _enrollment(row: Row[Any], silent: Sequence[Row[Any]], cadences: Sequence[Row[Any]]) -> Enrollment:
    unanswered = next((int(one.amount) for one in silent if one.id == row.id), 0)
    plan = next(one for one in cadences if one.id == row.id)
    return Enrollment(
        row.id,
        row.a,
        row.b,
        bool(row.flag),
        date.fromisoformat(row.c),
        unanswered,
        plan.a,
        time.fromisoformat(plan.b),
        date.fromisoformat(plan.c),
    )


@functools.cache
def _waiting(dialect: str) -> Select[Any]:
    """Conversations under way, and those given up whose last question may still be answered, oldest first; each kind by its own index."""
    mine, late = listed(dialect, flow_sessions.c.patient_id, "ids"), flow_sessions.c.waits_until >= bindparam("now", type_=Instant())
    return (
        select(flow_sessions, enrollments.c.programme, check_ins.c.useful_until, calls.c.id.label("live_call_id"))
        .outerjoin(enrollments, flow_sessions.c.enrollment_id == enrollments.c.id)
        .outerjoin(check_ins, flow_sessions.c.check_in_id == check_ins.c.id)
        .outerjoin(calls, and_(calls.c.flow_session_id == flow_sessions.c.id, calls.c.status == CallStatus.TALKING))
        .where(or_(and_(mine, flow_sessions.c.status == "waiting"), and_(mine, flow_sessions.c.status == "ended", late)))
        .order_by(flow_sessions.c.id)
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
        live_call=row.live_call_id is not None,
        started_at=row.started_at,
    )


async def _open_items(connection: AsyncConnection, whose: Any, key: str) -> dict[UUID, OpenItem]:
    statement = (
        select(escalations)
        .where(whose, escalations.c.state != State.RESOLVED, escalations.c.kind == Kind.CLINICAL)
        .order_by(escalations.c.id)
        .with_for_update(key_share=True)
    )
    rows = (await connection.execute(statement)).all()
    if not rows:
        return {}
    ids = [row.id for row in rows]
    raised = await _grouped(
        connection,
        select(concerns.c.escalation_id, concerns.c.rule, concerns.c.communication_id, concerns.c.raised_at).where(
            among(connection, concerns.c.escalation_id, ids)
        ),
        key="escalation_id",
    )
    paged = (
        select(pages.c.escalation_id, func.max(pages.c.step), func.max(pages.c.created_at))
        .where(among(connection, pages.c.escalation_id, ids))
        .group_by(pages.c.escalation_id)
    )
    paging: dict[UUID, tuple[int, datetime]] = {row[0]: (row[1], row[2]) for row in (await connection.execute(paged)).all()}
    safety = await _grouped(
        connection,
        select(communications.c.escalation_id, communications.c.reason, communications.c.created_at)
        .where(among(connection, communications.c.escalation_id, ids), communications.c.purpose == Purpose.SAFETY)
        .order_by(communications.c.created_at),
        key="escalation_id",
    )
    return {
        getattr(row, key): OpenItem(
            id=row.id,
            urgency=by_rank(row.urgency_rank),
            due_at=row.due_at,
            state=row.state,
            reached=Reached(row.reached),
            acknowledged=row.acknowledged_at is not None,
            page_step=paging[row.id][0] if row.id in paging else -1,
            paged_at=paging[row.id][1] if row.id in paging else None,
            concerns=tuple((one.rule, str(one.communication_id or "")) for one in raised[row.id]),
            safety_texts=tuple(one.reason for one in safety[row.id]),
            safety_text_at=safety[row.id][-1].created_at if safety[row.id] else None,
            safety_answer_at=max((one.raised_at for one in raised[row.id] if one.rule.startswith(SAFETY_ANSWER)), default=None),
            concern_at=max((one.raised_at for one in raised[row.id]), default=None),
        )
        for row in rows
    }


async def _grouped(
    connection: AsyncConnection, statement: Select[Any], parameters: Mapping[str, Any] | None = None, *, key: str = "patient_id"
) -> dict[UUID, list[Row[Any]]]:
    found: dict[UUID, list[Row[Any]]] = defaultdict(list)
    for row in (await connection.execute(statement, parameters)).all():
        found[getattr(row, key)].append(row)
    return found
