"""A nurse gives an item back to the pool; a supervisor may do so for somebody else."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from service.actions.refusal import Held, NotFound, Refused
from service.db import audit, escalation_claims
from service.db.database import Database
from service.domain.escalation import State
from service.domain.staff import Permission, Role, Staff


async def release_escalation(database: Database, staff: Staff, item_id: UUID, now: datetime) -> None:
    """Opens a claimed item again. Raises NotFound for another team's, Held when somebody else has it, Refused when nobody has."""
    if not staff.may(Permission.WORK_QUEUE):
        raise NotFound
    async with database.transaction() as connection:
        item = await escalation_claims.lock_item(connection, staff, item_id)
        if item is None:
            raise NotFound
        if item.state is not State.CLAIMED:
            raise Refused("Nobody holds this item, so there is nothing to give back.")
        if item.claimed_by != staff.id and staff.role is not Role.SUPERVISOR:
            raise Held("Somebody else holds this item: only they or a supervisor can give it back.")
        if not await escalation_claims.release(connection, item):
            raise Refused("The item changed just now. Look again and repeat it if you still want to.")
        await escalation_claims.record(connection, item, "released", staff, now, {"held_by": str(item.claimed_by)})
        await audit.append(
            connection,
            [
                audit.entry(
                    item.organization_id,
                    now,
                    "escalation_released",
                    staff_id=staff.id,
                    patient_id=item.patient_id,
                    object_kind="escalation",
                    object_id=item.id,
                )
            ],
        )
