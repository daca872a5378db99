"""A note on an item: any member of the team may write one; the holder's note keeps their claim alive."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from service.actions.own_item import keep_claim, own_item, told
from service.actions.refusal import Refused
from service.db import item_notes
from service.db.database import Database
from service.domain.staff import Staff

LONGEST_NOTE = 4000


async def write_note(database: Database, staff: Staff, item_id: UUID, text: str, now: datetime, *, addends: UUID | None = None) -> UUID:
    """Adds the note, also to a closed item; its id. With `addends` it is an addendum to that signed note, which stays as it is.

    Raises NotFound, or Refused for an empty or overlong one and for an addendum to what is no signed note of the item.
    """
    if not text.strip():
        raise Refused("The note is empty: write what you found or did.")
    if len(text) > LONGEST_NOTE:
        raise Refused("The note is longer than {most} characters: shorten it or write two.", most=LONGEST_NOTE)
    async with database.transaction() as connection:
        item = await own_item(connection, staff, item_id)
        if addends is not None and not await item_notes.signed_note(connection, item, addends):
            raise Refused("An addendum adds to a signed note of this item: choose one.")
        note_id = await item_notes.add_note(connection, item, staff, text.strip(), now, addends=addends)
        await keep_claim(connection, item, staff, now)
        detail = {"note_id": str(note_id)}
        await told(connection, item, staff, "note_written", now, object_kind="note", object_id=note_id, detail=detail)
    return note_id
