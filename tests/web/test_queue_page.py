"""The queue's own steps by plain forms: filters, search, putting off, several at once, taking back, storms, who else looks."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, insert, select, update

from service.actions.index_patients import index_patients
from service.actions.knowledge import Knowledge
from service.actions.release_leases import release_leases
from service.db.check_in import enrollments
from service.db.database import Database
from service.db.escalation import concerns, escalation_events, escalations
from service.db.patient import patients
from service.db.presence import touch
from service.db.schema import new_id
from service.db.worries import worries
from service.domain.staff import Role, Staff
from service.domain.urgency import Urgency
from tests.actions.house import content
from tests.seed import Clinic, seed_item
from tests.web.conftest import NOW, Browser, HandClock, NewBrowser


def names(text: str) -> list[str]:
    return re.findall(r'<h2><a href="/items/[^"]+">(\w+)', text)


async def row_of(database: Database, item_id: UUID) -> Any:
    async with database.reading() as connection:
        return (await connection.execute(select(escalations).where(escalations.c.id == item_id))).one()


async def history(database: Database, item_id: UUID) -> list[str]:
    async with database.reading() as connection:
        wanted = select(escalation_events.c.what).where(escalation_events.c.escalation_id == item_id).order_by(escalation_events.c.id)
        return list(await connection.scalars(wanted))


async def put_off(browser: Browser, item_id: UUID, choice: str, reason: str = "Asked to be called later") -> str:
    shown = re.search(rf'id="item-{item_id}"[^>]* data-version="(\d+)"', (await browser.get("/queue?tab=team"))[1])
    assert shown
    form = {"for": choice, "reason": reason, "version": shown[1], "back": "/queue"}
    await browser.post(f"/items/{item_id}/snooze", form, page="/queue")
    return (await browser.get("/queue"))[1]


@pytest.mark.parametrize(
    ("urgency", "choice", "minutes"),
    [
        (Urgency.EMERGENCY, "15", None),
        (Urgency.URGENT, "15", 15),
        (Urgency.URGENT, "60", None),
        (Urgency.URGENT, "longest", 15),
        (Urgency.SAME_DAY, "240", 240),
        (Urgency.SAME_DAY, "longest", 480),  # it is 10 in the morning, and the team leaves at 6
        (Urgency.SAME_DAY, "1440", None),
        (Urgency.ROUTINE, "10080", 10080),
    ],
)
async def test_an_item_is_put_off_as_far_as_its_urgency_lets_it_wait(
    browse: NewBrowser, clinic: Clinic, database: Database, urgency: Urgency, choice: str, minutes: int | None
) -> None:
    item_id = await seed_item(database, clinic.chi, NOW, urgency=urgency)
    nora = await browse(clinic.nora)
    text = await put_off(nora, item_id, choice)
    row = await row_of(database, item_id)
    if minutes is None:
        assert (row.state, row.snoozed_until) == ("open", None)
        assert "cannot be snoozed" in text or "at most" in text
        return
    assert (row.state, row.snoozed_until) == ("snoozed", NOW + timedelta(minutes=minutes))
    assert names(text) == []
    assert 'Snoozed <span class="count">1</span>' in text
    assert "snoozed until" in (await nora.get("/queue?tab=snoozed"))[1]


async def test_an_urgent_item_is_not_put_off_beyond_the_time_of_its_answer(
    browse: NewBrowser, clinic: Clinic, database: Database, clock: HandClock
) -> None:
    item_id = await seed_item(database, clinic.chi, NOW, due_in=timedelta(minutes=8))
    nora = await browse(clinic.nora)
    assert "not beyond the time" in await put_off(nora, item_id, "15")
    await put_off(nora, item_id, "longest")
    assert (await row_of(database, item_id)).snoozed_until == NOW + timedelta(minutes=8)
    clock.advance(minutes=9)
    assert "cannot be snoozed any more" in await put_off(nora, item_id, "15")


async def test_putting_off_needs_a_reason_and_nobody_else_s_claim(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    item_id = await seed_item(database, clinic.chi, NOW, urgency=Urgency.ROUTINE)
    nora, sol = await browse(clinic.nora), await browse(clinic.sol)
    assert "Say why" in await put_off(nora, item_id, "60", " ")
    await sol.post(f"/items/{item_id}/claim", page="/queue")
    assert "Somebody else holds this item" in await put_off(nora, item_id, "60")
    assert (await row_of(database, item_id)).state == "claimed"
    status, _, _ = await nora.post(f"/items/{item_id}/snooze", {"for": "-5", "reason": "x"}, page="/queue")
    assert status == 400


@pytest.mark.law(2)
@pytest.mark.parametrize("version", ["1", "", "x", "-1"])
async def test_words_that_came_in_since_are_not_put_off_unread(
    browse: NewBrowser, clinic: Clinic, database: Database, version: str
) -> None:
    item_id = await seed_item(database, clinic.chi, NOW, urgency=Urgency.SAME_DAY)
    nora = await browse(clinic.nora)
    async with database.transaction() as connection:
        await connection.execute(update(escalations).values(version=2))
    form = {"for": "60", "reason": "x", "version": version, "back": "/queue"}
    await nora.post(f"/items/{item_id}/snooze", form, page="/queue")
    assert (await row_of(database, item_id)).state == "open"
    assert "The item changed just now." in (await nora.get("/queue"))[1]


@pytest.mark.law(2)
async def test_what_is_put_off_waits_in_the_open_again_when_its_time_has_come(
    browse: NewBrowser, clinic: Clinic, database: Database, clock: HandClock
) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    nora = await browse(clinic.nora)
    await put_off(nora, item_id, "15")
    for minutes in (8, 7):  # a page that is looked at keeps the session
        clock.advance(minutes=minutes)
        await nora.get("/queue")
    assert names((await nora.get("/queue"))[1]) == ["Chi"]  # before any job has run
    known = content()
    knowledge = Knowledge(known.lexicon, known.tables, known.wording, "http://x", known.follow_through, known.opening, known.law)
    await release_leases(database, knowledge, clock.now())
    row = await row_of(database, item_id)
    assert (row.state, row.claimed_by, row.snoozed_until, row.acknowledged_at) == ("open", None, None, None)
    assert [what for what in await history(database, item_id) if what in ("snoozed", "woken")] == ["snoozed", "woken"]


async def test_a_claim_is_taken_back_within_ten_seconds_and_not_after(
    browse: NewBrowser, clinic: Clinic, database: Database, clock: HandClock
) -> None:
    first, second = await seed_item(database, clinic.chi, NOW), await seed_item(database, clinic.ana, NOW)
    nora = await browse(clinic.nora)
    for item_id, seconds, state in ((first, 9, "open"), (second, 30, "claimed")):
        await nora.post(f"/items/{item_id}/claim", page="/queue")
        _, text, _ = await nora.get("/queue")
        found = re.search(r'name="step" value="([^"]+)"', text)
        assert found
        clock.advance(seconds=seconds)
        await nora.post("/queue/undo", {"step": found[1]}, page="/queue")
        assert (await row_of(database, item_id)).state == state
        await nora.post("/queue/undo", {"step": found[1]}, page="/queue")
        assert "too late" in (await nora.get("/queue"))[1]


async def test_nobody_takes_back_what_somebody_else_has_done(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    nora, sol = await browse(clinic.nora), await browse(clinic.sol)
    await nora.post(f"/items/{item_id}/claim", page="/queue")
    found = re.search(r'name="step" value="([^"]+)"', (await nora.get("/queue"))[1])
    assert found
    await sol.post("/queue/undo", {"step": found[1]}, page="/queue")
    assert (await row_of(database, item_id)).state == "claimed"


async def test_only_routine_items_are_worked_together(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    people = (clinic.ana, clinic.ben, clinic.chi, clinic.fay)
    urgencies = (Urgency.ROUTINE, Urgency.ROUTINE, Urgency.SAME_DAY, Urgency.EMERGENCY)
    ids = [await seed_item(database, one, NOW, urgency=urgency) for one, urgency in zip(people, urgencies, strict=True)]
    nora = await browse(clinic.nora)
    _, text, _ = await nora.get("/queue")
    assert set(re.findall(r'name="chosen" value="([^".]+)\.', text)) == {str(ids[0]), str(ids[1])}
    form = [("chosen", f"{id}.1") for id in ids] + [("what", "resolve"), ("disposition", "no_action_needed"), ("back", "/queue")]
    await nora.post("/queue/many", form, page="/queue")
    assert "Write a note" in (await nora.get("/queue"))[1]
    await nora.post("/queue/many", [*form, ("note", "Checked the record.")], page="/queue")
    assert [(await row_of(database, id)).state for id in ids] == ["resolved", "resolved", "open", "open"]
    _, text, _ = await nora.get("/queue")
    assert "2 items are closed." in text
    assert "2 were left as they are" in text
    assert sorted(names((await nora.get("/queue?tab=done"))[1])) == ["Ana", "Ben"]
    found = re.search(r'name="step" value="([^"]+)"', text)
    assert found
    await nora.post("/queue/undo", {"step": found[1]}, page="/queue")
    assert [(await row_of(database, id)).state for id in ids] == ["open"] * 4
    async with database.reading() as connection:
        assert not list(await connection.scalars(select(concerns.c.id).where(concerns.c.answered_at.is_not(None))))


async def test_a_claim_that_was_only_renewed_among_several_is_taken_back_like_any_other(
    browse: NewBrowser, clinic: Clinic, database: Database
) -> None:
    mine, free = [await seed_item(database, one, NOW, urgency=Urgency.ROUTINE) for one in (clinic.ana, clinic.ben)]
    nora = await browse(clinic.nora)
    await nora.post(f"/items/{mine}/claim", page="/queue")
    await nora.post("/queue/many", [("chosen", f"{mine}.2"), ("chosen", f"{free}.1"), ("what", "claim")], page="/queue")
    assert [(await row_of(database, id)).state for id in (mine, free)] == ["claimed", "claimed"]
    steps = re.findall(r'name="step" value="([^"]+)"', (await nora.get("/queue"))[1])
    await nora.post("/queue/undo", {"step": steps[-1]}, page="/queue")
    assert "Taken back: it stands as it did before." in (await nora.get("/queue"))[1]
    assert [(await row_of(database, id)).state for id in (mine, free)] == ["claimed", "open"]


async def test_an_item_that_changed_since_it_was_seen_is_left_out(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    item_id = await seed_item(database, clinic.ana, NOW, urgency=Urgency.ROUTINE)
    async with database.transaction() as connection:
        await connection.execute(update(escalations).values(version=7))
    nora = await browse(clinic.nora)
    await nora.post("/queue/many", [("chosen", f"{item_id}.6"), ("what", "claim")], page="/queue")
    assert (await row_of(database, item_id)).state == "open"


async def test_a_coordinator_takes_routine_items_only(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    urgent = await seed_item(database, clinic.chi, NOW)
    routine = await seed_item(database, clinic.ana, NOW, urgency=Urgency.ROUTINE)
    cora = await browse(clinic.cora)
    status, text, _ = await cora.post(f"/items/{urgent}/claim", page="/queue")
    assert (status, (await row_of(database, urgent)).state) == (409, "open")
    assert "judgement" in text
    await cora.post(f"/items/{routine}/claim", page="/queue")
    assert (await row_of(database, routine)).state == "claimed"
    form = [("chosen", f"{routine}.2"), ("what", "resolve"), ("disposition", "no_action_needed"), ("note", "x")]
    await cora.post("/queue/many", form, page="/queue")
    assert (await row_of(database, routine)).state == "claimed"


async def test_filters_stand_in_the_address_and_in_every_link(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    old, new = NOW - timedelta(hours=3), NOW
    await seed_item(database, clinic.ana, old, urgency=Urgency.ROUTINE)
    await seed_item(database, clinic.ben, new, urgency=Urgency.ROUTINE)
    held = await seed_item(database, clinic.chi, new, urgency=Urgency.URGENT)
    async with database.transaction() as connection:
        row = {"id": new_id(NOW), "organization_id": clinic.organization_id, "patient_id": clinic.ben.id, "programme": "weekly"}
        dates = {"rule": "daily", "wall_time": NOW.time(), "starts_on": NOW.date(), "stops_on": NOW.date()}
        await connection.execute(insert(enrollments).values(**row, **dates, flow="daily", high_risk=False, status="active", created_at=NOW))
    nora = await browse(clinic.nora)
    await nora.post(f"/items/{held}/claim", page="/queue")
    for query, wanted in (
        ("urgency=routine", ["Ana", "Ben"]),
        ("waiting=60", ["Ana"]),
        ("programme=weekly", ["Ben"]),
        (f"tab=team&holder={clinic.nora.id}", ["Chi"]),
        ("kind=operational", []),
        ("urgency=routine&waiting=60", ["Ana"]),
    ):
        _, text, _ = await nora.get(f"/queue?{query}")
        assert sorted(names(text)) == wanted, query
    _, text, _ = await nora.get("/queue?urgency=routine")
    assert 'href="/queue?tab=team&amp;urgency=routine"' in text
    for wrong in ("urgency=worst", "waiting=0", "waiting=x", "holder=me", "kind=x", "who=zz", "who=00"):
        assert (await nora.get(f"/queue?{wrong}"))[0] == 404, wrong


@pytest.mark.law(10)
@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("alv", ["Ana"]),
        ("ÁLVAREZ ana", ["Ana"]),
        ("0103", ["Chi"]),
        ("+1 (202) 555-0103", ["Chi"]),
        ("0106", ["Fay", "Gus"]),
        ("1950-03-01", ["Ana", "Chi", "Fay", "Gus"]),
        ("3/1/1950", ["Ana", "Chi", "Fay", "Gus"]),
        ("alvarado", []),
        ("eva", []),  # another team's
    ],
)
async def test_a_patient_is_found_without_a_readable_word_in_any_address(
    browse: NewBrowser, clinic: Clinic, database: Database, typed: str, wanted: list[str]
) -> None:
    for person in (clinic.ana, clinic.chi, clinic.fay, clinic.gus, clinic.eva):
        await seed_item(database, person, NOW)
    assert await index_patients(database, NOW) > 0
    assert await index_patients(database, NOW) == 0
    nora = await browse(clinic.nora)
    status, _, response = await nora.post("/queue/search", {"q": typed}, page="/queue")
    assert status == 303
    address = response.headers["Location"]
    assert re.fullmatch(r"/queue\?tab=team&who=[0-9a-f.]+", address)
    assert sorted(names((await nora.get(address))[1])) == wanted


async def test_a_new_name_is_found_and_the_old_one_is_not(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    await seed_item(database, clinic.ana, NOW)
    await index_patients(database, NOW)
    async with database.transaction() as connection:
        await connection.execute(update(patients).where(patients.c.id == clinic.ana.id).values(name="Ana Quintero", searched_at=None))
    await index_patients(database, NOW)
    nora = await browse(clinic.nora)
    for typed, wanted in (("quint", ["Ana"]), ("alvarez", [])):
        _, _, response = await nora.post("/queue/search", {"q": typed}, page="/queue")
        assert names((await nora.get(response.headers["Location"]))[1]) == wanted


async def test_a_storm_is_one_line_and_an_urgent_item_never_in_it(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    everybody = (clinic.ana, clinic.ben, clinic.chi, clinic.dov, clinic.fay)
    for person in everybody:
        await seed_item(database, person, NOW, urgency=Urgency.SAME_DAY, reason="No answer to the check-in")
    await seed_item(database, clinic.gus, NOW, urgency=Urgency.URGENT, reason="No answer to the check-in")
    nora = await browse(clinic.nora)
    assert 'class="storm ' not in (await nora.get("/queue"))[1]  # somebody's words are never folded away
    async with database.transaction() as connection:
        await connection.execute(update(concerns).values(communication_id=None))
    _, text, _ = await nora.get("/queue")
    assert text.count('class="storm ') == 1
    assert "<strong>5 patients</strong>" in text
    assert len(names(text)) == 6
    assert text.index("Gus") < text.index('class="storm ')


async def test_more_concerns_are_counted_as_the_item_groups_them(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    nora = await browse(clinic.nora)
    async with database.transaction() as connection:
        row = dict((await connection.execute(select(concerns).where(concerns.c.escalation_id == item_id))).mappings().one())
        await connection.execute(insert(concerns).values(row | {"id": new_id(NOW), "rule": "another.rule"}))
    assert "more</span>" not in (await nora.get("/queue"))[1]  # the same words, seen by two rules
    async with database.transaction() as connection:
        await connection.execute(insert(concerns).values(row | {"id": new_id(NOW), "rule": "third", "spans": [], "communication_id": None}))
    assert "+1 more</span>" in (await nora.get("/queue"))[1]


async def test_a_worry_is_seen_in_the_queue_and_taken_back(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    await seed_item(database, clinic.chi, NOW)
    nora, omar = await browse(clinic.nora), await browse(clinic.omar)
    path = f"/patients/{clinic.chi.id}/worry"
    assert (await omar.post(path, {}, page="/queue"))[0] == 404
    await nora.post(path, {"reason": "", "back": "/queue"}, page="/queue")
    assert "Nora worries about this patient" in (await nora.get("/queue"))[1]
    await nora.post(f"{path}/end", {"back": "/queue"}, page="/queue")
    assert "worries about" not in (await nora.get("/queue"))[1]
    async with database.reading() as connection:
        row = (await connection.execute(select(worries))).one()
    assert (row.until - row.at, row.ended_by) == (timedelta(hours=48), clinic.nora.id)


async def test_who_else_has_an_item_open_stands_on_its_row(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    sol = Staff(clinic.sol.id, clinic.organization_id, "Sol", Role.SUPERVISOR, clinic.sol.team_ids)
    async with database.transaction() as connection:
        await touch(connection, sol, item_id, NOW - timedelta(seconds=34))
    nora, browser_of_sol = await browse(clinic.nora), await browse(clinic.sol)
    assert "Sol has it open" in (await nora.get("/queue"))[1]
    assert "has it open" not in (await browser_of_sol.get("/queue"))[1]
    async with database.transaction() as connection:
        await touch(connection, sol, item_id, NOW - timedelta(seconds=36))
    assert "has it open" not in (await nora.get("/queue"))[1]


@pytest.mark.law(12)
async def test_a_page_takes_fewer_than_twelve_statements(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    for person in (clinic.ana, clinic.ben, clinic.chi, clinic.dov, clinic.fay, clinic.gus):
        await seed_item(database, person, NOW)
    sol = await browse(clinic.sol)
    statements: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if not statement.startswith(("PRAGMA", "BEGIN", "COMMIT", "ROLLBACK", "SELECT set_config('role'")):
            statements.append(statement)

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    try:
        for _ in range(2):
            statements.clear()
            await sol.get("/queue?tab=team")
            assert 0 < len(statements) < 12, "\n\n".join(statements)
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)


async def test_the_way_back_is_one_of_our_own_pages(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    item_id = await seed_item(database, clinic.chi, NOW, urgency=Urgency.ROUTINE)
    nora = await browse(clinic.nora)
    for back in ("//evil.example/x", "https://evil.example", "/queue\r\nX: 1", "/\\evil"):
        _, _, response = await nora.post(
            f"/items/{item_id}/snooze", {"for": "60", "reason": "x", "version": "1", "back": back}, page="/queue"
        )
        assert response.headers["Location"] in ("/queue", f"/items/{item_id}")
