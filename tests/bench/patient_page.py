"""How long an item's page and the patient's take with 10,000 entries: `python -m tests.bench.patient_page [--sqlite]`.

Each page is asked for over the loopback, signed in, 200 times; printed are median and 95th percentile of the server's time in
milliseconds (the whole handler, guard, session and rendering included), and the statements of one answer. The bar is 100 ms at the
95th percentile, on PostgreSQL.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from datetime import time as wall_time
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.test_utils import TestServer
from sqlalchemy import event, insert, text

from service.clock import SystemClock
from service.db import migrate
from service.db.check_in import check_ins, enrollments
from service.db.communication import communications
from service.db.database import Database
from service.db.observation import observations
from service.db.schema import new_id
from service.domain.urgency import Urgency
from tests.bench.queue import percentile, timed
from tests.postgres import running
from tests.seed import KEYRING, Clinic, Person, seed_clinic, seed_item
from tests.web.conftest import Browser, make_app

TEXTS, READINGS, CHECK_INS = 4_000, 4_000, 2_000
ASKED, WARM_UP = 200, 5
PAGES = ("", "?type=dose", "?type=failure", "/charts?days=365", "/doses", "/care", "/print")
MOST_P95_MS = 100.0


async def fill(database: Database, person: Person, now: datetime) -> None:
    """10,000 entries of one patient, over some years."""
    own = {"organization_id": person.organization_id, "patient_id": person.id}
    place = new_id(now)
    texts, told, asked = [], [], []
    for n in range(TEXTS):
        at = now - timedelta(hours=5 * n)
        usual = {"phone_id": person.phone_id, "channel": "sms", "purpose": "check_in", "lane": "routine", "status": "delivered"}
        way = {"direction": "in" if n % 2 else "out", "body": f"words number {n}", "created_at": at, "status_at": at}
        texts.append({"id": new_id(at), **own, **usual, **way})
    for n in range(READINGS):
        at, weight = now - timedelta(hours=5 * n), n % 3 > 0
        what = (
            {"kind": "value", "name": "weight", "value": 180.0 + n % 5, "unit": "lb"} if weight else {"kind": "medication", "name": "taken"}
        )
        told.append(
            {"id": new_id(at), **own, "value": None, "unit": "", **what, "rule": "r", "span_start": 0, "span_end": 3, "taken_at": at}
        )
    for n in range(CHECK_INS):
        at = now - timedelta(days=n)
        when = {"local_date": at.date(), "slot": 0, "due_at": at, "useful_until": at, "status": "answered", "started_at": at}
        asked.append({"id": new_id(at), **own, "enrollment_id": place, **when})
    run = {
        "programme": "heart_failure",
        "flow": "daily",
        "rule": "daily",
        "wall_time": wall_time(9),
        "high_risk": False,
        "status": "active",
    }
    dates = {"starts_on": date(2020, 1, 1), "stops_on": date(2030, 1, 1), "created_at": now}
    async with database.transaction() as connection:
        await connection.execute(insert(enrollments).values(id=place, **own, **run, **dates))
        for table, rows in ((communications, texts), (observations, told), (check_ins, asked)):
            await connection.execute(insert(table), rows)
    async with database.transaction() as connection:
        await connection.execute(text("ANALYZE"))


async def measure(url: str) -> None:
    """Prints a line for each page."""
    await migrate.upgrade(url)
    database, now = Database.open(url, KEYRING), datetime.now(UTC)
    counted = [0]

    def count(*_: Any) -> None:
        counted[0] += 1

    event.listen(database.engine.sync_engine, "before_cursor_execute", count)
    clinic = await seed_clinic(database, now)
    for person in (clinic.chi, clinic.ana, clinic.ben):
        await fill(database, person, now)
    item_id = await seed_item(database, clinic.chi, now, urgency=Urgency.URGENT)
    async with signed_in(database, clinic) as (browser, took):
        for path in (f"/items/{item_id}", *(f"/patients/{clinic.chi.id}{page}" for page in PAGES)):
            for _ in range(WARM_UP):
                await browser.get(path)
            counted[0] = 0
            took.clear()
            for _ in range(ASKED):
                status, _text, _response = await browser.get(path)
                assert status == 200, path
            p95 = percentile(took, 0.95)
            name = path.replace(str(clinic.chi.id), "...").replace(str(item_id), "...")
            good = "" if p95 < MOST_P95_MS else "  NOT within the bar"
            print(f"{name:32} median {statistics.median(took):6.1f} ms, 95th {p95:6.1f} ms, {counted[0] / ASKED:.0f} statements{good}")
    await database.close()


@asynccontextmanager
async def signed_in(database: Database, clinic: Clinic) -> AsyncIterator[tuple[Browser, list[float]]]:
    """Nora, at a server of her own, and the milliseconds of its answers."""
    session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
    app = make_app(database, SystemClock())
    took = timed(app)
    async with TestServer(app) as server, session:
        browser = Browser(session, str(server.make_url("")).rstrip("/"))
        assert await browser.sign_in(clinic.nora) == 303
        yield browser, took


def main() -> None:
    """On PostgreSQL, with --sqlite on SQLite."""
    parser = argparse.ArgumentParser(description="Times of a patient's pages with 10,000 entries.")
    parser.add_argument("--sqlite", action="store_true")
    if parser.parse_args().sqlite:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(measure(f"sqlite+aiosqlite:///{Path(folder) / 'patients.db'}"))
    else:
        with running() as server:
            server.create_database("patients")
            asyncio.run(measure(server.url("patients")))


if __name__ == "__main__":
    main()
