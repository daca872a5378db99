"""The first texts of a programme are content: their cases come out, and a mistake in them names the file and the line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from service.content import ContentError, load_opening, load_opening_cases, load_wording
from service.domain.consent import Agreed
from service.domain.urgency import Urgency
from service.engine.cases import Ears
from service.engine.given import facts_of
from service.engine.opening_cases import OpeningCase, not_shown, play_opening_case
from tests.actions.house import content
from tests.flows.test_content import root, spoil

__all__ = ["root"]
FILE, CASES = "flows/shared/opening.yaml", "flows/shared/opening.cases.yaml"
SHIPPED = load_opening_cases()


def ears() -> Ears:
    return Ears(content().lexicon, content().tables, content().wording)


@pytest.mark.parametrize("case", SHIPPED, ids=lambda case: case.name)
def test_the_first_texts_do_what_their_case_says(case: OpeningCase) -> None:
    assert play_opening_case(content().opening, case, ears()) == []


def test_yes_no_both_languages_and_silence_are_shown_by_a_case() -> None:
    assert not_shown(content().opening, SHIPPED) == []
    missing = ["no case is in es", "no case shows confirms: false", "no case shows silence that raises nothing"]
    assert not_shown(content().opening, SHIPPED[:1])[:3] == missing


@pytest.mark.parametrize(
    ("turn", "told"),
    [
        ({"patient": "YES", "confirms": False}, "YES confirms the number"),
        ({"patient": "NO", "confirms": True}, "NO does not confirm the number"),
        ({"silence": "23 h", "raises": "same_day"}, "raises: nothing instead of same_day"),
        ({"starts": 1, "says": "up to 3 times a day"}, "no text says up to 3 times a day"),
    ],
)
def test_a_case_that_does_not_come_out_says_what_came_instead(turn: dict[str, Any], told: str) -> None:
    [failure] = play_opening_case(content().opening, OpeningCase("one", 1, {}, (turn,)), ears())
    assert told in failure


def test_who_writes_how_often_and_what_for_is_told_before_any_question() -> None:
    for language in ("en", "es"):
        facts = facts_of({"language": language}, "shared")
        first, second, asked = content().opening.filled(content().wording, facts, Agreed(2, 14), unconfirmed=True)
        assert all(text.startswith("Lakeside Clinic") for text in (first, second, asked))
        assert "2" in first
        assert "911" in second
        assert "Ana" in asked
        assert content().opening.filled(content().wording, facts, Agreed(2, 14), unconfirmed=False) == [first, second]


def test_the_hours_and_the_class_of_an_unconfirmed_number_are_the_files(root: Path) -> None:
    spoil(root / FILE, "    after: 24 h\n    urgency: same_day", "    after: 12 h\n    urgency: urgent")
    opening = load_opening(root)
    fired = opening.unconfirmed(opening.noticed_after)
    assert fired is not None
    assert (opening.noticed_after.total_seconds(), fired.urgency) == (12 * 3600, Urgency.URGENT)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("STOP to end", "STAP to end", r"line \d+, texts: none of the texts in en says STOP"),
        ("Responda AYUDA", "Responda AIUDA", "none of the texts in es says AYUDA"),
        ("by text, {frequency}", "by text", r"none of the texts in en names \{frequency\}"),
        ("call {emergency_number}.", "call for help.", r"none of the texts in en names \{emergency_number\}"),
        ("{clinic}: texts are not", "Texts are not", r"line \d+, texts\.2\.says\.en: say who writes"),
        ("once a day, es: una vez diaria", "once a day, fr: une fois", r"line \d+, frequency\.once: the text in es is missing"),
        ('"up to {n} times a day"', '"up to some times a day"', r"line \d+, frequency\.more\.en: say how often with \{n\}"),
        ("- name: opening_safety", "- name: opening", r'line \d+, texts\.1?2?\.name: there is a text "opening" already'),
        ("- name: opening_safety", "- name: crisis", r'texts\.2\.name: there is a text "crisis" already'),
        ("    source: ctia", "    source: cita", r'line \d+, texts\.1\.source: "cita" is not among sources:; did you mean ctia'),
        ("Reply YES or NO.", "Please say so.", r"line \d+, confirmation\.ask\.en: offer the answers YES and NO"),
        ("    after: 24 h", "    after: a day", r'line \d+, confirmation\.unconfirmed\.after: write a time such as "30 min"'),
        ("useful_for: 24 h", "usefull_for: 24 h", "did you mean useful_for"),
        ("    urgency: same_day", "    urgencie: same_day", r'line \d+, confirmation\.unconfirmed\.urgencie: .* did you mean urgency'),
        ("kind: opening", "kind: openings", r"line \d+, kind: write one of"),
        ("{clinic}: is this {first_name}?", "{clinic}: is this {name}?", r"confirmation\.ask\.en: no placeholder is named"),
    ],
)  # fmt: skip
def test_a_mistake_names_the_line_and_what_to_write(root: Path, old: str, new: str, told: str) -> None:
    spoil(root / FILE, old, new)
    with pytest.raises(ContentError, match=told) as raised:
        load_wording(root)
    assert str(raised.value).startswith("shared/opening.yaml")


@pytest.mark.parametrize(
    ("old", "new"),
    [("confirms: true}", "confirm: true}"), ("raises: nothing}", "rises: nothing}"), ("starts: 1", "begins: 1")],
)
def test_a_mistake_in_its_cases_names_the_line(root: Path, old: str, new: str) -> None:
    spoil(root / CASES, old, new)
    with pytest.raises(ContentError, match=r"line \d+, cases\.\d+\.talk\.\d+: write .starts: 2") as raised:
        load_opening_cases(root)
    assert str(raised.value).startswith("shared/opening.cases.yaml")
