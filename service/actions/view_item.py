"""Opening an item: a read of a patient's record, audited in the same transaction (law 10)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from service.actions.refusal import NotFound
from service.db import audit
from service.db.database import Database
from service.db.item import ItemPage, load_item
from service.db.thread import Key
from service.domain.staff import Permission, Staff


async def view_item(database: Database, staff: Staff, item_id: UUID, now: datetime, before: Key | None = None) -> ItemPage:
    """All that the item's page shows, its thread up to the key. Raises NotFound for another team's item."""
    if not staff.may(Permission.WORK_QUEUE):
        raise NotFound
    async with database.transaction() as connection:
        page = await load_item(connection, staff, item_id, now, before)
        if page is None:
            raise NotFound
        await audit.leave(
            connection,
            staff.organization_id,
            now,
            "patient_viewed",
            staff_id=staff.id,
            patient_id=page.item.patient_id,
            object_kind="escalation",
            object_id=item_id,
        )
    return page
