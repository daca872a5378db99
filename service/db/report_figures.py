"""What the weekly self-report counts, each in one statement over the rows that were made in that week (ids are ordered by time)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, case, distinct, exists, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.calls import calls
from service.db.check_in import check_ins, enrollments, flow_sessions
from service.db.communication import communications
from service.db.escalation import concerns
from service.db.organization import organizations
from service.db.patient import patients
from service.db.schema import Instant, first_id
from service.domain.communication import Direction, Purpose
from service.domain.reading import Channel

PLANNED_AHEAD = timedelta(days=14)
"""A check-in's row is made at most so long before it starts."""
NOT_READ = (".not_understood", ".not_confirmed", ".unknown")
"""How the rules end by which a reply that could not be read comes to a nurse."""
ANSWERED = ("answered", "partly")
ASKED = (*ANSWERED, "silent")
MOST_CANDIDATES = 5_000
"""Replies among which the sample is drawn: the newest of the week."""


@dataclass(frozen=True, slots=True)
class Count:
    """Something counted for a team, a language and a channel: of how many it was true."""

    team_id: UUID
    language: str
    channel: str
    whole: int
    part: int


async def answers(connection: AsyncConnection, organization_id: UUID, since: datetime, until: datetime) -> list[Count]:
    """Check-ins that were asked in this time, and those that were answered, wholly or partly."""
    by_call = exists().where(calls.c.flow_session_id == flow_sessions.c.id, flow_sessions.c.check_in_id == check_ins.c.id)
    channel = case((by_call, literal(Channel.VOICE.value)), else_=literal(Channel.SMS.value))
    statement = (
        select(
            patients.c.team_id,
            patients.c.language,
            channel.label("channel"),
            func.count(),
            func.count(case((check_ins.c.status.in_(ANSWERED), 1))),
        )
        .join(patients, patients.c.id == check_ins.c.patient_id)
        .where(
            check_ins.c.id >= first_id(since - PLANNED_AHEAD),
            check_ins.c.id < first_id(until),
            check_ins.c.organization_id == organization_id,
            check_ins.c.started_at >= since,
            check_ins.c.started_at < literal(until, Instant()),
            check_ins.c.status.in_(ASKED),
            ~patients.c.synthetic,
        )
        .group_by(patients.c.team_id, patients.c.language, "channel")
    )
    return _counts(await connection.execute(statement))


async def readings(connection: AsyncConnection, organization_id: UUID, since: datetime, until: datetime) -> list[Count]:
    """Messages of patients that came in, and those that could not be read."""
    unread = or_(*(concerns.c.rule.endswith(end, autoescape=True) for end in NOT_READ))
    statement = (
        select(
            patients.c.team_id,
            patients.c.language,
            communications.c.channel,
            func.count(distinct(communications.c.id)),
            func.count(distinct(case((concerns.c.id.is_not(None), communications.c.id)))),
        )
        .join(patients, patients.c.id == communications.c.patient_id)
        .outerjoin(concerns, and_(concerns.c.communication_id == communications.c.id, concerns.c.id >= first_id(since), unread))
        .where(*_came_in(organization_id, since, until), ~patients.c.synthetic)
        .group_by(patients.c.team_id, patients.c.language, communications.c.channel)
    )
    return _counts(await connection.execute(statement))


async def under_care(connection: AsyncConnection, organization_id: UUID, since: datetime, until: datetime) -> dict[tuple[UUID, str], int]:
    """Patients by team and language who were in a programme at some time of it: the patient-weeks."""
    statement = (
        select(patients.c.team_id, patients.c.language, func.count(distinct(patients.c.id)))
        .join(enrollments, enrollments.c.patient_id == patients.c.id)
        .where(
            patients.c.organization_id == organization_id,
            enrollments.c.created_at < literal(until, Instant()),
            or_(enrollments.c.ended_at.is_(None), enrollments.c.ended_at > literal(since, Instant())),
            ~patients.c.synthetic,
        )
        .group_by(patients.c.team_id, patients.c.language)
    )
    return {(row[0], row[1]): row[2] for row in (await connection.execute(statement)).all()}


async def led_to_nothing(
    connection: AsyncConnection, organization_id: UUID, since: datetime, until: datetime
) -> list[tuple[UUID, UUID, UUID]]:
    """(message, patient, team) of the newest messages of patients that raised nothing."""
    raised = exists().where(concerns.c.communication_id == communications.c.id)
    statement = (
        select(communications.c.id, patients.c.id, patients.c.team_id)
        .join(patients, patients.c.id == communications.c.patient_id)
        .where(*_came_in(organization_id, since, until), ~patients.c.synthetic, ~raised)
        .order_by(communications.c.id.desc())
        .limit(MOST_CANDIDATES)
    )
    return [(row[0], row[1], row[2]) for row in (await connection.execute(statement)).all()]


async def zones(connection: AsyncConnection) -> dict[UUID, str]:
    """Every organization with its zone, at most 2,000."""
    statement = select(organizations.c.id, organizations.c.zone).order_by(organizations.c.id).limit(2_000)
    return {row.id: row.zone for row in (await connection.execute(statement)).all()}


def _came_in(organization_id: UUID, since: datetime, until: datetime) -> tuple[Any, ...]:
    return (
        communications.c.id >= first_id(since),
        communications.c.id < first_id(until),
        communications.c.organization_id == organization_id,
        communications.c.direction == Direction.IN,
        communications.c.purpose == Purpose.REPLY,
    )


def _counts(rows: Any) -> list[Count]:
    found: Sequence[Any] = rows.all()
    return [Count(row[0], row[1], row[2], row[3], row[4]) for row in found]
