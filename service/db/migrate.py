"""Migrations: bring a database to this release's schema, or say that it is not there yet."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from service.db import tenants
from service.db.database import create_engine, dangling

_MIGRATIONS = Path(__file__).parent / "migrations"


class NotMigrated(Exception):
    """The database's schema is not this release's."""


class BrokenReferences(Exception):
    """A migration would have left rows that refer to nothing."""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config


async def upgrade(url: str, revision: str = "head") -> None:
    """Runs every migration up to `revision` in one transaction, and keeps organizations apart in what is new.

    Harmless when there is nothing to do. Raises BrokenReferences, and NotApart (see `tenants.protect`).
    """
    await _run(url, lambda config: command.upgrade(config, revision), protect=True)


async def downgrade(url: str, revision: str) -> None:
    """Goes back to `revision`."""
    await _run(url, lambda config: command.downgrade(config, revision))


async def _run(url: str, step: object, *, protect: bool = False) -> None:
    engine = create_engine(url, migrating=True)
    try:
        async with engine.connect() as connection:
            connection = await connection.execution_options(rounds_writes=True)
            async with connection.begin():
                await connection.run_sync(_with_connection, step)
                if protect:
                    await tenants.protect(connection)
                if broken := await dangling(connection):
                    raise BrokenReferences(f"nothing was changed: rows of {', '.join(broken)} would refer to rows that are not there")
    finally:
        await engine.dispose()


def _with_connection(connection: Connection, step: object) -> None:
    config = _config()
    config.attributes["connection"] = connection
    step(config)  # type: ignore[operator]


@cache
def _newest() -> str | None:
    """The revision of this release; every migration is read for it, once a process."""
    return ScriptDirectory.from_config(_config()).get_current_head()


async def check(url: str) -> None:
    """Raises NotMigrated, with the command to run, unless the database is at this release's revision."""
    engine = create_engine(url)
    try:
        async with engine.connect() as connection:
            current = await connection.run_sync(lambda c: MigrationContext.configure(c).get_current_revision())
    finally:
        await engine.dispose()
    wanted = _newest()
    if current != wanted:
        state = "is empty" if current is None else f"is at revision {current}"
        raise NotMigrated(f"the database {state}, this release needs {wanted}: run `rounds db upgrade`")
