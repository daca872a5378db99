"""Which items are being paged for: the rung, whom it reached and how, when the next rung comes, who took note. No patient is in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.due_work import due_work
from service.db.escalation import escalations, pages
from service.db.pages import NO_RUNG
from service.db.staff import staff
from service.domain.communication import Status
from service.domain.escalation import State
from service.domain.ladder import PageChannel
from service.domain.urgency import Urgency, by_rank

MOST_ITEMS = 50
MOST_PAGES = 1_000


@dataclass(frozen=True, slots=True)
class SentPage:
    """One page: to whom (the name, or what the number is called), by which channel, how it stands."""

    to: str
    role: str
    channel: PageChannel
    status: Status
    at: datetime


@dataclass(frozen=True, slots=True)
class InFlight:
    """An item that its team is paged for. `rung` counts from 1, 0 before the first; `next_at`: when the next one is paged (None: not
    planned); `seen_by` is "" while nobody has taken note."""

    item_id: UUID
    urgency: Urgency
    opened_at: datetime
    rung: int
    pages: tuple[SentPage, ...]
    next_at: datetime | None
    seen_by: str
    seen_at: datetime | None


async def in_flight(connection: AsyncConnection, organization_id: UUID, team_id: UUID, seen_since: datetime) -> list[InFlight]:
    """The open items of a team that nobody has taken note of, and those that somebody has since then; the most urgent first."""
    statement = (
        select(
            escalations.c.id,
            escalations.c.urgency_rank,
            escalations.c.opened_at,
            escalations.c.acknowledged_at,
            staff.c.name.label("seen_by"),
        )
        .outerjoin(staff, staff.c.id == escalations.c.acknowledged_by)
        .where(
            text("escalations.state <> 'resolved'"),
            escalations.c.state != State.RESOLVED,
            escalations.c.organization_id == organization_id,
            escalations.c.team_id == team_id,
            escalations.c.urgency_rank < Urgency.ROUTINE.rank,
            escalations.c.ladder.is_not(None),
            or_(escalations.c.acknowledged_at.is_(None), escalations.c.acknowledged_at > seen_since),
        )
        .order_by(escalations.c.acknowledged_at.is_not(None), escalations.c.urgency_rank, escalations.c.opened_at)
        .limit(MOST_ITEMS)
    )
    items = (await connection.execute(statement)).all()
    ids = [row.id for row in items]
    sent = await _pages(connection, ids)
    coming = await _next(connection, sent, ids)
    found = []
    for row in items:
        own = sent[row.id]
        rung = max((number for number, _, _ in own), default=NO_RUNG)
        last = tuple(page for number, _, page in own if number == rung and rung != NO_RUNG)
        next_at = coming.get(row.id) if row.acknowledged_at is None else None
        seen_by = (row.seen_by or "") if row.acknowledged_at is not None else ""
        found.append(InFlight(row.id, by_rank(row.urgency_rank), row.opened_at, rung + 1, last, next_at, seen_by, row.acknowledged_at))
    return found


async def _pages(connection: AsyncConnection, ids: Collection[UUID]) -> dict[UUID, list[tuple[int, int, SentPage]]]:
    """(rung, step, page) of each of these items."""
    found: dict[UUID, list[tuple[int, int, SentPage]]] = defaultdict(list)
    if not ids:
        return found
    statement = (
        select(
            pages.c.escalation_id,
            pages.c.rung,
            pages.c.step,
            pages.c.role,
            pages.c.channel,
            pages.c.status,
            pages.c.status_at,
            staff.c.name,
        )
        .outerjoin(staff, staff.c.id == pages.c.staff_id)
        .where(pages.c.escalation_id.in_(sorted(ids)))
        .order_by(pages.c.id.desc())
        .limit(MOST_PAGES)
    )
    for row in (await connection.execute(statement)).all():
        page = SentPage(row.name or "", row.role, PageChannel(row.channel), Status(row.status), row.status_at)
        found[row.escalation_id].append((row.rung, row.step, page))
    return found


async def _next(
    connection: AsyncConnection, sent: dict[UUID, list[tuple[int, int, SentPage]]], ids: Collection[UUID]
) -> dict[UUID, datetime]:
    """When the next rung of each item is due, by the keys under which the ladder plans it."""
    keys: dict[str, UUID] = {}
    for id in ids:
        own = sent[id]
        rung = max((number for number, _, _ in own), default=NO_RUNG) + 1
        for step in {step + 1 for _, step, _ in own} | {0}:
            keys[f"page:{id}:{rung}:{step}"] = id
    if not keys:
        return {}
    statement = select(due_work.c.key, due_work.c.due_at).where(due_work.c.key.in_(sorted(keys)), due_work.c.state == "due")
    found: dict[UUID, datetime] = {}
    for row in (await connection.execute(statement)).all():
        id = keys[row.key]
        found[id] = min(row.due_at, found.get(id, row.due_at))
    return found
