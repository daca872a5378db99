"""What a provider has signed and we cannot read: kept and told, in one item while it is open, and no flood."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import insert, select, text, update
from structlog.testing import capture_logs

from service.actions.keep_unreadable import MOST_KEPT, RULE, Unread, keep_unreadable
from service.db.communication import inbound_events
from service.db.escalation import concerns, escalation_events, escalations
from service.db.organization import organizations, teams
from service.db.schema import new_id
from tests.actions.house import House

FORM = "From=%2B12025550103&Body=I+have+chest+pain+"


async def keep(house: House, body: str, kind: Unread = Unread.WORDS, provider: str = "twilio") -> None:
    await keep_unreadable(house.database, house.clock, provider, kind, body)


@pytest.mark.law(2, 10)
async def test_the_words_are_kept_encrypted_and_somebody_is_told_without_them(house: House) -> None:
    with capture_logs() as logs:
        await keep(house, FORM)
    [kept] = await house.rows(inbound_events)
    assert (kept.kind, kept.provider, kept.organization_id) == ("unread_words", "twilio", None)
    assert FORM in kept.payload
    async with house.database.reading() as connection:
        stored = (await connection.execute(text("select payload from inbound_events"))).scalar_one()
    assert b"chest" not in bytes(stored)
    [item] = await house.rows(escalations)
    [concern] = await house.rows(concerns)
    assert (item.kind, item.patient_id, concern.rule, item.urgency_rank) == ("operational", None, RULE, 1)
    assert concern.facts == {"provider": "twilio", "kind": "unread_words"}
    assert "chest" not in f"{logs} {item} {concern}"


@pytest.mark.law(3)
async def test_the_same_request_once_more_changes_nothing(house: House) -> None:
    for _ in range(3):
        await keep(house, FORM)
    assert len(await house.rows(inbound_events)) == 1
    assert len(await house.rows(escalation_events)) == 1


@pytest.mark.law(12)
async def test_a_flood_is_one_item_with_a_line_a_minute_and_so_many_rows_an_hour(house: House) -> None:
    began = house.clock.now()
    for number in range(MOST_KEPT + 20):
        await keep(house, f"{FORM}{number}")
        house.clock.time += timedelta(seconds=20)
    assert len(await house.rows(inbound_events)) == MOST_KEPT
    assert len(await house.rows(escalations)) == 1
    events = await house.rows(escalation_events)
    assert len(events) <= 1 + (house.clock.now() - began) / timedelta(minutes=1)
    lost = [event for event in events if event.detail.get("kept") is False]
    assert 0 < len(lost) <= 20, "what is not kept is told too"
    house.clock.time += timedelta(hours=1)
    await keep(house, FORM)
    assert len(await house.rows(inbound_events)) == MOST_KEPT + 1
    assert len(await house.rows(escalations)) == 1, "it is still open"


@pytest.mark.law(2)
async def test_what_comes_after_the_item_was_closed_is_told_anew_however_soon(house: House) -> None:
    for number in range(3):
        await keep(house, f"{FORM}{number}")
        assert await house.rows(escalations, escalations.c.state == "open"), number
        async with house.database.transaction() as connection:
            await connection.execute(update(escalations).values(state="resolved"))
        house.clock.time += timedelta(minutes=25)
    assert len(await house.rows(inbound_events)) == len(await house.rows(escalations)) == 3


@pytest.mark.law(2)
async def test_what_comes_while_somebody_closes_the_item_changes_it_under_their_hands(house: House) -> None:
    await keep(house, FORM)
    [seen] = await house.rows(escalations)
    house.clock.time += timedelta(minutes=2)
    await keep(house, FORM + "and+it+is+worse")
    [item] = await house.rows(escalations)
    assert item.version > seen.version


@pytest.mark.law(2)
async def test_words_are_told_also_when_a_status_was_told_of_just_before(house: House) -> None:
    await keep(house, "MessageStatus=x", Unread.STATUS)
    [item] = await house.rows(escalations)
    assert item.urgency_rank == 2
    house.clock.time += timedelta(minutes=2)
    await keep(house, FORM)
    [item] = await house.rows(escalations)
    assert item.urgency_rank == 1, "it may be a patient's"


@pytest.mark.law(2)
async def test_nobody_knows_whose_it_is_so_each_clinic_is_told(house: House) -> None:
    async with house.database.transaction() as connection:
        [own] = (await connection.execute(select(organizations))).mappings().all()
        team = (await connection.execute(select(teams).limit(1))).mappings().one()
        other: UUID = new_id(house.clock.now())
        await connection.execute(insert(organizations).values({**own, "id": other, "name": "Another clinic"}))
        await connection.execute(insert(teams).values({**team, "id": new_id(house.clock.now()), "organization_id": other}))
    await keep(house, FORM)
    assert {item.organization_id for item in await house.rows(escalations)} == {other, house.clinic.organization_id}
