"""Ready answers of an organization: texts that its nurses send often, by language."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, Index, String, Table, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.encryption import Encrypted
from service.db.schema import Instant, id_column, metadata, new_id, organization_column, reference
from service.domain.staff import Staff

ready_answers = Table(
    "ready_answers",
    metadata,
    id_column(),
    organization_column(),
    reference("created_by", "staff"),
    Column("language", String(8), nullable=False),
    Column("title", String(80), nullable=False),
    Column("body", Encrypted("ready_answers.body"), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Index("ix_ready_answers_organization_id_language", "organization_id", "language"),
)

MOST = 100
"""Of an organization and language."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A ready answer; `body` may name placeholders in braces."""

    id: UUID
    language: str
    title: str
    body: str


async def of_language(connection: AsyncConnection, organization_id: UUID, language: str = "") -> list[Ready]:
    """Those that an organization uses in this language ("": in every one), by title."""
    wanted = select(ready_answers).where(ready_answers.c.organization_id == organization_id, ready_answers.c.ended_at.is_(None))
    if language:
        wanted = wanted.where(ready_answers.c.language == language)
    rows = await connection.execute(wanted.order_by(ready_answers.c.language, ready_answers.c.title, ready_answers.c.id).limit(MOST))
    return [Ready(row.id, row.language, row.title, row.body) for row in rows]


async def add(connection: AsyncConnection, staff: Staff, language: str, title: str, body: str, now: datetime) -> UUID:
    """One more; its id."""
    id = new_id(now)
    values = {"id": id, "organization_id": staff.organization_id, "created_by": staff.id, "language": language}
    await connection.execute(insert(ready_answers).values(**values, title=title, body=body, created_at=now))
    return id


async def end(connection: AsyncConnection, staff: Staff, id: UUID, now: datetime) -> bool:
    """One is used no more; False when the organization has none such."""
    own = (ready_answers.c.id == id) & (ready_answers.c.organization_id == staff.organization_id) & ready_answers.c.ended_at.is_(None)
    return (await connection.execute(update(ready_answers).where(own).values(ended_at=now))).rowcount == 1
