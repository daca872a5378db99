"""What every test may ask for: an empty, migrated database of its own on SQLite or on a real PostgreSQL.

- `database_url`: the test runs twice, once on each; the usual choice for db, actions, webhooks, jobs and web.
- `sqlite_url`, `postgres_url`: on that one only, for what the two do differently.
- `durable_postgres_url`: a PostgreSQL that writes through to the disk, for tests that kill processes.
"""

import itertools
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import service  # noqa: F401 - before anything imports numpy: it says in how many threads that counts
from tests.hashing import hash_cheaply
from tests.postgres import Server, run_to_end, running, sweep_left_over
from tests.statements import compile_once
from tests.templates import compile_templates_once

compile_once()
hash_cheaply()
compile_templates_once()

TEMPLATE = "template_rounds"
MEMORY = Path("/dev/shm")
IN_MEMORY = "rounds-test-"
ROOM_BYTES = 1 << 30
_names = (f"t{number}" for number in itertools.count(1))


class Lender:
    """Copies of a migrated, empty database: each test has one to itself, and gives it back to be emptied for the next."""

    def __init__(self, server: Server) -> None:
        self._server = server
        _migrate(server.create_database(TEMPLATE))
        self._schema = server.schema_of(TEMPLATE)
        self._spare: list[str] = []

    def lend(self) -> Iterator[str]:
        """The address of one; a database whose schema its test has changed is dropped."""
        if not self._spare:
            name = next(_names)
            self._server.create_database(name, template=TEMPLATE)
            self._spare.append(name)
        name = self._spare.pop()
        yield self._server.url(name)
        if self._server.empty_database(name) == self._schema:
            self._spare.append(name)
        else:
            self._server.drop_database(name)


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
    sweep_left_over(IN_MEMORY, str(MEMORY))
    path = tmp_path_factory.mktemp("template") / "template.sqlite3"
    _migrate(_sqlite_url(path))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
    return path


@pytest.fixture(scope="session")
def postgres_databases(postgres: Server) -> Lender:
    """Migrated, empty databases on the server without fsync."""
    return Lender(postgres)


@pytest.fixture(scope="session")
def durable_postgres_databases(durable_postgres: Server) -> Lender:
    """The same on the durable server."""
    return Lender(durable_postgres)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """The address of an empty, migrated database that nobody else uses; once for each kind."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture
def sqlite_url(sqlite_template: Path, quick_path: Path) -> str:
    """The address of an empty, migrated SQLite file of this test's own."""
    path = quick_path / "rounds.sqlite3"
    shutil.copyfile(sqlite_template, path)
    return _sqlite_url(path)


@pytest.fixture
def quick_path(tmp_path: Path) -> Iterator[Path]:
    """A folder of this test's own, in memory where there is room, else `tmp_path`; gone afterwards.

    Most of a test on SQLite would be waiting for the disk at each commit, which only a power cut could make a difference to.
    """
    if not _has_room(MEMORY):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix=f"{IN_MEMORY}{os.getpid()}-", dir=MEMORY, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture
def postgres_url(postgres_databases: Lender) -> Iterator[str]:
    """The address of an empty, migrated PostgreSQL database of this test's own."""
    yield from postgres_databases.lend()


@pytest.fixture
def durable_postgres_url(durable_postgres_databases: Lender) -> Iterator[str]:
    """The same on the durable server."""
    yield from durable_postgres_databases.lend()


def _has_room(folder: Path) -> bool:
    """True when a test may write here, and will not find it full."""
    return folder.is_dir() and os.access(folder, os.W_OK) and shutil.disk_usage(folder).free >= ROOM_BYTES


def _sqlite_url(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


def _migrate(database_url: str) -> None:
    from service.db.migrate import upgrade

    run_to_end(lambda: upgrade(database_url))
