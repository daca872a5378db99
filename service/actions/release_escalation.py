"""A nurse gives an item back to the pool; a supervisor may do so for somebody else."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from service.actions.page_again import Why
from service.actions.refusal import Held, NotFound, Refused
from service.actions.trail import leave_trail
from service.db import escalation_claims, items, undo
from service.db.changes import Changes
from service.db.database import Database
from service.domain.escalation import State
from service.domain.staff import Permission, Staff

CHANGED = "The item changed just now. Look again and repeat it if you still want to."


async def release_escalation(database: Database, staff: Staff, item_id: UUID, now: datetime, *, why: str = "given_back") -> UUID:
    """Opens a claimed item again, or wakes one that was put off; the step, which can be taken back for seconds.

    `why` is what the history says: given_back | shift_end. Raises NotFound for another team's, Held when somebody else has it,
    Refused when nobody has.
    """
    if not staff.may(Permission.WORK_QUEUE):
        raise NotFound
    async with database.transaction() as connection:
        item = await escalation_claims.lock_item(connection, staff, item_id)
        if item is None:
            raise NotFound
        if item.state not in (State.CLAIMED, State.SNOOZED):
            raise Refused("Nobody holds this item, so there is nothing to give back.")
        if item.state is State.CLAIMED and item.claimed_by != staff.id and not staff.may(Permission.SUPERVISE):
            raise Held("Somebody else holds this item: only they or a supervisor can give it back.")
        stood = await undo.as_it_stands(connection, item)
        if not await escalation_claims.release(connection, item):
            raise Refused(CHANGED)
        what = "released" if item.state is State.CLAIMED else "woken"
        await escalation_claims.record(connection, item, what, staff, now, {"held_by": str(item.claimed_by), "why": why})
        step = await undo.keep(connection, staff, "release", [(item, stood)], now)
        changes = Changes(now)
        items.plan_paging(changes, item.organization_id, item.id, Why.NEXT, item.urgency)
        await changes.write(connection)
        await leave_trail(connection, "escalation_released", staff, item, now)
    return step
