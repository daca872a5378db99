"""The on-call pages: pages in flight without a patient, swaps that a colleague accepts, ladders, promises, drills, one's own telephone."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from service.actions.do_due_work import do_due_work
from service.actions.page_again import asking, page_again
from service.db.changes import Changes
from service.db.database import Database
from service.db.drills import drills
from service.db.due_work import due_work
from service.db.escalation import escalations, pages
from service.db.promises import promises
from service.db.rota import ladders, rota_overrides
from service.db.schema import new_id
from service.db.staff import staff
from service.db.swaps import swap_requests
from service.domain.communication import Lane
from service.domain.urgency import Urgency
from service.jobs.work import handlers
from tests.actions.crew import crew_of
from tests.jobs.world import World
from tests.seed import Clinic, seed_item
from tests.web.conftest import NOW, HandClock, NewBrowser


@pytest.fixture
async def crew(database: Database, clinic: Clinic) -> Clinic:
    await crew_of(database, clinic, NOW)
    return clinic


def world(database: Database, clinic: Clinic, clock: HandClock) -> World:
    return World(database, clinic, clock)  # type: ignore[arg-type]


async def due(database: Database, clinic: Clinic, clock: HandClock) -> None:
    for lane in Lane:
        await do_due_work(database, handlers(world(database, clinic, clock).around), lane, clock, "node-1")


async def test_pages_in_flight_name_the_item_the_rung_and_who_took_note_but_no_patient(
    browse: NewBrowser, crew: Clinic, database: Database, clock: HandClock
) -> None:
    item_id = await seed_item(database, crew.chi, NOW)
    async with database.transaction() as connection:
        changes = Changes(NOW)
        await page_again(connection, changes, world(database, crew, clock).knowledge, asking([item_id]))
        await changes.write(connection)
    nora, ada = await browse(crew.nora), await browse(crew.ada)
    _, text, _ = await nora.get("/oncall")
    assert f"/items/{item_id}" in text
    words = " ".join(re.sub(r"<[^>]+>", " ", text).split())
    assert "Rung 1: Nora, text, waiting to be sent" in words
    assert "Nobody has taken note. Next rung: 10:15 am." in words
    assert "Chi" not in text
    await nora.post(f"/items/{item_id}/acknowledge", page="/oncall")
    assert "Nora took note" in (await nora.get("/oncall"))[1]
    _, text, _ = await ada.get(f"/oncall?team={crew.team_a}")
    assert str(item_id) not in text, "an administrator sees that somebody is paged, not for whom"
    assert (await nora.get(f"/oncall?team={crew.team_b}"))[0] == 404


async def test_a_swap_changes_the_rota_only_when_the_colleague_accepts(browse: NewBrowser, crew: Clinic, database: Database) -> None:
    nora, omar = await browse(crew.nora), await browse(crew.omar)
    form = {
        "team": str(crew.team_a),
        "kind": "cover",
        "colleague": str(crew.omar.id),
        "starts": "2026-11-18T18:00",
        "ends": "2026-11-18T22:00",
    }
    assert (await nora.post("/oncall/swaps", form | {"starts": "soon"}, page="/oncall"))[0] == 422
    assert (await nora.post("/oncall/swaps", form | {"starts": "2026-11-01T18:00"}, page="/oncall"))[0] == 422
    assert (await nora.post("/oncall/swaps", form, page="/oncall"))[0] == 303
    async with database.reading() as connection:
        [asked] = (await connection.execute(swap_requests.select())).all()
        assert (await connection.execute(rota_overrides.select())).all() == []
    path = f"/oncall/swaps/{asked.id}"
    assert (await nora.post(path, {"answer": "accepted"}, page="/oncall"))[0] == 404, "nobody accepts for a colleague"
    assert "Nora asks Omar to cover" in (await omar.get(f"/oncall?team={crew.team_a}"))[1]
    status, _, _ = await omar.post(path, {"answer": "accepted", "team": str(crew.team_a)}, page="/oncall")
    async with database.reading() as connection:
        [change] = (await connection.execute(rota_overrides.select())).all()
        [row] = (await connection.execute(swap_requests.select())).all()
    assert (change.kind, change.from_staff_id, change.to_staff_id) == ("cover", crew.nora.id, crew.omar.id)
    assert (status, row.state, row.override_id) == (303, "accepted", change.id)


async def test_whoever_cannot_be_paged_any_more_takes_nobodys_duty_over(browse: NewBrowser, crew: Clinic, database: Database) -> None:
    nora, omar = await browse(crew.nora), await browse(crew.omar)
    form = {"team": str(crew.team_a), "kind": "cover", "colleague": str(crew.omar.id)}
    form |= {"starts": "2026-11-18T18:00", "ends": "2026-11-18T22:00"}
    assert (await nora.post("/oncall/swaps", form, page="/oncall"))[0] == 303
    async with database.transaction() as connection:
        [asked] = (await connection.execute(swap_requests.select())).all()
        await connection.execute(update(staff).where(staff.c.id == crew.omar.id).values(phone=None))
    await omar.post(f"/oncall/swaps/{asked.id}", {"answer": "accepted", "team": str(crew.team_a)}, page="/oncall")
    async with database.reading() as connection:
        assert (await connection.execute(rota_overrides.select())).all() == []
        assert await connection.scalar(select(swap_requests.c.state)) == "asked"


async def test_a_ladder_is_set_by_administrators_and_its_end_is_never_empty(browse: NewBrowser, crew: Clinic, database: Database) -> None:
    ada, nora = await browse(crew.ada), await browse(crew.nora)
    rungs = {
        "minutes-0": "0",
        "whom-0": f"staff:{crew.nora.id}",
        "how-0": "call",
        "minutes-1": "4",
        "whom-1": "supervisor",
        "how-1": "text+call",
    }
    form = {"team": str(crew.team_a), "urgency": "emergency", "repeat": "5", **rungs}
    assert (await nora.post("/oncall/ladders", form, page="/oncall"))[0] == 403
    assert "Set this ladder" not in (await nora.get("/oncall/ladders"))[1]
    page = f"/oncall/ladders?team={crew.team_a}"
    status, text, _ = await ada.post("/oncall/ladders", form | {"minutes-1": "9"}, page=page)
    assert (status, "at most 5 minutes" in text, 'value="9"' in text) == (422, True, True)
    assert (await ada.post("/oncall/ladders", form | {"minutes-1": "soon"}, page=page))[0] == 422
    assert (await ada.post("/oncall/ladders", form, page=page))[0] == 303
    async with database.reading() as connection:
        [row] = (await connection.execute(ladders.select())).all()
    assert [(rung["minutes"], rung["whom"], rung["by"]) for rung in row.rungs["rungs"]] == [
        (0, "staff", ["call"]),
        (4, "supervisor", ["text", "call"]),
    ]


async def test_the_ledger_of_promises_is_filtered_and_paged(browse: NewBrowser, crew: Clinic, database: Database) -> None:
    async with database.transaction() as connection:
        for number in range(51):
            await connection.execute(promises.insert().values(**promise(crew, "broken" if number == 7 else "kept", NOW)))
    nora = await browse(crew.nora)
    _, text, _ = await nora.get("/oncall/promises")
    assert text.count("by 6 pm today") == 50
    [following] = re.findall(r'href="(/oncall/promises[^"]*before=[^"]*)" rel="next"', text)
    assert (await nora.get(following.replace("&amp;", "&")))[1].count("by 6 pm today") == 1
    _, text, _ = await nora.get("/oncall/promises?state=broken")
    assert text.count("by 6 pm today") == 1
    assert "C.C." in text
    assert "Chi Chen" not in text
    assert (await nora.get(f"/oncall/promises?team={crew.team_b}"))[0] == 404


def promise(crew: Clinic, state: str, now: datetime) -> dict[str, object]:
    words = {"words": "by 6 pm today", "urgency_rank": 2, "made_at": now, "due_at": now, "state": state, "state_at": now}
    return {"id": new_id(now), "organization_id": crew.organization_id, "team_id": crew.team_a, "patient_id": crew.chi.id, **words}


async def test_a_supervisor_starts_one_drill_at_a_time(browse: NewBrowser, crew: Clinic, database: Database) -> None:
    nora, sol = await browse(crew.nora), await browse(crew.sol)
    assert (await nora.post("/oncall/drills", {"team": str(crew.team_a)}, page="/oncall"))[0] == 403
    assert (await sol.post("/oncall/drills", {"team": str(crew.team_a)}, page="/oncall/drills"))[0] == 303
    await sol.post("/oncall/drills", {"team": str(crew.team_a)}, page="/oncall/drills")
    assert "A drill of this team is under way" in (await sol.get("/oncall/drills"))[1]
    async with database.reading() as connection:
        [row] = (await connection.execute(drills.select())).all()
    assert (row.team_id, row.unannounced) == (crew.team_a, False)


async def test_ones_own_telephone_is_paged_by_text_and_call_and_the_test_ends_by_itself(
    browse: NewBrowser, crew: Clinic, database: Database, clock: HandClock
) -> None:
    nora = await browse(crew.nora)
    assert "ends in 0171" in (await nora.get("/oncall/phone"))[1]
    assert (await nora.post("/oncall/phone", page="/oncall/phone"))[0] == 303
    await nora.post("/oncall/phone", page="/oncall/phone")
    assert "A test is under way: wait for its end." in (await nora.get("/oncall/phone"))[1]
    await due(database, crew, clock)
    async with database.reading() as connection:
        sent = (await connection.execute(pages.select().order_by(pages.c.step))).all()
        [item] = (await connection.execute(escalations.select())).all()
    assert [(row.phone, row.channel, row.staff_id, row.rung) for row in sent] == [
        ("+12025550171", "text", crew.nora.id, -1),
        ("+12025550171", "call", crew.nora.id, -1),
    ]
    assert (item.kind, item.state) == ("operational", "open")
    await nora.post(f"/items/{item.id}/acknowledge", page="/oncall/phone")
    assert "Answered" in (await nora.get("/oncall/phone"))[1]
    clock.advance(minutes=11)
    await due(database, crew, clock)
    async with database.reading() as connection:
        [item] = (await connection.execute(escalations.select())).all()
        left = (await connection.execute(due_work.select().where(due_work.c.state != "done"))).all()
    assert item.state == "resolved"
    assert left == []
    assert "Page me now" in (await nora.get("/oncall/phone"))[1]
    assert (await (await browse(crew.cora)).get("/oncall/phone"))[0] in (403, 404), "who is never paged has nothing to try"


async def test_an_emergency_with_nobody_on_call_shows_who_was_paged_instead_and_the_gap(
    browse: NewBrowser, crew: Clinic, database: Database, clock: HandClock
) -> None:
    sol = await browse(crew.sol)
    local = NOW - timedelta(hours=5)
    for one in (crew.nora, crew.omar):
        times = {"starts": f"{local:%Y-%m-%dT%H:%M}", "ends": f"{local + timedelta(hours=4):%Y-%m-%dT%H:%M}"}
        away = {"team": str(crew.team_a), "week": "", "kind": "sick", "from": str(one.id), "to": "", "role": "on_call", **times}
        assert (await sol.post("/rota", away, page=f"/rota?team={crew.team_a}"))[0] == 303
    item_id = await seed_item(database, crew.chi, NOW, urgency=Urgency.EMERGENCY)
    async with database.transaction() as connection:
        changes = Changes(NOW)
        await page_again(connection, changes, world(database, crew, clock).knowledge, asking([item_id]))
        await changes.write(connection)
    _, text, _ = await sol.get(f"/oncall?team={crew.team_a}")
    words = " ".join(re.sub(r"<[^>]+>", " ", text).split())
    assert re.search(r"Rung 1: Sol, (text|call), waiting to be sent; Sol, (text|call), waiting to be sent Nobody has taken note", words)
    assert "Nobody is on the rota at these times" in words
    assert "On call Nobody" in words
    _, text, _ = await sol.get(f"/supervisor?team={crew.team_a}")
    assert "Somebody had to be paged and the rota has a gap" in text
    assert "Next gap, On call" in text
