"""Words on texts that come in any order, twice, and to any node: each text ends as delivered, and never goes back."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import defaultdict
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select

from service.db.communication import communication_statuses, communications
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
        history: dict[UUID, list[Status]] = defaultdict(list)
        mine = communication_statuses.c.communication_id.in_(select(communications.c.id).where(TEXTS_OF_PEOPLE))
        told = await rows(database, communication_statuses, mine)
        for row in told:
            if row.applied:
                history[row.communication_id].append(Status(row.status))
        callbacks = [row for row in told if row.source == "callback"]
        late = len(words) - sum(row.applied for row in callbacks)
        kept = {(row.communication_id, row.status, row.provider_status, row.error_code) for row in callbacks}
        assert len(kept) == len(callbacks), "a repeated word is kept once"
        back = [steps for steps in history.values() if not all(transition(*pair) for pair in itertools.pairwise(steps))]
        assert not back, f"{len(back)} texts went back, for example {back[0]}"
        assert late > 2 * count, "hardly a word came late or twice: this proves nothing"
    figures: dict[str, object] = {
        "texts": count,
        "words": len(words),
        "late_or_repeated": late,
        "answers": dict(poster.answers),
        "regressions": 0,
    }
    tell(f"fault 3, words on texts in any order, {url.partition(':')[0]}, {len(nodes)} node(s)", figures, began)
