"""Senders on both databases: buckets that all nodes share, daily caps, the number a patient knows, and failover."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, insert, update

from service.actions.plan_check_ins import plan_check_ins
from service.actions.send_communications import send_communications
from service.actions.send_pages import send_pages
from service.actions.way_out import NoWay, Want, Way, find_ways
from service.db.check_in import check_ins
from service.db.communication import communications
from service.db.escalation import concerns
from service.db.organization import organizations, sender_numbers
from service.db.schema import new_id
from service.db.senders import known_senders, sender_days
from service.domain.communication import Lane, Purpose
from service.domain.sender import Use
from tests.actions.outgoing import send
from tests.actions.ways import SECOND, add, ana, limit, only, wait
from tests.jobs.world import Recorder, World
from tests.seed import SENDER, Person, seed_item, seed_phone


async def test_a_bucket_lets_a_second_of_its_rate_out_and_fills_again(world: World) -> None:
    await limit(world, segments_per_second=2.0)
    await ana(world, 5)
    for sent in (2, 2):
        await send(world)
        assert len(world.provider.calls) == sent
    await wait(world, 1.1)
    await send(world)
    assert len(world.provider.calls) == 4
    await wait(world, 60)
    await send(world)
    assert [call.body for call in world.provider.calls] == list("01234")


async def test_a_long_code_without_a_rate_of_its_own_sends_one_segment_a_second(world: World) -> None:
    await limit(world, segments_per_second=None)
    await ana(world, 3)
    await send(world)
    assert len(world.provider.calls) == 1


async def test_a_text_of_two_segments_costs_two(world: World) -> None:
    await limit(world, segments_per_second=4.0)
    for _ in range(4):
        await world.text(world.clinic.ana, "x" * 200, Purpose.ANSWER)
    await send(world)
    assert len(world.provider.calls) == 2
    [day] = await world.rows(sender_days)
    assert day.segments == 4


@pytest.mark.law(1)
async def test_an_emergency_and_a_page_never_wait_for_tokens_and_the_others_pay(world: World) -> None:
    await limit(world, segments_per_second=0.01)  # so slow that the machine's own time fills nothing
    await ana(world, 3)
    await send(world)
    item_id = await seed_item(world.database, world.clinic.chi, world.now)
    await world.text(world.clinic.chi, "Call 911", Purpose.SAFETY, escalation_id=item_id)
    await world.page(world.clinic.chi, item_id)
    await send(world, Lane.EMERGENCY)
    await send_pages(world.database, world.providers, world.knowledge, world.clock, "node-1")
    assert [call.body for call in world.provider.calls] == ["0", "Call 911", "Rounds: EMERGENCY item"]
    assert (await only(world)).tokens < -1.5
    await wait(world, 200)
    await send(world)
    assert len(world.provider.calls) == 3
    await wait(world, 150)
    await send(world)
    assert len(world.provider.calls) == 4


async def test_many_nodes_share_one_bucket(world: World) -> None:
    await limit(world, segments_per_second=5.0)
    people = [world.clinic.ana, world.clinic.ben, world.clinic.chi, world.clinic.gus]
    for number in range(40):
        await world.text(people[number % 4], str(number), Purpose.ANSWER)
    law = world.knowledge.law
    began = asyncio.get_running_loop().time()
    await asyncio.gather(
        *(send_communications(world.database, world.providers, Lane.ROUTINE, world.clock, f"node-{n}", law) for n in range(8))
    )
    passed = asyncio.get_running_loop().time() - began if world.database.is_postgresql else 0
    assert 0 < len(world.provider.calls) <= 5 + 5 * passed + 1


async def test_a_claim_that_is_rolled_back_gives_its_tokens_back(world: World) -> None:
    await limit(world, segments_per_second=5.0)
    want = Want(world.clinic.organization_id, Use.PATIENTS, world.clinic.ana.phone_id, 3)

    async def die() -> None:
        async with world.database.transaction() as connection:
            [way] = await find_ways(connection, world.providers, [want], world.now)
            assert isinstance(way, Way)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await die()
    assert (await only(world)).refilled_at is None
    assert await world.rows(sender_days) == []


async def test_a_full_day_holds_routine_texts_until_midnight_pacific_and_says_so_once(world: World) -> None:
    await limit(world, day_cap=3)
    await world.set(organizations, world.clinic.organization_id, quiet_start=_midnight(), quiet_end=_midnight())
    await ana(world, 5, useful_until=world.now + timedelta(hours=30))
    for _ in range(4):
        await send(world)
        world.clock.forward(minutes=1)
    assert len(world.provider.calls) == 3
    assert [row.rule for row in await world.rows(concerns)] == ["day_cap"]
    await world.text(world.clinic.chi, "Call 911", Purpose.SAFETY)
    await send(world, Lane.EMERGENCY)
    assert len(world.provider.calls) == 4
    world.clock.forward(hours=17)  # past 08:00 UTC, which is midnight in Los Angeles
    await send(world)
    assert len(world.provider.calls) == 6
    assert sorted(row.segments for row in await world.rows(sender_days)) == [2, 4]


async def test_when_the_day_is_full_texts_go_by_another_sender(world: World) -> None:
    await limit(world, day_cap=1)
    await add(world, SECOND, position=1)
    await ana(world, 3)
    await send(world)
    await send(world)
    assert sorted(call.sender for call in world.provider.calls) == [SENDER, SECOND, SECOND]
    assert await world.rows(concerns) == []


FAR_OFF = datetime(2100, 1, 1, tzinfo=UTC)
"""Later than any clock of a database says (buckets go by it): this bucket does not fill."""


async def test_a_patient_keeps_the_number_they_know(world: World) -> None:
    """Also when there is a better one now, as long as the known one is healthy."""
    await ana(world, 1)
    await send(world)
    [known] = await world.rows(known_senders)
    async with world.database.transaction() as connection:
        await connection.execute(update(sender_numbers).values(position=1))
    second = await add(world, SECOND, position=0)
    await ana(world, 1)
    await world.text(world.clinic.ben, "new", Purpose.ANSWER)
    await send(world)
    by = {call.to: call.sender for call in world.provider.calls}
    assert by == {world.clinic.ana.number: SENDER, world.clinic.ben.number: SECOND}
    await limit(world, share=5, given_up_at=world.now, tokens=0.0, refilled_at=FAR_OFF)
    await ana(world, 1)
    await send(world)
    assert world.provider.calls[-1].sender == SECOND
    after = {row.phone_id: row.sender_id for row in await world.rows(known_senders)}
    assert after[known.phone_id] == second


async def test_a_long_queue_of_one_organization_stands_in_nobodys_way(world: World) -> None:
    await limit(world, segments_per_second=1.0)
    await ana(world, 30)
    other = new_id(world.now)
    [mine] = await world.rows(organizations)
    async with world.database.transaction() as connection:
        await connection.execute(insert(organizations).values(**{**mine._mapping, "id": other, "name": "Lakeside Clinic"}))
        phone = await seed_phone(connection, other, world.now, "+12025550107")
        await connection.execute(
            insert(sender_numbers).values(id=new_id(world.now), organization_id=other, provider="twilio", sender=SECOND, purpose="patients")
        )
    nobody = Person(world.clinic.ana.id, other, world.clinic.team_a, "", phone, "+12025550107")
    world.clock.forward(seconds=1)
    await world.text(nobody, "elsewhere", Purpose.HELP, patient_id=None)
    await send(world)
    assert [(call.sender, call.body) for call in world.provider.calls if call.sender == SECOND] == [(SECOND, "elsewhere")]
    assert len(world.provider.calls) == 2


async def test_answers_go_before_what_is_planned_and_the_newest_plan_first(world: World) -> None:
    await limit(world, segments_per_second=1.0)
    clinic = world.clinic
    for person, body, purpose in (
        (clinic.ana, "old", Purpose.REMINDER),
        (clinic.ben, "newer", Purpose.REMINDER),
        (clinic.ben, "newer still", Purpose.REMINDER),
        (clinic.chi, "answer", Purpose.ANSWER),
    ):
        await world.text(person, body, purpose)
        world.clock.forward(seconds=1)
    for _ in range(4):
        await send(world)
        await wait(world, 2)
    assert [call.body for call in world.provider.calls] == ["answer", "newer", "newer still", "old"]


async def test_without_any_sender_nothing_is_guessed(world: World) -> None:
    async with world.database.transaction() as connection:
        await connection.execute(delete(sender_numbers))
    world.providers["telnyx"] = Recorder(world.clock)
    want = Want(world.clinic.organization_id, Use.PATIENTS, world.clinic.ana.phone_id, 1)
    async with world.database.transaction() as connection:
        assert await find_ways(connection, world.providers, [want], world.now) == [NoWay.NO_SENDER]
    id = await world.text(world.clinic.ana)
    await send(world)
    [row] = await world.rows(communications, communications.c.id == id)
    assert (row.status, row.reason) == ("cancelled", "no_sender_number")


@pytest.mark.law(1)
async def test_an_emergency_goes_by_the_sender_set_for_it_and_says_who_it_is_from(world: World) -> None:
    """Also to a patient who knows another number; by that one where the emergencies' own is given up."""
    async with world.database.transaction() as connection:
        await connection.execute(delete(sender_numbers).where(sender_numbers.c.purpose == Use.EMERGENCY))
    await add(world, SECOND, Use.EMERGENCY)
    await ana(world, 1)
    await send(world)
    await world.text(world.clinic.ana, "Call 911", Purpose.SAFETY)
    await send(world, Lane.EMERGENCY)
    told = world.provider.calls[-1]
    assert (told.sender, told.body) == (SECOND, "Riverside Clinic: Call 911")
    [kept] = await world.rows(communications, communications.c.purpose == Purpose.SAFETY)
    assert (kept.body, kept.status) == (told.body, "accepted")
    assert [row.sender_id for row in await world.rows(known_senders)] == [(await only(world)).id], "replies go on to the number they know"
    await limit(world, SECOND, share=5, given_up_at=world.now)
    await world.text(world.clinic.ana, "Call 911 now", Purpose.SAFETY)
    await send(world, Lane.EMERGENCY)
    assert (world.provider.calls[-1].sender, world.provider.calls[-1].body) == (SENDER, "Call 911 now")


async def test_check_ins_of_one_hour_are_spread_and_each_patient_keeps_the_minute(world: World) -> None:
    await world.publish_flow()
    await world.set(organizations, world.clinic.organization_id, spread_minutes=30)
    people = [world.clinic.ana, world.clinic.ben, world.clinic.chi, world.clinic.gus]
    for person in people:
        await world.enroll(person)
    await plan_check_ins(world.database, world.knowledge, world.now)
    planned = await world.rows(check_ins)
    minutes: dict[UUID, set[Any]] = {}
    for row in planned:
        minutes.setdefault(row.patient_id, set()).add((row.due_at.hour, row.due_at.minute, row.due_at.second))
    assert all(len(each) == 1 for each in minutes.values())
    assert len(set.union(*minutes.values())) == len(people)
    assert all(hour == 15 and minute < 30 for each in minutes.values() for hour, minute, _ in each)
    before = {row.id: row.due_at for row in planned}
    await plan_check_ins(world.database, world.knowledge, world.now)
    assert {row.id: row.due_at for row in await world.rows(check_ins)} == before


def _midnight() -> Any:
    from datetime import time

    return time(0)
