"""Leases are measured by the database's clock where nodes have clocks of their own (decisions 23)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.db import claims, leases, outbox, pages
from service.db import due_work as due_works
from service.db.communication import communications
from service.db.escalation import pages as page_rows
from service.db.schema import new_id
from service.db.senders import senders
from service.domain.communication import Lane
from service.domain.ladder import PageChannel
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
    [sender] = await world.rows(senders)
    async with world.database.transaction() as connection:
        await due_works.add(connection, [due_works.row(org, "one", "tea", text_id, world.now, world.now)])
        assert len(await due_works.claim(connection, Lane.ROUTINE, world.now, "right", 10)) == 1
        [text] = await outbox.load(connection, [text_id])
        claim = claims.Claim(text, new_id(world.now), "twilio", sender.id)
        await claims.mark_claimed(connection, [claim], world.now, "right")
        assert len(await pages.claim(connection, world.now, "right", 10, PageChannel.TEXT)) == 1
    wrong = world.now + skew
    async with world.database.transaction() as connection:
        assert await due_works.leases_over(connection, wrong, 10) == []
        assert await leases.lost_claims(connection, communications, wrong, 10) == []
        assert await leases.lost_claims(connection, page_rows, wrong, 10) == []
    for table in (due_works.due_work, communications, page_rows):
        await world.lose_leases(table)
    async with world.database.transaction() as connection:
        assert len(await due_works.leases_over(connection, wrong, 10)) == 1
        assert len(await leases.lost_claims(connection, communications, wrong, 10)) == 1
        assert len(await leases.lost_claims(connection, page_rows, wrong, 10)) == 1
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
