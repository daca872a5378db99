"""The streams that tell open pages to look again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from sqlalchemy import delete, insert, select

from service.actions.claim_escalation import claim_escalation
from service.db.communication import communications
from service.db.database import Database, notify
from service.db.schema import new_id
from service.db.staff import web_sessions
from service.domain.staff import Role, Staff
from service.web import live
from service.web.keys import STREAMS
from service.web.streams import MOST_STREAMS_EACH
from tests.seed import Clinic, seed_item
from tests.web.conftest import NOW, Browser, NewBrowser


@pytest.fixture
def no_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a wake-up can bring news."""
    monkeypatch.setattr(live, "POLL_SECONDS", 600.0)


@contextlib.asynccontextmanager
async def stream(browser: Browser, path: str) -> AsyncIterator[asyncio.Queue[tuple[str, str]]]:
    """The events of a stream as (name, data)."""
    events: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    async def read() -> None:
        async with browser.session.get(browser.base + path) as response:
            assert response.status == 200
            name = ""
            async for line in response.content:
                text = line.decode().rstrip()
                if text.startswith("event: "):
                    name = text[7:]
                elif text.startswith("data: ") or text == "data:":
                    events.put_nowait((name, text[6:]))
        events.put_nowait(("closed", ""))

    task = asyncio.create_task(read())
    try:
        yield events
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def next_of(events: asyncio.Queue[tuple[str, str]], seconds: float = 5) -> tuple[str, str]:
    return await asyncio.wait_for(events.get(), seconds)


async def wake(database: Database, clinic: Clinic) -> None:
    async with database.transaction() as connection:
        await notify(connection, f"queue:{clinic.organization_id}")


@pytest.mark.usefixtures("no_poll")
async def test_a_change_is_told_at_once_and_without_a_word_of_it(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    nora = await browse(clinic.nora)
    async with stream(nora, "/queue/live") as events:
        name, mark = await next_of(events)
        assert name == "hello"
        await seed_item(database, clinic.chi, NOW)
        await wake(database, clinic)
        name, changed = await next_of(events)
        assert name == "changed"
        assert changed != mark
        assert "Chi" not in changed


async def test_another_team_s_change_is_not_told(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    omar = await browse(clinic.omar)
    async with stream(omar, "/queue/live") as events:
        await next_of(events)
        await seed_item(database, clinic.chi, NOW)
        await wake(database, clinic)
        with pytest.raises(TimeoutError):
            await next_of(events, 0.7)


@pytest.mark.usefixtures("no_poll")
async def test_what_two_nodes_write_reaches_the_streams_of_both(
    browse: NewBrowser, clinic: Clinic, database: Database, database_url: str
) -> None:
    if not database.is_postgresql:
        pytest.skip("SQLite serves one process")
    from tests.seed import KEYRING

    other = Database.open(database_url, KEYRING)
    nora = await browse(clinic.nora)
    async with stream(nora, "/queue/live") as events:
        await next_of(events)
        item_id = await seed_item(other, clinic.chi, NOW)
        sol = Staff(clinic.sol.id, clinic.organization_id, "Sol", Role.SUPERVISOR, clinic.sol.team_ids)
        await claim_escalation(other, sol, item_id, NOW)
        assert (await next_of(events))[0] == "changed"
    await other.close()


@pytest.mark.usefixtures("no_poll")
async def test_an_item_s_stream_tells_of_a_new_message_and_of_nothing_else(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    nora = await browse(clinic.nora)
    async with stream(nora, f"/items/{item_id}/live") as events:
        await next_of(events)
        await seed_item(database, clinic.ana, NOW)
        await wake(database, clinic)
        with pytest.raises(TimeoutError):
            await next_of(events, 0.7)
        async with database.transaction() as connection:
            mine = communications.c.patient_id == clinic.chi.id
            old = dict((await connection.execute(select(communications).where(mine))).mappings().one())
            await connection.execute(insert(communications).values(old | {"id": new_id(NOW), "body": "worse"}))
            await notify(connection, f"queue:{clinic.organization_id}")
        assert (await next_of(events))[0] == "changed"


async def test_a_stream_ends_with_its_session(
    browse: NewBrowser, clinic: Clinic, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "CHECK_SESSION_SECONDS", 0.1)
    nora = await browse(clinic.nora)
    async with stream(nora, "/queue/live") as events:
        await next_of(events)
        async with database.transaction() as connection:
            await connection.execute(delete(web_sessions))
        await asyncio.sleep(0.15)
        await wake(database, clinic)
        assert (await next_of(events))[0] == "ended"
        assert (await next_of(events))[0] == "closed"


async def test_streams_are_bounded_and_leave_nothing_behind(
    browse: NewBrowser, clinic: Clinic, database: Database, server: TestServer
) -> None:
    nora = await browse(clinic.nora)
    async with contextlib.AsyncExitStack() as stack:
        opened = []
        for _ in range(MOST_STREAMS_EACH + 3):
            opened.append(await stack.enter_async_context(stream(nora, "/queue/live")))
            await next_of(opened[-1])
        await wake(database, clinic)
        assert [(await next_of(events))[0] for events in opened[:3]] == ["closed"] * 3
        app = server.app
        assert app[STREAMS].count(clinic.nora.id) == MOST_STREAMS_EACH
    for _ in range(60):
        await wake(database, clinic)
        if not len(app[STREAMS]):
            break
        await asyncio.sleep(0.1)
    assert len(app[STREAMS]) == 0


async def test_a_stream_asked_for_while_the_server_stops_does_not_hold_it_up(
    browse: NewBrowser, clinic: Clinic, server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopping, asked = asyncio.Event(), asyncio.Event()
    real = live.queue_mark

    async def slow(*arguments: Any) -> str | None:
        asked.set()
        await stopping.wait()
        return await real(*arguments)

    streams = server.app[STREAMS]
    end_all = streams.end_all

    def end_all_and_go_on() -> None:
        end_all()
        stopping.set()

    monkeypatch.setattr(live, "queue_mark", slow)
    monkeypatch.setattr(streams, "end_all", end_all_and_go_on)
    nora = await browse(clinic.nora)
    async with stream(nora, "/queue/live") as events:
        await asyncio.wait_for(asked.wait(), 5)
        closing = asyncio.create_task(server.close())
        await asyncio.wait_for(closing, 10)
        assert (await next_of(events))[0] in ("hello", "closed")
