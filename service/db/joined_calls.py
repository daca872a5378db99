"""Calls that join a nurse and a patient, as statements: planned, claimed, placed, stepped through, over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, case, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.database import skip_locked
from service.db.escalation import escalations
from service.db.nurse_calls import nurse_calls
from service.db.organization import organizations
from service.db.patient import phones
from service.db.schema import new_id
from service.db.staff import staff as staff_table
from service.domain.call import CallStatus, call_transition
from service.domain.escalation import Escalation
from service.domain.nurse_call import NurseCall, Outcome, Stage
from service.domain.staff import Staff

_LIVE = ("due", "claimed", "placed", "talking", "unknown")


@dataclass(frozen=True, slots=True)
class Joined:
    """A call with the two numbers that it joins ("" for a nurse who has none on record any more)."""

    id: UUID
    organization_id: UUID
    organization: str
    staff_id: UUID
    language: str
    nurse_number: str
    phone_id: UUID
    patient_number: str
    unsafe: bool
    """The number is not safe, or the item says that nobody calls or texts."""
    status: CallStatus
    call: NurseCall
    provider: str
    provider_id: str | None
    created_at: datetime


async def live_of(connection: AsyncConnection, staff: Staff) -> UUID | None:
    """The call of this member that is under way."""
    wanted = select(nurse_calls.c.id).where(nurse_calls.c.staff_id == staff.id, nurse_calls.c.status.in_(_LIVE)).limit(1)
    return await connection.scalar(wanted)


async def own_number(connection: AsyncConnection, staff: Staff) -> str:
    """The member's own telephone, "" when none is on record; their row stays locked, so that one call of theirs is planned at a time."""
    mine = select(staff_table.c.phone).where(staff_table.c.id == staff.id).with_for_update(key_share=True)
    return await connection.scalar(mine) or ""


async def plan(connection: AsyncConnection, item: Escalation, staff: Staff, phone_id: UUID, reason: str, now: datetime) -> UUID:
    """A call that is due now; its id."""
    id = new_id(now)
    values = {"organization_id": item.organization_id, "patient_id": item.patient_id, "phone_id": phone_id, "escalation_id": item.id}
    state = {"status": CallStatus.DUE, "stage": Stage.RINGING, "outcome": "", "turn": 0, "created_at": now, "status_at": now}
    await connection.execute(insert(nurse_calls).values(id=id, staff_id=staff.id, reason=reason, provider="", **values, **state))
    return id


async def claim(connection: AsyncConnection, now: datetime, limit: int) -> list[Joined]:
    """Takes calls that are due, oldest first; each is handed to a provider at most once (law 3)."""
    due = select(nurse_calls.c.id).where(nurse_calls.c.status == CallStatus.DUE).order_by(nurse_calls.c.created_at).limit(limit)
    ids = list((await connection.scalars(skip_locked(due))).all())
    taken = nurse_calls.c.id.in_(ids) & (nurse_calls.c.status == CallStatus.DUE)
    await connection.execute(update(nurse_calls).where(taken).values(status=CallStatus.CLAIMED, status_at=now))
    rows = (await connection.execute(_joined().where(nurse_calls.c.id.in_(ids)).order_by(nurse_calls.c.created_at))).all()
    return [_of(row) for row in rows]


async def look(connection: AsyncConnection, id: UUID) -> Joined | None:
    """The call, its row locked; None when there is none such."""
    await connection.execute(select(nurse_calls.c.id).where(nurse_calls.c.id == id).with_for_update(key_share=True))
    row = (await connection.execute(_joined().where(nurse_calls.c.id == id))).first()
    return None if row is None else _of(row)


async def name_provider(connection: AsyncConnection, id: UUID, provider: str) -> None:
    """Whom it is handed to, before it is."""
    await connection.execute(update(nurse_calls).where(nurse_calls.c.id == id).values(provider=provider))


async def settle(connection: AsyncConnection, id: UUID, status: CallStatus, now: datetime, **values: Any) -> None:
    """How the nurse's side stands after its hand-over; a call that has gone further meanwhile, or is over, stays as it is."""
    before = [one for one in CallStatus if call_transition(one, status)]
    movable = (nurse_calls.c.id == id) & nurse_calls.c.status.in_(before)
    await connection.execute(update(nurse_calls).where(movable).values(status=status, status_at=now, **values))


async def keep(connection: AsyncConnection, seen: Joined, call: NurseCall, provider_id: str, now: datetime) -> None:
    """Where it stands after a step or a word of the provider."""
    status = CallStatus.ENDED if call.over else CallStatus.TALKING
    values: dict[str, Any] = {"stage": call.stage, "turn": call.turn, "outcome": call.outcome, "provider_id": provider_id}
    if call.outcome is Outcome.JOINED:
        values["joined_at"] = now
    await connection.execute(update(nurse_calls).where(nurse_calls.c.id == seen.id).values(status=status, status_at=now, **values))


async def going_on(connection: AsyncConnection, before: datetime, limit: int) -> list[Joined]:
    """Calls that were placed or begun and of which nothing was heard since then, the longest silent first."""
    silent = nurse_calls.c.status.in_([CallStatus.PLACED, CallStatus.TALKING]) & (nurse_calls.c.status_at <= before)
    wanted = _joined().where(text("nurse_calls.status IN ('due', 'claimed', 'placed', 'talking', 'unknown')"), silent)
    return [_of(row) for row in (await connection.execute(wanted.order_by(nurse_calls.c.status_at).limit(limit))).all()]


async def end_forgotten(connection: AsyncConnection, now: datetime, *, waited: timedelta, lasted: timedelta) -> Sequence[UUID]:
    """Ends calls of which nothing was heard for too long: never taken up (`waited`), or begun and never ended (`lasted`)."""
    silent = nurse_calls.c.status.in_(["due", "claimed", "placed", "unknown"]) & (nurse_calls.c.status_at < now - waited)
    long = (nurse_calls.c.status == CallStatus.TALKING) & (nurse_calls.c.status_at < now - lasted)
    ends = {CallStatus.DUE: CallStatus.EXPIRED, CallStatus.TALKING: CallStatus.ENDED}
    status = case(ends, value=nurse_calls.c.status, else_=CallStatus.FAILED)
    values = {"status": status, "stage": Stage.OVER, "outcome": Outcome.UNKNOWN, "status_at": now}
    ended = update(nurse_calls).where(silent | long).values(**values).returning(nurse_calls.c.id)
    return list((await connection.scalars(ended)).all())


def _joined() -> Select[Any]:
    return (
        select(
            nurse_calls,
            organizations.c.name.label("organization"),
            staff_table.c.phone.label("nurse_number"),
            staff_table.c.language.label("nurse_language"),
            phones.c.number.label("patient_number"),
            phones.c.unsafe_since,
            escalations.c.do_not_contact,
        )
        .join(organizations, organizations.c.id == nurse_calls.c.organization_id)
        .join(staff_table, staff_table.c.id == nurse_calls.c.staff_id)
        .join(phones, phones.c.id == nurse_calls.c.phone_id)
        .join(escalations, escalations.c.id == nurse_calls.c.escalation_id)
    )


def _of(row: Any) -> Joined:
    return Joined(
        id=row.id,
        organization_id=row.organization_id,
        organization=row.organization,
        staff_id=row.staff_id,
        language=row.nurse_language or "en",
        nurse_number=row.nurse_number or "",
        phone_id=row.phone_id,
        patient_number=row.patient_number,
        unsafe=row.unsafe_since is not None or row.do_not_contact,
        status=CallStatus(row.status),
        call=NurseCall(Stage(row.stage), row.turn, Outcome(row.outcome)),
        provider=row.provider,
        provider_id=row.provider_id,
        created_at=row.created_at,
    )
