"""When a call is placed, and what follows when nobody could be talked to: text, reminder, call, nurse."""

from __future__ import annotations

from datetime import timedelta

import aiohttp
import pytest
from sqlalchemy import update

from service.actions.reconcile_calls import reconcile_calls
from service.db.calls import calls, plan
from service.db.changes import Changes
from service.db.check_in import flow_sessions
from service.db.communication import communications
from service.db.patient import consents, patients, phones
from service.domain.communication import Purpose
from tests.actions.house import MONDAY, NIGHT
from tests.calls.conftest import Telephones
from tests.calls.test_check_in_by_call import rules_of
from tests.seed import Person

SILENCE = "heart_failure/daily.silence"


async def silent_until_the_call(house: Telephones, person: Person) -> None:
    """A check-in by text, its reminder, and nothing from the patient."""
    await house.start_flow(person)
    await house.time_passes(hours=3, minutes=1)
    assert [row.purpose for row in await house.rows(communications, communications.c.patient_id == person.id)][-1] == "reminder"
    assert not await house.call_rows()
    await house.time_passes(hours=5)


async def test_a_silent_patient_is_called_before_a_nurse_is_told(telephones: Telephones) -> None:
    ana = telephones.clinic.ana
    await telephones.agree_to_calls(ana)
    await silent_until_the_call(telephones, ana)
    [row] = await telephones.call_rows()
    assert (row.status, row.purpose, row.number) == ("due", "reminder", 1)
    assert SILENCE not in await rules_of(telephones, ana)
    assert await telephones.place() == 1
    await telephones.twilio.calls.newest.end("no-answer")
    first, second = await telephones.call_rows()
    assert (first.status, second.status, second.number) == ("unanswered", "due", 2)
    assert await telephones.place() == 0, "not before its time"
    await telephones.time_passes(minutes=15)
    assert await telephones.place() == 1
    await telephones.twilio.calls.newest.end("busy")
    assert SILENCE not in await rules_of(telephones, ana)
    await telephones.time_passes(seconds=1)
    assert SILENCE in await rules_of(telephones, ana), "text, reminder, two calls: now a nurse"
    assert len(telephones.twilio.calls.placed) == 2


async def test_a_call_for_another_reason_is_waited_for_before_the_check_ins_own(telephones: Telephones) -> None:
    ana = telephones.clinic.ana
    await telephones.agree_to_calls(ana)
    async with telephones.database.transaction() as connection:
        changes = Changes(telephones.clock.now())
        plan(
            changes,
            organization_id=ana.organization_id,
            patient_id=ana.id,
            phone_id=ana.phone_id,
            flow_session_id=None,
            programme="",
            purpose=Purpose.SAFETY,
            number=1,
            due_at=changes.now + timedelta(days=1),
            useful_until=None,
        )
        await changes.write(connection)
    await telephones.start_flow(ana)
    await telephones.time_passes(hours=3, minutes=1)
    assert [row.purpose for row in await telephones.rows(communications, communications.c.patient_id == ana.id)][-1] == "reminder"
    await telephones.time_passes(hours=5)
    assert [row.purpose for row in await telephones.call_rows()] == ["safety"]
    async with telephones.database.transaction() as connection:
        await connection.execute(update(calls).values(status="cancelled"))
    await telephones.time_passes(minutes=45)
    assert [row.purpose for row in await telephones.call_rows()] == ["safety", "reminder"]


async def test_the_call_that_stands_in_for_silence_carries_the_check_in_to_its_end(telephones: Telephones) -> None:
    ana = telephones.clinic.ana
    await telephones.agree_to_calls(ana)
    await silent_until_the_call(telephones, ana)
    await telephones.place()
    call = telephones.twilio.calls.newest
    await call.pick_up()
    for keys in ("1950", "160#", "2"):
        await call.press(keys)
    assert (await call.press("1")).over
    [session] = await telephones.rows(flow_sessions)
    assert session.state["outcome"] == "completed"
    await telephones.time_passes(hours=10)
    assert SILENCE not in await rules_of(telephones, ana)


async def test_without_consent_to_calls_a_nurse_is_told_and_nothing_rings(telephones: Telephones) -> None:
    await silent_until_the_call(telephones, telephones.clinic.ana)
    assert not await telephones.call_rows()
    assert SILENCE in await rules_of(telephones, telephones.clinic.ana)


@pytest.mark.law(4)
async def test_consent_withdrawn_between_plan_and_call_keeps_the_phone_silent(telephones: Telephones) -> None:
    eva = telephones.clinic.eva
    await telephones.plan(eva)
    async with telephones.database.transaction() as connection:
        await connection.execute(consents.update().where(consents.c.patient_id == eva.id).values(revoked_at=MONDAY))
    assert await telephones.place() == 0
    [row] = await telephones.call_rows()
    assert (row.status, row.reason) == ("cancelled", "no_consent")
    assert not telephones.twilio.calls.placed


@pytest.mark.parametrize(
    ("what", "why"),
    [("unsafe", "unsafe_to_contact"), ("opted_out", "opted_out"), ("paused", "paused"), ("nameless", "no_birth_date_or_code")],
)
async def test_who_must_not_be_called_is_not(telephones: Telephones, what: str, why: str) -> None:
    eva = telephones.clinic.eva
    await telephones.plan(eva)
    change = {
        "unsafe": phones.update().where(phones.c.id == eva.phone_id).values(unsafe_since=MONDAY),
        "opted_out": phones.update().where(phones.c.id == eva.phone_id).values(opted_out_at=MONDAY),
        "paused": patients.update().where(patients.c.id == eva.id).values(status="paused"),
        "nameless": patients.update().where(patients.c.id == eva.id).values(birth_date=None),
    }[what]
    async with telephones.database.transaction() as connection:
        await connection.execute(change)
    assert await telephones.place() == 0
    [row] = await telephones.call_rows()
    assert (row.status, row.reason) == ("cancelled", why)


async def test_quiet_hours_hold_a_call_until_they_are_over(telephones: Telephones) -> None:
    telephones.clock.time = NIGHT
    await telephones.plan(telephones.clinic.eva)
    assert await telephones.place() == 0
    [row] = await telephones.call_rows()
    assert (row.status, row.due_at) == ("due", NIGHT + timedelta(hours=10))
    telephones.clock.time = NIGHT + timedelta(hours=10)
    assert await telephones.place() == 1


async def test_a_text_meanwhile_makes_the_call_needless(telephones: Telephones) -> None:
    ana = telephones.clinic.ana
    await telephones.agree_to_calls(ana)
    await silent_until_the_call(telephones, ana)
    telephones.clock.time += timedelta(seconds=1)
    await telephones.text(ana.number, "160")
    assert await telephones.place() == 0
    [row] = await telephones.call_rows()
    assert (row.status, row.reason) == ("cancelled", "answered_meanwhile")


@pytest.mark.law(3)
@pytest.mark.parametrize("fault", ["timeout_after_accept", "reset_after_accept", "garbage_after_accept", "500_after_accept"])
async def test_a_call_whose_placing_is_unknown_is_never_placed_twice(telephones: Telephones, fault: str) -> None:
    await telephones.use_telephone(timeout_seconds=2)
    telephones.twilio.options.hold_seconds = 4
    telephones.twilio.faults.add(fault)
    await telephones.plan(telephones.clinic.eva)
    assert await telephones.place() == 1
    assert await telephones.place() == 0
    [row] = await telephones.call_rows()
    assert row.status == "unknown"
    await telephones.twilio.calls.newest.pick_up()
    [row] = await telephones.call_rows()
    assert (row.status, row.provider_id) == ("talking", telephones.twilio.calls.newest.sid)
    assert len(telephones.twilio.calls.placed) == 1


async def test_a_call_that_was_never_placed_is_found_out(telephones: Telephones) -> None:
    telephones.twilio.faults.add("500")
    await telephones.plan(telephones.clinic.eva)
    await telephones.place()
    telephones.clock.time += timedelta(minutes=5)
    assert telephones.telephone is not None
    settled = await reconcile_calls(telephones.database, {"twilio": telephones.telephone}, telephones.knowledge, telephones.clock.now())
    assert settled == 1
    [row] = await telephones.call_rows()
    assert row.status == "failed"


async def test_a_refusal_of_the_provider_is_final(telephones: Telephones) -> None:
    telephones.twilio.faults.add("error:21214")
    await telephones.plan(telephones.clinic.eva)
    await telephones.place()
    [row] = await telephones.call_rows()
    assert (row.status, row.reason) == ("failed", "invalid_number")


async def test_too_many_requests_are_tried_again_later(telephones: Telephones) -> None:
    telephones.twilio.faults.add("429")
    await telephones.plan(telephones.clinic.eva)
    await telephones.place()
    [row] = await telephones.call_rows()
    assert row.status == "due"
    telephones.clock.time += timedelta(minutes=1)
    assert await telephones.place() == 1
    assert len(telephones.twilio.calls.placed) == 1


async def test_the_fallback_is_read_without_database_or_signature(telephones: Telephones) -> None:
    call = await telephones.ring(telephones.clinic.eva)
    await telephones.database.close()
    async with aiohttp.ClientSession() as session, session.post(call.form["FallbackUrl"]) as answer:
        assert answer.status == 200
        body = await answer.text()
    assert "9 1 1" in body
    assert "2 0 2, 5 5 5, 0 1 9 0" in body
    assert "Hangup" in body


@pytest.mark.law(10)
async def test_a_step_without_the_providers_signature_is_refused(telephones: Telephones) -> None:
    call = await telephones.ring(telephones.clinic.eva)
    url = call.form["Url"].partition("#")[0]
    async with aiohttp.ClientSession() as session, session.post(url, data={"CallSid": call.sid}) as answer:
        assert answer.status == 403
    [row] = await telephones.call_rows()
    assert row.status == "placed"
