"""The migrations and the tables in the code are one schema, and the way back exists, on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from service.db import migrate
from service.db.database import Database, create_engine
from service.db.tables import metadata
from tests.actions.house import MONDAY
from tests.seed import KEYRING, seed_clinic


async def on(url: str, look: Any) -> Any:
    engine = create_engine(url)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(look)
    finally:
        await engine.dispose()


def differences(connection: Connection) -> list[Any]:
    return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)


async def test_a_migrated_database_is_what_the_code_describes(database_url: str) -> None:
    assert await on(database_url, differences) == []


async def test_the_first_schema_can_be_taken_back_and_made_again(database_url: str) -> None:
    await migrate.downgrade(database_url, "base")
    left = await on(database_url, lambda connection: set(inspect(connection).get_table_names()))
    assert left <= {"alembic_version"}
    with pytest.raises(migrate.NotMigrated, match="is empty"):
        await migrate.check(database_url)
    await migrate.upgrade(database_url)
    await migrate.check(database_url)
    assert await on(database_url, differences) == []


async def test_a_migration_that_would_leave_rows_without_what_they_refer_to_changes_nothing(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database.open(sqlite_url, KEYRING)
    await seed_clinic(database, MONDAY)
    await database.close()

    def careless(config: object, revision: str) -> None:
        config.attributes["connection"].exec_driver_sql("DELETE FROM patients")  # type: ignore[attr-defined]

    monkeypatch.setattr("service.db.migrate.command.upgrade", careless)
    with pytest.raises(migrate.BrokenReferences, match=r"nothing was changed: rows of .*patient_phones"):
        await migrate.upgrade(sqlite_url)
    assert await on(sqlite_url, lambda connection: connection.scalar(text("SELECT count(*) FROM patients"))) > 0
