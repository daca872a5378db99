"""What a version would have changed last month, as nurses of two teams, their lead and an administrator see it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from aiohttp.test_utils import TestServer
from sqlalchemy import select

from service.actions.knowledge import Knowledge
from service.actions.publish_flow import publish_flow
from service.content import load_contact_law, load_follow_through, load_opening
from service.db.audit import audit_events
from service.db.database import Database
from service.engine import Flow
from service.evaluation.flows.readable import Shelf
from service.web import flow_history_pages
from service.web.flow_history_pages import rule_words
from tests.actions.house import House, StoppedClock
from tests.seed import Clinic
from tests.web.conftest import NOW, HandClock, NewBrowser, make_app, shelf_of

KEY = "heart_failure/daily"
PAGE = f"/flows/{KEY}/history"


@pytest.fixture
def shelf() -> Shelf:
    return shelf_of("heart_failure")


@pytest.fixture
async def server(database: Database, clock: HandClock, clinic: Clinic, shelf: Shelf) -> AsyncIterator[TestServer]:
    started = TestServer(make_app(database, clock, shelf=shelf))
    async with started:
        yield started


def stricter(flow: Flow, amount: str = "1 lb") -> Flow:
    """A version in which a smaller gain calls a nurse at once."""
    data = flow.to_json()
    weight = next(step for step in data["steps"] if step["key"] == "weight")
    [flag] = [flag for flag in weight["red_flags"] if flag["name"] == "gained_in_a_day"]
    flag["when"] = {"value": "weight", "gain_over": {"amount": amount, "within": "24 h"}}
    return Flow.from_json(data)


async def two_days(database: Database, clinic: Clinic, shelf: Shelf, begin: datetime) -> None:
    """Chi of team A and Eva of team B have gained 2 lb in a day, and had pain in the chest; on the version of the file."""
    knowledge = Knowledge(
        shelf.ears.lexicon,
        shelf.ears.tables,
        shelf.ears.wording,
        "http://127.0.0.1",
        load_follow_through(),
        load_opening(),
        load_contact_law(),
    )
    house = House(database, clinic, knowledge, StoppedClock(begin))
    for weight in ("180", "182"):
        for person, danger in ((clinic.chi, "chest pain"), (clinic.eva, "me duele el pecho")):
            await house.start_flow(person, shelf.flows[KEY])
            for words in (weight, danger):
                await house.text(person.number, words)
        house.clock.time += timedelta(hours=20)


@pytest.fixture
async def lived(database: Database, clinic: Clinic, shelf: Shelf) -> None:
    """Two days of check-ins, a week ago."""
    await two_days(database, clinic, shelf, NOW - timedelta(days=7))


async def published(database: Database, clinic: Clinic, *flows: Flow) -> None:
    for days, flow in enumerate(flows):
        await publish_flow(database, clinic.organization_id, flow, NOW - timedelta(days=20 - days))


async def test_each_sees_the_patients_of_their_teams_and_an_administrator_only_counts(
    browse: NewBrowser, clinic: Clinic, database: Database, shelf: Shelf, lived: None
) -> None:
    await published(database, clinic, stricter(shelf.flows[KEY]))
    for member, check_ins, initials in ((clinic.nora, 2, {"C.C."}), (clinic.omar, 2, {"E.E."}), (clinic.sol, 4, {"C.C.", "E.E."})):
        visitor = await browse(member)
        status, text, _ = await visitor.get(PAGE)
        assert status == 200
        assert f"{check_ins} check-ins since" in text
        assert f"patients: {len(initials)}." in text
        assert set(re.findall(r"<span>([A-Z]\.[A-Z]\.)</span>", text)) == initials
        assert "Weight 182 lb, up 2 lb within a day" in text
        assert not re.search("Chi|Chen|Eva|Estrada", text)
    ada = await browse(clinic.ada)
    _, text, _ = await ada.get(PAGE)
    assert "4 check-ins since" in text
    assert "Weight: gained in a day" in text
    assert "Weight 182 lb" not in text
    assert "E.E." not in text


@pytest.mark.law(10)
async def test_who_looked_at_whose_check_ins_is_kept(
    browse: NewBrowser, clinic: Clinic, database: Database, shelf: Shelf, lived: None
) -> None:
    await published(database, clinic, stricter(shelf.flows[KEY]))
    await (await browse(clinic.omar)).get(PAGE)
    async with database.reading() as connection:
        lines = (await connection.execute(select(audit_events).where(audit_events.c.action == "check_ins_replayed"))).all()
    assert [(line.staff_id, line.patient_id, line.detail) for line in lines] == [
        (clinic.omar.id, clinic.eva.id, {"flow": KEY, "check_ins": 2})
    ]


async def test_without_another_version_there_is_nothing_to_compare(
    browse: NewBrowser, clinic: Clinic, database: Database, shelf: Shelf
) -> None:
    nora = await browse(clinic.nora)
    await published(database, clinic, shelf.flows[KEY])
    status, text, _ = await nora.get(PAGE)
    assert (status, "nothing to compare" in text) == (200, True)
    _, text, _ = await nora.get(f"/flows/{KEY}")
    assert f'href="{PAGE}"' in text


async def test_one_of_several_versions_is_chosen(browse: NewBrowser, clinic: Clinic, database: Database, shelf: Shelf, lived: None) -> None:
    flow = shelf.flows[KEY]
    first, second = stricter(flow), stricter(flow, "2.5 lb")
    await published(database, clinic, first, second)
    nora = await browse(clinic.nora)
    _, text, _ = await nora.get(PAGE)
    assert f'<option value="{second.version}" selected>' in text
    assert "Nothing would have been otherwise for a nurse." in text
    _, text, _ = await nora.get(f"{PAGE}?old={first.version}")
    assert f'<option value="{first.version}" selected>' in text
    assert "1 would have been the same for a nurse" in text
    for wrong in (f"{PAGE}?old={'0' * 64}", f"{PAGE}?old={flow.version}", "/flows/weekly/nothing/history"):
        assert (await nora.get(wrong))[0] == 404


async def test_a_page_replays_so_many_and_says_how_many_it_left_out(
    browse: NewBrowser, clinic: Clinic, database: Database, shelf: Shelf, lived: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    await published(database, clinic, stricter(shelf.flows[KEY]))
    monkeypatch.setattr(flow_history_pages, "MOST", 1)
    sol = await browse(clinic.sol)
    _, text, _ = await sol.get(PAGE)
    assert "1 check-in since" in text
    assert "3 more check-ins lie in this time and were left out" in text
    monkeypatch.setattr(flow_history_pages, "MOST", 300)
    monkeypatch.setattr(flow_history_pages, "BATCH", 2)
    monkeypatch.setattr(flow_history_pages, "LONGEST_SECONDS", 0)
    _, text, _ = await sol.get(PAGE)
    assert "2 check-ins since" in text
    assert "Weight 182 lb" in text, "the newest come first"


async def test_a_month_without_check_ins_says_so(browse: NewBrowser, clinic: Clinic, database: Database, shelf: Shelf) -> None:
    await published(database, clinic, stricter(shelf.flows[KEY]))
    _, text, _ = await (await browse(clinic.nora)).get(PAGE)
    assert "No check-in of this flow has come to an end" in text


def test_a_rule_is_read_as_words() -> None:
    assert rule_words(f"{KEY}.weight.gained_in_a_day", KEY) == "weight: gained in a day"
    assert rule_words("weight_gain_24h", KEY) == "every patient: weight gain 24h"
