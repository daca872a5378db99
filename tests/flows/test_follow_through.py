"""What follows a safety text is content: its cases come out, and a mistake in it names the file and the line."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.content import ContentError, load_follow_through, load_safety_cases, load_script, load_wording
from service.engine.cases import Ears
from service.engine.follow_through_cases import SafetyCase, not_shown, play_safety_case
from tests.actions.house import content
from tests.flows.test_content import root, spoil

__all__ = ["root"]
FILE, CASES = "flows/shared/follow_through.yaml", "flows/shared/follow_through.cases.yaml"
SHIPPED = load_safety_cases(load_follow_through(), load_wording())


def ears() -> Ears:
    return Ears(content().lexicon, content().tables, content().wording)


@pytest.mark.parametrize("case", SHIPPED, ids=lambda case: case.name)
def test_what_follows_a_safety_text_is_what_its_case_says(case: SafetyCase) -> None:
    assert play_safety_case(content().follow_through, case, ears()) == []


def test_every_answer_both_languages_and_silence_are_shown_by_a_case() -> None:
    assert not_shown(content().follow_through, SHIPPED) == []
    assert not_shown(content().follow_through, SHIPPED[:1]) == [
        "no case chooses cannot", "no case chooses not_an_emergency", "no case is in es",
        "no case shows silence with calls: true", "no case shows silence with calls: false",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("turn", "told"),
    [
        ({"patient": "2", "chooses": "called"}, "chooses: cannot instead of called"),
        ({"patient": "2", "chooses": "cannot", "urgency": "urgent"}, "urgency: emergency instead of urgent"),
        ({"patient": "2", "chooses": "cannot", "says": "good morning"}, "instead of good morning"),
        ({"patient": "7", "chooses": "called"}, "chooses: nothing instead of called"),
        ({"silence": "2 min", "calls": False}, "silence of 2 min after emergency is called"),
    ],
)
def test_a_case_that_does_not_come_out_says_what_came_instead(turn: dict[str, Any], told: str) -> None:
    [failure] = play_safety_case(content().follow_through, SafetyCase("one", 1, {}, "emergency", (turn,)), ears())
    assert told in failure


def test_the_question_ends_the_safety_texts_that_ask_it_and_is_spoken_with_keys() -> None:
    wording, script, after = load_wording(), load_script(), load_follow_through()
    for key in after.question.after:
        for language, text in wording.texts[key].items():
            assert text.endswith(after.question.after[key][language].plain)
    assert script.texts["safety_keys"]["en"] == after.question.say["en"].plain
    assert "Reply 1" not in wording.texts["low_glucose"]["en"]
    assert after.asks("flow")
    assert not after.asks("crisis")


def test_silence_is_called_after_its_time_and_only_after_the_texts_that_say_so() -> None:
    after = load_follow_through()
    short, long = timedelta(minutes=1), timedelta(minutes=2)
    assert [after.calls(key, long) for key in ("emergency", "flow", "low_glucose", "poisoning")] == [True] * 4
    assert [after.calls(key, long) for key in ("abuse", "crisis", "danger", "")] == [False] * 4
    assert not after.calls("emergency", short)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("    urgency: same_day", "    urgency: soon", r"line \d+, choices\.3\.urgency: write one of"),
        ("    source: decision\n    answer:", "    source: decisions\n    answer:", r'choices\.1\.source: "decisions" is not among'),
        ("answers_within: 60 min", "answer_within: 60 min", r'line \d+, answer_within: .* did you mean answers_within'),
        ("  after: 2 min", "  after: two minutes", r'line \d+, silence\.after: write a time such as "30 min"'),
        ("call_after: [emergency,", "call_after: [emergancy,", r'line \d+, silence\.call_after\.1: .*did you mean emergency'),
        ("3 = not an emergency.", "or not an emergency.", r"question\.after\.emergency\.en: the question does not offer choice 3"),
        ("  - value: cannot", "  - value: called", r'line \d+, choices\.2\.value: "called" is offered twice'),
        ("[not an emergency, no emergency", "[stop, no emergency", r'line \d+, choices\.3\.words: "stop" ends all messages'),
        ("      es: Gracias. No cuelgue y siga", "      fr: Gracias. No cuelgue y siga", r"choices\.1\.answer: the text in es is missing"),
        ("kind: follow_through", "kind: follow_trough", r"line \d+, kind: write one of"),
        ("status: draft, not", "status: approved, not", r'line \d+, status: without an approver the status begins with "draft"'),
    ],
)  # fmt: skip
def test_a_mistake_names_the_line_and_what_to_write(root: Path, old: str, new: str, told: str) -> None:
    spoil(root / FILE, old, new)
    with pytest.raises(ContentError, match=told) as raised:
        load_wording(root)
    assert str(raised.value).startswith("shared/follow_through.yaml")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "A nurse will still look at this and answer you {promise}.",
            "A nurse will call you in an hour.",
            "promises a time",
        ),
        ("Unlock your door if you can. A nurse is being told that you called.\n", "Unlock {door}.\n", r"no placeholder is named \{door\}"),
        ("2 = I can't or I'm alone, 3 = not an emergency.", "2 = " + "I can't, " * 40 + "3 = not an emergency.", r"\d segments"),
    ],
)
def test_a_text_that_may_not_be_sent_is_told_where_it_stands(root: Path, old: str, new: str, told: str) -> None:
    spoil(root / FILE, old, new)
    with pytest.raises(ContentError, match=told) as raised:
        load_wording(root)
    assert str(raised.value).startswith("shared/follow_through.yaml: line ")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('{patient: "1", chooses: called, urgency', '{patient: "1", choses: called, urgency', "write .patient"),
        ("chooses: cannot, urgency: emergency}", "chooses: can_not, urgency: emergency}", "write .patient"),
        ("after: abuse", "after: abus", 'no text "abus"'),
        ("  - name: Alone\n", "  - name: Silence is called\n", "two cases are called"),
    ],
)
def test_a_mistake_in_its_cases_names_the_line(root: Path, old: str, new: str, told: str) -> None:
    spoil(root / CASES, old, new)
    with pytest.raises(ContentError, match=told) as raised:
        load_safety_cases(load_follow_through(root), load_wording(root), root)
    assert str(raised.value).startswith("shared/follow_through.cases.yaml: line ")
