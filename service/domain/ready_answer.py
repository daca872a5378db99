"""Ready answers: texts that a nurse picks, reads, changes if she wants, and sends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.domain.segments import MAX_SEGMENTS, count_segments
from service.domain.texts import MissingValue, fill, placeholders, stray_braces
from service.domain.wording import LANGUAGES

PLACEHOLDERS = frozenset({"nurse", "clinic", "first_name", "promise", "after_hours_number"})
LONGEST_VALUES = {
    "nurse": "Maria Fernanda",
    "clinic": "Lakeside Regional Heart Clinic",
    "first_name": "Maria Fernanda",
    "promise": "el 30 de septiembre antes de las 12:30 p. m.",
    "after_hours_number": "+1 202-555-0199",
}
LONGEST_TITLE = 80
MOST = 100


@dataclass(frozen=True, slots=True)
class ReadyAnswer:
    """One, in one language; `text` may name placeholders in braces."""

    key: str
    language: str
    title: str
    text: str

    def filled(self, values: Mapping[str, str]) -> str | None:
        """The text with its placeholders filled; None when one of them has no value now (nobody is on duty to promise anything)."""
        try:
            return fill(self.text, values)
        except MissingValue:
            return None


def why_wrong(title: str, text: str) -> str:
    """What is wrong with a ready answer, "" when nothing is."""
    if not title.strip() or len(title) > LONGEST_TITLE:
        return "Give it a title of at most 80 characters."
    if not text.strip():
        return "Write the text."
    if stray_braces(text) or set(placeholders(text)) - PLACEHOLDERS:
        return "A brace stands only around nurse, clinic, first_name, promise or after_hours_number."
    if count_segments(fill(text, LONGEST_VALUES)).count > MAX_SEGMENTS:
        return "With long names it would take more than 2 texts: shorten it."
    return ""


def parse_ready_answers(content: Any) -> tuple[ReadyAnswer, ...]:
    """The answers of a parsed file {answers: [{key, title, text}, ...]}, each in every language. ValueError says which is wrong and why."""
    rows = content.get("answers") if isinstance(content, Mapping) else None
    if not isinstance(rows, list) or not 0 < len(rows) <= MOST:
        raise ValueError(f'answers: write "answers:" with 1 to {MOST} of them')
    found: list[ReadyAnswer] = []
    for row in rows:
        if not isinstance(row, Mapping) or set(row) != {"key", "title", "text"}:
            raise ValueError("answers: each has key, title and text")
        for language in LANGUAGES:
            title, text = (row[name].get(language, "") if isinstance(row[name], Mapping) else "" for name in ("title", "text"))
            if wrong := why_wrong(str(title), str(text)):
                raise ValueError(f"answers: {row['key']} ({language}): {wrong}")
            found.append(ReadyAnswer(str(row["key"]), language, str(title), str(text)))
    if len({(one.key, one.language) for one in found}) != len(found):
        raise ValueError("answers: two have the same key")
    return tuple(found)
