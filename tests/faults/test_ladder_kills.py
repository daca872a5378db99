"""Fault test 21: the escalation ladder under kill -9 between and within its steps. Every rung pages once, in order."""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import timedelta

import pytest

from service.db import items
from service.db.changes import Changes
from service.db.due_work import due_work
from service.db.escalation import escalation_events, pages
from service.domain.urgency import Urgency
from tests.actions.crew import NORA, OMAR, SOL, put_on_call
from tests.faults import SECONDS_A_TEST
from tests.faults.dying_climber import NOBODY_DIES
from tests.jobs.world import World
from tests.seed import seed_item
from tests.story import warm

pytestmark = [pytest.mark.faults, pytest.mark.timeout(SECONDS_A_TEST)]
KILLS = (20, 500)
"""Sampled, full."""
DEATHS = ("claimed", "written", "committed")
MOST_A_STEP = 3
"""Deaths over one step: work whose holders die five times is given up as a problem of its own (law 2)."""


@pytest.mark.law(11)
async def test_fault_21_500_kills_between_the_steps_of_a_ladder_and_every_rung_pages_once_in_order(
    database_url: str, full_faults: bool, chance: random.Random
) -> None:
    kills = KILLS[full_faults]
    world = await World.open(database_url)
    await put_on_call(world)
    item_id = await seed_item(world.database, world.clinic.chi, world.now, urgency=Urgency.EMERGENCY)
    changes = Changes(world.now)
    items.plan_paging(changes, world.clinic.organization_id, item_id, "start", Urgency.EMERGENCY)
    async with world.database.transaction() as connection:
        await changes.write(connection)
    rounds: list[tuple[str, str]] = []
    planned = steps = 0
    while planned < kills:
        now = (world.now + timedelta(minutes=5 * steps)).isoformat()
        deaths = [chance.choice(DEATHS) for _ in range(min(chance.randint(1, MOST_A_STEP), kills - planned))]
        rounds += [(now, death) for death in deaths] + [(now, NOBODY_DIES)]
        planned, steps = planned + len(deaths), steps + 1
    died = await _live(database_url, rounds)

    written = await world.rows(pages)
    events = [event.detail for event in await world.rows(escalation_events) if event.what == "paged"]
    undone = await world.rows(due_work, due_work.c.state.in_(["failed", "claimed"]))
    await world.database.close()
    assert undone == []
    assert Counter((page.rung, page.channel) for page in written) == {(rung, way): 1 for rung in range(steps) for way in ("text", "call")}
    assert [page.rung for page in sorted(written, key=lambda page: page.step)] == [rung for rung in range(steps) for _ in range(2)]
    assert [page.step for page in written] == list(range(2 * steps)), "in the order in which they were written"
    assert [page.phone for page in written if page.channel == "text"] == [(NORA, OMAR, SOL)[rung % 3] for rung in range(steps)]
    assert [page.created_at for page in written if page.channel == "text"] == [
        world.now + timedelta(minutes=5 * rung) for rung in range(steps)
    ]
    assert [detail["step"] for detail in events] == list(range(2 * steps))
    assert died >= kills // 2
    print(f"fault 21: {died} processes killed, {steps} rungs, {len(written)} pages")


async def _live(database_url: str, rounds: list[tuple[str, str]]) -> int:
    """Lets the children live and die as planned; how many were killed (one with nothing to do lives)."""
    process = await warm.start("tests.faults.dying_climber")
    out, complaints = await process.communicate(json.dumps({"database_url": database_url, "rounds": rounds}).encode())
    assert process.returncode == 0, complaints.decode()[-3000:]
    return int(out.split()[-1])
