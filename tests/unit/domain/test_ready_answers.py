"""Ready answers: the shipped ones load in both languages, and what is wrong with one is said."""

from __future__ import annotations

import pytest

from service.content import load_ready_answers
from service.domain.ready_answer import LONGEST_VALUES, ReadyAnswer, parse_ready_answers, why_wrong


def test_every_shipped_answer_stands_in_both_languages_and_takes_at_most_two_texts() -> None:
    answers = load_ready_answers()
    assert {one.language for one in answers} == {"en", "es"}
    assert len({one.key for one in answers}) * 2 == len(answers)
    assert all(why_wrong(one.title, one.text) == "" for one in answers)


@pytest.mark.parametrize(
    ("title", "text", "says"),
    [
        ("", "Hello.", "title"),
        ("x" * 81, "Hello.", "title"),
        ("Hello", " ", "Write the text"),
        ("Hello", "Hi {naem}", "A brace stands only"),
        ("Hello", "Hi {nurse", "A brace stands only"),
        ("Hello", "word " * 70, "more than 2 texts"),
    ],
)
def test_what_is_wrong_is_said(title: str, text: str, says: str) -> None:
    assert says in why_wrong(title, text)


def test_a_promise_that_nobody_can_make_now_leaves_the_answer_out() -> None:
    answer = ReadyAnswer("later", "en", "Later", "I will write {promise}.")
    assert answer.filled({"nurse": "Nora"}) is None
    assert answer.filled(LONGEST_VALUES) is not None


def test_a_mistake_names_the_answer() -> None:
    with pytest.raises(ValueError, match=r"late \(es\): Write the text"):
        parse_ready_answers({"answers": [{"key": "late", "title": {"en": "Late", "es": "Tarde"}, "text": {"en": "I am late."}}]})
