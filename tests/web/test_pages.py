"""What the pages show, to whom, in which order, and what they never show."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from markupsafe import escape
from sqlalchemy import insert, select, update
from structlog.testing import capture_logs

from service.db.audit import audit_events
from service.db.database import Database
from service.db.escalation import escalations, notes
from service.db.patient import care_plans, limits, patients, phones, related_persons
from service.db.queue_state import MOST_COUNTED
from service.db.schema import new_id
from service.domain.escalation import Disposition, Kind, Reached, SpokeTo
from service.domain.urgency import Urgency
from service.web.guard import CONTENT_SECURITY_POLICY
from service.web.sessions import BACKGROUND
from service.web.static_files import FOLDER, TYPES
from tests.encounters import as_form, complete_encounter
from tests.seed import Clinic, seed_item
from tests.web.conftest import NOW, TEMPLATES, HandClock, NewBrowser

EVIL = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "</textarea><script>alert(1)</script>",
    "<a href='javascript:alert(1)'>x</a>",
    "{{ 7 * 7 }}{% raw %}",
    "</title><script>alert(1)</script>",
    "<mark><script>alert(1)</script></mark>",
]


async def all_of(database: Database, table: Any) -> Sequence[Any]:
    async with database.reading() as connection:
        return (await connection.execute(select(table))).all()


async def test_the_queue_is_in_the_one_true_order(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    a = clinic
    for person, urgency, opened, due in (
        (a.ana, Urgency.ROUTINE, 0, 1),
        (a.ben, Urgency.URGENT, 5, 60),
        (a.chi, Urgency.EMERGENCY, 10, 200),
        (a.dov, Urgency.URGENT, 9, 30),
        (a.fay, Urgency.URGENT, 4, 61),
        (a.gus, Urgency.SAME_DAY, 1, 5),
    ):
        at = NOW + timedelta(minutes=opened)
        await seed_item(database, person, at, urgency=urgency, due_in=timedelta(minutes=due))
    nora = await browse(clinic.nora)
    _, text, _ = await nora.get("/queue")
    names = re.findall(r'<h2><a href="/items/[^"]+">(\w+) ', text)
    # Dov is due first of the urgent ones; Ben and Fay are due at the same moment, and Fay has waited longer.
    assert names == ["Chi", "Dov", "Fay", "Ben", "Gus", "Ana"]


@pytest.mark.law(12)
async def test_pages_of_fifty_show_every_item_once_and_in_order(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    first = await seed_item(database, clinic.chi, NOW)
    async with database.transaction() as connection:
        row = dict((await connection.execute(select(escalations).where(escalations.c.id == first))).mappings().one())
        for n in range(119):
            due = NOW + timedelta(minutes=n % 7)
            more = {"id": new_id(NOW), "kind": "operational", "patient_id": None, "due_at": due, "urgency_rank": n % 4}
            await connection.execute(insert(escalations).values(row | more))
    nora = await browse(clinic.nora)
    path, seen, pages = "/queue?tab=team", [], 0
    while path:
        _, text, _ = await nora.get(path)
        seen += re.findall(r'<li class="row[^"]*" id="item-([0-9a-f-]+)"', text)
        found = re.search(r'href="(/queue\?tab=team&amp;after=[^"]+)"', text)
        path, pages = found[1].replace("&amp;", "&") if found else "", pages + 1
    rows = await all_of(database, escalations)
    wanted = [str(r.id) for r in sorted(rows, key=lambda r: (r.urgency_rank, r.due_at, r.opened_at, r.id.hex))]
    assert pages == 3
    assert seen == wanted


@pytest.mark.parametrize("cursor", ["x", "1.2.3", "1.2.3.4", "1.99999999999999999999.1.0", "-1.x.y.z"])
async def test_a_cursor_that_is_none_is_not_found(browse: NewBrowser, clinic: Clinic, cursor: str) -> None:
    nora = await browse(clinic.nora)
    assert (await nora.get(f"/queue?after={cursor}"))[0] == 404
    assert (await nora.get("/queue?tab=everything"))[0] == 404


@pytest.mark.law(12)
async def test_counts_stop_at_a_thousand(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    first = await seed_item(database, clinic.chi, NOW)
    async with database.transaction() as connection:
        row = dict((await connection.execute(select(escalations).where(escalations.c.id == first))).mappings().one())
        more = [row | {"id": new_id(NOW), "kind": "operational", "patient_id": None} for _ in range(MOST_COUNTED + 5)]
        await connection.execute(insert(escalations), more)
    nora = await browse(clinic.nora)
    _, text, _ = await nora.get("/queue")
    assert 'Team <span class="count">99+</span>' in text
    assert 'Mine <span class="count">0</span>' in text


async def test_tabs_hold_what_they_say(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    mine, free = await seed_item(database, clinic.chi, NOW), await seed_item(database, clinic.ana, NOW)
    theirs = await seed_item(database, clinic.ben, NOW)
    nora, sol = await browse(clinic.nora), await browse(clinic.sol)
    await nora.post(f"/items/{mine}/claim", page="/queue")
    await sol.post(f"/items/{theirs}/claim", page="/queue")
    held = {tab: set(re.findall(r'id="item-([^"]+)"', (await nora.get(f"/queue?tab={tab}"))[1])) for tab in ("mine", "unclaimed", "team")}
    assert held == {"mine": {str(mine)}, "unclaimed": {str(free)}, "team": {str(mine), str(free), str(theirs)}}
    _, text, _ = await nora.get("/queue?tab=team")
    assert "<dd>You</dd>" in text
    assert "<dd>Sol</dd>" in text


@pytest.mark.law(2)
async def test_an_item_whose_claim_ran_out_waits_in_the_open_again_without_any_job(
    browse: NewBrowser, clinic: Clinic, database: Database, clock: HandClock
) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    nora, sol = await browse(clinic.nora), await browse(clinic.sol)
    await sol.post(f"/items/{item_id}/claim", page="/queue")
    assert "Chi" not in (await nora.get("/queue"))[1]
    clock.advance(minutes=10)
    _, text, _ = await nora.get("/queue")
    assert "Chi Chen" in text
    assert "Claim ran out" in text
    assert 'Unclaimed <span class="count">1</span>' in text
    await nora.post(f"/items/{item_id}/claim", page="/queue")
    assert "You have this item" in (await nora.get(f"/items/{item_id}"))[1]


async def test_the_loser_of_a_race_sees_who_has_the_item(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    nora, sol = await browse(clinic.nora), await browse(clinic.sol)
    await sol.post(f"/items/{item_id}/claim", page="/queue")
    status, _, response = await nora.post(f"/items/{item_id}/claim", page="/queue")
    assert (status, response.headers["Location"]) == (303, f"/items/{item_id}")
    _, text, _ = await nora.get(f"/items/{item_id}")
    assert "Sol has this item, until 10:10 am at least." in text
    _, text, _ = await nora.get(f"/items/{item_id}")
    assert "Sol has this item, until" not in text


async def test_the_whole_work_on_an_item_goes_by_plain_forms(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    item_id = await seed_item(database, clinic.chi, NOW, urgency=Urgency.EMERGENCY)
    nora = await browse(clinic.nora)
    path = f"/items/{item_id}"
    for action, form in (
        ("acknowledge", {}),
        ("claim", {}),
        ("note", {"note": "Called, she is short of breath."}),
        ("reply", {"text": "An ambulance is on its way."}),
    ):
        status, text, response = await nora.post(f"{path}/{action}", form, page=path)
        assert status == 303, text
        assert response.headers["Location"].startswith(path)
    _, text, _ = await nora.get(path)
    assert "An ambulance is on its way." in text
    assert "waiting to be sent" in text
    version = re.search(r'name="version" id="version" value="(\d+)"', text)
    answered = re.findall(r'name="answered" value="([^"]+)"', text)
    assert version
    note = replace(
        complete_encounter(Urgency.EMERGENCY), spoke_to="caregiver", who="Her son", assessment="Son is with her.\r\nAmbulance arrived."
    )
    closing = [("version", version[1]), *(("answered", one) for one in answered), *as_form(note)]
    status, text, response = await nora.post(f"{path}/resolve", closing, page=path)
    assert (status, response.headers["Location"]) == (303, "/queue"), text
    _, text, _ = await nora.get("/queue")
    assert "Closed. The next item is on top of the list." in text
    assert "Nobody is waiting" in text
    _, text, _ = await nora.get(path)
    assert "Closed by Nora: Emergency services called. Spoken to: a caregiver." in text
    assert "Add an addendum" in text
    plain, signed = sorted(await all_of(database, notes), key=lambda row: row.id)
    assert plain.body == "Called, she is short of breath."
    assert "Son is with her.\nAmbulance arrived." in signed.body


async def test_check_ins_are_paused_and_resumed_by_plain_forms(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    nora, path = await browse(clinic.nora), f"/items/{item_id}"
    _, text, _ = await nora.get(path)
    assert "They run as planned." in text
    asked = {"pause_kind": "hospital", "pause_until": "2099-01-01", "pause_reason": "Pneumonia & fever"}
    status, text, _ = await nora.post(f"{path}/pause", asked, page=path)
    assert status == 422
    assert "A stay in the hospital has no end date" in text
    assert 'value="Pneumonia &amp; fever"' in text
    assert '<option value="hospital" selected>' in text
    status, _, response = await nora.post(f"{path}/pause", {**asked, "pause_until": ""}, page=path)
    assert (status, response.headers["Location"]) == (303, f"{path}#pause")
    _, text, _ = await nora.get(path)
    assert "<strong>Paused</strong> since" in text
    assert "in the hospital, until a nurse resumes them" in text
    assert "Pneumonia &amp; fever (Nora)" in text
    assert "Check-ins paused" in text
    status, _, _ = await nora.post(f"{path}/resume", {}, page=path)
    assert status == 303
    _, text, _ = await nora.get(path)
    assert "They run as planned." in text
    status, text, _ = await nora.post(f"{path}/resume", {}, page=path)
    assert status == 422
    assert "are not paused" in text


async def test_what_was_typed_survives_a_refusal(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    item_id = await seed_item(database, clinic.chi, NOW, urgency=Urgency.SAME_DAY)
    nora, path = await browse(clinic.nora), f"/items/{item_id}"
    await nora.post(f"{path}/claim", page=path)
    form = {"version": "2", "disposition": "advice_given", "closing_note": "Legs up, call if worse."}
    status, text, _ = await nora.post(f"{path}/resolve", form, page=path)
    assert status == 422
    assert "Tick every concern" in text
    assert "Legs up, call if worse.</textarea>" in text
    assert '<option value="advice_given" selected>' in text
    status, text, _ = await nora.post(f"{path}/reply", {"text": "word " * 80}, page=path)
    assert status == 422
    assert "word word" in text


async def test_the_item_page_shows_all_a_nurse_needs(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    common = {"organization_id": clinic.organization_id, "patient_id": clinic.chi.id}
    async with database.transaction() as connection:
        await connection.execute(
            update(patients)
            .where(patients.c.id == clinic.chi.id)
            .values(emergency_instruction="Call the hospice line", emergency_instruction_by="Dr. Lee")
        )
        await connection.execute(
            insert(limits).values(
                id=new_id(NOW),
                name="weight_gain_24h",
                amount=4.0,
                unit="lb",
                loosens=True,
                author="Dr. Lee",
                reason="x",
                signed_at=NOW,
                **common,
            )
        )
        await connection.execute(
            insert(care_plans).values(id=new_id(NOW), title="Heart failure", summary="Daily weight", goals=[], created_at=NOW, **common)
        )
        await connection.execute(
            insert(related_persons).values(
                id=new_id(NOW), name="Bao Chen", relation="son", scope={}, phone_id=clinic.ana.phone_id, **common
            )
        )
    nora = await browse(clinic.nora)
    status, text, _ = await nora.get(f"/items/{item_id}")
    assert status == 200
    for words in (
        "Chi Chen",
        ", 76",
        "I skipped my water pill and <mark>my ankles are huge</mark>",
        "heart_failure.swelling, version 1",
        "an invented source",
        "(202) 555-0103",
        "Heart failure",
        "Furosemide 40 mg",
        "one tablet every morning",
        "Weight gained in a day: 4.0 lb",
        "Daily weight",
        "Bao Chen, son",
        "(202) 555-0101",
        "Call the hospice line",
        "Dr. Lee",
        "10:00 am",
        "1 March 1950",
    ):
        assert words in text, words


@pytest.mark.parametrize("reached", list(Reached))
async def test_an_emergency_says_whether_an_answer_has_reached_the_patient(
    browse: NewBrowser, clinic: Clinic, database: Database, reached: Reached
) -> None:
    item_id = await seed_item(database, clinic.chi, NOW, urgency=Urgency.EMERGENCY, reached=reached)
    nora = await browse(clinic.nora)
    _, text, _ = await nora.get(f"/items/{item_id}")
    said = {
        Reached.NONE_NEEDED: "No automatic answer has been sent.",
        Reached.ON_ITS_WAY: "It has not reached the patient yet.",
        Reached.DELIVERED: "has reached the patient&#39;s phone.",
        Reached.NOT_REACHED: "No answer has reached the patient: call.",
    }
    assert [key for key, words in said.items() if words in text] == [reached]


async def test_an_unsafe_number_is_neither_linked_nor_offered(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    item_id = await seed_item(database, clinic.chi, NOW, do_not_contact=True)
    nora, path = await browse(clinic.nora), f"/items/{item_id}"
    await nora.post(f"{path}/claim", page=path)
    _, text, _ = await nora.get(path)
    assert "DO NOT CALL OR TEXT." in text
    assert "tel:" not in text
    assert f'action="{path}/reply"' not in text
    _, text, _ = await nora.get("/queue?tab=mine")
    assert "Do not call or text" in text


async def test_an_item_without_a_patient_hangs_on_its_number(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    item_id = await seed_item(database, clinic.fay, NOW, words="who is this?", highlight="who", known=False)
    await seed_item(database, clinic.fay, NOW, words="Fay's own secret", highlight="secret")
    nora, path = await browse(clinic.nora), f"/items/{item_id}"
    _, text, _ = await nora.get("/queue")
    assert "Unknown sender" in text
    await nora.post(f"{path}/claim", page=path)
    _, text, _ = await nora.get(path)
    assert "(202) 555-0106" in text
    assert "<mark>who</mark> is this?" in text
    assert "secret" not in text
    assert "Fay" not in text
    status, text, _ = await nora.post(f"{path}/reply", {"text": "Who are you?"}, page=path)
    assert status == 422
    assert "no consent" in text


async def test_an_operational_item_names_nobody(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    item_id = await seed_item(
        database, replace(clinic.chi, id=clinic.chi.id), NOW, kind=Kind.OPERATIONAL, known=False, reason="The carrier is down"
    )
    nora = await browse(clinic.nora)
    _, text, _ = await nora.get("/queue")
    assert "Operations" in text
    status, text, _ = await nora.get(f"/items/{item_id}")
    assert status == 200
    assert "The carrier is down" in text
    assert "Sender" not in text
    assert "write to the patient" not in text


@pytest.mark.parametrize("evil", EVIL)
async def test_words_from_outside_are_shown_and_never_run(browse: NewBrowser, clinic: Clinic, database: Database, evil: str) -> None:
    item_id = await seed_item(database, clinic.chi, NOW, words=evil, highlight=evil[:9], reason=evil)
    async with database.transaction() as connection:
        await connection.execute(update(patients).where(patients.c.id == clinic.chi.id).values(name=evil))
    nora, path = await browse(clinic.nora), f"/items/{item_id}"
    await nora.post(f"{path}/claim", page=path)
    assert (await nora.post(f"{path}/note", {"note": evil}, page=path))[0] == 303
    assert (await nora.post(f"{path}/reply", {"text": evil}, page=path))[0] == 303
    pages = [(await nora.get("/queue?tab=mine"))[1], (await nora.get(path))[1]]
    pages.append((await nora.post(f"{path}/resolve", {"version": "1", "closing_note": evil, "follow_up": evil}, page=path))[1])
    for text in pages:
        for part in ("<script>", "<img src=x", "<svg/", "<a href='java", "{{ 7", "</textarea><script"):
            if part in evil and part != "{{ 7":
                assert part not in text
        assert "49{%" not in text
        assert str(escape(evil)) in text


async def test_every_answer_carries_the_security_headers(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    nora = await browse(clinic.nora)
    for path in ("/sign-in", "/queue", f"/items/{item_id}", "/nowhere", "/"):
        _, _, response = await nora.get(path)
        assert response.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
        assert "unsafe" not in CONTENT_SECURITY_POLICY
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["X-Frame-Options"] == "DENY"
        assert response.headers["Referrer-Policy"] == "same-origin"
    for path in ("/queue", f"/items/{item_id}", "/me", "/nowhere"):
        _, _, response = await nora.get(path)
        assert response.headers["Cache-Control"] == "no-store"


def test_no_template_holds_code_or_style_of_its_own() -> None:
    for template in TEMPLATES.glob("*.html"):
        text = template.read_text()
        assert not re.search(r"\son[a-z]+=|style=|<style|javascript:|\|\s*safe", text), template.name
        assert not re.search(r"<script(?![^>]*\ssrc=)", text), template.name


async def test_static_files_are_kept_for_good_under_their_hash(browse: NewBrowser) -> None:
    visitor = await browse()
    _, text, _ = await visitor.get("/sign-in")
    found = re.search(r'href="(/static/([0-9a-f]{12})/rounds.css)"', text)
    assert found
    status, css, response = await visitor.get(found[1])
    assert status == 200
    assert hashlib.sha256(css.encode()).hexdigest().startswith(found[2])
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response.content_type == "text/css"
    assert not response.cookies
    for wrong in ("/static/000000000000/rounds.css", f"/static/{found[2]}/VENDOR.toml", f"/static/{found[2]}/..%2f..%2fkeys.py"):
        assert (await visitor.get(wrong))[0] == 404


def test_vendored_files_are_as_their_authors_published_them() -> None:
    entries = tomllib.loads((FOLDER / "VENDOR.toml").read_text())["file"]
    for entry in entries:
        assert hashlib.sha256((FOLDER / entry["path"]).read_bytes()).hexdigest() == entry["sha256"], entry["path"]
        assert all(entry[key] for key in ("package", "version", "licence", "source", "why"))
    minified = {path.name for path in FOLDER.iterdir() if path.suffix in TYPES and ".min." in path.name}
    assert minified == {entry["path"] for entry in entries}


async def test_an_error_page_shows_no_detail_and_the_log_no_value(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    nora = await browse(clinic.nora)

    item_id = await seed_item(database, clinic.chi, NOW)
    async with database.transaction() as connection:
        await connection.execute(update(escalations).values(urgency_rank=9))
    with capture_logs() as entries:
        status, text, _ = await nora.get(f"/items/{item_id}")
    assert status == 500
    assert "Something went wrong" in text
    assert "Traceback" not in text
    assert "rank" not in text
    (entry,) = [entry for entry in entries if entry["event"] == "page_failed"]
    assert entry["error"] == "ValueError"
    assert "exc_info" not in entry


@pytest.mark.law(10)
async def test_every_look_at_an_item_is_audited(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    nora, omar = await browse(clinic.nora), await browse(clinic.omar)
    for headers in ({}, {BACKGROUND: "1"}):
        await nora.get(f"/items/{item_id}", headers=headers)
    await omar.get(f"/items/{item_id}")
    rows = [row for row in await all_of(database, audit_events) if row.action == "patient_viewed"]
    assert [(row.staff_id, row.patient_id, row.object_id) for row in rows] == [(clinic.nora.id, clinic.chi.id, item_id)] * 2


@pytest.mark.law(10)
async def test_every_item_that_a_list_shows_is_audited_once_a_session(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    await seed_item(database, clinic.chi, NOW)
    nora = await browse(clinic.nora)
    for _ in range(3):
        await nora.get("/queue")
    await seed_item(database, clinic.ana, NOW)
    await nora.get("/queue", headers={BACKGROUND: "1"})
    again = await browse(clinic.nora)
    await again.get("/queue")
    rows = [row for row in await all_of(database, audit_events) if row.action == "listed_in_queue"]
    assert Counter(row.patient_id for row in rows) == {clinic.chi.id: 2, clinic.ana.id: 2}


async def test_texts_are_counted_as_carriers_count_them(browse: NewBrowser, clinic: Clinic) -> None:
    nora = await browse(clinic.nora)
    assert (await nora.post("/texts", {"text": "x" * 160}))[1] == "160 characters, 1 text"
    assert (await nora.post("/texts", {"text": "x" * 161}))[1] == "161 characters, 2 texts"
    assert (await nora.post("/texts", {"text": "ñandú 🙂" + "x" * 70}))[1] == "77 characters, 2 texts"


def test_every_code_has_its_words() -> None:
    from service.domain.communication import Purpose, Status
    from service.domain.pause import PauseKind
    from service.web import words

    assert words.URGENCY.keys() == set(Urgency)
    assert words.REACHED.keys() == set(Reached)
    assert words.DISPOSITION.keys() == set(Disposition)
    assert words.SPOKE_TO.keys() == set(SpokeTo)
    assert words.STATUS.keys() == set(Status)
    assert words.PURPOSE.keys() == set(Purpose)
    assert words.PAUSE_KIND.keys() == set(PauseKind)


async def test_an_administrator_lands_on_a_page_without_patients(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    await seed_item(database, clinic.chi, NOW)
    ada = await browse(clinic.ada)
    _, _, response = await ada.get("/")
    assert response.headers["Location"] == "/admin"
    _, text, _ = await ada.get("/admin")
    assert "Invite somebody" in text
    assert "Chi" not in text
    assert 'href="/queue"' not in text


async def test_a_refusal_is_said_before_anything_is_typed(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    dov = await seed_item(database, clinic.dov, NOW)
    chi = await seed_item(database, clinic.chi, NOW)
    async with database.transaction() as connection:
        await connection.execute(update(phones).where(phones.c.id == clinic.dov.phone_id).values(opted_out_at=NOW))
    nora = await browse(clinic.nora)
    for item_id in (dov, chi):
        await nora.post(f"/items/{item_id}/claim", page="/queue")
    assert "has opted out of texts on this number. Call instead." in (await nora.get(f"/items/{dov}"))[1]
    assert "Call instead" not in (await nora.get(f"/items/{chi}"))[1]


async def test_an_operational_item_that_rounds_closed_itself_says_so(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    item_id = await seed_item(database, clinic.chi, NOW, kind=Kind.OPERATIONAL, known=False, reason="The carrier is down")
    async with database.transaction() as connection:
        await connection.execute(update(escalations).values(state="resolved", resolved_at=NOW))
    nora = await browse(clinic.nora)
    status, text, _ = await nora.get(f"/items/{item_id}")
    assert status == 200
    assert "Closed by Rounds." in text
