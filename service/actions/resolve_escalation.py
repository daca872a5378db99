"""A named nurse closes an item: with a decision, a note, an answer to every concern, and for an emergency who was spoken to."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.actions.refusal import Held, NotFound, Refused
from service.actions.write_note import LONGEST_NOTE
from service.db import audit, escalation_claims
from service.db.database import Database
from service.domain.escalation import Disposition, SpokeTo, State, why_not_resolvable
from service.domain.staff import Permission, Staff

CHANGED = "Something new has come in since you opened this page. Read it below, then close the item."


@dataclass(frozen=True, slots=True)
class Closing:
    """What the nurse filled in; `version` is that of the item they were looking at."""

    version: int
    disposition: str
    note: str
    spoke_to: str = ""
    follow_up: str = ""
    answered: Collection[UUID] = ()


async def resolve_escalation(database: Database, staff: Staff, item_id: UUID, closing: Closing, now: datetime) -> None:
    """Closes the item in one transaction: concerns answered, notes written, state, history, audit.

    Raises NotFound for another team's item, Held unless the asker holds it, Refused saying what is missing.
    """
    if not staff.may(Permission.WORK_QUEUE):
        raise NotFound
    if len(closing.note) > LONGEST_NOTE or len(closing.follow_up) > LONGEST_NOTE:
        raise Refused(f"A note is at most {LONGEST_NOTE} characters long: shorten it.")
    async with database.transaction() as connection:
        item = await escalation_claims.lock_item(connection, staff, item_id)
        if item is None:
            raise NotFound
        if item.state is State.RESOLVED:
            raise Refused("This item is closed already.")
        if item.state is not State.CLAIMED or item.claimed_by != staff.id:
            raise Held("Claim the item before you close it, so that nobody else works on it meanwhile.")
        if item.version != closing.version:
            raise Refused(CHANGED)
        if missing := why_not_resolvable(item.urgency, closing.disposition, closing.note, closing.spoke_to):
            raise Refused(missing)
        open_concerns = await escalation_claims.unanswered(connection, item)
        if set(open_concerns) - set(closing.answered):
            raise Refused("Tick every concern that you have answered: an item closes when none is left.")
        disposition = Disposition(closing.disposition)
        spoke_to = closing.spoke_to if closing.spoke_to in set(SpokeTo) else ""
        await escalation_claims.answer_concerns(connection, item, open_concerns, now)
        note_ids = [await escalation_claims.add_note(connection, item, staff, closing.note.strip(), now)]
        if closing.follow_up.strip():
            note_ids.append(await escalation_claims.add_note(connection, item, staff, f"Follow-up: {closing.follow_up.strip()}", now))
        if not await escalation_claims.close(connection, item, staff, disposition, spoke_to, now):
            raise Refused(CHANGED)
        detail = {"disposition": disposition, "spoke_to": spoke_to, "concerns": len(open_concerns)}
        await escalation_claims.record(connection, item, "resolved", staff, now, detail)
        await audit.append(
            connection,
            [
                audit.entry(
                    item.organization_id,
                    now,
                    "escalation_resolved",
                    staff_id=staff.id,
                    patient_id=item.patient_id,
                    object_kind="escalation",
                    object_id=item.id,
                    detail={"disposition": disposition, "notes": [str(note_id) for note_id in note_ids]},
                )
            ],
        )
