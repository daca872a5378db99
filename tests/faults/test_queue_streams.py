"""Fault tests 22 and 23: three hundred open pages over a restart of the server, and a browser that never reads."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from sqlalchemy import update

from service.clock import SystemClock
from service.db.database import Database, notify
from service.db.escalation import escalations
from service.domain.urgency import Urgency
from service.web.keys import STREAMS
from tests.faults import FULL_COUNTS
from tests.faults.nurses import hire
from tests.patience import PATIENCE_SECONDS
from tests.seed import KEYRING, Clinic, Member, seed_clinic, seed_item
from tests.web.conftest import Browser, make_app

pytestmark = pytest.mark.faults
NURSES, PAGES_EACH = 30, 10
SAMPLED_NURSES = 6
BACK_WITHIN_SECONDS = 10.0 if FULL_COUNTS else PATIENCE_SECONDS
GROWTH_BYTES = 5_000_000


@pytest.fixture
async def database(sqlite_url: str) -> AsyncIterator[Database]:
    opened = Database.open(sqlite_url, KEYRING)
    yield opened
    await opened.close()


@pytest.fixture
async def clinic(database: Database) -> Clinic:
    return await seed_clinic(database, SystemClock().now())


@contextlib.asynccontextmanager
async def serving(database: Database, port: int = 0) -> AsyncIterator[TestServer]:
    server = TestServer(make_app(database, SystemClock()), port=port)
    async with server:
        yield server


@dataclass
class Page:
    """An open queue page: follows its stream as browsers do, coming back after `retry` with the last id that it has seen."""

    session: aiohttp.ClientSession
    address: str
    items: set[str] = field(default_factory=set)
    last_id: str = ""
    retry_seconds: float = 3.0
    connected: bool = False
    closed: bool = False

    async def follow(self) -> None:
        while not self.closed:
            with contextlib.suppress(aiohttp.ClientError, ConnectionError, asyncio.IncompleteReadError):
                headers = {"Last-Event-ID": self.last_id} if self.last_id else {}
                async with self.session.get(self.address, headers=headers) as response:
                    if response.status == 200:
                        await self._read(response)
            self.connected = False
            await asyncio.sleep(self.retry_seconds)

    async def _read(self, response: aiohttp.ClientResponse) -> None:
        name = ""
        async for line in response.content:
            text = line.decode().rstrip("\r\n")
            key, _, value = text.partition(": ")
            if key == "retry":
                self.retry_seconds = int(value) / 1000
            elif key == "id":
                self.last_id = value
            elif key == "event":
                name = value
                self.connected = True
            elif key == "data" and name == "changed":
                self.items |= set(re.findall(r'id="item-([0-9a-f-]{36})"', json.loads(value)["html"]))


async def signed_in(server: TestServer, member: Member) -> aiohttp.ClientSession:
    jar, connector = aiohttp.CookieJar(unsafe=True), aiohttp.TCPConnector(limit=0)
    session = aiohttp.ClientSession(cookie_jar=jar, connector=connector, timeout=aiohttp.ClientTimeout(total=None))
    assert await Browser(session, str(server.make_url("")).rstrip("/")).sign_in(member) == 303
    return session


async def until(holds: Any, what: str) -> float:
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < PATIENCE_SECONDS, what
        await asyncio.sleep(0.05)
    return time.monotonic() - began


async def arrive(database: Database, clinic: Clinic, person: Any) -> str:
    """A new item, told as the service tells of one."""
    item_id = await seed_item(database, person, SystemClock().now(), urgency=Urgency.URGENT)
    async with database.transaction() as connection:
        await notify(connection, f"queue:{clinic.organization_id}")
    return str(item_id)


@pytest.mark.timeout(3600)
@pytest.mark.law(2)
async def test_three_hundred_pages_come_back_after_a_restart_and_have_missed_nothing(
    database: Database, clinic: Clinic, full_faults: bool
) -> None:
    nurses = await hire(database, clinic, NURSES if full_faults else SAMPLED_NURSES)
    pages: list[Page] = []
    async with serving(database) as server:
        port, address = server.port, str(server.make_url("/queue/live"))
        sessions = [await signed_in(server, one) for one in nurses]
        pages = [Page(session, address) for session in sessions for _ in range(PAGES_EACH)]
        tasks = [asyncio.create_task(page.follow()) for page in pages]
        await until(lambda: all(page.connected for page in pages), "not every page was connected")
        wanted = {await arrive(database, clinic, clinic.ana)}
        await until(lambda: all(wanted <= page.items for page in pages), "not every page was told of an item")
    wanted.add(await arrive(database, clinic, clinic.ben))  # while nobody serves
    async with serving(database, port or 0):
        took = await until(lambda: all(page.connected for page in pages), "not every page came back")
        wanted.add(await arrive(database, clinic, clinic.chi))
        await until(lambda: all(wanted <= page.items for page in pages), "an item was missed")
        print(f"\n{len(pages)} pages were back after {took:.1f} s; nothing was missed")
        assert took < BACK_WITHIN_SECONDS
        for page in pages:
            page.closed = True
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for session in sessions:
        await session.close()


@pytest.mark.timeout(3600)
@pytest.mark.law(12)
async def test_a_browser_that_never_reads_is_dropped_and_costs_nothing(database: Database, clinic: Clinic, full_faults: bool) -> None:
    item_id = await seed_item(database, clinic.chi, SystemClock().now())
    async with serving(database) as server:
        session = await signed_in(server, clinic.nora)
        reader = Page(session, str(server.make_url("/queue/live")))
        following = asyncio.create_task(reader.follow())
        await until(lambda: reader.connected, "the reader was not connected")
        deaf = await _deaf(server, session)
        streams = server.app[STREAMS]
        await until(lambda: len(streams) == 2, "the deaf browser was not connected")
        for _ in range(20):
            await _change(database, clinic, item_id)
        before, told = _resident_bytes(), 20
        while (len(streams) == 2 or (full_faults and told < 3600)) and told < 4000:
            await _change(database, clinic, item_id)
            told += 1
        assert len(streams) == 1, "the deaf browser was not dropped"
        growth = _resident_bytes() - before
        print(f"\ndropped; after {told} changes the process had grown by {growth / 1e6:.1f} MB")
        assert growth < GROWTH_BYTES
        assert reader.connected, "who reads is not dropped"
        deaf.close()
        reader.closed = True
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await session.close()


async def _deaf(server: TestServer, session: aiohttp.ClientSession) -> socket.socket:
    """A connection that asks for the stream and never reads a byte of it."""
    address = server.make_url("/queue/live")
    cookies = "; ".join(f"{name}={one.value}" for name, one in session.cookie_jar.filter_cookies(address).items())
    own = socket.socket()
    own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    own.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(own, (server.host, server.port))
    asked = f"GET /queue/live HTTP/1.1\r\nHost: {address.host}:{address.port}\r\nCookie: {cookies}\r\nSec-Fetch-Site: same-origin\r\n\r\n"
    await loop.sock_sendall(own, asked.encode())
    return own


async def _change(database: Database, clinic: Clinic, item_id: UUID) -> None:
    """The item changes, so that its row is told again, and the feed has had its turn."""
    async with database.transaction() as connection:
        row = {"version": escalations.c.version + 1, "touched_at": SystemClock().now(), "summary": "Swelling of the legs. " * 13}
        await connection.execute(update(escalations).where(escalations.c.id == item_id).values(row))
        await notify(connection, f"queue:{clinic.organization_id}")
    await asyncio.sleep(0.06)


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096
