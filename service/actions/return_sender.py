"""Gives a sender its whole share back at once: an operator knows from the provider that it is well again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from service.actions.refusal import Refused
from service.db import audit, senders
from service.db.changes import Changes
from service.db.database import Database
from service.domain.failover import FULL, Shift

WHY = "operator"


async def return_sender(database: Database, organization_id: UUID, provider: str, sender: str, now: datetime) -> None:
    """Audited like every other step of a share; what the sender then refuses takes the share away again.

    Raises Refused for a sender that the organization has not, and for one that has its whole share.
    """
    async with database.transaction() as connection:
        one = await senders.find(connection, organization_id, provider, sender)
        if one is None:
            raise Refused("There is no such sender: `rounds sender list` shows those there are.")
        if one.standing.share == FULL and one.standing.given_up_at is None:
            raise Refused("The sender has its whole share already.")
        await senders.move_share(connection, one, Shift(FULL, WHY), now)
        changes = Changes(now)
        detail = {"provider": provider, "from": one.standing.share, "to": FULL, "why": WHY}
        audit.record(changes, organization_id, "sender_shifted", object_kind="sender", object_id=one.id, detail=detail)
        await changes.write(connection)
