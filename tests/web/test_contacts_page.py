"""The page of next contacts: it says what the ruling at sending will be, in words, and staff record consents and changes there."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from service.actions.judge_contacts import Judge
from service.actions.judge_texts import contact_of
from service.db import outbox
from service.db.check_in import check_ins, enrollments
from service.db.communication import communications
from service.db.database import Database
from service.db.organization import holidays, organizations
from service.db.patient import consents, patients, related_persons
from service.db.schema import new_id
from service.domain.communication import Purpose
from tests.seed import Clinic, Person, seed_item
from tests.web.conftest import LAW, NOW, Browser, NewBrowser

pytestmark = pytest.mark.law(4, 10)


async def waiting(database: Database, person: Person, purpose: Purpose = Purpose.CHECK_IN, **values: Any) -> Any:
    """A text that is due."""
    id = new_id(NOW)
    row = {"organization_id": person.organization_id, "patient_id": person.id, "phone_id": person.phone_id, "direction": "out"}
    row |= {"channel": "sms", "purpose": purpose, "lane": "routine", "status": "due", "body": "Hello", "programme": "heart_failure"}
    async with database.transaction() as connection:
        await connection.execute(insert(communications).values(id=id, created_at=NOW, due_at=NOW, status_at=NOW, **{**row, **values}))
    return id


async def change(database: Database, statement: Any) -> None:
    async with database.transaction() as connection:
        await connection.execute(statement)


async def planned(database: Database, person: Person, at: datetime, *, useful: timedelta = timedelta(hours=4)) -> None:
    """A check-in that is planned, of an enrollment whose draft runs in a demo organization."""
    enrollment_id = new_id(NOW)
    async with database.transaction() as connection:
        await connection.execute(update(organizations).values(is_demo=1))
        await connection.execute(
            insert(enrollments).values(
                id=enrollment_id,
                organization_id=person.organization_id,
                patient_id=person.id,
                programme="heart_failure",
                flow="daily",
                rule="daily",
                wall_time=time(10),
                high_risk=False,
                starts_on=date(2026, 11, 1),
                stops_on=date(2026, 12, 30),
                status="active",
                created_at=NOW,
            )
        )
        await connection.execute(
            insert(check_ins).values(
                id=new_id(NOW),
                organization_id=person.organization_id,
                patient_id=person.id,
                enrollment_id=enrollment_id,
                local_date=at.date(),
                slot=0,
                due_at=at,
                useful_until=at + useful,
                status="planned",
            )
        )


async def contacts(browser: Browser, person: Person) -> str:
    status, text, _ = await browser.get(f"/patients/{person.id}/contacts")
    assert status == 200
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", text)))


async def test_what_waits_is_shown_with_the_ruling_that_sending_gives(browse: NewBrowser, database: Database, clinic: Clinic) -> None:
    nora = await browse(clinic.nora)
    id = await waiting(database, clinic.chi)
    page = await contacts(nora, clinic.chi)
    assert "10:00 am Will be sent Check-in, by text, Heart failure" in page
    assert "To the number that ends in 0103, from (202) 555-0100" in page
    assert clinic.chi.number not in page
    await change(database, update(patients).where(patients.c.id == clinic.chi.id).values(contact_from=time(11), contact_until=time(18)))
    page = await contacts(nora, clinic.chi)
    assert "Held until 11:00 am" in page
    assert "the patient wants no messages at this hour" in page
    assert "Patient's wish: 11:00 am to 6:00 pm" in page
    async with database.reading() as connection:
        [text] = await outbox.load(connection, [id])
        judge = await Judge.load(connection, LAW, [contact_of(text)], NOW)
        ruling = judge.ruling(contact_of(text), NOW)
    assert (ruling.verdict, ruling.why, ruling.until) == ("hold", "own_hours", datetime(2026, 11, 16, 16, 0, tzinfo=UTC))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (update(consents).values(revoked_at=NOW), "there is no consent"),
        (update(consents).values(ends_at=NOW), "there is no consent"),
        (update(patients).values(status="deceased"), "messages to this patient have been stopped"),
        (update(patients).values(state="TX", zone="America/Chicago", contact_days="0111111"), "the patient wants no messages on this day"),
        (update(consents).values(per_day=0), "the agreed number of messages was reached"),
        (update(consents).values(per_week=0), "the agreed number of messages in seven days was reached"),
    ],
)
async def test_what_will_not_leave_says_why(browse: NewBrowser, database: Database, clinic: Clinic, spoil: Any, said: str) -> None:
    nora = await browse(clinic.nora)
    await waiting(database, clinic.chi)
    await change(database, spoil)
    assert said in await contacts(nora, clinic.chi)


async def test_a_planned_check_in_is_judged_at_its_own_time(browse: NewBrowser, database: Database, clinic: Clinic) -> None:
    nora = await browse(clinic.nora)
    await planned(database, clinic.chi, NOW + timedelta(days=1))
    page = await contacts(nora, clinic.chi)
    assert "no clinician's approval of this check-in stands" in page, "nothing of it is published"
    assert "Planned, not written yet" in page
    await change(database, insert(holidays).values(id=new_id(NOW), organization_id=clinic.organization_id, local_date=date(2026, 11, 26)))
    assert "26 November 2026" in await contacts(nora, clinic.chi)


async def test_the_words_of_a_consent_are_kept_and_it_is_withdrawn_by_name(browse: NewBrowser, database: Database, clinic: Clinic) -> None:
    nora = await browse(clinic.nora)
    path = f"/patients/{clinic.chi.id}"
    form = {"phone_id": str(clinic.chi.phone_id), "channel": "sms", "per_day": "1", "per_week": "7", "method": "paper", "version": "1"}
    status, text, _ = await nora.post(f"{path}/consents", form | {"version": "9"}, page=f"{path}/contacts")
    assert status == 422
    assert "its words have to be on record" in text
    status, _, _ = await nora.post(f"{path}/consents", form, page=f"{path}/contacts")
    assert status == 303
    page = await contacts(nora, clinic.chi)
    assert "1 a day, 7 in seven days" in page
    assert "paper, taken by Nora" in page
    assert "Riverside Clinic may send automatic text messages" in page
    assert "Texts and calls are not encrypted" in page
    assert "(replaced)" in page, "the older consent for the same number ended"
    async with database.reading() as connection:
        live = (
            await connection.execute(select(consents.c.id).where(consents.c.patient_id == clinic.chi.id, consents.c.revoked_at.is_(None)))
        ).all()
    [(id,)] = live
    status, _, _ = await nora.post(f"{path}/withdraw", {"consent": str(id), "why": "said so on the phone"}, page=f"{path}/contacts")
    assert status == 303
    page = await contacts(nora, clinic.chi)
    assert "by Nora (said so on the phone)" in page


async def test_a_minors_consent_is_a_representatives_and_ends_when_they_come_of_age(
    browse: NewBrowser, database: Database, clinic: Clinic
) -> None:
    nora = await browse(clinic.nora)
    await change(database, update(patients).where(patients.c.id == clinic.ben.id).values(birth_date="2010-02-28"))
    path = f"/patients/{clinic.ben.id}"
    form = {"phone_id": str(clinic.ben.phone_id), "channel": "sms", "per_day": "1", "method": "verbal", "version": "1"}
    status, text, _ = await nora.post(f"{path}/consents", form, page=f"{path}/contacts")
    assert status == 422
    assert "The patient is a minor" in text
    parent = form | {"representative": "Bea Brooks", "relation": "mother"}
    status, text, _ = await nora.post(f"{path}/consents", parent | {"ends_on": "2028-03-01"}, page=f"{path}/contacts")
    assert "until 2028-02-28 at the latest" in text
    status, _, _ = await nora.post(f"{path}/consents", parent, page=f"{path}/contacts")
    assert status == 303
    assert "by Bea Brooks (mother), by word of mouth, taken by Nora; holds until Mon 28 Feb 2028" in await contacts(nora, clinic.ben)
    async with database.reading() as connection:
        [person] = (await connection.execute(select(related_persons).where(related_persons.c.patient_id == clinic.ben.id))).all()
    assert (person.name, person.relation, person.scope) == ("Bea Brooks", "mother", [])


async def test_care_that_ended_stops_everything_and_coming_back_starts_it(browse: NewBrowser, database: Database, clinic: Clinic) -> None:
    nora = await browse(clinic.nora)
    await waiting(database, clinic.chi)
    path = f"/patients/{clinic.chi.id}"
    for status in ("hospice", "deceased", "left"):
        assert (await nora.post(f"{path}/care", {"status": status}, page=f"{path}/contacts"))[0] == 303
        assert "messages to this patient have been stopped" in await contacts(nora, clinic.chi)
    assert (await nora.post(f"{path}/care", {"status": "left"}, page=f"{path}/contacts"))[0] == 422
    assert (await nora.post(f"{path}/care", {"status": "active"}, page=f"{path}/contacts"))[0] == 303
    assert "Will be sent" in await contacts(nora, clinic.chi)


async def test_where_a_patient_lives_is_recorded_and_an_impossible_wish_is_not(
    browse: NewBrowser, database: Database, clinic: Clinic
) -> None:
    nora = await browse(clinic.nora)
    path = f"/patients/{clinic.chi.id}"
    form = [("zone", "America/Chicago"), ("state", "tx"), ("hours", "10:00-18:00"), ("days", "monday"), ("days", "friday")]
    assert (await nora.post(f"{path}/place", form, page=f"{path}/contacts"))[0] == 303
    page = await contacts(nora, clinic.chi)
    assert "Law of Texas: 9:00 am to 9:00 pm; Sunday 12:00 pm to 9:00 pm" in page
    assert "Patient's wish: only on Monday, Friday" in page
    for wrong, said in (
        ({"zone": "Texas"}, "is no time zone"),
        ({"zone": "America/Chicago", "state": "XX"}, "two letters"),
        ({"zone": "America/Chicago", "hours": "20:00-21:00"}, "leave none in common"),
    ):
        status, text, _ = await nora.post(f"{path}/place", wrong, page=f"{path}/contacts")
        assert (status, said in text) == (422, True)


async def test_other_teams_patients_are_not_found(browse: NewBrowser, database: Database, clinic: Clinic) -> None:
    omar = await browse(clinic.omar)
    path = f"/patients/{clinic.chi.id}"
    assert (await omar.get(f"{path}/contacts"))[0] == 404
    for part, form in (("consents", {"channel": "sms"}), ("care", {"status": "deceased"}), ("place", {"zone": "UTC"})):
        assert (await omar.post(f"{path}/{part}", form))[0] == 404
    async with database.reading() as connection:
        assert await connection.scalar(select(patients.c.status).where(patients.c.id == clinic.chi.id)) == "active"


async def test_the_page_of_an_item_leads_there(browse: NewBrowser, database: Database, clinic: Clinic) -> None:
    nora = await browse(clinic.nora)
    item_id = await seed_item(database, clinic.chi, NOW)
    _, text, _ = await nora.get(f"/items/{item_id}")
    assert f'href="/patients/{clinic.chi.id}/contacts"' in text
