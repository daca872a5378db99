"""A lane on its way out: claimed into free places, so that nobody waits for a neighbour's slow call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from service.db.communication import communications
from service.db.escalation import pages
from service.db.organization import organizations
from service.db.patient import phones
from service.domain.communication import Lane, Purpose
from service.jobs.emergency import emergency_lane, routine_lane, texts_out
from service.telephony.port import OutgoingText
from tests.jobs.test_heartbeat import NEVER_QUIET, until
from tests.jobs.world import World
from tests.seed import seed_item


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    world = await World.open(database_url)
    await world.set(organizations, world.clinic.organization_id, **NEVER_QUIET)
    yield world
    await world.database.close()


@pytest.mark.law(1)
@pytest.mark.parametrize("lane", list(Lane))
async def test_a_text_does_not_wait_for_its_neighbours_slow_call(world: World, lane: Lane) -> None:
    freed, stopping = asyncio.Event(), asyncio.Event()

    async def slow_for_ana(text: OutgoingText) -> None:
        if text.to == world.clinic.ana.number:
            await freed.wait()

    world.provider.during = slow_for_ana
    purpose = Purpose.SAFETY if lane is Lane.EMERGENCY else Purpose.HELP
    slow = await world.text(world.clinic.ana, "slow", purpose, lane=lane)
    run = emergency_lane if lane is Lane.EMERGENCY else routine_lane
    task = asyncio.create_task(run(world.around, lambda name: None, stopping))
    await world.provider.called.wait()
    for number, person in enumerate((world.clinic.ben, world.clinic.chi, world.clinic.gus)):
        id = await world.text(person, f"quick {number}", purpose, lane=lane)

        async def accepted(id: object = id) -> bool:
            [row] = await world.rows(communications, communications.c.id == id)
            return bool(row.status == "accepted")

        await until(accepted)  # handed over and recorded while the first is still under way
    [row] = await world.rows(communications, communications.c.id == slow)
    assert row.status == "claimed"
    stopping.set()
    world.database.wakeups.wake(["stop"])
    freed.set()
    await task
    [row] = await world.rows(communications, communications.c.id == slow)
    assert row.status == "accepted"


@pytest.mark.law(1)
async def test_a_page_does_not_wait_for_another_pages_slow_call(world: World) -> None:
    freed, stopping = asyncio.Event(), asyncio.Event()
    item = await seed_item(world.database, world.clinic.chi, world.now)

    async def first_is_slow(_text: OutgoingText) -> None:
        if len(world.provider.calls) == 1:
            await freed.wait()

    world.provider.during = first_is_slow
    slow = await world.page(world.clinic.chi, item)
    task = asyncio.create_task(emergency_lane(world.around, lambda name: None, stopping))
    await world.provider.called.wait()
    for step in (1, 2):
        quick = await world.page(world.clinic.chi, item, step)

        async def accepted(id: object = quick) -> bool:
            [row] = await world.rows(pages, pages.c.id == id)
            return bool(row.status == "accepted")

        await until(accepted)
    [row] = await world.rows(pages, pages.c.id == slow)
    assert row.status == "claimed"
    stopping.set()
    world.database.wakeups.wake(["stop"])
    freed.set()
    await task
    [row] = await world.rows(pages, pages.c.id == slow)
    assert row.status == "accepted"


async def test_what_is_refused_counts_as_a_full_round_so_that_the_next_one_follows_at_once(world: World) -> None:
    await world.set(phones, world.clinic.ana.phone_id, unsafe_since=world.now)
    for _ in range(3):
        await world.text(world.clinic.ana, "x", Purpose.SAFETY)
    await world.text(world.clinic.ben, "y", Purpose.SAFETY, due_at=world.now)
    flow = texts_out(world.around, Lane.EMERGENCY, 3)
    assert await flow.round() == 3
    assert await flow.round() == 1
    await flow.drain()
    assert [call.to for call in world.provider.calls] == [world.clinic.ben.number]
    assert await flow.round() == 0


async def test_a_numbers_second_text_waits_for_the_first_one_under_way(world: World) -> None:
    freed = asyncio.Event()

    async def first_is_slow(text: OutgoingText) -> None:
        if text.body == "first":
            await freed.wait()

    world.provider.during = first_is_slow
    flow = texts_out(world.around, Lane.ROUTINE, 20)
    await world.text(world.clinic.ana, "first", Purpose.HELP)
    assert await flow.round() == 1
    await world.provider.called.wait()
    await world.text(world.clinic.ana, "second", Purpose.HELP)
    await world.text(world.clinic.ben, "other", Purpose.HELP)
    assert await flow.round() == 1

    async def passed() -> bool:
        return len(world.provider.kept) == 1

    await until(passed)
    freed.set()
    await flow.drain()
    assert await flow.round() == 1
    await flow.drain()
    assert [text.body for text in reversed(world.provider.kept)] == ["other", "first", "second"]


async def test_no_more_calls_than_places_and_a_freed_place_is_used(world: World) -> None:
    freed, under_way, most = asyncio.Event(), 0, 0

    async def count(_text: OutgoingText) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await freed.wait()
        under_way -= 1

    world.provider.during = count
    people = (world.clinic.ana, world.clinic.ben, world.clinic.chi, world.clinic.gus)
    for person in people:
        await world.text(person, "x", Purpose.SAFETY)
    flow = texts_out(world.around, Lane.EMERGENCY, 3)
    assert await flow.round() == 3
    assert await flow.round() == 0
    freed.set()
    await flow.drain()
    assert await flow.round() == 1
    await flow.drain()
    assert (most, len(world.provider.kept)) == (3, 4)


async def test_a_cut_leaves_what_was_under_way_unknown_and_frees_the_places(world: World) -> None:
    async def never(_text: OutgoingText) -> None:
        await asyncio.Event().wait()

    world.provider.during = never
    id = await world.text(world.clinic.ana, "x", Purpose.SAFETY)
    flow = texts_out(world.around, Lane.EMERGENCY, 1)
    await flow.round()
    await world.provider.called.wait()
    draining = asyncio.create_task(flow.drain())
    await asyncio.sleep(0.05)
    draining.cancel()
    await asyncio.gather(draining, return_exceptions=True)
    [row] = await world.rows(communications, communications.c.id == id)
    assert row.status == "unknown"
    world.provider.during = None
    await world.text(world.clinic.ben, "x", Purpose.SAFETY)
    assert await flow.round() == 1
    await flow.drain()
