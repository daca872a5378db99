"""Pages to staff, leases that run out, safety texts without an answer: on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from service.actions.claim_escalation import claim_escalation
from service.actions.do_due_work import do_due_work
from service.actions.follow_up_safety_texts import follow_up_safety_texts
from service.actions.release_escalation import release_escalation
from service.actions.release_leases import Released, release_leases
from service.actions.send_communications import send_communications
from service.actions.send_pages import send_pages
from service.actions.watch import watch
from service.db import due_work as due_works
from service.db.communication import attempts, communications
from service.db.escalation import escalation_events, escalations, pages
from service.domain.communication import Lane, Purpose
from service.domain.escalation import Kind, Reached
from service.domain.staff import Role, Staff
from service.domain.urgency import Urgency
from service.jobs.work import handlers
from service.telephony.port import OutgoingText, PermanentFailure, TransientFailure, UnknownOutcome
from tests.actions.house import content
from tests.jobs.world import World
from tests.seed import seed_item


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    world = await World.open(database_url)
    yield world
    await world.database.close()


async def emergency(world: World, *, paged: bool = True, **more: Any) -> UUID:
    """An emergency item as raise_escalation leaves it: page 0 due, and the look at it in five minutes."""
    item_id = await seed_item(world.database, world.clinic.chi, world.now, urgency=Urgency.EMERGENCY, **more)
    if paged:
        await world.page(world.clinic.chi, item_id)
        await look_in(world, item_id, timedelta(minutes=5))
    return item_id


async def look_in(world: World, item_id: UUID, after: timedelta) -> None:
    row = due_works.row(
        world.clinic.organization_id,
        f"page:{item_id}:1",
        "page_ladder",
        item_id,
        world.now + after,
        world.now,
        lane=Lane.EMERGENCY,
        payload={"step": 1},
    )
    async with world.database.transaction() as connection:
        await due_works.add(connection, [row])


async def lane(world: World) -> None:
    """One round of the emergency lane."""
    await do_due_work(world.database, handlers(world.around), Lane.EMERGENCY, world.clock, "node-1")
    await send_pages(world.database, world.providers, world.knowledge, world.clock, "node-1")


async def events(world: World) -> list[str]:
    return [event.what for event in await world.rows(escalation_events)]


async def test_a_page_goes_to_the_on_call_number_with_its_own_attempt(world: World) -> None:
    await emergency(world)
    await lane(world)
    await lane(world)
    [call] = world.provider.calls
    assert call.to == "+12025550191"
    [attempt] = await world.rows(attempts)
    [page] = await world.rows(pages)
    assert (attempt.id, attempt.page_id, attempt.communication_id) == (call.attempt_id, page.id, None)
    assert (page.status, attempt.outcome) == ("accepted", "accepted")


async def test_an_emergency_pages_every_five_minutes_until_it_is_acknowledged(world: World) -> None:
    item_id = await emergency(world)
    for minutes in range(18):
        await lane(world)
        assert len(world.provider.calls) == 1 + minutes // 5
        world.clock.forward(minutes=1)
    assert [page.step for page in await world.rows(pages)] == [0, 1, 2, 3]
    await world.set(escalations, item_id, acknowledged_at=world.now)
    world.clock.forward(hours=1)
    await lane(world)
    assert len(world.provider.calls) == 4


@pytest.mark.parametrize("change", [{"state": "resolved"}, {"urgency_rank": Urgency.URGENT.rank}])
async def test_no_more_pages_for_an_item_that_is_resolved_or_no_emergency(world: World, change: dict[str, Any]) -> None:
    item_id = await emergency(world)
    await lane(world)
    await world.set(escalations, item_id, **change)
    world.clock.forward(minutes=5)
    await lane(world)
    assert len(world.provider.calls) == 1


async def test_a_step_that_somebody_has_paged_meanwhile_is_not_paged_twice(world: World) -> None:
    item_id = await emergency(world)
    await lane(world)
    await world.page(world.clinic.chi, item_id, step=1)
    world.clock.forward(minutes=5)
    await lane(world)
    assert [page.step for page in await world.rows(pages)] == [0, 1]


@pytest.mark.law(2)
async def test_a_page_that_fails_is_seen_and_followed_at_once_but_not_without_end(world: World) -> None:
    def fail(_text: OutgoingText) -> None:
        raise PermanentFailure("21211", "not a number")

    world.provider.behave = fail
    await emergency(world)
    for _ in range(6):
        await lane(world)
    assert len(world.provider.calls) == 3
    assert (await events(world)).count("page_failed") == 3
    world.clock.forward(minutes=5)
    await lane(world)
    assert len(world.provider.calls) > 3


async def test_a_transient_failure_of_a_page_is_tried_again_within_half_a_minute(world: World) -> None:
    def fail(_text: OutgoingText) -> None:
        raise TransientFailure("20429", "too many", 300.0)

    world.provider.behave = fail
    await emergency(world)
    await lane(world)
    world.provider.behave = lambda text: None
    world.clock.forward(seconds=31)
    await lane(world)
    [page] = await world.rows(pages)
    assert (page.status, page.attempts) == ("accepted", 2)


@pytest.mark.law(3)
async def test_a_page_whose_outcome_is_unknown_is_not_repeated_but_the_ladder_goes_on(world: World) -> None:
    def fail(_text: OutgoingText) -> None:
        raise UnknownOutcome("timeout", "no answer")

    world.provider.behave = fail
    await emergency(world)
    await lane(world)
    await lane(world)
    assert len(world.provider.calls) == 1
    assert "page_failed" in await events(world)
    world.clock.forward(minutes=5)
    await lane(world)
    assert len(world.provider.calls) == 2


@pytest.mark.law(11)
async def test_the_watchdog_pages_what_the_ladder_has_lost(world: World) -> None:
    await emergency(world, paged=False)
    for _ in range(2):
        await watch(world.database, world.knowledge, "node-1", {}, {}, {}, world.now)
    assert await world.rows(pages) == []  # five minutes are not over
    world.clock.forward(minutes=7)
    for _ in range(2):
        await watch(world.database, world.knowledge, "node-1", {}, {}, {}, world.now)
    await lane(world)
    [call] = world.provider.calls
    assert "Chi" not in call.body


@pytest.mark.law(5)
async def test_no_transaction_is_open_while_a_page_is_sent(world: World) -> None:
    async def look(_text: OutgoingText) -> None:
        assert world.database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]

    world.provider.during = look
    await emergency(world)
    await lane(world)
    assert len(world.provider.kept) == 1


async def test_a_claim_whose_nurse_is_gone_goes_back_to_the_pool_and_an_emergency_pages_again(world: World) -> None:
    item_id = await emergency(world)
    await lane(world)
    nora = world.clinic.nora.id
    until = world.now + timedelta(minutes=3)
    await world.set(
        escalations, item_id, state="claimed", claimed_by=nora, claimed_until=until, acknowledged_by=nora, acknowledged_at=world.now
    )
    world.clock.forward(minutes=2)
    assert (await release_leases(world.database, world.knowledge, world.now)).items == 0
    world.clock.forward(minutes=1)
    with world.database.wakeups.listen(f"queue:{world.clinic.organization_id}") as woken:
        assert await release_leases(world.database, world.knowledge, world.now) == Released(items=1)
        async with asyncio.timeout(1):
            await woken.wait()
    [item] = await world.rows(escalations)
    assert (item.state, item.claimed_by, item.claimed_until, item.acknowledged_at) == ("open", None, None, None)
    assert item.version > 1
    assert "lease_expired" in await events(world)
    await lane(world)
    assert len(world.provider.calls) == 2


async def test_an_emergency_that_was_seen_and_that_nobody_takes_pages_again(world: World) -> None:
    item_id = await emergency(world)
    await lane(world)
    await world.set(escalations, item_id, acknowledged_by=world.clinic.nora.id, acknowledged_at=world.now)
    world.clock.forward(minutes=14)
    assert (await release_leases(world.database, world.knowledge, world.now)).items == 0
    world.clock.forward(minutes=1)
    assert (await release_leases(world.database, world.knowledge, world.now)).items == 1
    await lane(world)
    assert len(world.provider.calls) == 2
    assert "not_taken" in await events(world)
    [item] = await world.rows(escalations)
    assert item.acknowledged_at is None


async def test_an_emergency_that_its_nurse_gives_back_pages_again(world: World) -> None:
    item_id = await emergency(world)
    await lane(world)
    nora = Staff(world.clinic.nora.id, world.clinic.organization_id, "Nora", Role.NURSE, (world.clinic.team_a,))
    assert (await claim_escalation(world.database, nora, item_id, world.now)).won
    world.clock.forward(minutes=2)
    await release_escalation(world.database, nora, item_id, world.now)
    world.clock.forward(minutes=5)
    await watch(world.database, world.knowledge, "node-1", {}, {}, {}, world.now)
    await lane(world)
    assert len(world.provider.calls) == 2


async def test_a_lapsed_claim_of_another_urgency_pages_nobody(world: World) -> None:
    item_id = await seed_item(world.database, world.clinic.chi, world.now, urgency=Urgency.SAME_DAY)
    await world.set(escalations, item_id, state="claimed", claimed_by=world.clinic.nora.id, claimed_until=world.now)
    assert (await release_leases(world.database, world.knowledge, world.now)).items == 1
    assert await world.rows(pages) == []


@pytest.mark.parametrize("outcome", ["delivered", "accepted", "failed"])
async def test_two_minutes_without_an_answer_to_a_safety_text_stand_on_the_item(world: World, outcome: str) -> None:
    def fail(_text: OutgoingText) -> None:
        if outcome == "failed":
            raise PermanentFailure("21610", "opted out", "opted_out")

    world.provider.behave = fail
    item_id = await seed_item(world.database, world.clinic.chi, world.now, urgency=Urgency.EMERGENCY, reached=Reached.ON_ITS_WAY)
    text_id = await world.text(world.clinic.chi, "Call 911", Purpose.SAFETY, escalation_id=item_id)
    await send_communications(world.database, world.providers, Lane.EMERGENCY, world.clock, "node-1")
    if outcome == "delivered":
        await world.set(communications, text_id, status="delivered")
        await world.set(escalations, item_id, reached="delivered")
    world.clock.forward(seconds=119)
    assert await follow_up_safety_texts(world.database, content().follow_through, world.now) == 0
    world.clock.forward(seconds=1)
    assert await follow_up_safety_texts(world.database, content().follow_through, world.now) == 1
    assert await follow_up_safety_texts(world.database, content().follow_through, world.now) == 0
    [item] = await world.rows(escalations, escalations.c.kind == Kind.CLINICAL)
    assert item.reached == ("delivered" if outcome == "delivered" else "not_reached")
    assert (await events(world)).count("patient_silent") == 1
