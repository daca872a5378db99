"""Senders that fail: a refused emergency goes by another, a failing one loses its share step by step and gets it back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
from sqlalchemy import delete, insert

from service.actions.remove_sender import remove_sender
from service.actions.return_sender import return_sender
from service.actions.send_pages import send_pages
from service.actions.shift_senders import shift_senders
from service.actions.way_out import Want, Way, find_ways
from service.db.audit import audit_events
from service.db.communication import attempts, communications
from service.db.escalation import concerns, escalations, pages
from service.db.organization import sender_numbers
from service.db.schema import new_id
from service.domain.communication import Lane, Purpose
from service.domain.failover import Candidate, choose
from service.domain.sender import Use
from service.telephony.port import OutgoingText, PermanentFailure, TransientFailure
from tests.actions.outgoing import send
from tests.actions.ways import SECOND, add, ana, limit, only, wait
from tests.jobs.world import World
from tests.seed import SENDER, Person, seed_item, seed_patient, seed_phone


async def test_a_refused_emergency_goes_by_another_sender_at_once(world: World) -> None:
    await add(world, SECOND, Use.EMERGENCY, position=1)

    def busy(text: OutgoingText) -> None:
        if text.sender == SENDER:
            raise TransientFailure("20429", "too many", 60.0)

    world.provider.behave = busy
    await world.text(world.clinic.chi, "Call 911", Purpose.SAFETY)
    await send(world, Lane.EMERGENCY)
    await send(world, Lane.EMERGENCY)
    assert [call.sender for call in world.provider.calls] == [SENDER, SECOND]
    assert len(world.provider.kept) == 1


@pytest.mark.law(3)
async def test_a_wrong_set_up_of_one_provider_costs_no_text_where_there_is_another(world: World) -> None:
    await add(world, SECOND, position=1)

    def refused(text: OutgoingText) -> None:
        if text.sender == SENDER:
            raise PermanentFailure("20003", "wrong token", "configuration")

    world.provider.behave = refused
    await ana(world, 1)
    await send(world)
    await send(world)
    assert [call.sender for call in world.provider.calls] == [SENDER, SECOND]
    assert await world.rows(escalations) == []
    assert [row.outcome for row in await world.rows(attempts)] == ["refused", "accepted"]


@pytest.mark.parametrize(
    "failure", [PermanentFailure("20003", "wrong token", "configuration"), TransientFailure("20429", "too many", 60.0)]
)
async def test_a_page_that_one_sender_refuses_goes_by_another_at_once(world: World, failure: Exception) -> None:
    await add(world, SECOND, position=1)

    def refuse(text: OutgoingText) -> None:
        if text.sender == SENDER:
            raise failure

    world.provider.behave = refuse
    item_id = await seed_item(world.database, world.clinic.chi, world.now)
    await world.page(world.clinic.chi, item_id)
    for _ in range(3):
        await send_pages(world.database, world.providers, world.knowledge, world.clock, "node-1")
    assert [call.sender for call in world.provider.calls] == [SENDER, SECOND]
    assert [row.outcome for row in await world.rows(attempts)][1] == "accepted"
    assert [row.status for row in await world.rows(pages)] == ["accepted"]


@pytest.mark.law(1)
async def test_nothing_urgent_goes_by_a_sender_that_is_given_up_while_there_is_another(world: World) -> None:
    await add(world, SECOND, position=1)
    await limit(world, share=5, given_up_at=world.now)
    keys = [new_id(world.now) for _ in range(200)]
    wants = [Want(world.clinic.organization_id, use, key, 1) for use in (Use.EMERGENCY, Use.PAGES) for key in keys]
    async with world.database.transaction() as connection:
        ways = await find_ways(connection, world.providers, wants, world.now)
    assert {way.number for way in ways if isinstance(way, Way)} == {SECOND}
    await limit(world, SECOND, share=5, given_up_at=world.now)
    async with world.database.transaction() as connection:
        ways = await find_ways(connection, world.providers, wants, world.now)
    assert all(isinstance(way, Way) for way in ways), "with none better they go all the same"


@pytest.mark.law(1)
async def test_an_emergency_goes_by_a_sender_whose_day_is_not_over_where_there_is_one(world: World) -> None:
    await add(world, SECOND, position=1)
    await limit(world, day_cap=1)
    await ana(world, 1)
    await send(world)
    await world.text(world.clinic.ana, "Call 911", Purpose.SAFETY)
    await send(world, Lane.EMERGENCY)
    assert [call.sender for call in world.provider.calls] == [SENDER, SECOND]


async def kept_at_half(world: World, first: UUID, second: UUID, count: int) -> list[Person]:
    """Patients whose phones stay with the first sender when its share is halved: by them it is seen that it goes on failing."""
    candidates = [Candidate(first, 0, share=50), Candidate(second, 1)]
    people: list[Person] = []
    while len(people) < count:
        phone_id = new_id(world.now)
        chosen = choose(candidates, phone_id)
        if chosen is None or chosen.id != first:
            continue
        owner, number = world.clinic.organization_id, f"+1202555011{len(people)}"
        async with world.database.transaction() as connection:
            await seed_phone(connection, owner, world.now, number, id=phone_id)
            people.append(await seed_patient(connection, owner, world.clinic.team_a, world.now, "Ina Ito", number, phone_id=phone_id))
    return people


async def test_a_failing_provider_loses_its_texts_step_by_step_and_gets_them_back(world: World) -> None:
    second_id = await add(world, SECOND, position=1)
    people = await kept_at_half(world, (await only(world)).id, second_id, 4)
    failing = True

    def fail(text: OutgoingText) -> None:
        if failing and text.sender == SENDER:
            raise TransientFailure("20429", "too many")

    world.provider.behave = fail
    for second in range(12):
        for person in people:
            await world.text(person, f"{second}", Purpose.ANSWER)
        await send(world)
        world.clock.forward(seconds=10)
        await shift_senders(world.database, world.now)
    one = await only(world)
    assert (one.share, one.given_up_at is not None) == (5, True)
    assert (await only(world, sender=SECOND)).share == 100
    shifts = await world.rows(audit_events, audit_events.c.action == "sender_shifted")
    assert [shift.detail["to"] for shift in shifts] == [50, 5]
    assert [row.rule for row in await world.rows(concerns)] == ["provider_given_up"]
    failing = False
    for second in range(60):
        await world.text(people[second % 4], f"then {second}", Purpose.ANSWER)
        await send(world)
        await wait(world, 10)
        await shift_senders(world.database, world.now)
    assert (await only(world)).given_up_at is None
    [item] = await world.rows(escalations)
    assert item.state == "resolved"
    waiting = await world.rows(communications, communications.c.status == "due", communications.c.due_at <= world.now)
    assert waiting == []


async def emergencies(world: World, until: Callable[[], Awaitable[bool]]) -> None:
    """A safety text every ten minutes, until something is so; at most for half a day."""
    for _ in range(72):
        item = await seed_item(world.database, world.clinic.chi, world.now)
        await world.text(world.clinic.chi, "Call 911", Purpose.SAFETY, escalation_id=item)
        for _ in range(3):
            await send(world, Lane.EMERGENCY)
            world.clock.forward(seconds=5)
            await shift_senders(world.database, world.now)
        for _ in range(10):
            world.clock.forward(minutes=1)
            await shift_senders(world.database, world.now)
        await world.set(escalations, item, state="resolved")
        if await until():
            return
    raise AssertionError("not within half a day")


@pytest.mark.law(1)
async def test_a_sender_for_emergencies_alone_comes_back_by_itself_when_it_is_well(world: World) -> None:
    """No routine text probes it: by and by it is tried again."""
    async with world.database.transaction() as connection:
        await connection.execute(delete(sender_numbers).where(sender_numbers.c.purpose == Use.EMERGENCY))
    await add(world, SECOND, Use.EMERGENCY, share=5, given_up_at=world.now, shifted_at=world.now)

    async def whole() -> bool:
        return bool((await only(world, sender=SECOND)).share == 100)

    await emergencies(world, whole)
    assert world.provider.calls[0].sender == SENDER
    await emergencies(world, whole)
    assert world.provider.calls[-1].sender == SECOND
    reasons = [shift.detail["why"] for shift in await world.rows(audit_events, audit_events.c.action == "sender_shifted")]
    assert (reasons[0], set(reasons[1:])) == ("trial", {"recovered"})


@pytest.mark.law(1)
async def test_a_sender_for_emergencies_alone_that_is_still_ill_costs_none_of_them(world: World) -> None:
    async with world.database.transaction() as connection:
        await connection.execute(delete(sender_numbers).where(sender_numbers.c.purpose == Use.EMERGENCY))
    await add(world, SECOND, Use.EMERGENCY, share=5, given_up_at=world.now, shifted_at=world.now)

    def ill(text: OutgoingText) -> None:
        if text.sender == SECOND:
            raise TransientFailure("20429", "too many")

    world.provider.behave = ill
    rounds = 0

    async def long() -> bool:
        nonlocal rounds
        rounds += 1
        waiting = await world.rows(communications, communications.c.status == "due")
        assert waiting == [], "each has left by the other one"
        return rounds == 20

    await emergencies(world, long)
    assert any(call.sender == SECOND for call in world.provider.calls)


async def test_an_operator_gives_a_sender_back(world: World) -> None:
    await add(world, SECOND, Use.EMERGENCY, share=5, given_up_at=world.now, shifted_at=world.now)
    await return_sender(world.database, world.clinic.organization_id, "twilio", SECOND, world.now)
    row = await only(world, sender=SECOND)
    assert (row.share, row.given_up_at) == (100, None)
    [entry] = await world.rows(audit_events, audit_events.c.action == "sender_shifted")
    assert entry.detail == {"provider": "twilio", "from": 5, "to": 100, "why": "operator"}


async def test_a_sender_that_is_taken_out_of_use_is_given_up_no_more(world: World) -> None:
    await add(world, SECOND, Use.EMERGENCY, share=5, given_up_at=world.now, shifted_at=world.now)
    async with world.database.transaction() as connection:
        numbers = {"id": new_id(world.now), "organization_id": world.clinic.organization_id, "purpose": Use.PAGES, "position": 0}
        await connection.execute(insert(sender_numbers).values(**numbers, provider="twilio", sender=SECOND))
    where = (world.database, world.clinic.organization_id, "twilio", SECOND, world.now)
    await remove_sender(*where, uses={Use.PAGES})
    assert (await only(world, sender=SECOND)).given_up_at is not None, "it still carries emergencies"
    await remove_sender(*where)
    row = await only(world, sender=SECOND)
    assert (row.share, row.given_up_at) == (100, None)
    [entry] = await world.rows(audit_events, audit_events.c.action == "sender_shifted")
    assert entry.detail == {"provider": "twilio", "from": 5, "to": 100, "why": "removed"}
