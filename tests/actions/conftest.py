"""The house of every test here: a clinic on an empty database of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from service.actions.knowledge import Knowledge
from service.db.database import Database
from tests.actions.house import MONDAY, House, StoppedClock, content
from tests.seed import KEYRING, seed_clinic


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    database = Database.open(database_url, KEYRING)
    clinic = await seed_clinic(database, MONDAY - timedelta(days=30))
    knowledge = Knowledge(
        content().lexicon, content().tables, content().wording, "http://localhost:8080", content().follow_through, content().opening
    )
    yield House(database, clinic, knowledge, StoppedClock(MONDAY))
    await database.close()
