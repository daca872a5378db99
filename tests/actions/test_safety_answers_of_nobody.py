"""Safety texts: what a 1, 2 or 3 afterwards means, whoever sends it, and in which language they are."""

from __future__ import annotations

import pytest

from service.db.communication import communications
from service.db.escalation import concerns, escalations
from tests.actions.house import House

STRANGER = "+12025550155"


@pytest.mark.law(1)
@pytest.mark.parametrize("before", [(), ("good morning",)], ids=["first text", "after the question who writes"])
async def test_a_2_after_the_safety_text_on_a_shared_phone_means_cannot_call_and_nobodys_name(
    house: House, before: tuple[str, ...]
) -> None:
    for body in (*before, "I have chest pain", "2"):
        await house.text(house.clinic.fay.number, body)
    rules = [concern.rule for concern in await house.rows(concerns)]
    assert "safety.cannot" in rules
    texts = await house.sent("safety")
    assert [text.reason for text in texts] == ["emergency", "emergency_cannot"]
    assert {row.patient_id for row in await house.rows(communications)} == {None}
    assert len(await house.sent("answer")) == len(before)  # who writes is not asked again by the answer to a 2


async def test_who_writes_is_not_asked_while_the_safety_text_has_no_answer(house: House) -> None:
    for body in ("I have chest pain", "please hurry", "2"):
        await house.text(house.clinic.fay.number, body)
    assert await house.sent("answer") == []
    assert "safety.cannot" in [concern.rule for concern in await house.rows(concerns)]


async def test_who_writes_can_still_be_said_after_the_safety_text_has_its_answer(house: House) -> None:
    for body in ("I have chest pain", "1", "it is a little better", "2"):
        await house.text(house.clinic.fay.number, body)
    [item] = await house.rows(escalations)
    assert item.patient_id == house.clinic.gus.id
    assert [concern.rule for concern in await house.rows(concerns)].count("safety.called") == 1
    assert [text.reason for text in await house.sent("safety")] == ["emergency", "emergency_called"]


@pytest.mark.law(1)
async def test_a_2_after_the_safety_text_to_an_unknown_number_is_told_to_the_nurse(house: House) -> None:
    for body in ("I have chest pain", "2"):
        await house.text(STRANGER, body)
    assert "safety.cannot" in [concern.rule for concern in await house.rows(concerns)]
    assert [text.reason for text in await house.sent("safety")] == ["emergency", "emergency_cannot"]
    assert await house.sent("neutral") == []


async def test_a_bare_number_from_a_shared_phone_without_a_safety_text_still_names_who_writes(house: House) -> None:
    for body in ("good morning", "2"):
        await house.text(house.clinic.fay.number, body)
    [item] = await house.rows(escalations)
    assert item.patient_id == house.clinic.gus.id


@pytest.mark.parametrize("words", ["I want to kill myself", "my sugar is 45"])
async def test_after_a_safety_text_that_asks_for_no_number_a_number_is_not_taken_for_its_answer(house: House, words: str) -> None:
    for body in (words, "1"):
        await house.text(house.clinic.ana.number, body)
    assert [rule for rule in [concern.rule for concern in await house.rows(concerns)] if rule.startswith("safety.")] == []
    assert len(await house.sent("safety")) == 1


@pytest.mark.law(1)
async def test_a_cry_for_help_is_answered_in_the_language_that_it_is_written_in(house: House) -> None:
    await house.text(house.clinic.ana.number, "Tengo dolor de pecho")
    [text] = await house.sent("safety")
    assert text.body.startswith("Esto puede ser una emergencia")
