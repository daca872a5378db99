"""Every programme as a call in both languages, on a wire: whatever the callee does, the call ends and is fit to be heard.

The callee walks TwiML that the provider's own library has rendered; nothing but HTTP and the database is left out.
"""

from __future__ import annotations

import re
from random import Random

import pytest

from service.content import load_cases
from service.domain.prompt import Gather
from service.domain.reading import Expects
from service.domain.script import BEFORE_IDENTITY
from service.engine.cases import Case
from service.engine.given import facts_of
from service.engine.spoken import Voice
from service.engine.steps import AskStep
from tests.actions.house import content
from tests.calls.callee import MOST_STEPS, answer, keys_for, odd, programmes, spoken_by
from tests.calls.wire import CLINIC, Wire
from tests.stand_in_twilio.calls import Heard, PlacedCall

PROGRAMMES = programmes()
both_languages = pytest.mark.parametrize("language", ["en", "es"])
every_programme = pytest.mark.parametrize("key", PROGRAMMES)
RANDOM_CALLS = 2
HEALTH = re.compile(
    r"weigh|breath|pill|medicin|sugar|pressure|pain|sympt|dose|peso|pesa|respir|pastill|glucosa|presi|dolor|dosis", re.IGNORECASE
)
YES = {"en": "yes", "es": "sí"}
WHO = {"en": "Hello, who is this?", "es": "¿Quién habla?"}
ANY_NUMBER = (Expects.COUNT, Expects.SCALE_0_10, Expects.INR)
"""Questions to which 0 and 9 are answers."""
PERSON = {"en": "person", "es": "persona"}


def wire_for(key: str, language: str, **given: object) -> Wire:
    return Wire(content().flows[key], facts_of({"day": 3, "language": language, **given}, key.partition("/")[0]))


def fit_to_be_heard(wire: Wire) -> None:
    """Nothing odd in any prompt so far."""
    assert [what for prompt in wire.prompts for what in odd(spoken_by(prompt))] == []


async def to_its_end(wire: Wire, call: PlacedCall, heard: Heard, random: Random | None = None, *, speak: bool = False) -> Heard:
    for _ in range(MOST_STEPS):
        if heard.over:
            return heard
        heard = await (call.dial_ends("no-answer") if heard.dialled else answer(wire, call, random, speak=speak))
    raise AssertionError(f"no end: {heard.text}")


@every_programme
@both_languages
@pytest.mark.parametrize("speak", [False, True], ids=["keys", "speech"])
async def test_a_call_comes_to_its_end(key: str, language: str, speak: bool) -> None:
    wire = wire_for(key, language)
    call, heard = await wire.identified()
    await to_its_end(wire, call, heard, speak=speak)
    assert call.answers == [200] * len(call.answers)
    assert wire.session is None or wire.session.wait_until is not None, "over, or a safety re-check is to come"
    assert any(wire.asked), "something was asked"
    assert not any(rule.endswith((".not_understood", ".too_long")) for rule in wire.rules), "every answer offered is understood"
    fit_to_be_heard(wire)


@every_programme
@both_languages
async def test_calls_of_all_kinds_end_and_are_fit_to_be_heard(key: str, language: str) -> None:
    cases = load_cases(key)
    for number in range(RANDOM_CALLS):
        random = Random(f"{key} {language} {number}")
        given = {name: value for name, value in random.choice(cases).given.items() if name != "language"}
        wire = wire_for(key, language, **given)
        call, heard = await wire.identified()
        await to_its_end(wire, call, heard, random)
        fit_to_be_heard(wire)


@every_programme
@both_languages
async def test_silence_all_along_ends_the_call_and_a_nurse_is_told(key: str, language: str) -> None:
    wire = wire_for(key, language)
    call, heard = await wire.identified()
    for _ in range(5):
        if heard.over:
            break
        heard = await call.say_nothing()
    assert heard.over
    assert any(rule.endswith(".not_understood") for rule in wire.rules) or len(wire.asked) <= 2
    fit_to_be_heard(wire)


@every_programme
@both_languages
async def test_a_person_is_asked_for_in_mid_call_and_the_check_in_goes_on(key: str, language: str) -> None:
    wire = wire_for(key, language)
    call, asked = await wire.identified()
    expects = wire.flow.question(wire.asked[-1]).expects
    in_words = expects is Expects.PHQ_ITEM  # takes one key, and 0 is an answer
    heard = await (call.speak(PERSON[language]) if in_words else call.press("*0#" if expects in ANY_NUMBER else "0#"))
    assert heard.dialled == CLINIC.clinic_phone
    heard = await call.dial_ends("no-answer")
    assert "machine.wants_person" in wire.rules
    assert (heard.texts[-1], wire.asked[-1]) == (asked.texts[-1], wire.asked[1]), "the same question again"
    fit_to_be_heard(wire)


@every_programme
@both_languages
async def test_no_more_calls_is_asked_back_and_then_ends(key: str, language: str) -> None:
    wire = wire_for(key, language)
    call, asked = await wire.identified()
    key_9 = "*9#" if wire.flow.question(wire.asked[-1]).expects in ANY_NUMBER else "9#"
    assert not (await call.press(key_9)).over
    assert (await call.press("2")).texts[-1] == asked.texts[-1], "not meant: the same question again"
    assert wire.asked[-1] == wire.asked[1]
    await call.press(key_9)
    assert (await call.speak(YES[language])).over
    assert "machine.opt_out" in wire.rules
    fit_to_be_heard(wire)


@every_programme
@both_languages
async def test_nothing_of_the_programme_is_said_to_a_stranger_or_a_machine(key: str, language: str) -> None:
    wire = wire_for(key, language)
    call = await wire.ring()
    heard = [call.heard, await call.speak(WHO[language]), await call.press("1949"), await call.speak("it is me")]
    assert heard[1].texts == heard[0].texts, "who is calling is said once more"
    assert heard[-1].over
    voice = Voice(content().script, wire.context.facts(wire.now), CLINIC.clinic_phone)
    neutral = {voice.text(name) for name in BEFORE_IDENTITY}
    assert {text for each in heard for text in each.texts} <= neutral
    assert "machine.call_not_identified" in wire.rules
    machine = (await wire_for(key, language).ring("machine_end_beep")).heard
    assert machine.over
    assert machine.texts == [voice.text("voicemail")]
    fit_to_be_heard(wire)


@both_languages
def test_what_comes_before_the_identity_check_has_no_word_of_health(language: str) -> None:
    for name in (*BEFORE_IDENTITY, "voicemail"):
        text = content().script.texts[name][language]
        assert not HEALTH.search(text), text


@every_programme
@both_languages
async def test_a_hang_up_half_way_keeps_what_was_told(key: str, language: str) -> None:
    wire = wire_for(key, language)
    call, heard = await wire.identified()
    first = wire.asked[-1]
    heard = await answer(wire, call)
    await call.hang_up()
    assert first in (wire.session.done if wire.session is not None else (first,))
    assert not heard.over or wire.session is None or wire.session.wait_until is not None


@every_programme
@both_languages
def test_every_question_names_its_keys_and_is_short_enough(key: str, language: str) -> None:
    flow = content().flows[key]
    wire = wire_for(key, language)
    voice = Voice(content().script, wire.context.facts(wire.now), CLINIC.clinic_phone)
    for step in flow.questions:
        prompt = voice.once_more(flow, step.key, [], language)
        assert odd(spoken_by(prompt)) == [], step.key
        _names_its_keys(step, " ".join(spoken_by(prompt)), language)
        [gather] = [part for part in prompt.parts if isinstance(part, Gather)]
        assert gather.language == language
        if gather.digits:
            assert all(len(keys.rstrip("#")) <= gather.digits for keys in keys_for(step)), f"{step.key}: keys are cut off"


def _names_its_keys(step: AskStep, text: str, language: str) -> None:
    verb = r"\b(press|type)\b" if language == "en" else r"\b(marque|márque(la|lo))\b"
    if step.expects is Expects.FREE_TEXT:
        return
    assert re.search(verb, text, re.IGNORECASE), f"{step.key} names no key: {text}"
    named = {int(number) for number in re.findall(r"(?<![\d.,])\d(?![\d.,]*\d)", text)}
    match step.expects:
        case Expects.CHOICE:
            assert set(range(1, len(step.choices) + 1)) <= named, text
        case Expects.PHQ_ITEM:
            assert {0, 1, 2, 3} <= named, text
        case Expects.YES_NO | Expects.SYMPTOMS | Expects.MEDICATION_TAKEN:
            assert {1, 2} <= named, text


# --- the cases that stand beside each flow, spoken ------------------------------------------------------------------------
def spoken_cases(key: str) -> list[Case]:
    """Cases with a red flag told in words, without a wait in between."""
    return [
        case
        for case in load_cases(key)
        if not {"staffed", "unstaffed_in"} & set(case.given)
        and all({"patient", "voice"} & set(turn) for turn in case.talk)
        and any(turn.get("flags") for turn in case.talk)
    ]


@pytest.mark.law(1)
@every_programme
async def test_a_red_flag_told_by_speech_is_raised_before_the_next_prompt(key: str) -> None:
    """Each red flag that a case shows, once, in the words of the case; read-backs are answered yes."""
    shown: set[str] = set()
    for case in spoken_cases(key):
        wanted = {f"{key}.{flag}" for turn in case.talk for flag in turn.get("flags") or ()}
        if wanted <= shown:
            continue
        shown |= wanted
        wire = Wire(content().flows[key], facts_of(case.given, key.partition("/")[0]))
        call, heard = await wire.identified()
        for turn in case.talk:
            for _ in range(3):
                if not wire.asked[-1] and not heard.over:
                    heard = await call.press("1")
            if heard.over:
                break
            before = len(wire.rules)
            heard = await call.speak(str(turn.get("patient", turn.get("voice"))), confidence=0.95)
            missing = {f"{key}.{flag}" for flag in turn.get("flags") or ()} - {*wire.rules[before:]}
            assert not missing, f"{case.name}: {missing} of {turn}, raised {wire.rules[before:]}"
        fit_to_be_heard(wire)
