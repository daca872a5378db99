"""Who has picked up is told by itself, a moment after the call began to speak: before an answer, after answers, after the end."""

from __future__ import annotations

import pytest

from service.domain.call import CallStatus
from tests.calls.conftest import Telephones


@pytest.mark.parametrize("said", ["machine_end_beep", "machine_end_silence", "machine_end_other", "machine_start"])
async def test_a_machine_gets_the_neutral_voicemail_once(telephones: Telephones, said: str) -> None:
    await telephones.ask_later()
    ana = telephones.clinic.ana
    await telephones.agree_to_calls(ana)
    call = await telephones.ring(ana)
    heard = await call.pick_up("")
    assert heard.gather is not None
    await call.detected(said)
    assert call.heard.over
    assert "weight" not in call.heard.text.lower()
    said_once = call.heard.text
    assert said_once
    [row] = await telephones.call_rows()
    assert row.answered_by == "machine"
    await call.detected(said)  # the word comes twice
    assert call.heard.text == said_once
    assert [row.answered_by for row in await telephones.call_rows()] == ["machine"]


async def test_a_fax_is_told_nothing(telephones: Telephones) -> None:
    await telephones.ask_later()
    await telephones.agree_to_calls(telephones.clinic.ana)
    call = await telephones.ring(telephones.clinic.ana)
    await call.pick_up("")
    await call.detected("fax")
    assert (call.heard.over, call.heard.text) == (True, "")


@pytest.mark.parametrize("said", ["human", "unknown"])
async def test_a_person_is_not_interrupted(telephones: Telephones, said: str) -> None:
    await telephones.ask_later()
    await telephones.agree_to_calls(telephones.clinic.ana)
    call = await telephones.ring(telephones.clinic.ana)
    heard = await call.pick_up("")
    await call.detected(said)
    assert call.heard is heard
    assert (await call.press("1950")).gather is not None


async def test_a_machines_word_after_answers_interrupts_nobody(telephones: Telephones) -> None:
    await telephones.ask_later()
    await telephones.agree_to_calls(telephones.clinic.ana)
    call = await telephones.ring(telephones.clinic.ana)
    await call.pick_up("")
    heard = await call.press("1950")
    await call.detected("machine_end_beep")
    assert call.heard is heard
    assert call.heard.gather is not None


async def test_a_machines_word_after_the_end_changes_nothing(telephones: Telephones) -> None:
    await telephones.ask_later()
    await telephones.agree_to_calls(telephones.clinic.ana)
    call = await telephones.ring(telephones.clinic.ana)
    await call.pick_up("")
    await call.hang_up()
    before = [row.status for row in await telephones.call_rows()]
    await call.detected("machine_end_beep")
    assert [row.status for row in await telephones.call_rows()] == before
    assert before[0] == CallStatus.ENDED


async def test_a_caller_in_danger_is_never_cut_off_by_a_machines_word(telephones: Telephones) -> None:
    await telephones.ask_later()
    await telephones.agree_to_calls(telephones.clinic.ana)
    call = await telephones.ring(telephones.clinic.ana)
    await call.pick_up("")
    heard = await call.speak("I have crushing chest pain", confidence=0.95)
    assert "9 1 1" in heard
    await call.detected("machine_end_beep")
    assert call.heard is heard


async def test_a_word_on_a_call_that_nobody_knows_is_answered_calmly(telephones: Telephones) -> None:
    await telephones.ask_later()
    await telephones.agree_to_calls(telephones.clinic.ana)
    call = await telephones.ring(telephones.clinic.ana)
    await call.pick_up("")
    call.sid = "CA" + "f" * 32
    await call.detected("machine_end_beep")
    [row] = await telephones.call_rows()
    assert row.answered_by == ""
