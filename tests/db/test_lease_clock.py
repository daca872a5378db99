"""Leases are measured by the database's clock where nodes have clocks of their own (decisions 23)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.db import due_work as due_works
from service.db import outbox, pages
from service.db.communication import communications
from service.domain.communication import Lane
from tests.jobs.world import World
from tests.seed import seed_item


@pytest.mark.postgres
@pytest.mark.law(11)
@pytest.mark.parametrize("skew", [timedelta(seconds=-90), timedelta(seconds=90), timedelta(days=365)])
async def test_a_node_whose_clock_is_wrong_takes_nobodys_lease_away(postgres_url: str, skew: timedelta) -> None:
    world = await World.open(postgres_url)
    org = world.clinic.organization_id
    item_id = await seed_item(world.database, world.clinic.chi, world.now)
    await world.page(world.clinic.chi, item_id)
    text_id = await world.text(world.clinic.ana)
    async with world.database.transaction() as connection:
        await due_works.add(connection, [due_works.row(org, "one", "tea", text_id, world.now, world.now)])
        assert len(await due_works.claim(connection, Lane.ROUTINE, world.now, "right", 10)) == 1
        [text] = await outbox.load(connection, [text_id])
        await outbox.mark_claimed(connection, [(text, due_works.new_id(world.now), "twilio")], world.now, "right")
        assert len(await pages.claim(connection, world.now, "right", 10)) == 1
    wrong = world.now + skew
    async with world.database.transaction() as connection:
        assert await due_works.leases_over(connection, wrong, 10) == []
        assert await outbox.lost_claims(connection, wrong, 10) == []
        assert await pages.lost_claims(connection, wrong, 10) == []
    for table in (due_works.due_work, communications, pages.pages):
        await world.lose_leases(table)
    async with world.database.transaction() as connection:
        assert len(await due_works.leases_over(connection, wrong, 10)) == 1
        assert len(await outbox.lost_claims(connection, wrong, 10)) == 1
        assert len(await pages.lost_claims(connection, wrong, 10)) == 1
    await world.database.close()


async def test_on_sqlite_the_one_process_measures_by_its_own_clock(sqlite_url: str) -> None:
    world = await World.open(sqlite_url)
    async with world.database.transaction() as connection:
        row = due_works.row(world.clinic.organization_id, "one", "tea", world.clinic.ana.id, world.now, world.now)
        await due_works.add(connection, [row])
        await due_works.claim(connection, Lane.ROUTINE, world.now, "node", 10)
        assert await due_works.leases_over(connection, world.now + due_works.LEASE - timedelta(seconds=1), 10) == []
        assert len(await due_works.leases_over(connection, world.now + due_works.LEASE, 10)) == 1
    await world.database.close()
