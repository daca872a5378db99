"""A second sender, a bucket that is full, time that passes: what tests of senders say of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert, update

from service.db.organization import sender_numbers
from service.db.schema import new_id
from service.db.senders import senders
from service.domain.communication import Purpose
from service.domain.sender import Use
from tests.jobs.world import World
from tests.seed import SENDER

SECOND = "+12025550150"


async def limit(world: World, sender: str = SENDER, **values: Any) -> None:
    async with world.database.transaction() as connection:
        await connection.execute(update(senders).where(senders.c.sender == sender).values(**values))


async def add(world: World, sender: str, use: Use = Use.PATIENTS, *, provider: str = "twilio", position: int = 0, **values: Any) -> UUID:
    """A second sender with plenty of room."""
    id = new_id(world.now)
    owner = world.clinic.organization_id
    row = {"segments_per_second": 1000.0, "kind": "long_code", "created_at": world.now, **values}
    async with world.database.transaction() as connection:
        numbers = {"id": new_id(world.now), "organization_id": owner, "purpose": use, "position": position}
        await connection.execute(insert(sender_numbers).values(**numbers, provider=provider, sender=sender))
        await connection.execute(insert(senders).values(id=id, organization_id=owner, provider=provider, sender=sender, **row))
    return id


async def only(world: World, **values: Any) -> Any:
    [row] = await world.rows(senders, senders.c.sender == values.pop("sender", SENDER))
    return row


async def wait(world: World, seconds: float) -> None:
    """Time passes for the bucket: the database's clock cannot be moved, but what it last counted can be older."""
    world.clock.forward(seconds=seconds)
    for row in await world.rows(senders, senders.c.refilled_at.is_not(None)):
        if world.database.is_postgresql:
            await world.set(senders, row.id, refilled_at=row.refilled_at - timedelta(seconds=seconds))


async def ana(world: World, count: int, **values: Any) -> None:
    for number in range(count):
        await world.text(world.clinic.ana, str(number), Purpose.ANSWER, **values)
