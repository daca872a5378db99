"""Takes a number or sender pool out of use, for all that it was used for or for a part of it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.refusal import Refused
from service.db import audit, senders
from service.db.changes import Changes
from service.db.database import Database
from service.domain.failover import FULL, Shift
from service.domain.sender import Use

WHY = "removed"


async def remove_sender(
    database: Database, organization_id: UUID, provider: str, sender: str, now: datetime, *, uses: Collection[Use] = ()
) -> set[Use]:
    """Ends these uses (all when none is named); what is left. Once nothing is left, what is written to it belongs to nobody here.

    Its row stays: attempts and the audit trail refer to it. Raises Refused for a sender that is not used so, and for the last one for
    patients: without it no text could leave.
    """
    async with database.transaction() as connection:
        known = await senders.uses_of(connection, organization_id)
        mine = known.get((provider, sender), set())
        ending = set(uses) or mine
        if not mine or not ending <= mine:
            raise Refused("The sender is not used so: `rounds sender list` shows those there are and what for.")
        others = [used for place, used in known.items() if place != (provider, sender)]
        if Use.PATIENTS in ending and not any(Use.PATIENTS in used for used in others):
            raise Refused("It is the only sender for patients: add another one first with `rounds sender set`.")
        await senders.end_uses(connection, organization_id, provider, sender, ending)
        id = await senders.row_of(connection, organization_id, provider, sender, now)
        changes = Changes(now)
        if ending == mine:
            await _well(connection, changes, organization_id, provider, sender)
        detail = {"provider": provider, "uses": sorted(ending), "left": sorted(mine - ending)}
        audit.record(changes, organization_id, "sender_removed", object_kind="sender", object_id=id, detail=detail)
        await changes.write(connection)
    return mine - ending


async def _well(connection: AsyncConnection, changes: Changes, organization_id: UUID, provider: str, sender: str) -> None:
    """One that was given up is no more: the alarm of it would last for ever, and nothing could show that it is well again."""
    one = await senders.find(connection, organization_id, provider, sender)
    if (
        one is not None
        and one.standing.given_up_at is not None
        and await senders.move_share(connection, one, Shift(FULL, WHY), changes.now)
    ):
        detail = {"provider": provider, "from": one.standing.share, "to": FULL, "why": WHY}
        audit.record(changes, organization_id, "sender_shifted", object_kind="sender", object_id=one.id, detail=detail)
