"""A nurse has called: what became of it is logged with one touch, and the next call of the protocol gets a due time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.doubt_number import doubt_called
from service.actions.own_item import keep_claim, own_item, told
from service.actions.refusal import Refused
from service.db import due_work, escalation_claims, item, item_notes, items, nurse_calls
from service.db.changes import Changes
from service.db.database import Database
from service.db.due_work import Work
from service.domain.attempts import NextCall, Outcome, next_call
from service.domain.communication import Lane
from service.domain.escalation import State
from service.domain.staff import Staff
from service.domain.urgency import Urgency

KIND = "attempt_due"


async def log_attempt(
    database: Database, staff: Staff, item_id: UUID, outcome: str, phone_id: UUID | None, now: datetime
) -> NextCall | None:
    """Keeps the attempt and plans the next call; that call, None when none follows. Any member of the team may log one.

    Where somebody else has answered, the number is in doubt from now on for everybody who is reached on it.

    Raises NotFound for another team's item, Refused for an outcome that does not exist, for a closed item, and for a wrong number when it
    is not clear which.
    """
    if outcome not in set(Outcome):
        raise Refused("Say what became of the call: choose one of the outcomes.")
    async with database.transaction() as connection:
        found = await own_item(connection, staff, item_id)
        if found.state is State.RESOLVED:
            raise Refused("This item is closed already.")
        numbers = [phone.id for phone in await item_notes.phones_of(connection, found)]
        if phone_id is not None and phone_id not in numbers:
            raise Refused("Choose one of the patient's numbers.")
        if outcome == Outcome.WRONG_NUMBER:
            await _doubt(connection, staff, [phone_id] if phone_id is not None else numbers, now)
        attempt_id = await nurse_calls.add_attempt(connection, found, staff, Outcome(outcome), phone_id, now)
        made = await nurse_calls.attempts_of(connection, found.id)
        place = await item.reply_place(connection, found)
        following = next_call(found.urgency, made, place.zone, await escalation_claims.news_at(connection, found))
        due = following if isinstance(following, NextCall) and following.due_at is not None else None
        if due is not None and due.due_at is not None:
            lane = Lane.EMERGENCY if found.urgency.rank <= Urgency.URGENT.rank else Lane.ROUTINE
            key = f"attempt:{found.id}:{due.number}:{attempt_id}"
            row = due_work.row(
                found.organization_id, key, KIND, found.id, due.due_at, now, lane=lane, payload={"number": due.number, "made": len(made)}
            )
            await due_work.add(connection, [row])
        await keep_claim(connection, found, staff, now)
        detail = {"outcome": outcome, "number": len(made)}
        await told(connection, found, staff, "call_attempt", now, object_kind="call_attempt", object_id=attempt_id, detail=detail)
    return due


async def _doubt(connection: AsyncConnection, staff: Staff, called: Sequence[UUID], now: datetime) -> None:
    if len(called) > 1:
        raise Refused("Choose which number was wrong: no check-in goes to it any more until somebody confirms it.")
    changes = Changes(now)
    for phone_id in called:
        await doubt_called(connection, changes, staff, phone_id)
    await changes.write(connection)


async def remind_of_attempts(connection: AsyncConnection, works: Sequence[Work], now: datetime) -> Mapping[Work, datetime]:
    """A call is due: it stands in the item's history and the queue wakes; nothing when it has been made, or the item is closed."""
    standing = await escalation_claims.standing(connection, [work.subject_id for work in works])
    made = await nurse_calls.counts(connection, list(standing))
    changes = Changes(now)
    for work in works:
        number, organization_id = int(work.payload["number"]), standing.get(work.subject_id)
        if organization_id is None or made.get(work.subject_id, 0) > int(work.payload.get("made", number - 1)):
            continue
        items.add_event(changes, organization_id, work.subject_id, KIND, {"number": number})
        changes.wake(f"queue:{organization_id}")
    await changes.write(connection)
    return {}
