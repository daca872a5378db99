"""Choices are read by number or by their words, accents or not; what is denied is not chosen."""

from __future__ import annotations

import pytest

from service.content import load_lexicon
from service.domain.reading import Choice, Expects, FindingKind, Question, Reply
from service.replies import read

LEXICON = load_lexicon()
BREATHING = (
    Choice(1, "usual", ("same", "better", "igual", "mejor")),
    Choice(2, "worse", ("worse", "no better", "no mejor", "peor por el frío", "un poco peor", "can't lie flat")),
)


def chosen(text: str) -> str:
    found = read(LEXICON, Reply(text), Question(Expects.CHOICE, choices=BREATHING)).first(FindingKind.CHOICE)
    return found.name if found is not None else ""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", "usual"),
        ("2.", "worse"),
        ("same", "usual"),
        ("better today", "usual"),
        ("no, the same", "usual"),
        ("it is worse", "worse"),
        ("mejor", "usual"),
        ("peor por el frio", "worse"),
        ("peor por el frío", "worse"),
        ("no better", "worse"),
        ("no mejor", "worse"),
        ("un poco peor", "worse"),
        ("2 un poco peor", "worse"),
        ("I can't lie flat", "worse"),
        ("cant lie flat", "worse"),
        ("I can’t lie flat", "worse"),
    ],
)
def test_an_option_is_chosen_by_its_number_or_words(text: str, value: str) -> None:
    assert chosen(text) == value


@pytest.mark.parametrize(
    "text", ["not better", "I am not feeling better", "isn't the same", "don't feel better", "no me siento mejor", "better or worse", "12"]
)
def test_a_denied_option_or_two_at_once_is_no_choice(text: str) -> None:
    assert chosen(text) == ""
