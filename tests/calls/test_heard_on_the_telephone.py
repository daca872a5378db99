"""What speech recognition makes of patients, on a wire: numbers in words, hesitations, half-heard answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from service.engine.call import Stage
from service.engine.given import facts_of
from tests.actions.house import content
from tests.calls.wire import Wire
from tests.stand_in_twilio.calls import PlacedCall


def wire_for(key: str, language: str) -> Wire:
    return Wire(content().flows[key], facts_of({"day": 3, "language": language}, key.partition("/")[0]))


def value_of(wire: Wire, step: str) -> tuple[float, float | None]:
    assert wire.session is not None
    [quantity] = [found.quantity for found in wire.session.findings(step) if found.quantity is not None]
    return quantity.value, quantity.value_2


@pytest.mark.parametrize(
    ("key", "language", "words", "value", "lower"),
    [
        ("heart_failure/daily", "en", "two hundred and one", 201, None),
        ("heart_failure/daily", "en", "one eighty two point five", 182.5, None),
        ("heart_failure/daily", "en", "Uh, it's 182.5.", 182.5, None),
        ("heart_failure/daily", "en", "a hundred and eighty", 180, None),
        ("heart_failure/daily", "es", "doscientas una libras", 201, None),
        ("heart_failure/daily", "es", "este ciento ochenta y dos y medio", 182.5, None),
        ("heart_failure/daily", "es", "ciento ochenta y dos punto cinco", 182.5, None),
        ("hypertension/readings", "en", "one twenty over eighty", 120, 80),
        ("hypertension/readings", "en", "it was 135 over 82", 135, 82),
        ("hypertension/readings", "es", "ciento veinte sobre ochenta", 120, 80),
        ("hypertension/readings", "es", "ciento treinta y cinco con ochenta y dos", 135, 82),
        ("diabetes_type_2/check_in", "en", "one oh five", 105, None),
        ("diabetes_type_2/check_in", "es", "pues ciento doce", 112, None),
        ("chemotherapy/check_in", "en", "ninety eight point six", 98.6, None),
        ("chemotherapy/check_in", "es", "noventa y ocho punto seis", 98.6, None),
    ],
)
async def test_numbers_as_they_are_said(key: str, language: str, words: str, value: float, lower: float | None) -> None:
    wire = wire_for(key, language)
    call, _ = await wire.identified()
    step = wire.asked[-1]
    await call.speak(words)
    assert value_of(wire, step) == (value, lower)
    assert wire.asked[-1] not in ("", step), "on to the next question, nothing is read back"


@pytest.mark.parametrize(
    ("words", "language", "missed"),
    [
        ("uh yeah I took it", "en", False),
        ("uh huh", "en", False),
        ("nope", "en", True),
        ("One.", "en", False),
        ("two", "en", True),
        ("este sí ya me la tomé", "es", False),
        ("ajá", "es", False),
        ("ay no, se me olvidó", "es", True),
        ("uno", "es", False),
        ("dos", "es", True),
    ],
)
async def test_a_dose_as_it_is_told(words: str, language: str, missed: bool) -> None:
    wire = wire_for("medication/daily", language)
    call, _ = await wire.identified()
    step = wire.asked[-1]
    await call.speak(words)
    assert any(rule.startswith(f"medication/daily.{step}") for rule in wire.rules) is missed, wire.rules
    assert not any(rule.endswith("not_understood") for rule in wire.rules)
    assert wire.session is None or step in wire.session.done


@pytest.mark.parametrize(
    ("language", "words", "back"), [("en", "one eighty", "We heard one eighty"), ("es", "ciento ochenta", "Oímos ciento ochenta")]
)
@pytest.mark.parametrize("confidence", [None, 0.3])
async def test_what_was_not_heard_surely_is_read_back_before_it_counts(
    language: str, words: str, back: str, confidence: float | None
) -> None:
    wire = wire_for("heart_failure/daily", language)
    call, _ = await wire.identified()
    said = await call.speak(words, confidence=confidence)
    assert back in said
    assert wire.stands.stage is Stage.HEARD
    assert wire.session is not None
    assert wire.session.findings("weight") == ()
    await call.speak("yes that's right" if language == "en" else "sí, así es", confidence=confidence)
    assert value_of(wire, "weight") == (180, None)


async def test_danger_is_raised_although_it_was_hardly_heard() -> None:
    wire = wire_for("diabetes_type_2/check_in", "es")
    call, _ = await wire.identified()
    said = await call.speak("me duele el pecho y no puedo respirar", confidence=0.1)
    assert "9 1 1" in said
    assert wire.stands.stage is Stage.SAFETY
    assert "chest_pain" in " ".join(wire.rules)


async def test_a_yes_to_symptoms_is_asked_which_not_the_same_again() -> None:
    wire = wire_for("heart_failure/daily", "en")
    call, _ = await wire.identified()
    asked = await call.press("180#")
    said = await call.press("1")
    assert said.texts[-1] == "Please say in a few words what it is."
    assert asked.texts[0] not in said.texts
    assert "heart_failure/daily.breathing_swelling.worse_without_words" in wire.rules
    await call.speak("my ankles are swollen")
    assert "heart_failure/daily.breathing_swelling.swelling" in wire.rules


async def test_when_a_nurse_answers_is_said_once_and_again_for_what_is_more_urgent() -> None:
    wire = wire_for("heart_failure/daily", "en")
    call, _ = await wire.identified()
    await call.press("180#")
    assert "A nurse will answer you" in await call.speak("my ankles are a little swollen")
    said = await call.speak("no I forgot")
    assert "The nurse will see this too" in said
    assert "A nurse will answer you" not in said
    assert "heart_failure/daily.water_pill.missed" in wire.rules
    said = await call.speak("I also fainted nearly and I am more short of breath than yesterday")
    assert "The nurse will see this too" not in said


async def test_the_questions_of_a_questionnaire_are_introduced() -> None:
    wire = wire_for("depression/phq", "en")
    _, said = await wire.identified()
    assert "Over the last 2 weeks, how often" in said
    assert said.text.index("Over the last 2 weeks") < said.text.index("Little interest")


async def test_one_of_four_answers_is_not_read_back() -> None:
    wire = wire_for("depression/phq", "en")
    call, said = await wire.identified()
    for _ in range(12):
        if wire.asked[-1] == "phq_9":
            break
        said = await call.press("2")
    said = await call.press("1")
    assert "We heard" not in said
    assert "9 8 8" in said
    assert "depression/phq.phq_9.thoughts_of_death" in wire.rules


async def test_a_safety_re_check_is_announced_at_the_end_of_the_call() -> None:
    wire = wire_for("diabetes_type_1/daily", "es")
    call, _ = await wire.identified()
    await call.press("62#")
    said = await call.press("1")
    assert said.over
    assert "Después le preguntamos otra vez" in said
    assert wire.session is not None
    assert wire.session.wait_until is not None


async def _at_the_identity_check(wire: Wire) -> PlacedCall:
    return await wire.ring()


async def _at_a_read_back(wire: Wire) -> PlacedCall:
    call, _ = await wire.identified()
    await call.speak("one twenty over eighty" if wire.facts.language == "en" else "ciento veinte sobre ochenta", confidence=0.2)
    assert wire.stands.stage is Stage.HEARD
    return call


async def _at_a_value_read_back(wire: Wire) -> PlacedCall:
    call, _ = await wire.identified()
    await call.press("190*100#")
    assert wire.stands.stage is Stage.VALUE
    return call


async def _at_no_more_calls(wire: Wire) -> PlacedCall:
    call, _ = await wire.identified()
    await call.press("9#")
    assert wire.stands.stage is Stage.STOP
    return call


@pytest.mark.law(1)
@pytest.mark.parametrize("at", [_at_the_identity_check, _at_a_read_back, _at_a_value_read_back, _at_no_more_calls])
@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "nineteen fifty and I have bad chest pain"),
        ("en", "yes, and I have bad chest pain"),
        ("en", "no, I have bad chest pain"),
        ("en", "no, I want to kill myself"),
        ("es", "mil novecientos cincuenta y me duele mucho el pecho"),
        ("es", "sí, y me duele mucho el pecho"),
        ("es", "no, me duele mucho el pecho"),
    ],
)
async def test_danger_told_along_with_an_answer_counts(at: Callable[[Wire], Awaitable[PlacedCall]], language: str, words: str) -> None:
    wire = wire_for("hypertension/readings", language)
    call = await at(wire)
    before = len(wire.rules)
    said = await call.speak(words, confidence=0.4)
    assert {"chest_pain", "self_harm_words"} & {*wire.rules[before:]}, wire.rules
    assert "9 1 1" in said or "9 8 8" in said
    assert wire.stands.stage is Stage.SAFETY


async def test_a_wrong_number_told_along_with_an_answer_ends_the_call() -> None:
    wire = wire_for("hypertension/readings", "en")
    call = await _at_a_read_back(wire)
    assert (await call.speak("no, you have the wrong number")).over
    assert "machine.wrong_number" in wire.rules
