"""Every text that names {promise} is known as a promise once it is filled, and no other text is taken for one."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any

import pytest

from service.content import load_content
from service.domain.coverage import Coverage, Shift
from service.domain.promise import promised
from service.domain.urgency import Urgency
from service.domain.wording import fill, placeholders

CONTENT = load_content()
OFFICE = Coverage("America/New_York", tuple(Shift(day, time(8), time(18)) for day in range(5)), frozenset(), "+12025550199")
TIMES = (datetime(2026, 11, 23, 15, tzinfo=UTC), datetime(2026, 11, 23, 22, 30, tzinfo=UTC), datetime(2026, 11, 28, 15, tzinfo=UTC))
WORDS = {language: sorted({OFFICE.promise(now, urgency, language) for now in TIMES for urgency in Urgency}) for language in ("en", "es")}


def texts() -> list[tuple[str, str, str]]:
    """(where, language, raw) of every text for patients: shared wording, the voice's, every flow's."""
    found = []
    tables: list[tuple[str, Any]] = [("wording", CONTENT.wording.texts)]
    tables += [(key, flow.wording.texts) for key, flow in CONTENT.flows.items()]
    for where, table in tables:
        for key, versions in table.items():
            if not key.startswith("page_"):
                found += [(f"{where}: {key}", language, raw) for language, raw in versions.items() if language in WORDS]
    return found


@pytest.mark.parametrize("language", ["en", "es"])
def test_every_text_with_a_promise_is_found_and_no_other(language: str) -> None:
    with_one = without = 0
    for where, of, raw in texts():
        if of != language:
            continue
        names = placeholders(raw)
        for words in WORDS[language]:
            body = fill(raw, {name: words if name == "promise" else "X" for name in names}, where)
            assert promised(body, words) is ("promise" in names), f"{where}: {body}"
        with_one += "promise" in names
        without += "promise" not in names
    assert with_one > 5
    assert without > 50


@pytest.mark.parametrize(
    ("text", "words", "found"),
    [
        ("How are you this morning? A nurse reads it.", "this morning", False),
        ("Did the nurse call you this morning?", "this morning", False),
        ("Thank you. No nurse is on duty now; one will answer Monday morning. Call 911.", "Monday morning", True),
        ("Una enfermera le responde hoy antes de las 6 p. m. Si empeora, llame.", "hoy antes de las 6 p. m.", True),
        ("A nurse will answer you within 1 hour. Weigh yourself today.", "by 6 pm today", False),
        ("anything", "", False),
    ],
)
def test_a_question_or_a_greeting_is_no_promise(text: str, words: str, found: bool) -> None:
    assert promised(text, words) is found
