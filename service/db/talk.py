"""What the demo needs of conversations by number: what lies on its simulated telephones, and what waits for an answer from one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.calls import call_of, calls
from service.db.check_in import flow_sessions
from service.db.communication import communications
from service.db.encryption import keyring_of
from service.db.patient import phones
from service.domain.call import CallStatus
from service.domain.prompt import Prompt

MOST = 2_000


@dataclass(frozen=True, slots=True)
class Said:
    """One text, or what was said at once on the telephone: on which number, in which direction, and how far it came."""

    id: UUID
    number: str
    direction: str
    body: str
    status: str
    at: datetime
    channel: str
    language: str
    session_id: UUID | None


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A call that a provider has and that is not over; `prompt` is the open one, None while it rings, `turn` its number."""

    id: UUID
    number: str
    provider_id: str
    session_id: UUID | None
    at: datetime
    prompt: Prompt | None
    turn: int


async def said_since(connection: AsyncConnection, organization_id: UUID, since: datetime) -> list[Said]:
    """What was written and said since then, oldest first, the newest 2,000."""
    statement = (
        select(
            communications.c.id,
            phones.c.number,
            communications.c.direction,
            communications.c.body,
            communications.c.status,
            communications.c.created_at,
            communications.c.channel,
            communications.c.language,
            communications.c.flow_session_id,
        )
        .join(phones, phones.c.id == communications.c.phone_id)
        .where(communications.c.organization_id == organization_id, communications.c.created_at >= since)
        .order_by(communications.c.created_at.desc(), communications.c.id.desc())
        .limit(MOST)
    )
    return [Said(*row) for row in reversed((await connection.execute(statement)).all())]


async def live_calls(connection: AsyncConnection, organization_id: UUID) -> list[LiveCall]:
    """Calls that ring or are being held, oldest first, at most 2,000."""
    statement = (
        select(calls, phones.c.number.label("phone_number"))
        .join(phones, phones.c.id == calls.c.phone_id)
        .where(calls.c.organization_id == organization_id, calls.c.provider_id.is_not(None))
        .where(calls.c.status.in_([CallStatus.PLACED, CallStatus.TALKING]))
        .order_by(calls.c.created_at, calls.c.id)
        .limit(MOST)
    )
    found = []
    for row in (await connection.execute(statement)).all():
        call = call_of(row)
        prompt = Prompt.from_json(call.prompt) if call.prompt is not None else None
        turn = int(call.state["turn"]) if call.state is not None else 0
        found.append(LiveCall(call.id, row.phone_number, call.provider_id or "", call.flow_session_id, call.created_at, prompt, turn))
    return found


async def waiting_sessions(connection: AsyncConnection, organization_id: UUID, number: str) -> list[tuple[UUID, dict[str, Any]]]:
    """(id, state) of the conversations in which a question waits for this number's answer."""
    statement = (
        select(flow_sessions.c.id, flow_sessions.c.state)
        .join(phones, phones.c.id == flow_sessions.c.phone_id)
        .where(_is(connection, organization_id, number), flow_sessions.c.status == "waiting", flow_sessions.c.waits_until.is_not(None))
        .limit(MOST)
    )
    return [(row.id, row.state) for row in (await connection.execute(statement)).all()]


async def planned_calls(connection: AsyncConnection, organization_id: UUID, number: str) -> list[UUID]:
    """Calls to this number whose time is yet to come."""
    statement = (
        select(calls.c.id)
        .join(phones, phones.c.id == calls.c.phone_id)
        .where(_is(connection, organization_id, number), calls.c.status == CallStatus.DUE)
        .limit(MOST)
    )
    return list((await connection.scalars(statement)).all())


def _is(connection: AsyncConnection, organization_id: UUID, number: str) -> ColumnElement[bool]:
    index = keyring_of(connection).blind_index(organization_id, number)
    return and_(phones.c.organization_id == organization_id, phones.c.number_index == index)


async def opted_out_numbers(connection: AsyncConnection, organization_id: UUID) -> list[str]:
    """Numbers that have opted out, at most 2,000."""
    statement = select(phones.c.number).where(phones.c.organization_id == organization_id, phones.c.opted_out_at.is_not(None)).limit(MOST)
    return list((await connection.scalars(statement)).all())
