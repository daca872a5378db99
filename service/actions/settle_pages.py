"""Writes what became of pages to staff; a page that fails is seen on its item and the next one goes at once.

A step inside others' transactions.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.knowledge import Knowledge
from service.actions.page_again import page_again
from service.actions.settle_communications import Word
from service.db import outbox, pages
from service.db.changes import Changes
from service.db.escalation import pages as table
from service.domain.communication import Status, transition

_NOT_ARRIVED = frozenset({Status.FAILED, Status.UNDELIVERED})
MOST_AT_ONCE = 2
"""Failed pages of five minutes that are followed at once; after that the ladder's five minutes hold, so that a wrong number
does not page without end."""


async def settle_pages(connection: AsyncConnection, knowledge: Knowledge, words: Sequence[Word], now: datetime) -> list[bool]:
    """Applies each word, forward only; `Word.communication_id` is the page's id. True for those that changed something."""
    if not words:
        return []
    known = await pages.lock(connection, [word.communication_id for word in words])
    changes = Changes(now)
    applied: list[bool] = []
    failed = []
    ends: list[dict[str, Any]] = []
    for word in words:
        before = known.get(word.communication_id)
        moves = before is not None and transition(before.status, word.status)
        applied.append(moves)
        if word.outcome and word.attempt_id is not None:
            ends.append(
                {
                    "id": word.attempt_id,
                    "outcome": word.outcome,
                    "provider_id": word.provider_id or None,
                    "error_code": word.error_code[:32],
                }
            )
        if before is None or not moves:
            continue
        values: dict[str, Any] = {"status": word.status, "status_at": now, "claimed_by": None, "lease_until": None}
        if word.provider_id:
            values |= {"provider": word.provider, "provider_id": word.provider_id}
        if word.error_code:
            values["error_code"] = word.error_code[:32]
        if word.due_at is not None:
            values["due_at"] = word.due_at
        changes.update(table, before.id, **values)
        if word.status is Status.DELIVERED:
            pages.item_event(changes, before.organization_id, before.escalation_id, "page_delivered", {"step": before.step})
        if word.status is Status.UNKNOWN or word.status in _NOT_ARRIVED:
            detail: dict[str, object] = {"step": before.step, "status": word.status, "code": word.error_code}
            pages.item_event(changes, before.organization_id, before.escalation_id, "page_failed", detail)
            changes.wake(f"queue:{before.organization_id}")
        if word.status in _NOT_ARRIVED:
            failed.append(before.escalation_id)
    await outbox.end_attempts(connection, ends, now)
    await changes.write(connection)
    if failed:
        more = Changes(now)
        standing = await pages.ladders(connection, failed, now)
        at_once = [id for id, ladder in standing.items() if ladder.failed_lately <= MOST_AT_ONCE]
        await page_again(connection, more, knowledge, at_once)
        await more.write(connection)
    return applied
