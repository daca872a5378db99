"""A patient's readings and doses over a span of time, for charts and calendars."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.check_in import check_ins, enrollments, flow_versions
from service.db.communication import communications
from service.db.observation import observations
from service.domain.reading import Assertion, Expects, Measure

MOST_READINGS = 6_000
"""Of all measures together: sixteen a day over a year."""
MOST_DOSES = 1_000
MOST_FLOWS = 10
"""A patient is in few programmes at a time."""
TOTALS = ("phq_total",)
"""Kept answers that are drawn like readings."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A check-in that was begun: on which local date, and of which flow."""

    day: date
    programme: str
    flow: str


async def readings(connection: AsyncConnection, patient_id: UUID, since: datetime) -> Sequence[Row[Any]]:
    """Values that the patient reported of themselves since then, oldest first, at most the newest 6,000.

    Each with `programme` of the check-in that asked, None when nobody did.
    """
    c = observations.c
    named = or_(and_(c.kind == "value", c.name.in_(list(Measure))), and_(c.kind == "answer", c.name.in_(TOTALS)))
    statement = (
        select(c.id, c.name, c.value, c.value_2, c.unit, c.taken_at, c.communication_id, c.span_start, c.span_end, enrollments.c.programme)
        .outerjoin(check_ins, check_ins.c.id == c.check_in_id)
        .outerjoin(enrollments, enrollments.c.id == check_ins.c.enrollment_id)
        .where(c.patient_id == patient_id, c.taken_at >= since, c.value.is_not(None), c.assertion == Assertion.PRESENT, named)
        .order_by(c.taken_at.desc(), c.id.desc())
        .limit(MOST_READINGS)
    )
    return list(reversed((await connection.execute(statement)).all()))


async def words_of(connection: AsyncConnection, communication_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The words of these messages (at most a dozen: the last reading of each measure)."""
    statement = select(communications.c.id, communications.c.body).where(communications.c.id.in_(list(communication_ids)[:12]))
    return {row.id: row.body for row in (await connection.execute(statement)).all()}


async def doses(connection: AsyncConnection, patient_id: UUID, since: datetime, until: datetime) -> Sequence[Row[Any]]:
    """Doses told of in this time (name: taken, missed, partly, unsure; detail: kinds of medicine), oldest first, at most 1,000."""
    c = observations.c
    statement: Select[Any] = select(c.name, c.detail, c.taken_at).where(
        c.patient_id == patient_id, c.kind == "medication", c.assertion == Assertion.PRESENT, c.taken_at >= since, c.taken_at < until
    )
    return list((await connection.execute(statement.order_by(c.taken_at, c.id).limit(MOST_DOSES))).all())


async def asked(connection: AsyncConnection, patient_id: UUID, first: date, last: date) -> list[Asked]:
    """Check-ins between these local dates that were begun."""
    statement = (
        select(check_ins.c.local_date, enrollments.c.programme, enrollments.c.flow)
        .join(enrollments, enrollments.c.id == check_ins.c.enrollment_id)
        .where(check_ins.c.patient_id == patient_id, check_ins.c.local_date.between(first, last), check_ins.c.started_at.is_not(None))
        .distinct()
        .limit(1_000)
    )
    return [Asked(row.local_date, row.programme, row.flow) for row in (await connection.execute(statement)).all()]


async def asks_for_doses(connection: AsyncConnection, organization_id: UUID, flows: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of these flows (programme, flow) whose newest version asks whether a medicine was taken."""
    c = flow_versions.c
    found: set[tuple[str, str]] = set()
    for programme, flow in sorted(flows)[:MOST_FLOWS]:
        newest = select(c.content).where(c.organization_id == organization_id, c.programme == programme, c.flow == flow)
        content = await connection.scalar(newest.order_by(c.published_at.desc(), c.id.desc()).limit(1))
        steps = (content or {}).get("steps", ())
        if any(step.get("expects") == Expects.MEDICATION_TAKEN for step in steps):
            found.add((programme, flow))
    return found
