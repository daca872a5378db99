"""What went to a provider and whose end is not known: looked up in its own list, counted, and listed for operators by id and time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.communication import attempts, communications
from service.db.escalation import pages
from service.db.patient import phones
from service.domain.communication import Purpose, Status

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


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A text that went to a provider and whose end is not known, with what the provider's own list is searched for."""

    id: UUID
    organization_id: UUID
    attempt_id: UUID | None
    purpose: Purpose
    status: Status
    provider: str
    provider_id: str | None
    number: str
    body: str
    status_at: datetime
    started_at: datetime | None


async def in_doubt(connection: AsyncConnection, now: datetime, not_final_for: timedelta | None, limit: int) -> list[Doubtful]:
    """Unknown texts, longest first; with `not_final_for` also accepted or sent ones of which nothing was heard for so long."""
    which = and_(text("communications.status IN ('claimed', 'unknown')"), communications.c.status == Status.UNKNOWN)
    if not_final_for is not None:
        silent = and_(
            text("communications.status IN ('accepted', 'sent')"),
            communications.c.status_at <= now - not_final_for,
            communications.c.status_at > now - 3 * not_final_for,
        )
        which = or_(which, silent)
    statement = (
        select(
            communications.c.id,
            communications.c.organization_id,
            communications.c.attempt_id,
            communications.c.purpose,
            communications.c.status,
            communications.c.provider,
            communications.c.provider_id,
            phones.c.number,
            communications.c.body,
            communications.c.status_at,
            attempts.c.started_at,
        )
        .join(phones, communications.c.phone_id == phones.c.id)
        .outerjoin(attempts, communications.c.attempt_id == attempts.c.id)
        .where(which)
        .order_by(communications.c.status_at)
        .limit(limit)
    )
    return [
        Doubtful(row.id, row.organization_id, row.attempt_id, Purpose(row.purpose), Status(row.status), *row[5:])
        for row in (await connection.execute(statement)).all()
    ]


async def claimed_provider_ids(connection: AsyncConnection, provider: str, ids: Sequence[str]) -> set[str]:
    """Those of the provider's ids that a text of ours already bears."""
    statement = select(communications.c.provider_id).where(communications.c.provider == provider, communications.c.provider_id.in_(ids))
    return set((await connection.scalars(statement)).all())


async def count_unknown(connection: AsyncConnection) -> int:
    """How many texts have an unknown outcome now."""
    statement = (
        select(func.count())
        .select_from(communications)
        .where(text("communications.status IN ('claimed', 'unknown')"), communications.c.status == Status.UNKNOWN)
    )
    return int(await connection.scalar(statement) or 0)
