"""`rounds unread`: what could not be read is listed without its words, and shown to somebody with a name."""

from __future__ import annotations

import io
from collections.abc import Callable
from uuid import uuid4

import pytest
from sqlalchemy import select

from service.actions.keep_unreadable import Unread, keep_unreadable
from service.clock import SystemClock
from service.db.audit import audit_events
from service.db.database import Database
from service.settings import Settings
from tests.commands.conftest import Ended
from tests.postgres import run_to_end

Run = Callable[..., Ended]
FORM = "From=%2B12025550103&Body=I+have+chest+pain"


def test_it_is_listed_without_words_and_shown_to_a_member_of_staff_with_a_trace(
    a_clinic: Run, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, settings = a_clinic, Settings.from_environment(environment)
    monkeypatch.setattr("sys.stdin", io.StringIO("a password of some words\n"))
    ada = ("--email", "ada@example.org", "--name", "Ada", "--role", "administrator", "--password-stdin")
    assert run("staff", "add", *ada).code == 0
    assert run("unread", "list") == Ended(0, "", "")

    async def keep() -> None:
        database = Database.open(settings.database_url, settings.keyring)
        await keep_unreadable(database, SystemClock(), "twilio", Unread.WORDS, FORM)
        await database.close()

    run_to_end(keep)
    listed = run("unread", "list")
    [line] = listed.out.splitlines()
    id, kind, provider, _ = line.split(" ")
    assert (kind, provider) == ("unread_words", "twilio")
    assert "chest" not in listed.out
    shown = run("unread", "show", id, "--by", "ada@example.org")
    assert shown == Ended(0, FORM + "\n", "")

    async def trace() -> list[str]:
        database = Database.open(settings.database_url, settings.keyring)
        async with database.reading() as connection:
            looks = select(audit_events.c.object_id).where(audit_events.c.action == "unreadable_shown", audit_events.c.actor == "staff")
            found = [str(row.object_id) for row in (await connection.execute(looks)).all()]
        await database.close()
        return found

    assert run_to_end(trace) == [id]
    refused = run("unread", "show", str(uuid4()), "--by", "ada@example.org")
    assert (refused.code, "`rounds unread list`" in refused.err) == (2, True)
