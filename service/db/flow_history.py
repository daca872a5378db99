"""Check-ins of the past with all that is needed to go through them again: replies, what was raised, what was known then.

Read in batches of chosen check-ins, each by a fixed number of statements. Ids grow with time (`schema.new_id`), so that a stretch of
time is a stretch of a primary key.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, Table, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.check_in import check_ins, enrollments, flow_sessions, flow_versions
from service.db.communication import communications
from service.db.contexts import load_teams
from service.db.database import among
from service.db.escalation import concerns, escalations
from service.db.flows import Place
from service.db.observation import drugs_in, load_reported
from service.db.patient import conditions, limits, medications, patient_phones, patients, related_persons
from service.db.schema import first_id
from service.domain.communication import Direction
from service.domain.escalation import Kind
from service.domain.facts import Facts, PastAnswer, PastDose, PastSymptom, PastValue, PersonalLimit
from service.domain.past_check_in import HISTORY, PastCheckIn, PastItem, PastReply
from service.domain.reading import Channel, Measure
from service.domain.schedule import to_local
from service.domain.urgency import Urgency, by_rank

LONGEST_CHECK_IN = timedelta(days=3)
"""A conversation is looked for up to so long before the period, and answers to its last question so long after its begin."""
MOST_REPORTS = 1_000
"""Values, doses and symptoms of a patient, of each so many at most: those of 90 days and of the period."""
MOST_REPLIES = 100
"""Of one check-in; a conversation ends after 120 messages at the latest."""
LED_WITHIN = timedelta(hours=2)
"""A safety re-check begins so soon after what led to it, at the latest."""
SOON = timedelta(minutes=1)
"""What a check-in raises without a reply (silence) is raised in the transaction that ends it."""


async def choose(
    connection: AsyncConnection, place: Place, *, since: datetime, until: datetime, limit: int, team_ids: Collection[UUID] | None = None
) -> tuple[list[UUID], int]:
    """The newest `limit` conversations of this flow that began in the period and are over, those of a patient together; how many there are.

    `team_ids`: only of these teams' patients.
    """
    organization_id, programme, flow = place
    wanted = (
        select(flow_sessions.c.id, flow_sessions.c.patient_id)
        .join(flow_versions, flow_versions.c.id == flow_sessions.c.flow_version_id)
        .where(
            flow_versions.c.organization_id == organization_id,
            flow_versions.c.programme == programme,
            flow_versions.c.flow == flow,
            flow_sessions.c.id >= first_id(since),
            flow_sessions.c.started_at >= since,
            flow_sessions.c.started_at < until,
            flow_sessions.c.status == "ended",
        )
    )
    if team_ids is not None:
        mine = among(connection, patients.c.team_id, team_ids)
        wanted = wanted.join(patients, patients.c.id == flow_sessions.c.patient_id).where(mine)
    number: int | None = await connection.scalar(select(func.count()).select_from(wanted.subquery()))
    newest = (await connection.execute(wanted.order_by(flow_sessions.c.id.desc()).limit(limit))).all()
    return [row.id for row in sorted(newest, key=lambda row: (row.patient_id, row.id))], number or 0


async def load_past(connection: AsyncConnection, ids: Sequence[UUID]) -> list[PastCheckIn]:
    """These conversations (some hundreds at most), in this order, each with what `PastCheckIn` says.

    Exact are replies, what was read in them, what was raised, readings and doses. Conditions, medicines, limits and risk are those
    kept with an item of the check-in, where there is one with facts; else those of today's record, without limits signed since.
    How many check-ins went unanswered before is counted from what they are called today. Hours of duty are today's.
    """
    rows = (await connection.execute(_conversations(connection, ids))).all()
    if not rows:
        return []
    whose = sorted({row.patient_id for row in rows})
    begin, end = min(row.started_at for row in rows), max(row.started_at for row in rows) + LONGEST_CHECK_IN
    begins = await _begins(connection, whose, begin, end)
    texts = await _texts(connection, whose, begin, end)
    raised = await _raised(connection, whose, begin, end)
    dangers = await _dangers(connection, whose, begin - HISTORY, end)
    records = await _records(connection, rows, begin)
    silences = await _silences(connection, {row.enrollment_id for row in rows if row.enrollment_id is not None}, begin, end)
    teams = await load_teams(connection, {row.team_id for row in rows}, begin)
    found: dict[UUID, PastCheckIn] = {}
    for row in rows:
        following = min((at for at in begins[row.patient_id] if at > row.started_at), default=end)
        replies = tuple(_reply(text, row.id) for text in texts[row.patient_id] if _belongs(text, row, following))[:MOST_REPLIES]
        mine = {reply.id for reply in replies}
        items = [one for one in raised[row.patient_id] if _came_of(one, row, mine)]
        kept = next((one.facts for one in items if one.facts), None)
        before = [one for one in dangers[row.patient_id] if one.raised_at <= row.started_at] if row.enrollment_id is None else []
        led = [one for one in before if one.raised_at == before[-1].raised_at > row.started_at - LED_WITHIN]
        found[row.id] = PastCheckIn(
            id=row.id,
            patient_id=row.patient_id,
            initials="".join(f"{word[0]}." for word in row.name.split()[:2]),
            local_date=row.local_date or to_local(row.started_at, row.zone).date(),
            version_id=row.flow_version_id,
            state=row.state,
            started_at=row.started_at,
            ended_at=row.changed_at,
            silent=row.state.get("outcome", row.check_in_status) == "silent",
            zone=row.zone,
            known=_as_kept(records[row.patient_id], row, kept, silences[row.enrollment_id]),
            known_as_it_was=kept is not None,
            team=teams[row.team_id],
            starts_on=row.starts_on,
            replies=replies,
            items=tuple(PastItem(one.rule, by_rank(one.urgency_rank), one.reason) for one in items),
            emergencies=tuple(one.raised_at for one in dangers[row.patient_id] if one.urgency_rank == Urgency.EMERGENCY.rank),
            led_by=by_rank(min(one.urgency_rank for one in led)) if led else None,
            since=led[0].raised_at if led else None,
        )
    return [found[id] for id in ids if id in found]


def _conversations(connection: AsyncConnection, ids: Sequence[UUID]) -> Select[Any]:
    session = flow_sessions.c
    return (
        select(
            *(session.id, session.patient_id, session.flow_version_id, session.state, session.started_at, session.changed_at),
            *(session.enrollment_id, session.check_in_id, patients.c.name, patients.c.language, patients.c.zone, patients.c.team_id),
            *(flow_versions.c.programme, flow_versions.c.flow, check_ins.c.local_date, check_ins.c.status.label("check_in_status")),
            *(enrollments.c.starts_on, enrollments.c.high_risk),
        )
        .join(patients, patients.c.id == session.patient_id)
        .join(flow_versions, flow_versions.c.id == session.flow_version_id)
        .outerjoin(check_ins, check_ins.c.id == session.check_in_id)
        .outerjoin(enrollments, enrollments.c.id == session.enrollment_id)
        .where(among(connection, session.id, ids))
    )


async def _begins(connection: AsyncConnection, whose: Sequence[UUID], begin: datetime, end: datetime) -> dict[UUID, list[datetime]]:
    """When any conversation of these patients began: a newer one ends the time in which the last question may be answered."""
    statement = select(flow_sessions.c.patient_id, flow_sessions.c.started_at).where(
        among(connection, flow_sessions.c.patient_id, whose), flow_sessions.c.id >= first_id(begin), flow_sessions.c.id < first_id(end)
    )
    found = defaultdict(list)
    for row in (await connection.execute(statement)).all():
        found[row.patient_id].append(row.started_at)
    return found


async def _texts(connection: AsyncConnection, whose: Sequence[UUID], begin: datetime, end: datetime) -> dict[UUID, list[Row[Any]]]:
    """What these patients wrote or said themselves, oldest first; nothing from the number of a relative or carer."""
    said = communications.c
    own = exists().where(patient_phones.c.patient_id == said.patient_id, patient_phones.c.phone_id == said.phone_id)
    related = exists().where(related_persons.c.patient_id == said.patient_id, related_persons.c.phone_id == said.phone_id)
    statement: Select[Any] = (
        select(said.id, said.patient_id, said.created_at, said.body, said.channel, said.reading, said.flow_session_id)
        .where(
            among(connection, said.patient_id, whose),
            said.created_at >= begin,
            said.created_at < end,
            said.direction == Direction.IN,
            or_(own, ~related),
        )
        .order_by(said.patient_id, said.created_at, said.id)
    )
    return _by_patient((await connection.execute(statement)).all())


async def _raised(connection: AsyncConnection, whose: Sequence[UUID], begin: datetime, end: datetime) -> dict[UUID, list[Row[Any]]]:
    told = concerns.c
    statement: Select[Any] = (
        select(escalations.c.patient_id, told.communication_id, told.rule, told.urgency_rank, told.reason, told.facts, told.raised_at)
        .join(escalations, escalations.c.id == told.escalation_id)
        .where(
            among(connection, escalations.c.patient_id, whose),
            escalations.c.kind == Kind.CLINICAL,
            told.raised_at >= begin,
            told.raised_at < end,
        )
        .order_by(told.id)
    )
    return _by_patient((await connection.execute(statement)).all())


async def _dangers(connection: AsyncConnection, whose: Sequence[UUID], begin: datetime, end: datetime) -> dict[UUID, list[Row[Any]]]:
    """How urgent what these patients told was, and when, oldest first."""
    told = concerns.c
    statement: Select[Any] = (
        select(escalations.c.patient_id, told.urgency_rank, told.raised_at)
        .join(escalations, escalations.c.id == told.escalation_id)
        .where(among(connection, escalations.c.patient_id, whose), told.raised_at > begin, told.raised_at < end)
        .order_by(told.raised_at)
    )
    return _by_patient((await connection.execute(statement)).all())


async def _silences(
    connection: AsyncConnection, enrollment_ids: Collection[UUID], begin: datetime, end: datetime
) -> dict[UUID | None, list[Row[Any]]]:
    """The check-ins of these enrollments that are over, newest first."""
    one = check_ins.c
    statement: Select[Any] = (
        select(one.id, one.enrollment_id, one.due_at, one.status)
        .where(
            among(connection, one.enrollment_id, enrollment_ids),
            one.due_at > begin - HISTORY,
            one.due_at < end,
            one.status.in_(["silent", "answered", "partly"]),
        )
        .order_by(one.due_at.desc())
    )
    found: dict[UUID | None, list[Row[Any]]] = defaultdict(list)
    for row in (await connection.execute(statement)).all() if enrollment_ids else ():
        found[row.enrollment_id].append(row)
    return found


@dataclass(frozen=True, slots=True)
class _Record:
    """A patient's record of today, with all that they have told, and when each limit was signed."""

    facts: Facts
    limits: tuple[tuple[PersonalLimit, datetime], ...]


async def _records(connection: AsyncConnection, rows: Sequence[Row[Any]], begin: datetime) -> dict[UUID, _Record]:
    people = {row.patient_id: row for row in rows}
    reported = await load_reported(connection, sorted(people), begin - HISTORY, MOST_REPORTS)
    problems = await _of(connection, conditions, people)
    taken = await _of(connection, medications, people)
    signed = await _of(connection, limits, people)
    still = {id: [one for one in taken[id] if one.ended_on is None or one.ended_on > begin.date()] for id in people}
    return {
        id: _Record(
            Facts(
                language=row.language,
                conditions=frozenset(one.code for one in problems[id]),
                medications=tuple(one.kind for one in still[id]),
                high_alert=any(one.high_alert for one in still[id]),
                history=tuple(PastValue(Measure(one.name), one.value, one.taken_at, one.value_2) for one in reported[id, "value"]),
                doses=tuple(PastDose(one.name, one.taken_at, drugs_in(one.detail)) for one in reported[id, "medication"]),
                symptoms=tuple(PastSymptom(one.name, one.taken_at) for one in reported[id, "symptom"]),
                recorded=tuple(PastAnswer(one.name, one.detail, one.taken_at, one.value) for one in reported[id, "answer"]),
                first_name=next(iter(row.name.split()), ""),
            ),
            tuple((PersonalLimit(one.name, one.amount, one.unit, one.author, bool(one.loosens)), one.signed_at) for one in signed[id]),
        )
        for id, row in people.items()
    }


async def _of(connection: AsyncConnection, table: Table, people: Mapping[UUID, Any]) -> dict[UUID, list[Row[Any]]]:
    statement = select(table).where(among(connection, table.c.patient_id, people)).order_by(table.c.id)
    return _by_patient((await connection.execute(statement)).all())


def _by_patient(rows: Iterable[Row[Any]]) -> dict[UUID, list[Row[Any]]]:
    found: dict[UUID, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        found[row.patient_id].append(row)
    return found


def _belongs(text: Row[Any], row: Row[Any], following: datetime) -> bool:
    """A reply of this conversation, or a text outside of any before the next one began."""
    if text.flow_session_id is not None:
        return bool(text.flow_session_id == row.id)
    return bool(row.started_at < text.created_at < following and text.channel == Channel.SMS)


def _reply(text: Row[Any], id: UUID) -> PastReply:
    return PastReply(text.id, text.created_at, text.body, Channel(text.channel), text.reading, text.flow_session_id == id)


def _came_of(one: Row[Any], row: Row[Any], replies: Collection[UUID]) -> bool:
    if one.communication_id is not None:
        return one.communication_id in replies
    return bool(one.rule.startswith(f"{row.programme}/{row.flow}.") and row.started_at <= one.raised_at <= row.changed_at + SOON)


def _as_kept(record: _Record, row: Row[Any], kept: Mapping[str, Any] | None, over: Sequence[Row[Any]]) -> Facts:
    """The record with what was kept with an item in its place, where there is one."""
    since = row.started_at - HISTORY
    before = [each.status for each in over if since < each.due_at <= row.started_at and each.id != row.check_in_id]
    silent = next((number for number, status in enumerate(before) if status != "silent"), len(before))
    facts = replace(
        record.facts,
        limits=tuple(limit for limit, signed_at in record.limits if signed_at <= row.started_at),
        high_risk=bool(row.high_risk),
        silent_check_ins=silent if row.enrollment_id is not None else None,
    )
    if kept is None:
        return facts
    authors = {limit.name: limit.author for limit, _ in record.limits}
    return replace(
        facts,
        conditions=frozenset(kept.get("conditions", ())),
        medications=tuple(kept.get("medications", ())),
        high_alert=bool(kept.get("high_alert")),
        high_risk=bool(kept.get("high_risk")),
        limits=tuple(
            PersonalLimit(name, amount, unit, authors.get(name, "as kept with the item"), loosens)
            for name, amount, unit, loosens in kept.get("limits", ())
        ),
        silent_check_ins=kept.get("silent_check_ins"),
    )
