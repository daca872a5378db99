"""The closed loop, drilled: words of danger, item, page, a key pressed, and the patient's own follow-through, while things break."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from pathlib import Path
from uuid import UUID

import pytest

from service.db.communication import communications
from service.db.database import Database
from service.db.drills import Drill
from service.db.escalation import escalation_events, escalations, pages
from service.db.page_calls import page_calls
from service.domain.drill import Station, seconds
from tests.faults import SECONDS_A_TEST
from tests.faults.crowd import OVERRIDES
from tests.faults.killer import tell
from tests.faults.ledger import ITEMS_OF_PEOPLE, PAGES_OF_PEOPLE, let_leases_end
from tests.faults.loop import NORAS, SOLS, OnCall, begin, drill_of, staffed
from tests.stand_in_twilio import StandIn
from tests.story.clinic import set_up
from tests.story.rows import opened, rows, until
from tests.story.served import Served, rounds

pytestmark = [pytest.mark.faults, pytest.mark.timeout(SECONDS_A_TEST)]
DRILLS = (2, 500)
"""Sampled, full; on each database, so that ten and a thousand are run."""
TOLD_EVERY = 25
SEND_RATE = 200
SLOW_SECONDS = 120
"""A drill under faults comes to its end within this: leases are moved, not waited for."""
FAULTS = (
    "nothing",
    "429 for texts and calls",
    "500",
    "reset",
    "500 after the carrier's yes",
    "no answer after the carrier's yes",
    "garbage for an answer",
    "kill -9",
    "words on texts twice and in the wrong order",
    "the carrier is away for a while",
)


@pytest.fixture(params=[pytest.param("postgresql", marks=pytest.mark.postgres), "sqlite"])
def nodes_and_url(request: pytest.FixtureRequest, twilio: StandIn, tmp_path: Path) -> tuple[list[Served], str]:
    """Two nodes on one PostgreSQL; SQLite serves one process."""
    two = request.param == "postgresql"
    url = request.getfixturevalue("durable_postgres_url" if two else "sqlite_url")
    return [Served(url, twilio, tmp_path, send_rate=SEND_RATE, name=name) for name in (("north", "south") if two else ("only",))], url


@pytest.mark.law(1, 2, 3)
async def test_of_1000_drills_under_faults_none_ends_in_silence(
    nodes_and_url: tuple[list[Served], str], twilio: StandIn, chance: random.Random, full_faults: bool
) -> None:
    began = time.monotonic()
    nodes, url = nodes_and_url
    count = DRILLS[full_faults]
    kinds = [*FAULTS[1:], "nothing"] if full_faults else [*chance.sample(FAULTS[1:], count - 1), "kill -9"]
    ends: Counter[str] = Counter()
    how: Counter[str] = Counter()
    taken: list[float] = []
    async with opened(url) as database:
        clinic = await set_up(database, {})
        team_id = await staffed(database, clinic)
        twilio.options.sms_url = nodes[0].sms_url + OVERRIDES
        twilio.options.fallback_url = nodes[-1].sms_url + OVERRIDES
        try:
            await asyncio.gather(*(node.start() for node in nodes))
            async with OnCall(twilio, database).awake() as people:
                for number in range(count):
                    kind = kinds[number % len(kinds)]
                    id = await begin(database, clinic, team_id)
                    await _break(kind, nodes, twilio, database, id, chance)
                    drill = await _ended(database, id)
                    _mend(twilio)
                    ends[f"{kind}: {drill.result}{' ' + drill.missed if drill.missed else ''}"] += 1
                    how[drill.acknowledged_how] += 1
                    if drill.began_at is not None and Station.ACKNOWLEDGED in drill.reached:
                        taken.append(seconds(drill.reached, drill.began_at)[Station.ACKNOWLEDGED])
                    await _check_not_silent(database, drill, kind)
                    if (number + 1) % TOLD_EVERY == 0:
                        print(f"{number + 1} of {count} drills after {time.monotonic() - began:.0f} s: {dict(ends)}", flush=True)
                broken = people.broken
            for node in nodes:
                assert await node.stop() == 0
        finally:
            for node in nodes:
                if node.alive:
                    await node.kill()
        alarms = await _check(database, twilio)
    passed = sum(times for end, times in ends.items() if end.endswith("passed"))
    figures: dict[str, object] = {
        "drills": count,
        "passed": passed,
        "ended_in_silence": 0,
        "acknowledged": dict(how),
        "calls_that_broke_off": broken,
        "slowest_acknowledgement_s": round(max(taken, default=0.0), 1),
        "pages_about_alarms": dict(alarms),
        "by_fault": dict(ends),
    }
    tell(f"drills under faults, {url.partition(':')[0]}, {len(nodes)} node(s)", figures, began)


async def _break(kind: str, nodes: list[Served], twilio: StandIn, database: Database, id: UUID, chance: random.Random) -> None:
    """One of the faults, while the drill runs."""
    after = {
        "500": "500",
        "reset": "reset",
        "500 after the carrier's yes": "500_after_accept",
        "no answer after the carrier's yes": "reset_after_accept",
        "garbage for an answer": "garbage_after_accept",
    }
    if kind == "429 for texts and calls":
        twilio.faults.add("429", 3)
    elif kind in after:
        twilio.faults.add(after[kind], chance.randint(1, 3))
    elif kind == "the carrier is away for a while":
        twilio.faults.add("500", 20)
        await asyncio.sleep(2)
        twilio.faults.clear()
    elif kind == "words on texts twice and in the wrong order":
        twilio.options.duplicate, twilio.options.reverse, twilio.options.before_response = 2, True, True
    elif kind == "kill -9":
        await until(lambda: _begun(database, id), SLOW_SECONDS)
        victim = chance.choice(nodes)
        await asyncio.sleep(chance.uniform(0.0, 0.6))
        await victim.kill()
        await let_leases_end(database)
        await victim.start()
        await let_leases_end(database)


def _mend(twilio: StandIn) -> None:
    twilio.faults.clear()
    twilio.options.duplicate, twilio.options.reverse, twilio.options.before_response = 1, False, False


async def _begun(database: Database, id: UUID) -> bool:
    return (await drill_of(database, id)).began_at is not None


async def _ended(database: Database, id: UUID) -> Drill:
    """The drill at its end."""
    found: list[Drill] = []

    async def over() -> bool:
        found[:] = [await drill_of(database, id)]
        return found[0].ended_at is not None

    await until(over, 16 * 60)
    return found[0]


async def _check_not_silent(database: Database, drill: Drill, kind: str) -> None:
    """Either all came to pass, or somebody is told that it did not: a drill that failed is an item for people, with what it missed."""
    if drill.result == "passed":
        assert set(drill.reached) == set(Station)
        return
    told = await rows(database, escalation_events, escalation_events.c.what.in_(["opened", "again"]))
    assert any(event.detail.get("drill") == str(drill.id) for event in told), f"{kind}: the drill failed in silence: {drill}"


async def _check(database: Database, twilio: StandIn) -> Counter[str]:
    """No drill has left an open item; every page for one says that it is one; nothing was handed over twice. What else people were paged
    for: alarms about the service itself."""
    items = {item.id: item for item in await rows(database, escalations, ITEMS_OF_PEOPLE)}
    assert {item.state for item in items.values() if item.kind == "clinical"} == {"resolved"}
    paged = await rows(database, pages, PAGES_OF_PEOPLE)
    operational = {id for id, item in items.items() if item.kind == "operational"}
    alarms = [page for page in paged if page.escalation_id in operational]
    for_drills = [page for page in paged if page.escalation_id not in operational]
    assert all(page.body.startswith("DRILL. ") for page in for_drills)
    about_alarms = {page.body for page in alarms}
    for number in (NORAS, SOLS):
        bodies = {message.body for message in twilio.store.accepted if message.to == number} - about_alarms
        assert all(body.startswith("DRILL. ") for body in bodies)
    stuck = await rows(database, communications, communications.c.status == "claimed")
    assert not stuck
    events = await rows(database, escalation_events, escalation_events.c.what == "acknowledged")
    pressed = [call for call in await rows(database, page_calls) if call.outcome == "acknowledged"]
    by_call = [event for event in events if event.detail["by"] == "call"]
    assert len(by_call) == len(pressed), "a key was pressed once and counted twice, or never"
    return Counter(items[page.escalation_id].summary for page in alarms)


async def test_rounds_drill_tells_how_soon_each_step_came(nodes_and_url: tuple[list[Served], str], twilio: StandIn, tmp_path: Path) -> None:
    nodes, url = nodes_and_url
    async with opened(url) as database:
        await staffed(database, await set_up(database, {}))
        node = nodes[0]
        async with node.running(), OnCall(twilio, database).awake():
            code, out, err = await rounds("drill", "run", "--team", "Team A", environment=node.environment, folder=tmp_path)
            assert code == 0, err
            for words in ("item opened", "safety text handed to the provider", "first page", "acknowledged by call", "answer taken in"):
                assert words in out, out
            assert "never" not in out
            code, out, err = await rounds("drill", "list", environment=node.environment, folder=tmp_path)
            assert (code, "Team A  asked for  passed" in out) == (0, True), out + err
            assert await node.stop() == 0
