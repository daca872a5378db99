"""What keys and words mean in a call: the same keys all through it, except where they may be the answer itself."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from service.content import load_script
from service.domain.call import CallInput
from service.domain.reading import Choice, Expects, Question
from service.engine.call import SURE, Call, Key, Stage, Words, meant, proves_identity

SCRIPT = load_script()
INPUT = CallInput("twilio", "AC", "CA", UUID(int=1), 1)
ASKED = Call("en", Stage.QUESTION, identified=True)
REASONS = tuple(Choice(number, f"reason_{number}") for number in range(1, 10))


@pytest.mark.parametrize(
    ("keys", "expects", "means"),
    [
        ("*", Expects.WEIGHT_LB, Key.REPEAT),
        ("8", Expects.WEIGHT_LB, Key.REPEAT),
        ("0", Expects.WEIGHT_LB, Key.PERSON),
        ("9", Expects.YES_NO, Key.STOP),
        ("98", Expects.SPO2_PCT, Words("98", True)),
        ("182*5", Expects.WEIGHT_LB, Words("182.5", True)),
        ("150*90", Expects.BLOOD_PRESSURE, Words("150/90", True)),
        ("1", Expects.YES_NO, Words("yes", True)),
        ("2", Expects.MEDICATION_TAKEN, Words("no", True)),
        ("2", Expects.SYMPTOMS, Words("no", True)),
        ("3", Expects.YES_NO, Words("3", True)),
        ("0", Expects.SCALE_0_10, Words("0", True)),
        ("8", Expects.SCALE_0_10, Words("8", True)),
        ("9", Expects.COUNT, Words("9", True)),
        ("*9", Expects.COUNT, Key.STOP),
        ("*0", Expects.SCALE_0_10, Key.PERSON),
        ("0", Expects.PHQ_ITEM, Words("0", True)),
        ("9", Expects.PHQ_ITEM, Key.STOP),
        ("8", Expects.CHOICE, Words("8", True)),
        ("0", Expects.CHOICE, Key.PERSON),
    ],
)
def test_a_key_means(keys: str, expects: Expects, means: object) -> None:
    question = Question(expects, "step", choices=REASONS if expects is Expects.CHOICE else ())
    assert meant(ASKED, replace(INPUT, pressed=keys), question, SCRIPT) == means


def test_nine_again_confirms_that_calls_are_to_end() -> None:
    assert meant(replace(ASKED, stage=Stage.STOP), replace(INPUT, pressed="9"), None, SCRIPT) == Words("yes", True)


def test_safety_keys_are_numbers_and_no_yes() -> None:
    assert meant(replace(ASKED, stage=Stage.SAFETY), replace(INPUT, pressed="2"), None, SCRIPT) == Words("2", True)


@pytest.mark.parametrize(("confidence", "sure"), [(SURE, True), (SURE - 0.01, False), (None, False)])
def test_a_transcript_is_sure_from_its_threshold_on(confidence: float | None, *, sure: bool) -> None:
    heard = replace(INPUT, spoken="one eighty", confidence=confidence)
    assert meant(ASKED, heard, None, SCRIPT) == Words("one eighty", sure)


def test_nothing_is_silence_and_again_is_the_key_for_it() -> None:
    assert meant(ASKED, INPUT, None, SCRIPT) is None
    assert meant(ASKED, replace(INPUT, spoken="Repeat, please?"), None, SCRIPT) is Key.REPEAT


@pytest.mark.parametrize(
    ("digits", "pin", "proves"),
    [("1950", "", True), ("1951", "", False), ("", "", False), ("1950", "482913", False), ("482913", "482913", True)],
)
def test_a_code_takes_the_place_of_the_birth_year(digits: str, pin: str, *, proves: bool) -> None:
    assert proves_identity(digits, birth_year="1950", pin=pin) is proves


def test_nothing_on_record_is_proved_by_nothing() -> None:
    assert not proves_identity("", birth_year="", pin="")


def test_a_call_survives_its_json() -> None:
    call = replace(ASKED, turn=7, pending="one eighty", step="weight", owed="emergency")
    assert Call.from_json(call.to_json()) == call
