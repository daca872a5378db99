"""Texts on their way out, on both databases: what leaves, what does not, and what stands in the database afterwards."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import LargeBinary, select, type_coerce, update

from service.actions.release_leases import release_leases
from service.actions.send_communications import send_communications
from service.db.communication import attempts, communication_statuses, communications
from service.db.escalation import escalations
from service.db.organization import sender_numbers
from service.db.patient import patients
from service.domain.communication import Lane, Purpose
from service.telephony.port import OutgoingText
from tests.actions.outgoing import send, status_of
from tests.jobs.world import World
from tests.patience import PATIENCE_SECONDS


async def test_a_due_text_is_handed_over_once_with_its_history(world: World) -> None:
    id = await world.text(world.clinic.ana, "How are you?")
    await send(world)
    await send(world)
    [call] = world.provider.calls
    assert (call.to, call.body) == (world.clinic.ana.number, "How are you?")
    row = await status_of(world, id)
    assert (row.status, row.provider, row.provider_id) == ("accepted", "twilio", world.provider.kept[0].provider_id)
    assert (row.attempts, row.attempt_id, row.claimed_by, row.lease_until) == (1, call.attempt_id, None, None)
    [attempt] = await world.rows(attempts)
    assert (attempt.id, attempt.outcome, attempt.communication_id) == (call.attempt_id, "accepted", id)
    assert [line.status for line in await world.rows(communication_statuses)] == ["claimed", "accepted"]


@pytest.mark.law(3)
async def test_the_attempt_is_committed_before_the_provider_is_called(world: World) -> None:
    seen: list[Any] = []

    async def look(text: OutgoingText) -> None:
        seen.append(await world.rows(attempts, attempts.c.id == text.attempt_id))
        [row] = await world.rows(communications)
        assert row.status == "claimed"

    world.provider.during = look
    await world.text(world.clinic.ana)
    await send(world)
    assert [len(rows) for rows in seen] == [1]


@pytest.mark.law(5)
async def test_no_transaction_is_open_while_the_provider_is_called(world: World) -> None:
    """On SQLite a second writer would wait for the first; on PostgreSQL no connection may be taken out."""

    async def look(_text: OutgoingText) -> None:
        assert world.database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
        async with asyncio.timeout(PATIENCE_SECONDS):
            await world.set(patients, world.clinic.ben.id, last_inbound_at=world.now)

    world.provider.during = look
    await world.text(world.clinic.ana)
    await send(world)
    assert len(world.provider.kept) == 1


@pytest.mark.law(3)
async def test_a_process_that_dies_in_the_call_leaves_an_unknown_text_that_is_never_sent_again(world: World) -> None:
    freed = asyncio.Event()

    async def frozen(_text: OutgoingText) -> None:
        await freed.wait()

    world.provider.during = frozen
    id = await world.text(world.clinic.ana)
    dead = asyncio.create_task(send(world))
    await world.provider.called.wait()
    assert (await status_of(world, id)).status == "claimed"
    await send(world)
    await world.lose_leases(communications)
    await release_leases(world.database, world.knowledge, world.now)
    row = await status_of(world, id)
    assert (row.status, row.lease_until) == ("unknown", None)
    [attempt] = await world.rows(attempts)
    assert attempt.outcome == "unknown"
    world.clock.forward(hours=1)
    await send(world)
    assert len(world.provider.calls) == 1
    freed.set()  # it was only frozen: its late result is still good
    await dead
    assert (await status_of(world, id)).status == "accepted"
    assert len(world.provider.calls) == 1


async def _forever(_text: OutgoingText) -> None:
    await asyncio.Event().wait()


async def test_a_stop_in_the_middle_of_a_call_is_recorded_as_unknown_and_the_rest_stays_due(world: World) -> None:
    world.provider.during = _forever
    first = await world.text(world.clinic.ana, "one")
    second = await world.text(world.clinic.ana, "two")
    task = asyncio.create_task(send(world))
    await world.provider.called.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (await status_of(world, first)).status == "unknown"
    assert (await status_of(world, second)).status == "due"


async def test_a_number_gets_its_texts_in_the_order_they_were_written(world: World) -> None:
    async def slower_first(text: OutgoingText) -> None:
        await asyncio.sleep(0.05 if text.body == "first" else 0)

    world.provider.during = slower_first
    await world.text(world.clinic.ana, "first", Purpose.ANSWER)
    world.clock.forward(seconds=1)
    await world.text(world.clinic.ana, "second", Purpose.ANSWER)
    await send(world)
    assert [text.body for text in reversed(world.provider.kept)] == ["first", "second"]


@pytest.mark.law(12)
@pytest.mark.parametrize("damage", ["body", "purpose"])
async def test_one_unreadable_text_is_set_aside_and_its_neighbours_leave(world: World, damage: str) -> None:
    await world.text(world.clinic.ben, "before")
    bad = await world.text(world.clinic.ana, "bad")
    async with world.database.transaction() as connection:
        if damage == "body":
            await connection.execute(
                update(communications).where(communications.c.id == bad).values(body=type_coerce(b"\x01k" * 20, LargeBinary))
            )
        else:
            await connection.execute(update(communications).where(communications.c.id == bad).values(purpose="nonsense"))
    await world.text(world.clinic.chi, "after")
    await send(world)
    assert sorted(call.body for call in world.provider.calls) == ["after", "before"]
    async with world.database.reading() as connection:
        assert await connection.scalar(select(communications.c.status).where(communications.c.id == bad)) == "cancelled"
    [item] = await world.rows(escalations)
    assert item.kind == "operational"


@pytest.mark.law(12)
async def test_a_round_hands_over_no_more_than_its_limit(world: World) -> None:
    for number in range(7):
        await world.text(world.clinic.ana, str(number), Purpose.ANSWER)
    await send(world, limit=3)
    assert len(world.provider.calls) == 3
    await send(world, limit=3)
    await send(world, limit=3)
    assert sorted(call.body for call in world.provider.calls) == list("0123456")


async def test_calls_run_side_by_side_up_to_the_limit(world: World) -> None:
    under_way = most = 0

    async def count(_text: OutgoingText) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.01)
        under_way -= 1

    world.provider.during = count
    for person in (world.clinic.ana, world.clinic.ben, world.clinic.chi, world.clinic.fay):
        await world.text(person)
    await send(world, concurrency=2)
    assert most == 2


async def test_the_lanes_do_not_take_each_others_texts_and_use_their_own_sender(world: World) -> None:
    async with world.database.transaction() as connection:
        await connection.execute(update(sender_numbers).where(sender_numbers.c.purpose == "emergency").values(sender="+12025550150"))
    await world.text(world.clinic.ana, "routine")
    await world.text(world.clinic.chi, "safety", Purpose.SAFETY)
    await send(world, Lane.EMERGENCY)
    assert [(call.body, call.sender) for call in world.provider.calls] == [("Riverside Clinic: safety", "+12025550150")]


async def test_two_nodes_never_hand_over_the_same_text(world: World) -> None:
    ids = [await world.text(person, person.name) for person in (world.clinic.ana, world.clinic.ben, world.clinic.chi, world.clinic.gus)]

    async def slowly(_text: OutgoingText) -> None:
        await asyncio.sleep(0.02)

    world.provider.during = slowly
    await asyncio.gather(
        *(
            send_communications(world.database, world.providers, Lane.ROUTINE, world.clock, f"node-{n}", world.knowledge.law)
            for n in range(4)
        )
    )
    assert len(world.provider.calls) == len(ids)
