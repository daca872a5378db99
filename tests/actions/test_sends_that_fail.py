"""Texts that the provider refuses, puts off or says nothing of: what is tried again, what never, and who is told."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.db.escalation import concerns, escalation_events, escalations
from service.db.patient import phones
from service.domain.communication import Lane, Purpose
from service.domain.escalation import Reached
from service.domain.urgency import Urgency
from service.telephony.port import OutgoingText, PermanentFailure, TransientFailure, UnknownOutcome
from tests.actions.outgoing import send, status_of
from tests.jobs.world import World
from tests.seed import seed_item


@pytest.mark.law(2)
async def test_a_permanent_failure_is_final_and_a_work_item(world: World) -> None:
    def fail(_text: OutgoingText) -> None:
        raise PermanentFailure("21211", "not a number", "invalid_number")

    world.provider.behave = fail
    id = await world.text(world.clinic.ana)
    await send(world)
    world.clock.forward(hours=2)
    await send(world)
    assert len(world.provider.calls) == 1
    row = await status_of(world, id)
    assert (row.status, row.error_code) == ("failed", "21211")
    [item] = await world.rows(escalations)
    assert (item.kind, item.patient_id, item.team_id, item.state) == ("operational", world.clinic.ana.id, world.clinic.team_a, "open")
    [concern] = await world.rows(concerns)
    assert (concern.rule, concern.communication_id) == ("text_not_delivered", id)
    [phone] = await world.rows(phones, phones.c.id == world.clinic.ana.phone_id)
    assert phone.invalid_since is not None


async def test_an_opt_out_at_the_provider_is_ours_too(world: World) -> None:
    def fail(_text: OutgoingText) -> None:
        raise PermanentFailure("21610", "opted out", "opted_out")

    world.provider.behave = fail
    await world.text(world.clinic.ana)
    await send(world)
    await world.text(world.clinic.ana)
    await send(world)
    assert len(world.provider.calls) == 1
    [phone] = await world.rows(phones, phones.c.id == world.clinic.ana.phone_id)
    assert phone.opted_out_at == world.now


@pytest.mark.law(2)
async def test_a_transient_failure_is_tried_again_later_and_an_exhausted_one_becomes_an_item(world: World) -> None:
    def fail(_text: OutgoingText) -> None:
        raise TransientFailure("20429", "too many", 3.0)

    world.provider.behave = fail
    id = await world.text(world.clinic.ana, useful_until=world.now + timedelta(hours=2))
    await send(world)
    row = await status_of(world, id)
    assert row.status == "due"
    assert row.due_at >= world.now + timedelta(seconds=3)
    await send(world)
    assert len(world.provider.calls) == 1
    for _ in range(8):
        world.clock.forward(minutes=15)
        await send(world)
    assert len(world.provider.calls) == 8  # as long as the next attempt would still be of use
    assert len({call.attempt_id for call in world.provider.calls}) == 8
    assert (await status_of(world, id)).status in ("failed", "expired")
    assert len(await world.rows(escalations)) == 1


@pytest.mark.law(3)
async def test_an_unknown_outcome_is_not_sent_again(world: World) -> None:
    def fail(_text: OutgoingText) -> None:
        raise UnknownOutcome("timeout", "no answer")

    world.provider.behave = fail
    id = await world.text(world.clinic.ana)
    await send(world)
    world.clock.forward(hours=1)
    await send(world)
    assert len(world.provider.calls) == 1
    assert (await status_of(world, id)).status == "unknown"


@pytest.mark.law(2)
async def test_a_nurse_learns_that_her_own_words_were_refused(world: World) -> None:
    await world.text(world.clinic.dov, purpose=Purpose.NURSE)
    await send(world)
    [item] = await world.rows(escalations)
    assert (item.kind, item.patient_id) == ("operational", world.clinic.dov.id)


@pytest.mark.law(12)
async def test_an_outage_of_the_provider_is_one_item_with_a_line_a_minute(world: World) -> None:
    def fail(_text: OutgoingText) -> None:
        raise PermanentFailure("20003", "wrong token", "configuration")

    world.provider.behave = fail
    for _ in range(10):
        for person in (world.clinic.ana, world.clinic.ben, world.clinic.chi):
            await world.text(person, purpose=Purpose.ANSWER)
        await send(world)
        world.clock.forward(seconds=30)
    assert len(world.provider.calls) == 30
    assert len(await world.rows(escalations)) == 1
    assert len(await world.rows(escalation_events)) <= 6


async def test_a_provider_that_breaks_its_promise_counts_as_unknown(world: World) -> None:
    def fail(_text: OutgoingText) -> None:
        raise RuntimeError("a bug")

    world.provider.behave = fail
    id = await world.text(world.clinic.ana)
    await send(world)
    assert (await status_of(world, id)).status == "unknown"


@pytest.mark.law(2)
async def test_a_safety_text_that_fails_says_so_on_its_item(world: World) -> None:
    def fail(_text: OutgoingText) -> None:
        raise PermanentFailure("30006", "landline", "not_mobile")

    world.provider.behave = fail
    chi = world.clinic.chi
    item_id = await seed_item(world.database, chi, world.now, urgency=Urgency.EMERGENCY, reached=Reached.ON_ITS_WAY)
    await world.text(chi, "Call 911", Purpose.SAFETY, escalation_id=item_id)
    await send(world, Lane.EMERGENCY)
    [item] = await world.rows(escalations)
    assert item.reached == "not_reached"
    assert item.version > 1
    assert "answer_not_reached" in [event.what for event in await world.rows(escalation_events)]
