"""A stranger who denies the patient's name: "this is not Maria", "no Maria here", "este número no es de María"."""

from __future__ import annotations

from service.domain.reading import Finding, FindingKind
from service.replies.lexicon import Lexicon
from service.replies.normalise import Line, normalise

_DENIED = (
    "this is not",
    "this isnt",
    "its not",
    "im not",
    "i am not",
    "i aint",
    "not",
    "my name is not",
    "my name isnt",
    "my name aint",
    "there is no",
    "theres no",
    "no",
    "no one named",
    "nobody named",
    "nobody called",
    "dont know a",
    "dont know any",
    "dont know who",
    "no soy",
    "yo no soy",
    "no me llamo",
    "no es",
    "este numero no es de",
    "este no es el numero de",
    "no hay ninguna",
    "no hay ningun",
    "no hay una",
    "aqui no hay",
    "aqui no vive",
)
"""Words right before the name, as `normalise` leaves them."""
_ALONE = frozenset(("not", "no", "no es", "its not"))
"""These deny somebody only where nothing but a place or a sorry follows: "not Maria", "no Maria here"."""
_AFTER = frozenset("here anymore any more sorry thanks thank you lo siento aqui perdon disculpe wrong number equivocado".split())


def named_stranger(lexicon: Lexicon, line: Line, first_name: str) -> Finding | None:
    """WRONG_NUMBER when the words deny that the number is this person's; None else. A name said by its bearer denies nothing."""
    called = [token.text for token in normalise(lexicon, first_name).tokens]
    if not called or not called[0].isalpha():
        return None
    words = [token.text for token in line.tokens]
    for place in (place for place, word in enumerate(words) if word == called[0]):
        for denied in _PHRASES:
            first = place - len(denied)
            if first < 0 or tuple(words[first:place]) != denied:
                continue
            if " ".join(denied) in _ALONE and not _ends(words, first, place + 1):
                continue
            return Finding(FindingKind.WRONG_NUMBER, "wrong_number", "wrong_number.by_name", line.span(first, place + 1))
    return None


def _ends(words: list[str], first: int, after: int) -> bool:
    """Whether it is all that is said, but for signs and small words."""
    rest = [word for word in (*words[:first], *words[after:]) if word[0].isalnum()]
    return all(word in _AFTER for word in rest)


_PHRASES = sorted((tuple(phrase.split()) for phrase in _DENIED), key=len, reverse=True)
