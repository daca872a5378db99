"""The pages of the flows: what a nurse lead reads there, and who approves which version."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from service.actions.publish_flow import flow_states, publish_flow
from service.db import flows
from service.db.audit import audit_events
from service.db.database import Database
from service.domain.staff import Role, Staff
from service.engine import Flow
from service.evaluation.flows.readable import Shelf, cadence_words, readable_steps, reason_words, when_it_comes
from service.evaluation.flows.readable_cases import readable_cases
from service.evaluation.flows.side_by_side import differences
from service.evaluation.flows.words import condition_words
from tests.seed import Clinic, Member
from tests.web.conftest import NOW, HandClock, NewBrowser, shelf_of

PAGE = "/flows/weekly/how_are_you"
FORM = PAGE + "/approve"


@pytest.fixture
def shelf() -> Shelf:
    return shelf_of("weekly")


async def approvals(database: Database, clinic: Clinic, shelf: Shelf) -> list[str]:
    """Whose approvals of the flow stand."""
    return [name for state in await flow_states(database, clinic.organization_id, shelf.flows) for name in state.approved_by]


async def done(database: Database, member: Member) -> list[str]:
    """What the audit trail says that this member of staff did to flows."""
    statement = select(audit_events.c.action).where(audit_events.c.staff_id == member.id, audit_events.c.object_kind == "flow_version")
    async with database.reading() as connection:
        return sorted((await connection.scalars(statement)).all())


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
    assert "weight up 3 lb or more within 24 hours" in flag.when
    assert [language for language, _, _ in flag.hears.texts] == ["en", "es"]
    assert flag.hears.texts[0][1] == flow.phrases["urgent"]["en"]


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("daily", "daily"),
        ("daily for 30 d, then FREQ=WEEKLY;BYDAY=MO,WE,FR for 30 d, then weekly",
         "daily for 30 days, then on Monday, Wednesday and Friday for 30 days, then weekly"),
        ("weekly for 4 d, then daily for 10 d, then weekly", "on day 1, then daily from day 5 to day 14, then weekly"),
        ("daily for 2 d, then weekly for 7 d, then weekly", "daily for 2 days, then on day 3, then weekly from day 10"),
        ("weekly for 84 d, then FREQ=WEEKLY;INTERVAL=2", "weekly for 84 days, then every 2 weeks"),
        ("days 1, 3, 7", "on days 1, 3 and 7"),
        ("days 1", "on day 1"),
        ("FREQ=WEEKLY;INTERVAL=2", "every 2 weeks"),
    ],
)  # fmt: skip
def test_a_cadence_is_read_aloud(written: str, words: str) -> None:
    assert cadence_words(written) == words


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"symptom": "*"}, "any symptom"),
        ({"symptom": "*", "without": "chronic"}, "any symptom but not chronic"),
        ({"missed": "*"}, "medicine missed: any"),
        ({"none_of": [{"symptom": "*"}]}, "not (any symptom)"),
        ({"value": "spo2", "at_least": "88 %", "below": "92 %"}, "oxygen at least 88 % and below 92 %"),
        (
            {"any_of": [{"symptom": "rash", "with_any": ["severe", "worse"]}, {"symptom": ["fever", "chills"]}]},
            "(rash that is severe or worse) or fever or chills",
        ),
        (
            {"all_of": [{"value": "weight", "above": "200 lb"}, {"symptom": ["fever", "chills"], "without": "chronic"}]},
            "weight above 200 lb and (fever or chills but not chronic)",
        ),
        ({"all_of": [{"condition": "copd"}, {"symptom": "cough"}]}, "problem list has COPD and cough"),
    ],
)
def test_conditions_are_said_in_words(condition: dict[str, object], words: str) -> None:
    assert condition_words(condition) == words


def test_no_condition_and_no_reason_of_the_shipped_flows_is_left_in_signs() -> None:
    flows = shelf_of("heart_failure", "weekly", "diabetes_type_2").flows
    for flow in flows.values():
        for step in readable_steps(flow):
            for flag in step.flags:
                assert not {"{", "}", "_"} & {*flag.reason}, (flow.key, flag.name)
                assert "expression" in flag.when or not {"*", "{", "}", "_"} & {*flag.when}, (flow.key, flag.name)


def test_a_reason_tells_what_will_stand_there() -> None:
    assert reason_words("Weight {value} lb, up {change} lb (limit {threshold}), {name}") == (
        "Weight [value] lb, up [change] lb (limit [number]), [symptom]"
    )


def test_a_safety_re_check_comes_by_itself() -> None:
    flows = shelf_of("diabetes_type_2").flows
    assert when_it_comes(flows["shared/glucose_again"]) == "Begins by itself after a red flag that names it; never by dates"
    assert when_it_comes(flows["diabetes_type_2/check_in"]).endswith("ends after 180 days at the latest")


def test_two_versions_differ_in_what_was_changed_added_and_taken_out_and_in_nothing_else() -> None:
    now = shelf_of("heart_failure").flows["heart_failure/daily"]
    data = now.to_json()
    weight = next(step for step in data["steps"] if step["key"] == "weight")
    weight["red_flags"][0]["urgency"] = "same_day"
    weight["say"]["es"]["plain"] = "Dígame cuánto pesa."
    taken_out = data["steps"].pop(next(number for number, step in enumerate(data["steps"]) if step["key"] == "pulse"))
    data["silence"]["silent_after"] += 60
    before = Flow.from_json(data)
    assert differences(now, now) == ()
    found = {each.where: each for each in differences(before, now)}
    flag = found.pop(f"weight: red flag {weight['red_flags'][0]['name'].replace('_', ' ')}")
    assert (flag.before[:8], flag.now[:6]) == ("Same day", "Urgent")
    assert found.pop("weight: telephone").language == "es"
    assert "silent after 540" in found.pop("Silence").before
    assert "pulse" in found.pop("Order of the steps").now
    assert found
    assert all(where.startswith("pulse: ") and each.before == "" for where, each in found.items())
    assert len(taken_out["red_flags"]) == len([where for where in found if "red flag" in where])


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


async def test_a_clinician_publishes_approves_and_withdraws_on_the_page(
    browse: NewBrowser, clinic: Clinic, database: Database, shelf: Shelf
) -> None:
    cleo = await browse(clinic.cleo)
    assert (await cleo.get("/"))[2].headers["Location"] == "/flows"
    _, text, _ = await cleo.get(PAGE)
    assert "Publish and approve this version" in text
    assert "No new check-in of this flow starts." in text
    [shown] = re.findall(r'name="version" value="([0-9a-f]{64})"', text)
    status, _, response = await cleo.post(FORM, {"version": shown, "read": "yes"}, page=PAGE)
    assert (status, response.headers["Location"]) == (303, PAGE)
    assert await approvals(database, clinic, shelf) == [clinic.cleo.name]
    _, text, _ = await cleo.get(PAGE)
    assert f"Approved by {clinic.cleo.name}" in text
    assert "You have approved this version." in text
    assert "approve this version</button>" not in text.lower()
    assert "New check-ins run on this very version." in text
    assert await done(database, clinic.cleo) == ["flow_approved", "flow_published"]
    status, text, _ = await cleo.post(PAGE + "/withdraw", {"reason": " x "}, page=PAGE)
    assert (status, "needs a reason" in text, "<details open" in text or 'class="withdraw" open' in text) == (409, True, True)
    status, _, _ = await cleo.post(PAGE + "/withdraw", {"reason": "The limit is wrong"}, page=PAGE)
    assert status == 303
    assert await approvals(database, clinic, shelf) == []
    _, text, _ = await cleo.get(PAGE)
    assert f"Approval withdrawn by {clinic.cleo.name}" in text
    assert "The limit is wrong" in text
    assert ">Approve this version<" in text
    assert "Withdraw the approval" not in text
    assert await done(database, clinic.cleo) == ["flow_approval_withdrawn", "flow_approved", "flow_published"]


async def test_an_administrator_publishes_and_does_not_approve(
    browse: NewBrowser, clinic: Clinic, database: Database, shelf: Shelf
) -> None:
    flow = shelf.flows["weekly/how_are_you"]
    ada = await browse(clinic.ada)
    _, text, _ = await ada.get(PAGE)
    assert "Publish this version" in text
    assert "approve this version" not in text.lower()
    good = {"version": flow.version, "read": "yes"}
    assert (await ada.post(FORM, good, page=PAGE))[0] == 404
    assert (await ada.post(PAGE + "/withdraw", {"reason": "The limit is wrong"}, page=PAGE))[0] == 404
    status, text, _ = await ada.post(PAGE + "/publish", {"version": "0" * 64}, page=PAGE)
    assert (status, "has changed" in text) == (409, True)
    assert await done(database, clinic.ada) == []
    assert (await ada.post(PAGE + "/publish", {"version": flow.version}, page=PAGE))[0] == 303
    assert await done(database, clinic.ada) == ["flow_published"]
    _, text, _ = await ada.get(PAGE)
    assert "Published, not clinically approved" in text
    assert "Publish this version" not in text
    assert "A clinician of your clinic approves flows" in text
    assert await approvals(database, clinic, shelf) == []


async def test_nothing_else_is_approved(browse: NewBrowser, clinic: Clinic, database: Database, shelf: Shelf, clock: HandClock) -> None:
    flow = shelf.flows["weekly/how_are_you"]
    cleo, sol, nora = await browse(clinic.cleo), await browse(clinic.sol), await browse(clinic.nora)
    good = {"version": flow.version, "read": "yes"}
    for form, expected, told in (
        ({**good, "version": "0" * 64}, 409, "has changed"),
        ({**good, "version": flow.version[:12]}, 409, "has changed"),
        ({"read": "yes"}, 409, "has changed"),
        ({"version": flow.version}, 422, "Tick that you have read"),
        ({**good, "clinician": "Dr. Somebody Else", "read": "no"}, 422, "Tick that you have read"),
    ):
        status, text, _ = await cleo.post(FORM, form, page=PAGE)
        assert (status, told in text) == (expected, True)
    assert (await cleo.post(FORM, good, token="0" * 64))[0] == 403
    assert (await cleo.post(FORM, good, page=PAGE, headers={"Sec-Fetch-Site": "cross-site"}))[0] == 403
    for other in (sol, nora):
        for path, sent in ((FORM, good), (PAGE + "/publish", good), (PAGE + "/withdraw", {"reason": "The limit is wrong"})):
            assert (await other.post(path, sent, page=PAGE))[0] == 404
    _, text, _ = await sol.get(PAGE)
    assert "A clinician of your clinic approves flows" in text
    status, text, _ = await cleo.post(PAGE + "/withdraw", {"reason": "The limit is wrong"}, page=PAGE)
    assert (status, "nothing to withdraw" in text) == (409, True)
    clock.advance(days=1000)
    cleo = await browse(clinic.cleo)
    status, text, _ = await cleo.post(FORM, good, page=PAGE)
    assert (status, "review date has passed" in text) == (409, True)
    [state] = await flow_states(database, clinic.organization_id, {flow.key: flow})
    assert (state.published, state.approvals) == (False, ()), "a refusal publishes nothing either"


async def test_the_name_of_an_approval_is_that_of_the_signed_in_person(
    browse: NewBrowser, clinic: Clinic, database: Database, shelf: Shelf
) -> None:
    cleo = await browse(clinic.cleo)
    form = {"version": shelf.flows["weekly/how_are_you"].version, "read": "yes", "clinician": "Dr. Else", "name": "Dr. Else"}
    assert (await cleo.post(FORM, form, page=PAGE))[0] == 303
    assert await approvals(database, clinic, shelf) == [clinic.cleo.name]


async def test_a_new_draft_stands_beside_the_version_that_runs(
    browse: NewBrowser, clinic: Clinic, database: Database, shelf: Shelf
) -> None:
    flow = shelf.flows["weekly/how_are_you"]
    data = flow.to_json()
    first = data["steps"][0]["ask"]
    data["steps"][0]["ask"] = {**first, "es": {**first["es"], "plain": "¿Se siente <b>bien</b>?"}}
    data["title"] = "An older title"
    older = Flow.from_json(data)
    clinician = Staff(clinic.cleo.id, clinic.organization_id, "Dr. Sample", Role.CLINICIAN, ())
    now = NOW - timedelta(days=1)
    await publish_flow(database, clinic.organization_id, older, now)
    async with database.transaction() as connection:
        version_id = await flows.published_as(connection, clinic.organization_id, older.version)
        assert version_id is not None
        await flows.approve(connection, clinic.organization_id, version_id, clinician.name, now)
    nora = await browse(clinic.nora)
    _, text, _ = await nora.get(PAGE)
    assert "2 parts differ" in text
    assert '<del lang="en">An older title</del>' in text
    assert f'<ins lang="en">{flow.title}</ins>' in text
    assert '<del lang="es">¿Se siente &lt;b&gt;bien&lt;/b&gt;?</del>' in text
    assert f'<ins lang="es">{first["es"]["plain"]}</ins>' in text
    assert "Approved by Dr. Sample" in text
    _, listed, _ = await nora.get("/flows")
    assert "An earlier version runs" in listed
