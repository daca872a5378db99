"""The pages of the flows: what a nurse lead reads there, and who approves which version."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from sqlalchemy import select

from service.actions.publish_flow import flow_states, publish_flow, withdraw_approval
from service.db.audit import audit_events
from service.db.database import Database
from service.evaluation.flows.readable import Shelf, cadence_words, readable_cases, readable_steps
from tests.seed import Clinic
from tests.web.conftest import NOW, HandClock, NewBrowser, shelf_of

PAGE = "/flows/weekly/how_are_you"
FORM = PAGE + "/approve"


@pytest.fixture
def shelf() -> Shelf:
    return shelf_of("weekly")


async def approvals(database: Database, clinic: Clinic, shelf: Shelf) -> list[str]:
    """Whose approvals of the flow stand."""
    return [name for state in await flow_states(database, clinic.organization_id, shelf.flows) for name in state.approved_by]


async def test_every_flow_is_listed_with_its_state(browse: NewBrowser, clinic: Clinic, database: Database, shelf: Shelf) -> None:
    flow = shelf.flows["weekly/how_are_you"]
    nora = await browse(clinic.nora)
    status, text, _ = await nora.get("/flows")
    assert status == 200
    assert flow.title in text
    assert "English, Spanish" in text
    assert f"Weekly; ends after {flow.stop_after} days" in text
    assert "Draft, not clinically approved" in text
    assert "has passed" not in text
    await publish_flow(database, clinic.organization_id, flow, NOW)
    _, text, _ = await nora.get("/flows")
    assert "Published, not clinically approved" in text


async def test_a_review_date_that_has_passed_is_said(browse: NewBrowser, clinic: Clinic, clock: HandClock) -> None:
    clock.advance(days=1000)
    nora = await browse(clinic.nora)
    _, text, _ = await nora.get("/flows")
    assert "has passed" in text


def test_red_flags_stand_most_urgent_first_with_their_threshold_and_answer() -> None:
    flow = shelf_of("heart_failure").flows["heart_failure/daily"]
    steps = readable_steps(flow)
    for step in steps:
        assert [flag.urgency.rank for flag in step.flags] == sorted(flag.urgency.rank for flag in step.flags)
    weight = next(step for step in steps if step.key == "weight")
    flag = next(flag for flag in weight.flags if flag.name == "gained_in_a_day")
    assert "weight up 3 lb or more within 24 h" in flag.when
    assert [language for language, _, _ in flag.hears.texts] == ["en", "es"]
    assert flag.hears.texts[0][1] == flow.phrases["urgent"]["en"]


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("daily", "daily"),
        ("daily for 30 d, then FREQ=WEEKLY;BYDAY=MO,WE,FR for 30 d, then weekly",
         "daily for 30 days, then on Monday, Wednesday and Friday for 30 days, then weekly"),
        ("days 1, 3, 7", "on days 1, 3 and 7"),
        ("days 1", "on day 1"),
        ("FREQ=WEEKLY;INTERVAL=2", "every 2 weeks"),
    ],
)  # fmt: skip
def test_a_cadence_is_read_aloud(written: str, words: str) -> None:
    assert cadence_words(written) == words


def test_a_case_is_a_conversation(shelf: Shelf) -> None:
    [first, *_] = shelf.cases("weekly/how_are_you")
    odd = replace(
        first, given={"day": 3}, starts={"asks": "weight"}, talk=({"silence": True, "hands_over": ["a.b"]}, {"keys": "1", "flags": []})
    )
    [case] = readable_cases([odd])
    assert case.given == ("day: 3",)
    assert [(turn.who, turn.words, turn.follows) for turn in case.turns] == [
        ("At the start", "", ("asks: weight",)),
        ("No answer comes", "", ("calls a nurse: a: b",)),
        ("Patient presses", "1", ("red flag: none",)),
    ]


async def test_an_unknown_flow_is_not_found(browse: NewBrowser, clinic: Clinic) -> None:
    nora = await browse(clinic.nora)
    for path in ("/flows/weekly/nothing", "/flows/..%2fshared/wording", "/flows/shared/missed_dose"):
        assert (await nora.get(path))[0] == 404


async def test_an_administrator_approves_the_version_that_was_shown(
    browse: NewBrowser, clinic: Clinic, database: Database, shelf: Shelf
) -> None:
    flow = shelf.flows["weekly/how_are_you"]
    ada = await browse(clinic.ada)
    _, text, _ = await ada.get(PAGE)
    assert "Approve this version" not in text  # a draft is published first
    await publish_flow(database, clinic.organization_id, flow, NOW)
    _, text, _ = await ada.get(PAGE)
    [shown] = re.findall(r'name="version" value="([0-9a-f]{64})"', text)
    status, _, response = await ada.post(FORM, {"version": shown, "read": "yes"}, page=PAGE)
    assert (status, response.headers["Location"]) == (303, PAGE)
    assert await approvals(database, clinic, shelf) == [clinic.ada.name]
    _, text, _ = await ada.get(PAGE)
    assert f"Approved by {clinic.ada.name}" in text
    assert "Approve this version" not in text
    async with database.reading() as connection:
        kinds = list(await connection.scalars(select(audit_events.c.action)))
    assert kinds.count("flow_approved") == 1
    await withdraw_approval(database, clinic.organization_id, flow.key, clinician="Dr. Sol", reason="A wrong limit", now=NOW)
    _, text, _ = await ada.get(PAGE)
    assert "Approval withdrawn by Dr. Sol" in text
    assert "Approve this version" in text


async def test_nothing_else_is_approved(browse: NewBrowser, clinic: Clinic, database: Database, shelf: Shelf, clock: HandClock) -> None:
    flow = shelf.flows["weekly/how_are_you"]
    ada, sol = await browse(clinic.ada), await browse(clinic.sol)
    good = {"version": flow.version, "read": "yes"}
    status, text, _ = await ada.post(FORM, good, page=PAGE)
    assert (status, "not published" in text) == (409, True)
    await publish_flow(database, clinic.organization_id, flow, NOW)
    for form, expected, told in (
        ({**good, "version": "0" * 64}, 409, "has changed"),
        ({**good, "version": flow.version[:12]}, 409, "has changed"),
        ({"read": "yes"}, 409, "has changed"),
        ({"version": flow.version}, 422, "Tick that you have read"),
    ):
        status, text, _ = await ada.post(FORM, form, page=PAGE)
        assert (status, told in text) == (expected, True)
    assert (await ada.post(FORM, good, token="0" * 64))[0] == 403
    assert (await ada.post(FORM, good, page=PAGE, headers={"Sec-Fetch-Site": "cross-site"}))[0] == 403
    assert (await sol.post(FORM, good, page=PAGE))[0] == 404
    _, text, _ = await sol.get(PAGE)
    assert "An administrator of your clinic approves flows" in text
    clock.advance(days=1000)
    ada = await browse(clinic.ada)
    status, text, _ = await ada.post(FORM, good, page=PAGE)
    assert (status, "review date has passed" in text) == (409, True)
    assert await approvals(database, clinic, shelf) == []
