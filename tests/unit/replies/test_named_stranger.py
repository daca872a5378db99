"""Somebody else denies the patient's name; the patient, a relative and a play of words do not."""

from __future__ import annotations

import pytest

from service.content import load_lexicon
from service.domain.reading import FindingKind, Reply
from service.replies import read

LEXICON = load_lexicon()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("this is not Maria", "en"),
        ("This isn't Maria.", "en"),
        ("I am not Maria, stop", "en"),
        ("sorry, not Maria", "en"),
        ("no Maria here", "en"),
        ("there is no Maria here", "en"),
        ("I don't know any Maria", "en"),
        ("my name is not Maria", "en"),
        ("I got this number new", "en"),
        ("we just got this number last week", "en"),
        ("No soy María", "es"),
        ("Este número no es de María", "es"),
        ("no me llamo María", "es"),
        ("aquí no vive María", "es"),
        ("Acabo de recibir este número", "es"),
        ("me dieron este número", "es"),
    ],
)
def test_a_denied_name_or_a_new_number_is_a_wrong_number(text: str, language: str) -> None:
    assert read(LEXICON, Reply(text, language, first_name="María"), None).has(FindingKind.WRONG_NUMBER)


@pytest.mark.parametrize(
    "text",
    [
        "this is Maria",
        "Maria is not feeling well",
        "not good, Maria",
        "no, Maria took her pills",
        "no Maria did not sleep",
        "this is Maria's daughter",
        "I have a new phone, this is Maria",
        "my weight is 150. Maria",
    ],
)
def test_the_patients_own_name_denies_nothing(text: str) -> None:
    assert not read(LEXICON, Reply(text, first_name="María"), None).has(FindingKind.WRONG_NUMBER)
