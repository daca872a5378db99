"""Every programme as a whole call over HTTP, with a restart in its middle: placed, picked up, answered by keys, kept."""

from __future__ import annotations

import asyncio
import json

import pytest

from service.db.check_in import flow_sessions
from service.db.communication import communications, inbound_events
from service.db.observation import observations
from service.db.patient import patients
from service.domain.reading import Expects
from service.engine import Flow
from service.engine.call import Call, Stage
from tests.actions.house import content
from tests.calls.callee import MOST_STEPS, keys_for, odd, programmes
from tests.calls.conftest import Telephones
from tests.seed import Person
from tests.stand_in_twilio.calls import Heard, PlacedCall

PROGRAMMES = programmes()
ON_BOTH = ("heart_failure/daily", "diabetes_type_2/check_in", "depression/phq")


async def a_whole_call(house: Telephones, key: str, language: str) -> None:
    flow, eva = content().flows[key], house.clinic.eva
    if language != eva.language:
        async with house.database.transaction() as connection:
            await connection.execute(patients.update().where(patients.c.id == eva.id).values(language=language))
    call = await house.ring(eva, flow)
    await call.pick_up()
    said = await call.press("1950")
    for step in range(MOST_STEPS):
        assert odd(said.texts) == []
        if said.over:
            break
        if step == 1:
            await house.restart()
        said = await ordinary_answer(house, flow, call)
    assert said.over
    assert call.answers == [200] * len(call.answers)
    [row] = await house.call_rows()
    assert (row.status, row.answered_by) == ("ended", "person")
    [session] = await house.rows(flow_sessions)
    assert session.status == "ended" or session.state["wait_until"], "over, or a safety re-check is to come"
    assert {"call"} == {row.kind for row in await house.rows(inbound_events)}
    spoken = await house.rows(communications, communications.c.direction == "out", communications.c.channel == "voice")
    assert [row.body for row in spoken if row.body], "what was said is kept"
    assert {row.language for row in spoken} == {language}


async def ordinary_answer(house: Telephones, flow: Flow, call: PlacedCall) -> Heard:
    [row] = await house.call_rows()
    stands = Call.from_json(json.loads(row.state))
    if stands.stage is not Stage.QUESTION:
        return await call.press("1")
    step = flow.question(stands.step)
    return await (call.speak("no") if step.expects is Expects.FREE_TEXT else call.press(keys_for(step)[0]))


@pytest.mark.parametrize(("key", "language"), [(key, "en" if number % 2 else "es") for number, key in enumerate(PROGRAMMES)])
async def test_a_whole_call(telephones_on_sqlite: Telephones, key: str, language: str) -> None:
    await a_whole_call(telephones_on_sqlite, key, language)


@pytest.mark.parametrize("key", ON_BOTH)
async def test_a_whole_call_on_both_databases(telephones: Telephones, key: str) -> None:
    await a_whole_call(telephones, key, "es" if PROGRAMMES.index(key) % 2 else "en")


@pytest.mark.law(3)
async def test_a_text_and_a_key_at_the_same_moment_are_answered_once(telephones: Telephones) -> None:
    chi: Person = telephones.clinic.chi
    await telephones.agree_to_calls(chi)
    call, _ = await telephones.identified(chi)
    texts = communications.c.channel == "sms", communications.c.direction == "out"
    before = len(await telephones.rows(communications, *texts))
    said, _ = await asyncio.gather(call.press("180#"), telephones.text(chi.number, "180"))
    assert len(await telephones.rows(communications, *texts)) == before, "the call answers, no text does"
    assert call.answers[-1] == 200
    assert "breathe" in said, "whichever came first, the call goes on with the next question"
    [session] = await telephones.rows(flow_sessions)
    assert (session.state["step"], session.state["tries"]) in (("breathing_swelling", 0), ("breathing_swelling", 1))
    assert {row.value for row in await telephones.rows(observations, observations.c.name == "weight")} == {180.0}
    await call.press("2")
    assert (await call.press("1")).over
