"""For some seconds a nurse takes back what they have just done to the queue: a claim, a snooze, giving back, closing routine items."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from service.actions.page_again import Why
from service.actions.refusal import NotFound
from service.actions.trail import leave_trail
from service.db import escalation_claims, follow_ups, items, undo
from service.db.changes import Changes
from service.db.database import Database
from service.domain.escalation import State
from service.domain.staff import Permission, Staff


async def undo_step(database: Database, staff: Staff, step_id: UUID, now: datetime) -> tuple[int, int]:
    """How many items stand again as before, and how many do not because something has happened to them since.

    Of a closed item its concerns and follow-ups stand again with it, all of it or nothing. Nothing stands again when it is too late (10
    seconds), or when the step was taken back before. Notes that were written stay.
    """
    if not staff.may(Permission.WORK_QUEUE):
        raise NotFound
    async with database.transaction() as connection:
        step = await undo.take(connection, staff, step_id, now)
    if step is None:
        return 0, 0
    done = 0
    for item_id, version, before in step.before:
        done += await _put_back(database, staff, item_id, version, before, now)
    return done, len(step.before) - done


async def _put_back(database: Database, staff: Staff, item_id: UUID, version: int, before: dict[str, object], now: datetime) -> bool:
    """One item in a transaction of its own: items of several patients are never locked together here."""
    async with database.transaction() as connection:
        item = await escalation_claims.lock_item(connection, staff, item_id)
        if item is None or item.version != version:
            return False
        if item.state is State.RESOLVED:
            if await escalation_claims.has_another_open(connection, item):
                return False
            if item.resolved_at is not None:
                await escalation_claims.unanswer_concerns(connection, item, item.resolved_at)
                await follow_ups.unend(connection, item, item.resolved_at)
        if not await escalation_claims.put_back(connection, item, before):
            return False
        if before["acknowledged_at"] is None:  # a rung of its ladder may have come due meanwhile, and was passed over
            changes = Changes(now)
            items.plan_paging(changes, item.organization_id, item.id, Why.NEXT, item.urgency)
            await changes.write(connection)
        await escalation_claims.record(connection, item, "undone", staff, now, {"from": item.state, "to": before["state"]})
        await leave_trail(connection, "escalation_step_undone", staff, item, now, {"was": item.state})
    return True
