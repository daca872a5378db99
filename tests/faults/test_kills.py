"""kill -9 at random moments of the whole story: no text lost, none stored twice, none sent twice, no doubt unlisted."""

from __future__ import annotations

import random
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from tests.faults import SECONDS_A_TEST
from tests.faults.crowd import OVERRIDES, Crowd
from tests.faults.killer import Killer, settle, tell
from tests.faults.ledger import let_leases_end
from tests.stand_in_twilio import StandIn
from tests.story.clinic import enroll, invented, set_up
from tests.story.rows import opened
from tests.story.served import Served

pytestmark = [pytest.mark.faults, pytest.mark.timeout(SECONDS_A_TEST)]
KILLS = {"postgresql": (2, 200), "sqlite": (2, 50), "two nodes": (2, 60)}
"""Sampled, full."""
SECONDS_A_KILL = 3.0
"""About; check-ins become due all along."""


def _kills(kind: str, full: bool) -> int:
    return KILLS[kind][full]


@pytest.fixture(params=[pytest.param("postgresql", marks=pytest.mark.postgres), "sqlite"])
def kind_and_url(request: pytest.FixtureRequest) -> tuple[str, str]:
    return request.param, request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "durable_postgres_url")


@pytest.mark.law(1, 2, 3, 11)
async def test_killing_the_process_at_random_moments_loses_nothing_and_doubles_nothing(
    kind_and_url: tuple[str, str], twilio: StandIn, tmp_path: Path, chance: random.Random, full_faults: bool
) -> None:
    began = time.monotonic()
    kind, url = kind_and_url
    kills = _kills(kind, full_faults)
    people = invented(16 + 3 * kills)
    async with opened(url) as database:
        clinic = await set_up(database, people)
        records = [record for record, _ in clinic.patients]
        await enroll(database, clinic, records, first_in=timedelta(seconds=2), spread=timedelta(seconds=SECONDS_A_KILL * kills))
        node = Served(url, twilio, tmp_path)
        twilio.options.sms_url = node.sms_url + OVERRIDES
        crowd = Crowd(twilio, [*people.values()], chance)
        killer = Killer(twilio, crowd, chance)
        try:
            await node.start()
            async with crowd.awake():
                for done in range(kills):
                    await killer.kill(node)
                    if chance.random() < 0.5:
                        await let_leases_end(database)
                    if full_faults and done % 20 == 19:
                        print(f"  {kind}: {done + 1} kills, {time.monotonic() - began:.0f} s", flush=True)
                await node.start()
            await node.kill()
            books, doubt = await settle(database, twilio, node, tmp_path)
        finally:
            if node.alive:
                await node.kill()
    figures = {"kills": kills, **killer.moments, **books.check(), **doubt, "log": _errors(node)}
    tell(f"kill -9 of the only node, {kind}", figures, began)


@pytest.mark.postgres
@pytest.mark.law(3)
async def test_of_two_nodes_one_may_die_at_any_moment_and_no_text_is_lost_or_doubled(
    durable_postgres_url: str, twilio: StandIn, tmp_path: Path, chance: random.Random, full_faults: bool
) -> None:
    began = time.monotonic()
    kills = _kills("two nodes", full_faults)
    people = invented(16 + 3 * kills)
    async with opened(durable_postgres_url) as database:
        clinic = await set_up(database, people)
        records = [record for record, _ in clinic.patients]
        await enroll(database, clinic, records, first_in=timedelta(seconds=2), spread=timedelta(seconds=SECONDS_A_KILL * kills))
        nodes = [Served(durable_postgres_url, twilio, tmp_path, name=name) for name in ("north", "south")]
        twilio.options.sms_url = nodes[0].sms_url + OVERRIDES
        twilio.options.fallback_url = nodes[1].sms_url + OVERRIDES
        crowd = Crowd(twilio, [*people.values()], chance)
        killer = Killer(twilio, crowd, chance)
        try:
            for node in nodes:
                await node.start()
            async with crowd.awake():
                for _ in range(kills):
                    victim = chance.choice(nodes)
                    await killer.kill(victim)
                    await victim.start()
            for node in nodes:
                await node.kill()
            books, doubt = await settle(database, twilio, nodes[0], tmp_path)
        finally:
            for node in nodes:
                if node.alive:
                    await node.kill()
    figures = books.check()
    assert figures["given_up_by_the_carrier_and_fetched"] == 0, "one node was always there to take it"
    tell("kill -9 of one of two nodes, postgresql", {"kills": kills, **killer.moments, **figures, **doubt, "log": _errors(*nodes)}, began)


def _errors(*nodes: Served) -> dict[str, int]:
    """What the nodes complained of, by kind."""
    lines = [line for node in nodes for line in node.log.read_text().splitlines()]
    return dict(Counter(line.partition('"event": "')[2].partition('"')[0] for line in lines if '"event"' in line))
