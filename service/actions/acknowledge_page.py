"""Somebody has seen an emergency: paging stops. It is not a claim: the item still waits for a nurse (decisions 16)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from service.actions.note_acknowledged import acknowledge
from service.actions.refusal import NotFound, Refused
from service.db import escalation_claims
from service.db.database import Database
from service.domain.escalation import State
from service.domain.staff import Permission, Staff


async def acknowledge_page(database: Database, staff: Staff, item_id: UUID, now: datetime) -> None:
    """Notes who has seen it first; repeating it changes nothing. Raises NotFound for another team's item, Refused for a closed one."""
    if not staff.may(Permission.WORK_QUEUE):
        raise NotFound
    async with database.transaction() as connection:
        item = await escalation_claims.lock_item(connection, staff, item_id)
        if item is None:
            raise NotFound
        if item.state is State.RESOLVED:
            raise Refused("This item is closed already.")
        if item.acknowledged_at is not None:
            return
        if not await acknowledge(connection, item, staff, now):
            raise Refused("The item changed just now. Look again and repeat it if you still want to.")
