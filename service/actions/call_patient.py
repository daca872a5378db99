"""A nurse has the service call: her own telephone rings, she presses 1, and the patient is called from the clinic's number."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from service.actions.own_item import keep_claim, own_item, told
from service.actions.refusal import Refused
from service.actions.reply_to_patient import reason_needed
from service.db import item_notes, joined_calls
from service.db.database import Database
from service.db.item import reply_place
from service.domain.contact_hours import ContactHours
from service.domain.contact_law import ContactLaw
from service.domain.escalation import Escalation
from service.domain.staff import Staff
from service.domain.urgency import Urgency

LONGEST_REASON = 200


async def call_patient(
    database: Database, law: ContactLaw, staff: Staff, item_id: UUID, phone_id: UUID | None, reason: str, now: datetime
) -> UUID:
    """Plans the call, which is placed within seconds; its id. `phone_id` None: the number that the conversation is on.

    Raises NotFound for another team's item, Held unless the asker holds it, Refused saying why nobody may be called: a number that is
    not safe, one that has opted out or where it is quiet hours without a reason given, no telephone of the asker's own, a call of theirs
    that is under way.
    """
    reason = reason.strip()[:LONGEST_REASON]
    async with database.transaction() as connection:
        item = await own_item(connection, staff, item_id, held=True)
        place = await reply_place(connection, item)
        wanted = phone_id or place.phone_id
        phone = next((one for one in await item_notes.phones_of(connection, item) if one.id == wanted), None)
        if phone is None:
            raise Refused("Choose one of the patient's numbers.")
        if item.do_not_contact or phone.unsafe_since is not None:
            raise Refused("Do not call or text this number: the patient said that it is not safe.")
        if phone.opted_out_at is not None and not reason:
            raise Refused("The patient wants no messages or calls on this number: write why you call all the same.")
        if waits(item, place.hours(law.states), now) and not reason:
            raise Refused("It is quiet hours where the patient is: say why this cannot wait.")
        if not await joined_calls.own_number(connection, staff):
            raise Refused("Your own telephone is not on record, so it cannot ring: ask an administrator to enter it.")
        if await joined_calls.live_of(connection, staff) is not None:
            raise Refused("A call of yours is under way: finish it first.")
        call_id = await joined_calls.plan(connection, item, staff, phone.id, reason, now)
        await keep_claim(connection, item, staff, now)
        await told(connection, item, staff, "nurse_called", now, object_kind="nurse_call", object_id=call_id)
    return call_id


def waits(item: Escalation, hours: ContactHours, now: datetime) -> bool:
    """True when a call in quiet hours needs a reason: an emergency or urgent item is one."""
    return item.urgency.rank > Urgency.URGENT.rank and reason_needed(item, hours, now)
