"""An answer has not reached its patient: the item that somebody has put off or only seen is nobody's care, and pages again.

A step inside others' transactions; it locks the items, and whatever patients they have were locked before.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.page_again import Why
from service.db import items, open_items
from service.db.changes import Changes


async def heed_unreached(connection: AsyncConnection, changes: Changes, ids: Collection[UUID]) -> int:
    """Wakes those of these items that sleep, and takes for unseen those emergencies and urgent ones that were only acknowledged; how many.

    A sleeping one goes on with the ladder's next rung, one that was seen pages those who were paged last. Whoever holds an item sees on it
    that nobody was reached: it stays theirs.
    """
    found = await open_items.in_nobodys_hands(connection, ids) if ids else []
    for one in found:
        if one.asleep:
            items.add_event(changes, one.organization_id, one.id, "woken", {"by": "not_reached"})
        items.change_item(changes, one.organization_id, one.id, **items.WOKEN)
        items.plan_paging(changes, one.organization_id, one.id, Why.NEXT if one.asleep else Why.AGAIN, one.urgency)
    return len(found)
