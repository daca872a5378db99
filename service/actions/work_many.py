"""Several routine items at once: claimed, put off, or closed with one decision. What is more urgent than routine is never among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.refusal import NotFound, Refused
from service.actions.snooze_escalation import longest_of, put_off
from service.actions.trail import leave_trail
from service.actions.write_note import LONGEST_NOTE
from service.db import break_glass, escalation_claims, follow_ups, undo
from service.db.database import Database
from service.db.item_notes import add_note
from service.domain.escalation import LEASE, Disposition, Escalation, State
from service.domain.snooze import why_not_snoozable
from service.domain.staff import Permission, Staff
from service.domain.urgency import Urgency

MOST_AT_ONCE = 50


class What(StrEnum):
    """What can be done with many."""

    CLAIM = "claim"
    SNOOZE = "snooze"
    RESOLVE = "resolve"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to do, with what each of them needs: why they are put off, or one decision and note to close with."""

    what: What
    reason: str = ""
    disposition: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """How many it was done to, how many were left out (urgent, held by somebody else, changed meanwhile), and the step to take back."""

    done: int
    left_out: int
    undo: UUID | None


async def work_many(
    database: Database, staff: Staff, wanted: Wanted, chosen: Mapping[UUID, int], until: datetime | None, now: datetime
) -> Done:
    """Does it to each chosen item (id -> the version that was seen) on its own, so that one that cannot be keeps back no other.

    `until`: to put off to, None as long as each may wait.

    Raises Refused when something is missing that all of them need, NotFound for who may not work the queue.
    """
    if not staff.may(Permission.WORK_QUEUE):
        raise NotFound
    _whole(staff, wanted, chosen)
    before: list[tuple[Escalation, Mapping[str, Any]]] = []
    for item_id, version in sorted(chosen.items()):
        async with database.transaction() as connection:
            item = await escalation_claims.lock_item(connection, staff, item_id)
            if item is None or item.version != version or not _free(item, staff, now):
                continue
            stood = await _work(connection, staff, wanted, item, until, now)
            if stood is not None:
                before.append((item, stood))
    step = None
    if before:
        async with database.transaction() as connection:
            step = await undo.keep(connection, staff, wanted.what, before, now)
    return Done(len(before), len(chosen) - len(before), step)


def _whole(staff: Staff, wanted: Wanted, chosen: Mapping[UUID, int]) -> None:
    if not chosen:
        raise Refused("Select at least one item first.")
    if len(chosen) > MOST_AT_ONCE:
        raise Refused("Select {most} items at most.", most=MOST_AT_ONCE)
    if wanted.what is What.SNOOZE and not wanted.reason.strip():
        raise Refused("Say why they are snoozed: whoever finds them meanwhile has to know.")
    if wanted.what is not What.RESOLVE:
        return
    if not staff.may(Permission.ASSESS):
        raise Refused("Closing asks for a nurse's judgement: a coordinator cannot do it.")
    if wanted.disposition not in set(Disposition):
        raise Refused("Choose what was decided.")
    if not wanted.note.strip():
        raise Refused("Write a note: what you found, what you advised, what happens next.")
    if len(wanted.note) > LONGEST_NOTE:
        raise Refused("A note is at most {most} characters long: shorten it.", most=LONGEST_NOTE)


def _free(item: Escalation, staff: Staff, now: datetime) -> bool:
    """Routine, open, and nobody else's at the moment."""
    if item.urgency is not Urgency.ROUTINE or item.state is State.RESOLVED:
        return False
    return item.claimed_by == staff.id or not item.held(now)


async def _work(
    connection: AsyncConnection, staff: Staff, wanted: Wanted, item: Escalation, until: datetime | None, now: datetime
) -> Mapping[str, Any] | None:
    """How the item stood before, None when it was left as it is."""
    match wanted.what:
        case What.SNOOZE:
            longest = await longest_of(connection, item, now)
            to = until or longest.until or now
            if why_not_snoozable(longest, to, wanted.reason, now):
                return None
            return await put_off(connection, staff, item, to, wanted.reason, now)
        case What.CLAIM:
            stood = await undo.as_it_stands(connection, item)
            lease = now + LEASE[item.urgency]
            await escalation_claims.claim(connection, item, staff, lease, now)
            await escalation_claims.record(connection, item, "claimed", staff, now, {"until": lease.isoformat(), "among": "several"})
            await leave_trail(connection, "escalation_claimed", staff, item, now)
            return stood
        case What.RESOLVE:
            if await break_glass.tells_of(connection, item, staff.id):
                return None
            return await _close(connection, staff, wanted, item, now)


async def _close(connection: AsyncConnection, staff: Staff, wanted: Wanted, item: Escalation, now: datetime) -> Mapping[str, Any]:
    stood = await undo.as_it_stands(connection, item)
    concerns = await escalation_claims.unanswered(connection, item)
    await escalation_claims.answer_concerns(connection, item, concerns, now)
    note_id = await add_note(connection, item, staff, wanted.note.strip(), now)
    disposition = Disposition(wanted.disposition)
    await escalation_claims.close(connection, item, staff, disposition, "", now)
    await follow_ups.end_with(connection, item, now)
    detail = {"disposition": disposition, "concerns": len(concerns), "among": "several"}
    await escalation_claims.record(connection, item, "resolved", staff, now, detail)
    await leave_trail(connection, "escalation_resolved", staff, item, now, {"disposition": disposition, "notes": [str(note_id)]})
    return stood
