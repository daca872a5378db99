"""Check-ins under way on another version of their flow, on both databases: looked at, moved with what they raise, or refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from service.actions.move_sessions import Outcome, move_sessions
from service.actions.refusal import NotFound, Refused
from service.db import flows, registration
from service.db.audit import audit_events
from service.db.calls import calls
from service.db.check_in import flow_sessions
from service.db.escalation import concerns, escalations
from service.db.patient import patients
from service.db.schema import new_id
from service.engine import Flow, Session, Status
from tests.actions.house import House, content
from tests.seed import Person

KEY = "heart_failure/daily"


def stricter(urgency: str = "urgent") -> Flow:
    """The first flag on weight fires from 100 lb on, with this urgency."""
    flow = content().flows[KEY]
    data = flow.to_json()
    weight = next(step for step in data["steps"] if step["key"] == "weight")
    weight["red_flags"][0] |= {
        "name": "heavy",
        "when": {"value": "weight", "at_least": "100 lb"},
        "urgency": urgency,
        "reason": "Weight {value} lb",
        "answer": urgency,
    }
    data["phrases"][urgency] = dict(content().wording.texts[urgency])
    return Flow.from_json(data)


def without_the_open_question() -> Flow:
    data = content().flows[KEY].to_json()
    data["steps"] = [step for step in data["steps"] if step["key"] not in ("breathing_swelling", "tip")]
    return Flow.from_json(data)


async def published(house: House, flow: Flow, *, approved: bool = True) -> str:
    """The version's hash."""
    await house.publish(flow, approved=approved)
    return flow.version


async def weighed(house: House, *people: Person) -> None:
    """Everybody has told a weight and is asked about breathing."""
    for person in people:
        await house.start_flow(person)
        await house.text(person.number, "180")
    for row in await house.rows(flow_sessions):
        assert Session.from_json(row.state).step == "breathing_swelling"


async def moving(house: House, version: str, **more: Any) -> list[Outcome]:
    more = {"by": house.clinic.nora.id, **more}
    return await move_sessions(
        house.database, house.knowledge, house.clinic.organization_id, KEY, version=version, now=house.clock.now(), **more
    )


async def rules(house: House) -> list[str]:
    return [row.rule for row in await house.rows(concerns)]


async def pinned(house: House) -> dict[Any, Any]:
    return {row.patient_id: row.flow_version_id for row in await house.rows(flow_sessions)}


@pytest.mark.law(7)
async def test_a_preview_tells_everything_and_changes_nothing(house: House) -> None:
    ana, chi = house.clinic.ana, house.clinic.chi
    await weighed(house, ana, chi)
    version = await published(house, stricter())
    before = (await house.rows(flow_sessions), await rules(house), len(await house.sent("answer")))
    outcomes = await moving(house, version[:12], by=None)
    assert {outcome.patient_id for outcome in outcomes} == {ana.id, chi.id}
    for outcome in outcomes:
        assert (outcome.step, outcome.refused) == ("breathing_swelling", "")
        assert outcome.moved is not None
        assert "weight" in outcome.moved.kept
        assert [flag.fired.rule for flag in outcome.moved.red_flags] == [f"{KEY}.weight.heavy"]
    assert (await house.rows(flow_sessions), await rules(house), len(await house.sent("answer"))) == before
    looked = await house.rows(audit_events, audit_events.c.action == "conversation_move_previewed")
    assert {row.patient_id for row in looked} == {ana.id, chi.id}


@pytest.mark.law(7)
async def test_a_move_raises_what_the_new_version_sees_and_the_talk_goes_on_there(house: House) -> None:
    ana = house.clinic.ana
    await weighed(house, ana)
    version = await published(house, stricter())
    known = await rules(house)
    texts = len(await house.sent("answer"))
    [outcome] = await moving(house, version)
    assert outcome.refused == ""
    [row] = await house.rows(flow_sessions)
    async with house.database.reading() as connection:
        assert row.flow_version_id == await flows.published_as(connection, house.clinic.organization_id, version)
    assert (row.status, Session.from_json(row.state).version) == ("waiting", version)
    assert [rule for rule in await rules(house) if rule not in known] == [f"{KEY}.weight.heavy"]
    [item] = await house.rows(escalations)
    assert (item.patient_id, item.urgency_rank) == (ana.id, 1)
    assert len(await house.sent("answer")) == texts + 1
    [line] = await house.rows(audit_events, audit_events.c.action == "conversation_moved")
    assert (line.patient_id, line.staff_id, line.actor) == (ana.id, house.clinic.nora.id, "staff")
    assert (line.detail["from"], line.detail["to"]) == (content().flows[KEY].version, version)
    await house.text(ana.number, "no")
    [row] = await house.rows(flow_sessions)
    assert "breathing_swelling" in Session.from_json(row.state).done
    assert await moving(house, version) == [], "nobody is left on another version"


@pytest.mark.law(1)
async def test_an_emergency_found_by_a_move_pages_and_is_told_to_the_patient(house: House) -> None:
    await weighed(house, house.clinic.chi)
    version = await published(house, stricter("emergency"))
    await moving(house, version)
    [row] = await house.rows(flow_sessions)
    assert (row.status, row.waits_until, Session.from_json(row.state).status) == ("ended", None, Status.ENDED)
    [item] = await house.rows(escalations)
    assert item.urgency_rank == 0
    [text] = await house.sent("safety")
    assert (text.lane, text.escalation_id, "911" in text.body) == ("emergency", item.id, True)


async def test_what_cannot_be_moved_stays_and_the_others_move(house: House) -> None:
    ana, ben, chi = house.clinic.ana, house.clinic.ben, house.clinic.chi
    await weighed(house, ana, chi)
    await house.start_flow(ben)
    before = await pinned(house)
    version = await published(house, without_the_open_question())
    outcomes = {outcome.patient_id: outcome for outcome in await moving(house, version)}
    assert "has no question breathing_swelling" in outcomes[ana.id].refused
    assert outcomes[ben.id].refused == ""
    after = await pinned(house)
    assert (after[ana.id], after[chi.id]) == (before[ana.id], before[chi.id])
    assert after[ben.id] != before[ben.id]
    refused = await house.rows(audit_events, audit_events.c.action == "conversation_not_moved")
    assert {row.patient_id for row in refused} == {ana.id, chi.id}


async def test_a_patient_on_the_telephone_is_not_moved_under_their_feet(house: House) -> None:
    ana = house.clinic.ana
    await weighed(house, ana)
    [session] = await house.rows(flow_sessions)
    now = house.clock.now()
    async with house.database.transaction() as connection:
        row = {
            "id": new_id(now),
            "organization_id": ana.organization_id,
            "patient_id": ana.id,
            "phone_id": ana.phone_id,
            "flow_session_id": session.id,
            "programme": "heart_failure",
            "purpose": "check_in",
            "number": 1,
            "status": "talking",
            "status_at": now,
            "reason": "",
            "answered_by": "",
            "created_at": now,
            "due_at": now,
            "provider": "twilio",
            "attempts": 1,
        }
        await connection.execute(calls.insert().values(row))
    [outcome] = await moving(house, await published(house, stricter()))
    assert "on the telephone" in outcome.refused
    [same] = await house.rows(flow_sessions)
    assert same.flow_version_id == session.flow_version_id


async def test_chosen_patients_only(house: House) -> None:
    ana, ben, chi = house.clinic.ana, house.clinic.ben, house.clinic.chi
    await weighed(house, ana, chi)
    async with house.database.transaction() as connection:
        for number, person in (("R-1", ana), ("R-2", ben)):
            index = registration.record_number_index(connection, person.organization_id, number)
            values = {"record_number": number, "record_number_index": index}
            await connection.execute(patients.update().where(patients.c.id == person.id).values(values))
    version = await published(house, stricter())
    before = await pinned(house)
    outcomes = await moving(house, version, record_numbers=["R-1", "R-2"])
    assert [(outcome.record_number, outcome.refused != "") for outcome in outcomes] == [("R-1", False), ("", True)]
    after = await pinned(house)
    assert (after[ana.id] != before[ana.id], after[chi.id]) == (True, before[chi.id])
    with pytest.raises(NotFound, match="R-9"):
        await moving(house, version, record_numbers=["R-9"])
    with pytest.raises(Refused, match="Name 1 to"):
        await moving(house, version, record_numbers=[])


async def test_only_a_version_that_runs_is_moved_to(house: House) -> None:
    await weighed(house, house.clinic.ana)
    version = await published(house, stricter(), approved=False)
    with pytest.raises(Refused, match="approval"):
        await moving(house, version)
    with pytest.raises(Refused, match="at least 8"):
        await moving(house, version[:7])
    with pytest.raises(Refused, match="no published version"):
        await moving(house, "f" * 64)
    assert len(await moving(house, version, is_demo=True)) == 1


async def test_one_bad_conversation_does_not_keep_the_others(house: House) -> None:
    """Law 12: a stored state that nobody can read is set aside and told."""
    ana, chi = house.clinic.ana, house.clinic.chi
    await weighed(house, ana, chi)
    async with house.database.transaction() as connection:
        broken = flow_sessions.update().where(flow_sessions.c.patient_id == ana.id)
        await connection.execute(broken.values(state={"flow": KEY}))
    outcomes = {outcome.patient_id: outcome for outcome in await moving(house, await published(house, stricter()))}
    assert "failed (KeyError)" in outcomes[ana.id].refused
    assert outcomes[chi.id].refused == ""


async def test_more_than_one_batch(house: House) -> None:
    people = (house.clinic.ana, house.clinic.ben, house.clinic.chi)
    for person in people:
        await house.start_flow(person)
        house.clock.time += timedelta(seconds=1)
    outcomes = await moving(house, await published(house, stricter()), batch=2)
    assert {outcome.patient_id for outcome in outcomes if not outcome.refused} == {person.id for person in people}
