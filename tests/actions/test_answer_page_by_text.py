"""ACK or 1 from the number that was paged takes note of the item; from a patient's number it never does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update

from service.actions.receive_reply import Receipt
from service.db.communication import communications, inbound_events
from service.db.database import Database
from service.db.escalation import escalation_events, escalations, pages
from service.db.patient import patient_phones, related_persons
from service.db.rota import rota_shifts
from service.db.schema import new_id
from service.db.staff import staff
from tests.actions.house import MONDAY, House, StoppedClock
from tests.calls.conftest import known
from tests.seed import KEYRING, Person, seed_clinic, seed_phone

NORAS, STRANGER = "+12025550161", "+12025550150"
PAIN = "I have chest pain"


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    """Nora is on call, and her number is known."""
    database = Database.open(database_url, KEYRING)
    clinic = await seed_clinic(database, MONDAY - timedelta(days=30))
    house = House(database, clinic, known(), StoppedClock(MONDAY))
    index = KEYRING.blind_index(clinic.organization_id, NORAS)
    async with database.transaction() as connection:
        await connection.execute(update(staff).where(staff.c.id == clinic.nora.id).values(phone=NORAS, phone_index=index))
        midnight = MONDAY.time().replace(hour=0)
        for day in range(7):
            await connection.execute(
                insert(rota_shifts).values(
                    id=new_id(MONDAY), organization_id=clinic.organization_id, team_id=clinic.team_a, role="on_call",
                    staff_id=clinic.nora.id, weekday=day, starts=midnight, ends=midnight, valid_from=MONDAY.date() - timedelta(days=9),
                    created_at=MONDAY,
                )
            )  # fmt: skip
    yield house
    await database.close()


async def paged(house: House, *people: Person) -> None:
    """Each tells of chest pain, and Nora's text has left."""
    for person in people:
        await house.text(person.number, PAIN)
    await house.paged()
    async with house.database.transaction() as connection:
        await connection.execute(update(pages).where(pages.c.channel == "text").values(status="delivered"))


async def items(house: House) -> list[Any]:
    return await house.rows(escalations, escalations.c.kind == "clinical")


async def test_a_page_of_before_a_patients_transfer_takes_note_of_nothing(house: House) -> None:
    """The other team has to be paged itself; and her ACK is a text of staff all the same."""
    await paged(house, house.clinic.chi)
    async with house.database.transaction() as connection:
        await connection.execute(update(escalations).values(team_id=house.clinic.team_b))
    assert await house.text(NORAS, "ACK") == Receipt.OF_STAFF
    [item] = await items(house)
    assert item.acknowledged_at is None


@pytest.mark.parametrize("words", ["ACK", "ack", " Ack. ", "1", "1!"])
async def test_ack_from_the_number_that_was_paged_takes_note_in_her_name(house: House, words: str) -> None:
    await paged(house, house.clinic.chi)
    assert await house.text(NORAS, words) == Receipt.OF_STAFF
    [item] = await items(house)
    assert (item.acknowledged_by, item.state, item.claimed_by) == (house.clinic.nora.id, "open", None)
    [event] = await house.rows(escalation_events, escalation_events.c.what == "acknowledged")
    assert (event.staff_id, event.detail) == (house.clinic.nora.id, {"by": "text"})
    raw = await house.rows(inbound_events)
    assert len(raw) == 2, "her text is kept as it came"
    assert not await house.rows(communications, communications.c.body == words), "and stands in no patient's record"


async def test_the_same_text_delivered_twice_is_one_answer(house: House) -> None:
    await paged(house, house.clinic.chi)
    assert await house.text(NORAS, "ACK", provider_id="SM" + "7" * 32) == Receipt.OF_STAFF
    assert await house.text(NORAS, "ACK", provider_id="SM" + "7" * 32) == Receipt.DUPLICATE
    assert len(await house.rows(escalation_events, escalation_events.c.what == "acknowledged")) == 1


@pytest.mark.parametrize("words", ["ACK I have chest pain", "1 1", "ok", "12", "yes", "acknowledge the chest pain", "ack?"])
async def test_other_words_from_her_number_are_read_like_anybodys(house: House, words: str) -> None:
    await paged(house, house.clinic.chi)
    assert await house.text(NORAS, words) == Receipt.STORED
    assert all(item.acknowledged_at is None for item in await items(house))
    assert len(await items(house)) == 2, "somebody sees them"


async def test_with_two_items_waiting_none_is_acknowledged_and_both_say_so(house: House) -> None:
    await paged(house, house.clinic.chi, house.clinic.ana)
    assert await house.text(NORAS, "1") == Receipt.OF_STAFF
    assert [item.acknowledged_at for item in await items(house)] == [None, None]
    assert len(await house.rows(escalation_events, escalation_events.c.what == "ack_unclear")) == 2


async def on_the_page_of(house: House, person: Person, status: str) -> None:
    item_id = next(item.id for item in await items(house) if item.patient_id == person.id)
    async with house.database.transaction() as connection:
        await connection.execute(update(pages).where(pages.c.escalation_id == item_id).values(status=status))


async def test_an_answer_to_another_page_takes_note_of_no_item_whose_own_page_is_in_doubt(house: House) -> None:
    """She has read the one page, and may know nothing of the other: its paging goes on."""
    await paged(house, house.clinic.chi)
    assert await house.text(NORAS, "ACK") == Receipt.OF_STAFF
    await house.text(house.clinic.ana.number, PAIN)
    await house.paged()
    await on_the_page_of(house, house.clinic.ana, "unknown")
    assert await house.text(NORAS, "ACK") == Receipt.OF_STAFF
    chis, anas = await items(house)
    assert (chis.acknowledged_at is not None, anas.acknowledged_at) == (True, None)
    [event] = await house.rows(escalation_events, escalation_events.c.what == "ack_unclear")
    assert event.escalation_id == anas.id
    await on_the_page_of(house, house.clinic.ana, "delivered")
    assert await house.text(NORAS, "ACK") == Receipt.OF_STAFF
    assert all(item.acknowledged_at is not None for item in await items(house)), "now it is known that she has it"


async def test_a_page_in_doubt_is_answered_when_there_is_no_other(house: House) -> None:
    await paged(house, house.clinic.chi)
    await on_the_page_of(house, house.clinic.chi, "unknown")
    assert await house.text(NORAS, "ACK") == Receipt.OF_STAFF
    assert (await items(house))[0].acknowledged_at is not None


async def test_who_was_not_paged_answers_no_page(house: House) -> None:
    assert await house.text(NORAS, "1") == Receipt.STORED
    assert len(await items(house)) == 1


async def test_an_answer_after_somebody_has_taken_note_is_no_strangers_text(house: House) -> None:
    await paged(house, house.clinic.chi)
    assert [await house.text(NORAS, "ACK") for _ in range(2)] == [Receipt.OF_STAFF, Receipt.OF_STAFF]
    assert len(await items(house)) == 1
    assert len(await house.rows(escalation_events, escalation_events.c.what == "acknowledged")) == 1


async def test_an_old_page_is_not_answered_any_more(house: House) -> None:
    await paged(house, house.clinic.chi)
    house.clock.time += timedelta(minutes=31)
    assert await house.text(NORAS, "1") == Receipt.STORED
    assert all(item.acknowledged_at is None for item in await items(house))


async def test_a_page_that_did_not_arrive_cannot_be_answered(house: House) -> None:
    await paged(house, house.clinic.chi)
    async with house.database.transaction() as connection:
        await connection.execute(update(pages).values(status="undelivered"))
    assert await house.text(NORAS, "1") == Receipt.STORED


async def test_a_stranger_acknowledges_nothing(house: House) -> None:
    await paged(house, house.clinic.chi)
    assert await house.text(STRANGER, "ACK") == Receipt.STORED
    assert all(item.acknowledged_at is None for item in await items(house))


@pytest.mark.parametrize("words", ["1", "ACK"])
async def test_a_patients_number_never_acknowledges_although_a_nurse_has_it_too(house: House, words: str) -> None:
    await paged(house, house.clinic.chi)
    ben = house.clinic.ben
    index = KEYRING.blind_index(house.clinic.organization_id, ben.number)
    async with house.database.transaction() as connection:
        values = {"phone": ben.number, "phone_index": index}
        await connection.execute(update(staff).where(staff.c.id == house.clinic.nora.id).values(values))
    assert await house.text(ben.number, words) == Receipt.STORED
    [chis] = [item for item in await items(house) if item.patient_id == house.clinic.chi.id]
    assert chis.acknowledged_at is None


@pytest.mark.parametrize("ended", [False, True])
async def test_nor_does_a_relatives_or_a_former_patients_number(house: House, ended: bool) -> None:
    await paged(house, house.clinic.chi)
    organization_id = house.clinic.organization_id
    async with house.database.transaction() as connection:
        phone_id = await seed_phone(connection, organization_id, MONDAY, NORAS)
        whose = {"id": new_id(MONDAY), "organization_id": organization_id, "patient_id": house.clinic.ana.id, "phone_id": phone_id}
        if ended:
            over = {"position": 5, "ended_at": MONDAY - timedelta(days=2), "ended_why": "wrong_number"}
            await connection.execute(insert(patient_phones).values(**whose, **over))
        else:
            await connection.execute(insert(related_persons).values(**whose, name="Al Alvarez", relation="son", scope=[]))
    assert await house.text(NORAS, "1") == Receipt.STORED
    [chis] = [item for item in await items(house) if item.patient_id == house.clinic.chi.id]
    assert chis.acknowledged_at is None


async def test_two_people_with_one_number_acknowledge_nothing_by_text(house: House) -> None:
    await paged(house, house.clinic.chi)
    index = KEYRING.blind_index(house.clinic.organization_id, NORAS)
    async with house.database.transaction() as connection:
        values = {"phone": NORAS, "phone_index": index}
        await connection.execute(update(staff).where(staff.c.id == house.clinic.sol.id).values(values))
    assert await house.text(NORAS, "1") == Receipt.STORED
    assert all(item.acknowledged_at is None for item in await items(house))
