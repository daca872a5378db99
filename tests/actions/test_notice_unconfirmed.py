"""A number that nobody has ever confirmed: no answer from it says anything about the patient."""

from __future__ import annotations

from datetime import date, time, timedelta
from uuid import UUID

import pytest
from sqlalchemy import LargeBinary, insert, type_coerce, update

from service.actions.notice_unconfirmed import notice_unconfirmed
from service.db.check_in import enrollments
from service.db.escalation import concerns, escalations
from service.db.patient import consents, patient_phones, patients
from service.db.schema import new_id
from service.engine.opening import UNCONFIRMED
from tests.actions.house import House


async def enroll(house: House, patient_id: UUID) -> None:
    """Enrolled now, with a number that is not confirmed."""
    now = house.clock.now()
    async with house.database.transaction() as connection:
        await connection.execute(update(patient_phones).where(patient_phones.c.patient_id == patient_id).values(confirmed_at=None))
        await connection.execute(
            insert(enrollments).values(
                id=new_id(now),
                organization_id=house.clinic.organization_id,
                patient_id=patient_id,
                programme="heart_failure",
                flow="daily",
                rule="daily",
                wall_time=time(9),
                high_risk=False,
                starts_on=date(2026, 11, 1),
                stops_on=date(2026, 12, 31),
                status="active",
                created_at=now,
            )
        )


@pytest.mark.law(12)
async def test_a_patient_whose_record_cannot_be_read_keeps_no_other_from_being_noticed(house: House) -> None:
    ana, chi = house.clinic.ana, house.clinic.chi
    await enroll(house, ana.id)
    await enroll(house, chi.id)
    async with house.database.transaction() as connection:
        spoilt = {"name": type_coerce(b"\x01k" * 20, LargeBinary)}
        await connection.execute(update(patients).where(patients.c.id == chi.id).values(**spoilt))
    later = house.clock.now() + timedelta(hours=25)
    assert await notice_unconfirmed(house.database, house.knowledge, later) == 2
    items = await house.rows(escalations)
    assert [row.patient_id for row in items if row.kind == "clinical"] == [ana.id]
    [told] = [row for row in items if row.kind != "clinical"]
    assert "never confirmed" in told.summary
    assert await notice_unconfirmed(house.database, house.knowledge, later) == 1, "tried again, and told of once"
    assert len(await house.rows(escalations)) == 2


@pytest.mark.law(2)
async def test_an_unconfirmed_number_is_an_item_after_a_day_and_only_once(house: House) -> None:
    await enroll(house, house.clinic.ana.id)
    assert await notice_unconfirmed(house.database, house.knowledge, house.clock.now() + timedelta(hours=23)) == 0
    later = house.clock.now() + timedelta(hours=25)
    assert await notice_unconfirmed(house.database, house.knowledge, later) == 1
    assert await notice_unconfirmed(house.database, house.knowledge, later) == 0
    assert [concern.rule for concern in await house.rows(concerns)] == [UNCONFIRMED]


@pytest.mark.law(2)
async def test_another_number_that_is_confirmed_does_not_hide_that_check_ins_cannot_start(house: House) -> None:
    ana, ben = house.clinic.ana, house.clinic.ben
    await enroll(house, ana.id)
    [number] = await house.rows(patient_phones, patient_phones.c.patient_id == ben.id)
    now = house.clock.now()
    second = {"organization_id": number.organization_id, "patient_id": ana.id, "phone_id": number.phone_id, "position": 1}
    async with house.database.transaction() as connection:
        await connection.execute(insert(patient_phones).values(id=new_id(now), confirmed_at=now, **second))
    assert await notice_unconfirmed(house.database, house.knowledge, now + timedelta(hours=25)) == 1


async def test_the_patients_own_text_confirms_the_number_but_a_strangers_does_not(house: House) -> None:
    ana, ben = house.clinic.ana, house.clinic.ben
    await enroll(house, ana.id)
    await enroll(house, ben.id)
    await house.text(ana.number, "good morning")
    await house.text(ben.number, "wrong number, I don't know any Ben")
    later = house.clock.now() + timedelta(hours=25)
    confirmed = {row.patient_id for row in await house.rows(patient_phones, patient_phones.c.confirmed_at.is_not(None))}
    assert ana.id in confirmed
    assert ben.id not in confirmed
    assert await notice_unconfirmed(house.database, house.knowledge, later) == 1


async def test_no_to_is_this_you_is_a_wrong_number_and_yes_confirms_it(house: House) -> None:
    ana, ben = house.clinic.ana, house.clinic.ben
    await enroll(house, ana.id)
    await enroll(house, ben.id)
    await house.text(ana.number, "YES")
    await house.text(ben.number, "No")
    confirmed = {row.patient_id for row in await house.rows(patient_phones, patient_phones.c.confirmed_at.is_not(None))}
    assert ana.id in confirmed
    assert ben.id not in confirmed
    assert [concern.rule for concern in await house.rows(concerns)] == ["machine.wrong_number"]
    assert all(one.revoked_at is not None for one in await house.rows(consents, consents.c.patient_id == ben.id))


@pytest.mark.law(1)
async def test_a_red_flag_from_an_unconfirmed_number_is_an_emergency_all_the_same(house: House) -> None:
    await enroll(house, house.clinic.ana.id)
    await house.text(house.clinic.ana.number, "I have chest pain")
    assert {item.urgency_rank for item in await house.rows(escalations)} == {0}


async def test_any_further_text_on_an_open_emergency_pages_again_after_two_minutes(house: House) -> None:
    ana = house.clinic.ana
    await house.text(ana.number, "I have chest pain")
    await house.text(ana.number, "please hurry")
    assert len(await house.paged()) == 1
    house.clock.time += timedelta(minutes=2, seconds=1)
    await house.text(ana.number, "thank you")
    assert [page.rung for page in await house.paged()] == [0, 0]
