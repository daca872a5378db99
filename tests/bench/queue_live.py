"""How soon a new item stands on the queue pages that are open: `python -m tests.bench.queue_live [--pages 300] [--items 50]`.

Two nodes on one PostgreSQL, each in a process of its own; all pages are open at the first. Items are committed by that node, then by
the other one. Measured from the commit to the moment at which the row has arrived at each page, which is the browser's side of the
line; the followers share the machine with the nodes and the database. Bar: p99 below 300 ms, both ways.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import time
from datetime import UTC, datetime, timedelta

import aiohttp

from service.db import migrate
from service.db.database import Database
from tests.bench.databases import servers
from tests.bench.processes import Process, started
from tests.bench.queue import percentile, say
from tests.bench.queue_node import told_of
from tests.faults.nurses import hire
from tests.seed import KEYRING, Clinic, seed_clinic
from tests.web.conftest import Browser

MOST_P99_MS = 300.0
NURSES = 30
PAUSE_SECONDS = 0.3
LOST_SECONDS = 10.0


class Page:
    """An open queue page: when each item's row arrived on it, on the machine's own watch."""

    def __init__(self) -> None:
        self.connected = asyncio.Event()
        self.arrived: dict[str, float] = {}

    async def follow(self, session: aiohttp.ClientSession, address: str) -> None:
        """Reads the stream until it is cancelled."""
        async with session.get(address) as response:
            async for line in response.content:
                self.connected.set()
                if line.startswith(b"data: {"):
                    at = time.monotonic()
                    for part in line.split(b'id=\\"item-')[1:]:
                        self.arrived.setdefault(part[:36].decode(), at)


async def signed_in(base: str, clinic: Clinic, database: Database, many: int) -> list[aiohttp.ClientSession]:
    sessions = []
    for member in await hire(database, clinic, many):
        session = aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True), connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=None)
        )
        assert await Browser(session, base).sign_in(member) == 303
        sessions.append(session)
    return sessions


async def told(pages: list[Page], node: Process, clinic: Clinic, items: int) -> list[float]:
    """Milliseconds from the commit of each of the items at this node to its row, for each page."""
    people = [clinic.ana, clinic.ben, clinic.chi, clinic.dov, clinic.fay, clinic.gus]
    took: list[float] = []
    for n in range(items):
        await node.tell(told_of(people[n % len(people)]))
        new = await node.hear(LOST_SECONDS)
        until = time.monotonic() + LOST_SECONDS
        while not all(new["id"] in page.arrived for page in pages):
            assert time.monotonic() < until, "a page was not told"
            await asyncio.sleep(0.05)
        took += [(page.arrived[new["id"]] - new["at"]) * 1000 for page in pages]
        await asyncio.sleep(PAUSE_SECONDS)
    return took


async def measure(url: str, many: int, items: int) -> bool:
    """Prints both figures; True when both are within the bar."""
    await migrate.upgrade(url)
    database = Database.open(url, KEYRING)
    clinic = await seed_clinic(database, datetime.now(UTC) - timedelta(hours=2))
    task = {"database_url": url}
    good = True
    async with contextlib.AsyncExitStack() as parts:
        parts.push_async_callback(database.close)
        first, at = await parts.enter_async_context(started("tests.bench.queue_node", task))
        second, _ = await parts.enter_async_context(started("tests.bench.queue_node", task))
        base = f"http://127.0.0.1:{at['port']}"
        sessions = await signed_in(base, clinic, database, min(NURSES, many))
        pages = [Page() for _ in range(many)]
        following = [asyncio.create_task(page.follow(sessions[n % len(sessions)], f"{base}/queue/live")) for n, page in enumerate(pages)]
        async with asyncio.timeout(120):
            await asyncio.gather(*(page.connected.wait() for page in pages))
        for name, node in (("by the pages' own node", first), ("by another node", second)):
            await told(pages, node, clinic, 3)
            took = await told(pages, node, clinic, items)
            p99 = percentile(took, 0.99)
            good = good and p99 < MOST_P99_MS
            say(f"  {many} pages, {items} items {name}: p50 {statistics.median(took):.0f} ms, p99 {p99:.0f} ms, worst {max(took):.0f} ms")
        for one in following:
            one.cancel()
        await asyncio.gather(*following, return_exceptions=True)
        for session in sessions:
            await session.close()
    return good


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=300)
    parser.add_argument("--items", type=int, default=50)
    chosen = parser.parse_args()
    with servers() as urls:
        good = await measure(urls["PostgreSQL"], chosen.pages, chosen.items)
    say("  within the bars" if good else "  NOT within the bars")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
