"""Writes that a person who was paged has taken note: paging stops, and it stands in the item's history who, and how.

A step inside others' transactions, which have locked the item. It is not a claim: the item still waits for a nurse (decisions 16).
Whoever was paged may answer the page, also a supervisor of another team; the page itself is the authority.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.db import audit, escalation_claims, page_calls
from service.domain.escalation import Escalation, State
from service.domain.staff import Staff


async def note_acknowledged(connection: AsyncConnection, staff: Staff, item_id: UUID, now: datetime, *, how: str) -> bool:
    """True when it was written; False for an item that is closed, or that somebody has taken note of already. `how`: call or text."""
    item = await page_calls.item_paged(connection, item_id)
    if item is None or item.state is State.RESOLVED or item.acknowledged_at is not None:
        return False
    return await acknowledge(connection, item, staff, now, {"by": how})


async def acknowledge(
    connection: AsyncConnection, item: Escalation, staff: Staff, now: datetime, detail: Mapping[str, Any] | None = None
) -> bool:
    """Writes it on the item, in its history and on the audit trail; False when the item was changed meanwhile."""
    if not await escalation_claims.acknowledge(connection, item, staff, now):
        return False
    await escalation_claims.record(connection, item, "acknowledged", staff, now, detail)
    await audit.leave(
        connection,
        item.organization_id,
        now,
        "page_acknowledged",
        staff_id=staff.id,
        patient_id=item.patient_id,
        object_kind="escalation",
        object_id=item.id,
    )
    return True
