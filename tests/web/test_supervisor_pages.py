"""Supervision and the weekly report as pages and as a table: for supervisors, of their teams; a nurse reads the sample again."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

from sqlalchemy import insert, select, update

from service.actions.make_reports import make_reports
from service.db.communication import attempts, communications
from service.db.database import Database
from service.db.escalation import concerns, escalations
from service.db.schema import new_id
from service.domain.urgency import Urgency
from tests.actions.crew import crew_of
from tests.seed import Clinic, seed_item
from tests.web.conftest import NOW, NewBrowser


async def test_supervision_shows_numbers_with_the_lists_behind_them_and_no_patient(
    browse: NewBrowser, clinic: Clinic, database: Database
) -> None:
    await crew_of(database, clinic, NOW)
    await seed_item(database, clinic.chi, NOW - timedelta(minutes=40), urgency=Urgency.EMERGENCY, due_in=timedelta(minutes=15))
    sol, nora = await browse(clinic.sol), await browse(clinic.nora)
    for span in ("", "?span=7", "?span=30", f"?team={clinic.team_a}&span=30"):
        status, text, _ = await sol.get("/supervisor" + span)
        assert status == 200
        assert 'href="/queue?tab=team&amp;urgency=emergency">1<' in text
        assert "40 min" in text
        assert "Heart failure swelling" in text, "a rule that content does not know is its identifier in words"
        assert "heart_failure.swelling</code>" in text
        assert "Chi" not in text
    assert "Qué espera ahora" in (await sol.get("/supervisor", headers={"Accept-Language": "es"}))[1]
    assert (await sol.get("/supervisor?team=nonsense"))[0] == 404
    assert (await nora.get("/supervisor"))[0] == 403
    assert (await nora.get("/supervisor/report"))[0] == 403


async def test_the_weekly_report_is_a_page_and_a_table_and_its_sample_is_read_by_nurses(
    browse: NewBrowser, clinic: Clinic, database: Database
) -> None:
    sol, nora = await browse(clinic.sol), await browse(clinic.nora)
    assert "There is no report yet" in (await sol.get("/supervisor/report"))[1]
    assert (await sol.get("/supervisor/report.csv"))[:2] == (200, "week,team,figure,of,value\r\n")
    assert (await sol.get("/supervisor/report?week=2020-01-06"))[0] == 404
    week = NOW - timedelta(days=4)
    async with database.transaction() as connection:
        plain = {
            "direction": "in",
            "channel": "sms",
            "purpose": "reply",
            "lane": "routine",
            "status": "received",
            "body": "it is <b>all</b> good",
        }
        whose = {"organization_id": clinic.organization_id, "patient_id": clinic.ben.id, "phone_id": clinic.ben.phone_id}
        await connection.execute(insert(communications).values(id=new_id(week), **whose, **plain, created_at=week, status_at=week))
    await make_reports(database, NOW)
    _, text, _ = await sol.get("/supervisor/report")
    assert "Frozen 10:00 am" in text
    status, text, answer = await sol.get(f"/supervisor/report.csv?team={clinic.team_a}")
    assert status == 200
    assert answer.headers["Content-Type"].startswith("text/csv")
    lines = list(csv.DictReader(io.StringIO(text)))
    assert {"week": "2026-11-09", "team": "Team A", "figure": "messages", "of": "en/sms", "value": "1"} in lines
    assert {"week": "2026-11-09", "team": "Team A", "figure": "sample", "of": "unread", "value": "1"} in lines
    _, text, _ = await nora.get("/supervisor/sample")
    assert "it is &lt;b&gt;all&lt;/b&gt; good" in text
    assert "Ben" not in text
    [id] = [part.split('"')[0] for part in text.split('action="/supervisor/sample/')[1:2]]
    assert (await nora.post(f"/supervisor/sample/{id}", {"verdict": "nonsense"}, page="/supervisor/sample"))[0] == 404
    assert (await nora.post(f"/supervisor/sample/{id}", {"verdict": "missed"}, page="/supervisor/sample"))[0] == 303
    async with database.reading() as connection:
        [item] = (await connection.execute(escalations.select())).all()
    assert item.patient_id == clinic.ben.id
    assert "Every message of the sample is read." in (await nora.get("/supervisor/sample"))[1]
    _, text, _ = await sol.get("/supervisor/report")
    assert '<dt>Missed</dt><dd class="rota-gap">1</dd>' in text


async def test_rules_and_providers_are_told_in_words(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    await seed_item(database, clinic.chi, NOW - timedelta(minutes=40), urgency=Urgency.EMERGENCY, due_in=timedelta(minutes=15))
    async with database.transaction() as connection:
        await connection.execute(update(concerns).values(rule="fainting"))
        await connection.execute(insert(communications).values(**a_text(clinic)))
        text_id = await connection.scalar(select(communications.c.id).where(communications.c.status == "due"))
        under_way = {"id": new_id(NOW), "organization_id": clinic.organization_id, "communication_id": text_id}
        await connection.execute(insert(attempts).values(**under_way, number=1, outcome="", started_at=NOW))
    _, text, _ = await (await browse(clinic.sol)).get("/supervisor")
    assert "Fainting or seizure: …" in text
    assert ">fainting</code>" in text
    assert '<th scope="row">Not sent yet</th>' in text


def a_text(clinic: Clinic) -> dict[str, object]:
    whose = {"organization_id": clinic.organization_id, "patient_id": clinic.ben.id, "phone_id": clinic.ben.phone_id}
    plain = {"direction": "out", "channel": "sms", "purpose": "reply", "lane": "routine", "status": "due", "body": "Hello"}
    return {"id": new_id(NOW), **whose, **plain, "created_at": NOW, "status_at": NOW, "due_at": NOW}
