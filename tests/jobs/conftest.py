"""The world of these tests, on both databases."""

from collections.abc import AsyncIterator

import pytest

from tests.jobs.world import World


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    world = await World.open(database_url)
    yield world
    await world.database.close()
