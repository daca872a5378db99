"""Reads the database beside the running service; on SQLite a second process may read as well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Table, func, select

from service.db.database import Database
from service.db.tables import metadata
from tests.patience import PATIENCE_SECONDS
from tests.story.served import KEYRING

OWN_ROWS_OF_THE_JOBS = frozenset({"heartbeats"})


@asynccontextmanager
async def opened(database_url: str) -> AsyncIterator[Database]:
    """The database under the keys of these tests."""
    database = Database.open(database_url, KEYRING)
    try:
        yield database
    finally:
        await database.close()


async def rows(database: Database, table: Table, *where: Any) -> list[Any]:
    """Rows in the order they were made."""
    async with database.reading() as connection:
        return list((await connection.execute(select(table).where(*where).order_by(table.c.id))).all())


async def counts(database: Database) -> dict[str, int]:
    """How many rows each table has, but for the heartbeats that the jobs write whatever happens."""
    async with database.reading() as connection:
        return {
            table.name: int(await connection.scalar(select(func.count()).select_from(table)) or 0)
            for table in metadata.sorted_tables
            if table.name not in OWN_ROWS_OF_THE_JOBS
        }


async def until(what: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
    """Asks again and again until the answer is true; returns it. TimeoutError after `seconds`."""
    async with asyncio.timeout(seconds):
        while True:
            found = what()
            answer = await found if isinstance(found, Awaitable) else found
            if answer:
                return answer
            await asyncio.sleep(0.05)
