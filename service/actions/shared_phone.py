"""A phone that several patients share: who answers is asked and never guessed, and what goes there says for whom it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import count
from uuid import UUID

from service.domain.patient import PatientContext
from service.domain.segments import joined
from service.domain.wording import Wording
from service.replies import Lexicon
from service.replies.normalise import normalise

SPEAKS_FOR = timedelta(minutes=60)
"""How long "1" (it is Fay who answers) holds; then it is asked again, since the phone lies about for others."""
LONGEST_NAME = 12
_MOST_WORDS = 4
_I_AM = frozenset("this is its it im i am me here speaking for soy es habla de parte con para".split())


def called(context: PatientContext) -> str:
    """The patient's first name, as a text to a shared phone may name them (clinic and first name tell nothing of health)."""
    return next(iter(context.name.split()), "")[:LONGEST_NAME]


def choices_text(candidates: Sequence[PatientContext], language: str) -> str:
    """ "1 for F., 2 for G.": as few letters of the first names as tell them apart, in the order of the numbers."""
    word = "para" if language == "es" else "for"
    names = _labels([candidate.name for candidate in candidates])
    return ", ".join(f"{number} {word} {name}." for number, name in enumerate(names, 1))


def _labels(names: Sequence[str]) -> list[str]:
    """The shortest begin of each name that no other has, at most `LONGEST_NAME` letters."""
    labels = []
    for place, name in enumerate(names):
        others = [other.casefold() for at, other in enumerate(names) if at != place]
        length = next((n for n in count(1) if n >= len(name) or not any(other.startswith(name[:n].casefold()) for other in others)), 1)
        labels.append(name[: min(length, LONGEST_NAME)].strip())
    return labels


def chosen(lexicon: Lexicon, body: str, candidates: Sequence[PatientContext]) -> PatientContext | None:
    """Who says that they are writing: the number of the list, a first name, or both ("2", "2 for G.", "Gus", "this is Gus").

    None when it names nobody, or two.
    """
    words = [token.text for token in normalise(lexicon, body).tokens if token.text[0].isalnum()]
    if not words or len(words) > _MOST_WORDS:
        return None
    labels = _labels([candidate.name for candidate in candidates])
    found: set[UUID] = set()
    for word in words:
        meant = [one for number, one in enumerate(candidates, 1) if _means(lexicon, word, number, one, labels[number - 1])]
        if len(meant) != 1 and word not in _I_AM:
            return None
        found |= {one.id for one in meant}
    return next((one for one in candidates if one.id in found), None) if len(found) == 1 else None


def _means(lexicon: Lexicon, word: str, number: int, one: PatientContext, label: str) -> bool:
    first, short = (" ".join(token.text for token in normalise(lexicon, text).tokens) for text in (called(one), label))
    return word in (str(number), first, short)


def for_whom(wording: Wording, context: PatientContext, phone_id: UUID, texts: Sequence[str]) -> list[str]:
    """The texts as they go to this phone: on a shared one the first begins with the patient's first name."""
    if not texts or phone_id not in context.shared_phones:
        return list(texts)
    facts = {"first_name": called(context)}
    named = [wording.text("for_whom", context.language if context.language in ("en", "es") else "en", **facts)]
    return [*joined(named, texts[0]), *texts[1:]]
