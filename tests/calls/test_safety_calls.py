"""The call after a safety text that brought no answer (decisions 6): where it may be, what it says, what answers lead to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from service.actions.follow_up_safety_texts import follow_up_safety_texts
from service.db.calls import calls
from service.db.escalation import escalation_events, escalations
from service.db.patient import consents, patients, phones
from service.domain.escalation import State
from tests.actions.house import MONDAY, NIGHT, content
from tests.calls.conftest import Telephones
from tests.calls.test_check_in_by_call import rules_of
from tests.stand_in_twilio.calls import PlacedCall


async def follow_up(house: Telephones, **after: float) -> int:
    """So much time passes, then safety texts without an answer are looked for."""
    house.clock.time += timedelta(**after)
    return await follow_up_safety_texts(house.database, content().follow_through, house.clock.now())


async def why(house: Telephones) -> Any:
    """What the item's history says of the call."""
    [event] = await house.rows(escalation_events, escalation_events.c.what == "patient_silent")
    return event.detail["call"]


async def rung(house: Telephones) -> PlacedCall:
    """Ana has written of chest pain, has not answered the safety text, and her telephone rings."""
    ana = house.clinic.ana
    await house.agree_to_calls(ana)
    await house.text(ana.number, "I have chest pain")
    assert await follow_up(house, minutes=2) == 1
    assert await house.place() == 1
    return house.twilio.calls.newest


@pytest.mark.law(2)
async def test_silence_after_a_safety_text_is_called_and_the_answer_reaches_the_nurse(telephones: Telephones) -> None:
    call = await rung(telephones)
    heard = await call.pick_up()
    assert "have not heard from you" in heard
    assert "Press 1 if 9 1 1 has been called" in heard
    assert "chest" not in heard
    assert "year you were born" not in heard
    heard = await call.press("2")
    assert "unlock your door" in heard
    assert heard.over
    assert "safety.cannot" in await rules_of(telephones, telephones.clinic.ana)
    [item] = await telephones.rows(escalations)
    assert item.reached == "delivered"
    assert await why(telephones) == "planned"
    await call.end("completed")
    assert not await telephones.rows(escalation_events, escalation_events.c.what == "safety_call_unanswered")


@pytest.mark.parametrize("words", ["I passed out", "I can't breathe"])
async def test_danger_said_in_that_call_is_an_emergency_of_its_own(telephones: Telephones, words: str) -> None:
    call = await rung(telephones)
    await call.pick_up()
    heard = await call.speak(words)
    assert "9 1 1" in heard
    assert len({rule for rule in await rules_of(telephones, telephones.clinic.ana) if not rule.startswith("machine.")}) >= 2


@pytest.mark.law(2)
@pytest.mark.parametrize("ending", ["no-answer", "busy", "machine"])
async def test_a_call_that_brings_no_answer_stands_on_the_item_and_is_not_made_again(telephones: Telephones, ending: str) -> None:
    call = await rung(telephones)
    if ending == "machine":
        heard = await call.pick_up(by="machine_end_beep")
        assert "chest" not in heard
        assert "9 1 1" not in heard
        await call.end("completed")
    else:
        await call.end(ending)
    assert len(await telephones.rows(escalation_events, escalation_events.c.what == "safety_call_unanswered")) == 1
    assert await follow_up(telephones, minutes=20) == 0
    assert await telephones.place() == 0
    assert len(await telephones.call_rows()) == 1
    [item] = await telephones.rows(escalations)
    assert item.reached == "not_reached"


@pytest.mark.law(2)
async def test_whoever_puts_it_off_finds_it_awake_when_neither_text_nor_call_reaches_the_patient(telephones: Telephones) -> None:
    ana = telephones.clinic.ana
    await telephones.agree_to_calls(ana)
    await telephones.text(ana.number, "I have chest pain")
    for ends in (False, True):
        async with telephones.database.transaction() as connection:
            await connection.execute(update(escalations).values(state=State.SNOOZED, claimed_by=telephones.clinic.nora.id))
        if ends:
            assert await telephones.place() == 1
            await telephones.twilio.calls.newest.end("no-answer")
        else:
            assert await follow_up(telephones, minutes=2) == 1
        [item] = await telephones.rows(escalations)
        assert (item.state, item.claimed_by, item.acknowledged_at) == (State.OPEN, None, None)


async def test_it_rings_at_night_too(telephones: Telephones) -> None:
    telephones.clock.time = NIGHT
    await rung(telephones)


@pytest.mark.law(4)
@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (update(consents).where(consents.c.channel == "voice").values(revoked_at=MONDAY), "no consent to calls"),
        (update(phones).values(unsafe_since=MONDAY), "not to be contacted"),
        (update(phones).values(opted_out_at=MONDAY), "not to be contacted"),
        (update(patients).values(status="deceased"), "not to be contacted"),
    ],
    ids=["no consent", "unsafe", "opted out", "deceased"],
)
async def test_who_may_not_be_called_is_not_and_the_item_says_so(telephones: Telephones, spoil: Any, told: str) -> None:
    ana = telephones.clinic.ana
    await telephones.agree_to_calls(ana)
    await telephones.text(ana.number, "I have chest pain")
    async with telephones.database.transaction() as connection:
        await connection.execute(spoil)
    assert await follow_up(telephones, minutes=2) == 1
    assert await why(telephones) == told
    assert await telephones.call_rows() == []


@pytest.mark.law(4)
@pytest.mark.parametrize(
    "spoil", [update(consents).where(consents.c.channel == "voice").values(revoked_at=MONDAY), update(phones).values(unsafe_since=MONDAY)]
)
async def test_what_changes_between_plan_and_call_keeps_the_phone_silent(telephones: Telephones, spoil: Any) -> None:
    ana = telephones.clinic.ana
    await telephones.agree_to_calls(ana)
    await telephones.text(ana.number, "I have chest pain")
    await follow_up(telephones, minutes=2)
    async with telephones.database.transaction() as connection:
        await connection.execute(spoil)
    assert await telephones.place() == 0
    [row] = await telephones.call_rows()
    assert row.status == "cancelled"


async def test_words_of_violence_are_never_followed_by_a_call(telephones: Telephones) -> None:
    ana = telephones.clinic.ana
    await telephones.agree_to_calls(ana)
    await telephones.text(ana.number, "my husband beats me")
    assert await follow_up(telephones, minutes=2) == 1
    assert await why(telephones) == "left to a person"
    assert await telephones.call_rows() == []


async def test_an_answer_before_the_call_is_placed_keeps_the_phone_silent(telephones: Telephones) -> None:
    ana = telephones.clinic.ana
    await telephones.agree_to_calls(ana)
    await telephones.text(ana.number, "I have chest pain")
    await follow_up(telephones, minutes=2)
    telephones.clock.time += timedelta(seconds=1)
    await telephones.text(ana.number, "1")
    assert await telephones.place() == 0
    assert [(row.status, row.reason) for row in await telephones.call_rows()] == [("cancelled", "answered_meanwhile")]


async def test_an_answer_by_text_while_it_rings_is_not_asked_for_again(telephones: Telephones) -> None:
    call = await rung(telephones)
    await telephones.text(telephones.clinic.ana.number, "1")
    heard = await call.pick_up()
    assert heard.over
    assert "Press 1" not in heard


@pytest.mark.law(2)
async def test_an_answer_to_an_earlier_safety_text_is_none_to_the_next(telephones: Telephones) -> None:
    ana = telephones.clinic.ana
    await telephones.agree_to_calls(ana)
    await telephones.text(ana.number, "I have chest pain")
    await telephones.text(ana.number, "1")
    await telephones.time_passes(hours=2)
    await telephones.text(ana.number, "I have chest pain again")
    assert await follow_up(telephones, minutes=2) == 1
    assert await telephones.place() == 1
    assert "Press 1 if 9 1 1 has been called" in await telephones.twilio.calls.newest.pick_up()
    [_] = await telephones.rows(escalations)


async def test_a_patient_on_the_telephone_already_is_not_called_a_second_time(telephones: Telephones) -> None:
    ana = telephones.clinic.ana
    await telephones.agree_to_calls(ana)
    await telephones.plan(ana)
    assert await telephones.place() == 1
    await telephones.text(ana.number, "I have chest pain")
    assert await follow_up(telephones, minutes=2) == 1
    assert await why(telephones) == "a call is under way"
    assert len(await telephones.rows(calls)) == 1


@pytest.mark.law(2)
async def test_a_check_ins_call_that_waits_for_the_morning_gives_way(telephones: Telephones) -> None:
    ana = telephones.clinic.ana
    await telephones.agree_to_calls(ana)
    await telephones.plan(ana)
    async with telephones.database.transaction() as connection:
        await connection.execute(update(calls).values(due_at=telephones.clock.now() + timedelta(hours=13), reason="quiet_hours"))
    await telephones.text(ana.number, "I have chest pain")
    assert await follow_up(telephones, minutes=2) == 1
    assert await why(telephones) == "planned"
    assert await telephones.place() == 1
    assert sorted((row.purpose, row.status) for row in await telephones.call_rows()) == [("check_in", "cancelled"), ("safety", "placed")]


@pytest.mark.law(2)
async def test_a_second_cry_for_help_breaks_no_silence(telephones: Telephones) -> None:
    ana = telephones.clinic.ana
    await telephones.agree_to_calls(ana)
    await telephones.text(ana.number, "I have chest pain")
    telephones.clock.time += timedelta(seconds=30)
    await telephones.text(ana.number, "I can't breathe")
    assert len(await telephones.sent("safety")) == 1
    assert await follow_up(telephones, seconds=119) == 0, "it counts from the last words"
    assert await follow_up(telephones, seconds=1) == 1
    assert await why(telephones) == "planned"
    assert await telephones.place() == 1
    assert await follow_up(telephones, minutes=30) == 0


@pytest.mark.parametrize("answer", ["1", "2", "3"])
async def test_who_has_answered_is_not_silent(telephones: Telephones, answer: str) -> None:
    ana = telephones.clinic.ana
    await telephones.agree_to_calls(ana)
    await telephones.text(ana.number, "I have chest pain")
    telephones.clock.time += timedelta(seconds=30)
    await telephones.text(ana.number, answer)
    assert await follow_up(telephones, minutes=10) == 0
    assert await telephones.call_rows() == []
    [item] = await telephones.rows(escalations)
    assert item.reached != "not_reached"


async def test_other_words_after_a_safety_text_are_read_by_a_person(telephones: Telephones) -> None:
    ana = telephones.clinic.ana
    await telephones.agree_to_calls(ana)
    await telephones.text(ana.number, "I have chest pain")
    telephones.clock.time += timedelta(seconds=30)
    await telephones.text(ana.number, "ok, my daughter is here")
    assert await follow_up(telephones, minutes=10) == 0


async def test_an_unknown_number_is_not_called(telephones: Telephones) -> None:
    await telephones.text("+12025550155", "I have chest pain")
    assert await follow_up(telephones, minutes=2) == 1
    assert await why(telephones) == "nobody known"
