"""The phrase language of the lexicon: what each form takes, what it does not, and what is refused with a word on how to write it."""

from __future__ import annotations

import pytest

from service.replies import LexiconError, build_lexicon
from service.replies.patterns import Words
from service.replies.phrases import Groups, PhraseError, compile_phrase

GROUPS = {"hurts": "hurts|hurting|is sore", "fill": "really|so|very", "deep": "{hurts}|aches"}


def takes(phrase: str, text: str) -> bool:
    """Whether the phrase takes all words of the text, from its first to its last."""
    words = Words(text.split())
    return words.count in compile_phrase(phrase, Groups(GROUPS)).pattern(words, 0)


@pytest.mark.parametrize(
    ("phrase", "text", "taken"),
    [
        ("chest pain", "chest pain", True),
        ("swoll*", "swollen", True),
        ("my (arm|left leg) {hurts}", "my left leg is sore", True),
        ("{deep}", "hurting", True),
        ("chest [wall] pain", "chest pain", True),
        ("is {fill}* tight", "is really so very tight", True),
        ("is {fill}* tight", "is tight", True),
        ("<n> pillows", "three pillows", True),
        ("<n> pillows", "2.5 pillows", True),
        ("<20-53> now", "forty nine now", True),
        ("<20-53> now", "49 now", True),
        ("<20-53> now", "54 now", False),
        ("chest ~ hurts", "chest on the left hurts", True),
        ("chest ~ hurts", "chest on the upper left hurts", False),
        ("chest ~ hurts", "chest does not hurts", False),
        ("chest ~ hurts", "chest fine . hurts", False),
        ("chest ~~ hurts", "chest , you know , hurts", True),
        ("chest ~~~ hurts", "chest is bad . it does not stop . hurts", True),
        ("chest & hurts", "hurts here in my chest", True),
        ("chest & hurts", "chest that really hurts", True),
        ("chest & hurts & bad", "bad how my chest hurts", True),
        ("chest & hurts", "chest never hurts", False),
        ("^ no", "no", True),
        ("no $", "no", True),
    ],
)
def test_a_phrase_takes_what_it_says(phrase: str, text: str, taken: bool) -> None:
    assert takes(phrase, text) is taken


def test_groups_of_two_languages_do_not_answer_for_each_other() -> None:
    words = Words(["pierna"])
    assert not compile_phrase("{legs}", Groups({"legs": "leg|foot"})).pattern(words, 0)
    assert compile_phrase("{piernas}", Groups({"piernas": "pierna|pie"})).pattern(words, 0)


@pytest.mark.parametrize("place", [1, 2])
def test_a_number_within_a_longer_one_is_not_that_number(place: int) -> None:
    words = Words("one hundred forty nine".split())
    assert not compile_phrase("<20-53>", Groups({})).pattern(words, place)


@pytest.mark.parametrize(
    ("phrase", "told"),
    [
        ("(a|b", "is missing"),
        ("a (|b)", "an empty choice"),
        ("{legs} hurt", "no group {legs}"),
        ("Chest pain", "small letters"),
        ("it's", "apostrophes"),
        ("ab*", "three letters"),
        ("[chest]", "at least one word"),
        ("<53-20>", "smaller number first"),
        ("a & b & c & d", "at most 3"),
        ("& b", "both sides"),
        ("a]", "stands alone"),
    ],
)
def test_a_phrase_that_cannot_be_is_refused(phrase: str, told: str) -> None:
    with pytest.raises(PhraseError, match=told.replace("{", "\\{").replace("[", "\\[")):
        compile_phrase(phrase, Groups(GROUPS))


def test_groups_that_name_each_other_are_refused() -> None:
    with pytest.raises(PhraseError, match="too deeply"):
        compile_phrase("{a}", Groups({"a": "{b}|x", "b": "{a}|y"}))


def test_a_group_of_one_name_in_two_files_is_refused() -> None:
    file = {"format": 1, "source": "test", "groups": {"legs": "leg\nfoot"}}
    with pytest.raises(LexiconError, match=r"en/b\.yaml: group legs: another file"):
        build_lexicon({"en/a.yaml": file, "en/b.yaml": file})
