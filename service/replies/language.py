"""Which language a reply is in: English, Spanish, or one that we do not read."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from service.domain.reading import Finding, FindingKind
from service.replies.lexicon import Lexicon
from service.replies.normalise import Line
from service.replies.scan import Match


@dataclass(frozen=True, slots=True)
class Spoken:
    """The language that most words belong to ("en", "es"), and how many words of it and of both are known."""

    language: str
    known: int
    words: int


def spoken(lexicon: Lexicon, line: Line, expected: str) -> Spoken:
    """The language of the reply; the expected one when the words do not tell."""
    words = [token.text for token in line.tokens if token.text[0].isalpha()]
    counts = {language: sum(word in known for word in words) for language, known in sorted(lexicon.language_words.items())}
    known = sum(word in lexicon.vocabulary for word in words)
    best = max(counts, key=lambda language: counts[language], default="en")
    language = expected if counts.get(expected, -1) >= counts.get(best, 0) else best
    return Spoken(language, known, len(words))


def other_language(line: Line, matches: Sequence[Match], heard: Spoken) -> Finding | None:
    """A reply in a language we do not read, with the qualifier `danger` when danger can be made out in it."""
    said = [match for match in matches if match.kind == "other_language"]
    letters = [token.text for token in line.tokens if token.text[0].isalpha()]
    signs = [word for word in letters if _far_script(word)]
    told = sum(match.length for match in said) >= 2 or any("danger" in match.entry.qualifiers for match in said)
    if not (signs and len(signs) * 2 >= len(letters)) and not (told and heard.known * 2 <= heard.words + sum(m.length for m in said)):
        return None
    danger = any("danger" in match.entry.qualifiers for match in said)
    name = next((match.name for match in said), "unknown")
    return Finding(
        FindingKind.OTHER_LANGUAGE,
        name,
        said[0].entry.rule if said else "language.script",
        line.span(0, len(line.tokens)),
        qualifiers=("danger",) if danger else (),
    )


def _far_script(word: str) -> bool:
    """True for letters of scripts that neither English nor Spanish uses (not for emoji and signs)."""
    name = unicodedata.name(word[0], "")
    return word[0].isalpha() and not name.startswith("LATIN") and bool(name)
