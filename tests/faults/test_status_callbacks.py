"""Words on texts that come in any order, twice, and to any node: each text ends as delivered, and never goes back."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import select

from service.db.communication import communication_statuses, communications
from service.db.database import Database
from service.domain.communication import Status, transition
from tests.faults import SECONDS_A_TEST
from tests.faults.flood import write_texts
from tests.faults.killer import tell
from tests.faults.ledger import TEXTS_OF_PEOPLE, attempt_of
from tests.faults.posting import Poster, status_form, status_path
from tests.stand_in_twilio import StandIn
from tests.story.clinic import invented, set_up
from tests.story.rows import opened, rows, until
from tests.story.served import Served

pytestmark = [pytest.mark.faults, pytest.mark.timeout(SECONDS_A_TEST)]
TEXTS = (120, 10_000)
"""Sampled, full."""
WORDS = ("queued", "sent", "sent", "delivered", "delivered")
"""On each text, in an order by chance: some hear that a text was delivered before they hear that it was sent."""
SEND_RATE = 200


@pytest.fixture(params=[pytest.param("postgresql", marks=pytest.mark.postgres), "sqlite"])
def nodes_and_url(request: pytest.FixtureRequest, twilio: StandIn, tmp_path: Path) -> tuple[list[Served], str]:
    """Two nodes on one PostgreSQL; SQLite serves one process."""
    two = request.param == "postgresql"
    url = request.getfixturevalue("durable_postgres_url" if two else "sqlite_url")
    return [Served(url, twilio, tmp_path, send_rate=SEND_RATE, name=name) for name in (("north", "south") if two else ("only",))], url


@pytest.mark.law(6)
async def test_fault_3_status_callbacks_out_of_order_end_as_delivered_without_a_regression(
    nodes_and_url: tuple[list[Served], str], twilio: StandIn, chance: random.Random, full_faults: bool
) -> None:
    began = time.monotonic()
    nodes, url = nodes_and_url
    count = TEXTS[full_faults]
    twilio.options.callbacks = []  # they come from here
    async with opened(url) as database:
        clinic = await set_up(database, invented(100))
        await watch_steps(database)
        await write_texts(database, clinic, count)
        try:
            await asyncio.gather(*(node.start() for node in nodes))
            await until(lambda: len(twilio.store.accepted) == count, seconds=60 + count / 10)
            words = [
                (status_path(attempt_of(message)), status_form(twilio.options, message.to, message.sid, word))
                for message in twilio.store.accepted
                for word in WORDS
            ]
            chance.shuffle(words)
            poster = Poster(nodes, twilio.options, chance)
            async with poster.open():
                await poster.carry(words)
            for node in nodes:
                assert await node.stop() == 0
        finally:
            for node in nodes:
                if node.alive:
                    await node.kill()
        texts = await rows(database, communications, TEXTS_OF_PEOPLE)
        assert len(texts) == count
        assert {row.status for row in texts} == {"delivered"}
        mine = communication_statuses.c.communication_id.in_(select(communications.c.id).where(TEXTS_OF_PEOPLE))
        told = await rows(database, communication_statuses, mine)
        callbacks = [row for row in told if row.source == "callback"]
        late = len(words) - sum(row.applied for row in callbacks)
        kept = {(row.communication_id, row.status, row.provider_status, row.error_code) for row in callbacks}
        assert len(kept) == len(callbacks), "a repeated word is kept once"
        steps = await steps_taken(database)
        assert sum(times for (_, after), times in steps.items() if after is Status.DELIVERED) == count, "each once"
        back = {step: times for step, times in steps.items() if not transition(*step)}
        assert not back, f"texts went back: {back}"
        assert late > 2 * count, "hardly a word came late or twice: this proves nothing"
    figures: dict[str, object] = {
        "texts": count,
        "words": len(words),
        "late_or_repeated": late,
        "answers": dict(poster.answers),
        "regressions": 0,
    }
    tell(f"fault 3, words on texts in any order, {url.partition(':')[0]}, {len(nodes)} node(s)", figures, began)


async def watch_steps(database: Database) -> None:
    """From now on the database itself writes down each step of a text, in whatever order two nodes numbered their histories."""
    made = ["create table steps (before varchar(12), after varchar(12))"]
    insert = "insert into steps values (old.status, new.status)"
    when = "update of status on communications for each row when (old.status <> new.status)"
    if database.is_postgresql:
        made.append(f"create function note_step() returns trigger language plpgsql as $$ begin {insert}; return new; end $$")
        made.append(f"create trigger noting after {when} execute function note_step()")
    else:
        made.append(f"create trigger noting after {when} begin {insert}; end")
    async with database.transaction() as connection:
        for statement in made:
            await connection.exec_driver_sql(statement)


async def steps_taken(database: Database) -> Counter[tuple[Status, Status]]:
    """How often a text went from one status to another."""
    async with database.reading() as connection:
        taken = (await connection.exec_driver_sql("select before, after from steps")).all()
    return Counter((Status(before), Status(after)) for before, after in taken)
