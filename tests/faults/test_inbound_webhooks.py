"""Texts that come in while nodes are killed, and each of them three times: every one is stored, and stored once."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from service.db.communication import communications, inbound_events, inbound_ids
from service.db.database import Database
from service.db.escalation import concerns
from service.domain.urgency import Urgency
from tests.faults import FULL_COUNTS, SECONDS_A_TEST
from tests.faults.crowd import CHEST_PAIN, SKIPPED
from tests.faults.killer import tell
from tests.faults.ledger import TEXTS_OF_PEOPLE, by_the_carrier
from tests.faults.posting import Poster, inbound_form
from tests.stand_in_twilio import StandIn
from tests.story.clinic import invented, set_up
from tests.story.rows import opened, rows
from tests.story.served import Served

pytestmark = [pytest.mark.faults, pytest.mark.timeout(SECONDS_A_TEST)]
WEBHOOKS = (60, 10_000)
"""Sampled, full."""
WORDS = ("182", "thank you", "yes", "no new swelling", "I feel fine today", SKIPPED, "call me please", "190.5", CHEST_PAIN)
"""Of each patient's own; among them the two red flags."""


@pytest.fixture(params=[pytest.param("postgresql", marks=pytest.mark.postgres), "sqlite"])
def nodes_and_url(request: pytest.FixtureRequest, twilio: StandIn, tmp_path: Path) -> tuple[list[Served], str]:
    """Two nodes on one PostgreSQL; SQLite serves one process."""
    two = request.param == "postgresql"
    url = request.getfixturevalue("durable_postgres_url" if two else "sqlite_url")
    names = ("north", "south") if two else ("only",)
    return [Served(url, twilio, tmp_path, name=name) for name in names], url


@pytest.mark.law(1, 3)
@pytest.mark.parametrize(("kills", "copies"), [(20, 1), (0, 3)] if FULL_COUNTS else [(1, 3)])
async def test_faults_1_and_2_of_10000_webhooks_none_is_lost_or_doubled_by_20_kills_or_by_coming_three_times(
    nodes_and_url: tuple[list[Served], str], twilio: StandIn, chance: random.Random, full_faults: bool, kills: int, copies: int
) -> None:
    nodes, url = nodes_and_url
    await _flood(nodes, url, twilio, chance, WEBHOOKS[full_faults], kills, copies)


async def _flood(nodes: Sequence[Served], url: str, twilio: StandIn, chance: random.Random, count: int, kills: int, copies: int) -> None:
    began = time.monotonic()
    people = list(invented(count // 10).values())
    texts = {f"SM{place:032x}": (people[place % len(people)], chance.choice(WORDS)) for place in range(count)}
    order = [sid for sid in texts for _ in range(copies)]
    chance.shuffle(order)
    webhooks = [("/webhooks/twilio/sms", inbound_form(twilio.options, *texts[sid], sid)) for sid in order]
    async with opened(url) as database:
        await set_up(database, {f"Patient {place}": number for place, number in enumerate(people)})
        poster = Poster(nodes, twilio.options, chance)
        moments = sorted(chance.sample(range(1, int(0.9 * len(order))), kills))
        killing: list[asyncio.Task[None]] = []
        one_at_a_time = asyncio.Lock()

        def seen(taken: int) -> None:
            while moments and taken >= moments[0]:
                moments.pop(0)
                killing.append(asyncio.create_task(_kill(chance.choice(nodes), one_at_a_time)))

        try:
            await asyncio.gather(*(node.start() for node in nodes))
            at = time.monotonic()
            async with poster.open():
                await poster.carry(webhooks, seen)
            seconds = time.monotonic() - at
            await asyncio.gather(*killing)
            for node in nodes:
                assert await node.stop() == 0
        finally:
            for node in nodes:
                if node.alive:
                    await node.kill()
        stored = await _check(database, texts)
    figures: dict[str, object] = {
        "webhooks_sent": len(order),
        "answers": dict(poster.answers),
        "kills": len(killing),
        "rows": stored,
        "lost": 0,
        "doubled": 0,
        "seconds": round(seconds, 1),
    }
    assert len(killing) == kills
    tell(
        f"faults 1 and 2, inbound webhooks, {kills} times kill -9, {copies} times each, {url.partition(':')[0]}, {len(nodes)} node(s)",
        figures,
        began,
    )


async def _kill(node: Served, one_at_a_time: asyncio.Lock) -> None:
    """kill -9, and the same node once more."""
    async with one_at_a_time:
        await node.kill()
        await node.start()


async def _check(database: Database, texts: dict[str, tuple[str, str]]) -> int:
    """Each text is one row in each of the three tables and stands in the words it was written in; each red flag has its concern."""
    heard = await rows(database, communications, communications.c.direction == "in", TEXTS_OF_PEOPLE)
    stored = Counter(row.provider_id for row in heard)
    assert set(stored) == set(texts), f"{len(set(texts) - set(stored))} texts were answered with 200 and are not stored"
    assert not [sid for sid, count in stored.items() if count > 1], "a text was stored twice"
    for table in (inbound_ids, inbound_events):
        assert Counter(row.provider_id for row in await _all(database, table)) == stored, table.name
    assert all(row.body == texts[row.provider_id][1] for row in heard)
    raised = await rows(database, concerns)
    flagged = {row.id for row in heard if row.body in (CHEST_PAIN, SKIPPED)}
    assert flagged, "no red flag was among them: this proves less than it should"
    assert flagged <= {row.communication_id for row in raised}, "a red flag has no concern"
    worst = {row.communication_id for row in raised if row.urgency_rank == Urgency.EMERGENCY.rank}
    assert {row.id for row in heard if row.body == CHEST_PAIN} <= worst, "chest pain is no emergency"
    return len(heard)


async def _all(database: Database, table: Any) -> list[Any]:
    async with database.reading() as connection:
        return list((await connection.execute(table.select().where(by_the_carrier(table)))).all())
