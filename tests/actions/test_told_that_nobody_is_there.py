"""While no nurse is on duty the patient is told so at once, in every unstaffed time anew, and never with a promise nobody keeps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from service.db.check_in import flow_sessions
from service.db.patient import patient_phones, patients
from service.db.schema import new_id
from tests.actions.house import MONDAY, NIGHT, House
from tests.seed import seed_phone

SATURDAY = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)
NOBODY_ON_DUTY = "No nurse is on duty"
SECOND = "+12025550178"


async def _told(house: House) -> int:
    return sum(NOBODY_ON_DUTY in text.body for text in await house.sent("answer"))


async def test_at_night_a_patient_with_an_item_from_the_day_is_told_that_nobody_is_there_once(house: House) -> None:
    ana = house.clinic.ana.number
    await house.text(ana, "please call me")
    assert await _told(house) == 0
    house.clock.time = NIGHT
    await house.text(ana, "can somebody call me back please")
    assert await _told(house) == 1
    house.clock.time = NIGHT + timedelta(hours=1)
    await house.text(ana, "please call me, it is urgent")
    assert await _told(house) == 1
    house.clock.time = NIGHT + timedelta(days=1)  # a day with nurses lies between
    await house.text(ana, "nobody has called me")
    assert await _told(house) == 2


@pytest.mark.parametrize("words", ["I have chest pain", "my ankles are huge"])
async def test_at_the_weekend_nobody_is_promised_to_answer_within_minutes(house: House, words: str) -> None:
    house.clock.time = SATURDAY
    await house.text(house.clinic.ana.number, words)
    [text] = [text for text in await house.sent("answer") if NOBODY_ON_DUTY in text.body]
    assert "Monday morning" in text.body
    assert "+12025550199" in text.body


@pytest.mark.parametrize("words", ["I have chest pain", "my ankles are huge"])
async def test_a_shared_phone_is_told_as_well(house: House, words: str) -> None:
    house.clock.time = SATURDAY
    await house.text(house.clinic.fay.number, words)
    assert await _told(house) == 1
    await house.text(house.clinic.fay.number, "hello?")
    assert await _told(house) == 1


async def test_an_unknown_number_is_told_nothing_about_nurses(house: House) -> None:
    house.clock.time = SATURDAY
    await house.text("+12025550155", "my ankles are huge")
    assert await _told(house) == 0


async def test_whoever_mourns_and_wants_to_die_gets_the_crisis_line(house: House) -> None:
    await house.text(house.clinic.ana.number, "She passed away last night and I want to kill myself")
    assert [text.reason for text in await house.sent("safety")] == ["crisis"]


async def test_a_death_alone_gets_no_text(house: House) -> None:
    house.clock.time = SATURDAY
    await house.text(house.clinic.ana.number, "She passed away last night")
    assert await house.sent("safety") + await house.sent("answer") == []


async def test_a_wrong_second_number_does_not_end_the_check_in_on_the_first(house: House) -> None:
    chi = house.clinic.chi
    await house.start_flow(chi)
    async with house.database.transaction() as connection:
        phone_id = await seed_phone(connection, chi.organization_id, MONDAY, SECOND)
        row = {"id": new_id(MONDAY), "organization_id": chi.organization_id, "patient_id": chi.id, "phone_id": phone_id, "position": 1}
        await connection.execute(sa.insert(patient_phones).values(row))
    await house.text(SECOND, "wrong number")
    [session] = await house.rows(flow_sessions)
    assert session.status == "waiting"
    await house.text(chi.number, "wrong number")
    [session] = await house.rows(flow_sessions)
    assert session.status != "waiting"


@pytest.mark.parametrize("number", ["00021", "0002", "3", "22"])
async def test_a_number_that_is_not_on_the_list_names_nobody(house: House, number: str) -> None:
    for body in ("good morning", number):
        assert await house.text(house.clinic.fay.number, body) == "stored"


async def test_a_death_told_by_the_patients_name_ends_check_ins_without_a_text(house: House) -> None:
    await house.start_flow(house.clinic.chi)
    before = len(await house.sent("answer"))
    await house.text(house.clinic.chi.number, "This is her son, Chi passed away yesterday")
    [chi] = await house.rows(patients, patients.c.id == house.clinic.chi.id)
    assert chi.status == "deceased"
    assert len(await house.sent("answer")) == before
