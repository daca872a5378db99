"""What every test here may ask for: a clinic on an empty database of its own, as a house, or as a world with its carriers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from service.actions.knowledge import Knowledge
from service.db.database import Database
from tests.actions.crew import put_on_call
from tests.actions.house import MONDAY, House, StoppedClock, content
from tests.jobs.world import World
from tests.seed import KEYRING, seed_clinic


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    database = Database.open(database_url, KEYRING)
    clinic = await seed_clinic(database, MONDAY - timedelta(days=30))
    knowledge = Knowledge(
        content().lexicon,
        content().tables,
        content().wording,
        "http://localhost:8080",
        content().follow_through,
        content().opening,
        content().law,
    )
    yield House(database, clinic, knowledge, StoppedClock(MONDAY))
    await database.close()


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    world = await World.open(database_url)
    yield world
    await world.database.close()


@pytest.fixture
async def on_call(world: World) -> None:
    """In this world team A has its rota, and everybody's numbers are known."""
    await put_on_call(world)
