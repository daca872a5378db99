"""The databases that the bench runs on: a PostgreSQL that writes through to the disk, and a SQLite file, both as in production."""

from __future__ import annotations

import base64
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from sqlalchemy import text

from service.db import migrate
from service.db.database import Database
from service.db.encryption import Keyring
from tests.postgres import running

ENCRYPTION_KEYS = "bench:" + base64.b64encode(b"b" * 32).decode()
BLIND_INDEX_KEY = base64.b64encode(b"i" * 32).decode()
KEYRING = Keyring.parse(ENCRYPTION_KEYS, BLIND_INDEX_KEY)

BARE_TABLES = (
    "CREATE TABLE bench_inbound (id varchar(40) PRIMARY KEY, body text NOT NULL)",
    "CREATE TABLE bench_due (id integer PRIMARY KEY, due_at integer NOT NULL, state varchar(12) NOT NULL, payload text NOT NULL)",
    "CREATE INDEX ix_bench_due ON bench_due (due_at) WHERE state = 'due'",
)


@contextlib.contextmanager
def servers() -> Iterator[dict[str, str]]:
    """Name -> address of an empty database."""
    folder = Path(tempfile.mkdtemp(prefix="rounds-bench-"))
    try:
        with running(durable=True) as server:
            yield {"PostgreSQL": server.create_database("bench"), "SQLite": f"sqlite+aiosqlite:///{folder / 'rounds.sqlite3'}"}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """The database, migrated, with the tables of the bare parts beside the service's own."""
    await migrate.upgrade(url)
    database = Database.open(url, KEYRING)
    try:
        async with database.transaction() as connection:
            for statement in BARE_TABLES:
                await connection.execute(text(statement))
        yield database
    finally:
        await database.close()
