"""Who asks for the messages again has not asked that they end: phrases go before the second opinion."""

from __future__ import annotations

import pytest

from service.domain.reading import FindingKind, Reply
from service.replies import read
from tests.actions.house import content


def kinds(text: str, language: str) -> set[FindingKind]:
    return {finding.kind for finding in read(content().lexicon, Reply(text, language), None).findings if finding.present}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("volver", "es"),
        ("ACTIVAR", "es"),
        ("Volver a empezar", "es"),
        ("reactivar mensajes", "es"),
        ("Start again", "en"),
        ("activar", "en"),
    ],
)
def test_a_word_that_begins_the_messages_again_is_a_start(text: str, language: str) -> None:
    assert kinds(text, language) == {FindingKind.OPT_IN}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Quiero volver", "es"),
        ("quiero volver a recibir los mensajes", "es"),
        ("como puedo activar los mensajes", "es"),
        ("I want to start again", "en"),
        ("How do I start getting texts again", "en"),
    ],
)
def test_a_sentence_that_asks_for_them_is_for_a_nurse_and_ends_nothing(text: str, language: str) -> None:
    found = kinds(text, language)
    assert FindingKind.SIGN in found
    assert not found & {FindingKind.OPT_OUT, FindingKind.OPT_IN}


@pytest.mark.parametrize(
    "text", ["no quiero volver a recibir mensajes", "ya no quiero volver a recibir sus mensajes", "no volver a escribir"]
)
def test_who_does_not_want_them_again_has_asked_that_they_end(text: str) -> None:
    assert FindingKind.OPT_OUT in kinds(text, "es")
