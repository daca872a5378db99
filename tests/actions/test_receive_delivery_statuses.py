"""Providers' words on our texts, on both databases: matched, forward only, parked when nobody's, never dropped."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest

from service.actions.receive_delivery_statuses import Outcome, receive_delivery_statuses
from service.actions.send_communications import send_communications
from service.actions.send_pages import send_pages
from service.db import parked
from service.db.communication import communication_statuses, communications, parked_statuses
from service.db.due_work import due_work
from service.db.escalation import concerns, escalation_events, escalations, pages
from service.db.patient import phones
from service.db.schema import new_id
from service.domain.communication import Lane, Purpose, Status
from service.domain.escalation import Reached, State
from service.domain.urgency import Urgency
from service.telephony.port import DeliveryUpdate, OutgoingText
from tests.jobs.world import World
from tests.seed import seed_item


def update_of(status: Status | None, provider_id: str, attempt_id: UUID | None = None, code: str = "", effect: str = "") -> DeliveryUpdate:
    return DeliveryUpdate("twilio", "AC1", provider_id, status, status or "queued", attempt_id, code, effect)


async def receive(world: World, *updates: DeliveryUpdate) -> list[Any]:
    return await receive_delivery_statuses(world.database, world.knowledge, updates, world.now)


async def sent_text(world: World, purpose: Purpose = Purpose.CHECK_IN, **values: Any) -> tuple[UUID, OutgoingText, str]:
    id = await world.text(world.clinic.ana, purpose=purpose, **values)
    lane = Lane.EMERGENCY if purpose is Purpose.SAFETY else Lane.ROUTINE
    await send_communications(world.database, world.providers, lane, world.clock, "node-1", world.knowledge.law)
    return id, world.provider.calls[-1], world.provider.kept[0].provider_id


async def status_of(world: World, id: UUID) -> Any:
    [row] = await world.rows(communications, communications.c.id == id)
    return row


@pytest.mark.law(6)
@pytest.mark.parametrize("order", list(permutations([Status.ACCEPTED, Status.SENT, Status.DELIVERED])))
async def test_whatever_the_order_a_text_only_moves_forward(world: World, order: tuple[Status, ...]) -> None:
    id, call, provider_id = await sent_text(world)
    for status in order:
        await receive(world, update_of(status, provider_id, call.attempt_id))
        await receive(world, update_of(status, provider_id, call.attempt_id))
    assert (await status_of(world, id)).status == "delivered"
    lines = await world.rows(communication_statuses)
    assert len(lines) == 2 + 3  # claimed and accepted, then every different word, however often it came
    applied = [line.status for line in lines if line.applied]
    assert applied == sorted(applied, key=["claimed", "accepted", "sent", "delivered"].index)
    assert len(applied) == len(set(applied))


@pytest.mark.law(6)
async def test_a_word_on_another_text_under_our_attempt_moves_nothing(world: World) -> None:
    """A true callback, sent on to another text's address: Telnyx does not sign the path."""
    id, call, provider_id = await sent_text(world)
    await receive(world, update_of(Status.DELIVERED, "SM" + "f" * 32, call.attempt_id))
    assert (await status_of(world, id)).status == "accepted"
    await receive(world, update_of(Status.DELIVERED, provider_id, call.attempt_id))
    assert (await status_of(world, id)).status == "delivered"


async def test_a_batch_answers_each_update_in_order(world: World) -> None:
    id, call, provider_id = await sent_text(world)
    outcomes = await receive(
        world,
        update_of(None, provider_id, call.attempt_id),
        update_of(Status.DELIVERED, provider_id, call.attempt_id),
        update_of(Status.SENT, provider_id, call.attempt_id),
        update_of(Status.SENT, "SMofsomebodyelse"),
        update_of(Status.UNDELIVERED, provider_id),
    )
    assert outcomes == [Outcome.IGNORED, Outcome.APPLIED, Outcome.KEPT, Outcome.PARKED, Outcome.KEPT]
    assert (await status_of(world, id)).status == "delivered"


async def test_a_callback_that_overtakes_the_answer_is_matched_by_our_attempt(world: World) -> None:
    async def call_back(text: OutgoingText) -> None:
        assert await receive(world, update_of(Status.DELIVERED, "SMearly", text.attempt_id)) == [Outcome.APPLIED]

    world.provider.during = call_back
    id, _, _ = await sent_text(world)
    row = await status_of(world, id)
    assert (row.status, row.provider_id) == ("delivered", "SMearly")


async def test_a_callback_without_our_attempt_is_parked_until_the_answer_arrives(world: World) -> None:
    async def call_back(_text: OutgoingText) -> None:
        assert await receive(world, update_of(Status.DELIVERED, f"SM{1:032x}")) == [Outcome.PARKED]

    world.provider.during = call_back
    id, _, provider_id = await sent_text(world)
    assert provider_id == f"SM{1:032x}"
    assert (await status_of(world, id)).status == "delivered"
    assert await world.rows(parked_statuses) == []


async def test_a_failure_that_overtakes_the_answer_means_all_that_it_would_have_meant_after_it(world: World) -> None:
    async def call_back(_text: OutgoingText) -> None:
        update = replace(update_of(Status.UNDELIVERED, f"SM{1:032x}", code="30003", effect="filtered"), retry_after_seconds=7200.0)
        assert await receive(world, update) == [Outcome.PARKED]

    world.provider.during = call_back
    id, _, _ = await sent_text(world)
    first, again = await world.rows(communications)
    assert (first.id, first.status, first.error_code) == (id, "undelivered", "30003")
    assert (again.again_of, again.status, again.due_at) == (id, "due", world.now + timedelta(hours=2))


async def test_a_block_that_overtakes_the_answer_ends_everything_like_a_stop(world: World) -> None:
    async def call_back(_text: OutgoingText) -> None:
        await receive(world, update_of(Status.FAILED, f"SM{1:032x}", code="21610", effect="opted_out"))

    world.provider.during = call_back
    await sent_text(world)
    [phone] = await world.rows(phones, phones.c.id == world.clinic.ana.phone_id)
    assert phone.opted_out_at is not None


@pytest.mark.law(12)
async def test_parking_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parked, "MOST_PARKED", 3)
    outcomes = await receive(world, *(update_of(Status.SENT, f"SMnobody{n}") for n in range(3)))
    assert outcomes == [Outcome.PARKED] * 3
    assert await receive(world, update_of(Status.SENT, "SMnobody9")) == [Outcome.DROPPED]
    assert len(await world.rows(parked_statuses)) == 3
    assert [row.rule for row in await world.rows(concerns)] == ["statuses_dropped"], "nothing is dropped in silence"


async def test_an_unknown_text_resolves_by_the_attempt_in_the_callback(world: World) -> None:
    id, call, _ = await sent_text(world)
    await world.set(communications, id, status="unknown", provider_id=None)
    await receive(world, update_of(Status.SENT, "SMfound", call.attempt_id))
    row = await status_of(world, id)
    assert (row.status, row.provider_id) == ("sent", "SMfound")


@pytest.mark.law(3)
async def test_a_text_due_again_that_turns_out_delivered_is_not_sent_a_second_time(world: World) -> None:
    id, call, _ = await sent_text(world)
    await world.set(communications, id, status="due", provider_id=None)
    await receive(world, update_of(Status.DELIVERED, "SMfound", call.attempt_id))
    assert (await status_of(world, id)).status == "delivered"
    await send_communications(world.database, world.providers, Lane.ROUTINE, world.clock, "node-1", world.knowledge.law)
    assert len(world.provider.calls) == 1


async def test_the_failure_of_an_earlier_attempt_does_not_end_the_one_under_way(world: World) -> None:
    id, call, _ = await sent_text(world)
    await world.set(communications, id, attempt_id=new_id(world.now), status="claimed")
    assert await receive(world, update_of(Status.FAILED, "SMold", call.attempt_id)) == [Outcome.KEPT]
    assert (await status_of(world, id)).status == "claimed"


@pytest.mark.law(2)
async def test_undelivered_for_good_is_a_work_item_once(world: World) -> None:
    id, call, provider_id = await sent_text(world)
    for _ in range(2):
        await receive(world, update_of(Status.UNDELIVERED, provider_id, call.attempt_id, "30003"))
    row = await status_of(world, id)
    assert (row.status, row.error_code) == ("undelivered", "30003")
    [item] = await world.rows(escalations)
    assert (item.kind, item.patient_id) == ("operational", world.clinic.ana.id)
    [concern] = await world.rows(concerns)
    assert concern.communication_id == id


async def test_an_opt_out_told_by_callback_is_obeyed(world: World) -> None:
    _, call, provider_id = await sent_text(world)
    await receive(world, update_of(Status.FAILED, provider_id, call.attempt_id, "21610", "opted_out"))
    [phone] = await world.rows(phones, phones.c.id == world.clinic.ana.phone_id)
    assert phone.opted_out_at == world.now


@pytest.mark.parametrize(
    ("status", "reached"), [(Status.DELIVERED, "delivered"), (Status.UNDELIVERED, "not_reached"), (Status.FAILED, "not_reached")]
)
async def test_the_item_says_whether_the_safety_text_has_reached_the_patient(world: World, status: Status, reached: str) -> None:
    item_id = await seed_item(world.database, world.clinic.ana, world.now, urgency=Urgency.EMERGENCY, reached=Reached.ON_ITS_WAY)
    _, call, provider_id = await sent_text(world, Purpose.SAFETY, escalation_id=item_id)
    await receive(world, update_of(status, provider_id, call.attempt_id))
    [item] = await world.rows(escalations)
    assert item.reached == reached
    events = [event.what for event in await world.rows(escalation_events)]
    assert ("answer_delivered" if reached == "delivered" else "answer_not_reached") in events


@pytest.mark.parametrize("order", list(permutations([Status.DELIVERED, Status.UNDELIVERED])))
async def test_when_the_provider_says_both_the_item_says_that_the_patient_was_not_reached(world: World, order: tuple[Status, ...]) -> None:
    item_id = await seed_item(world.database, world.clinic.ana, world.now, urgency=Urgency.EMERGENCY, reached=Reached.ON_ITS_WAY)
    id, call, provider_id = await sent_text(world, Purpose.SAFETY, escalation_id=item_id)
    for status in order:
        await receive(world, update_of(status, provider_id, call.attempt_id))
    [item] = await world.rows(escalations)
    assert item.reached == "not_reached"
    assert (await status_of(world, id)).status == order[0]  # final is final; the other word is kept as history
    assert {line.status for line in await world.rows(communication_statuses)} >= set(order)


@pytest.mark.law(2)
@pytest.mark.parametrize("said", [(Status.UNDELIVERED,), (Status.FAILED,), (Status.DELIVERED, Status.UNDELIVERED)])
@pytest.mark.parametrize("urgency", [Urgency.URGENT, Urgency.SAME_DAY])
async def test_an_item_that_was_put_off_wakes_when_its_answer_does_not_arrive(
    world: World, urgency: Urgency, said: tuple[Status, ...]
) -> None:
    item_id = await seed_item(world.database, world.clinic.ana, world.now, urgency=urgency, reached=Reached.ON_ITS_WAY)
    _, call, provider_id = await sent_text(world, Purpose.SAFETY, escalation_id=item_id)
    await put_off(world, item_id)
    for status in said:
        await receive(world, update_of(status, provider_id, call.attempt_id))
    await awake(world, item_id)


@pytest.mark.law(2)
async def test_an_item_that_was_put_off_wakes_when_the_nurses_text_does_not_arrive(world: World) -> None:
    item_id = await seed_item(world.database, world.clinic.ana, world.now, urgency=Urgency.SAME_DAY)
    _, call, provider_id = await sent_text(world, Purpose.NURSE, escalation_id=item_id)
    await put_off(world, item_id)
    await receive(world, update_of(Status.UNDELIVERED, provider_id, call.attempt_id, "30003"))
    await awake(world, item_id)


async def test_an_item_that_was_put_off_sleeps_on_when_its_answer_arrives(world: World) -> None:
    item_id = await seed_item(world.database, world.clinic.ana, world.now, urgency=Urgency.URGENT, reached=Reached.ON_ITS_WAY)
    _, call, provider_id = await sent_text(world, Purpose.SAFETY, escalation_id=item_id)
    await put_off(world, item_id)
    await receive(world, update_of(Status.DELIVERED, provider_id, call.attempt_id))
    [item] = await world.rows(escalations)
    assert (item.state, await world.rows(due_work, due_work.c.kind == "page_ladder")) == (State.SNOOZED, [])


@pytest.mark.law(2)
@pytest.mark.parametrize(("held", "unseen"), [(False, True), (True, False)])
async def test_an_emergency_that_was_only_seen_pages_again_when_its_answer_does_not_arrive(world: World, held: bool, unseen: bool) -> None:
    """Whoever holds it has it before them: it stays theirs."""
    item_id = await seed_item(world.database, world.clinic.ana, world.now, urgency=Urgency.EMERGENCY, reached=Reached.ON_ITS_WAY)
    _, call, provider_id = await sent_text(world, Purpose.SAFETY, escalation_id=item_id)
    seen = {"acknowledged_by": world.clinic.nora.id, "acknowledged_at": world.now}
    lease = {"state": State.CLAIMED, "claimed_by": world.clinic.nora.id, "claimed_until": world.now + timedelta(minutes=3)}
    await world.set(escalations, item_id, **seen, **(lease if held else {}))
    await receive(world, update_of(Status.UNDELIVERED, provider_id, call.attempt_id))
    [item] = await world.rows(escalations)
    asked = [work.payload["why"] for work in await world.rows(due_work, due_work.c.kind == "page_ladder")]
    assert (item.acknowledged_at is None, asked) == (unseen, ["again"] if unseen else [])
    assert item.claimed_by == (world.clinic.nora.id if held else None)


async def put_off(world: World, item_id: UUID) -> None:
    nora = world.clinic.nora.id
    until = world.now + timedelta(minutes=15)
    await world.set(
        escalations, item_id, state=State.SNOOZED, snoozed_until=until, claimed_by=nora, acknowledged_by=nora, acknowledged_at=world.now
    )


async def awake(world: World, item_id: UUID) -> None:
    """The item is open as if nobody had seen it, its ladder goes on, and its history says why."""
    [item] = await world.rows(escalations, escalations.c.id == item_id)
    assert (item.state, item.snoozed_until, item.claimed_by, item.acknowledged_at) == (State.OPEN, None, None, None)
    [asked] = await world.rows(due_work, due_work.c.kind == "page_ladder")
    assert (asked.subject_id, asked.payload["why"]) == (item_id, "next")
    [woken] = await world.rows(escalation_events, escalation_events.c.what == "woken")
    assert woken.detail == {"by": "not_reached"}


async def test_words_on_a_page_go_to_the_page(world: World) -> None:
    item_id = await seed_item(world.database, world.clinic.ana, world.now, urgency=Urgency.EMERGENCY)
    page_id = await world.page(world.clinic.ana, item_id)
    await send_pages(world.database, world.providers, world.knowledge, world.clock, "node-1")
    [call] = world.provider.calls
    assert await receive(world, update_of(Status.DELIVERED, "SMx", call.attempt_id)) == [Outcome.APPLIED]
    [page] = await world.rows(pages, pages.c.id == page_id)
    assert page.status == "delivered"


@pytest.mark.parametrize("early", [False, True])
async def test_words_on_a_page_find_it_by_the_providers_id_too(world: World, early: bool) -> None:
    """Also those that came before the provider's answer told us that id."""
    item_id = await seed_item(world.database, world.clinic.ana, world.now, urgency=Urgency.EMERGENCY)
    page_id = await world.page(world.clinic.ana, item_id)
    found: list[Any] = []

    async def call_back(_text: OutgoingText) -> None:
        found.extend(await receive(world, update_of(Status.DELIVERED, f"SM{1:032x}")))

    world.provider.during = call_back if early else None
    await send_pages(world.database, world.providers, world.knowledge, world.clock, "node-1")
    if not early:
        found = await receive(world, update_of(Status.DELIVERED, f"SM{1:032x}"))
    assert found == [Outcome.PARKED if early else Outcome.APPLIED]
    [page] = await world.rows(pages, pages.c.id == page_id)
    assert page.status == "delivered"
    assert await world.rows(parked_statuses) == []


@pytest.mark.law(12)
async def test_one_bad_update_does_not_fail_its_neighbours(world: World) -> None:
    first, call, provider_id = await sent_text(world)
    second, other, _ = await sent_text(world, Purpose.ANSWER)
    await world.set(communications, second, purpose="nonsense")
    outcomes = await receive(
        world, update_of(Status.DELIVERED, "SMy", other.attempt_id), update_of(Status.DELIVERED, provider_id, call.attempt_id)
    )
    assert isinstance(outcomes[0], ValueError)
    assert outcomes[1] is Outcome.APPLIED
    assert (await status_of(world, first)).status == "delivered"
