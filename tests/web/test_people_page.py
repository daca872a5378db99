"""The page of numbers and people: staff confirm and end numbers, sign for relatives, and record a stop that was told to them."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from sqlalchemy import Table, insert, select, update

from service.db.audit import audit_events
from service.db.database import Database
from service.db.patient import consents, patient_phones, phones, related_persons
from service.db.schema import new_id
from tests.seed import Clinic, Person, seed_item, seed_phone
from tests.web.conftest import NOW, Browser, NewBrowser

pytestmark = pytest.mark.law(4, 10)
DAUGHTER = {
    "name": "Dora Sample",
    "relation": "daughter",
    "number": "(202) 555-0171",
    "scope": "readings",
    "signed_by": "The patient",
    "signed_on": "2026-11-01",
    "expires_on": "2027-02-01",
}


async def rows(database: Database, table: Table, *where: Any) -> list[Any]:
    async with database.reading() as connection:
        return list((await connection.execute(select(table).where(*where).order_by(table.c.id))).all())


async def read(browser: Browser, person: Person) -> str:
    status, text, _ = await browser.get(f"/patients/{person.id}/people")
    assert status == 200
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", text)))


async def send(browser: Browser, person: Person, path: str, form: dict[str, str]) -> tuple[int, str]:
    status, text, _ = await browser.post(f"/patients/{person.id}/{path}", form, page=f"/patients/{person.id}/people")
    return status, unescape(text)


async def test_a_relative_is_recorded_with_scope_signature_and_last_day(browse: NewBrowser, database: Database, clinic: Clinic) -> None:
    nora, chi = await browse(clinic.nora), clinic.chi
    assert (await send(nora, chi, "related", DAUGHTER))[0] == 303
    [kept] = await rows(database, related_persons)
    assert (kept.relation, kept.scope, kept.signed_by, str(kept.expires_on)) == ("daughter", ["readings"], "The patient", "2027-02-01")
    page = await read(nora, chi)
    assert "Dora Sample" in page
    assert "May report readings and doses" in page
    assert "Agreed to by The patient" in page
    changed = DAUGHTER | {"related": str(kept.id), "scope": "may_stop"}
    assert (await send(nora, chi, "related", changed))[0] == 303
    assert (await send(nora, chi, "related/end", {"related": str(kept.id)}))[0] == 303
    [kept] = await rows(database, related_persons)
    assert (kept.scope, kept.ended_at is not None) == (["may_stop"], True)
    actions = [row.action for row in await rows(database, audit_events, audit_events.c.patient_id == chi.id)]
    assert {"people_viewed", "related_person_kept", "related_person_ended"} <= set(actions)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"signed_by": ""}, "who has agreed"),
        ({"signed_on": "2027-01-01"}, "in the future"),
        ({"signed_on": "1 November"}, "write it as 2026-03-31"),
        ({"expires_on": "2026-10-01"}, "before the signature"),
        ({"number": ""}, "their own number"),
        ({"number": "12"}, "number is"),
        ({"number": "+12025550103"}, "patient's own number"),
        ({"name": ""}, "Write the name"),
        ({"relation": ""}, "what they are to the patient"),
    ],
)
async def test_what_is_missing_is_said_and_nothing_is_kept(
    browse: NewBrowser, database: Database, clinic: Clinic, wrong: dict[str, str], said: str
) -> None:
    status, text = await send(await browse(clinic.nora), clinic.chi, "related", DAUGHTER | wrong)
    assert status == 422
    assert said in text
    assert await rows(database, related_persons) == []


async def test_numbers_are_confirmed_ended_and_put_first_by_staff(browse: NewBrowser, database: Database, clinic: Clinic) -> None:
    nora, chi = await browse(clinic.nora), clinic.chi
    async with database.transaction() as connection:
        await connection.execute(update(patient_phones).where(patient_phones.c.phone_id == chi.phone_id).values(doubted_at=NOW))
    assert "In doubt" in await read(nora, chi)
    assert (await send(nora, chi, "numbers", {"phone": str(chi.phone_id), "what": "confirm"}))[0] == 303
    assert "In doubt" not in await read(nora, chi)
    assert (await send(nora, chi, "number", {"new_number": "202 555 0161"}))[0] == 303
    [other] = [row for row in await rows(database, phones) if row.number == "+12025550161"]
    assert (await send(nora, chi, "numbers", {"phone": str(other.id), "what": "first"}))[0] == 303
    places = {row.phone_id: row.position for row in await rows(database, patient_phones, patient_phones.c.patient_id == chi.id)}
    assert places == {other.id: 0, chi.phone_id: 1}
    assert (await send(nora, chi, "numbers", {"phone": str(chi.phone_id), "what": "end"}))[0] == 303
    [link] = await rows(database, patient_phones, patient_phones.c.phone_id == chi.phone_id)
    assert link.ended_why == "staff"
    assert all(row.revoked_at is not None for row in await rows(database, consents, consents.c.phone_id == chi.phone_id))


async def test_a_number_that_was_not_safe_is_safe_again_by_staff_alone_and_audited(
    browse: NewBrowser, database: Database, clinic: Clinic
) -> None:
    nora, chi = await browse(clinic.nora), clinic.chi
    again = {"phone": str(chi.phone_id), "what": "safe"}
    assert (await send(nora, chi, "numbers", again))[0] == 422
    async with database.transaction() as connection:
        await connection.execute(update(phones).where(phones.c.id == chi.phone_id).values(unsafe_since=NOW))
    assert "is safe again" in (await nora.get(f"/patients/{chi.id}/people"))[1]
    cora = await browse(clinic.cora)
    assert "is safe again" not in (await cora.get(f"/patients/{chi.id}/people"))[1]
    assert (await send(cora, chi, "numbers", again))[0] == 422
    assert (await send(nora, chi, "numbers", {**again, "what": "confirm"}))[0] == 303
    assert [row.unsafe_since for row in await rows(database, phones, phones.c.id == chi.phone_id)] == [NOW]
    assert (await send(nora, chi, "numbers", again))[0] == 303
    assert [row.unsafe_since for row in await rows(database, phones, phones.c.id == chi.phone_id)] == [None]
    [entry] = await rows(database, audit_events, audit_events.c.action == "number_safe")
    assert (entry.staff_id, entry.patient_id) == (clinic.nora.id, chi.id)


async def test_a_number_of_somebody_else_cannot_be_changed_here(browse: NewBrowser, database: Database, clinic: Clinic) -> None:
    status, text = await send(await browse(clinic.nora), clinic.chi, "numbers", {"phone": str(clinic.ana.phone_id), "what": "end"})
    assert status == 422
    assert "not on this patient's record" in text


async def test_a_stop_told_to_staff_ends_everything_and_is_audited_by_name(browse: NewBrowser, database: Database, clinic: Clinic) -> None:
    nora, chi = await browse(clinic.nora), clinic.chi
    assert (await send(nora, chi, "stop", {}))[0] == 303
    assert all(row.revoked_why == "opt_out" for row in await rows(database, consents, consents.c.patient_id == chi.id))
    [entry] = await rows(database, audit_events, audit_events.c.action == "opted_out")
    assert (entry.staff_id, entry.actor) == (clinic.nora.id, "staff")
    assert (await send(nora, chi, "stop", {}))[0] == 422


async def test_another_teams_nurse_neither_sees_nor_changes_it(browse: NewBrowser, database: Database, clinic: Clinic) -> None:
    omar, chi = await browse(clinic.omar), clinic.chi
    assert (await omar.get(f"/patients/{chi.id}/people"))[0] == 404
    for path, form in (
        ("related", DAUGHTER),
        ("stop", {}),
        ("number", {"new_number": "202 555 0161"}),
        ("numbers", {"phone": str(chi.phone_id), "what": "end"}),
    ):
        status, _, _ = await omar.post(f"/patients/{chi.id}/{path}", form)
        assert status == 404
    assert all(row.revoked_at is None for row in await rows(database, consents, consents.c.patient_id == chi.id))
    assert await rows(database, related_persons) == []


async def test_the_item_says_which_relative_wrote_it(browse: NewBrowser, database: Database, clinic: Clinic) -> None:
    from service.db.communication import communications

    chi = clinic.chi
    item_id = await seed_item(database, chi, NOW)
    async with database.transaction() as connection:
        phone_id = await seed_phone(connection, chi.organization_id, NOW, "+12025550171")
        id = new_id(NOW)
        whose = {"id": id, "organization_id": chi.organization_id, "patient_id": chi.id, "phone_id": phone_id}
        await connection.execute(insert(related_persons).values(**whose, name="Dora Sample", relation="Daughter", scope=[]))
        await connection.execute(update(communications).values(related_person_id=id))
    _, text, _ = await (await browse(clinic.nora)).get(f"/items/{item_id}")
    assert re.search(r"said-who[^>]*>Dora Sample<span[^>]*>, daughter<", text)
