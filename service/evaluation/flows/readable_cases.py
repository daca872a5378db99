"""Cases as a nurse lead reads them: short conversations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.engine.cases import HAPPENINGS, Case
from service.evaluation.flows.plain import name_in_words

_SAID = {"patient": "Patient writes", "voice": "Patient says on the telephone", "keys": "Patient presses"}
_FOLLOWS = {
    "flags": "red flag",
    "urgency": "urgency",
    "asks": "asks",
    "ends": "ends",
    "says": "says",
    "says_not": "does not say",
    "hands_over": "calls a nurse",
    "follows_up": "plans a check-in",
    "quickens": "comes more often",
    "keeps": "records",
    "pauses": "pauses check-ins",
}


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a case: who does what, in which words, and what must follow."""

    who: str
    words: str
    follows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReadableCase:
    """A case as a short conversation; `given` is what was known before it."""

    name: str
    given: tuple[str, ...]
    turns: tuple[Turn, ...]


def readable_cases(cases: Sequence[Case]) -> tuple[ReadableCase, ...]:
    """Every case in the order of its file."""
    return tuple(
        ReadableCase(
            case.name,
            tuple(f"{name_in_words(name)}: {_value(value)}" for name, value in case.given.items()),
            tuple([Turn("At the start", "", tuple(_follows(case.starts)))] if case.starts else [])
            + tuple(_turn(said) for said in case.talk),
        )
        for case in cases
    )


def _turn(said: Mapping[str, Any]) -> Turn:
    what = next(word for word in HAPPENINGS if word in said)
    if what == "silence":
        return Turn("No answer comes", "", tuple(_follows(said)))
    if what == "wait":
        return Turn(f"{said[what]} go by", "", tuple(_follows(said)))
    return Turn(_SAID[what], str(said[what]), tuple(_follows(said)))


def _follows(said: Mapping[str, Any]) -> Iterable[str]:
    for word, name in _FOLLOWS.items():
        if word in said:
            yield f"{name}: {_value(said[word]) or 'none'}"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name_in_words(name)} {_value(each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_value(each) for each in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return name_in_words(str(value)) if re.fullmatch(r"[a-z_]+(\.[a-z_]+)*", str(value)) else str(value)
