"""Texts whose end the provider has not told, or has told in two ways: it is asked, and given up visibly; on both databases."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from service.actions.ask_about_texts import GIVEN_UP, Asked, ask_about_texts
from service.actions.receive_delivery_statuses import receive_delivery_statuses
from service.actions.send_communications import send_communications
from service.db.communication import communication_statuses, communications
from service.db.escalation import concerns, escalations
from service.domain.communication import Lane, Purpose, Status
from service.telephony.port import DeliveryUpdate, TransientFailure
from tests.jobs.world import World


async def handed_over(world: World) -> UUID:
    id = await world.text(world.clinic.ana, "Hello", Purpose.ANSWER)
    await send_communications(world.database, world.providers, Lane.ROUTINE, world.clock, "node-1", world.knowledge.law)
    return id


async def ask(world: World) -> Asked:
    return await ask_about_texts(world.database, world.providers, world.now)


async def row(world: World, id: UUID) -> Any:
    [found] = await world.rows(communications, communications.c.id == id)
    return found


def says(world: World, status: Status) -> None:
    """What the provider answers from now on when it is asked about its newest text."""
    world.provider.kept[0] = replace(world.provider.kept[0], status=status, provider_status=status.value)


async def rules(world: World) -> list[str]:
    async with world.database.reading() as connection:
        return list((await connection.scalars(select(concerns.c.rule).order_by(concerns.c.rule))).all())


async def test_a_text_silent_for_twelve_hours_is_asked_about_by_its_id(world: World) -> None:
    id = await handed_over(world)
    says(world, Status.DELIVERED)
    world.clock.forward(hours=11)
    assert await ask(world) == Asked()
    world.clock.forward(hours=2)
    assert await ask(world) == Asked(settled=1)
    assert (await row(world, id)).status == "delivered"


async def test_it_is_asked_about_every_twelve_hours_and_not_in_every_round(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await handed_over(world)
    asked: list[str] = []
    fetch = world.provider.fetch_text

    async def count(provider_id: str) -> Any:
        asked.append(provider_id)
        return await fetch(provider_id)

    monkeypatch.setattr(world.provider, "fetch_text", count)
    world.clock.forward(hours=13)
    for _ in range(3):
        await ask(world)
        world.clock.forward(hours=1)
    assert len(asked) == 1
    world.clock.forward(hours=10)
    await ask(world)
    assert len(asked) == 2


@pytest.mark.law(2)
async def test_after_three_days_it_is_given_up_in_one_item_an_organization(world: World) -> None:
    ids = [await handed_over(world) for _ in range(3)]
    given_up = []
    for _ in range(8):
        world.clock.forward(hours=13)
        given_up.append((await ask(world)).given_up)
    assert given_up == [0, 0, 0, 0, 0, 0, 3, 0], "seventy-two hours after the provider's last word"
    assert [(await row(world, id)).status for id in ids] == ["sent"] * 3, "it stays what the provider last said"
    assert await rules(world) == [GIVEN_UP]
    world.clock.forward(days=1)
    assert await ask(world) == Asked()


async def test_while_the_provider_does_not_answer_nothing_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(provider_id: str) -> Any:
        raise TransientFailure("20429", "too many")

    await handed_over(world)
    monkeypatch.setattr(world.provider, "fetch_text", fail)
    world.clock.forward(days=4)
    assert await ask(world) == Asked()
    assert await rules(world) == []


async def told(world: World, status: Status) -> None:
    word = DeliveryUpdate("twilio", "AC1", world.provider.kept[0].provider_id, status, status.value)
    await receive_delivery_statuses(world.database, world.knowledge, [word], world.now)


@pytest.mark.law(6)
async def test_of_two_different_ends_the_provider_is_asked_which_one_holds(world: World) -> None:
    id = await handed_over(world)
    await told(world, Status.DELIVERED)
    world.clock.forward(minutes=1)
    await told(world, Status.UNDELIVERED)
    world.clock.forward(minutes=10)
    says(world, Status.UNDELIVERED)
    assert await ask(world) == Asked()
    assert (await row(world, id)).status == "delivered", "an end is never changed"
    assert await rules(world) == ["text_not_delivered"]
    [item] = await world.rows(escalations)
    assert item.patient_id == world.clinic.ana.id
    lines = await world.rows(communication_statuses, communication_statuses.c.communication_id == id)
    assert [(line.status, line.source, line.applied) for line in lines][-2:] == [
        ("undelivered", "callback", 0),
        ("undelivered", "reconcile", 0),
    ]
    asked_at = (await row(world, id)).asked_at
    world.clock.forward(minutes=10)
    await ask(world)
    assert (await row(world, id)).asked_at == asked_at, "it is asked once"


async def test_when_the_provider_stands_by_its_first_word_nobody_is_troubled(world: World) -> None:
    await handed_over(world)
    await told(world, Status.DELIVERED)
    world.clock.forward(minutes=1)
    await told(world, Status.UNDELIVERED)
    says(world, Status.DELIVERED)
    world.clock.forward(minutes=10)
    assert await ask(world) == Asked()
    assert await rules(world) == []


@pytest.mark.law(5)
async def test_no_transaction_is_open_while_the_provider_is_asked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await handed_over(world)
    says(world, Status.DELIVERED)
    fetch = world.provider.fetch_text

    async def look(provider_id: str) -> Any:
        assert world.database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
        return await fetch(provider_id)

    monkeypatch.setattr(world.provider, "fetch_text", look)
    world.clock.forward(hours=13)
    assert await ask(world) == Asked(settled=1)
