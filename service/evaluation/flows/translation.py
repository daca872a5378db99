"""Every text of a content file that a translator is given: where it stands, what it says in English and in the other language.

The place of a text is its path in the file, lists by the names in them: `heart_failure/daily.yaml steps.weight.ask`. It stays the
same when steps are moved and when words are changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from service.engine.languages import SOURCE_LANGUAGE
from service.engine.place import Path

_BETWEEN = ", "


class Kind(StrEnum):
    """How a text reaches the patient."""

    WRITTEN = "written"
    SPOKEN = "spoken"
    WORDS = "words"
    """Words by which an answer is known, or that need consent: a list, not a text."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One text in two languages. `text` is "" where the language has none yet; lists of words are joined by commas."""

    file: str
    path: Path
    """Of the mapping that holds the languages."""
    form: str
    """plain, or detail for the form that needs the patient's consent."""
    name: str
    """The place, for people and as the context in PO files."""
    kind: Kind
    english: str
    text: str
    what: str
    """Who sees or hears it, and when."""
    choices: int = 0
    """Answers that the text offers by number."""
    has_detail: bool = field(default=False, compare=False)
    """There is another form for those who agreed to drug and disease names."""

    @property
    def required(self) -> bool:
        """False for what a language may do without: words of its own for an answer, a form with drug and disease names."""
        return self.kind is not Kind.WORDS and self.form == "plain"


_WHAT = {
    "greeting": (Kind.WRITTEN, "Text message: stands before the first question of a check-in"),
    "remind": (Kind.WRITTEN, "Text message: stands before the question when no answer has come"),
    "ask": (Kind.WRITTEN, "Text message: the question"),
    "ask_again": (Kind.WRITTEN, "Text message: asks once more when the reply did not answer the question"),
    "tell": (Kind.WRITTEN, "Text message: told without a question"),
    "answer": (Kind.WRITTEN, "Text message: what the patient gets when this calls a nurse"),
    "say": (Kind.SPOKEN, "Spoken on the telephone"),
    "words": (Kind.WORDS, "Other words by which patients choose this answer, with commas between; as many or few as you like"),
    "detail_words": (Kind.WORDS, "Words that no text for everybody may hold (drugs, diseases), with commas between"),
}
"""What stands under these words of the flow language is in every language."""
_OFFERING = frozenset({"ask", "ask_again", "say"})
"""Texts of a question that name its choices by number."""
_OF_CONFIRM = "Text message: asks for the value once more when it is far from the last one"
_LESSON = "Text message: a short lesson"


def entries(file: str, data: Any, language: str) -> list[Entry]:
    """Every text of a flow file, subflow or education.yaml (parsed, plain values), in the order of the file; each once."""
    seen: set[int] = set()
    return list(_walk(file, data, language, (), (), seen, 0))


def missing(found: list[Entry]) -> list[Entry]:
    """Texts that the language needs and has not."""
    return [entry for entry in found if entry.required and not entry.text]


def joined(words: Any) -> str:
    """A list of words as one text: what `split` reads."""
    return _BETWEEN.join(str(word) for word in words)


def split(text: str) -> list[str]:
    """The words of a list written with commas between them."""
    return [word for word in (" ".join(part.split()) for part in text.split(",")) if word]


def _walk(file: str, node: Any, language: str, path: Path, names: tuple[str, ...], seen: set[int], offers: int) -> Iterator[Entry]:
    if isinstance(node, Mapping | list):
        if id(node) in seen:
            return  # written once, used again: an alias of YAML
        seen.add(id(node))
    if isinstance(node, list):
        for number, each in enumerate(node):
            yield from _walk(file, each, language, (*path, number), (*names, _named(each, number)), seen, 0)
    elif isinstance(node, Mapping):
        if SOURCE_LANGUAGE in node:
            yield from _texts(file, node, language, path, names, offers)
        choices = node.get("choices")
        for key, each in node.items():
            asked = len(choices) if isinstance(choices, list) and key in _OFFERING else 0
            yield from _walk(file, each, language, (*path, key), (*names, str(key)), seen, asked)


def _named(each: Any, number: int) -> str:
    name = (each.get("name") or each.get("value")) if isinstance(each, Mapping) else None
    return str(name) if name else str(number + 1)


def _texts(file: str, node: Mapping[str, Any], language: str, path: Path, names: tuple[str, ...], offers: int) -> Iterator[Entry]:
    kind, what = _kind(names)
    if kind is None:
        return
    english, own = node[SOURCE_LANGUAGE], node.get(language)
    place = f"{file} {'.'.join(names)}"
    if kind is Kind.WORDS:
        yield Entry(file, path, "plain", place, kind, joined(english or ()), joined(own or ()), what)
        return
    source, target = _forms(english), _forms(own)
    for form in ("plain", "detail"):
        if form in source or form in target:
            name = place if form == "plain" else f"{place}.detail"
            text = source.get(form, source["plain"])
            yield Entry(file, path, form, name, kind, text, target.get(form, ""), what, offers, has_detail="detail" in source)


def _kind(names: tuple[str, ...]) -> tuple[Kind | None, str]:
    word = names[-1] if names else ""
    if word in _WHAT:
        kind, what = _WHAT[word]
        return kind, _OF_CONFIRM if word == "ask" and names[-2:-1] == ("confirm",) else what
    return (Kind.WRITTEN, _LESSON) if names[:1] == ("messages",) and len(names) == 3 else (None, "")


def _forms(written: Any) -> dict[str, str]:
    """plain and detail of a text as it is written; what is empty is not there."""
    if isinstance(written, Mapping):
        return {form: one_line(written[form]) for form in ("plain", "detail") if written.get(form)}
    return {"plain": one_line(written)} if written else {}


def one_line(text: Any) -> str:
    """The text without needless blanks and line ends."""
    return " ".join(str(text).split())
