"""Calls that page staff: a PIN before a word, three keys after it, and nobody is waited for who is not there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, update

from service.actions.climb_ladder import climb_ladder
from service.actions.do_due_work import do_due_work
from service.actions.page_by_call import page_by_call
from service.actions.passwords import hash_password
from service.db.escalation import escalation_events, escalations, pages
from service.db.page_calls import page_calls
from service.db.rota import rota_shifts
from service.db.schema import new_id
from service.db.staff import staff
from service.domain.communication import Lane
from service.domain.page_call import LOCKED_FOR
from service.domain.schedule import to_local
from tests.calls.conftest import Telephones
from tests.seed import NEW_YORK, Member
from tests.stand_in_twilio.calls import PlacedCall

pytestmark = pytest.mark.law(10)
NORAS, SOLS = "+12025550161", "+12025550162"
PIN, SOLS_PIN = "246810", "135790"
PAIN = "I have chest pain"
OF_HEALTH = ("chest", "pain", "Chi", "Chen", "heart", "patient")


@pytest.fixture
async def house(telephones: Telephones) -> Telephones:
    """Nora is on call for team A; Sol leads it. Both have a telephone and a PIN."""
    now = telephones.clock.now()
    async with telephones.database.transaction() as connection:
        for member, phone, pin in ((telephones.clinic.nora, NORAS, PIN), (telephones.clinic.sol, SOLS, SOLS_PIN)):
            await connection.execute(update(staff).where(staff.c.id == member.id).values(phone=phone, pin_hash=hash_password(pin)))
        midnight = to_local(now, NEW_YORK).time().replace(hour=0, minute=0)
        for day in range(7):
            row = {
                "id": new_id(now),
                "organization_id": telephones.clinic.organization_id,
                "team_id": telephones.clinic.team_a,
                "role": "on_call",
                "staff_id": telephones.clinic.nora.id,
                "weekday": day,
                "starts": midnight,
                "ends": midnight,
                "valid_from": (now - timedelta(days=30)).date(),
                "created_at": now,
            }
            await connection.execute(insert(rota_shifts).values(**row))
    return telephones


async def climb(house: Telephones) -> None:
    """What is due for the ladders is done, and the calls it asks for are placed."""
    works: Any = lambda connection, due, now: climb_ladder(connection, house.knowledge, due, now)  # noqa: E731
    await do_due_work(house.database, {"page_ladder": works}, Lane.EMERGENCY, house.clock, "node")
    assert house.telephone is not None
    await page_by_call(house.database, {"twilio": house.telephone}, house.knowledge, house.clock, "node")


async def emergency(house: Telephones) -> PlacedCall:
    """Chi tells of chest pain, and Nora's telephone rings."""
    await house.text(house.clinic.chi.number, PAIN)
    await climb(house)
    call = house.twilio.calls.newest
    assert call.form["To"] == NORAS
    return call


async def item(house: Telephones) -> Any:
    [only] = await house.rows(escalations, escalations.c.kind == "clinical")
    return only


async def events(house: Telephones, what: str) -> list[Any]:
    return await house.rows(escalation_events, escalation_events.c.what == what)


def rung(house: Telephones) -> list[str]:
    """Whose telephones have rung, in order."""
    return [call.form["To"] for call in house.twilio.calls.placed]


async def test_the_pin_comes_before_a_word_and_1_acknowledges_in_her_name(house: Telephones) -> None:
    call = await emergency(house)
    asked = await call.pick_up()
    assert asked.text == "This is Rounds for Riverside Clinic. To hear about a message, enter your PIN, then press the pound key."
    told = await call.press(f"{PIN}#")
    assert told.text.startswith("An emergency item is waiting. Press 1 to acknowledge, 2 to pass it on to the next person")
    assert (await item(house)).acknowledged_at is None
    thanked = await call.press("1")
    assert thanked.over
    assert "You have acknowledged it" in thanked
    assert not [word for word in OF_HEALTH if any(word in said for said in (asked.text, told.text, thanked.text))]
    found = await item(house)
    assert (found.acknowledged_by, found.state, found.claimed_by) == (house.clinic.nora.id, "open", None)
    [event] = await events(house, "acknowledged")
    assert (event.staff_id, event.detail) == (house.clinic.nora.id, {"by": "call"})
    [page] = await house.rows(pages, pages.c.channel == "call")
    assert page.status == "delivered"
    house.clock.time += timedelta(minutes=6)
    await climb(house)
    assert rung(house) == [NORAS], "paging goes on although somebody has taken note"


async def test_2_passes_it_on_to_the_next_person_at_once(house: Telephones) -> None:
    call = await emergency(house)
    await call.pick_up()
    await call.press(f"{PIN}#")
    answer = await call.press("2")
    assert answer.over
    assert "The next person is being called" in answer
    await climb(house)
    assert rung(house) == [NORAS, SOLS]
    assert (await item(house)).acknowledged_at is None
    [event] = await events(house, "page_call")
    assert event.detail == {"step": 1, "outcome": "declined", "staff_id": str(house.clinic.nora.id)}


async def test_9_says_it_again_and_a_meaningless_key_too_but_not_for_ever(house: Telephones) -> None:
    call = await emergency(house)
    await call.pick_up()
    told = await call.press(f"{PIN}#")
    again = await call.press("9")
    assert again.text == told.text
    assert "That was none of the keys" in await call.press("5")
    over = await call.press("7")
    assert over.over
    assert "still waits" in over
    await climb(house)
    assert rung(house) == [NORAS], "she has heard it: the ladder goes on by its minutes"
    house.clock.time += timedelta(minutes=5)
    await climb(house)
    assert rung(house) == [NORAS, SOLS]


async def test_three_wrong_pins_end_the_call_lock_the_pin_and_send_the_ladder_on_at_once(house: Telephones) -> None:
    call = await emergency(house)
    await call.pick_up()
    for _ in range(2):
        assert "That PIN is not right" in await call.press("111111#")
    refused = await call.press("222222#")
    assert refused.over
    assert "emergency" not in refused
    await climb(house)
    assert rung(house) == [NORAS, SOLS]
    [nora] = await house.rows(staff, staff.c.id == house.clinic.nora.id)
    assert nora.pin_failures == 3
    assert nora.pin_locked_at == house.clock.now()
    assert [event.detail["outcome"] for event in await events(house, "page_call")] == ["pin_refused"], "it is seen on the item"


async def test_a_locked_pin_is_asked_again_only_after_a_while(house: Telephones) -> None:
    async with house.database.transaction() as connection:
        values = {"pin_locked_at": house.clock.now(), "pin_failures": 3}
        await connection.execute(update(staff).where(staff.c.id == house.clinic.nora.id).values(values))
    call = await emergency(house)
    answer = await call.pick_up()
    assert answer.over
    assert "Your PIN is locked" in answer
    await climb(house)
    assert rung(house) == [NORAS, SOLS]
    house.clock.time += LOCKED_FOR + timedelta(seconds=1)
    while rung(house).count(NORAS) < 2:
        house.clock.time += timedelta(minutes=5)
        await climb(house)
    calls = [call for call in house.twilio.calls.placed if call.form["To"] == NORAS]
    assert "enter your PIN" in await calls[-1].pick_up()
    assert "An emergency item" in await calls[-1].press(f"{PIN}#")
    [nora] = await house.rows(staff, staff.c.id == house.clinic.nora.id)
    assert (nora.pin_failures, nora.pin_locked_at) == (0, None)


async def test_silence_instead_of_a_pin_ends_the_call_and_sends_the_ladder_on(house: Telephones) -> None:
    call = await emergency(house)
    await call.pick_up()
    for _ in range(2):
        assert "enter your PIN" in await call.say_nothing()
    assert (await call.say_nothing()).over
    await climb(house)
    assert rung(house) == [NORAS, SOLS]


@pytest.mark.parametrize("by", ["machine_end_beep", "machine_start", "fax"])
async def test_voicemail_hears_a_neutral_sentence_and_counts_as_not_reached(house: Telephones, by: str) -> None:
    call = await emergency(house)
    answer = await call.pick_up(by)
    assert answer.text == "This is Rounds for Riverside Clinic. Please open Rounds."
    assert answer.over
    await climb(house)
    assert rung(house) == [NORAS, SOLS]
    [page] = await house.rows(pages, pages.c.channel == "call", pages.c.staff_id == house.clinic.nora.id)
    assert (page.status, page.error_code) == ("undelivered", "voicemail")


@pytest.mark.parametrize(("status", "code"), [("no-answer", "no_answer"), ("busy", "busy"), ("failed", "failed")])
async def test_who_does_not_answer_is_not_waited_for(house: Telephones, status: str, code: str) -> None:
    call = await emergency(house)
    await call.end(status)
    await climb(house)
    assert rung(house) == [NORAS, SOLS]
    [page] = await house.rows(pages, pages.c.channel == "call", pages.c.staff_id == house.clinic.nora.id)
    assert (page.status, page.error_code) == ("undelivered", code)


async def test_hanging_up_before_the_pin_is_not_reached_and_after_it_is_told(house: Telephones) -> None:
    call = await emergency(house)
    await call.pick_up()
    await call.hang_up()
    await climb(house)
    assert rung(house) == [NORAS, SOLS]
    sols = house.twilio.calls.newest
    await sols.pick_up()
    await sols.press(f"{SOLS_PIN}#")
    await sols.hang_up()
    await climb(house)
    assert rung(house) == [NORAS, SOLS]
    assert [row.outcome for row in await house.rows(page_calls)] == ["no_pin", "told"]


async def test_a_repeated_or_late_step_hears_the_open_prompt_and_changes_nothing(house: Telephones) -> None:
    call = await emergency(house)
    await call.pick_up()
    first = call.last
    told = await call.press(f"{PIN}#")
    second = call.last
    assert (await call.once_more()).text == told.text
    call.last = first
    assert (await call.once_more()).text == told.text, "an old step hears where the call stands"
    await call.press("1")
    done = [await item(house), len(await events(house, "acknowledged"))]
    third = call.last
    for again in (first, second, third):
        call.last = again
        assert "You have acknowledged it" in await call.once_more()
    assert [await item(house), len(await events(house, "acknowledged"))] == done


async def test_a_wrong_pin_repeated_by_the_provider_counts_once(house: Telephones) -> None:
    call = await emergency(house)
    await call.pick_up()
    await call.press("111111#")
    await call.once_more()
    await call.once_more()
    [nora] = await house.rows(staff, staff.c.id == house.clinic.nora.id)
    assert nora.pin_failures == 1


async def test_a_restart_in_mid_call_goes_on_where_it_stood(house: Telephones) -> None:
    call = await emergency(house)
    await call.pick_up()
    await house.restart()
    assert "An emergency item" in await call.press(f"{PIN}#")
    await house.restart()
    assert "You have acknowledged it" in await call.press("1")
    assert (await item(house)).acknowledged_by == house.clinic.nora.id


async def test_who_picks_up_after_somebody_has_taken_note_hears_only_that(house: Telephones) -> None:
    call = await emergency(house)
    async with house.database.transaction() as connection:
        taken = {"acknowledged_at": house.clock.now(), "acknowledged_by": house.clinic.sol.id}
        await connection.execute(update(escalations).values(taken))
    answer = await call.pick_up()
    assert answer.over
    assert "has been taken note of" in answer


async def test_somebody_else_was_quicker_while_she_typed(house: Telephones) -> None:
    call = await emergency(house)
    await call.pick_up()
    await call.press(f"{PIN}#")
    async with house.database.transaction() as connection:
        taken = {"acknowledged_at": house.clock.now(), "acknowledged_by": house.clinic.sol.id, "version": escalations.c.version + 1}
        await connection.execute(update(escalations).values(taken))
    assert "has been taken note of" in await call.press("1")
    assert (await item(house)).acknowledged_by == house.clinic.sol.id


async def test_without_a_pin_nobody_can_acknowledge_and_nothing_is_told(house: Telephones) -> None:
    await _set(house, house.clinic.nora, pin_hash=None)
    call = await emergency(house)
    answer = await call.pick_up()
    assert answer.over
    assert answer.text.startswith("This is Rounds for Riverside Clinic. A message is waiting for the person on call. Please open Rounds")
    house.clock.time += timedelta(minutes=5)
    await climb(house)
    assert rung(house) == [NORAS, SOLS], "the ladder goes on by its minutes"


async def test_another_call_of_the_account_cannot_speak_for_this_one(house: Telephones) -> None:
    call = await emergency(house)
    await call.pick_up()
    foreign = PlacedCall(call.options, call.caller, call.form)
    assert (await foreign.pick_up()).over
    assert "An emergency item" in await call.press(f"{PIN}#")


async def test_a_call_that_nobody_knows_hears_nothing(house: Telephones) -> None:
    call = await emergency(house)
    url = call.form["Url"].replace(str((await house.rows(page_calls) or await house.rows(pages))[0].id), str(UUID(int=7)))
    unknown = PlacedCall(call.options, call.caller, {**call.form, "Url": url})
    heard = await unknown.pick_up()
    assert (heard.texts, heard.over) == ([], True)


async def test_a_call_refused_for_good_sends_the_ladder_on_and_one_not_processed_is_placed_again(house: Telephones) -> None:
    house.twilio.faults.add("429")
    await house.text(house.clinic.chi.number, PAIN)
    await climb(house)
    assert rung(house) == []
    house.clock.time += timedelta(seconds=6)
    await climb(house)
    assert rung(house) == [NORAS]
    assert {row.status for row in await house.rows(pages, pages.c.channel == "call")} == {"accepted"}


async def test_an_answer_that_is_lost_leaves_a_call_that_resolves_itself(house: Telephones) -> None:
    house.twilio.faults.add("500_after_accept")
    call = await emergency(house)
    [page] = await house.rows(pages, pages.c.channel == "call")
    assert page.status == "unknown"
    await call.pick_up()
    await call.press(f"{PIN}#")
    await call.press("1")
    [page] = await house.rows(pages, pages.c.channel == "call")
    assert (page.status, page.provider_id) == ("delivered", call.sid)
    assert len(house.twilio.calls.placed) == 1


async def _set(house: Telephones, member: Member, **values: Any) -> None:
    async with house.database.transaction() as connection:
        await connection.execute(update(staff).where(staff.c.id == member.id).values(values))
