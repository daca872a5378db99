"""An encounter note that is not signed yet: its author's own, kept until it is signed or given up."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from service.actions.own_item import keep_claim, own_item
from service.db import item_notes
from service.db.database import Database
from service.domain.encounter import Encounter
from service.domain.staff import Permission, Staff


async def keep_draft(database: Database, staff: Staff, item_id: UUID, encounter: Encounter, now: datetime) -> None:
    """Keeps what is filled in so far; no field is required. A coordinator may gather here what a nurse signs later in her own words.

    Raises NotFound for another team's item.
    """
    async with database.transaction() as connection:
        item = await own_item(connection, staff, item_id, Permission.GATHER)
        await item_notes.keep_draft(connection, item, staff, encounter, now)
        await keep_claim(connection, item, staff, now)
