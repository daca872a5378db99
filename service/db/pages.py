"""Pages to staff: due ones, claims and attempts, and where an emergency's ladder stands (decisions 16)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import bindparam, func, insert, literal, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.changes import Changes
from service.db.communication import attempts
from service.db.database import database_now, lease_end, skip_locked
from service.db.escalation import escalation_events, escalations, pages
from service.db.organization import teams
from service.db.schema import Instant, new_id
from service.domain.communication import Status
from service.domain.escalation import PAGE_EVERY, State
from service.domain.urgency import Urgency

LEASE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Page:
    """A page that is due: to whom, and the words (no health detail)."""

    id: UUID
    organization_id: UUID
    escalation_id: UUID
    phone: str
    body: str
    step: int
    attempts: int


async def claim(connection: AsyncConnection, now: datetime, node: str, limit: int) -> list[tuple[Page, UUID]]:
    """Due pages with their new attempt ids: claimed, and each attempt written, before anything leaves."""
    due = select(pages.c.id).where(text("pages.status = 'due'"), pages.c.due_at <= now).order_by(pages.c.due_at).limit(limit)
    ids = list((await connection.scalars(skip_locked(due))).all())
    if not ids:
        return []
    rows = (await connection.execute(select(pages).where(pages.c.id.in_(ids)).order_by(pages.c.due_at))).all()
    found = [
        (Page(row.id, row.organization_id, row.escalation_id, row.phone, row.body, row.step, row.attempts), new_id(now)) for row in rows
    ]
    await connection.execute(
        update(pages)
        .where(pages.c.id == bindparam("row_id"))
        .values(
            status=Status.CLAIMED,
            status_at=now,
            claimed_by=node,
            attempts=pages.c.attempts + 1,
            attempt_id=bindparam("new_attempt"),
        ),
        [{"row_id": page.id, "new_attempt": attempt_id} for page, attempt_id in found],
    )
    await connection.execute(update(pages).where(pages.c.id.in_(ids)).values(lease_until=lease_end(connection, now, LEASE)))
    await connection.execute(
        insert(attempts),
        [
            {
                "id": attempt_id,
                "organization_id": page.organization_id,
                "communication_id": None,
                "page_id": page.id,
                "number": page.attempts + 1,
                "started_at": now,
                "ended_at": None,
                "outcome": "",
                "provider_id": None,
                "error_code": "",
            }
            for page, attempt_id in found
        ],
    )
    return found


async def lost_claims(connection: AsyncConnection, now: datetime, limit: int) -> list[tuple[UUID, UUID]]:
    """(page, attempt) of claims whose holder is gone."""
    statement = (
        select(pages.c.id, pages.c.attempt_id)
        .where(
            text("pages.status IN ('claimed', 'unknown')"),
            pages.c.status == Status.CLAIMED,
            pages.c.lease_until <= database_now(connection, now),
        )
        .order_by(pages.c.lease_until)
        .limit(limit)
    )
    return [(row.id, row.attempt_id) for row in (await connection.execute(statement)).all()]


async def lock_items(connection: AsyncConnection, ids: Iterable[UUID]) -> None:
    """Locks these items in id order, as all who hold several do."""
    wanted = sorted(set(ids))
    if wanted:
        await connection.execute(
            select(escalations.c.id).where(escalations.c.id.in_(wanted)).order_by(escalations.c.id).with_for_update(key_share=True)
        )


@dataclass(frozen=True, slots=True)
class KnownPage:
    """What a page stands at, for judging a word on it."""

    id: UUID
    organization_id: UUID
    escalation_id: UUID
    step: int
    status: Status
    attempts: int


async def lock(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, KnownPage]:
    """These pages, locked in id order, their items before them."""
    wanted = sorted(set(ids))
    whose = select(pages.c.escalation_id).where(pages.c.id.in_(wanted))
    await lock_items(connection, (await connection.scalars(whose)).all())
    statement = select(pages).where(pages.c.id.in_(wanted)).order_by(pages.c.id).with_for_update(key_share=True)
    return {
        row.id: KnownPage(row.id, row.organization_id, row.escalation_id, row.step, Status(row.status), row.attempts)
        for row in (await connection.execute(statement)).all()
    }


@dataclass(frozen=True, slots=True)
class Ladder:
    """Where the paging of an emergency stands."""

    escalation_id: UUID
    organization_id: UUID
    team_id: UUID
    on_call_phone: str
    body: str
    """The words of the last page; "" when none was ever written."""
    step: int
    """Of the last page, -1 for none."""
    failed_lately: int
    """Pages of the last five minutes that did not go out."""


async def ladders(connection: AsyncConnection, escalation_ids: Iterable[UUID], now: datetime) -> dict[UUID, Ladder]:
    """Those of these items that still need paging (emergency, not resolved, not acknowledged), locked."""
    statement = (
        select(escalations.c.id, escalations.c.organization_id, escalations.c.team_id, teams.c.on_call_phone)
        .join(teams, escalations.c.team_id == teams.c.id)
        .where(
            escalations.c.id.in_(sorted(set(escalation_ids))),
            escalations.c.urgency_rank == Urgency.EMERGENCY.rank,
            escalations.c.state != State.RESOLVED,
            escalations.c.acknowledged_at.is_(None),
        )
        .order_by(escalations.c.id)
        .with_for_update(key_share=True, of=escalations)
    )
    items = (await connection.execute(statement)).all()
    written: dict[UUID, list[tuple[int, str, str, datetime]]] = {}
    if items:
        all_pages = (
            select(pages.c.escalation_id, pages.c.step, pages.c.body, pages.c.status, pages.c.created_at)
            .where(pages.c.escalation_id.in_([item.id for item in items]))
            .order_by(pages.c.step)
        )
        for row in (await connection.execute(all_pages)).all():
            written.setdefault(row.escalation_id, []).append((row.step, row.body, row.status, row.created_at))
    found = {}
    for item in items:
        own = written.get(item.id, [])
        lately = [status for _, _, status, at in own if at > now - PAGE_EVERY]
        found[item.id] = Ladder(
            item.id,
            item.organization_id,
            item.team_id,
            item.on_call_phone,
            own[-1][1] if own else "",
            own[-1][0] if own else -1,
            sum(status in (Status.FAILED, Status.UNDELIVERED) for status in lately),
        )
    return found


def next_page(changes: Changes, ladder: Ladder, body: str) -> int:
    """A page more, due now, with its line in the item's history; returns its step."""
    step = ladder.step + 1
    changes.insert(
        pages,
        {
            "id": new_id(changes.now),
            "organization_id": ladder.organization_id,
            "escalation_id": ladder.escalation_id,
            "team_id": ladder.team_id,
            "phone": ladder.on_call_phone,
            "body": body,
            "step": step,
            "status": Status.DUE,
            "created_at": changes.now,
            "due_at": changes.now,
            "status_at": changes.now,
        },
    )
    item_event(changes, ladder.organization_id, ladder.escalation_id, "paged", {"step": step})
    changes.wake("outbox:emergency", f"queue:{ladder.organization_id}")
    return step


def item_event(changes: Changes, organization_id: UUID, escalation_id: UUID, what: str, detail: dict[str, object]) -> None:
    """A line of an item's history."""
    changes.insert(
        escalation_events,
        {
            "id": new_id(changes.now),
            "organization_id": organization_id,
            "escalation_id": escalation_id,
            "at": changes.now,
            "what": what,
            "detail": detail,
        },
    )


async def unpaged(connection: AsyncConnection, now: datetime, limit: int) -> list[UUID]:
    """Emergencies that nobody has acknowledged and that were last paged too long ago: the net below the ladder's due work."""
    last = select(func.max(pages.c.created_at)).where(pages.c.escalation_id == escalations.c.id).scalar_subquery()
    statement = (
        select(escalations.c.id)
        .where(
            escalations.c.state != State.RESOLVED,
            escalations.c.urgency_rank == Urgency.EMERGENCY.rank,
            escalations.c.acknowledged_at.is_(None),
            func.coalesce(last, escalations.c.opened_at) < literal(now - PAGE_EVERY - timedelta(minutes=1), Instant()),
        )
        .order_by(escalations.c.opened_at)
        .limit(limit)
    )
    return list((await connection.scalars(statement)).all())
