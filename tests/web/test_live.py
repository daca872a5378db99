"""The streams that tell open pages to look again."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import delete, insert, select
from structlog.testing import capture_logs

from service.actions.claim_escalation import claim_escalation
from service.db import queue_state
from service.db.audit import audit_events
from service.db.communication import communications
from service.db.database import Database, notify
from service.db.schema import new_id
from service.db.sessions import web_sessions
from service.domain.staff import Role, Staff
from service.web import feed, live
from service.web.keys import STREAMS
from service.web.streams import MOST_STREAMS_EACH
from tests.patience import PATIENCE_SECONDS
from tests.seed import Clinic, seed_item
from tests.web.conftest import NOW, Browser, HandClock, NewBrowser, make_app


@pytest.fixture
def no_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a wake-up can bring news."""
    monkeypatch.setattr(live, "POLL_SECONDS", 600.0)
    monkeypatch.setattr(feed, "POLL_SECONDS", 600.0)


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


async def next_of(events: asyncio.Queue[tuple[str, str]], seconds: float = PATIENCE_SECONDS) -> tuple[str, str]:
    return await asyncio.wait_for(events.get(), seconds)


async def wake(database: Database, clinic: Clinic) -> None:
    async with database.transaction() as connection:
        await notify(connection, f"queue:{clinic.organization_id}")


@pytest.mark.usefixtures("no_poll")
async def test_a_new_item_is_told_at_once_with_its_row_and_audited(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    nora = await browse(clinic.nora)
    async with stream(nora, "/queue/live") as events:
        name, _ = await next_of(events)
        assert name == "hello"
        item_id = await seed_item(database, clinic.chi, NOW)
        await wake(database, clinic)
        name, changed = await next_of(events)
        assert name == "changed"
        assert f'id="item-{item_id}"' in json.loads(changed)["html"]
    async with database.reading() as connection:
        shown = (audit_events.c.action == "listed_in_queue") & (audit_events.c.staff_id == clinic.nora.id)
        assert list(await connection.scalars(select(audit_events.c.object_id).where(shown))) == [item_id]


@pytest.mark.usefixtures("no_poll")
@pytest.mark.parametrize("query", ["tab=mine", "tab=snoozed", "tab=unclaimed&narrowed=1"])
async def test_a_page_that_shows_a_part_only_is_told_without_a_word_of_whom(
    browse: NewBrowser, clinic: Clinic, database: Database, query: str
) -> None:
    nora = await browse(clinic.nora)
    async with stream(nora, f"/queue/live?{query}") as events:
        await next_of(events)
        await seed_item(database, clinic.chi, NOW)
        await wake(database, clinic)
        name, changed = await next_of(events)
        assert (name, json.loads(changed)["html"]) == ("changed", "")
    async with database.reading() as connection:
        assert not list(await connection.scalars(select(audit_events.c.id).where(audit_events.c.action == "listed_in_queue")))


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
            await connection.execute(
                insert(communications).values(old | {"id": new_id(NOW), "body": "worse", "created_at": NOW + timedelta(seconds=1)})
            )
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
    real = queue_state.queue_mark

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
        await asyncio.wait_for(asked.wait(), PATIENCE_SECONDS)
        closing = asyncio.create_task(server.close())
        await asyncio.wait_for(closing, PATIENCE_SECONDS)
        assert (await next_of(events))[0] in ("hello", "closed")


async def test_a_browser_that_has_left_before_its_stream_begins_is_no_failed_page(
    clinic: Clinic, database: Database, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, left = asyncio.Event(), asyncio.Event()

    async def slow(*_args: object) -> str:
        began.set()
        await left.wait()
        return "0.0.0"

    runner = web.AppRunner(make_app(database, clock), access_log=None, shutdown_timeout=10)  # as in the service, nothing is cut off
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        nora = Browser(session, f"http://127.0.0.1:{runner.addresses[0][1]}")
        assert await nora.sign_in(clinic.nora) == 303
        monkeypatch.setattr(live, "queue_mark", slow)
        asked = asyncio.create_task(nora.get("/queue/live"))
        await asyncio.wait_for(began.wait(), PATIENCE_SECONDS)
        asked.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asked
    await asyncio.sleep(0.2)  # the server notices
    with capture_logs() as entries:
        left.set()
        await runner.cleanup()  # waits for the stream's handler
    assert [entry for entry in entries if entry["event"] == "page_failed"] == []
