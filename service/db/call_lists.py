"""Lists of telephone calls: those that are due with what their ruling needs, those of a conversation, those in doubt."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from uuid import UUID

from sqlalchemy import exists, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.calls import CallRow, call_of, calls
from service.db.check_in import flow_sessions
from service.db.communication import communications
from service.db.database import among, database_now, skip_locked
from service.db.organization import organizations
from service.db.patient import patients, phones
from service.domain.call import OVER, CallStatus
from service.domain.communication import Direction, Purpose
from service.domain.sending import SCHEDULED

LOST_AFTER = timedelta(minutes=20)
"""A call of which nothing was heard for so long: a call lasts at most 15 minutes, and its end is told at once."""


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
    check_in_id: UUID | None = None
    """The check-in that its conversation is."""
    heard_since: bool = False
    """The patient has written or spoken since the call was planned."""


async def due(connection: AsyncConnection, now: datetime, limit: int, purposes: Collection[Purpose]) -> list[DueCall]:
    """Calls for these purposes whose time has come, oldest first, locked; those that others hold are passed over."""
    ready = (text("calls.status = 'due'"), calls.c.due_at <= now, calls.c.purpose.in_(sorted(purposes)))
    wanted = select(calls.c.id).where(*ready).order_by(calls.c.due_at).limit(limit)
    return await load(connection, list((await connection.scalars(skip_locked(wanted))).all()))


async def load(connection: AsyncConnection, ids: Sequence[UUID]) -> list[DueCall]:
    """These calls, in the order in which they are due."""
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
            flow_sessions.c.check_in_id.label("session_check_in_id"),
            exists()
            .where(
                communications.c.patient_id == calls.c.patient_id,
                communications.c.direction == Direction.IN,
                communications.c.created_at > calls.c.created_at,
            )
            .label("heard_since"),
        )
        .join(phones, calls.c.phone_id == phones.c.id)
        .join(patients, calls.c.patient_id == patients.c.id)
        .join(organizations, calls.c.organization_id == organizations.c.id)
        .outerjoin(flow_sessions, calls.c.flow_session_id == flow_sessions.c.id)
        .where(among(connection, calls.c.id, ids))
        .order_by(calls.c.due_at, calls.c.id)
    )
    return [
        DueCall(
            call=call_of(row),
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
            session_moved=row.session_changed_at is not None and row.session_changed_at > row.created_at,
            check_in_id=row.session_check_in_id,
            heard_since=bool(row.heard_since),
        )
        for row in (await connection.execute(statement)).all()
    ]


async def of_session(connection: AsyncConnection, session_ids: Iterable[UUID]) -> dict[UUID, list[CallRow]]:
    """The calls of these conversations, oldest first."""
    ids = list(session_ids)
    found: dict[UUID, list[CallRow]] = {id: [] for id in ids}
    if ids:
        statement = select(calls).where(among(connection, calls.c.flow_session_id, ids)).order_by(calls.c.created_at, calls.c.id)
        for row in (await connection.execute(statement)).all():
            found[row.flow_session_id].append(call_of(row))
    return found


async def under_way(connection: AsyncConnection, patient_ids: Iterable[UUID]) -> set[UUID]:
    """Those of these patients who have a call that is due, ringing or being held: one at a time."""
    live = calls.c.status.not_in(sorted(OVER))
    found = await connection.scalars(select(calls.c.patient_id).where(among(connection, calls.c.patient_id, list(patient_ids)), live))
    return set(found.all())


async def only_planned(connection: AsyncConnection, patient_ids: Iterable[UUID]) -> dict[UUID, CallRow]:
    """Calls for a check-in to these patients that no provider has been asked for yet, by patient; locked.

    What another node is placing right now is passed over.
    """
    mine = select(calls).where(among(connection, calls.c.patient_id, list(patient_ids)), calls.c.status == CallStatus.DUE)
    found = (await connection.execute(skip_locked(mine.where(calls.c.purpose.in_(sorted(SCHEDULED)))))).all()
    return {row.patient_id: call_of(row) for row in found}


async def in_doubt(connection: AsyncConnection, now: datetime, limit: int) -> list[tuple[CallRow, str]]:
    """(call, number) of calls whose claim has run out, and of those of which nothing was heard for too long; locked."""
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
        .with_for_update(skip_locked=True, key_share=True, of=calls)
    )
    return [(call_of(row), row.phone_number) for row in (await connection.execute(statement)).all()]


async def known_provider_ids(connection: AsyncConnection, provider: str, ids: Sequence[str]) -> set[str]:
    """Which of these provider ids belong to calls of ours already."""
    statement = select(calls.c.provider_id).where(calls.c.provider == provider, among(connection, calls.c.provider_id, ids))
    return {id for id in (await connection.scalars(statement)).all() if id}
