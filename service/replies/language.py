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


FEWEST_FOREIGN = 3
"""Words of a language that we do not read that tell it even among as many words of one that we read."""
_FOREIGN_LETTERS = frozenset("ãõâêôàèìòùçđơưăạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹłąęśźżćńşğıțșäößœëïå")
"""Letters that neither English nor Spanish writes."""


def other_language(lexicon: Lexicon, text: str, line: Line, matches: Sequence[Match]) -> Finding | None:
    """A reply in a language we do not read, with the qualifier `danger` when danger can be made out in it."""
    places = [place for place, token in enumerate(line.tokens) if token.text[0].isalpha()]
    own = sum(1 for place in places if _own(lexicon, line.tokens[place].text))
    said = [match for match in matches if match.kind == "other_language"]
    named: dict[str, set[int]] = {}
    for match in said:
        foreign = [place for place in range(match.first, match.last) if line.tokens[place].text in lexicon.foreign]
        named.setdefault(match.name, set()).update(range(match.first, match.last) if match.length > 1 and foreign else foreign)
    name = max(sorted(named), key=lambda name: len(named[name]), default="")
    foreign_words = len(named.get(name, ()))
    signs = sum(1 for place in places if _far_script(line.tokens[place].text))
    letters = len({word for word in text.casefold().split() if not _FOREIGN_LETTERS.isdisjoint(word)})
    told = (
        (foreign_words >= FEWEST_FOREIGN and foreign_words * 2 >= own)
        or (foreign_words >= 2 and foreign_words >= own - 1)
        or (foreign_words >= 1 and ((letters >= 1 and foreign_words + letters >= own) or (len(places) <= 2 and not own)))
        or (letters >= 2 and letters * 2 >= own)
    )
    if not told and not (signs and signs * 2 >= len(places)):
        return None
    if signs > foreign_words:
        name = next((match.name for match in said if _far_script(line.tokens[match.first].text)), "unknown")
    danger = any("danger" in match.entry.qualifiers for match in said if match.name == name or match.length > 1)
    return Finding(
        FindingKind.OTHER_LANGUAGE,
        name or "unknown",
        next((match.entry.rule for match in said if match.name == name), "language.script"),
        line.span(0, len(line.tokens)),
        qualifiers=("danger",) if danger else (),
    )


def _own(lexicon: Lexicon, word: str) -> bool:
    """True for words of the languages that are read."""
    return word in lexicon.vocabulary and word not in lexicon.foreign


def _far_script(word: str) -> bool:
    """True for letters of scripts that neither English nor Spanish uses (not for emoji and signs)."""
    name = unicodedata.name(word[0], "")
    return word[0].isalpha() and not name.startswith("LATIN") and bool(name)
