"""What a killed process held is free again as soon as the next one starts; on PostgreSQL, where others may hold it, by its lease."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from service.actions.release_leases import release_leases
from service.actions.take_up import take_up
from service.db.calls import calls
from service.db.communication import communications
from service.db.due_work import due_work, row
from service.db.escalation import pages
from service.db.schema import new_id
from service.domain.communication import Purpose, Status
from tests.jobs.world import World
from tests.seed import seed_item


async def hold(world: World) -> None:
    """A text, a page, a call and a piece of work, as a process holds them that was just killed."""
    clock = datetime.now(UTC) if world.database.is_postgresql else world.now  # PostgreSQL has leases by its own clock
    lease = {"lease_until": clock + timedelta(minutes=2), "claimed_by": "gone:1:abc"}
    claimed: dict[str, Any] = {"status": Status.CLAIMED, **lease}
    attempt = {"attempt_id": new_id(world.now), **claimed}
    await world.set(communications, await world.text(world.clinic.ana, "Hello", Purpose.ANSWER), **attempt)
    await world.set(pages, await world.page(world.clinic.chi, await seed_item(world.database, world.clinic.chi, world.now)), **attempt)
    work = row(world.clinic.organization_id, "held", "start_check_in", world.clinic.ana.id, world.now, world.now)
    ana = {"organization_id": world.clinic.organization_id, "patient_id": world.clinic.ana.id, "phone_id": world.clinic.ana.phone_id}
    call = {"purpose": "safety", "number": 1, "status_at": world.now, "created_at": world.now, "due_at": world.now}
    async with world.database.transaction() as connection:
        await connection.execute(insert(due_work).values(**{**work, "state": "claimed", **lease}))
        await connection.execute(insert(calls).values(id=new_id(world.now), **ana, **call, **claimed))


@pytest.mark.law(3)
async def test_a_killed_process_leaves_nothing_held_for_longer_than_the_next_one_takes_to_start(world: World) -> None:
    await hold(world)
    alone = not world.database.is_postgresql
    assert await take_up(world.database, world.now) == (4 if alone else 0)
    assert await take_up(world.database, world.now) == 0
    released = await release_leases(world.database, world.knowledge, world.now)
    [text] = await world.rows(communications, communications.c.direction == "out")
    [page] = await world.rows(pages)
    [work] = await world.rows(due_work, due_work.c.key == "held")
    if alone:
        assert (released.texts, released.pages, released.works) == (1, 1, 1)
        assert (text.status, page.status, work.state) == ("unknown", "unknown", "due"), "looked up, never sent again blindly"
    else:
        assert (text.status, page.status, work.state) == ("claimed", "claimed", "claimed"), "another node may be at work on them"
