"""Calls by TeXML: what is asked for, what comes back, what is said, and the callee of the stand-in who walks it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from service.domain.call import AnsweredBy, CallStatus
from service.domain.prompt import Connect, Gather, HangUp, Prompt, Say
from service.telephony.port import (
    Incomplete,
    OutgoingCall,
    Payload,
    PermanentFailure,
    ProviderError,
    Telephone,
    TransientFailure,
    UnknownOutcome,
    VoiceReceiver,
    Webhooks,
)
from service.telephony.telnyx import TelnyxTelephone, TelnyxVoice
from tests.stand_in_telnyx import Options, StandIn
from tests.stand_in_telnyx.calls import new_sid
from tests.unit.telephony.conftest import ANA, PUBLIC

OPTIONS = Options()
CLINIC = "+12025550190"
SID = "v3:9X2vxPDFY2RHSJ1EdMS0RHRksMTg7ldNxdjWbVr9zBjbGjGsSe-aiQ"
FORM = {"AccountSid": OPTIONS.account_sid, "CallSid": SID, "CallSidLegacy": SID, "From": CLINIC, "To": ANA}


def make_telephone(telnyx: StandIn, **changed: Any) -> TelnyxTelephone:
    options = telnyx.options
    known = {"api_key": options.auth_token, "account_sid": options.account_sid, "application_id": options.application_id, "sender": CLINIC}
    return TelnyxTelephone(**{**known, "public_base_url": PUBLIC, "api_base": telnyx.url, "timeout_seconds": 0.5, **changed})


@pytest.fixture
async def telnyx() -> AsyncIterator[StandIn]:
    async with StandIn().running() as stand_in:
        yield stand_in


@pytest.fixture
async def telephone(telnyx: StandIn) -> AsyncIterator[TelnyxTelephone]:
    made = make_telephone(telnyx)
    yield made
    await made.close()


@pytest.fixture
def voice() -> TelnyxVoice:
    return TelnyxVoice(account_sid=OPTIONS.account_sid)


def a_call(**changed: Any) -> OutgoingCall:
    return OutgoingCall(**{"call_id": uuid4(), "to": ANA, "language": "es", "clinic_number": "+12025550198", **changed})


async def test_telephone_and_voice_fulfil_the_port(telephone: TelnyxTelephone, voice: TelnyxVoice) -> None:
    as_telephone: Telephone = telephone
    as_voice: VoiceReceiver = voice
    assert (as_telephone.name, as_voice.name, as_telephone.account) == ("telnyx", "telnyx", OPTIONS.account_sid)
    assert not as_telephone.list_is_sure


async def test_a_call_is_placed_with_its_id_in_every_path_and_never_recorded(telnyx: StandIn, telephone: TelnyxTelephone) -> None:
    call = a_call()
    placed = await telephone.place_call(call)
    form = telnyx.calls.newest.form
    steps = f"{PUBLIC}/webhooks/telnyx/voice/{call.call_id}"
    assert form == {
        "To": ANA,
        "From": CLINIC,
        "Url": f"{steps}/0",
        "Method": "POST",
        "FallbackUrl": f"{PUBLIC}/webhooks/telnyx/voice/fallback/es/911/12025550198",
        "StatusCallback": f"{steps}/status",
        "StatusCallbackMethod": "POST",
        "StatusCallbackEvent": "answered completed",
        "Timeout": "35",
        "TimeLimit": "900",
        "MachineDetection": "DetectMessageEnd",
        "MachineDetectionTimeout": "30000",
    }
    assert (placed.provider_id, placed.status, placed.to) == (telnyx.calls.newest.sid, CallStatus.PLACED, ANA)


async def test_detection_in_the_background_has_a_path_of_its_own(telnyx: StandIn) -> None:
    telephone = make_telephone(telnyx, asks_first=False)
    call = a_call()
    await telephone.place_call(call)
    await telephone.close()
    form = telnyx.calls.newest.form
    assert form["AsyncAmd"] == "true"
    assert form["AsyncAmdStatusCallback"] == f"{PUBLIC}/webhooks/telnyx/voice/{call.call_id}/machine"


async def test_calls_to_staff_have_paths_of_their_own(telnyx: StandIn, telephone: TelnyxTelephone) -> None:
    call = a_call(webhooks=Webhooks.PAGE)
    await telephone.place_call(call)
    assert telnyx.calls.newest.form["Url"] == f"{PUBLIC}/webhooks/telnyx/page/{call.call_id}/0"


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("429", TransientFailure), ("401", PermanentFailure), ("error:10015", PermanentFailure), ("500", UnknownOutcome),
        ("reset", UnknownOutcome), ("500_after_accept", UnknownOutcome), ("timeout_after_accept", UnknownOutcome),
        ("garbage_after_accept", UnknownOutcome), ("foreign_after_accept", UnknownOutcome),
    ],
)  # fmt: skip
async def test_each_failure_of_a_call_is_one_of_three(
    telnyx: StandIn, telephone: TelnyxTelephone, fault: str, kind: type[ProviderError]
) -> None:
    telnyx.faults.add(fault)
    with pytest.raises(kind):
        await telephone.place_call(a_call())


async def test_a_call_needs_a_number_to_come_from(telnyx: StandIn) -> None:
    telephone = make_telephone(telnyx, sender="")
    with pytest.raises(PermanentFailure) as caught:
        await telephone.place_call(a_call())
    assert (caught.value.effect, "TELNYX_VOICE_FROM" in caught.value.meaning) == ("configuration", True)
    assert (await telephone.place_call(a_call(sender=CLINIC))).provider_id
    await telephone.close()


async def test_another_application_or_account_is_told(telnyx: StandIn) -> None:
    other = make_telephone(telnyx, application_id="17", account_sid="other")
    with pytest.raises(PermanentFailure) as caught:
        await other.place_call(a_call())
    assert caught.value.effect == "configuration"
    with pytest.raises(PermanentFailure):
        await other.list_calls(to=ANA, since=datetime.now(UTC))
    await other.close()


async def test_calls_are_listed_in_either_direction_and_fetched(telnyx: StandIn, telephone: TelnyxTelephone) -> None:
    since = datetime.now(UTC) - timedelta(seconds=5)
    first, second = await telephone.place_call(a_call()), await telephone.place_call(a_call())
    telnyx.calls.ring_us(ANA, f"{PUBLIC}/x")
    listed = await telephone.list_calls(to=ANA, since=since)
    assert {call.provider_id for call in listed} == {first.provider_id, second.provider_id}
    assert {(call.inbound, call.sender) for call in listed} == {(False, CLINIC)}
    [to_us] = await telephone.list_calls(to=CLINIC, since=since, inbound=True)
    assert (to_us.inbound, to_us.sender, to_us.status) == (True, ANA, CallStatus.TALKING)
    assert await telephone.list_calls(to=CLINIC, since=since) == []
    assert await telephone.list_calls(to=ANA, since=datetime.now(UTC) + timedelta(hours=1)) == []
    found = await telephone.fetch_call(first.provider_id)
    assert found is not None
    assert (found.provider_id, found.status) == (first.provider_id, CallStatus.PLACED)
    assert await telephone.fetch_call(new_sid()) is None


async def test_a_live_call_is_sent_on_and_one_that_is_over_is_not(telnyx: StandIn, telephone: TelnyxTelephone) -> None:
    placed = await telephone.place_call(a_call())
    call = telnyx.calls.newest
    call.status = "completed"
    assert not await telephone.go_on(placed.provider_id, uuid4(), 3)
    assert not await telephone.go_on(new_sid(), uuid4(), 3)


def test_a_step_is_read_with_its_keys(voice: TelnyxVoice) -> None:
    call_id = uuid4()
    step = voice.parse_call(Payload(FORM | {"Digits": "1950#", "SpeechResult": "no", "Confidence": "0.95"}), call_id, 3)
    assert (step.provider, step.account, step.provider_id) == ("telnyx", OPTIONS.account_sid, SID)
    assert (step.call_id, step.turn, step.pressed, step.spoken) == (call_id, 3, "1950", "")


def test_a_step_is_read_with_its_words(voice: TelnyxVoice) -> None:
    step = voice.parse_call(Payload(FORM | {"SpeechResult": " my chest hurts ", "Confidence": "0.42"}), uuid4(), 1)
    assert (step.pressed, step.spoken, step.confidence) == ("", "my chest hurts", 0.42)
    assert voice.parse_call(Payload(FORM | {"SpeechResult": "x", "Confidence": "high"}), uuid4(), 1).confidence is None


@pytest.mark.parametrize(
    ("word", "who"),
    [
        ("human", AnsweredBy.PERSON), ("machine", AnsweredBy.MACHINE), ("machine_start", AnsweredBy.MACHINE),
        ("machine_end_beep", AnsweredBy.MACHINE), ("machine_end_silence", AnsweredBy.MACHINE), ("machine_end_other", AnsweredBy.MACHINE),
        ("fax", AnsweredBy.FAX), ("unknown", AnsweredBy.UNSURE),
    ],
)  # fmt: skip
def test_who_has_picked_up_is_told_with_the_step_or_the_status_or_by_itself(voice: TelnyxVoice, word: str, who: AnsweredBy) -> None:
    assert voice.parse_call(Payload(FORM | {"AnsweredBy": word}), uuid4(), 0).answered_by is who
    told = voice.parse_call_status(Payload(FORM | {"AnsweredBy": word, "CallStatus": "in-progress"}), uuid4())
    assert (told.answered_by, told.status) == (who, CallStatus.TALKING)
    alone = voice.parse_call_status(Payload(FORM | {"AnsweredBy": word, "MachineDetectionDuration": "2500"}), uuid4())
    assert (alone.answered_by, alone.status) == (who, None)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("initiated", CallStatus.PLACED), ("ringing", CallStatus.PLACED), ("in-progress", CallStatus.TALKING),
        ("completed", CallStatus.ENDED), ("busy", CallStatus.ENGAGED), ("no-answer", CallStatus.UNANSWERED),
        ("failed", CallStatus.FAILED), ("canceled", CallStatus.FAILED),
        ("teleported", None),
    ],
)  # fmt: skip
def test_every_status_of_a_call_has_a_word_of_ours(voice: TelnyxVoice, word: str, status: CallStatus | None) -> None:
    told = voice.parse_call_status(Payload(FORM | {"CallStatus": word, "CallDuration": "15", "SequenceNumber": "2"}), uuid4())
    assert (told.status, told.provider_status, told.seconds) == (status, word, 15)


@pytest.mark.parametrize("changed", [{"CallSid": ""}, {"CallSid": "CA" + "a" * 32}, {"CallSid": "v3:" + "a" * 70}, {"AccountSid": "other"}])
def test_a_form_of_another_call_or_account_is_incomplete(voice: TelnyxVoice, changed: dict[str, str]) -> None:
    for read in (lambda form: voice.parse_call(form, uuid4(), 0), lambda form: voice.parse_call_status(form, uuid4())):
        with pytest.raises(Incomplete):
            read(Payload(FORM | {"CallStatus": "completed"} | changed))


def test_ids_of_the_published_examples_are_ids(voice: TelnyxVoice) -> None:
    for sid in (SID, "v2:DPNqxVjTNtQYaKdcKbU0QgRFrQ3YzuAQrVYC4Ggcuq7zTpDkUB7A4w", new_sid()):
        assert voice.parse_call(Payload(FORM | {"CallSid": sid}), uuid4(), 0).provider_id == sid


def test_a_prompt_of_every_kind_is_rendered_in_texml(voice: TelnyxVoice) -> None:
    next_url = f"{PUBLIC}/webhooks/telnyx/voice/1/2"
    asking = Gather((Say("¿Su peso? <b> & “x”", "es", slow=True),), "es", digits=3, hints=("sí", "no"))
    prompt = Prompt((Say("Hello.", "en"), asking, Connect("+12025550198", 25), HangUp()))
    answer = voice.render(prompt, next_url)
    root = ET.fromstring(answer.body)
    assert (answer.status, answer.content_type, root.tag) == (200, "text/xml", "Response")
    say, gather, redirect, dial, hang_up = list(root)
    assert (say.tag, say.text, say.attrib) == ("Say", "Hello.", {"voice": "Polly.Joanna", "language": "en-US", "voiceSpeed": "0.95"})
    assert gather.attrib == {
        "input": "dtmf speech", "action": next_url, "method": "POST", "timeout": "10", "numDigits": "3", "finishOnKey": "#",
        "language": "es-US", "speechTimeout": "2", "hints": "sí, no", "profanityFilter": "false",
    }  # fmt: skip
    [asked] = list(gather)
    assert (asked.text, asked.attrib["voiceSpeed"], list(asked)) == ("¿Su peso? <b> & “x”", "0.85", [])
    assert (redirect.tag, redirect.text, redirect.attrib) == ("Redirect", next_url, {"method": "POST"})
    assert (dial.tag, dial.text, dial.attrib) == ("Dial", "+12025550198", {"action": next_url, "method": "POST", "timeout": "25"})
    assert hang_up.tag == "Hangup"


def test_nothing_to_say_is_no_empty_say(voice: TelnyxVoice) -> None:
    assert "<Say" not in voice.render(Prompt((Say(" ", "en"), HangUp())), "").body


def test_what_texml_does_not_know_is_not_rendered(voice: TelnyxVoice) -> None:
    body = voice.render(Prompt((Say("Hello", "en", slow=True),)), "").body
    assert "prosody" not in body
