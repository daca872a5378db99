"""Telephone calls to patients: planned, claimed, under way and over; the live state of each, and its history."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Index, Integer, Row, String, Table, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.changes import Changes
from service.db.check_in import flow_sessions
from service.db.database import lease_end
from service.db.encryption import Encrypted
from service.db.patient import patients
from service.db.schema import Instant, id_column, metadata, new_id, organization_column, reference
from service.domain.call import OVER, CallStatus, call_transition
from service.domain.communication import Purpose

_LIVE = "status IN ('due', 'claimed', 'placed', 'talking', 'unknown')"

calls = Table(
    "calls",
    metadata,
    id_column(),
    organization_column(),
    reference("patient_id", "patients"),
    reference("phone_id", "phones"),
    reference("flow_session_id", "flow_sessions", index=True, nullable=True),  # None: the call after a safety text
    Column("programme", String(64), nullable=False, default=""),
    Column("purpose", String(24), nullable=False, doc="check_in | reminder | recheck | safety"),
    Column("number", Integer, nullable=False, doc="1 for the first call of a conversation"),
    Column("status", String(12), nullable=False),
    Column("status_at", Instant, nullable=False),
    Column("reason", String(64), nullable=False, default=""),
    Column("answered_by", String(8), nullable=False, default=""),
    Column("created_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("useful_until", Instant),
    Column("provider", String(32), nullable=False, default=""),
    Column("provider_id", String(64)),
    Column("attempts", Integer, nullable=False, default=0, doc="times it was handed to a provider that did not process it"),
    Column("claimed_by", String(64)),
    Column("lease_until", Instant),
    Column("state", Encrypted("calls.state"), doc="the engine's Call as JSON, while it is talking and afterwards"),
    Column("prompt", Encrypted("calls.prompt"), doc="the open prompt as JSON: a repeated request gets the same"),
    Index("ix_calls_patient_id_created_at", "patient_id", "created_at"),
    Index("ix_calls_due", "due_at", postgresql_where=text("status = 'due'"), sqlite_where=text("status = 'due'")),
    Index("uq_calls_live", "patient_id", unique=True, postgresql_where=text(_LIVE), sqlite_where=text(_LIVE)),
    Index(
        "ix_calls_in_doubt",
        "status_at",
        postgresql_where=text("status IN ('claimed', 'placed', 'talking', 'unknown')"),
        sqlite_where=text("status IN ('claimed', 'placed', 'talking', 'unknown')"),
    ),
)

call_statuses = Table(
    "call_statuses",
    metadata,
    id_column(),
    organization_column(),
    reference("call_id", "calls", index=True),
    Column("status", String(12), nullable=False),
    Column("at", Instant, nullable=False),
    Column("source", String(16), nullable=False, doc="service | provider | policy | reconcile"),
    Column("provider_status", String(32), nullable=False, default=""),
    Column("reason", String(64), nullable=False, default=""),
    Column("applied", Integer, nullable=False, default=1, doc="0: kept as history, came too late or twice"),
)

LEASE = timedelta(seconds=60)
"""A provider's request ends within 10 s."""


@dataclass(frozen=True, slots=True)
class CallRow:
    """A call as it stands."""

    id: UUID
    organization_id: UUID
    patient_id: UUID
    phone_id: UUID
    flow_session_id: UUID | None
    programme: str
    purpose: Purpose
    number: int
    status: CallStatus
    status_at: datetime
    created_at: datetime
    due_at: datetime
    useful_until: datetime | None
    provider: str
    provider_id: str | None
    attempts: int
    answered_by: str
    state: dict[str, Any] | None
    prompt: list[dict[str, Any]] | None


def plan(
    changes: Changes,
    *,
    organization_id: UUID,
    patient_id: UUID,
    phone_id: UUID,
    flow_session_id: UUID | None,
    programme: str,
    purpose: Purpose,
    number: int,
    due_at: datetime,
    useful_until: datetime | None,
) -> UUID:
    """A call that is due then; its id, which is the id of its one attempt too."""
    id = new_id(changes.now)
    changes.insert(
        calls,
        {
            "id": id,
            "organization_id": organization_id,
            "patient_id": patient_id,
            "phone_id": phone_id,
            "flow_session_id": flow_session_id,
            "programme": programme,
            "purpose": purpose,
            "number": number,
            "status": CallStatus.DUE,
            "status_at": changes.now,
            "created_at": changes.now,
            "due_at": due_at,
            "useful_until": useful_until,
        },
    )
    changes.insert(call_statuses, _history(organization_id, id, CallStatus.DUE, changes.now, "service"))
    return id


def move(
    changes: Changes,
    call: CallRow,
    status: CallStatus,
    source: str,
    *,
    provider_status: str = "",
    reason: str = "",
    **values: Any,
) -> bool:
    """Changes a call's status when that is legal, with a line of history either way; whether it was (law 6)."""
    legal = call_transition(call.status, status)
    line = _history(call.organization_id, call.id, status, changes.now, source, provider_status, reason, applied=legal)
    changes.insert(call_statuses, line)
    if legal:
        if status in OVER or status is CallStatus.DUE:
            values |= {"claimed_by": None, "lease_until": None}
        if reason:
            values["reason"] = reason[:64]
        changes.update(calls, call.id, status=status, status_at=changes.now, **values)
    return legal


async def is_told(connection: AsyncConnection, call: CallRow, status: CallStatus, source: str, provider_status: str) -> bool:
    """Whether the history has this very word already; the call's row is locked."""
    known = call_statuses.c
    same = (known.call_id == call.id, known.status == status, known.source == source, known.provider_status == provider_status[:32])
    return (await connection.scalar(select(known.id).where(*same).limit(1))) is not None


def save(changes: Changes, id: UUID, state: dict[str, Any], prompt: list[dict[str, Any]]) -> None:
    """Where a call stands after a step, and what it said."""
    changes.update(calls, id, state=json.dumps(state), prompt=json.dumps(prompt))


def let_silence_count(changes: Changes, call: CallRow) -> None:
    """The conversation's time is over at once, unless it has ended."""
    waiting = (flow_sessions.c.id == call.flow_session_id) & (flow_sessions.c.status == "waiting")
    changes.also(update(flow_sessions).where(waiting).values(waits_until=changes.now))


async def lock_patient(connection: AsyncConnection, patient_id: UUID) -> None:
    """The patient's row, which everybody locks before the call's."""
    await connection.execute(select(patients.c.id).where(patients.c.id == patient_id).with_for_update(key_share=True))


async def lock(connection: AsyncConnection, id: UUID) -> CallRow | None:
    """The call, its row locked; None when there is none. Lock its patient first."""
    row = (await connection.execute(select(calls).where(calls.c.id == id).with_for_update(key_share=True))).first()
    return None if row is None else call_of(row)


async def patient_of(connection: AsyncConnection, id: UUID) -> tuple[UUID, str, str] | None:
    """(patient, year of birth, code) of a call; None when there is no such call."""
    statement = (
        select(calls.c.patient_id, patients.c.birth_date, patients.c.call_pin)
        .join(patients, patients.c.id == calls.c.patient_id)
        .where(calls.c.id == id)
    )
    row = (await connection.execute(statement)).first()
    return None if row is None else (row.patient_id, (row.birth_date or "")[:4], row.call_pin or "")


async def claim(connection: AsyncConnection, changes: Changes, call: CallRow, provider: str, node: str) -> None:
    """Claims a call before it is placed (law 3)."""
    lease = lease_end(connection, changes.now, LEASE)
    await connection.execute(calls.update().where(calls.c.id == call.id).values(lease_until=lease))
    move(changes, call, CallStatus.CLAIMED, "service", provider=provider, claimed_by=node, attempts=call.attempts + 1)


def _history(
    organization_id: UUID,
    call_id: UUID,
    status: CallStatus,
    now: datetime,
    source: str,
    provider_status: str = "",
    reason: str = "",
    *,
    applied: bool = True,
) -> dict[str, Any]:
    return {
        "id": new_id(now),
        "organization_id": organization_id,
        "call_id": call_id,
        "status": status,
        "at": now,
        "source": source,
        "provider_status": provider_status[:32],
        "reason": reason[:64],
        "applied": int(applied),
    }


def call_of(row: Row[Any]) -> CallRow:
    """A call from its row."""
    return CallRow(
        id=row.id,
        organization_id=row.organization_id,
        patient_id=row.patient_id,
        phone_id=row.phone_id,
        flow_session_id=row.flow_session_id,
        programme=row.programme,
        purpose=Purpose(row.purpose),
        number=row.number,
        status=CallStatus(row.status),
        status_at=row.status_at,
        created_at=row.created_at,
        due_at=row.due_at,
        useful_until=row.useful_until,
        provider=row.provider,
        provider_id=row.provider_id,
        attempts=row.attempts,
        answered_by=row.answered_by,
        state=json.loads(row.state) if row.state else None,
        prompt=json.loads(row.prompt) if row.prompt else None,
    )
