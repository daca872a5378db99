"""Telephone calls to patients: planned, claimed, under way and over; the live state of each, and its history."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Index, Integer, Row, String, Table, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.changes import Changes
from service.db.check_in import flow_sessions
from service.db.communication import communication_statuses, communications
from service.db.database import among, database_now, lease_end, skip_locked
from service.db.encryption import Encrypted
from service.db.organization import organizations
from service.db.patient import patients, phones
from service.db.schema import Instant, id_column, metadata, new_id, organization_column, reference
from service.domain.call import OVER, CallStatus, call_transition
from service.domain.communication import Direction, Lane, Purpose, Status
from service.domain.reading import Channel

_LIVE = "status IN ('due', 'claimed', 'placed', 'talking', 'unknown')"

calls = Table(
    "calls",
    metadata,
    id_column(),
    organization_column(),
    reference("patient_id", "patients", index=True),
    reference("phone_id", "phones"),
    reference("flow_session_id", "flow_sessions", index=True),
    Column("programme", String(64), nullable=False, default=""),
    Column("purpose", String(24), nullable=False, doc="check_in | reminder"),
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
LOST_AFTER = timedelta(minutes=20)
"""A call of which nothing was heard for so long: a call lasts at most 15 minutes, and its end is told at once."""


@dataclass(frozen=True, slots=True)
class CallRow:
    """A call as it stands."""

    id: UUID
    organization_id: UUID
    patient_id: UUID
    phone_id: UUID
    flow_session_id: UUID
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


@dataclass(frozen=True, slots=True)
class DueCall:
    """A call that is due with what its ruling needs."""

    call: CallRow
    phone_number: str
    language: str
    unsafe_since: datetime | None
    opted_out_at: datetime | None
    patient_status: str
    knows_who: bool
    """A birth date or a code is on record: without one nobody could be told from a stranger."""
    zone: str
    quiet_start: time
    quiet_end: time
    emergency_number: str
    clinic_number: str
    session_open: bool
    session_moved: bool
    """The patient has answered otherwise since the call was planned."""


def plan(
    changes: Changes,
    *,
    organization_id: UUID,
    patient_id: UUID,
    phone_id: UUID,
    flow_session_id: UUID,
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


def save(changes: Changes, id: UUID, state: dict[str, Any], prompt: list[dict[str, Any]]) -> None:
    """Where a call stands after a step, and what it said."""
    changes.update(calls, id, state=json.dumps(state), prompt=json.dumps(prompt))


async def lock(connection: AsyncConnection, id: UUID) -> CallRow | None:
    """The call, its row locked; None when there is none. Lock its patient first."""
    row = (await connection.execute(select(calls).where(calls.c.id == id).with_for_update(key_share=True))).first()
    return None if row is None else _call(row)


async def patient_of(connection: AsyncConnection, id: UUID) -> tuple[UUID, str, str, bool] | None:
    """(patient, year of birth, code, still wanted) of a call; None when there is no such call."""
    statement = (
        select(calls.c.patient_id, patients.c.birth_date, patients.c.call_pin, calls.c.status)
        .join(patients, patients.c.id == calls.c.patient_id)
        .where(calls.c.id == id)
    )
    row = (await connection.execute(statement)).first()
    return None if row is None else (row.patient_id, (row.birth_date or "")[:4], row.call_pin or "", CallStatus(row.status) not in OVER)


async def due(connection: AsyncConnection, now: datetime, limit: int) -> list[DueCall]:
    """Calls whose time has come, oldest first, locked; those that others hold are passed over."""
    wanted = select(calls.c.id).where(text("calls.status = 'due'"), calls.c.due_at <= now).order_by(calls.c.due_at).limit(limit)
    ids = list((await connection.scalars(skip_locked(wanted))).all())
    if not ids:
        return []
    statement = (
        select(
            calls,
            phones.c.number.label("phone_number"),
            phones.c.unsafe_since,
            phones.c.opted_out_at,
            patients.c.status.label("patient_status"),
            patients.c.language,
            patients.c.zone,
            patients.c.birth_date,
            patients.c.call_pin,
            organizations.c.quiet_start,
            organizations.c.quiet_end,
            organizations.c.emergency_number,
            func.coalesce(func.nullif(organizations.c.clinic_phone, ""), organizations.c.after_hours_number).label("clinic_number"),
            flow_sessions.c.status.label("session_status"),
            flow_sessions.c.changed_at.label("session_changed_at"),
        )
        .join(phones, calls.c.phone_id == phones.c.id)
        .join(patients, calls.c.patient_id == patients.c.id)
        .join(organizations, calls.c.organization_id == organizations.c.id)
        .join(flow_sessions, calls.c.flow_session_id == flow_sessions.c.id)
        .where(among(connection, calls.c.id, ids))
        .order_by(calls.c.due_at, calls.c.id)
    )
    return [
        DueCall(
            call=_call(row),
            phone_number=row.phone_number,
            language=row.language,
            unsafe_since=row.unsafe_since,
            opted_out_at=row.opted_out_at,
            patient_status=row.patient_status,
            knows_who=bool(row.birth_date or row.call_pin),
            zone=row.zone,
            quiet_start=row.quiet_start,
            quiet_end=row.quiet_end,
            emergency_number=row.emergency_number,
            clinic_number=row.clinic_number,
            session_open=row.session_status == "waiting",
            session_moved=row.session_changed_at > row.created_at,
        )
        for row in (await connection.execute(statement)).all()
    ]


async def claim(connection: AsyncConnection, changes: Changes, call: CallRow, provider: str, node: str) -> None:
    """Claims a call before it is placed (law 3)."""
    lease = lease_end(connection, changes.now, LEASE)
    await connection.execute(calls.update().where(calls.c.id == call.id).values(lease_until=lease))
    move(changes, call, CallStatus.CLAIMED, "service", provider=provider, claimed_by=node, attempts=call.attempts + 1)


async def of_session(connection: AsyncConnection, session_ids: Iterable[UUID]) -> dict[UUID, list[CallRow]]:
    """The calls of these conversations, oldest first."""
    ids = list(session_ids)
    found: dict[UUID, list[CallRow]] = {id: [] for id in ids}
    if ids:
        statement = select(calls).where(among(connection, calls.c.flow_session_id, ids)).order_by(calls.c.created_at, calls.c.id)
        for row in (await connection.execute(statement)).all():
            found[row.flow_session_id].append(_call(row))
    return found


async def placed_since(connection: AsyncConnection, patient_ids: Iterable[UUID], since: datetime) -> dict[UUID, list[tuple[UUID, str]]]:
    """Conversations that these patients were called for since then, by patient: (session, programme)."""
    ids = list(patient_ids)
    found: dict[UUID, list[tuple[UUID, str]]] = {id: [] for id in ids}
    if ids:
        statement = select(calls.c.patient_id, calls.c.flow_session_id, calls.c.programme).where(
            among(connection, calls.c.patient_id, ids),
            calls.c.status_at >= since,
            calls.c.status.not_in([CallStatus.DUE, CallStatus.CANCELLED, CallStatus.EXPIRED]),
        )
        for row in (await connection.execute(statement)).all():
            found[row.patient_id].append((row.flow_session_id, row.programme))
    return found


async def in_doubt(connection: AsyncConnection, now: datetime, limit: int) -> list[tuple[CallRow, str]]:
    """(call, number) of calls whose claim has run out, and of those of which nothing was heard for too long."""
    statement = (
        select(calls, phones.c.number.label("phone_number"))
        .join(phones, calls.c.phone_id == phones.c.id)
        .where(
            text("calls.status IN ('claimed', 'placed', 'talking', 'unknown')"),
            (calls.c.status_at <= now - LOST_AFTER)
            | ((calls.c.status == CallStatus.CLAIMED) & (calls.c.lease_until <= database_now(connection, now)))
            | ((calls.c.status == CallStatus.UNKNOWN) & (calls.c.status_at <= now - timedelta(minutes=2))),
        )
        .order_by(calls.c.status_at)
        .limit(limit)
    )
    return [(_call(row), row.phone_number) for row in (await connection.execute(statement)).all()]


async def known_provider_ids(connection: AsyncConnection, provider: str, ids: Sequence[str]) -> set[str]:
    """Which of these provider ids belong to calls of ours already."""
    statement = select(calls.c.provider_id).where(calls.c.provider == provider, among(connection, calls.c.provider_id, ids))
    return {id for id in (await connection.scalars(statement)).all() if id}


def spoken(
    changes: Changes,
    call: CallRow,
    body: str,
    language: str,
    purpose: Purpose,
    *,
    check_in_id: UUID | None,
    escalation_id: UUID | None = None,
    reason: str = "",
) -> UUID:
    """Keeps what was said to a patient, so that a nurse reads the conversation whole; its id."""
    id = new_id(changes.now)
    changes.insert(
        communications,
        {
            "id": id,
            "organization_id": call.organization_id,
            "patient_id": call.patient_id,
            "phone_id": call.phone_id,
            "direction": Direction.OUT,
            "channel": Channel.VOICE,
            "purpose": purpose,
            "lane": Lane.EMERGENCY if purpose is Purpose.SAFETY else Lane.ROUTINE,
            "status": Status.SENT,
            "body": body,
            "language": language,
            "programme": call.programme,
            "reason": reason,
            "check_in_id": check_in_id,
            "flow_session_id": call.flow_session_id,
            "escalation_id": escalation_id,
            "created_at": changes.now,
            "status_at": changes.now,
        },
    )
    changes.insert(communication_statuses, _spoken_line(changes, call.organization_id, id, Status.SENT))
    return id


def was_heard(changes: Changes, call: CallRow, communication_id: UUID, *, heard: bool) -> None:
    """The line stood while it was said, or was cut."""
    status = Status.DELIVERED if heard else Status.UNDELIVERED
    changes.update(communications, communication_id, status=status, status_at=changes.now)
    changes.insert(communication_statuses, _spoken_line(changes, call.organization_id, communication_id, status))


def _spoken_line(changes: Changes, organization_id: UUID, communication_id: UUID, status: Status) -> dict[str, Any]:
    return {
        "id": new_id(changes.now),
        "organization_id": organization_id,
        "communication_id": communication_id,
        "status": status,
        "at": changes.now,
        "source": "call",
    }


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


def _call(row: Row[Any]) -> CallRow:
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
