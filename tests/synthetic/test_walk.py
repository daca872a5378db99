"""The synthetic patient in the real application: it comes through, and where something is broken it says where (safety rule 45)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import select, text, update

from service.commands.serve import listen
from service.db.database import Database
from service.db.escalation import escalations
from service.db.patient import consents, patients, phones
from service.db.rota import page_numbers
from service.db.synthetic import Walk, newest
from service.demo.run import Demo
from service.domain.synthetic import LOOP_NUMBERS, Station
from tests.demo.running import content, migrate
from tests.story.rows import until
from tests.synthetic.quick_clock import QuickClock


class Running:
    """A demo with a quick clock, and a second connection to its database."""

    def __init__(self, demo: Demo, database: Database) -> None:
        self.demo, self.database = demo, database

    async def do(self, *statements: Any) -> None:
        async with self.database.transaction() as connection:
            for statement in statements:
                await connection.execute(statement)

    async def made(self) -> None:
        """Until the first round has made the patient."""
        await until(lambda: self.scalar(select(patients.c.id).where(patients.c.synthetic)))

    async def let_it_walk(self) -> None:
        """A new patient rests for ten minutes, which nobody waits for here."""
        await self.made()
        await self.do(update(patients).where(patients.c.synthetic).values(created_at=datetime(2026, 11, 1, tzinfo=UTC)))

    async def walk(self) -> Walk:
        """The first walk, once it is over."""
        ended: Walk = await until(self._ended)
        return ended

    async def _ended(self) -> Walk | None:
        async with self.database.reading() as connection:
            found = await newest(connection)
        return found[0] if found and found[0].ended_at is not None else None

    async def scalar(self, statement: Any) -> Any:
        async with self.database.reading() as connection:
            return await connection.scalar(statement)


@asynccontextmanager
async def running(*folders: Path) -> AsyncIterator[list[Running]]:
    """A demo in each folder, all at once: most of a walk is waiting. Their clocks begin when all are ready."""
    async with AsyncExitStack() as stack:
        ready = [await _prepared(folder, stack) for folder in folders]
        for _house, _clock, runner, listener in ready:
            await runner.setup()
            await web.SockSite(runner, listener).start()
        for _house, clock, *_ in ready:
            await stack.enter_async_context(clock.running())
        yield [house for house, *_ in ready]


async def _prepared(folder: Path, stack: AsyncExitStack) -> tuple[Running, QuickClock, web.AppRunner, socket.socket]:
    migrate(folder)
    listener, clock = stack.enter_context(listen("127.0.0.1", 0)), QuickClock(datetime(2026, 11, 23, 15, 1, tzinfo=UTC))
    demo = Demo(folder, f"http://127.0.0.1:{listener.getsockname()[1]}", clock=clock, content=content())
    await demo.prepare()
    database = Database.open(demo._settings.database_url, demo._settings.keyring)
    stack.push_async_callback(database.close)
    runner = web.AppRunner(demo.app(), access_log=None, shutdown_timeout=1)
    stack.push_async_callback(runner.cleanup)
    return Running(demo, database), clock, runner, listener


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as houses:
        yield houses[0]


async def test_the_patient_comes_through_and_leaves_nothing_behind(house: Running) -> None:
    before = await house.scalar(
        select(escalations.c.id).where(escalations.c.state != "resolved").order_by(escalations.c.id.desc()).limit(1)
    )
    await house.let_it_walk()
    walk = await house.walk()
    assert walk.broken_at == ""
    assert list(walk.reached) == list(Station), "every station has its time"
    times = [walk.reached[station] for station in Station]
    assert times[0] >= walk.began_at
    assert walk.ended_at is not None
    assert max(times) <= walk.ended_at
    item = (await house.scalar(select(escalations.c.state).where(escalations.c.id == walk.escalation_id)), walk.escalation_id)
    assert item[0] == "resolved", "the item of somebody who is not ill stands in nobody's way"
    newer = select(escalations.c.id).join(patients, patients.c.id == escalations.c.patient_id)
    assert await house.scalar(newer.where(escalations.c.id > before, ~patients.c.synthetic)) is None
    assert not LOOP_NUMBERS & {one.number for one in house.demo.simulator.phones.conversations()}, "no text or call met the carrier"


BREAKS: dict[str, Any] = {
    Station.ASKED: [
        update(phones)
        .where(phones.c.id.in_(select(consents.c.phone_id).join(patients).where(patients.c.synthetic)))
        .values(unsafe_since=datetime(2026, 11, 1, tzinfo=UTC))
    ],
    Station.RECEIVED: [text("ALTER TABLE inbound_ids RENAME TO inbound_ids_gone")],
    Station.PAGE_ARRIVED: [update(page_numbers).where(page_numbers.c.name == "loop").values(phone="+12025550196")],
    Station.CALLED: [
        update(consents)
        .where(consents.c.patient_id.in_(select(patients.c.id).where(patients.c.synthetic)), consents.c.channel == "voice")
        .values(revoked_at=datetime(2026, 11, 1, tzinfo=UTC))
    ],
}
"""What is broken -> the station that has to be named."""


async def test_a_break_shows_the_station_that_was_not_reached(tmp_path: Path) -> None:
    async with running(*(tmp_path / str(station) for station in BREAKS)) as houses:
        for house in houses:
            await house.made()  # what every service does when it starts is behind it
        walks = await asyncio.gather(*(_broken(house, station) for house, station in zip(houses, BREAKS, strict=True)))
    assert [walk.broken_at for walk in walks] == list(BREAKS), walks
    assert [station in walk.reached for station, walk in zip(BREAKS, walks, strict=True)] == [False] * len(BREAKS)


async def _broken(house: Running, station: str) -> Walk:
    """The walk of a house in which the way to this station is broken."""
    await house.do(*BREAKS[station])
    await house.let_it_walk()
    return await house.walk()
