"""The newest texts of an organization by number: what the demo lays on its simulated telephones when it starts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.communication import communications
from service.db.patient import phones

MOST = 2_000


@dataclass(frozen=True, slots=True)
class Said:
    """One text: on which number, in which direction, and how far it came."""

    id: UUID
    number: str
    direction: str
    body: str
    status: str
    at: datetime


async def texts_since(connection: AsyncConnection, organization_id: UUID, since: datetime) -> list[Said]:
    """Texts written since then, oldest first, the newest 2,000."""
    statement = (
        select(
            communications.c.id,
            phones.c.number,
            communications.c.direction,
            communications.c.body,
            communications.c.status,
            communications.c.created_at,
        )
        .join(phones, phones.c.id == communications.c.phone_id)
        .where(communications.c.organization_id == organization_id, communications.c.created_at >= since)
        .order_by(communications.c.created_at.desc(), communications.c.id.desc())
        .limit(MOST)
    )
    return [Said(*row) for row in reversed((await connection.execute(statement)).all())]


async def opted_out_numbers(connection: AsyncConnection, organization_id: UUID) -> list[str]:
    """Numbers that have opted out, at most 2,000."""
    statement = select(phones.c.number).where(phones.c.organization_id == organization_id, phones.c.opted_out_at.is_not(None)).limit(MOST)
    return list((await connection.scalars(statement)).all())
