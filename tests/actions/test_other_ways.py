"""Texts that did not arrive: sent anew hours later, the check-in by telephone, or a nurse's item; never silence, never twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, update

from service.actions.do_due_work import do_due_work
from service.actions.plan_check_ins import plan_check_ins
from service.actions.receive_delivery_statuses import receive_delivery_statuses
from service.actions.reconcile_unknown import reconcile_unknown
from service.actions.send_communications import send_communications
from service.db.calls import calls
from service.db.check_in import check_ins, flow_sessions
from service.db.communication import communications
from service.db.escalation import concerns
from service.db.patient import consents
from service.db.schema import new_id
from service.domain.communication import Lane, Purpose, Status
from service.jobs.work import handlers
from service.telephony.port import DeliveryUpdate, OutgoingText, PermanentFailure, UnknownOutcome
from tests.jobs.world import World

HOURS = 2 * 3600.0


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    world = await World.open(database_url)
    await world.publish_flow()
    yield world
    await world.database.close()


async def send(world: World) -> None:
    await send_communications(world.database, world.providers, Lane.ROUTINE, world.clock, "node-1", world.knowledge.law)


async def asked(world: World, *, calls_too: bool = False) -> UUID:
    """Ana's check-in has begun; the id of its first question, which is due."""
    if calls_too:
        async with world.database.transaction() as connection:
            [given] = [row for row in await world.rows(consents) if row.patient_id == world.clinic.ana.id]
            again = {**given._mapping, "id": new_id(world.now), "channel": "voice"}
            await connection.execute(insert(consents).values(**again))
    await world.enroll(world.clinic.ana, created_at=world.now - timedelta(hours=1))
    await plan_check_ins(world.database, world.knowledge, world.now)
    await do_due_work(world.database, handlers(world.around), Lane.ROUTINE, world.clock, "node-1")
    [text] = await world.rows(communications, communications.c.direction == "out")
    assert (text.status, text.purpose) == ("due", "check_in")
    id: UUID = text.id
    return id


async def told(world: World, id: UUID, status: Status, *, code: str = "", effect: str = "", again: float | None = None) -> None:
    [text] = await world.rows(communications, communications.c.id == id)
    word = DeliveryUpdate("twilio", "AC1", text.provider_id, status, status, text.attempt_id, code, effect, again)
    await receive_delivery_statuses(world.database, world.knowledge, [word], world.now)


async def newest(world: World) -> Any:
    return (await world.rows(communications, communications.c.direction == "out"))[-1]


async def rules(world: World) -> list[str]:
    return [row.rule for row in await world.rows(concerns)]


@pytest.mark.law(2, 6)
async def test_a_handset_that_is_off_is_tried_again_hours_later_and_then_a_nurse_is_told(world: World) -> None:
    id = await asked(world)
    for tries in range(1, 5):
        await send(world)
        assert len(world.provider.calls) == tries
        await told(world, id, Status.UNDELIVERED, code="30003", again=HOURS)
        last = await newest(world)
        if tries == 4 or last.id == id:
            break
        assert (last.status, last.again_of, last.again, last.body) == ("due", id, tries, world.provider.calls[0].body)
        assert last.due_at == world.now + timedelta(hours=2)
        await send(world)
        assert len(world.provider.calls) == tries
        assert await rules(world) == []
        [session] = await world.rows(flow_sessions)
        assert session.status == "waiting"
        assert session.waits_until > last.due_at
        world.clock.time = last.due_at
        id = last.id
    assert len(world.provider.calls) >= 2
    assert await rules(world) == ["text_not_delivered"]
    [session] = await world.rows(flow_sessions)
    assert session.status == "ended"
    [check_in] = await world.rows(check_ins, check_ins.c.started_at.is_not(None))
    assert check_in.status == "cancelled"
    assert {row.status for row in await world.rows(communications, communications.c.direction == "out")} == {"undelivered"}


@pytest.mark.parametrize("late", [False, True])
async def test_a_landline_is_called_where_the_patient_agreed_to_calls(world: World, late: bool) -> None:
    id = await asked(world, calls_too=True)
    if late:
        await send(world)
        await told(world, id, Status.UNDELIVERED, code="30006", effect="not_mobile")
    else:

        def fail(_text: OutgoingText) -> None:
            raise PermanentFailure("21614", "a landline", "not_mobile")

        world.provider.behave = fail
        await send(world)
    [call] = await world.rows(calls)
    [session] = await world.rows(flow_sessions)
    assert (call.status, call.flow_session_id, call.phone_id, call.patient_id) == (
        "due",
        session.id,
        world.clinic.ana.phone_id,
        world.clinic.ana.id,
    )
    assert session.status == "waiting"
    assert session.waits_until > world.now
    assert await rules(world) == []
    await told(world, id, Status.UNDELIVERED, code="30006", effect="not_mobile")  # the word comes twice
    assert len(await world.rows(calls)) == 1


@pytest.mark.law(2)
async def test_a_landline_without_consent_to_calls_is_a_nurses_item(world: World) -> None:
    id = await asked(world)
    await send(world)
    await told(world, id, Status.UNDELIVERED, code="30006", effect="not_mobile")
    assert await world.rows(calls) == []
    assert await rules(world) == ["text_not_delivered"]


async def test_after_the_last_try_the_check_in_goes_by_telephone(world: World) -> None:
    id = await asked(world, calls_too=True)
    await send(world)
    async with world.database.transaction() as connection:
        await connection.execute(update(communications).values(again=3))
    await told(world, id, Status.UNDELIVERED, code="30008", again=HOURS)
    assert len(await world.rows(calls)) == 1
    assert await rules(world) == []


@pytest.mark.law(3)
async def test_an_unknown_outcome_is_sent_anew_only_when_the_providers_list_lacks_it(world: World) -> None:
    def lost(_text: OutgoingText) -> None:
        raise UnknownOutcome("timeout", "no answer")

    world.provider.behave = lost
    id = await asked(world)
    await send(world)
    world.provider.behave = lambda text: None
    for minutes in (1, 4, 4):
        world.clock.forward(minutes=minutes)
        await reconcile_unknown(world.database, world.providers, world.knowledge, world.now)
        await send(world)
    assert len(world.provider.calls) == 1
    world.clock.forward(minutes=2)
    await reconcile_unknown(world.database, world.providers, world.knowledge, world.now)
    await send(world)
    assert len(world.provider.calls) == 2
    first, second = await world.rows(communications, communications.c.direction == "out")
    assert (first.id, first.status, first.reason) == (id, "failed", "provider_never_had_it")
    assert (second.status, second.again_of) == ("accepted", id)
    assert world.provider.calls[0].attempt_id != world.provider.calls[1].attempt_id
    assert await rules(world) == []


@pytest.mark.law(3)
async def test_a_text_that_the_list_has_is_not_sent_anew(world: World) -> None:
    def half(text: OutgoingText) -> None:
        world.provider.keep(text)
        raise UnknownOutcome("timeout", "no answer")

    world.provider.behave = half
    await asked(world)
    await send(world)
    world.provider.behave = lambda text: None
    for _ in range(10):
        world.clock.forward(minutes=5)
        await reconcile_unknown(world.database, world.providers, world.knowledge, world.now)
        await send(world)
    assert len(world.provider.kept) == len(world.provider.calls) == 1


async def test_a_text_whose_time_to_arrive_was_over_is_judged_anew(world: World) -> None:
    """The provider gave up at the beginning of the quiet hours: it waits for their end where it is still of use then."""
    nurse = await world.text(world.clinic.ana, "Please call us", Purpose.NURSE)
    await send(world)
    await told(world, nurse, Status.UNDELIVERED, code="30036", effect="validity_over")
    await send(world)
    assert len(world.provider.calls) == 2
    assert await rules(world) == []


@pytest.mark.law(2)
async def test_an_answer_that_failed_hours_ago_is_not_sent_out_of_time(world: World) -> None:
    id = await world.text(world.clinic.ana, "Thank you", Purpose.ANSWER)
    await send(world)
    await told(world, id, Status.UNDELIVERED, code="30003", again=HOURS)
    assert len(await world.rows(communications)) == 1
    assert await rules(world) == ["text_not_delivered"]


async def test_a_safety_text_is_not_repeated_hours_later(world: World) -> None:
    id = await world.text(world.clinic.chi, "Call 911", Purpose.SAFETY)
    await send_communications(world.database, world.providers, Lane.EMERGENCY, world.clock, "node-1", world.knowledge.law)
    await told(world, id, Status.UNDELIVERED, code="30003", again=HOURS)
    assert len(await world.rows(communications)) == 1
