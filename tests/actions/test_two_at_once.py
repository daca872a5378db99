"""A nurse closes an item while the patient writes; the same webhook arrives many times at once; the disk is full."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from service.actions.claim_escalation import claim_escalation
from service.actions.knowledge import Knowledge
from service.actions.receive_reply import Receipt
from service.actions.refusal import Refused
from service.actions.release_escalation import release_escalation
from service.actions.resolve_escalation import Closing, resolve_escalation
from service.db.communication import communications, inbound_events, inbound_ids
from service.db.database import Database
from service.db.escalation import concerns, escalations
from service.domain.escalation import Disposition, SpokeTo
from service.domain.staff import Role, Staff
from service.domain.urgency import by_rank
from tests.actions.house import MONDAY, House, StoppedClock, content
from tests.encounters import complete_encounter
from tests.seed import KEYRING, seed_clinic

ROUNDS = 12


def _nora(house: House) -> Staff:
    nora = house.clinic.nora
    return Staff(nora.id, house.clinic.organization_id, nora.name, Role.NURSE, nora.team_ids)


@pytest.mark.law(2)
async def test_a_message_that_meets_the_closing_of_its_item_is_on_an_open_item_or_on_a_new_one(house: House) -> None:
    nora, chi = _nora(house), house.clinic.chi
    for turn in range(ROUNDS):
        house.clock.time += timedelta(minutes=10)
        await house.text(chi.number, "my ankles are huge")
        [item] = await house.rows(escalations, escalations.c.state != "resolved")
        await claim_escalation(house.database, nora, item.id, house.clock.now())
        [item] = await house.rows(escalations, escalations.c.id == item.id)
        ticked = {concern.id for concern in await house.rows(concerns, concerns.c.escalation_id == item.id)}
        closing = _closing(item, ticked)
        words = "now I have chest pain" if turn % 2 else "thank you"
        results = await asyncio.gather(
            resolve_escalation(house.database, nora, item.id, closing, house.clock.now()),
            house.text(chi.number, words),
            return_exceptions=True,
        )
        assert results[1] is Receipt.STORED
        assert results[0] is None or isinstance(results[0], Refused)
        still = await house.rows(escalations, escalations.c.state != "resolved")
        if turn % 2:
            [found] = [c for c in await house.rows(concerns, concerns.c.rule == "chest_pain") if c.raised_at == house.clock.now()]
            assert [one.id for one in still] == [found.escalation_id], "the chest pain stands on an item that is open"
        for one in still:
            await _close(house, nora, one.id)


def _closing(item: Any, ticked: Collection[UUID]) -> Closing:
    encounter = complete_encounter(by_rank(item.urgency_rank))
    return Closing(item.version, Disposition.ADVICE_GIVEN, "Called her.", SpokeTo.PATIENT, ticked, encounter)


async def _close(house: House, nora: Staff, item_id: UUID) -> None:
    [item] = await house.rows(escalations, escalations.c.id == item_id)
    await claim_escalation(house.database, nora, item.id, house.clock.now())
    [item] = await house.rows(escalations, escalations.c.id == item_id)
    ticked = {concern.id for concern in await house.rows(concerns, concerns.c.escalation_id == item.id)}
    closing = _closing(item, ticked)
    await resolve_escalation(house.database, nora, item.id, closing, house.clock.now())


@pytest.mark.law(3)
async def test_one_webhook_delivered_many_times_at_once_has_one_effect(house: House) -> None:
    receipts = await asyncio.gather(*(house.text(house.clinic.chi.number, "I have chest pain", provider_id="SMtwins") for _ in range(8)))
    assert Counter(receipts) == {Receipt.STORED: 1, Receipt.DUPLICATE: 7}
    assert len(await house.rows(communications, communications.c.direction == "in")) == 1
    assert len(await house.sent("safety")) == 1
    assert len(await house.rows(escalations)) == 1


async def test_claiming_and_giving_back_at_once_never_leaves_an_item_that_nobody_can_take(house: House) -> None:
    nora, sol = _nora(house), house.clinic.sol
    supervisor = Staff(sol.id, house.clinic.organization_id, sol.name, Role.SUPERVISOR, sol.team_ids)
    await house.text(house.clinic.chi.number, "my ankles are huge")
    [item] = await house.rows(escalations)
    for _ in range(ROUNDS):
        house.clock.time += timedelta(minutes=1)
        now = house.clock.now()
        results = await asyncio.gather(
            claim_escalation(house.database, nora, item.id, now),
            claim_escalation(house.database, supervisor, item.id, now),
            release_escalation(house.database, supervisor, item.id, now),
            return_exceptions=True,
        )
        assert all(not isinstance(result, BaseException) or isinstance(result, Refused) for result in results), results
        [item] = await house.rows(escalations)
        assert (item.state == "claimed") == (item.claimed_by is not None) == (item.claimed_until is not None)


async def test_on_a_full_disk_nothing_is_half_written_and_the_provider_is_told_to_come_again(sqlite_url: str) -> None:
    database = Database.open(sqlite_url, KEYRING)
    knowledge = Knowledge(
        content().lexicon,
        content().tables,
        content().wording,
        "http://localhost:8080",
        content().follow_through,
        content().opening,
        content().law,
    )
    house = House(database, await seed_clinic(database, MONDAY), knowledge, StoppedClock(MONDAY))
    full = 0
    for turn in range(400):
        async with database.transaction() as connection:
            pages = (await connection.exec_driver_sql("pragma page_count")).scalar_one()
            await connection.exec_driver_sql(f"pragma max_page_count = {pages}")
        try:
            receipt = await house.text(house.clinic.chi.number, "my ankles are huge, " * 60, provider_id=f"SM{turn}")
        except Exception as error:  # an outage may be raised: the webhook answers 5xx then
            receipt = error
        if isinstance(receipt, Exception):
            full += 1
            async with database.reading() as connection:
                assert (
                    await connection.execute(select(inbound_ids.c.provider_id).where(inbound_ids.c.provider_id == f"SM{turn}"))
                ).all() == []
            break
    assert full, "the file never became full"
    assert len(await house.rows(inbound_events)) == len(await house.rows(communications, communications.c.direction == "in")) == turn
    async with database.transaction() as connection:
        await connection.exec_driver_sql("pragma max_page_count = 1000000")
    assert await house.text(house.clinic.chi.number, "my ankles are huge", provider_id=f"SM{turn}") is Receipt.STORED
    await database.close()
