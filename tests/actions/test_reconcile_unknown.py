"""Texts whose end is not known are looked up at the provider and never sent again, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from service.actions.do_due_work import do_due_work
from service.actions.raise_alarms import raise_alarms
from service.actions.receive_delivery_statuses import receive_delivery_statuses
from service.actions.reconcile_unknown import Reconciled, reconcile_unknown
from service.actions.send_communications import send_communications
from service.db import items
from service.db.changes import Changes
from service.db.communication import communications
from service.db.escalation import concerns, escalations, pages
from service.domain.communication import Lane, Purpose, Status
from service.domain.urgency import Urgency
from service.jobs.work import handlers
from service.telephony.port import (
    DeliveryUpdate,
    NotOffered,
    OutgoingText,
    PermanentFailure,
    RemoteText,
    TransientFailure,
    UnknownOutcome,
)
from tests.jobs.world import World
from tests.seed import NOBODY, SENDER, seed_item


async def unknown_text(world: World, *, arrived: bool, body: str = "Hello", purpose: Purpose = Purpose.ANSWER) -> UUID:
    def lose(text: OutgoingText) -> None:
        if arrived:
            world.provider.keep(text)
        raise UnknownOutcome("timeout", "no answer")

    id = await world.text(world.clinic.ana, body, purpose)
    world.provider.behave = lose
    await send_communications(world.database, world.providers, Lane.ROUTINE, world.clock, "node-1", world.knowledge.law)
    world.provider.behave = lambda text: None
    return id


async def reconcile(world: World) -> Reconciled:
    return await reconcile_unknown(world.database, world.providers, world.knowledge, world.now)


async def status_of(world: World, id: UUID) -> Any:
    [row] = await world.rows(communications, communications.c.id == id)
    return row


@pytest.mark.law(3)
async def test_a_text_that_the_provider_has_takes_its_id_and_status(world: World) -> None:
    id = await unknown_text(world, arrived=True)
    world.clock.forward(minutes=1)
    assert await reconcile(world) == Reconciled(found=1)
    row = await status_of(world, id)
    assert (row.status, row.provider_id) == ("sent", world.provider.kept[0].provider_id)
    assert len(world.provider.calls) == 1
    assert await world.rows(escalations) == []


@pytest.mark.law(3)
async def test_a_text_that_a_complete_list_lacks_has_failed_and_only_then_may_its_words_go_anew(world: World) -> None:
    id = await unknown_text(world, arrived=False)
    world.clock.forward(minutes=9)
    assert await reconcile(world) == Reconciled(open=1)  # the list may lag
    await send_communications(world.database, world.providers, Lane.ROUTINE, world.clock, "node-1", world.knowledge.law)
    assert len(world.provider.calls) == 1
    world.clock.forward(minutes=2)
    assert await reconcile(world) == Reconciled(missing=1)
    assert (await status_of(world, id)).status == "failed"
    again = await world.rows(communications, communications.c.id != id)
    assert [(row.body, row.status) for row in again] == [("Hello", "due")], "a row of its own, with an attempt of its own"
    assert await reconcile(world) == Reconciled()


async def test_each_entry_of_the_list_explains_one_text(world: World) -> None:
    known = await world.text(world.clinic.ana, "Hello", Purpose.ANSWER)
    await send_communications(world.database, world.providers, Lane.ROUTINE, world.clock, "node-1", world.knowledge.law)
    first = await unknown_text(world, arrived=True)
    second = await unknown_text(world, arrived=False)
    world.clock.forward(minutes=11)
    assert await reconcile(world) == Reconciled(found=1, missing=1)
    statuses = sorted([(await status_of(world, id)).status for id in (first, second)])
    assert statuses == ["failed", "sent"]
    assert (await status_of(world, known)).status == "accepted"


async def test_the_same_words_of_another_time_explain_nothing(world: World) -> None:
    id = await unknown_text(world, arrived=False)
    world.clock.forward(minutes=20)
    world.provider.keep(world.provider.calls[0])
    await reconcile(world)
    assert (await status_of(world, id)).status == "failed"


async def test_a_list_cut_off_at_its_limit_proves_nothing(world: World) -> None:
    id = await unknown_text(world, arrived=False)
    for _ in range(200):
        world.provider.kept.insert(0, _other(world, world.now + timedelta(hours=1)))
    world.clock.forward(minutes=11)
    assert await reconcile(world) == Reconciled(open=1)
    assert (await status_of(world, id)).status == "unknown"


def _other(world: World, at: datetime, words: str = "other words") -> RemoteText:
    return RemoteText("SMother", world.clinic.ana.number, "", words, Status.SENT, "sent", at)


@pytest.mark.law(3)
@pytest.mark.parametrize("words", ["", "Sent from a trial account - Hello"])
@pytest.mark.parametrize("minutes", [-10, 1])
async def test_a_text_of_about_that_time_that_is_none_of_ours_may_be_the_one_in_doubt(world: World, words: str, minutes: int) -> None:
    """An account that redacts bodies, or writes before them, or whose clock differs: its list has the text and not its words."""
    id = await unknown_text(world, arrived=False)
    world.provider.kept.insert(0, _other(world, world.now + timedelta(minutes=minutes), words))
    world.clock.forward(minutes=30)
    assert await reconcile(world) == Reconciled(open=1)
    assert (await status_of(world, id)).status == "unknown"
    assert len(await world.rows(communications)) == 1


async def test_the_provider_s_own_answer_to_a_keyword_keeps_no_text_in_doubt(world: World) -> None:
    id = await unknown_text(world, arrived=False)
    world.provider.kept.insert(0, replace(_other(world, world.now, "Reply STOP to unsubscribe."), automatic=True))
    world.clock.forward(minutes=30)
    assert (await reconcile(world)).missing == 1
    assert (await status_of(world, id)).status == "failed"


@pytest.mark.law(2, 12)
async def test_those_in_doubt_that_nobody_can_settle_keep_no_other_from_being_looked_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.actions.reconcile_unknown.MOST_NUMBERS", 1)
    world.provider.list_is_sure = False
    stuck = await unknown_text(world, arrived=False)
    world.clock.forward(minutes=1)
    later = await world.text(world.clinic.ben, "Hello", status=Status.UNKNOWN, provider="twilio", status_at=world.now)
    world.provider.keep(OutgoingText(NOBODY, world.clinic.ben.number, "Hello", SENDER))
    page = await unknown_page(world, arrived=True)
    for _ in range(3):
        world.clock.forward(minutes=1)
        await reconcile(world)
    assert [(await status_of(world, id)).status for id in (stuck, later)] == ["unknown", "sent"]
    [found] = await world.rows(pages, pages.c.id == page)
    assert found.status == "sent"


@pytest.mark.law(2)
async def test_what_a_provider_refuses_to_list_for_one_number_keeps_no_other_from_being_looked_up(world: World) -> None:
    refused = await unknown_text(world, arrived=True)
    other = await world.text(world.clinic.ben, "Hello", status=Status.UNKNOWN, provider="twilio", status_at=world.now)
    world.provider.keep(OutgoingText(NOBODY, world.clinic.ben.number, "Hello", SENDER))
    asked = count()

    def first() -> None:
        if next(asked) == 0:
            raise PermanentFailure("21211", "not a number")

    world.provider.listing = first
    await reconcile(world)
    assert [(await status_of(world, id)).status for id in (refused, other)] == ["unknown", "sent"]


@pytest.mark.law(2)
@pytest.mark.parametrize("gone", [False, True], ids=["its list lags", "no longer set up"])
async def test_a_text_in_doubt_for_three_days_is_given_up_and_an_item_and_its_alarm_ends(world: World, gone: bool) -> None:
    world.provider.list_is_sure = False
    id = await unknown_text(world, arrived=False)
    world.clock.forward(days=2)
    if gone:
        del world.providers["twilio"]
    await reconcile(world)
    assert (await status_of(world, id)).given_up_at is None
    assert "texts_unknown_long" in await raise_alarms(world.database, {}, world.now)
    world.clock.forward(days=1)
    for _ in range(2):
        await reconcile(world)
    row = await status_of(world, id)
    assert (row.status, row.given_up_at) == ("unknown", world.now)
    assert "texts_unknown_long" not in await raise_alarms(world.database, {}, world.now)
    assert [one.rule for one in await world.rows(concerns)] == ["texts_unknown_long", "texts_given_up"]
    [attempt] = [text.attempt_id for text in world.provider.calls]
    word = DeliveryUpdate("twilio", "AC1", "SM77", Status.DELIVERED, "delivered", attempt)
    await receive_delivery_statuses(world.database, world.knowledge, [word], world.now)
    assert (await status_of(world, id)).status == "delivered"


async def test_a_page_in_doubt_since_yesterday_is_no_alarm_any_more(world: World) -> None:
    world.provider.list_is_sure = False
    await unknown_page(world, arrived=False)
    world.clock.forward(minutes=11)
    await reconcile(world)
    assert "pages_in_doubt" in await raise_alarms(world.database, {}, world.now)
    world.clock.forward(days=1)
    assert "pages_in_doubt" not in await raise_alarms(world.database, {}, world.now)


@pytest.mark.law(2)
async def test_while_the_provider_cannot_be_asked_the_text_stays_unknown_and_is_an_alarm_after_an_hour(world: World) -> None:
    def fail() -> None:
        raise TransientFailure("20429", "too many")

    id = await unknown_text(world, arrived=True)
    world.provider.listing = fail
    world.clock.forward(minutes=30)
    await reconcile(world)
    assert "texts_unknown_long" not in await raise_alarms(world.database, {}, world.now)
    world.clock.forward(minutes=31)
    for _ in range(2):
        assert await reconcile(world) == Reconciled(open=1)
        assert "texts_unknown_long" in await raise_alarms(world.database, {}, world.now)
    assert (await status_of(world, id)).status == "unknown"
    [item] = await world.rows(escalations)
    assert item.kind == "operational"


@pytest.mark.law(3)
async def test_what_a_list_that_lags_lacks_is_not_taken_for_lost(world: World) -> None:
    """Telnyx: an entry that is there counts, one that is missing proves nothing."""
    world.provider.list_is_sure = False
    gone = await unknown_text(world, arrived=False)
    there = await unknown_text(world, arrived=True, body="Other words")
    world.clock.forward(minutes=30)
    assert await reconcile(world) == Reconciled(found=1, open=1)
    assert [(await status_of(world, id)).status for id in (gone, there)] == ["unknown", "sent"]


@pytest.mark.law(3)
async def test_without_any_list_a_callback_decides_and_nobody_is_asked_in_vain(world: World) -> None:
    def none() -> None:
        raise NotOffered("no list")

    id = await unknown_text(world, arrived=True)
    world.provider.listing = none
    world.clock.forward(minutes=30)
    assert await reconcile(world) == Reconciled(open=1)
    [attempt] = [text.attempt_id for text in world.provider.calls]
    word = DeliveryUpdate("twilio", "AC1", "SM77", Status.DELIVERED, "delivered", attempt)
    await receive_delivery_statuses(world.database, world.knowledge, [word], world.now)
    assert (await status_of(world, id)).status == "delivered"
    assert len(world.provider.calls) == 1


async def unknown_page(world: World, *, arrived: bool) -> UUID:
    """A page whose sender died between the provider's yes and the commit; the call beside it was not answered."""
    item = await seed_item(world.database, world.clinic.chi, world.now, urgency=Urgency.EMERGENCY)
    async with world.database.transaction() as connection:
        changes = Changes(world.now)
        items.plan_paging(changes, world.clinic.organization_id, item, "start", Urgency.EMERGENCY)
        await changes.write(connection)
    await do_due_work(world.database, handlers(world.around), Lane.EMERGENCY, world.clock, "node-1")
    [page] = await world.rows(pages, pages.c.channel == "text")
    for call in await world.rows(pages, pages.c.channel == "call"):
        await world.set(pages, call.id, status=Status.UNDELIVERED)
    if arrived:
        world.provider.keep(OutgoingText(NOBODY, page.phone, page.body, SENDER))
    await world.set(pages, page.id, status=Status.UNKNOWN, provider="twilio")
    return UUID(str(page.id))


@pytest.mark.law(3)
async def test_a_page_whose_sender_died_is_found_in_the_list_too(world: World) -> None:
    id = await unknown_page(world, arrived=True)
    world.clock.forward(minutes=1)
    assert await reconcile(world) == Reconciled(found=1)
    [page] = await world.rows(pages, pages.c.id == id)
    assert (page.status, page.provider_id) == ("sent", world.provider.kept[0].provider_id)


@pytest.mark.law(2)
async def test_a_page_that_the_list_lacks_has_failed_and_somebody_is_paged_at_once(world: World) -> None:
    id = await unknown_page(world, arrived=False)
    world.clock.forward(minutes=4)
    assert await reconcile(world) == Reconciled(open=1)
    world.clock.forward(minutes=2)
    assert await reconcile(world) == Reconciled(missing=1)
    [page] = await world.rows(pages, pages.c.id == id)
    assert page.status == "failed"
    later = await world.rows(pages, pages.c.escalation_id == page.escalation_id, pages.c.rung > page.rung)
    assert later, "nobody was paged in its place"


@pytest.mark.law(5)
async def test_no_transaction_is_open_while_the_provider_lists(world: World) -> None:
    await unknown_text(world, arrived=True)

    def look() -> None:
        assert world.database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]

    world.provider.listing = look
    assert await reconcile(world) == Reconciled(found=1)
