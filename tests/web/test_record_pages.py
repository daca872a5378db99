"""Staff change a record: medicines, limits, conditions, who it is, programmes, team; each with who and why, and nobody else's."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy import Table, insert, select, update

from service.db.audit import audit_events
from service.db.check_in import check_ins, enrollments
from service.db.communication import communications
from service.db.contexts import load_contexts
from service.db.database import Database
from service.db.due_work import due_work
from service.db.escalation import escalation_events, escalations, notes
from service.db.flows import publish
from service.db.patient import conditions, consents, limits, medications, patient_phones, patients, phones
from service.db.record_changes import limit_changes, medication_changes
from service.db.schema import new_id
from service.db.staff import staff as staff_table
from service.domain.urgency import Urgency
from tests.seed import Clinic, Person, seed_item
from tests.web.conftest import NOW, Browser, NewBrowser, shelf_of

pytestmark = pytest.mark.law(8, 10)
MEDICINE = {"name": "Warfarin 5 mg", "kind": "anticoagulant", "instructions": "in the evening", "high_alert": "yes", "reason": "Clot"}
LIMIT = {"limit": "spo2_low", "amount": "94", "unit": "%", "reason": "Home oxygen since May"}


async def rows(database: Database, table: Table, *where: Any) -> list[Any]:
    async with database.reading() as connection:
        return list((await connection.execute(select(table).where(*where).order_by(table.c.id))).all())


async def send(browser: Browser, person: Person, path: str, form: Any) -> tuple[int, str]:
    status, text, _ = await browser.post(f"/patients/{person.id}/{path}", form, page=f"/patients/{person.id}/care")
    return status, re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", text)))


async def test_a_medicine_is_added_changed_and_stopped_with_author_and_reason(
    browse: NewBrowser, database: Database, clinic: Clinic
) -> None:
    nora, chi = await browse(clinic.nora), clinic.chi
    assert (await send(nora, chi, "medicines", MEDICINE))[0] == 303
    [row] = await rows(database, medications, medications.c.kind == "anticoagulant")
    assert (row.name, row.instructions, row.high_alert) == ("Warfarin 5 mg", "in the evening", True)
    which = {"medicine": str(row.id)}
    assert (await send(nora, chi, "medicines/change", MEDICINE | which | {"name": "Warfarin 3 mg", "reason": "INR 3.4"}))[0] == 303
    async with database.transaction() as connection:
        assert (await load_contexts(connection, [chi.id], NOW))[chi.id].high_alert
    assert (await send(nora, chi, "medicines/stop", which | {"reason": "Bleeding"}))[0] == 303
    async with database.transaction() as connection:
        context = (await load_contexts(connection, [chi.id], NOW))[chi.id]
    assert context.medications == ("water_pill",)
    kept = await rows(database, medication_changes)
    assert [(one.what, one.words, one.reason, one.staff_id) for one in kept] == [
        ("added", "Warfarin 5 mg, in the evening", "Clot", clinic.nora.id),
        ("changed", "Warfarin 3 mg, in the evening", "INR 3.4", clinic.nora.id),
        ("stopped", "Warfarin 3 mg, in the evening", "Bleeding", clinic.nora.id),
    ]
    page = (await nora.get(f"/patients/{chi.id}"))[1]
    assert "Medicine stopped" in page
    seen = {row.action for row in await rows(database, audit_events, audit_events.c.patient_id == chi.id)}
    assert {"medicine_added", "medicine_changed", "medicine_stopped"} <= seen


REFUSED: tuple[tuple[str, dict[str, str], str], ...] = (
    ("medicines", MEDICINE | {"name": ""}, "name and strength"),
    ("medicines", MEDICINE | {"kind": "warfarin"}, "what kind"),
    ("medicines", MEDICINE | {"reason": " "}, "Write why"),
    ("medicines", MEDICINE | {"name": "furosemide 40 mg", "kind": "water_pill"}, "on the list already"),
    ("medicines/stop", {"medicine": "x", "reason": "y"}, "not on the list any more"),
    ("limits", LIMIT | {"limit": "height"}, "Choose what the limit is of"),
    ("limits", LIMIT | {"amount": "many"}, "as a number"),
    ("limits", LIMIT | {"unit": "lb"}, "unit does not go"),
    ("limits", LIMIT | {"unit": "bananas"}, "as a number"),
    ("limits", LIMIT | {"amount": "140"}, "within 50-100 %"),
    ("limits", LIMIT | {"amount": "80"}, "which clinician has signed"),
    ("limits", LIMIT | {"reason": ""}, "Write why"),
    ("limits", LIMIT | {"ends_on": "2026-11-01"}, "comes after the first"),
    ("limits", LIMIT | {"starts_on": "2026-11-01"}, "first day is over"),
    ("limits", LIMIT | {"starts_on": "1 May"}, "write it as 2026-03-31"),
    ("limits/end", {"limit": "spo2_low", "reason": "x"}, "does not hold any more"),
    ("conditions", {"condition": "sadness", "reason": "x"}, "from the list"),
    ("conditions", {"condition": "heart_failure", "reason": "x"}, "on the list already"),
    ("conditions/remove", {"condition": "copd", "reason": "x"}, "not on the list"),
    ("record", {"name": "", "language": "en"}, "first and last name"),
    ("record", {"name": "Chi Chen", "language": "fr"}, "Choose the language"),
    ("record", {"name": "Chi Chen", "language": "en", "birth_date": "2030-01-01"}, "living person"),
    ("record", {"name": "Chi Chen", "language": "en", "emergency_instruction": "x"}, "who has signed"),
    ("programmes", {"flow": "nothing/daily", "time": "09:00"}, "Choose a programme"),
    ("programmes/end", {"enrollment": "x", "reason": "y"}, "not in this programme"),
    ("transfer", {"team": "x", "reason": "y"}, "Choose one of your organization"),
)


async def test_what_cannot_be_is_refused_with_words_and_nothing_is_kept(browse: NewBrowser, database: Database, clinic: Clinic) -> None:
    nora = await browse(clinic.nora)
    for path, form, words in REFUSED:
        status, text = await send(nora, clinic.chi, path, form)
        assert (status, words in text) == (422, True), (path, form)
    assert await rows(database, medication_changes) == []
    assert await rows(database, limit_changes) == []
    assert not [
        row for row in await rows(database, audit_events, audit_events.c.patient_id == clinic.chi.id) if row.action != "patient_viewed"
    ]


async def test_a_limit_that_tightens_is_the_nurses_and_one_that_loosens_a_named_clinicians(
    browse: NewBrowser, database: Database, clinic: Clinic
) -> None:
    nora, chi = await browse(clinic.nora), clinic.chi
    assert (await send(nora, chi, "limits", LIMIT))[0] == 303
    [row] = await rows(database, limits)
    assert (row.amount, row.unit, row.loosens, row.author) == (94.0, "%", False, "Nora")
    assert (await send(nora, chi, "limits", LIMIT | {"amount": "86", "clinician": "Dr. Vale"}))[0] == 303
    [row] = await rows(database, limits)
    assert (row.amount, row.loosens, row.author) == (86.0, True, "Dr. Vale")
    async with database.transaction() as connection:
        [limit] = (await load_contexts(connection, [chi.id], NOW))[chi.id].limits
    assert (limit.amount, limit.loosens, limit.author) == (86.0, True, "Dr. Vale")
    assert (await send(nora, chi, "limits/end", {"limit": "spo2_low", "reason": "Better"}))[0] == 303
    async with database.transaction() as connection:
        assert (await load_contexts(connection, [chi.id], NOW))[chi.id].limits == ()
    assert [(one.what, one.amount, one.author) for one in await rows(database, limit_changes)] == [
        ("set", 94.0, "Nora"),
        ("set", 86.0, "Dr. Vale"),
        ("ended", 86.0, "Dr. Vale"),
    ]
    assert (await send(nora, chi, "limits", LIMIT))[0] == 303
    assert len(await rows(database, limits)) == 1


async def test_a_limit_holds_from_its_first_to_its_last_day(browse: NewBrowser, database: Database, clinic: Clinic) -> None:
    nora, chi = await browse(clinic.nora), clinic.chi
    assert (await send(nora, chi, "limits", LIMIT | {"starts_on": "2026-11-20", "ends_on": "2026-11-22"}))[0] == 303
    for days, holds in ((0, False), (4, True), (6, True), (7, False)):
        async with database.transaction() as connection:
            context = (await load_contexts(connection, [chi.id], NOW + timedelta(days=days)))[chi.id]
        assert bool(context.limits) is holds, days


async def test_a_limit_is_stored_in_the_unit_of_the_rules(browse: NewBrowser, database: Database, clinic: Clinic) -> None:
    nora, chi = await browse(clinic.nora), clinic.chi
    kilograms = {"limit": "weight_gain_24h", "amount": "1", "unit": "kg", "reason": "Came in with oedema"}
    assert (await send(nora, chi, "limits", kilograms))[0] == 303
    [row] = await rows(database, limits)
    assert (round(row.amount, 2), row.unit, row.loosens) == (2.2, "lb", False)


async def test_the_problem_list_says_why_in_a_note(browse: NewBrowser, database: Database, clinic: Clinic) -> None:
    nora, chi = await browse(clinic.nora), clinic.chi
    assert (await send(nora, chi, "conditions", {"condition": "copd", "reason": "Spirometry in May"}))[0] == 303
    assert (await send(nora, chi, "conditions/remove", {"condition": "heart_failure", "reason": "Was never confirmed"}))[0] == 303
    assert [row.code for row in await rows(database, conditions, conditions.c.patient_id == chi.id)] == ["copd"]
    assert [row.body for row in await rows(database, notes)] == [
        "Problem list: copd added. Spirometry in May",
        "Problem list: heart failure taken off. Was never confirmed",
    ]


async def test_a_coordinator_keeps_contact_data_and_leaves_judgement_to_the_nurse(
    browse: NewBrowser, database: Database, clinic: Clinic
) -> None:
    cora, chi = await browse(clinic.cora), clinic.chi
    told = {"name": "Chi Chen-Lee", "birth_date": "1950-03-01", "language": "es", "allergies": ""}
    assert (await send(cora, chi, "record", told))[0] == 303
    [row] = await rows(database, patients, patients.c.id == chi.id)
    assert (row.name, row.language, row.searched_at) == ("Chi Chen-Lee", "es", None)
    status, text = await send(cora, chi, "record", told | {"allergies": "Penicillin"})
    assert status == 422
    assert "changed by a nurse" in text
    for path, form in (("medicines", MEDICINE), ("limits", LIMIT), ("conditions", {"condition": "copd", "reason": "x"})):
        assert (await send(cora, chi, path, form))[0] == 404
    assert await rows(database, limits) == []
    nora = await browse(clinic.nora)
    assert (await send(nora, chi, "record", told | {"allergies": "Penicillin"}))[0] == 303
    [entry] = await rows(
        database, audit_events, audit_events.c.action == "patient_details_changed", audit_events.c.staff_id == clinic.nora.id
    )
    assert entry.detail == {"changed": ["allergies"]}


async def test_another_teams_nurse_changes_nothing(browse: NewBrowser, database: Database, clinic: Clinic) -> None:
    omar, chi = await browse(clinic.omar), clinic.chi
    for path, form in (
        ("medicines", MEDICINE),
        ("limits", LIMIT),
        ("record", {"name": "x", "language": "en"}),
        ("transfer", {"team": str(clinic.team_b), "reason": "x"}),
        ("programmes/end", {"enrollment": "x", "reason": "x"}),
        (f"merge/{clinic.ana.id}", {"keep": str(chi.id)}),
    ):
        assert (await omar.post(f"/patients/{chi.id}/{path}", form))[0] == 404
    assert len(await rows(database, medications)) == 1


async def test_a_transfer_takes_open_items_along_and_the_new_team_is_told(browse: NewBrowser, database: Database, clinic: Clinic) -> None:
    nora, omar, chi = await browse(clinic.nora), await browse(clinic.omar), clinic.chi
    item_id = await seed_item(database, chi, NOW, urgency=Urgency.URGENT)
    assert (await nora.post(f"/items/{item_id}/claim", {}, page=f"/items/{item_id}"))[0] == 303
    status, text = await send(nora, chi, "transfer", {"team": str(clinic.team_b), "reason": "Moved to the river side"})
    assert status == 303, text
    [item] = await rows(database, escalations, escalations.c.id == item_id)
    assert (item.team_id, item.state, item.claimed_by, item.acknowledged_at) == (clinic.team_b, "open", None, None)
    assert "transferred" in [row.what for row in await rows(database, escalation_events, escalation_events.c.escalation_id == item_id)]
    paging = await rows(database, due_work, due_work.c.subject_id == item_id, due_work.c.kind == "page_ladder", due_work.c.state == "due")
    assert paging
    assert (await nora.get(f"/patients/{chi.id}"))[0] == 404
    assert (await omar.get(f"/patients/{chi.id}"))[0] == 200
    assert (await omar.get(f"/items/{item_id}"))[0] == 200
    [entry] = await rows(database, audit_events, audit_events.c.action == "patient_transferred")
    assert entry.detail == {"from": str(clinic.team_a), "to": str(clinic.team_b), "items": 1}


async def test_nobody_is_transferred_to_a_team_in_which_nobody_can_judge(browse: NewBrowser, database: Database, clinic: Clinic) -> None:
    async with database.transaction() as connection:
        await connection.execute(update(staff_table).where(staff_table.c.id.in_([clinic.omar.id, clinic.sol.id])).values(disabled_at=NOW))
    status, text = await send(await browse(clinic.nora), clinic.chi, "transfer", {"team": str(clinic.team_b), "reason": "x"})
    assert status == 422
    assert "No nurse works in that team" in text


async def test_a_patient_is_enrolled_and_the_programme_ended_on_the_page(browse: NewBrowser, database: Database, clinic: Clinic) -> None:
    nora, chi = await browse(clinic.nora), clinic.chi
    flow = next(flow for key, flow in shelf_of("weekly").flows.items() if flow.kind == "check_in")
    programme, _, name = flow.key.partition("/")
    async with database.transaction() as connection:
        content, hash = flow.to_json(), flow.version
        await publish(connection, clinic.organization_id, programme=programme, flow=name, content_hash=hash, content=content, now=NOW)
    status, text = await send(nora, chi, "programmes", {"flow": flow.key, "time": "11:00"})
    assert status == 422
    assert "is approved" in text
    await approve(database, clinic)
    assert (await send(nora, chi, "programmes", {"flow": flow.key, "time": "11:00"}))[0] == 303
    [place] = await rows(database, enrollments)
    assert (place.status, place.wall_time.hour, place.patient_id) == ("active", 11, chi.id)
    assert await rows(database, communications, communications.c.purpose == "opening")
    [entry] = await rows(database, audit_events, audit_events.c.action == "patient_enrolled")
    assert entry.staff_id == clinic.nora.id
    when = {"local_date": NOW.date(), "slot": 0, "due_at": NOW, "useful_until": NOW, "status": "planned"}
    async with database.transaction() as connection:
        own = {"id": new_id(NOW), "organization_id": clinic.organization_id, "patient_id": chi.id, "enrollment_id": place.id}
        await connection.execute(insert(check_ins).values(**own, **when))
    assert (await send(nora, chi, "programmes/end", {"enrollment": str(place.id), "reason": "Graduated"}))[0] == 303
    assert [row.status for row in await rows(database, enrollments)] == ["ended"]
    assert [row.status for row in await rows(database, check_ins)] == ["cancelled"]


async def test_check_ins_are_paused_and_resumed_on_the_page(browse: NewBrowser, database: Database, clinic: Clinic) -> None:
    nora, chi = await browse(clinic.nora), clinic.chi
    status, text = await send(nora, chi, "pause", {"kind": "hospital", "why_paused": "Hip", "until": "2026-11-20"})
    assert status == 422
    assert "no end date" in text
    assert (await send(nora, chi, "pause", {"kind": "hospital", "why_paused": "Hip"}))[0] == 303
    assert [row.status for row in await rows(database, patients, patients.c.id == chi.id)] == ["paused"]
    assert "Hip" in (await nora.get(f"/patients/{chi.id}/record"))[1]
    assert (await send(nora, chi, "resume", {}))[0] == 303
    assert [row.status for row in await rows(database, patients, patients.c.id == chi.id)] == ["active"]
    assert (await send(nora, chi, "resume", {}))[0] == 422
    assert (await send(await browse(clinic.cora), chi, "pause", {"kind": "away", "why_paused": "x"}))[0] == 404


async def approve(database: Database, clinic: Clinic) -> None:
    from service.db.check_in import flow_approvals, flow_versions

    [version] = await rows(database, flow_versions)
    async with database.transaction() as connection:
        own = {"id": new_id(NOW), "organization_id": clinic.organization_id, "flow_version_id": version.id}
        await connection.execute(insert(flow_approvals).values(**own, clinician="Dr. Vale", approved_at=NOW))


NEW = {
    "name": "Hal Hughes",
    "birth_date": "1948-02-03",
    "record_number": "R-77",
    "phone": "(202) 555-0177",
    "language": "en",
    "consent_sms": "2026-11-10",
    "consent_method": "paper",
    "consent_source": "form at discharge",
    "consent_wording": "1",
    "conditions": "copd",
    "medicine_0": "Warfarin 5 mg",
    "kind_0": "anticoagulant",
    "alert_0": "yes",
    "related_name": "Hope Hughes",
    "relation": "wife",
}


async def test_a_new_patient_is_put_on_record_with_the_words_of_the_consent(browse: NewBrowser, database: Database, clinic: Clinic) -> None:
    nora = await browse(clinic.nora)
    page = (await nora.get("/patients/new"))[1]
    assert "Riverside Clinic may send" in unescape(page)
    status, _, response = await nora.post("/patients/new", NEW, page="/patients/new")
    assert status == 303
    [row] = await rows(database, patients, patients.c.record_number_index.is_not(None))
    assert response.headers["Location"] == f"/patients/{row.id}/record"
    assert (row.name, row.team_id, row.birth_date) == ("Hal Hughes", clinic.team_a, "1948-02-03")
    [consent] = await rows(database, consents, consents.c.patient_id == row.id)
    assert (consent.method, consent.taken_by, consent.wording_id is not None) == ("paper", clinic.nora.id, True)
    [link] = await rows(database, patient_phones, patient_phones.c.patient_id == row.id)
    [phone] = await rows(database, phones, phones.c.id == link.phone_id)
    assert phone.number == "+12025550177"
    assert [one.high_alert for one in await rows(database, medications, medications.c.patient_id == row.id)] == [True]
    [entry] = await rows(database, audit_events, audit_events.c.action == "patient_registered")
    assert entry.staff_id == clinic.nora.id


WRONG: tuple[tuple[dict[str, str], str], ...] = (
    ({"name": ""}, "name"),
    ({"phone": "12"}, "phone"),
    ({"birth_date": "yesterday"}, "birth date"),
    ({"consent_wording": "99"}, "words are not on record"),
    ({"conditions": "sadness"}, "no rule knows"),
    ({"kind_0": "warfarin"}, "no rule knows"),
    ({"team": "Team B"}, "none of yours"),
)


async def test_a_new_patient_with_a_wrong_field_is_not_kept_and_the_form_is_as_it_was(
    browse: NewBrowser, database: Database, clinic: Clinic
) -> None:
    nora = await browse(clinic.nora)
    for wrong, words in WRONG:
        status, text, _ = await nora.post("/patients/new", NEW | wrong, page="/patients/new")
        assert (status, words in unescape(text), 'value="R-77"' in text) == (422, True, True), wrong
    assert len(await rows(database, patients)) == 7


async def test_a_record_number_is_given_once_and_only_by_who_may(browse: NewBrowser, database: Database, clinic: Clinic) -> None:
    nora = await browse(clinic.nora)
    assert (await nora.post("/patients/new", NEW, page="/patients/new"))[0] == 303
    status, text, _ = await nora.post("/patients/new", NEW, page="/patients/new")
    assert status == 422
    assert "registered already" in text
    assert (await (await browse(clinic.ada)).get("/patients/new"))[0] in (403, 404)


async def test_two_records_are_merged_on_the_page_and_the_old_address_leads_to_the_one_that_stays(
    browse: NewBrowser, database: Database, clinic: Clinic
) -> None:
    nora, fay, gus = await browse(clinic.nora), clinic.fay, clinic.gus
    page = (await nora.get("/patients/doubles"))[1]
    assert f"/patients/{fay.id}/merge/{gus.id}" in page
    at = f"/patients/{fay.id}/merge/{gus.id}"
    assert (await nora.post(at, {}, page=at))[0] == 422
    status, _, response = await nora.post(at, {"keep": str(gus.id)}, page=at)
    assert (status, response.headers["Location"]) == (303, f"/patients/{gus.id}")
    status, _, response = await nora.get(f"/patients/{fay.id}")
    assert (status, response.headers["Location"]) == (303, f"/patients/{gus.id}")
    assert "Fay Foster" not in (await nora.get("/patients"))[1]
