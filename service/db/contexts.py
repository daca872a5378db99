"""Loads patients with everything a reply, a timeout or a due check-in is judged by, in a fixed number of statements."""

from __future__ import annotations

import functools
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
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
    exists,
    literal_column,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.accepted import accepted_findings
from service.db.calls import calls
from service.db.check_in import check_ins, enrollments, flow_sessions, silent_in_a_row
from service.db.database import among, listed
from service.db.observation import drugs_in, load_reported
from service.db.open_items import load_patient_items
from service.db.organization import coverage_hours, holidays, organizations, teams
from service.db.patient import conditions, consents, limits, medications, patient_phones, patients, phones, related_persons
from service.db.pauses import open_pauses
from service.db.schema import Instant
from service.domain.call import CallStatus
from service.domain.coverage import SEARCH_DAYS, Coverage, Shift
from service.domain.facts import PastAnswer, PastDose, PastSymptom, PastValue, PersonalLimit
from service.domain.known_finding import KnownFinding
from service.domain.patient import (
    Enrollment,
    Organization,
    PatientContext,
    PatientStatus,
    Phone,
    Team,
    WaitingSession,
)
from service.domain.pause import PauseState
from service.domain.reading import Measure
from service.domain.related_person import Alerted, scopes_of
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
    numbers = await _phones(connection, found, now)
    lists = await _lists(connection, found, now)
    reported = await load_reported(connection, found, now - HISTORY, MAXIMUM_VALUES)
    open_ones = (await connection.execute(_waiting(dialect), {"ids": found, "now": now})).all()
    sessions = {row.patient_id: _session(row) for row in open_ones if row.status == "waiting"}
    late = {row.patient_id: _session(row) for row in open_ones if row.status == "ended"}
    items = await load_patient_items(connection, found)
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
            **numbers[row.id].as_kept(),
            last_heard_at=row.last_inbound_at,
            conditions=frozenset(one.a for one in lists[row.id, "condition"]),
            medications=tuple(one.a for one in lists[row.id, "medication"]),
            high_alert=any(one.flag for one in lists[row.id, "medication"]),
            limits=tuple(PersonalLimit(one.a, one.amount, one.b, one.c, bool(one.flag)) for one in lists[row.id, "limit"]),
            known=tuple(_known(one, more) for one, more in zip(lists[row.id, "known"], lists[row.id, "known_more"], strict=True)),
            history=tuple(PastValue(Measure(one.name), one.value, one.taken_at, one.value_2) for one in reported[row.id, "value"]),
            doses=tuple(PastDose(one.name, one.taken_at, drugs_in(one.detail)) for one in reported[row.id, "medication"]),
            symptoms=tuple(PastSymptom(one.name, one.taken_at) for one in reported[row.id, "symptom"]),
            educated=tuple(f"{one.name}/{one.detail}" for one in reported[row.id, "education"]),
            recorded=tuple(PastAnswer(one.name, one.detail, one.taken_at, one.value) for one in reported[row.id, "answer"]),
            detail_consent=bool(lists[row.id, "detail"]),
            related=tuple(_alerted(one) for one in lists[row.id, "related"]),
            enrollments=tuple(_enrollment(one, lists[row.id, "silent"], lists[row.id, "cadence"]) for one in lists[row.id, "enrollment"]),
            session=sessions.get(row.id),
            late=late.get(row.id),
            item=items.get(row.id),
            pause=next((one for one in resting.get(row.id, []) if one.state is PauseState.ON), None),
        )
        for row in rows
    }


async def load_teams(connection: AsyncConnection, team_ids: set[UUID], now: datetime) -> dict[UUID, Team]:
    """Teams with their organization and coverage, by id; two statements. Holidays as far ahead as coverage looks."""
    shifts = defaultdict(list)
    rows = {}
    for row in (await connection.execute(_teams(connection.dialect.name), {"ids": list(team_ids)})).mappings():
        rows[row["teams_id"]] = row
        if row["coverage_hours_id"] is not None:
            shifts[row["teams_id"]].append(Shift(row["coverage_hours_weekday"], row["coverage_hours_starts"], row["coverage_hours_ends"]))
    of_these = among(connection, holidays.c.organization_id, {row["organizations_id"] for row in rows.values()})
    near = holidays.c.local_date.between(now.date() - timedelta(days=2), now.date() + timedelta(days=SEARCH_DAYS + 2))
    closed: dict[UUID, list[Row[Any]]] = defaultdict(list)
    for one in (await connection.execute(select(holidays).where(of_these, near))).all():
        closed[one.organization_id].append(one)
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
    other = patient_phones.alias("other")
    shared = exists().where(
        other.c.phone_id == patient_phones.c.phone_id, other.c.patient_id != patient_phones.c.patient_id, other.c.ended_at.is_(None)
    )
    agreed = exists().where(
        consents.c.patient_id == patient_phones.c.patient_id,
        consents.c.phone_id == patient_phones.c.phone_id,
        or_(consents.c.revoked_at.is_(None), consents.c.revoked_at > bindparam("now", type_=Instant())),
        or_(consents.c.ends_at.is_(None), consents.c.ends_at > bindparam("now", type_=Instant())),
    )
    return (
        select(phones, patient_phones, shared.label("shared"), agreed.label("agreed"))
        .join(patient_phones, patient_phones.c.phone_id == phones.c.id)
        .where(listed(dialect, patient_phones.c.patient_id, "ids"))
        .order_by(patient_phones.c.patient_id, patient_phones.c.position)
        .set_label_style(LABEL_STYLE_TABLENAME_PLUS_COL)
    )


@dataclass(slots=True)
class _Numbers:
    """A patient's numbers, by position."""

    usable: list[Phone] = field(default_factory=list)
    others: list[Phone] = field(default_factory=list)
    former: list[Phone] = field(default_factory=list)
    unconfirmed: set[UUID] = field(default_factory=set)
    doubted: set[UUID] = field(default_factory=set)
    shared: set[UUID] = field(default_factory=set)

    def as_kept(self) -> dict[str, Any]:
        return {
            "phones": (*self.usable, *self.others),
            "former_phones": tuple(self.former),
            "unconfirmed_phones": frozenset(self.unconfirmed),
            "doubted_phones": frozenset(self.doubted),
            "shared_phones": frozenset(self.shared),
        }


async def _phones(connection: AsyncConnection, ids: Sequence[UUID], now: datetime) -> dict[UUID, _Numbers]:
    found: dict[UUID, _Numbers] = defaultdict(_Numbers)
    for row in (await connection.execute(_phones_statement(connection.dialect.name), {"ids": ids, "now": now})).all():
        mine = found[row.patient_phones_patient_id]
        phone = Phone(
            row.phones_id,
            row.phones_number,
            row.phones_unsafe_since,
            row.phones_opted_out_at,
            row.phones_neutral_answer_at,
            row.phones_answering_id,
            row.phones_answering_until,
        )
        if row.patient_phones_ended_at is not None:
            mine.former.append(phone)
            continue
        doubted = row.patient_phones_doubted_at is not None
        usable = row.agreed and not doubted and phone.unsafe_since is None and phone.opted_out_at is None
        (mine.usable if usable else mine.others).append(phone)
        if row.patient_phones_confirmed_at is None or doubted:
            mine.unconfirmed.add(phone.id)
        if doubted:
            mine.doubted.add(phone.id)
        if row.shared:
            mine.shared.add(phone.id)
    return found


def phone_of(row: Row[Any]) -> Phone:
    """A phone from its row."""
    return Phone(row.id, row.number, row.unsafe_since, row.opted_out_at, row.neutral_answer_at, row.answering_id, row.answering_until)


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
    parameters = {"ids": ids, "now": now, "today": now.date(), "since": now - HISTORY}
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
    not_over = or_(consents.c.ends_at.is_(None), consents.c.ends_at > bindparam("now", type_=Instant()))
    in_force = and_(consents.c.revoked_at.is_(None), not_over)
    today = bindparam("today", type_=Date())
    still_taken = or_(medications.c.ended_on.is_(None), medications.c.ended_on > today)
    holds = and_(or_(limits.c.starts_on.is_(None), limits.c.starts_on <= today), or_(limits.c.ends_on.is_(None), limits.c.ends_on >= today))
    accepted = (accepted_findings.c.ended_at.is_(None), accepted_findings.c.until > bindparam("now", type_=Instant()))
    return union_all(
        part("condition", conditions, a=conditions.c.code, b=none, c=none, amount=none, flag=none),
        part("medication", medications, still_taken, a=medications.c.kind, b=none, c=none, amount=none, flag=medications.c.high_alert),
        part("limit", limits, holds, a=limits.c.name, b=limits.c.unit, c=limits.c.author, amount=limits.c.amount, flag=limits.c.loosens),
        part("detail", consents, in_force, consents.c.detail, a=none, b=none, c=none, amount=none, flag=none),
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
        part(
            "related",
            related_persons,
            related_persons.c.ended_at.is_(None),
            related_persons.c.phone_id.is_not(None),
            a=related_persons.c.scope,
            b=related_persons.c.phone_id,
            c=cast(related_persons.c.expires_on, String),
            amount=none,
            flag=none,
        ),
        part(
            "known",
            accepted_findings,
            *accepted,
            a=accepted_findings.c.rule,
            b=accepted_findings.c.measure,
            c=cast(accepted_findings.c.urgency_rank, String),
            amount=accepted_findings.c.amount,
            flag=none,
        ),
        part(
            "known_more",
            accepted_findings,
            *accepted,
            a=cast(accepted_findings.c.until, String),
            b=none,
            c=none,
            amount=accepted_findings.c.level,
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


def _known(row: Row[Any], more: Row[Any]) -> KnownFinding:
    until = datetime.fromisoformat(more.a)
    until = until.replace(tzinfo=UTC) if until.tzinfo is None else until.astimezone(UTC)
    return KnownFinding(row.a, by_rank(int(row.c)), row.b or "", row.amount, more.amount, until)


def _alerted(row: Row[Any]) -> Alerted:
    return Alerted(row.id, UUID(row.b), scopes_of(json.loads(row.a)), date.fromisoformat(row.c) if row.c else None)


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
