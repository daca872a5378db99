"""A node freezes with a claim in its hands and wakes when its lease is long over: the other node does not send again, nor does it."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from service.db.communication import communication_statuses, communications
from service.db.database import Database
from tests.faults import SECONDS_A_TEST
from tests.faults.crowd import CHEST_PAIN
from tests.faults.killer import tell
from tests.faults.ledger import attempt_of, let_leases_end
from tests.stand_in_twilio import StandIn
from tests.story.clinic import invented, set_up
from tests.story.rows import opened, rows, until
from tests.story.served import Served

pytestmark = [pytest.mark.faults, pytest.mark.postgres, pytest.mark.timeout(SECONDS_A_TEST)]
FREEZES = (1, 20)
"""Sampled, full."""
CARRIER_SECONDS = 3.0
"""Long enough to see the claim and to freeze its holder before the answer comes."""


@pytest.mark.law(3)
async def test_a_node_that_wakes_after_its_lease_has_ended_neither_sends_again_nor_undoes_what_was_found(
    durable_postgres_url: str, twilio: StandIn, tmp_path: Path, chance: random.Random, full_faults: bool
) -> None:
    began = time.monotonic()
    freezes = FREEZES[full_faults]
    people = invented(freezes)
    twilio.options.answer_seconds = CARRIER_SECONDS
    twilio.options.callbacks = []
    nodes = [Served(durable_postgres_url, twilio, tmp_path, name=name) for name in ("north", "south")]
    async with opened(durable_postgres_url) as database:
        await set_up(database, people)
        try:
            for node in nodes:
                await node.start()
            for number in people.values():
                twilio.options.sms_url = chance.choice(nodes).sms_url
                answer = await twilio.inbound(number, CHEST_PAIN)
                assert answer is not None
                assert answer.status == 200
                claimed = await until(partial(_safety, database, number, twilio, "claimed"))
                frozen = next(node for node in nodes if str(node.pid) in claimed.claimed_by)
                frozen.signal(signal.SIGSTOP)
                await let_leases_end(database)
                await until(partial(_safety, database, number, twilio, "unknown"))
                frozen.signal(signal.SIGCONT)
                await until(partial(_safety, database, number, twilio, "accepted"))
            for node in nodes:
                assert node.alive
                assert await node.stop() == 0
        finally:
            for node in nodes:
                if node.alive:
                    await node.kill()
        accepted = Counter(attempt_of(message) for message in twilio.store.accepted)
        assert set(accepted.values()) == {1}
        assert Counter(message.to for message in twilio.store.accepted if message.to in people.values()) == Counter(people.values())
        doubted = {
            row.communication_id for row in await rows(database, communication_statuses, communication_statuses.c.status == "unknown")
        }
        assert len(doubted) == freezes
    tell("a node frozen with a claim in its hands", {"freezes": freezes, "sent again": 0}, began)


async def _safety(database: Database, number: str, twilio: StandIn, status: str) -> Any:
    """The safety text to this number once the carrier has it and our row stands so; None before."""
    sent = [message for message in twilio.store.accepted if message.to == number]
    if not sent:
        return None
    texts = await rows(database, communications, communications.c.attempt_id == attempt_of(sent[0]), communications.c.status == status)
    return texts[0] if texts else None
