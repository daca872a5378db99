"""A relative says it with the patient's name; somebody else's death, a near one and a play of words are not the patient's."""

from __future__ import annotations

import pytest

from service.content import load_lexicon
from service.domain.reading import FindingKind, Reply
from service.replies import read

LEXICON = load_lexicon()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("This is her son, Ana passed away yesterday", "Ana"),
        ("ANA DIED", "Ana"),
        ("Sorry to tell you that Ana has sadly passed away.", "Ana"),
        ("José ha fallecido", "José"),
        ("Ana murió anoche", "Ana"),
        ("Ana is dead", "Ana"),
    ],
)
def test_a_death_told_by_name_is_found(text: str, name: str) -> None:
    found = read(LEXICON, Reply(text, first_name=name), None).first(FindingKind.DECEASED)
    assert found is not None


@pytest.mark.parametrize(
    "text",
    [
        "Ana almost died",
        "Bob passed away",
        "Ana passed her test",
        "Ana's dog died",
        "Ana and I are fine",
        "my phone died, this is Ana",
        "Ana",
    ],
)
def test_what_is_not_the_patients_death_is_not_read_as_one(text: str) -> None:
    assert read(LEXICON, Reply(text, first_name="Ana"), None).first(FindingKind.DECEASED) is None


def test_without_a_name_nobody_is_dead_by_it() -> None:
    assert read(LEXICON, Reply("died away"), None).first(FindingKind.DECEASED) is None
