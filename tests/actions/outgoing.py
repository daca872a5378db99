"""Sends what is due, and what stands in the database of one text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from service.actions.send_communications import send_communications
from service.db.communication import communications
from service.domain.communication import Lane
from tests.jobs.world import World

NIGHT = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)  # 23:00 in New York


async def send(world: World, lane: Lane = Lane.ROUTINE, **more: Any) -> None:
    await send_communications(world.database, world.providers, lane, world.clock, "node-1", world.knowledge.law, **more)


async def status_of(world: World, id: Any) -> Any:
    [row] = await world.rows(communications, communications.c.id == id)
    return row
