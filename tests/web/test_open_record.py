"""Break-glass: open for an hour with a reason, told to the patient's team at once, and reviewed by somebody else."""

from __future__ import annotations

from dataclasses import replace

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from sqlalchemy import select, update

from service.actions.change_record import transfer
from service.actions.claim_escalation import claim_escalation
from service.actions.merge_patients import merge_patients
from service.actions.refusal import Refused
from service.actions.release_escalation import release_escalation
from service.actions.resolve_escalation import Closing, resolve_escalation
from service.actions.work_many import Wanted, What, work_many
from service.db.audit import audit_events
from service.db.database import Database
from service.db.escalation import concerns, escalations
from service.db.opened_records import opened_records
from service.db.patient import patients
from service.domain.staff import Role, Staff
from service.domain.urgency import Urgency
from tests.seed import Clinic, seed_item, seed_patient
from tests.web.conftest import NOW, Browser, HandClock, NewBrowser, make_app

REASON = "Her team cannot be reached and she writes of chest pain"


async def opened(browser: Browser, whose: str, reason: str = REASON) -> tuple[int, str]:
    status, text, response = await browser.post("/open-record", {"whose": whose, "reason": reason}, page="/open-record")
    return status, response.headers.get("Location", "") or text


async def test_a_record_is_open_for_an_hour_and_closed_then(
    browse: NewBrowser, clinic: Clinic, clock: HandClock, database: Database
) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    omar = await browse(clinic.omar)
    assert (await omar.get(f"/patients/{clinic.chi.id}"))[0] == 404
    assert await opened(omar, clinic.chi.number) == (303, f"/patients/{clinic.chi.id}")
    status, text, _ = await omar.get(f"/patients/{clinic.chi.id}")
    assert status == 200
    assert "You have opened a record of another team." in text
    assert (await omar.get(f"/items/{item_id}"))[0] == 200
    assert (await omar.get(f"/patients/{clinic.ana.id}"))[0] == 404  # this record, not the team's others
    _, text, _ = await omar.get("/queue?tab=team")
    assert "Chi Chen" not in text  # nor does it fill one's own list
    for _ in range(6):
        clock.advance(minutes=9)
        assert (await omar.get(f"/patients/{clinic.chi.id}"))[0] == 200
    clock.advance(minutes=7)
    assert (await omar.get(f"/patients/{clinic.chi.id}"))[0] == 404
    assert (await omar.get(f"/items/{item_id}"))[0] == 404


async def test_it_can_be_closed_at_once(browse: NewBrowser, clinic: Clinic) -> None:
    omar = await browse(clinic.omar)
    await opened(omar, clinic.chi.number)
    assert (await omar.post(f"/open-record/{clinic.chi.id}/close", page="/open-record"))[0] == 303
    assert (await omar.get(f"/patients/{clinic.chi.id}"))[0] == 404


async def test_the_patients_team_has_an_item_at_once_and_the_reason_stands_in_no_log_of_it(
    browse: NewBrowser, clinic: Clinic, database: Database
) -> None:
    await opened(await browse(clinic.omar), clinic.chi.number)
    async with database.reading() as connection:
        (item,) = (await connection.execute(select(escalations))).all()
        trail = (await connection.execute(select(audit_events).where(audit_events.c.patient_id == clinic.chi.id))).all()
    assert (item.kind, item.team_id, item.patient_id) == ("operational", clinic.team_a, clinic.chi.id)
    assert [row.action for row in trail] == ["record_opened"]
    assert "chest pain" not in repr(trail) + item.summary
    sol = await browse(clinic.sol)
    _, text, _ = await sol.get("/queue")
    assert "opened this patient" in text


@pytest.mark.parametrize("lowered", [False, True], ids=["alone", "among several"])
async def test_whoever_opened_it_does_not_close_the_item_that_tells_of_it(
    browse: NewBrowser, clinic: Clinic, database: Database, lowered: bool
) -> None:
    await opened(await browse(clinic.omar), clinic.chi.number)
    async with database.transaction() as connection:
        (item,) = (await connection.execute(select(escalations))).all()
        if lowered:
            await connection.execute(update(escalations).values(urgency_rank=Urgency.ROUTINE.rank))
        (concern,) = (await connection.scalars(select(concerns.c.id))).all()
    omar = Staff(clinic.omar.id, item.organization_id, "Omar", Role.NURSE, (clinic.team_b,), (clinic.chi.id,))
    nora = Staff(clinic.nora.id, item.organization_id, "Nora", Role.NURSE, (clinic.team_a,))

    async def close(by: Staff) -> bool:
        async with database.reading() as connection:
            version = await connection.scalar(select(escalations.c.version))
        wanted = Wanted(What.RESOLVE, disposition="no_action_needed", note="The reason holds.")
        if lowered:
            return bool((await work_many(database, by, wanted, {item.id: version}, None, NOW)).done)
        assert (await claim_escalation(database, by, item.id, NOW)).won
        async with database.reading() as connection:
            version = await connection.scalar(select(escalations.c.version))
        closing = Closing(version, wanted.disposition, wanted.note, answered=[concern])
        try:
            await resolve_escalation(database, by, item.id, closing, NOW)
        except Refused as refused:
            if "somebody else closes it" not in str(refused):
                raise
            await release_escalation(database, by, item.id, NOW)
            return False
        return True

    assert not await close(omar)
    moved = replace(omar, team_ids=(clinic.team_a,), opened=())  # in the patient's team by now: it is theirs still
    assert not await close(moved)
    assert await close(nora)


async def test_an_opened_record_stays_its_teams_and_so_does_the_item_that_tells_of_it(
    browse: NewBrowser, clinic: Clinic, database: Database
) -> None:
    async with database.transaction() as connection:
        own = await seed_patient(connection, clinic.organization_id, clinic.team_b, NOW, "Fay Field", "+12025550119")
    await opened(await browse(clinic.omar), clinic.chi.number)
    omar = Staff(clinic.omar.id, clinic.organization_id, "Omar", Role.NURSE, clinic.omar.team_ids, (clinic.chi.id,))
    with pytest.raises(Refused, match="belongs to another team"):
        await transfer(database, omar, clinic.chi.id, clinic.team_b, "I go on with her", NOW)
    for kept, other in ((own.id, clinic.chi.id), (clinic.chi.id, own.id)):
        with pytest.raises(Refused, match="belongs to another team"):
            await merge_patients(database, {}, omar, kept, other, NOW)
    async with database.reading() as connection:
        assert await connection.scalar(select(patients.c.team_id).where(patients.c.id == clinic.chi.id)) == clinic.team_a
        assert (await connection.scalars(select(escalations.c.team_id))).all() == [clinic.team_a]


@pytest.mark.parametrize(("whose", "reason"), [("+12025550103", "need it"), ("+12025550199", REASON), ("nobody", REASON), ("", REASON)])
async def test_without_a_reason_or_for_nobody_nothing_opens(
    browse: NewBrowser, clinic: Clinic, database: Database, whose: str, reason: str
) -> None:
    status, _ = await opened(await browse(clinic.omar), whose, reason)
    assert status == 422
    async with database.reading() as connection:
        assert (await connection.execute(select(opened_records))).all() == []


async def test_a_shared_number_opens_neither(browse: NewBrowser, clinic: Clinic) -> None:
    status, text = await opened(await browse(clinic.omar), clinic.fay.number)
    assert status == 422
    assert "Fay" not in text


async def test_the_report_shows_who_why_and_how_much_and_is_reviewed_by_somebody_else(
    browse: NewBrowser, clinic: Clinic, clock: HandClock
) -> None:
    omar, sol, abe, nora = await browse(clinic.omar), await browse(clinic.sol), await browse(clinic.abe), await browse(clinic.nora)
    await opened(omar, clinic.chi.number)
    clock.advance(minutes=1)
    for _ in range(3):
        await omar.get(f"/patients/{clinic.chi.id}")
    assert (await nora.get("/access"))[0] == 403
    for reader in (sol, abe):
        status, text, _ = await reader.get("/access")
        assert status == 200
        assert "Omar: Chi Chen" in text
        assert REASON in text
        assert "4 entries in the trail" in text
    _, text, _ = await abe.get("/access")
    action = text.split('action="/access/', 1)[1].split('"', 1)[0]
    assert (await abe.post(f"/access/{action}", {"words": "It holds: nobody was on call"}, page="/access"))[0] == 303
    _, text, _ = await sol.get("/access")
    assert "It holds: nobody was on call" in text
    assert (await sol.post(f"/access/{action}", {"words": "again"}, page="/access"))[0] == 404


async def test_the_trail_can_be_read_by_person_and_patient_and_verified(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    from service.actions.seal_audit import seal_audit

    nora, abe = await browse(clinic.nora), await browse(clinic.abe)
    await nora.get(f"/patients/{clinic.chi.id}")
    status, text, _ = await abe.get(f"/audit?who={clinic.nora.id}&whom={clinic.chi.id}")
    assert status == 200
    assert "patient viewed" in text
    assert text.count("<tr><td>") == 1
    form = {"whose": clinic.chi.number, "action": "patient", "since": "2026-11-16", "until": "2026-11-16"}
    status, _, response = await abe.post("/audit", form, page="/audit")
    place = response.headers["Location"]
    assert (status, place) == (303, f"/audit?whom={clinic.chi.id}&action=patient&since=2026-11-16&until=2026-11-16")  # no number in it
    status, text, _ = await abe.get(place)
    assert text.count("<tr><td>") == 1
    _, _, response = await abe.post("/audit", {"whose": "+12025550199"}, page="/audit")
    assert (await abe.get(response.headers["Location"]))[1].count("<tr><td>") == 0  # nobody's, and so not everybody's
    await seal_audit(database, NOW)
    status, text, _ = await abe.post("/audit/verify", {"heads": ""}, page="/audit/verify")
    assert status == 200
    assert "entries fit." in text
    assert text.rstrip().endswith("</html>")
    status, text, response = await abe.get("/audit/audit.csv?action=patient")
    assert (status, response.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    lines = text.splitlines()
    assert len(lines) == 3
    assert str(clinic.chi.id) in lines[1]
    assert lines[2].startswith("head,")
    async with database.transaction() as connection:
        from sqlalchemy import update

        await connection.execute(update(audit_events).where(audit_events.c.sequence == 2).values(action="nothing"))
    _, text, _ = await abe.post("/audit/verify", {"heads": ""}, page="/audit/verify")
    assert "Entry 2 does not fit" in text


async def test_an_export_asks_for_the_password_again_after_ten_minutes(browse: NewBrowser, clinic: Clinic, clock: HandClock) -> None:
    from tests.seed import PASSWORD

    abe = await browse(clinic.abe)
    clock.advance(minutes=11)
    status, _, response = await abe.get("/audit/audit.csv?action=patient")
    assert (status, response.headers["Location"]) == (303, "/again?next=/audit/audit.csv?action%3Dpatient")
    assert (await abe.post("/again", {"password": "wrong", "next": "/audit"}, page="/again"))[0] == 422
    status, _, response = await abe.post("/again", {"password": PASSWORD, "next": "/audit/audit.csv?action=patient"}, page="/again")
    assert (status, response.headers["Location"]) == (303, "/audit/audit.csv?action=patient")
    assert (await abe.get("/audit/audit.csv"))[0] == 200


async def test_an_account_is_made_by_its_link_and_changed(browse: NewBrowser, clinic: Clinic) -> None:
    import re

    ada, visitor = await browse(clinic.ada), await browse()
    form = [("email", "ivy@riverside.example"), ("name", "Ivy Ito"), ("role", "coordinator"), ("team", str(clinic.team_a))]
    status, text, _ = await ada.post("/admin/staff", form, page="/admin")
    assert status == 200
    found = re.search(r"/invitation/[A-Za-z0-9_-]{43}", text)
    assert found
    for weak in ("short", "password1234", "ivy ito riverside", "123456789012"):
        assert (await visitor.post(found[0], {"password": weak, "again": weak}, page=found[0]))[0] == 422
    assert (await visitor.post(found[0], {"password": "hunting slow lamps", "again": "hunting slow lamp"}, page=found[0]))[0] == 422
    assert (await visitor.post(found[0], {"password": "hunting slow lamps", "again": "hunting slow lamps"}, page=found[0]))[0] == 303
    status, _, _ = await visitor.post("/sign-in", {"email": "ivy@riverside.example", "password": "hunting slow lamps"})
    assert status == 303
    assert (await visitor.get("/queue"))[0] == 200
    status, text, _ = await ada.get("/admin")
    assert "Ivy Ito" in text
    assert (await ada.post("/admin/staff", form, page="/admin"))[0] == 422  # the address is taken
    for path in ("/admin/teams", "/admin/organization", f"/admin/staff/{clinic.nora.id}"):
        assert (await ada.get(path))[0] == 200


async def test_a_link_leads_to_the_address_that_staff_type_and_the_page_says_how_to_hand_it_over(
    database: Database, clinic: Clinic, clock: HandClock
) -> None:
    """Behind a proxy a request comes by plain HTTP: a link made of that would carry its secret over an open line."""
    import re

    app = make_app(database, clock, public_base_url="http://rounds.example/")
    jar = aiohttp.CookieJar(unsafe=True)
    async with TestServer(app) as started, aiohttp.ClientSession(cookie_jar=jar) as session:
        ada = Browser(session, str(started.make_url("")).rstrip("/"))
        assert await ada.sign_in(clinic.ada) == 303
        form = [("email", "ivy@riverside.example"), ("name", "Ivy Ito"), ("role", "auditor")]
        _, text, _ = await ada.post("/admin/staff", form, page="/admin")
    assert re.search(r">http://rounds\.example/invitation/[A-Za-z0-9_-]{43}<", text)
    assert "Give it to them yourself or by a way that only they can read." in text


async def test_a_link_lapses(browse: NewBrowser, clinic: Clinic, clock: HandClock) -> None:
    import re

    ada, visitor = await browse(clinic.ada), await browse()
    form = [("email", "ivy@riverside.example"), ("name", "Ivy Ito"), ("role", "auditor")]
    _, text, _ = await ada.post("/admin/staff", form, page="/admin")
    found = re.search(r"/invitation/[A-Za-z0-9_-]{43}", text)
    assert found
    clock.advance(hours=48, seconds=1)
    status, text, _ = await visitor.post(found[0], {"password": "hunting slow lamps", "again": "hunting slow lamps"}, page=found[0])
    assert status == 404
    assert "too old" in text
    assert "Ivy" not in text


async def test_teams_and_organization_are_changed_and_nonsense_is_refused(browse: NewBrowser, clinic: Clinic) -> None:
    ada = await browse(clinic.ada)
    hours = {f"day{day}": "08:00-12:00, 13:00-18:00" for day in range(5)}
    team = {"name": "Team C", "on_call_phone": "+12025550165", **hours}
    assert (await ada.post("/admin/teams", team, page="/admin/teams"))[0] == 303
    assert (await ada.post("/admin/teams", team, page="/admin/teams"))[0] == 422
    for wrong in ({"day0": "8 to 5"}, {"day0": "18:00-08:00"}, {"on_call_phone": "call us"}, {"name": ""}):
        assert (await ada.post(f"/admin/teams/{clinic.team_b}", {**team, "name": "Team B", **wrong}, page="/admin/teams"))[0] == 422, wrong
    assert (await ada.post(f"/admin/teams/{clinic.team_b}", {**team, "name": "Team Bee"}, page="/admin/teams"))[0] == 303
    _, text, _ = await ada.get("/admin/teams")
    assert "Team Bee" in text
    data = {
        "zone": "America/Chicago",
        "clinic_phone": "+12025550190",
        "after_hours_number": "",
        "quiet_start": "20:00",
        "quiet_end": "09:00",
    }
    assert (await ada.post("/admin/organization", {**data, "zone": "Mars"}, page="/admin/organization"))[0] == 422
    assert (await ada.post("/admin/organization", data, page="/admin/organization"))[0] == 303
