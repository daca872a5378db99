"""Content words that nothing explains: a person must read them, so that the parser never swallows what it cannot understand."""

from __future__ import annotations

from collections.abc import Sequence

from service.domain.reading import Finding, FindingKind
from service.replies.lexicon import Lexicon
from service.replies.normalise import Line
from service.replies.numerals import Number
from service.replies.scan import Match

MOST = 20
SHORTEST = 3


def unexplained(lexicon: Lexicon, line: Line, matches: Sequence[Match], numbers: Sequence[Number]) -> list[Finding]:
    """One UNEXPLAINED finding for each run of words that no phrase covers and that are not known as harmless."""
    covered: set[int] = set()
    for match in matches:
        covered.update(range(match.first, match.last))
    for number in numbers:
        covered.update(range(number.first, number.last))
    runs: list[tuple[int, int]] = []
    for place, token in enumerate(line.tokens):
        word = token.text
        odd = word[0].isalpha() and len(word) >= SHORTEST and word not in lexicon.known
        if place in covered or not odd:
            continue
        if runs and runs[-1][1] == place:
            runs[-1] = (runs[-1][0], place + 1)
        else:
            runs.append((place, place + 1))
    return [Finding(FindingKind.UNEXPLAINED, "words", "unexplained.words", line.span(first, last)) for first, last in runs[:MOST]]


def nothing_known(lexicon: Lexicon, line: Line, matches: Sequence[Match]) -> bool:
    """True when the reply has letters and no word of it is known at all ("qwerty", "blah")."""
    letters = [token.text for token in line.tokens if token.text[0].isalpha()]
    return bool(letters) and not matches and not any(word in lexicon.vocabulary for word in letters)
