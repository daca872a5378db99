"""A nurse takes an item: one winner, and whoever comes too late learns who has it and since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.actions.refusal import NotFound
from service.db import audit, escalation_claims
from service.db.database import Database
from service.db.staff import staff_name
from service.domain.escalation import LEASE, State
from service.domain.staff import Permission, Staff


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """Whether the asker has the item now; else who does, or that it is closed."""

    won: bool
    holder: str = ""
    until: datetime | None = None
    closed: bool = False


async def claim_escalation(database: Database, staff: Staff, item_id: UUID, now: datetime) -> ClaimResult:
    """Claims an item that is free, whose lease is over, or that the asker holds already (which renews the lease).

    A claim also acknowledges the page. Raises NotFound for an item of another team.
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
        if others and item.claimed_until is not None and item.claimed_until > now:
            return ClaimResult(False, await staff_name(connection, item.claimed_by), item.claimed_until)
        if others:
            await escalation_claims.record(connection, item, "lease_expired", staff, now, {"held_by": str(item.claimed_by)})
        until = now + LEASE[item.urgency]
        if not await escalation_claims.claim(connection, item, staff, until, now):
            return ClaimResult(False)
        what = "claim_renewed" if item.claimed_by == staff.id else "claimed"
        await escalation_claims.record(connection, item, what, staff, now, {"until": until.isoformat()})
        await audit.append(
            connection,
            [
                audit.entry(
                    item.organization_id,
                    now,
                    "escalation_claimed",
                    staff_id=staff.id,
                    patient_id=item.patient_id,
                    object_kind="escalation",
                    object_id=item.id,
                )
            ],
        )
    return ClaimResult(True, staff.name, until)
