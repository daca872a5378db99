"""The databases that conftest.py hands to tests: apart from each other, of both kinds, and gone with the run."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.conftest import Lender
from tests.guards.source import ROOT
from tests.postgres import Server, running


async def tables_after_adding_one(url: str) -> set[str]:
    engine = create_async_engine(url)
    names = (
        "select name from sqlite_master where type = 'table'"
        if url.startswith("sqlite")
        else "select tablename from pg_tables where schemaname = 'public'"
    )
    async with engine.begin() as connection:
        await connection.execute(text("create table mine (id integer)"))
        found = set((await connection.execute(text(names))).scalars())
    await engine.dispose()
    return found


@pytest.mark.parametrize("time_round", [1, 2])
async def test_each_test_has_a_migrated_database_of_its_own(database_url: str, time_round: int) -> None:
    assert {"mine", "alembic_version"} <= await tables_after_adding_one(database_url)


@pytest.mark.postgres
def test_a_database_that_is_lent_again_has_no_row_of_the_test_before(postgres: Server, postgres_databases: Lender) -> None:
    left = lend(postgres, postgres_databases, "insert into heartbeats (name, node, at) values ('mine', 'mine', now())")
    nothing = "do $$ begin assert not exists (select from heartbeats) and exists (select from alembic_version); end $$"
    assert lend(postgres, postgres_databases, nothing) == left


@pytest.mark.postgres
@pytest.mark.parametrize(
    "altered",
    [
        "create table mine (id integer)",
        "create function mine() returns integer language sql as 'select 1'",
        "create schema mine",
        "drop index uq_escalations_open_patient",
        "alter table organizations alter column zone drop not null",
        "alter table heartbeats add constraint mine check (name <> 'mine')",
        "alter table escalations disable trigger all",
        "drop policy pages on escalations",
        "grant truncate on escalations to rounds_pages",
        "delete from alembic_version",
        "do $$ begin execute format('alter database %I set search_path = mine', current_database()); end $$",
    ],
)
def test_a_database_whose_schema_a_test_has_altered_is_not_lent_again(postgres: Server, postgres_databases: Lender, altered: str) -> None:
    assert lend(postgres, postgres_databases, altered) != lend(postgres, postgres_databases)


def lend(server: Server, lender: Lender, *statements: str) -> str | None:
    """The name of a database that was lent, altered so, and given back."""
    name = None
    for url in lender.lend():
        name = make_url(url).database
        for statement in statements:
            server.execute(statement, database=str(name))
    return name


@pytest.mark.postgres
async def test_a_durable_database_is_migrated_too(durable_postgres_url: str) -> None:
    assert {"mine", "alembic_version"} <= await tables_after_adding_one(durable_postgres_url)


@pytest.mark.postgres
def test_a_durable_server_keeps_what_it_committed_when_it_crashes() -> None:
    with running(durable=True) as server:
        server.create_database("kept")
        server.execute("create table kept as select 1", database="kept")
        server.stop(signal.SIGQUIT)
        server.start()
        server.execute("insert into kept values (2)", database="kept")


@pytest.mark.postgres
@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell a child that its parent died")
def test_a_killed_run_leaves_no_server_behind() -> None:
    code = (
        "from tests.postgres import running; import time\nwith running() as server: print(server.data_folder, flush=True); time.sleep(60)"
    )
    run = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    with run.stdout:
        data_folder = Path(run.stdout.readline().strip())
    server = int((data_folder / "postmaster.pid").read_text().splitlines()[0])
    run.kill()
    run.wait()
    deadline = time.monotonic() + 10
    while is_running(server):
        assert time.monotonic() < deadline, "the server is still running"
        time.sleep(0.02)
    shutil.rmtree(data_folder.parent)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
