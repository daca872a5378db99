"""How every act of staff on an item begins (an item of their own teams, locked) and ends (history, audit, the claim goes on)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.refusal import Held, NotFound, Refused
from service.actions.trail import leave_trail
from service.db import escalation_claims
from service.domain.escalation import LEASE, Escalation, State
from service.domain.staff import Permission, Staff

CHANGED = "Something new has come in since you opened this page. Read it below, then do it again."


async def own_item(
    connection: AsyncConnection, staff: Staff, item_id: UUID, permission: Permission = Permission.GATHER, *, held: bool = False
) -> Escalation:
    """The item, locked. Raises NotFound for another team's and for who may not do this; with `held` Held unless they have claimed it."""
    if not staff.may(permission):
        raise NotFound
    item = await escalation_claims.lock_item(connection, staff, item_id)
    if item is None:
        raise NotFound
    if held and item.state is State.RESOLVED:
        raise Refused("This item is closed already.")
    if held and not holds(item, staff):
        raise Held("Claim the item first, so that nobody else works on it meanwhile.")
    return item


def holds(item: Escalation, staff: Staff) -> bool:
    """Whether this member has claimed it."""
    return item.state is State.CLAIMED and item.claimed_by == staff.id


async def keep_claim(connection: AsyncConnection, item: Escalation, staff: Staff, now: datetime) -> None:
    """Whatever its holder logs extends the claim; what anybody else logs extends nobody's."""
    if holds(item, staff):
        await escalation_claims.extend(connection, item, now + LEASE[item.urgency])


async def told(
    connection: AsyncConnection,
    item: Escalation,
    staff: Staff,
    what: str,
    now: datetime,
    *,
    object_kind: str = "escalation",
    object_id: UUID | None = None,
    detail: Mapping[str, Any] | None = None,
    audited: str = "",
) -> None:
    """A line in the item's history and one in the audit (of the same name, or `audited`); `detail` holds codes and ids only."""
    await escalation_claims.record(connection, item, what, staff, now, detail)
    await leave_trail(connection, audited or what, staff, item, now, detail, object_kind=object_kind, object_id=object_id)
