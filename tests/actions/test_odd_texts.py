"""Texts as people and carriers send them: digits of another width, a full stop after the number, nothing at all, two at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from service.db.check_in import flow_sessions
from service.db.communication import communications
from service.db.escalation import concerns
from service.db.observation import observations
from service.db.patient import consents
from tests.actions.house import House, content

CHI = "+12025550103"
FLOW = content().flows["heart_failure/daily"]


async def asked(house: House) -> None:
    """Chi is asked for the weight of today; it was 183 yesterday."""
    house.clock.time -= timedelta(days=1)
    await house.text(CHI, "my weight is 183")
    house.clock.time += timedelta(days=1)
    enrollment = await house.enroll(house.clinic.chi, FLOW)
    await house.check_in(house.clinic.chi, FLOW, enrollment)


async def weights(house: House) -> list[float]:
    return [row.value for row in await house.rows(observations, observations.c.name == "weight")][1:]


async def step(house: House) -> str:
    """The question that is open."""
    [session] = await house.rows(flow_sessions)
    return str(session.state["step"])


async def rules(house: House) -> list[str]:
    """What a nurse is told of; that of yesterday, when nothing had been asked, left out."""
    return [row.rule for row in await house.rows(concerns) if row.rule != "machine.not_read_yet"]


async def questions(house: House) -> list[Any]:
    """What we have asked since."""
    return await house.rows(communications, communications.c.direction == "out", communications.c.purpose != "opt_out_confirmation")


@pytest.mark.parametrize("body", ["183", "１８３", "183.", " 183 ", "183!", "\ufeff183", "183 lb.", "one eighty three", "183.0"])
async def test_a_number_is_read_however_it_is_typed(house: House, body: str) -> None:
    await asked(house)
    await house.text(CHI, body)
    assert await weights(house) == [183.0]
    assert await step(house) == "breathing_swelling"


@pytest.mark.parametrize("body", ["No.", "NO", "no!", " no ", "ｎｏ"])
async def test_a_no_is_read_however_it_is_typed(house: House, body: str) -> None:
    await asked(house)
    await house.text(CHI, "183")
    await house.text(CHI, body)
    assert await step(house) == "water_pill"
    assert await rules(house) == []


@pytest.mark.parametrize("body", ["2", "2.", "２", "2)", " 2 "])
async def test_the_number_that_answers_a_safety_text_is_read_however_it_is_typed(house: House, body: str) -> None:
    await house.text(CHI, "I have crushing chest pain")
    await house.text(CHI, body)
    assert "safety.cannot" in await rules(house)


@pytest.mark.parametrize("body", ["", "  ", "\n", "👍", "…"])
async def test_a_text_without_a_word_is_no_answer_and_raises_nothing(house: House, body: str) -> None:
    await asked(house)
    await house.text(CHI, body)
    assert await weights(house) == []
    assert await step(house) == "weight", "the question stays open"
    assert not [rule for rule in await rules(house) if rule != "unclear"], "nothing but a look by a person"


async def test_danger_at_the_end_of_1600_letters_is_found(house: House) -> None:
    await asked(house)
    long = ("Thank you for asking, we had a quiet day and my daughter came by with soup. " * 25)[:1565]
    body = f"{long} I have crushing chest pain"
    assert len(body) <= 1600
    await house.text(CHI, body)
    assert "chest_pain" in " ".join(await rules(house))
    [_safety] = await house.sent("safety")


@pytest.mark.parametrize("together", [True, False])
async def test_two_quick_messages_answer_two_questions_in_their_order(house: House, together: bool) -> None:
    await asked(house)
    if together:
        await house.texts((CHI, "183"), (CHI, "no"))
    else:
        await house.text(CHI, "183")
        house.clock.time += timedelta(seconds=2)
        await house.text(CHI, "no")
    assert await weights(house) == [183.0]
    assert await step(house) == "water_pill"
    assert await rules(house) == []


@pytest.mark.parametrize("body", ["please stop texting me", "take me off this list", "no more messages please", "ya no me manden mensajes"])
async def test_stop_in_free_words_ends_texts(house: House, body: str) -> None:
    await house.text(CHI, body)
    assert all(row.revoked_at is not None for row in await house.rows(consents, consents.c.patient_id == house.clinic.chi.id))
    [_confirmation] = await house.sent("opt_out_confirmation")


@pytest.mark.parametrize("body", ["STOP", "stop", "Stop.", "please stop texting me"])
async def test_stop_in_the_middle_of_a_check_in_ends_it_and_no_question_follows(house: House, body: str) -> None:
    await asked(house)
    await house.text(CHI, "183")
    before = len(await questions(house))
    await house.text(CHI, body)
    assert len(await questions(house)) == before
    [session] = await house.rows(flow_sessions)
    assert session.status == "ended"
    await house.text(CHI, "no")
    assert len([row for row in await house.rows(communications) if row.purpose in ("check_in", "reminder")]) == 1
