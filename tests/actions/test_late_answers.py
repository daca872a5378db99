"""An answer that comes after the check-in was given up: put to its question while it counts, read by a person after that."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from service.db.check_in import check_ins, flow_sessions
from service.db.communication import communications
from service.db.escalation import concerns
from service.db.observation import observations
from service.domain.urgency import Urgency
from tests.actions.house import House, content

CHI = "+12025550103"
FLOW = content().flows["heart_failure/daily"]


async def given_up(house: House) -> UUID:
    """Chi weighed 180 yesterday and has not answered today's check-in, which counts as silent now; its id."""
    house.clock.time -= timedelta(days=1)
    await house.text(CHI, "my weight is 180")
    house.clock.time += timedelta(days=1)
    enrollment = await house.enroll(house.clinic.chi, FLOW)
    check_in = await house.check_in(house.clinic.chi, FLOW, enrollment)
    assert await house.silence(hours=3) == 1, "the reminder"
    assert await house.silence(hours=5) == 1, "silence"
    assert (await of(house, check_in)).status == "silent"
    return check_in


async def of(house: House, check_in: UUID) -> Any:
    [row] = await house.rows(check_ins, check_ins.c.id == check_in)
    return row


async def rules(house: House) -> list[str]:
    return [one.rule for one in await house.rows(concerns)]


async def test_a_weight_an_hour_after_the_silence_is_put_to_its_question_and_raises_its_flags(house: House) -> None:
    check_in = await given_up(house)
    house.clock.time += timedelta(hours=1)
    await house.text(CHI, "184")
    [told] = await house.rows(observations, observations.c.check_in_id == check_in)
    assert (told.name, told.value) == ("weight", 184.0)
    raised = await rules(house)
    assert "heart_failure/daily.weight.gained_in_a_day" in raised
    assert "machine.not_read_yet" not in raised[1:], "the check-in has taken it in"
    assert (await of(house, check_in)).status == "partly"
    [session] = await house.rows(flow_sessions)
    assert (session.status, session.state["done"], session.state["left_open"]) == ("ended", ["weight"], "")
    answers = await house.rows(communications, communications.c.direction == "out", communications.c.purpose == "answer")
    assert "nurse" in answers[-1].body
    assert "Is it harder to breathe" not in answers[-1].body, "nothing more is asked"


async def test_a_late_weight_is_not_taken_for_the_next_check_ins_answer(house: House) -> None:
    await given_up(house)
    await house.text(CHI, "184")
    await house.text(CHI, "184")
    assert (await rules(house))[-1] == "machine.not_read_yet", "the question is answered: what follows is read by a person"
    house.clock.time += timedelta(hours=16)
    [enrollment] = {row.enrollment_id for row in await house.rows(check_ins)}
    await house.check_in(house.clinic.chi, FLOW, enrollment)
    newest = (await house.rows(flow_sessions))[-1]
    assert (newest.status, newest.state["step"], newest.state["kept"]) == ("waiting", "weight", [])


async def test_the_next_check_in_takes_the_place_of_the_one_given_up(house: House) -> None:
    first = await given_up(house)
    [enrollment] = {row.enrollment_id for row in await house.rows(check_ins)}
    house.clock.time += timedelta(hours=2)
    second = await house.check_in(house.clinic.chi, FLOW, enrollment)
    await house.text(CHI, "182")
    assert {row.check_in_id for row in await house.rows(observations) if row.value == 182} == {second}
    older = next(row for row in await house.rows(flow_sessions) if row.check_in_id == first)
    assert (older.waits_until, older.state["left_open"]) == (None, "weight")


async def test_what_comes_too_late_or_answers_another_question_is_read_by_a_person(house: House) -> None:
    check_in = await given_up(house)
    before = await rules(house)
    await house.text(CHI, "yes")
    assert len(await rules(house)) > len(before), "nobody's answer: a nurse reads it"
    [session] = await house.rows(flow_sessions)
    assert (session.state["left_open"], session.waits_until) == ("weight", session.started_at + timedelta(hours=12))
    house.clock.time = session.waits_until + timedelta(minutes=1)
    await house.text(CHI, "184")
    assert await house.rows(observations, observations.c.check_in_id == check_in) == []
    assert (await of(house, check_in)).status == "silent"
    assert (await rules(house))[-1] == "machine.not_read_yet"


@pytest.mark.law(1)
async def test_a_red_flag_in_a_late_text_is_raised_whatever_it_answers(house: House) -> None:
    await given_up(house)
    await house.text(CHI, "I have crushing chest pain")
    [safety] = await house.sent("safety")
    assert "911" in safety.body
    assert any(row.urgency_rank == Urgency.EMERGENCY.rank for row in await house.rows(concerns))


async def test_the_answer_to_a_safety_text_is_not_taken_for_a_late_one(house: House) -> None:
    flow = content().flows["post_discharge/check_in"]
    check_in = await house.check_in(house.clinic.chi, flow, await house.enroll(house.clinic.chi, flow))
    for _ in range(8):
        if (await of(house, check_in)).status == "silent":
            break
        await house.silence(hours=3)
    [session] = await house.rows(flow_sessions)
    assert session.state["left_open"] == "feeling", "a question with options, to which a 2 would be an answer"
    await house.text(CHI, "I have crushing chest pain")
    await house.text(CHI, "2")
    assert "safety.cannot" in await rules(house)
    [session] = await house.rows(flow_sessions)
    assert session.state["left_open"] == "feeling"
    assert (await of(house, check_in)).status == "silent"
