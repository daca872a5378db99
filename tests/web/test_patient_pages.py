"""The list of patients, and a patient's page: card, time line, paper. Each read is audited; another team's patient does not exist."""

from __future__ import annotations

import re
from datetime import date, timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy import Table, insert, select, update

from service.db.audit import audit_events
from service.db.check_in import check_ins, enrollments
from service.db.communication import communications
from service.db.database import Database
from service.db.observation import observations
from service.db.patient import patients, phones
from service.db.patient_search import take_in
from service.db.pauses import pauses
from service.db.schema import new_id
from service.domain.urgency import Urgency
from tests.seed import Clinic, Person, seed_item, seed_patient
from tests.web.conftest import NOW, Browser, NewBrowser

pytestmark = pytest.mark.law(10)


async def rows(database: Database, table: Table, *where: Any) -> list[Any]:
    async with database.reading() as connection:
        return list((await connection.execute(select(table).where(*where).order_by(table.c.id))).all())


async def put(database: Database, table: Table, person: Person, **values: Any) -> Any:
    id = new_id(NOW)
    async with database.transaction() as connection:
        own = {"id": id, "organization_id": person.organization_id, "patient_id": person.id}
        await connection.execute(insert(table).values(**own, **values))
    return id


def said(text: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", text)))


async def read(browser: Browser, path: str) -> str:
    status, text, _ = await browser.get(path)
    assert status == 200
    return said(text)


async def text_to(database: Database, person: Person, body: str, at: Any, **more: Any) -> Any:
    usual = {"phone_id": person.phone_id, "direction": "out", "channel": "sms", "purpose": "check_in", "lane": "routine"}
    return await put(
        database, communications, person, **(usual | {"status": "delivered", "body": body, "created_at": at, "status_at": at} | more)
    )


async def test_the_list_holds_the_patients_of_ones_own_teams_with_programme_state_and_open_item(
    browse: NewBrowser, database: Database, clinic: Clinic
) -> None:
    await seed_item(database, clinic.chi, NOW, urgency=Urgency.URGENT)
    async with database.transaction() as connection:
        await connection.execute(update(patients).where(patients.c.id == clinic.ben.id).values(status="paused"))
    nora = await browse(clinic.nora)
    page = await read(nora, "/patients")
    assert all(name in page for name in ("Ana Alvarez", "Ben Brooks", "Chi Chen", "Urgent", "Paused"))
    assert "Eva Estrada" not in page
    assert "Eva Estrada" in await read(await browse(clinic.omar), "/patients")
    paused = await read(nora, "/patients?status=paused")
    assert "Ben Brooks" in paused
    assert "Chi Chen" not in paused
    assert (await (await browse(clinic.ada)).get("/patients"))[0] in (403, 404)


async def test_a_patient_is_found_by_name_birth_date_and_number(browse: NewBrowser, database: Database, clinic: Clinic) -> None:
    async with database.transaction() as connection:
        await connection.execute(update(patients).where(patients.c.id == clinic.chi.id).values(birth_date="1961-07-09"))
    async with database.transaction() as connection:
        await take_in(connection, NOW, 50)
    nora = await browse(clinic.nora)
    for typed in ("chi", "chen ch", "1961-07-09", "0103"):
        status, page, _ = await nora.post("/patients", {"q": typed}, page="/patients")
        assert status == 200
        assert "Chi Chen" in page, typed
        assert "Ana Alvarez" not in page, typed
    assert "No patient of your teams fits this" in (await nora.post("/patients", {"q": "eva"}, page="/patients"))[1]
    assert "Ana Alvarez" in await read(nora, "/patients?q=chi")  # what is searched for stands in no address, and none is heeded
    status, _, answer = await nora.post("/patients", {"q": " ", "status": "active"}, page="/patients")
    assert (status, answer.headers["Location"]) == (303, "/patients?status=active")


async def test_the_time_line_tells_everything_and_its_filters_stand_in_the_address(
    browse: NewBrowser, database: Database, clinic: Clinic
) -> None:
    nora, chi = await browse(clinic.nora), clinic.chi
    await seed_item(database, chi, NOW, words="my ankles are <b>huge</b>", highlight="huge")
    await text_to(database, chi, "What is your weight?", NOW, status="undelivered", error_code="30003")
    reading = {
        "kind": "value",
        "name": "weight",
        "value": 182.4,
        "unit": "lb",
        "rule": "r",
        "span_start": 0,
        "span_end": 1,
        "taken_at": NOW,
    }
    await put(database, observations, chi, **reading)
    dose = reading | {"kind": "medication", "name": "missed", "value": None, "unit": "", "detail": "water_pill"}
    await put(database, observations, chi, **dose)
    pause = {"kind": "away", "state": "on", "begins_at": NOW, "reason": "Visits her sister", "created_at": NOW}
    await put(database, pauses, chi, **pause)
    _, raw, _ = await nora.get(f"/patients/{chi.id}")
    assert "<b>huge" not in raw
    page = said(raw)
    for words in ("my ankles are <b>huge</b>", "What is your weight?", "not delivered (30003)", "182.4 lb", "Dose missed", "water pill"):
        assert words in page, words
    assert "Visits her sister" in page
    assert "Agreed to texts" in page
    only = await read(nora, f"/patients/{chi.id}?type=dose&type=pause")
    assert "Dose missed" in only
    assert "Visits her sister" in only
    assert "What is your weight?" not in only
    failed = await read(nora, f"/patients/{chi.id}?type=failure")
    assert "What is your weight?" in failed
    assert "ankles" not in failed


async def test_the_time_line_is_walked_page_by_page_without_a_gap_or_a_double(
    browse: NewBrowser, database: Database, clinic: Clinic
) -> None:
    nora, chi = await browse(clinic.nora), clinic.chi
    for n in range(120):  # many at the same instant: the key has to tell them apart
        await text_to(database, chi, f"text number {n}.", NOW - timedelta(minutes=n // 7))
    path, seen = f"/patients/{chi.id}?type=text", []
    for _ in range(4):
        _, raw, _ = await nora.get(path)
        seen += re.findall(r"text number (\d+)\.", raw)
        found = re.search(r'href="([^"]+)" rel="next"', raw)
        if found is None:
            break
        path = unescape(found[1])
    assert len(seen) == 120
    assert len(set(seen)) == 120
    assert await read(nora, f"/patients/{chi.id}?before=nonsense")


async def test_every_page_of_a_patient_is_audited_and_another_teams_is_not_there(
    browse: NewBrowser, database: Database, clinic: Clinic
) -> None:
    nora, omar, chi = await browse(clinic.nora), await browse(clinic.omar), clinic.chi
    for part in ("", "/print", "/charts", "/doses", "/care", "/record"):
        assert (await nora.get(f"/patients/{chi.id}{part}"))[0] == 200
        assert (await omar.get(f"/patients/{chi.id}{part}"))[0] == 404
    seen = await rows(database, audit_events, audit_events.c.action == "patient_viewed", audit_events.c.patient_id == chi.id)
    assert [row.staff_id for row in seen] == [clinic.nora.id] * 6
    assert (await omar.get(f"/patients/{clinic.eva.id}/merge/{chi.id}"))[0] == 404


async def test_what_must_be_known_first_stands_on_top(browse: NewBrowser, database: Database, clinic: Clinic) -> None:
    nora = await browse(clinic.nora)
    assert "Shared phone." in await read(nora, f"/patients/{clinic.fay.id}")
    async with database.transaction() as connection:
        await connection.execute(update(phones).where(phones.c.id == clinic.chi.phone_id).values(unsafe_since=NOW))
        words = {"emergency_instruction": "Call the hospice line", "emergency_instruction_by": "Dr. Vale", "allergies": "Penicillin"}
        await connection.execute(update(patients).where(patients.c.id == clinic.chi.id).values(**words))
    page = await read(nora, f"/patients/{clinic.chi.id}")
    assert "Do not call or text." in page
    assert "Call the hospice line" in page
    assert "Penicillin" in page
    assert "Shared phone." not in page


async def test_the_paper_holds_ninety_days(browse: NewBrowser, database: Database, clinic: Clinic) -> None:
    nora, chi = await browse(clinic.nora), clinic.chi
    await text_to(database, chi, "Eighty days ago.", NOW - timedelta(days=80))
    await text_to(database, chi, "A hundred days ago.", NOW - timedelta(days=100))
    page = await read(nora, f"/patients/{chi.id}/print")
    assert "Eighty days ago." in page
    assert "A hundred days ago." not in page


async def test_a_chart_says_the_last_value_the_change_and_shows_its_table(browse: NewBrowser, database: Database, clinic: Clinic) -> None:
    nora, chi = await browse(clinic.nora), clinic.chi
    value = {"kind": "value", "rule": "r", "span_start": 0, "span_end": 5}
    for days, pounds in ((20, 180.0), (1, 184.0), (0, 185.5)):
        await put(database, observations, chi, name="weight", value=pounds, unit="lb", taken_at=NOW - timedelta(days=days), **value)
    pressure = {"name": "blood_pressure", "value": 128, "value_2": 82, "unit": "mmHg", "taken_at": NOW}
    await put(database, observations, chi, **pressure, **value)
    status, raw, _ = await nora.get(f"/patients/{chi.id}/charts")
    page = said(raw)
    assert status == 200
    assert raw.count('<svg class="chart"') == 2
    assert "185.5 lb" in page
    assert "up 5.5 lb since" in page
    assert "128/82 mmHg" in page
    assert "18 days without a reading are left open" in page
    assert "up 1.5 lb since" in await read(nora, f"/patients/{chi.id}/charts?days=7")
    assert raw.count("<td") >= 5


async def test_readings_are_shown_in_the_unit_that_the_patient_wrote(browse: NewBrowser, database: Database, clinic: Clinic) -> None:
    nora, chi = await browse(clinic.nora), clinic.chi
    words = await text_to(database, chi, "92.5 kg today", NOW, direction="in", status="received")
    value = {"kind": "value", "name": "weight", "value": 203.93, "unit": "lb", "rule": "r", "span_start": 0, "span_end": 7}
    await put(database, observations, chi, **value, communication_id=words, taken_at=NOW)
    assert "92.5 kg" in await read(nora, f"/patients/{chi.id}/charts")


async def test_pain_is_no_mood(browse: NewBrowser, database: Database, clinic: Clinic) -> None:
    nora, chi = await browse(clinic.nora), clinic.chi
    scale = {"kind": "value", "name": "scale", "unit": "{score}", "rule": "r", "span_start": 0, "span_end": 1, "taken_at": NOW}
    for programme, value in (("depression", 2.0), ("after_surgery", 7.0)):
        place = {"programme": programme, "flow": "mood", "rule": "daily", "high_risk": False, "status": "active", "created_at": NOW}
        dates = {"starts_on": date(2026, 11, 1), "stops_on": date(2026, 12, 1), "wall_time": NOW.time()}
        enrollment = await put(database, enrollments, chi, **place, **dates)
        when = {"local_date": date(2026, 11, 16), "slot": 0, "due_at": NOW, "useful_until": NOW, "status": "answered"}
        check_in = await put(database, check_ins, chi, enrollment_id=enrollment, **when)
        await put(database, observations, chi, **scale, value=value, check_in_id=check_in)
    page = await read(nora, f"/patients/{chi.id}/charts")
    assert "7 points" in page
    assert "2 points" not in page


async def test_the_calendar_of_doses_speaks_in_letters_and_words(browse: NewBrowser, database: Database, clinic: Clinic) -> None:
    nora, chi = await browse(clinic.nora), clinic.chi
    dose = {"kind": "medication", "rule": "r", "span_start": 0, "span_end": 1}
    for days, name, detail in ((0, "taken", ""), (1, "missed", "water_pill"), (2, "partly", "")):
        await put(database, observations, chi, name=name, detail=detail, taken_at=NOW - timedelta(days=days), **dose)
    status, raw, _ = await nora.get(f"/patients/{chi.id}/doses?month=2026-11")
    page = said(raw)
    assert status == 200
    assert "taken on 33 % of the 3 days with an answer" in page
    assert "Water pill, November 2026" in page
    assert re.search(r'>M</span><span class="hidden-text">missed<', raw)
    for odd in ("2026-13", "x", "1850-01", "9999-99"):
        assert (await nora.get(f"/patients/{chi.id}/doses?month={odd}"))[0] == 200


async def test_the_pages_are_written_in_spanish_too(browse: NewBrowser, clinic: Clinic) -> None:
    nora = await browse(clinic.nora)
    for path, words in ((f"/patients/{clinic.chi.id}", "Cronología"), ("/patients", "Paciente nuevo"), ("/patients/new", "Quién es")):
        _, text, _ = await nora.get(path, headers={"Accept-Language": "es"})
        assert words in said(text)


async def test_a_search_with_a_filter_finds_whoever_fits_both_among_however_many(
    browse: NewBrowser, database: Database, clinic: Clinic
) -> None:
    async with database.transaction() as connection:
        for number in range(51):
            at = NOW + timedelta(seconds=number)
            one = await seed_patient(
                connection, clinic.organization_id, clinic.team_a, at, "Rosa Ruiz", clinic.chi.number, phone_id=clinic.chi.phone_id
            )
        await connection.execute(update(patients).where(patients.c.id == one.id).values(status="paused"))
        await take_in(connection, NOW, 500)
    nora = await browse(clinic.nora)
    _, text, _ = await nora.post("/patients", {"q": "ruiz", "status": "paused"}, page="/patients")
    assert f'href="/patients/{one.id}"' in text
    assert "More patients fit this" not in text
    _, text, _ = await nora.post("/patients", {"q": "ruiz"}, page="/patients")
    assert text.count(">Rosa Ruiz</a>") == 50
    assert "More patients fit this" in text
    assert "before=" not in text
