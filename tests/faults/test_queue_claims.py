"""Fault tests 17 and 19: a hundred nurses reach for one item, and a nurse who has claimed one is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from service.actions.claim_escalation import claim_escalation
from service.actions.do_due_work import do_due_work
from service.db.database import Database
from service.db.escalation import escalation_events, escalations, pages
from service.domain.communication import Lane
from service.domain.urgency import Urgency
from service.jobs.work import handlers, registry
from tests.faults.nurses import as_staff, hire
from tests.jobs.world import World
from tests.seed import KEYRING, seed_clinic, seed_item
from tests.web.conftest import NOW

pytestmark = pytest.mark.faults
NURSES = 100
FULL, SAMPLED = 1000, 6
BACK_WITHIN = timedelta(seconds=10)


@pytest.mark.timeout(3600)
async def test_of_a_hundred_nurses_who_claim_one_item_exactly_one_has_it(database_url: str, full_faults: bool) -> None:
    database = Database.open(database_url, KEYRING)
    clinic = await seed_clinic(database, NOW)
    crowd = [as_staff(clinic, one) for one in await hire(database, clinic, NURSES)]
    item_id = await seed_item(database, clinic.chi, NOW)
    open_again = {"state": "open", "claimed_by": None, "claimed_at": None, "claimed_until": None}
    for round_ in range(FULL if full_faults else SAMPLED):
        found = await asyncio.gather(*(claim_escalation(database, one, item_id, NOW) for one in crowd))
        winners = [one for one, result in zip(crowd, found, strict=True) if result.won]
        assert len(winners) == 1, round_
        assert {result.holder for result in found if not result.won} == {winners[0].name}, "whoever comes too late learns who has it"
        async with database.transaction() as connection:
            row = (await connection.execute(select(escalations).where(escalations.c.id == item_id))).one()
            assert (row.claimed_by, row.version) == (winners[0].id, 2 + round_)
            lines = select(func.count()).where(escalation_events.c.escalation_id == item_id, escalation_events.c.what == "claimed")
            assert await connection.scalar(lines) == round_ + 1
            await connection.execute(update(escalations).where(escalations.c.id == item_id).values(open_again))
    await database.close()


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    world = await World.open(database_url)
    yield world
    await world.database.close()


@pytest.mark.law(11)
@pytest.mark.parametrize("urgency", [Urgency.EMERGENCY, Urgency.URGENT])
async def test_an_item_whose_nurse_is_gone_is_back_within_ten_seconds_and_somebody_is_paged(world: World, urgency: Urgency) -> None:
    item_id = await seed_item(world.database, world.clinic.chi, world.now, urgency=urgency)
    nora = as_staff(world.clinic, world.clinic.nora)
    result = await claim_escalation(world.database, nora, item_id, world.now)
    assert result.until is not None
    around = world.around
    sweep = registry(around)["release_leases"]
    ran_at = world.now  # the sweep runs as often as its job says, and no oftener
    while True:
        world.clock.forward(seconds=1)
        assert world.now <= result.until + BACK_WITHIN, "the item was not given back in time"
        if (world.now - ran_at).total_seconds() >= sweep.every_seconds:
            ran_at = world.now
            await sweep.run()
            await do_due_work(world.database, handlers(around), Lane.EMERGENCY, world.clock, around.node)
        async with world.database.reading() as connection:
            row = (await connection.execute(select(escalations).where(escalations.c.id == item_id))).one()
            paged = await connection.scalar(select(func.count()).where(pages.c.escalation_id == item_id))
        if row.state == "open" and paged:
            break
        assert row.state == "claimed" or world.now >= result.until, "nobody loses an item before the lease is over"
    assert (row.claimed_by, row.acknowledged_at) == (None, None)
    async with world.database.reading() as connection:
        lines = list(await connection.scalars(select(escalation_events.c.what).where(escalation_events.c.escalation_id == item_id)))
    assert "lease_expired" in lines
