"""Prompts as TwiML, and Twilio's voice forms as steps and words on a call."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from uuid import UUID

import pytest

from service.domain.call import AnsweredBy, CallStatus
from service.domain.prompt import Connect, Gather, HangUp, Prompt, Say
from service.telephony.port import Incomplete, Payload
from service.telephony.twilio import TwilioVoice

ACCOUNT = "AC" + "0" * 32
CALL = UUID(int=7)
VOICE = TwilioVoice(account_sid=ACCOUNT)
NEXT = "https://rounds.example.org/webhooks/twilio/voice/x/2"
FORM = {"AccountSid": ACCOUNT, "CallSid": "CA" + "a" * 32, "CallStatus": "in-progress", "From": "+12025550100", "To": "+12025550103"}


def twiml(prompt: Prompt) -> ET.Element:
    answer = VOICE.render(prompt, NEXT)
    assert (answer.content_type, answer.status) == ("text/xml", 200)
    return ET.fromstring(answer.body)


def test_a_question_gathers_keys_and_speech_and_silence_asks_the_same_address() -> None:
    root = twiml(Prompt((Gather((Say("Your weight?", "en"),), "en", hints=("pounds",)),)))
    gather, redirect = list(root)
    assert gather.attrib == {
        "input": "dtmf speech",
        "action": NEXT,
        "method": "POST",
        "timeout": "10",
        "finishOnKey": "#",
        "language": "en-US",
        "speechTimeout": "2",
        "hints": "pounds",
        "profanityFilter": "false",
    }
    assert (redirect.tag, redirect.text, redirect.attrib) == ("Redirect", NEXT, {"method": "POST"})


def test_a_second_try_is_slower_and_in_the_patients_language() -> None:
    usual, slow = twiml(Prompt((Say("¿Cuánto pesa?", "es"), Say("¿Cuánto pesa?", "es", slow=True)))).iter("prosody")
    assert int(slow.attrib["rate"].rstrip("%")) < int(usual.attrib["rate"].rstrip("%"))
    assert twiml(Prompt((Say("¿Cuánto pesa?", "es"),)))[0].attrib["language"] == "es-US"


def test_words_are_escaped_and_empty_ones_left_out() -> None:
    root = twiml(Prompt((Say("<Hangup/> & more", "en"), Say("  ", "en"), HangUp())))
    assert [verb.tag for verb in root] == ["Say", "Hangup"]
    assert "".join(root[0].itertext()) == "<Hangup/> & more"


def test_a_connection_tells_its_end() -> None:
    [dial] = list(twiml(Prompt((Connect("+12025550190"),))))
    assert (dial.tag, dial.text, dial.attrib["action"]) == ("Dial", "+12025550190", NEXT)


def test_a_prompt_survives_its_json() -> None:
    prompt = Prompt((Say("a", "en"), Gather((Say("b", "es", slow=True),), "es", 1, False, ("c",), 5), Connect("+12025550190"), HangUp()))
    assert Prompt.from_json(prompt.to_json()) == prompt


def test_keys_win_over_words_that_come_with_them() -> None:
    step = VOICE.parse_call(Payload({**FORM, "Digits": "182", "SpeechResult": "one eighty", "Confidence": "0.9"}), CALL, 3)
    assert (step.pressed, step.spoken, step.turn, step.call_id) == ("182", "", 3, CALL)


@pytest.mark.parametrize(("confidence", "read"), [("0.0", 0.0), ("0.91", 0.91), ("", None), ("much", None), ("7", None), ("nan", None)])
def test_a_confidence_that_is_none_makes_words_unsure(confidence: str, read: float | None) -> None:
    step = VOICE.parse_call(Payload({**FORM, "SpeechResult": "yes", "Confidence": confidence}), CALL, 1)
    assert step.confidence == read


@pytest.mark.parametrize(
    "wrong",
    [{"CallSid": ""}, {"CallSid": "CA123"}, {"AccountSid": "AC" + "f" * 32}, {"Digits": "12x"}, {"Digits": "1" * 40}],
)
def test_a_form_without_what_it_must_have_is_incomplete(wrong: dict[str, str]) -> None:
    with pytest.raises(Incomplete):
        VOICE.parse_call(Payload(FORM | wrong), CALL, 1)


@pytest.mark.parametrize(
    ("said", "by"),
    [("human", AnsweredBy.PERSON), ("machine_end_beep", AnsweredBy.MACHINE), ("machine_start", AnsweredBy.MACHINE), ("fax", AnsweredBy.FAX),
     ("unknown", AnsweredBy.UNSURE), ("something new", None)],
)  # fmt: skip
def test_who_picked_up(said: str, by: AnsweredBy | None) -> None:
    step = VOICE.parse_call(Payload({**FORM, "AnsweredBy": said}), CALL, 0)
    assert step.answered_by is by


@pytest.mark.parametrize(
    ("word", "status"),
    [("queued", CallStatus.PLACED), ("ringing", CallStatus.PLACED), ("in-progress", CallStatus.TALKING), ("completed", CallStatus.ENDED),
     ("busy", CallStatus.ENGAGED), ("no-answer", CallStatus.UNANSWERED), ("failed", CallStatus.FAILED), ("canceled", CallStatus.FAILED),
     ("asleep", None)],
)  # fmt: skip
def test_statuses_in_our_words(word: str, status: CallStatus | None) -> None:
    update = VOICE.parse_call_status(Payload({**FORM, "CallStatus": word, "CallDuration": "42"}), CALL)
    assert (update.status, update.seconds) == (status, 42)


def test_who_picked_up_may_come_by_itself() -> None:
    form = {name: value for name, value in FORM.items() if name != "CallStatus"}
    update = VOICE.parse_call_status(Payload(form | {"AnsweredBy": "machine_end_beep", "MachineDetectionDuration": "5200"}), CALL)
    assert (update.status, update.provider_status, update.answered_by) == (None, "", AnsweredBy.MACHINE)
    for said in ("", "something new"):
        with pytest.raises(Incomplete):
            VOICE.parse_call_status(Payload(form | {"AnsweredBy": said}), CALL)
