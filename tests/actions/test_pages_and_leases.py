"""Pages to staff, leases that run out, safety texts without an answer: on both databases."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from service.actions.claim_escalation import claim_escalation
from service.actions.do_due_work import do_due_work
from service.actions.follow_up_safety_texts import follow_up_safety_texts
from service.actions.page_again import asking, page_again
from service.actions.release_escalation import release_escalation
from service.actions.release_leases import Released, release_leases
from service.actions.send_communications import send_communications
from service.actions.send_pages import send_pages
from service.actions.settle_communications import Word
from service.actions.settle_pages import settle_pages
from service.actions.watch import watch
from service.db import items
from service.db.changes import Changes
from service.db.communication import attempts, communications
from service.db.due_work import heartbeats
from service.db.escalation import escalation_events, escalations, pages
from service.domain.communication import Lane, Purpose, Status
from service.domain.escalation import Kind, Reached
from service.domain.staff import Role, Staff
from service.domain.urgency import Urgency
from service.jobs.work import handlers
from service.telephony.port import OutgoingText, PermanentFailure, TransientFailure, UnknownOutcome
from tests.actions.house import content
from tests.jobs.world import World
from tests.patience import PATIENCE_SECONDS
from tests.seed import seed_item


async def emergency(world: World, *, paged: bool = True, **more: Any) -> UUID:
    """An emergency item as raise_escalation leaves it: whoever is on call is to be paged at once."""
    item_id = await seed_item(world.database, world.clinic.chi, world.now, urgency=Urgency.EMERGENCY, **more)
    if paged:
        changes = Changes(world.now)
        items.plan_paging(changes, world.clinic.organization_id, item_id, "start", Urgency.EMERGENCY)
        async with world.database.transaction() as connection:
            await changes.write(connection)
    return item_id


async def texts(world: World) -> list[Any]:
    """The pages by text (those by call have a sender of their own)."""
    return await world.rows(pages, pages.c.channel == "text")


async def undelivered_calls(world: World) -> None:
    """Nobody answers any call."""
    for call in await world.rows(pages, pages.c.channel == "call", pages.c.status == "due"):
        await world.set(pages, call.id, status="claimed")
        async with world.database.transaction() as connection:
            await settle_pages(
                connection, world.knowledge, [Word(call.id, Status.UNDELIVERED, "webhook", error_code="no_answer")], world.now
            )


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
    [page] = await texts(world)
    assert (attempt.id, attempt.page_id, attempt.communication_id) == (call.attempt_id, page.id, None)
    assert (page.status, attempt.outcome) == ("accepted", "accepted")


async def test_an_emergency_pages_every_five_minutes_until_it_is_acknowledged(world: World) -> None:
    item_id = await emergency(world)
    for minutes in range(18):
        await lane(world)
        assert len(world.provider.calls) == 1 + minutes // 5
        world.clock.forward(minutes=1)
    assert [(page.step, page.rung, page.channel) for page in await world.rows(pages)] == [
        (step, step // 2, "call" if step % 2 else "text") for step in range(8)
    ]
    await world.set(escalations, item_id, acknowledged_at=world.now)
    world.clock.forward(hours=1)
    await lane(world)
    assert len(world.provider.calls) == 4


@pytest.mark.parametrize("change", [{"state": "resolved"}, {"urgency_rank": Urgency.ROUTINE.rank}])
async def test_no_more_pages_for_an_item_that_is_resolved_or_routine(world: World, change: dict[str, Any]) -> None:
    item_id = await emergency(world)
    await lane(world)
    await world.set(escalations, item_id, **change)
    world.clock.forward(minutes=5)
    await lane(world)
    assert len(world.provider.calls) == 1


async def test_a_rung_that_somebody_has_paged_meanwhile_is_not_paged_twice(world: World) -> None:
    item_id = await emergency(world)
    await lane(world)
    async with world.database.transaction() as connection:
        changes = Changes(world.now)
        await page_again(connection, changes, world.knowledge, asking([item_id]))
        await changes.write(connection)
    world.clock.forward(minutes=4)
    await lane(world)
    assert [page.rung for page in await texts(world)] == [0, 1]
    world.clock.forward(minutes=1)
    await lane(world)  # both the first rung's successor and the second's are due: one rung more, and not two
    assert [page.rung for page in await texts(world)] == [0, 1, 2]


@pytest.mark.law(2)
async def test_pages_that_fail_are_seen_and_followed_at_once_but_not_without_end(world: World) -> None:
    def fail(_text: OutgoingText) -> None:
        raise PermanentFailure("21211", "not a number")

    world.provider.behave = fail
    await emergency(world)
    await lane(world)
    await lane(world)
    assert len(world.provider.calls) == 1, "the call of the same rung is under way"
    for _ in range(6):
        await undelivered_calls(world)
        await lane(world)
    assert len(world.provider.calls) == 3, "once round the ladder"
    assert (await events(world)).count("page_failed") == 6
    world.clock.forward(minutes=5)
    await lane(world)
    assert len(world.provider.calls) == 4


async def test_a_transient_failure_of_a_page_is_tried_again_within_half_a_minute(world: World) -> None:
    def fail(_text: OutgoingText) -> None:
        raise TransientFailure("20429", "too many", 300.0)

    world.provider.behave = fail
    await emergency(world)
    await lane(world)
    world.provider.behave = lambda text: None
    world.clock.forward(seconds=31)
    await lane(world)
    [page] = await texts(world)
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
    assert await world.rows(pages) == []  # six minutes are not over
    world.clock.forward(minutes=7)
    for _ in range(2):
        await watch(world.database, world.knowledge, "node-1", {}, {}, {}, world.now)
    await lane(world)
    [call] = world.provider.calls
    assert "Chi" not in call.body


@pytest.mark.law(12)
async def test_an_item_that_cannot_be_paged_for_keeps_the_net_from_no_other(world: World) -> None:
    broken = await emergency(world, paged=False)
    await world.set(escalations, broken, ladder={"urgency_rank": Urgency.EMERGENCY.rank})
    other = await seed_item(world.database, world.clinic.ben, world.now, urgency=Urgency.EMERGENCY)
    world.clock.forward(minutes=7)
    await watch(world.database, world.knowledge, "node-1", {"due_work": world.now}, {}, {}, world.now)
    assert {page.escalation_id for page in await world.rows(pages)} == {other}
    assert [beat.name for beat in await world.rows(heartbeats)] == ["due_work"]


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
        async with asyncio.timeout(PATIENCE_SECONDS):
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
    await send_communications(world.database, world.providers, Lane.EMERGENCY, world.clock, "node-1", world.knowledge.law)
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
