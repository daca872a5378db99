"""With a second number of the site's own the synthetic patient's texts and calls meet the provider, and no person's telephone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from aiohttp import web
from sqlalchemy import select, update

from service.app import create_app
from service.commands.serve import listen
from service.db.database import Database
from service.db.patient import patients
from service.db.synthetic import Walk, newest
from service.domain.synthetic import Station
from service.settings import Settings
from tests.demo.running import content
from tests.stand_in_twilio import Options, StandIn
from tests.story.clinic import CAST, set_up
from tests.story.rows import opened, until
from tests.story.served import environment
from tests.synthetic.quick_clock import QuickClock

FIRST, SECOND = "+12025550190", "+12025550120"


@asynccontextmanager
async def carrying(twilio: StandIn) -> AsyncIterator[None]:
    """What a carrier does between two numbers of one account: a text comes in at the other end, a call is picked up and hung up."""

    async def carry() -> None:
        texts = calls = 0
        while True:
            for message in list(twilio.store.accepted)[texts:]:
                texts += 1
                if message.to in (FIRST, SECOND):
                    await twilio.inbound(message.sender, message.body, to=message.to)
            for call in twilio.calls.placed[calls:]:
                calls += 1
                await call.pick_up()
                if not call.heard.over:
                    await call.hang_up()
            await asyncio.sleep(0.1)

    task = asyncio.create_task(carry())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_patient_comes_through_by_the_carrier_and_nobody_elses_telephone_rings(sqlite_url: str) -> None:
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    async with StandIn(Options(numbers=[FIRST, SECOND])).running() as twilio, opened(sqlite_url) as database, carrying(twilio):
        twilio.options.sms_url = f"http://127.0.0.1:{port}/webhooks/twilio/sms"
        await set_up(database, CAST)
        settings = Settings.from_environment(environment(sqlite_url, port, twilio, SYNTHETIC_NUMBER=SECOND))
        clock = QuickClock(datetime.now(UTC))
        runner = web.AppRunner(create_app(settings, clock=clock, content=content()), access_log=None, shutdown_timeout=1)
        await runner.setup()
        try:
            await web.SockSite(runner, listener).start()
            async with clock.running():
                await _made(database)
                walk: Walk = await until(lambda: _ended(database))
        finally:
            await runner.cleanup()
            listener.close()
    assert walk.broken_at == ""
    assert list(walk.reached) == list(Station)
    assert (walk.provider, walk.reply_to) == ("twilio", FIRST)
    assert {message.to for message in twilio.store.accepted} == {FIRST, SECOND}
    assert {call.form["To"] for call in twilio.calls.placed} == {SECOND}


async def _made(database: Database) -> None:
    """Until the patient is there; a new one would rest for ten minutes."""

    async def made() -> object:
        async with database.reading() as connection:
            return await connection.scalar(select(patients.c.id).where(patients.c.synthetic))

    await until(made)
    async with database.transaction() as connection:
        await connection.execute(update(patients).where(patients.c.synthetic).values(created_at=datetime(2026, 1, 1, tzinfo=UTC)))


async def _ended(database: Database) -> Walk | None:
    async with database.reading() as connection:
        found = await newest(connection)
    return found[0] if found and found[0].ended_at is not None else None
