"""The spoken script: numbers are said digit by digit, and a text that may not be spoken does not load."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from service.content import SCRIPT, content_root, load_follow_through, load_wording, load_yaml
from service.domain.facts import Facts
from service.domain.script import WITHOUT_ANYBODY, Script, build_script, digit_by_digit, speakable
from service.domain.wording import WordingError

WORDING = load_wording()
_OWN = load_yaml(content_root() / SCRIPT)
DATA = {**_OWN, "texts": {**_OWN["texts"], **load_follow_through().spoken()}}
FACTS = Facts(first_name="Ana", clinic="Riverside Clinic", after_hours_number="+12025550199")


@pytest.fixture(scope="module")
def script() -> Script:
    return build_script(DATA, WORDING)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("call 911", "call 9 1 1"),
        ("+1 202-555-0199", "2 0 2, 5 5 5, 0 1 9 9"),
        ("+12025550199.", "2 0 2, 5 5 5, 0 1 9 9."),
        ("1-800-222-1222", "8 0 0, 2 2 2, 1 2 2 2"),
        ("take 15 g of sugar", "take 15 grams of sugar"),
        ("at 4:30 pm, 182.5 lb", "at 4:30 pm, 182.5 pounds"),
    ],
)
def test_a_text_becomes_speech(text: str, said: str) -> None:
    assert speakable(text, "en") == said


def test_a_number_of_another_country_is_said_in_threes() -> None:
    assert digit_by_digit("+442071838750") == "4 4 2, 0 7 1, 8 3 8, 7 5 0"


def test_an_emergency_instruction_takes_the_place_of_911(script: Script) -> None:
    facts = Facts(clinic="Riverside Clinic", emergency_instruction="Call the hospice nurse line, +1 202-555-0199")
    assert "2 0 2, 5 5 5, 0 1 9 9" in script.say("emergency", facts)
    assert "9 1 1" not in script.say("emergency", facts)


def test_what_the_script_has_no_words_for_is_taken_from_the_texts(script: Script) -> None:
    assert script.say("low_glucose", FACTS).startswith("Your sugar is low.")


def test_a_wish_to_hear_it_again_is_nothing_else(script: Script) -> None:
    assert script.asks_to_repeat("¿Cómo?", "es")
    assert script.asks_to_repeat("Say that again.", "en")
    assert not script.asks_to_repeat("my pain is back again", "en")


def test_machines_and_strangers_hear_nothing_about_anybody(script: Script) -> None:
    for key in WITHOUT_ANYBODY:
        for text in script.texts[key].values():
            assert "first_name" not in text


def _without(key: str) -> Any:
    data = copy.deepcopy(DATA)
    del data["texts"][key]
    return data


def _with(key: str, text: str, language: str = "en") -> Any:
    data = copy.deepcopy(DATA)
    data["texts"][key][language] = text
    return data


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ([], "write the parts"),
        (_without("voicemail"), "voicemail: this text is missing"),
        (_with("voicemail", "{first_name}, call {number}. {clinic}"), "the languages name different placeholders"),
        (_with("goodbye", "A nurse calls you within 1 hour."), "promises a time"),
        (_with("goodbye", "Reply YES."), "nobody replies to a voice"),
        (_with("goodbye", "{nobody}"), "no placeholder is named"),
        (_with("goodbye", "well " * 100), "shorten it"),
        (_with("goodbye", "Bye {"), "a brace is left over"),
        (_with("goodbye", "", "es"), "add es:"),
        ({**DATA, "repeat": {"en": ["again"]}}, "write lists of words"),
    ],
)
def test_a_mistake_names_the_text_and_what_to_write(data: Any, says: str) -> None:
    with pytest.raises(WordingError, match=says):
        build_script(data, WORDING)


def test_a_machine_is_told_no_name() -> None:
    data = copy.deepcopy(DATA)
    for language in ("en", "es"):
        data["texts"]["voicemail"][language] += " {first_name}"
    with pytest.raises(WordingError, match="may not stand here"):
        build_script(data, WORDING)
