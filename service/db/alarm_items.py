"""The operational items that software opens and closes by itself (decisions 3): which stand, and their end."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db import items
from service.db.changes import Changes
from service.db.escalation import concerns, escalations
from service.domain.escalation import Kind, State
from service.domain.urgency import Urgency, by_rank


@dataclass(frozen=True, slots=True)
class StandingItem:
    """An open operational item of an organization; `rule` says what it is about."""

    id: UUID
    organization_id: UUID
    rule: str
    urgency: Urgency
    opened_at: datetime


async def standing(connection: AsyncConnection, rules: Collection[str], *, lock: bool = False) -> list[StandingItem]:
    """The open operational items of these rules that are about no single patient, oldest first; `lock`: held until the commit."""
    statement = (
        select(escalations.c.id, escalations.c.organization_id, concerns.c.rule, escalations.c.urgency_rank, escalations.c.opened_at)
        .join(concerns, concerns.c.escalation_id == escalations.c.id)
        .where(
            escalations.c.kind == Kind.OPERATIONAL,
            escalations.c.state != State.RESOLVED,
            escalations.c.patient_id.is_(None),
            concerns.c.rule.in_(sorted(rules)),
        )
        .order_by(escalations.c.id)
    )
    if lock:
        statement = statement.with_for_update(key_share=True, of=escalations)
    rows = (await connection.execute(statement)).all()
    return [StandingItem(row.id, row.organization_id, row.rule, by_rank(row.urgency_rank), row.opened_at) for row in rows]


def close(changes: Changes, item: StandingItem) -> None:
    """Closes the item: what it was about is over. Its history says that software has done so."""
    changes.update(escalations, item.id, state=State.RESOLVED, resolved_at=changes.now, claimed_until=None)
    open_concerns = (concerns.c.escalation_id == item.id) & concerns.c.answered_at.is_(None)
    changes.also(update(concerns).where(open_concerns).values(answered_at=changes.now))
    items.add_event(changes, item.organization_id, item.id, "resolved", {"why": "over"})
    changes.wake(f"queue:{item.organization_id}")


def say(changes: Changes, item: StandingItem, summary: str) -> None:
    """What the item is about has changed, for instance how much of it is left: open pages show it."""
    changes.update(escalations, item.id, summary=summary[:300])
    changes.wake(f"queue:{item.organization_id}")
