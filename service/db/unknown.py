"""What went to a provider and whose end is not known: looked up in its own list, counted, and listed for operators by id and time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Select, Table, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.communication import attempts, communication_statuses, communications
from service.db.database import among
from service.db.escalation import pages
from service.db.patient import phones
from service.db.schema import Instant, first_id
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
    """A text or page that may have gone to a provider, with what the provider's own list is searched for."""

    id: UUID
    organization_id: UUID
    is_page: bool
    attempt_id: UUID | None
    provider: str
    number: str
    body: str
    began: datetime
    """When its attempt began."""


PAGES_MATTER_FOR = timedelta(days=1)
"""Own choice: the ladder has long climbed past a page that is older."""


async def in_doubt(connection: AsyncConnection, now: datetime, limit: int) -> list[Doubtful]:
    """Pages by text of the last day with an unknown outcome, longest first, then texts, those that the provider was not asked about
    for longest first; at most `limit` of each. Nobody asks about texts that were given up."""
    found: list[Doubtful] = []
    began = func.coalesce(attempts.c.started_at, pages.c.status_at, type_=Instant())
    statement = _doubtful(pages, pages.c.phone, began).where(pages.c.channel == "text", pages.c.status_at > now - PAGES_MATTER_FOR)
    rows = (await connection.execute(statement.order_by(pages.c.status_at).limit(limit))).all()
    found += [Doubtful(row.id, row.organization_id, True, row.attempt_id, row.provider, row.number, row.body, row.began) for row in rows]
    began = func.coalesce(attempts.c.started_at, communications.c.status_at, type_=Instant())
    statement = _doubtful(communications, phones.c.number, began).join(phones, communications.c.phone_id == phones.c.id)
    longest = func.coalesce(communications.c.asked_at, communications.c.status_at)
    rows = (await connection.execute(statement.where(communications.c.given_up_at.is_(None)).order_by(longest).limit(limit))).all()
    found += [Doubtful(row.id, row.organization_id, False, row.attempt_id, row.provider, row.number, row.body, row.began) for row in rows]
    return found


def _doubtful(table: Table, number: Column[Any], began: ColumnElement[datetime]) -> Select[Any]:
    columns = (table.c[name] for name in ("id", "organization_id", "attempt_id", "provider", "body"))
    return (
        select(*columns, number.label("number"), began.label("began"))
        .outerjoin(attempts, table.c.attempt_id == attempts.c.id)
        .where(text(f"{table.name}.status IN ('claimed', 'unknown')"))  # as the index is written
        .where(table.c.status == Status.UNKNOWN)
    )


@dataclass(frozen=True, slots=True)
class Silent:
    """A text at a provider whose end is not told, or told in two ways: the provider is asked by its id."""

    id: UUID
    organization_id: UUID
    patient_id: UUID | None
    purpose: Purpose
    status: Status
    provider: str
    provider_id: str
    status_at: datetime


async def not_final(connection: AsyncConnection, now: datetime, silent_for: timedelta, limit: int) -> list[Silent]:
    """Accepted or sent texts of which nothing was heard for so long, and that were not asked about for so long; longest first."""
    before = now - silent_for
    where = (
        text("communications.status IN ('accepted', 'sent')"),
        communications.c.status_at <= before,
        communications.c.given_up_at.is_(None),
        communications.c.provider_id.is_not(None),
        or_(communications.c.asked_at.is_(None), communications.c.asked_at <= before),
    )
    return await _silent(connection, select(*_SILENT).where(*where).order_by(communications.c.status_at).limit(limit))


async def told_both_ways(connection: AsyncConnection, now: datetime, within: timedelta, limit: int) -> list[Silent]:
    """Texts of which the provider has said lately that they arrived and that they did not, and that were not asked about since."""
    lines = communication_statuses
    recent = lines.c.id > first_id(now - within)
    other = (lines.c.applied == 0, lines.c.source == "callback", lines.c.status.in_(_ENDS), lines.c.status != communications.c.status)
    asked = or_(communications.c.asked_at.is_(None), communications.c.asked_at < lines.c.at)
    statement = (
        select(*_SILENT)
        .join(lines, lines.c.communication_id == communications.c.id)
        .where(recent, *other, communications.c.status.in_(_ENDS), communications.c.provider_id.is_not(None), asked)
        .distinct()
        .limit(limit)
    )
    return await _silent(connection, statement)


async def asked(connection: AsyncConnection, ids: Sequence[UUID], now: datetime) -> None:
    """The provider was asked about these texts."""
    if ids:
        await connection.execute(update(communications).where(among(connection, communications.c.id, ids)).values(asked_at=now))


async def give_up(connection: AsyncConnection, ids: Sequence[UUID], now: datetime) -> None:
    """Nobody asks about these texts any more; they stay as they are."""
    if ids:
        await connection.execute(update(communications).where(among(connection, communications.c.id, ids)).values(given_up_at=now))


_ENDS = (Status.DELIVERED, Status.UNDELIVERED, Status.FAILED)
_SILENT = tuple(communications.c[name] for name in "id organization_id patient_id purpose status provider provider_id status_at".split())


async def _silent(connection: AsyncConnection, statement: Select[Any]) -> list[Silent]:
    rows = (await connection.execute(statement)).mappings().all()
    return [Silent(**{**row, "purpose": Purpose(row["purpose"]), "status": Status(row["status"])}) for row in rows]


async def claimed_provider_ids(connection: AsyncConnection, provider: str, ids: Sequence[str]) -> set[str]:
    """Those of the provider's ids that a text or page of ours already bears."""
    found: set[str] = set()
    for table in (communications, pages):
        mine = select(table.c.provider_id).where(table.c.provider == provider, among(connection, table.c.provider_id, ids))
        found.update(id for id in (await connection.scalars(mine)).all() if id)
    return found
