"""A death that is told with the patient's own name: "this is her son, Ana passed away yesterday"."""

from __future__ import annotations

from service.domain.reading import Finding, FindingKind
from service.replies.lexicon import Lexicon
from service.replies.normalise import Line, normalise

_BETWEEN = frozenset("has had have just sadly unfortunately already is was suddenly peacefully ha acaba de se lamentablemente ya".split())
_MOST_BETWEEN = 4
_DIED = frozenset("died dead deceased fallecio fallecido fallecida murio muerto muerta fallecer morir".split())
_PASSED = frozenset(("passed", "past"))
_ON = frozenset(("away", "on"))


def named_death(lexicon: Lexicon, line: Line, first_name: str) -> Finding | None:
    """DECEASED when the name and a word for dying follow each other, with nothing but small words between; None else."""
    called = [token.text for token in normalise(lexicon, first_name).tokens]
    if not called or not called[0].isalpha():
        return None
    words = [token.text for token in line.tokens]
    for place, word in enumerate(words):
        if word != called[0]:
            continue
        after = place + 1
        while after < len(words) and after - place <= _MOST_BETWEEN and words[after] in _BETWEEN:
            after += 1
        if after < len(words) and words[after] in _DIED:
            return _found(line, place, after + 1)
        if after + 1 < len(words) and words[after] in _PASSED and words[after + 1] in _ON:
            return _found(line, place, after + 2)
    return None


def _found(line: Line, first: int, last: int) -> Finding:
    return Finding(FindingKind.DECEASED, "deceased", "deceased.by_name", line.span(first, last))
