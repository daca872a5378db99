"""Calls as they come in life: keys that mean nothing, steps that come twice or late, two calls at once, and calls to us."""

from __future__ import annotations

import asyncio
from urllib.parse import urldefrag
from uuid import UUID

import aiohttp
import pytest
from yarl import URL

from service.db.calls import call_statuses, calls
from service.db.communication import communications, inbound_events
from service.db.database import Database
from service.db.escalation import concerns, escalations
from service.db.observation import observations
from service.domain.call import CallInput
from service.domain.urgency import Urgency
from service.telephony.port import LONGEST_ID, Webhooks
from service.telephony.twilio.signature import sign
from tests.calls.conftest import Telephones
from tests.seed import KEYRING, SENDER
from tests.stand_in_twilio.calls import Heard, PlacedCall


async def incoming(telephones: Telephones, sender: str, to: str = SENDER, **more: str) -> tuple[int, str]:
    """Somebody calls our number: what they hear."""
    options, url = telephones.twilio.options, f"{telephones.base}/webhooks/twilio/voice/incoming"
    form = {"CallSid": "CA" + "e" * 32, "AccountSid": options.account_sid, "From": sender, "To": to, "CallStatus": "ringing"}
    form |= {"Direction": "inbound", "ApiVersion": "2010-04-01", "Caller": sender, "Called": to} | more
    signature = sign(options.auth_token, url, list(form.items()))
    async with aiohttp.ClientSession() as twilio, twilio.post(url, data=form, headers={"X-Twilio-Signature": signature}) as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize("webhooks", Webhooks)
@pytest.mark.parametrize("rest", ["7" * 5_000, "10000", "-1", "%C2%B2", "1.0", "a"])
async def test_a_step_without_a_sensible_number_is_refused(telephones: Telephones, webhooks: Webhooks, rest: str) -> None:
    """Also to somebody who has no key, and without a word in the log of what they sent."""
    options, url = telephones.twilio.options, f"{telephones.base}/webhooks/twilio/{webhooks}/{UUID(int=1)}/{rest}"
    form = {"CallSid": "CA" + "e" * 32, "AccountSid": options.account_sid}
    for signature, status in ((sign(options.auth_token, url, list(form.items())), 404), ("forged", 403)):
        headers = {"X-Twilio-Signature": signature}
        async with aiohttp.ClientSession() as twilio, twilio.post(URL(url, encoded=True), data=form, headers=headers) as answer:
            assert answer.status == status


@pytest.mark.parametrize("key", ["7#", "77777#", "0000000000000000#"])
async def test_a_key_that_means_nothing_is_asked_again_and_answers_nothing(telephones: Telephones, key: str) -> None:
    call, _ = await telephones.identified(telephones.clinic.eva)
    await call.press("180#")  # the next question takes 1 or 2
    before = len(await telephones.rows(observations))
    heard = await call.press(key)
    assert heard.gather is not None
    assert not heard.over
    assert len(await telephones.rows(observations)) == before


async def test_only_the_key_that_ends_input_is_silence(telephones: Telephones) -> None:
    call, asked = await telephones.identified(telephones.clinic.eva)
    heard = await call.press("#")
    assert heard.gather is not None
    assert "pesa" in heard.text.lower()
    assert asked.gather is not None
    assert not await telephones.rows(observations)


async def test_a_call_that_ends_before_anything_was_asked_is_seen_by_a_nurse(telephones: Telephones) -> None:
    call = await telephones.ring(telephones.clinic.eva)
    call.status = "in-progress"
    await call.hang_up()  # completed, and no document was ever asked for
    [row] = await telephones.call_rows()
    assert row.status == "ended"
    assert not await telephones.rows(observations)


async def test_a_step_that_is_over_hears_the_open_question_and_changes_nothing(telephones: Telephones) -> None:
    call, asked = await telephones.identified(telephones.clinic.eva)
    assert asked.gather is not None
    old = asked.gather["action"]
    said = await call.press("180#")
    rows = len(await telephones.rows(inbound_events))
    late = await call._fetch(old, {"Digits": "250"})  # the answer to a question that has been answered
    assert late.texts == said.texts
    assert [row.value for row in await telephones.rows(observations, observations.c.name == "weight")] == [180.0]
    assert len(await telephones.rows(inbound_events)) == rows


@pytest.mark.law(1, 3)
async def test_each_step_of_a_call_with_the_longest_id_is_kept_and_heard(telephones: Telephones) -> None:
    eva, sid = telephones.clinic.eva, "v3:" + "a" * (LONGEST_ID - 3)
    await telephones.ring(eva)
    [row] = await telephones.call_rows()
    async with telephones.database.transaction() as connection:
        await connection.execute(calls.update().values(provider_id=sid))
    turn = 0
    for said in ({}, {"pressed": "1950"}, {"spoken": "me duele mucho el pecho", "confidence": 0.95}):
        turn = (await telephones.step(CallInput("twilio", "AC1", sid, row.id, turn, **said))).number
    [item] = await telephones.rows(escalations, escalations.c.patient_id == eva.id)
    assert item.urgency_rank == Urgency.EMERGENCY.rank
    assert len(await telephones.rows(inbound_events)) == 3
    assert not [event for event in await telephones.rows(inbound_events) if event.failure]


@pytest.mark.law(1, 2)
@pytest.mark.parametrize("ended", [True, False])
async def test_danger_that_is_told_in_a_step_that_comes_too_late_is_heard_once(telephones: Telephones, *, ended: bool) -> None:
    """The line or the database failed in that step and the caller has hung up, or a machine's word has moved the call on."""
    eva = telephones.clinic.eva
    call, asked = (await telephones.identified(eva)) if ended else await by_machine(telephones)
    assert asked.gather is not None
    if ended:
        await call.hang_up()
    for _ in range(3):
        await call._fetch(asked.gather["action"], {"SpeechResult": "me duele mucho el pecho", "Confidence": "0.9"})
    [item] = await telephones.rows(escalations, escalations.c.patient_id == eva.id)
    assert item.urgency_rank == Urgency.EMERGENCY.rank
    texts = await telephones.rows(communications, communications.c.purpose == "safety", communications.c.channel == "sms")
    assert [(text.lane, text.status, text.escalation_id) for text in texts] == [("emergency", "due", item.id)]
    heard = await telephones.rows(communications, communications.c.direction == "in")
    assert [(row.channel, row.body) for row in heard if "pecho" in row.body] == [("voice", "me duele mucho el pecho")]


async def by_machine(telephones: Telephones) -> tuple[PlacedCall, Heard]:
    """A call that has been taken for a machine's while the identity check was open."""
    await telephones.ask_later()
    call = await telephones.ring(telephones.clinic.eva)
    asked = await call.pick_up("")
    await call.detected("machine_end_beep")
    return call, asked


@pytest.mark.law(2)
async def test_keys_that_come_too_late_are_asked_about_by_a_nurse(telephones: Telephones) -> None:
    call, asked = await telephones.identified(telephones.clinic.eva)
    assert asked.gather is not None
    await call.hang_up()
    for _ in range(2):
        await call._fetch(asked.gather["action"], {"Digits": "260"})
    rules = [row.rule for row in await telephones.rows(concerns)]
    assert rules.count("machine.call_heard_late") == 1
    assert not await telephones.rows(observations)


@pytest.mark.law(6)
async def test_a_word_on_a_call_that_is_repeated_is_kept_once(telephones: Telephones) -> None:
    call, _ = await telephones.identified(telephones.clinic.eva)
    await call.hang_up()
    before = len(await telephones.rows(call_statuses))
    for _ in range(3):
        await call.hang_up()  # the same word again
        await call.end("busy")  # another one, too late
    late = [row.provider_status for row in await telephones.rows(call_statuses) if not row.applied]
    assert late == ["busy"]
    assert len(await telephones.rows(call_statuses)) == before + 1


async def test_two_calls_at_once_do_not_hear_each_other(telephones: Telephones) -> None:
    eva, chi = telephones.clinic.eva, telephones.clinic.chi
    await telephones.agree_to_calls(chi)
    first, second = await telephones.ring(eva), await telephones.ring(chi)
    assert first.form["To"] != second.form["To"]
    await asyncio.gather(first.pick_up(), second.pick_up())
    await asyncio.gather(first.press("1950"), second.press("1950"))
    await asyncio.gather(first.press("181#"), second.press("160#"))
    found = {row.patient_id: row.value for row in await telephones.rows(observations, observations.c.name == "weight")}
    assert found == {eva.id: 181.0, chi.id: 160.0}


@pytest.mark.law(1, 3)
async def test_a_red_flag_told_on_the_telephone_alerts_exactly_once_however_often_it_comes(telephones: Telephones) -> None:
    call, _ = await telephones.identified(telephones.clinic.eva)
    said = await call.speak("me duele mucho el pecho", confidence=0.95)
    again = [await call.once_more() for _ in range(5)]
    assert all(heard.texts == said.texts for heard in again)
    [item] = await telephones.rows(escalations, escalations.c.patient_id == telephones.clinic.eva.id)
    assert item.urgency_rank == Urgency.EMERGENCY.rank
    rules = [row.rule for row in await telephones.rows(concerns, concerns.c.escalation_id == item.id)]
    assert len(rules) == len(set(rules))


@pytest.mark.parametrize("who", ["the patient", "+12025550155", "+266696687", "Anonymous", "anonymous", ""])
async def test_who_calls_our_number_hears_the_clinic_and_nothing_about_anybody(telephones: Telephones, who: str) -> None:
    sender = telephones.clinic.eva.number if who == "the patient" else who
    status, document = await incoming(telephones, sender)
    assert status == 200
    assert "2 0 2, 5 5 5, 0 1 9 0" in document
    for word in ("Eva", "weight", "peso", "heart", "check-in"):
        assert word not in document


@pytest.mark.parametrize("missing", [("CallToken",), ("CallToken", "StirVerstat"), ("StirVerstat",)])
async def test_a_call_to_us_is_taken_with_two_fields_that_were_not_signed(telephones: Telephones, missing: tuple[str, ...]) -> None:
    options, url = telephones.twilio.options, f"{telephones.base}/webhooks/twilio/voice/incoming"
    form = {"CallSid": "CA" + "e" * 32, "AccountSid": options.account_sid, "From": "+12025550155", "To": SENDER, "Direction": "inbound"}
    unsigned = {"CallToken": "abc.def", "StirVerstat": "TN-Validation-Passed-A"}
    signature = sign(options.auth_token, url, list(form.items()))
    sent = form | {name: unsigned[name] for name in missing}
    async with aiohttp.ClientSession() as twilio, twilio.post(url, data=sent, headers={"X-Twilio-Signature": signature}) as answer:
        assert answer.status == 200
    other = form | {"Extra": "1"}
    async with aiohttp.ClientSession() as twilio, twilio.post(url, data=other, headers={"X-Twilio-Signature": signature}) as answer:
        assert answer.status == 403


async def test_a_step_is_a_503_while_the_database_is_gone_and_the_fallback_is_read_all_the_same(telephones: Telephones) -> None:
    call = await telephones.ring(telephones.clinic.eva)
    await telephones.database.close()
    telephones.database = Database.open("postgresql+asyncpg://nobody@127.0.0.1:9/none", KEYRING)
    heard = await call.pick_up()
    assert heard.over
    assert "9 1 1" in heard.text
    tries = [(one.status, urldefrag(one.url).url.rpartition("/voice/")[2].split("/")[0]) for one in telephones.twilio.store.tries]
    assert (503, str(call.form["Url"]).rpartition("/voice/")[2].split("/")[0]) in tries
    assert (200, "fallback") in tries


async def test_who_calls_us_while_the_database_is_gone_is_told_whom_to_call(telephones: Telephones) -> None:
    await telephones.database.close()
    telephones.database = Database.open("postgresql+asyncpg://nobody@127.0.0.1:9/none", KEYRING)
    status, document = await incoming(telephones, "+12025550155")
    assert status == 200
    assert document.count("9 1 1") == 2, "in English and in Spanish"
    assert "Riverside" not in document, "whose number this is stands in the database"
    assert "<Hangup" in document
