"""A note on an item: any member of the team may write one; the holder's note keeps their claim alive."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from service.actions.refusal import NotFound, Refused
from service.db import audit, escalation_claims
from service.db.database import Database
from service.domain.escalation import LEASE, State
from service.domain.staff import Permission, Staff

LONGEST_NOTE = 4000


async def write_note(database: Database, staff: Staff, item_id: UUID, text: str, now: datetime) -> UUID:
    """Adds the note, also to a closed item (an addendum); its id. Raises NotFound, or Refused for an empty or overlong one."""
    if not staff.may(Permission.WORK_QUEUE):
        raise NotFound
    if not text.strip():
        raise Refused("The note is empty: write what you found or did.")
    if len(text) > LONGEST_NOTE:
        raise Refused(f"The note is longer than {LONGEST_NOTE} characters: shorten it or write two.")
    async with database.transaction() as connection:
        item = await escalation_claims.lock_item(connection, staff, item_id)
        if item is None:
            raise NotFound
        note_id = await escalation_claims.add_note(connection, item, staff, text.strip(), now)
        if item.state is State.CLAIMED and item.claimed_by == staff.id:
            await escalation_claims.extend(connection, item, now + LEASE[item.urgency])
        await escalation_claims.record(connection, item, "note_written", staff, now, {"note_id": str(note_id)})
        await audit.append(
            connection,
            [
                audit.entry(
                    item.organization_id,
                    now,
                    "note_written",
                    staff_id=staff.id,
                    patient_id=item.patient_id,
                    object_kind="note",
                    object_id=note_id,
                )
            ],
        )
    return note_id
