"""PostgreSQL goes away and comes back under load: the service lives on, and nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from service.db.migrate import upgrade
from tests.faults import SECONDS_A_TEST
from tests.faults.crowd import OVERRIDES, Crowd
from tests.faults.killer import settle, tell
from tests.postgres import Server, run_to_end, running
from tests.stand_in_twilio import StandIn
from tests.story.clinic import enroll, invented, set_up
from tests.story.rows import opened
from tests.story.served import Served

pytestmark = [pytest.mark.faults, pytest.mark.timeout(SECONDS_A_TEST)]
RESTARTS = (1, 20)
"""Sampled, full."""


@pytest.fixture
def own_postgres() -> Iterator[Server]:
    """A server that nobody else uses, so that it may be stopped."""
    with running(durable=True) as server:
        yield server


@pytest.mark.postgres
@pytest.mark.law(2, 3)
async def test_restarts_of_postgresql_under_load_lose_nothing_and_end_no_process(
    own_postgres: Server, twilio: StandIn, tmp_path: Path, chance: random.Random, full_faults: bool
) -> None:
    began = time.monotonic()
    restarts = RESTARTS[full_faults]
    url = own_postgres.create_database("story")
    run_to_end(lambda: upgrade(url))
    people = invented(16 + 3 * restarts)
    node = Served(url, twilio, tmp_path)
    twilio.options.sms_url = node.sms_url + OVERRIDES
    try:
        async with opened(url) as database:
            clinic = await set_up(database, people)
            records = [record for record, _ in clinic.patients]
            await enroll(database, clinic, records, first_in=timedelta(seconds=2), spread=timedelta(seconds=4 * restarts))
        await node.start()
        crowd = Crowd(twilio, [*people.values()], chance)
        async with crowd.awake():
            for _ in range(restarts):
                await asyncio.sleep(chance.uniform(1, 3))
                await asyncio.to_thread(own_postgres.stop, chance.choice([signal.SIGINT, signal.SIGQUIT]))
                await asyncio.sleep(chance.uniform(0, 1.5))
                await asyncio.to_thread(own_postgres.start)
            await asyncio.sleep(2)
        assert node.alive, "the service ended with its database"
        assert await node.stop() == 0
        async with opened(url) as database:
            books, doubt = await settle(database, twilio, node, tmp_path)
    finally:
        if node.alive:
            await node.kill()
    figures: dict[str, object] = {"restarts": restarts, **books.check(), **doubt}
    tell("PostgreSQL restarted under load", figures, began)
