"""The page of an item: why it fired, one thread of everything, calls by one touch, note and close, time; by plain forms."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import insert, update

from service.db.audit import audit_events
from service.db.communication import communications
from service.db.database import Database
from service.db.due_work import due_work
from service.db.escalation import concerns, escalation_events, escalations, note_drafts, notes
from service.db.follow_ups import follow_ups
from service.db.nurse_calls import call_attempts
from service.db.patient import patients
from service.db.schema import new_id
from service.db.time_log import time_entries
from service.domain.urgency import Urgency
from tests.encounters import as_form, complete_encounter
from tests.seed import Clinic, seed_item
from tests.web.conftest import NOW, Browser, HandClock, NewBrowser
from tests.web.test_work_on_an_item import all_of, row_of


async def claimed(browse: NewBrowser, clinic: Clinic, database: Database, urgency: Urgency = Urgency.URGENT) -> tuple[Browser, UUID, str]:
    """Nora on an item of Chi's that she holds."""
    item_id = await seed_item(database, clinic.chi, NOW, urgency=urgency)
    nora, path = await browse(clinic.nora), f"/items/{item_id}"
    assert (await nora.post(f"{path}/claim", page=path))[0] == 303
    return nora, item_id, path


def version_and_answers(text: str) -> list[tuple[str, str]]:
    version = re.search(r'name="version" id="version" value="(\d+)"', text)
    assert version is not None
    return [("version", version[1]), *(("answered", one) for one in re.findall(r'name="answered" value="([^"]+)"', text))]


async def test_a_value_stands_against_its_limit(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    item_id = await seed_item(database, clinic.chi, NOW, reason="Weight up")
    figures = {"name": "weight", "value": "204.5", "unit": "lb", "change": "5.1", "threshold": "5", "side": "gain_over", "hours": "168"}
    async with database.transaction() as connection:
        await connection.execute(update(concerns).values(measured=figures))
    nora = await browse(clinic.nora)
    assert "204.5 lb, +5.1 lb in 7 days; limit +5 lb" in (await nora.get(f"/items/{item_id}"))[1]


async def test_a_routine_item_closes_with_one_touch_after_the_claim(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    nora, item_id, path = await claimed(browse, clinic, database, Urgency.ROUTINE)
    _, text, _ = await nora.get(path)
    form = part_of(text, "quick")
    sent = [*re.findall(r'<input type="hidden" name="(version|answered)" value="([^"]+)"', form), ("quick", "seen")]
    status, _, response = await nora.post(f"{path}/resolve", sent, page=path)
    assert (status, response.headers["Location"]) == (303, "/queue")
    row = await row_of(database, item_id)
    assert (row.state, row.disposition) == ("resolved", "no_action_needed")
    (note,) = await all_of(database, notes)
    assert note.body == "Read, nothing to do"
    assert 'id="calls"' not in (await nora.get(path))[1], "nobody was called and nobody will be: no empty card on a closed item"


def part_of(text: str, id: str) -> str:
    return text.partition(f'id="{id}"')[2].partition("</form>")[0]


async def test_an_urgent_item_has_no_close_by_one_touch_and_no_plain_note_closes_it(
    browse: NewBrowser, clinic: Clinic, database: Database
) -> None:
    nora, item_id, path = await claimed(browse, clinic, database)
    _, text, _ = await nora.get(path)
    assert 'id="quick"' not in text
    assert text.count("I worry about this patient") == 1
    form = [*version_and_answers(text), ("quick", "seen"), ("disposition", "advice_given"), ("closing_note", "Fine.")]
    status, text, _ = await nora.post(f"{path}/resolve", form, page=path)
    assert status == 422
    assert "The note is not complete" in text
    assert (await row_of(database, item_id)).state == "claimed"


async def test_the_note_is_begun_from_the_item_and_says_which_fields_are_missing(
    browse: NewBrowser, clinic: Clinic, database: Database
) -> None:
    nora, item_id, path = await claimed(browse, clinic, database)
    async with database.transaction() as connection:
        await connection.execute(update(patients).where(patients.c.id == clinic.chi.id).values(allergies="Penicillin"))
    _, text, _ = await nora.get(path)
    begun = part_of(text, "close")
    for words in (
        "Swelling of the legs",
        "my ankles are huge",
        "Conditions: heart failure",
        "Medicines: Furosemide 40 mg",
        "Allergies: Penicillin",
    ):
        assert words in begun
    note = replace(complete_encounter(), teach_back="", identifiers=("name",))
    status, text, _ = await nora.post(f"{path}/resolve", [*version_and_answers(text), *as_form(note)], page=path)
    assert status == 422
    assert 'id="teach_back-error"' in text
    assert 'id="identifiers-error"' in text
    assert 'id="situation-error"' not in text
    assert "Dr. Sample, 10:20, will see her today." in text
    status, _, _ = await nora.post(f"{path}/resolve", [*version_and_answers(text), *as_form(complete_encounter())], page=path)
    assert status == 303
    assert (await row_of(database, item_id)).disposition == "seen_today"


async def test_a_draft_is_its_author_s_alone_and_gone_once_signed(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    nora, _, path = await claimed(browse, clinic, database)
    note = replace(complete_encounter(), assessment="Half written words")
    assert (await nora.post(f"{path}/draft", as_form(note), page=path))[0] == 303
    _, text, _ = await nora.get(path)
    assert "Half written words" in text
    sol = await browse(clinic.sol)
    assert "Half written words" not in (await sol.get(path))[1]
    await nora.post(f"{path}/resolve", [*version_and_answers(text), *as_form(note)], page=path)
    assert not await all_of(database, note_drafts)


async def test_a_signed_note_takes_addenda_only(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    nora, _, path = await claimed(browse, clinic, database)
    _, text, _ = await nora.get(path)
    await nora.post(f"{path}/resolve", [*version_and_answers(text), *as_form(complete_encounter())], page=path)
    (signed,) = await all_of(database, notes)
    form = {"note": "The prescriber called back.", "addends": str(signed.id)}
    assert (await nora.post(f"{path}/note", form, page=path))[0] == 303
    (addendum,) = await all_of(database, notes, notes.c.kind == "addendum")
    assert (addendum.addends, addendum.form) == (signed.id, None)
    assert await all_of(database, notes, notes.c.id == signed.id) == [signed]
    status, text, _ = await nora.post(f"{path}/note", {"note": "x", "addends": str(addendum.id)}, page=path)
    assert status == 422
    assert "An addendum adds to a signed note" in text


async def test_a_follow_up_is_planned_with_the_close_and_a_time_that_is_none_is_refused(
    browse: NewBrowser, clinic: Clinic, database: Database
) -> None:
    nora, _, path = await claimed(browse, clinic, database, Urgency.SAME_DAY)
    _, text, _ = await nora.get(path)
    form = [*version_and_answers(text), ("disposition", "advice_given"), ("closing_note", "Legs up."), ("follow_up", "check_value")]
    status, text, _ = await nora.post(f"{path}/resolve", [*form, ("follow_up_when", "date"), ("follow_up_day", "2020-01-01")], page=path)
    assert status == 422
    assert "Say when the follow-up is due" in text
    assert not await all_of(database, follow_ups)
    for without_a_time in (form, [*form[:-1], ("follow_up_words", "Ask for her weight.")]):  # never closed with the wish for one lost
        status, text, _ = await nora.post(f"{path}/resolve", without_a_time, page=path)
        assert status == 422
        assert "Say when the follow-up is due" in text
    status, _, _ = await nora.post(f"{path}/resolve", [*form, ("follow_up_when", "tomorrow_morning")], page=path)
    assert status == 303
    (planned,) = await all_of(database, follow_ups)
    assert (planned.what, planned.due_at) == ("check_value", NOW.replace(hour=14) + timedelta(days=1))  # 9 in New York
    assert [row.due_at for row in await all_of(database, due_work, due_work.c.kind == "follow_up")] == [planned.due_at]
    assert "Look at a value again" in (await nora.get(path))[1]


async def test_a_call_is_logged_with_one_touch_and_the_next_one_gets_a_time(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    nora, _, path = await claimed(browse, clinic, database)
    _, text, _ = await nora.get(path)
    assert "Call 1 of 3" in text
    status, _, response = await nora.post(f"{path}/attempt", {"outcome": "no_answer", "phone": str(clinic.chi.phone_id)}, page=path)
    assert (status, response.headers["Location"]) == (303, f"{path}#calls")
    _, text, _ = await nora.get(path)
    assert "Call logged: No answer. Call 2 of 3 is due 10:40 am." in text
    (attempt,) = await all_of(database, call_attempts)
    assert (attempt.outcome, attempt.staff_id, attempt.phone_id, attempt.patient_id) == (
        "no_answer",
        clinic.nora.id,
        clinic.chi.phone_id,
        clinic.chi.id,
    )
    for _ in range(2):
        await nora.post(f"{path}/attempt", {"outcome": "voicemail_left"}, page=path)
    assert "Nobody was reached by three calls." in (await nora.get(path))[1]
    for odd in ({"outcome": "danced"}, {"outcome": "busy", "phone": str(clinic.ana.phone_id)}):
        assert (await nora.post(f"{path}/attempt", odd, page=path))[0] == 422


@pytest.mark.law(8)
async def test_urgency_is_lowered_with_a_reason_by_who_holds_the_item_and_stays_visible(
    browse: NewBrowser, clinic: Clinic, database: Database
) -> None:
    nora, item_id, path = await claimed(browse, clinic, database)
    seen = {"version": str((await row_of(database, item_id)).version)}
    for form in (
        {"lower_to": "same_day", "lower_why": " "},
        {"lower_to": "emergency", "lower_why": "x"},
        {"lower_to": "urgent", "lower_why": "x"},
    ):
        assert (await nora.post(f"{path}/lower", form | seen, page=path))[0] == 422
    sol = await browse(clinic.sol)
    asked = {"lower_to": "same_day", "lower_why": "She has had this swelling for years."} | seen
    assert (await sol.post(f"{path}/lower", asked, page=path))[0] == 422
    assert (await nora.post(f"{path}/lower", asked, page=path))[0] == 303
    row = await row_of(database, item_id)
    assert (row.urgency_rank, row.lowered_from, row.ladder) == (Urgency.SAME_DAY.rank, Urgency.URGENT.rank, None)
    _, text, _ = await nora.get(path)
    assert "lowered from Urgent" in text
    assert "She has had this swelling for years." in text
    (event,) = await all_of(database, escalation_events, escalation_events.c.what == "lowered")
    assert (event.staff_id, event.detail["from"], event.detail["to"]) == (clinic.nora.id, "urgent", "same_day")


@pytest.mark.law(8)
async def test_an_item_that_has_risen_since_the_page_was_opened_is_not_lowered_unread(
    browse: NewBrowser, clinic: Clinic, database: Database
) -> None:
    nora, item_id, path = await claimed(browse, clinic, database)
    asked = {"lower_to": "same_day", "lower_why": "An old swelling.", "version": str((await row_of(database, item_id)).version)}
    async with database.transaction() as connection:
        risen = update(escalations).where(escalations.c.id == item_id)
        await connection.execute(risen.values(urgency_rank=Urgency.EMERGENCY.rank, version=escalations.c.version + 1))
    status, text, _ = await nora.post(f"{path}/lower", asked, page=path)
    assert status == 422
    assert "Something new has come in since you opened this page." in text
    assert "An old swelling." in text
    assert (await row_of(database, item_id)).urgency_rank == Urgency.EMERGENCY.rank
    again = asked | {"version": str((await row_of(database, item_id)).version)}
    assert (await nora.post(f"{path}/lower", again, page=path))[0] == 303


async def test_a_coordinator_gathers_and_does_not_judge(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    item_id = await seed_item(database, clinic.chi, NOW, urgency=Urgency.ROUTINE)
    cora, path = await browse(clinic.cora), f"/items/{item_id}"
    await cora.post(f"{path}/claim", page=path)
    assert (await cora.post(f"{path}/note", {"note": "Her daughter called."}, page=path))[0] == 303
    assert (await cora.post(f"{path}/attempt", {"outcome": "busy"}, page=path))[0] == 303
    assert (await cora.post(f"{path}/lower", {"lower_to": "routine", "lower_why": "x"}, page=path))[0] in (403, 404)
    form = {"version": "2", "disposition": "advice_given", "closing_note": "Fine.", "quick": "seen"}
    status, text, _ = await cora.post(f"{path}/resolve", form, page=path)
    assert status == 422
    assert "A nurse closes this item" in text
    assert (await row_of(database, item_id)).state == "claimed"


async def test_the_thread_shows_everything_in_one_order_and_its_older_part_page_by_page(
    browse: NewBrowser, clinic: Clinic, database: Database
) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    common = {"organization_id": clinic.organization_id, "patient_id": clinic.chi.id}
    async with database.transaction() as connection:
        for number in range(1, 61):
            at = NOW - timedelta(hours=number)
            if number % 3 == 0:
                row = {"id": new_id(at), "author_id": clinic.nora.id, "body": f"entry {number:02}", "created_at": at, **common}
                await connection.execute(insert(notes).values(row))
                continue
            row = {"id": new_id(at), "phone_id": clinic.chi.phone_id, "body": f"entry {number:02}", "created_at": at, "status_at": at}
            more = {"direction": "in", "channel": "sms", "purpose": "reply", "lane": "routine", "status": "received"}
            await connection.execute(insert(communications).values(row | more | common))
    nora, path = await browse(clinic.nora), f"/items/{item_id}"
    seen: list[str] = []
    address, pages = path, 0
    while address:
        _, text, _ = await nora.get(address)
        seen = re.findall(r"entry (\d\d)", text) + seen
        older = re.search(r'id="older" href="([^"#]+)', text)
        address, pages = older[1].replace("&amp;", "&") if older else "", pages + 1
    assert seen == [f"{number:02}" for number in range(60, 0, -1)]
    assert pages == 2
    assert (await nora.get(f"{path}?before=nonsense"))[0] == 200


async def test_the_timer_counts_what_has_passed_and_never_twice(
    browse: NewBrowser, clinic: Clinic, database: Database, clock: HandClock
) -> None:
    nora, item_id, path = await claimed(browse, clinic, database)
    other = await seed_item(database, clinic.ana, NOW)

    async def beat(item: object, seconds: float) -> int:
        status, text, _ = await nora.post(f"/items/{item}/time", {"seconds": str(seconds)}, page=path)
        assert status == 200
        return int(text)

    assert await beat(item_id, 30) == 30
    assert await beat(other, 30) == 0  # the same half minute on another patient
    clock.advance(seconds=30)
    assert await beat(item_id, 30) == 30
    clock.advance(minutes=5)
    assert await beat(item_id, 300) == 120  # no more than two minutes without a beat
    (entry,) = await all_of(database, time_entries)
    assert (entry.seconds, entry.escalation_id, entry.source) == (180, item_id, "timer")
    assert 'Your minutes on this item: <span id="timer-minutes">3</span>' in (await nora.get(path))[1]
    for odd in ("-1", "nan", "x", "1e9"):
        assert (await nora.post(f"{path}/time", {"seconds": odd}, page=path))[0] == 404


async def test_the_page_asks_for_a_reason_where_a_call_in_quiet_hours_needs_one(
    browse: NewBrowser, clinic: Clinic, database: Database, clock: HandClock
) -> None:
    clock.advance(hours=16)  # two in the morning where the patient is
    nora, item_id, path = await claimed(browse, clinic, database, Urgency.SAME_DAY)
    assert 'id="call-reason" name="reason" required' in (await nora.get(path))[1]
    status, text, _ = await nora.post(f"{path}/call", page=path)
    assert (status, "It is quiet hours where the patient is" in text) == (422, True)
    _, text, _ = await nora.post(f"{path}/call", {"reason": "She asked for it."}, page=path)
    assert "It is quiet hours where the patient is: say why" not in text
    async with database.transaction() as connection:
        await connection.execute(update(escalations).where(escalations.c.id == item_id).values(urgency_rank=Urgency.URGENT.rank))
    assert "call-reason" not in (await nora.get(path))[1]


async def test_minutes_of_a_month_are_added_coded_struck_and_exported(
    browse: NewBrowser, clinic: Clinic, database: Database, clock: HandClock
) -> None:
    nora, path = await browse(clinic.nora), f"/patients/{clinic.chi.id}/time"
    page = f"/items/{await seed_item(database, clinic.chi, NOW)}"
    for minutes, code, words in (("12", "ccm", "Care plan"), ("9", "ccm", "=1+1"), ("30", "rpm", "Readings")):
        form = {"minutes": minutes, "activity": "review", "code": code, "words": words}
        assert (await nora.post(path, form, page=page))[0] == 303
    for odd in ("0", "241", "x", "9" * 30, "000240" + "0" * 30, "-5"):
        assert (await nora.post(path, {"minutes": odd, "activity": "review", "code": "ccm"}, page=page))[0] == 422
    _, text, _ = await nora.get(path)
    assert "51 minutes" in text
    assert "21 minutes" in text
    assert "<strong>20 reached</strong>" in text
    entry = (await all_of(database, time_entries, time_entries.c.seconds == 30 * 60))[0]
    assert (await nora.post(path, {"entry": str(entry.id), "strike": "1"}, page=page))[0] == 303
    assert (await nora.post(path, {"entry": str(entry.id), "code": "ccm"}, page=page))[0] == 422
    _, text, _ = await nora.get(path)
    assert "21 minutes" in text
    assert "51 minutes" not in text
    october = (await nora.get(f"{path}?month=2026-10"))[1]
    assert october.count("Nothing has been counted this month.") == 1
    assert '<h2 id="sum">October 2026</h2>' in october
    assert (await nora.get(f"{path}?month=2026-13"))[0] == 404
    sol = await browse(clinic.sol)
    status, text, response = await sol.get(f"{path}.csv")
    assert status == 200
    assert response.headers["Content-Type"].startswith("text/csv")
    rows = {row["minutes"]: row for row in csv.DictReader(io.StringIO(text))}
    assert {minutes: (row["code"], row["struck"]) for minutes, row in rows.items()} == {
        "12": ("ccm", ""),
        "9": ("ccm", ""),
        "30": ("rpm", "struck"),
    }
    assert rows["9"]["words"] == "'=1+1"
    assert "Chi" not in text
    assert (await nora.get(f"{path}.csv"))[0] in (403, 404)
    omar = await browse(clinic.omar)
    assert (await omar.get(path))[0] == 404


async def test_ready_answers_stand_beside_the_reply_box_in_the_patient_s_language(
    browse: NewBrowser, clinic: Clinic, database: Database
) -> None:
    nora, _, path = await claimed(browse, clinic, database)
    for language, title in (("en", "Bring your scale"), ("es", "Traiga su báscula")):
        form = {"language": language, "title": title, "text": "{first_name}, this is {nurse} of {clinic}."}
        assert (await nora.post("/answers", form, page=path))[0] == 303
    _, text, _ = await nora.get(path)
    assert "Bring your scale" in text
    assert "Chi, this is Nora of Riverside Clinic." in text
    assert "Traiga" not in text
    status, answer, _ = await nora.post("/answers", {"language": "en", "title": "x", "text": "{name}"}, page=path)
    assert status == 422
    assert "A brace stands only" in answer
    _, text, _ = await nora.get("/answers")
    taken = re.search(r'action="(/answers/[^"]+/end)"', text)
    assert taken is not None
    assert (await nora.post(taken[1], {}, page=path))[0] == 303
    assert (await nora.post(taken[1], {}, page=path))[0] == 404


async def test_opening_an_item_and_its_time_is_audited(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    nora = await browse(clinic.nora)
    await nora.get(f"/items/{item_id}")
    await nora.get(f"/patients/{clinic.chi.id}/time")
    seen = await all_of(database, audit_events, audit_events.c.action == "patient_viewed")
    assert [row.patient_id for row in seen] == [clinic.chi.id] * 2
