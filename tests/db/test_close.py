"""Closing a database leaves no connection open, also where a result is still being written."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.pool import QueuePool

from service.db import database as module
from service.db.database import Database
from tests.seed import KEYRING


async def test_a_connection_that_is_given_back_late_is_closed_too(database_url: str) -> None:
    database = Database.open(database_url, KEYRING)
    pool = database.engine.pool
    assert isinstance(pool, QueuePool)
    in_use = asyncio.Event()
    writing = asyncio.create_task(_write(database, in_use, seconds=0.1))
    await in_use.wait()
    await database.close()
    await writing
    assert (pool.checkedout(), pool.checkedin()) == (0, 0)


async def test_whoever_never_gives_a_connection_back_keeps_nobody_from_closing(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GIVEN_BACK_SECONDS", 0.05)
    database = Database.open(database_url, KEYRING)
    async with database.engine.connect() as kept:
        await kept.execute(text("SELECT 1"))
        await database.close()
        await kept.invalidate()


async def _write(database: Database, in_use: asyncio.Event, *, seconds: float) -> None:
    async with database.transaction() as connection:
        await connection.execute(text("SELECT 1"))
        in_use.set()
        await asyncio.sleep(seconds)
