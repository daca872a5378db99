"""What kind of line stands behind a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.database import among
from service.db.patient import patient_phones, phones

LANDLINE = "landline"
"""A text does not arrive there."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A number nobody has asked about yet (E.164)."""

    id: UUID
    number: str = field(repr=False)


async def not_asked(connection: AsyncConnection, limit: int) -> list[Asked]:
    """Numbers of patients that nobody has asked about, the newest first."""
    theirs = select(patient_phones.c.id).where(patient_phones.c.phone_id == phones.c.id, patient_phones.c.ended_at.is_(None))
    statement = (
        select(phones.c.id, phones.c.number)
        .where(text("phones.line = ''"), theirs.exists())
        .order_by(phones.c.created_at.desc())
        .limit(limit)
    )
    return [Asked(row.id, row.number) for row in (await connection.execute(statement)).all()]


async def keep(connection: AsyncConnection, ids: Sequence[UUID], line: str) -> None:
    """Keeps what was found; what another node has found meanwhile stays."""
    found = update(phones).where(among(connection, phones.c.id, ids), phones.c.line == "")
    await connection.execute(found.values(line=line))
