"""Calls of nurses to patients: attempts as they log them, and calls that the service joins (first the nurse, then the patient)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, Index, Integer, String, Table, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.encryption import Encrypted
from service.db.schema import Instant, id_column, metadata, new_id, organization_column, reference
from service.domain.attempts import Outcome
from service.domain.escalation import Escalation
from service.domain.staff import Staff

_LIVE = text("status IN ('due', 'claimed', 'placed', 'talking', 'unknown')")

nurse_calls = Table(
    "nurse_calls",
    metadata,
    id_column(),
    organization_column(),
    reference("patient_id", "patients", nullable=True),
    reference("phone_id", "phones"),
    reference("escalation_id", "escalations"),
    reference("staff_id", "staff"),
    Column("status", String(12), nullable=False, doc="of the nurse's side, as domain.call.CallStatus"),
    Column("stage", String(12), nullable=False, doc="how far it has come (domain.nurse_call)"),
    Column("outcome", String(16), nullable=False, default="", doc="what became of it (domain.nurse_call)"),
    Column("turn", Integer, nullable=False, default=0),
    Column("reason", Encrypted("nurse_calls.reason"), nullable=False, default="", doc="why although the patient has opted out"),
    Column("provider", String(32), nullable=False, default=""),
    Column("provider_id", String(64)),
    Column("created_at", Instant, nullable=False),
    Column("status_at", Instant, nullable=False),
    Column("joined_at", Instant, doc="when the patient's side was answered"),
    Index("ix_nurse_calls_escalation_id_created_at", "escalation_id", "created_at"),
    Index("uq_nurse_calls_live", "staff_id", unique=True, postgresql_where=_LIVE, sqlite_where=_LIVE),
)

call_attempts = Table(
    "call_attempts",
    metadata,
    id_column(),
    organization_column(),
    reference("patient_id", "patients", nullable=True),
    reference("phone_id", "phones", nullable=True),
    reference("escalation_id", "escalations"),
    reference("staff_id", "staff"),
    reference("nurse_call_id", "nurse_calls", nullable=True),
    Column("outcome", String(24), nullable=False, doc="domain.attempts.Outcome"),
    Column("at", Instant, nullable=False),
    Index("ix_call_attempts_escalation_id_at", "escalation_id", "at"),
    Index("ix_call_attempts_patient_id_at", "patient_id", "at"),
)

MOST_ATTEMPTS = 100
"""Of one item; the protocol asks for three."""


async def add_attempt(
    connection: AsyncConnection, item: Escalation, staff: Staff, outcome: Outcome, phone_id: UUID | None, now: datetime
) -> UUID:
    """A call that a member of staff has made; its id."""
    id = new_id(now)
    values = {"organization_id": item.organization_id, "patient_id": item.patient_id, "phone_id": phone_id, "escalation_id": item.id}
    await connection.execute(insert(call_attempts).values(id=id, staff_id=staff.id, outcome=outcome, at=now, **values))
    return id


async def attempts_of(connection: AsyncConnection, item_id: UUID) -> list[tuple[datetime, Outcome]]:
    """The calls logged on an item, oldest first."""
    wanted = select(call_attempts.c.at, call_attempts.c.outcome).where(call_attempts.c.escalation_id == item_id)
    rows = await connection.execute(wanted.order_by(call_attempts.c.at, call_attempts.c.id).limit(MOST_ATTEMPTS))
    return [(row.at, Outcome(row.outcome)) for row in rows]


async def counts(connection: AsyncConnection, item_ids: Collection[UUID]) -> dict[UUID, int]:
    """How many calls were logged on each of these items."""
    counted = select(call_attempts.c.escalation_id, func.count()).where(call_attempts.c.escalation_id.in_(item_ids))
    return {row[0]: row[1] for row in (await connection.execute(counted.group_by(call_attempts.c.escalation_id))).all()}
