"""Setting an organization up: the numbers it sends from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import exists, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.organization import organizations, sender_numbers
from service.db.schema import new_id


async def add_senders(connection: AsyncConnection, provider: str, sender: str, purposes: Sequence[str], now: datetime) -> int:
    """Adds the sender to organizations that have none at this provider; how many.

    A sender belongs to one organization: with several that have none, nothing is guessed and nothing added.
    """
    has_one = exists().where(sender_numbers.c.organization_id == organizations.c.id, sender_numbers.c.provider == provider)
    without = (await connection.execute(select(organizations.c.id).where(~has_one).limit(2))).scalars().all()
    if len(without) != 1:
        return 0
    rows = [
        {"id": new_id(now), "organization_id": without[0], "provider": provider, "sender": sender, "purpose": purpose}
        for purpose in purposes
    ]
    await connection.execute(insert(sender_numbers), rows)
    return 1
