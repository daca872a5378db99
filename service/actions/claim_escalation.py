"""A nurse takes an item: one winner, and whoever comes too late learns who has it and since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.actions.refusal import NotFound, Refused
from service.actions.trail import leave_trail
from service.db import escalation_claims, undo
from service.db.database import Database
from service.db.staff import staff_name
from service.domain.escalation import LEASE, Escalation, Kind, State
from service.domain.staff import Permission, Staff
from service.domain.urgency import Urgency

NEEDS_A_NURSE = "This item asks for a nurse's judgement: a coordinator can take routine items."


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """Whether the asker has the item now; else who does, or that it is closed. `undo`: the step, which can be taken back for seconds."""

    won: bool
    holder: str = ""
    until: datetime | None = None
    closed: bool = False
    undo: UUID | None = None


def may_take(staff: Staff, item: Escalation) -> bool:
    """Who judges takes every item; who gathers takes routine ones and those of operations."""
    if staff.may(Permission.ASSESS):
        return True
    return staff.may(Permission.GATHER) and (item.urgency is Urgency.ROUTINE or item.kind is Kind.OPERATIONAL)


async def claim_escalation(database: Database, staff: Staff, item_id: UUID, now: datetime) -> ClaimResult:
    """Claims an item that is free or put off, whose lease is over, or that the asker holds already (which renews the lease).

    A claim also acknowledges the page. Raises NotFound for an item of another team, Refused for one that a coordinator may not take.
    """
    if not staff.may(Permission.WORK_QUEUE):
        raise NotFound
    async with database.transaction() as connection:
        item = await escalation_claims.lock_item(connection, staff, item_id)
        if item is None:
            raise NotFound
        if item.state is State.RESOLVED:
            return ClaimResult(won=False, closed=True)
        others = item.state is State.CLAIMED and item.claimed_by != staff.id
        if others and item.held(now):
            return ClaimResult(False, await staff_name(connection, item.claimed_by), item.claimed_until)
        if not may_take(staff, item):
            raise Refused(NEEDS_A_NURSE)
        if others:
            await escalation_claims.record(connection, item, "lease_expired", staff, now, {"held_by": str(item.claimed_by)})
        stood = await undo.as_it_stands(connection, item)
        until = now + LEASE[item.urgency]
        if not await escalation_claims.claim(connection, item, staff, until, now):
            return ClaimResult(False)
        renewed = item.state is State.CLAIMED and not others
        await escalation_claims.record(
            connection, item, "claim_renewed" if renewed else "claimed", staff, now, {"until": until.isoformat()}
        )
        step = None if renewed or others else await undo.keep(connection, staff, "claim", [(item, stood)], now)
        await leave_trail(connection, "escalation_claimed", staff, item, now)
    return ClaimResult(True, staff.name, until, undo=step)
