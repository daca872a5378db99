"""What went to a provider and whose end is not known: listed for operators by id and time, without body or number."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.communication import communications
from service.db.escalation import pages
from service.domain.communication import Status

MOST_LISTED = 1_000


@dataclass(frozen=True, slots=True)
class Unknown:
    """A text to a patient or a page to staff (`what`) with an unknown outcome since `since`."""

    what: str
    id: UUID
    provider: str
    created_at: datetime
    since: datetime


async def list_unknown(connection: AsyncConnection) -> list[Unknown]:
    """Texts and pages with an unknown outcome, longest unknown first, at most 1,000 of each."""
    found: list[Unknown] = []
    for what, table in (("communication", communications), ("page", pages)):
        statement = (
            select(table.c.id, table.c.provider, table.c.created_at, table.c.status_at)
            .where(table.c.status == Status.UNKNOWN)
            .order_by(table.c.status_at)
            .limit(MOST_LISTED)
        )
        found += [Unknown(what, row.id, row.provider, row.created_at, row.status_at) for row in (await connection.execute(statement)).all()]
    return sorted(found, key=lambda one: one.since)
