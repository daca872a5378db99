"""A nurse puts an item off until a time, with a reason. It stays counted, wakes by itself, and at once with any word of the patient."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.claim_escalation import NEEDS_A_NURSE, may_take
from service.actions.refusal import Held, NotFound, Refused
from service.actions.release_escalation import CHANGED
from service.actions.trail import leave_trail
from service.db import escalation_claims, undo
from service.db.contexts import load_teams
from service.db.database import Database
from service.domain.escalation import Escalation, State
from service.domain.snooze import Longest, longest_snooze, why_not_snoozable
from service.domain.staff import Permission, Staff


async def snooze_escalation(
    database: Database, staff: Staff, item_id: UUID, until: datetime | None, reason: str, version: int, now: datetime
) -> UUID:
    """Puts off an item that is free or that the asker holds (`until` None: as long as it may wait); the step, which can be taken back.

    `version` is that of the item they were looking at: words that nobody has read are not put off with it.

    Raises NotFound for another team's item, Held when somebody else has it, Refused when it cannot be put off (so long) or has changed.
    """
    if not staff.may(Permission.WORK_QUEUE):
        raise NotFound
    async with database.transaction() as connection:
        item = await escalation_claims.lock_item(connection, staff, item_id)
        if item is None:
            raise NotFound
        if item.version != version:
            raise Refused(CHANGED)
        longest = await longest_of(connection, item, now)
        until = until or longest.until or now
        if missing := why_not_snoozable(longest, until, reason, now):
            raise Refused(missing)
        stood = await put_off(connection, staff, item, until, reason, now)
        return await undo.keep(connection, staff, "snooze", [(item, stood)], now)


async def put_off(
    connection: AsyncConnection, staff: Staff, item: Escalation, until: datetime, reason: str, now: datetime
) -> dict[str, object]:
    """The step itself for a locked item and a time that has been judged; how the item stood before. Raises Held and Refused."""
    if item.state is State.RESOLVED:
        raise Refused("This item is closed already.")
    if item.held(now) and item.claimed_by != staff.id:
        raise Held("Somebody else holds this item: they decide whether it can wait.")
    if not may_take(staff, item):
        raise Refused(NEEDS_A_NURSE)
    stood = await undo.as_it_stands(connection, item)
    if not await escalation_claims.snooze(connection, item, staff, until, reason.strip(), now):
        raise Refused(CHANGED)
    await escalation_claims.record(connection, item, "snoozed", staff, now, {"until": until.isoformat()})
    await leave_trail(connection, "escalation_snoozed", staff, item, now, {"until": until.isoformat()})
    return stood


async def longest_of(connection: AsyncConnection, item: Escalation, now: datetime) -> Longest:
    """Until when this item may be put off at most."""
    team = (await load_teams(connection, {item.team_id}, now))[item.team_id]
    return longest_snooze(item.urgency, item.due_at, team.coverage, now)
