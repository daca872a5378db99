"""A named nurse makes an item less urgent, with a written reason; nobody and nothing else does (law 8)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from service.actions.own_item import CHANGED, own_item, told
from service.actions.refusal import Refused
from service.actions.write_note import LONGEST_NOTE
from service.db import escalation_claims, item_notes
from service.db.contexts import load_teams
from service.db.database import Database
from service.domain.escalation import LEASE
from service.domain.patient import due_at
from service.domain.staff import Permission, Staff
from service.domain.urgency import Urgency


async def lower_urgency(database: Database, staff: Staff, item_id: UUID, urgency: str, reason: str, version: int, now: datetime) -> None:
    """The item becomes less urgent; the reason is a note on it, and what it was stays visible.

    `version` is that of the item they were looking at: what has come in since is read before anything is lowered.

    Raises NotFound for another team's item and for who may not judge, Held unless the asker holds it, Refused without a reason.
    """
    reason = reason.strip()
    async with database.transaction() as connection:
        item = await own_item(connection, staff, item_id, Permission.ASSESS, held=True)
        if item.version != version:
            raise Refused(CHANGED)
        if urgency not in set(Urgency) or Urgency(urgency).rank <= item.urgency.rank:
            raise Refused("Choose a lower urgency than the present one. It rises by itself when the patient reports something worse.")
        if not reason:
            raise Refused("Write why it is less urgent: the reason stands in the history with your name.")
        if len(reason) > LONGEST_NOTE:
            raise Refused("A note is at most {most} characters long: shorten it.", most=LONGEST_NOTE)
        lower = Urgency(urgency)
        team = (await load_teams(connection, {item.team_id}, now))[item.team_id]
        due = max(item.due_at, due_at(team, lower, item.opened_at))
        if not await escalation_claims.lower(connection, item, lower, due, now + LEASE[lower]):
            raise Refused(CHANGED)
        note_id = await item_notes.add_note(connection, item, staff, reason, now)
        detail = {"from": item.urgency.value, "to": lower.value, "note_id": str(note_id)}
        await told(connection, item, staff, "lowered", now, detail=detail)
