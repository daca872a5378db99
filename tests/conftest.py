"""What every test may ask for: an empty, migrated database of its own on SQLite or on a real PostgreSQL.

- `database_url`: the test runs twice, once on each; the usual choice for db, actions, webhooks, jobs and web.
- `sqlite_url`, `postgres_url`: on that one only, for what the two do differently.
- `durable_postgres_url`: a PostgreSQL that writes through to the disk, for tests that kill processes.
"""

import itertools
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.postgres import Server, run_to_end, running

_names = (f"t{number}" for number in itertools.count(1))


@pytest.fixture(scope="session")
def full_faults() -> bool:
    """Whether the fault tests run with their full counts (`make faults`) or sampled (`make test`)."""
    return os.environ.get("FAULTS") == "full"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A running server without a database of ours; fsync is off."""
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def durable_postgres() -> Iterator[Server]:
    """A running server that survives kill -9 of itself and of its clients without losing a commit."""
    with running(durable=True) as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file to copy from."""
    path = tmp_path_factory.mktemp("template") / "template.sqlite3"
    _migrate(_sqlite_url(path))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres: Server) -> str:
    """The name of a migrated, empty database to copy from."""
    _migrate(postgres.create_database("template_rounds"))
    return "template_rounds"


@pytest.fixture(scope="session")
def durable_postgres_template(durable_postgres: Server) -> str:
    """The same on the durable server."""
    _migrate(durable_postgres.create_database("template_rounds"))
    return "template_rounds"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """The address of an empty, migrated database that nobody else uses; once for each kind."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The address of an empty, migrated SQLite file of this test's own."""
    path = tmp_path / "rounds.sqlite3"
    shutil.copyfile(sqlite_template, path)
    return _sqlite_url(path)


@pytest.fixture
def postgres_url(postgres: Server, postgres_template: str) -> Iterator[str]:
    """The address of an empty, migrated PostgreSQL database of this test's own."""
    yield from _copy(postgres, postgres_template)


@pytest.fixture
def durable_postgres_url(durable_postgres: Server, durable_postgres_template: str) -> Iterator[str]:
    """The same on the durable server."""
    yield from _copy(durable_postgres, durable_postgres_template)


def _copy(server: Server, template: str) -> Iterator[str]:
    name = next(_names)
    yield server.create_database(name, template=template)
    server.drop_database(name)


def _sqlite_url(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


def _migrate(database_url: str) -> None:
    from service.db.migrate import upgrade

    run_to_end(lambda: upgrade(database_url))
