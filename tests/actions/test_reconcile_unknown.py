"""Texts whose end is not known are looked up at the provider and never sent again, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from service.actions.reconcile_unknown import Reconciled, reconcile_unknown
from service.actions.send_communications import send_communications
from service.db.communication import communications
from service.db.escalation import escalations
from service.domain.communication import Lane, Purpose
from service.telephony.port import OutgoingText, TransientFailure, UnknownOutcome
from tests.jobs.world import World


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    world = await World.open(database_url)
    yield world
    await world.database.close()


async def unknown_text(world: World, *, arrived: bool, body: str = "Hello", purpose: Purpose = Purpose.ANSWER) -> UUID:
    def lose(text: OutgoingText) -> None:
        if arrived:
            world.provider.keep(text)
        raise UnknownOutcome("timeout", "no answer")

    id = await world.text(world.clinic.ana, body, purpose)
    world.provider.behave = lose
    await send_communications(world.database, world.providers, Lane.ROUTINE, world.clock, "node-1")
    world.provider.behave = lambda text: None
    return id


async def reconcile(world: World, **more: Any) -> Reconciled:
    return await reconcile_unknown(world.database, world.providers, world.now, **more)


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
async def test_a_text_that_a_complete_list_lacks_has_failed_and_is_a_work_item_not_a_second_text(world: World) -> None:
    id = await unknown_text(world, arrived=False)
    world.clock.forward(minutes=4)
    assert await reconcile(world) == Reconciled(open=1)  # the list may lag
    world.clock.forward(minutes=2)
    assert await reconcile(world) == Reconciled(missing=1)
    assert (await status_of(world, id)).status == "failed"
    assert len(await world.rows(escalations)) == 1
    world.clock.forward(hours=1)
    await send_communications(world.database, world.providers, Lane.ROUTINE, world.clock, "node-1")
    assert len(world.provider.calls) == 1


async def test_each_entry_of_the_list_explains_one_text(world: World) -> None:
    known = await world.text(world.clinic.ana, "Hello", Purpose.ANSWER)
    await send_communications(world.database, world.providers, Lane.ROUTINE, world.clock, "node-1")
    first = await unknown_text(world, arrived=True)
    second = await unknown_text(world, arrived=False)
    world.clock.forward(minutes=6)
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
        world.provider.kept.insert(0, _other(world))
    world.clock.forward(minutes=6)
    assert await reconcile(world) == Reconciled(open=1)
    assert (await status_of(world, id)).status == "unknown"


def _other(world: World) -> Any:
    from service.domain.communication import Status
    from service.telephony.port import RemoteText

    return RemoteText("SMother", world.clinic.ana.number, "", "other words", Status.SENT, "sent", world.now)


@pytest.mark.law(2)
async def test_while_the_provider_cannot_be_asked_the_text_stays_unknown_and_is_told_after_an_hour(world: World) -> None:
    def fail() -> None:
        raise TransientFailure("20429", "too many")

    id = await unknown_text(world, arrived=True)
    world.provider.listing = fail
    world.clock.forward(minutes=30)
    await reconcile(world)
    assert await world.rows(escalations) == []
    world.clock.forward(minutes=31)
    for _ in range(2):
        assert await reconcile(world) == Reconciled(open=1)
    assert (await status_of(world, id)).status == "unknown"
    [item] = await world.rows(escalations)
    assert item.kind == "operational"


async def test_texts_silent_for_twelve_hours_are_looked_up_by_their_id(world: World) -> None:
    id = await world.text(world.clinic.ana, "Hello", Purpose.ANSWER)
    await send_communications(world.database, world.providers, Lane.ROUTINE, world.clock, "node-1")
    world.clock.forward(hours=11)
    await reconcile(world, not_final=True)
    assert (await status_of(world, id)).status == "accepted"
    world.clock.forward(hours=2)
    await reconcile(world)
    assert (await status_of(world, id)).status == "accepted"
    await reconcile(world, not_final=True)
    assert (await status_of(world, id)).status == "sent"


@pytest.mark.law(5)
async def test_no_transaction_is_open_while_the_provider_lists(world: World) -> None:
    await unknown_text(world, arrived=True)

    def look() -> None:
        assert world.database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]

    world.provider.listing = look
    assert await reconcile(world) == Reconciled(found=1)
