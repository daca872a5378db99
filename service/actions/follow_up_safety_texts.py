"""Notices safety texts that brought no answer within two minutes: the item says that the patient has had none (decisions 6)."""

from __future__ import annotations

from datetime import datetime, timedelta

from service.db import leases, pages
from service.db.changes import Changes
from service.db.database import Database
from service.db.escalation import escalations
from service.domain.escalation import Reached

ANSWER_WITHIN = timedelta(minutes=2)


async def follow_up_safety_texts(database: Database, now: datetime, *, limit: int = 100) -> int:
    """Writes on each such item that the patient is silent, and when the text is not known to have arrived, that
    nobody was reached; how many. A delivery receipt that comes later says so on the item again.
    """
    async with database.transaction() as connection:
        changes = Changes(now)
        silent = await leases.unheard_safety_texts(connection, now, ANSWER_WITHIN, limit)
        for one in silent:
            detail: dict[str, object] = {"text": one.status, "communication_id": str(one.communication_id)}
            pages.item_event(changes, one.organization_id, one.id, leases.FOLLOWED_UP, detail)
            if not one.arrived and one.reached is not Reached.DELIVERED:
                changes.update(escalations, one.id, reached=Reached.NOT_REACHED)
            changes.wake(f"queue:{one.organization_id}")
        await changes.write(connection)
    return len(silent)
