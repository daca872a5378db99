"""What a user did wrong is one line on standard error and exit code 2; never a traceback."""

import json
import shutil
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import exc

from service import __version__
from service.commands.surroundings import plain
from service.db.failures import is_outage, refusal
from tests.commands.conftest import Ended, cold_program, program, settings_for
from tests.guards.source import ROOT
from tests.postgres import Server


def one_line(ended: Ended) -> str:
    assert ended.code == 2, ended
    (line,) = ended.err.splitlines()
    assert line.startswith("rounds: ")
    assert not ended.out
    return line.removeprefix("rounds: ")


def test_python_dash_m_service_is_the_same_program() -> None:
    assert program("--version") == Ended(0, f"rounds {__version__}\n", "")


def test_a_missing_setting_is_named() -> None:
    assert "ENCRYPTION_KEYS is not set" in one_line(program("serve", environment={"PUBLIC_BASE_URL": "http://localhost:8080"}))


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    wrong = settings_for(f"sqlite+aiosqlite:///{tmp_path}/rounds.sqlite3") | {"DATABASE_URL": "mysql://somewhere"}
    assert "DATABASE_URL must start with" in one_line(program("serve", environment=wrong))


def test_a_database_that_is_not_migrated_is_refused(tmp_path: Path) -> None:
    settings = settings_for(f"sqlite+aiosqlite:///{tmp_path}/new.sqlite3")
    assert "run `rounds db upgrade`" in one_line(program("serve", environment=settings))
    assert "run `rounds db upgrade`" in one_line(program("db", "check", environment=settings))
    assert not list(tmp_path.iterdir()), "looking makes no file"
    (tmp_path / "new.sqlite3").touch()
    assert "the database is empty" in one_line(program("serve", environment=settings))


def test_upgrade_makes_the_folder_and_the_schema(tmp_path: Path) -> None:
    settings = {"DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/deep/down/new.sqlite3"}
    for command in ("upgrade", "check", "upgrade"):
        assert program("db", command, environment=settings) == Ended(0, "The database is at this release's schema.\n", "")


def test_a_database_that_cannot_be_reached_is_one_line() -> None:
    nobody = {"DATABASE_URL": "postgresql+asyncpg://nobody@127.0.0.1:9/nothing"}
    assert "the database cannot be reached" in one_line(program("db", "check", environment=nobody))


@pytest.mark.postgres
def test_a_database_that_refuses_us_ends_the_start_with_what_to_put_right(tmp_path: Path, postgres: Server) -> None:
    """What waiting does not mend is not waited for."""
    (tmp_path / "words.sqlite3").write_text("No database at all, though it has this name. " * 50, encoding="utf-8")
    sqlite = "sqlite+aiosqlite:///"
    for url, said in (
        (f"{sqlite}{tmp_path}", "cannot be opened: is its folder there"),
        (f"{sqlite}{tmp_path}/words.sqlite3", "is no SQLite database"),
        (postgres.url("never_made"), "PostgreSQL has no database of the name in DATABASE_URL"),
        (postgres.url("postgres").replace("://rounds@", "://a_stranger@"), "PostgreSQL refuses the user or the password"),
    ):
        assert said in one_line(program("serve", "--port", "0", environment=settings_for(url))), url


def test_a_sqlite_file_that_may_not_be_written_ends_the_start(tmp_path: Path) -> None:
    file = tmp_path / "rounds.sqlite3"
    connection = sqlite3.connect(file)
    connection.execute("pragma journal_mode = wal")
    connection.close()
    error = exc.OperationalError("", {}, _read_only(file))
    assert plain(error) == refusal(error)
    assert "cannot be written: give the file and its folder" in (refusal(error) or "")


def _read_only(file: Path) -> BaseException:
    """SQLite's own error; root may write whatever the file's mode is, so that the connection is the one that may not."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection, pytest.raises(sqlite3.OperationalError) as told:
        connection.execute("create table one (id)")
    return told.value


def test_a_taken_port_is_named(sqlite_url: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert f"port {port} is taken" in one_line(program("serve", "--port", port, environment=settings_for(sqlite_url)))
        assert f"port {port} is taken" in one_line(program("demo", "--port", port))


def test_serving_without_a_provider_is_one_line(sqlite_url: str) -> None:
    without = {name: text for name, text in settings_for(sqlite_url).items() if not name.startswith("TWILIO_")}
    assert "no telephony provider is set: set TWILIO_ACCOUNT_SID" in one_line(program("serve", "--port", "0", environment=without))


def test_a_flow_file_that_cannot_be_read_is_named(tmp_path: Path, sqlite_url: str) -> None:
    for folder in ("service", "flows", "templates"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    flow = tmp_path / "flows/heart_failure/daily.yaml"
    flow.write_text(flow.read_text(encoding="utf-8") + "\n  : [", encoding="utf-8")
    assert "daily.yaml: line" in one_line(cold_program("serve", "--port", "0", environment=settings_for(sqlite_url), cwd=tmp_path))


@pytest.mark.parametrize("port", ["65536", "-1", "http", ""])
def test_a_port_that_is_none_is_a_usage_error(port: str) -> None:
    ended = program("serve", f"--port={port}")
    assert ended.code == 2
    assert "write a number from 0 to 65535" in ended.err


def test_a_fault_of_ours_is_not_passed_off_as_the_users() -> None:
    assert plain(KeyError("x")) is None
    assert is_outage(ConnectionRefusedError())


def test_replies_are_read_from_a_file_without_any_setting(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    path.write_text('{"id": "a", "reply": "I have chest pain"}\n{"id": "b", "reply": "182", "expects": "weight_lb"}\n', encoding="utf-8")
    ended = program("replies", "read", str(path))
    assert [(line["id"], line["urgency"]) for line in map(json.loads, ended.out.splitlines())] == [("a", "emergency"), ("b", "none")]
    assert program("replies", "read", "-", words=path.read_text(encoding="utf-8")) == ended


@pytest.mark.parametrize(("text", "said"), [("nonsense\n", "line 1: not JSON"), ('{"id": "a"}\n', 'line 1: needs "reply"')])
def test_a_line_of_replies_that_cannot_be_read_is_named(text: str, said: str) -> None:
    assert said in one_line(program("replies", "read", "-", words=text))
