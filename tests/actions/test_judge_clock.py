"""A node with a wrong clock says so, and a person is told; on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from service.actions.judge_clock import judge_clock
from service.actions.raise_alarms import raise_alarms
from service.db.due_work import due_work, heartbeats
from service.db.escalation import concerns, escalations
from service.domain.clock_signs import ClockSigns
from tests.jobs.world import World


@pytest.fixture
async def right(database_url: str) -> AsyncIterator[World]:
    """With a clock that stands where the machine's is: the database's own agrees."""
    world = await World.open(database_url, datetime.now(UTC))
    yield world
    await world.database.close()


async def judge(world: World, signs: ClockSigns, node: str = "node-1") -> tuple[str, ...]:
    return await judge_clock(world.database, world.clock, signs, node)


async def look(world: World) -> set[str]:
    return {name for name in await raise_alarms(world.database, {}, world.now) if name in ("clock_wrong", "webhooks_refused")}


async def test_a_right_clock_is_no_alarm(right: World) -> None:
    signs = ClockSigns()
    signs.compare("provider", right.now + timedelta(seconds=5), right.now)
    signs.refuse(right.now)
    assert await judge(right, signs) == ()
    assert await look(right) == set()


async def test_the_clock_is_compared_with_the_databases(right: World) -> None:
    right.clock.forward(minutes=-10)
    expected = {"clock_wrong"} if right.database.is_postgresql else set()  # SQLite has no clock but this one
    assert set(await judge(right, ClockSigns())) == await look(right) == expected


@pytest.mark.law(2)
async def test_a_clock_that_a_providers_answers_contradict_is_an_item_until_it_is_set(right: World) -> None:
    signs = ClockSigns()
    signs.compare("provider", right.now + timedelta(minutes=6), right.now)
    assert await judge(right, signs) == ("clock_wrong",)
    assert await look(right) == {"clock_wrong"}
    [item] = await right.rows(escalations)
    assert (item.urgency_rank, item.patient_id) == (1, None)
    signs.compare("provider", right.now, right.now)
    assert await judge(right, signs) == ()
    right.clock.forward(minutes=6)
    assert await look(right) == set()
    [item] = await right.rows(escalations)
    assert item.state == "resolved"


@pytest.mark.law(2)
async def test_signed_webhooks_that_are_refused_for_their_age_page_somebody(right: World) -> None:
    signs = ClockSigns()
    for _ in range(3):
        signs.refuse(right.now)
    assert await judge(right, signs) == ("webhooks_refused",)
    assert await look(right) == {"webhooks_refused"}
    async with right.database.reading() as connection:
        rules = (await connection.scalars(select(concerns.c.rule))).all()
    assert list(rules) == ["webhooks_refused"]
    assert [work.kind for work in await right.rows(due_work)] == ["page_ladder"]


async def test_the_mark_of_a_machine_that_is_gone_does_not_stand_for_ever(right: World) -> None:
    signs = ClockSigns()
    signs.compare("provider", right.now + timedelta(minutes=6), right.now)
    await judge(right, signs)
    await judge(right, ClockSigns(), "node-2")
    assert await look(right) == {"clock_wrong"}
    async with right.database.transaction() as connection:
        await connection.execute(heartbeats.update().values(at=right.now - timedelta(minutes=6)))
    await judge(right, ClockSigns(), "node-2")
    assert await look(right) == set()
