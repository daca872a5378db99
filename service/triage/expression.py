"""The last resort of a rule: one line in the Common Expression Language, where no other form says it.

Variables: value.<measure> (the reading of this reply in the stored unit; a blood pressure is value.systolic and value.diastolic),
symptoms and conditions (lists of names), missed_7d (doses missed in 7 days, this reply included), day (of the enrollment).
What is not known is not there: an expression that needs it is unknown, never false.

Only what a person can read aloud is let in: these variables, numbers, texts, comparisons, arithmetic, &&, ||, !, in, ?: and size().
No lists of its own, no methods, no macros: nothing in it can loop.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from service.domain.reading import Measure

if TYPE_CHECKING:
    import cel

LONGEST = 200
"""Characters of an expression: longer ones nobody reads aloud."""
MEASURES = frozenset({*map(str, Measure), "systolic", "diastolic"} - {"blood_pressure"})
VARIABLES = ("symptoms", "conditions", "missed_7d", "day")
WORDS = frozenset({*VARIABLES, "in", "true", "false", "size"})
MOST_DIGITS = 6
_TOKEN = re.compile(
    r"""\s+ | value\.(?P<measure>\w+) | (?P<word>[A-Za-z_]\w*) | (?P<number>\d[\d.]*) | '[\w ]*' | "[\w ]*" """
    r"""| && | \|\| | [=!<>]= | [-+*/<>!?:()]""",
    re.VERBOSE,
)
_SYMPTOM = re.compile(r"""['"](\w+)['"]\s+in\s+symptoms\b""")
_TRIED: tuple[dict[str, Any], ...] = tuple(
    {"value": dict.fromkeys(MEASURES, amount), "symptoms": names, "conditions": names, "missed_7d": count, "day": count}
    for amount, names, count in ((1.0, ["x"], 1), (50.0, ["x", "y"], 3), (500.0, [""], 90))
)
"""Everything known, low and high: the expression must be true or false on each."""


def check_expression(written: Any) -> str:
    """The expression as it is kept. ValueError says what to write instead."""
    if not isinstance(written, str) or not written.strip():
        raise ValueError('write one line, for example "value.glucose > 250.0 && missed_7d >= 2"')
    text = " ".join(written.split())
    if len(text) > LONGEST:
        raise ValueError(f"longer than {LONGEST} characters; split it into two rules joined by all_of or any_of")
    _check_words(text)
    try:
        program = _compiled(text)
    except ValueError as error:
        raise ValueError(f"no expression: {' '.join(str(error).split())[:160]}") from error
    for known in _TRIED:
        try:
            result = program.execute(known)
        except (LookupError, RuntimeError, TypeError, ValueError, ArithmeticError) as error:
            raise ValueError(f"cannot be judged: {' '.join(str(error).split())[:160]} (write 2.0, not 2, beside a value)") from error
        if not isinstance(result, bool):
            raise ValueError(f"gives {result!r}; write a comparison that is true or false")
    return text


def judge_expression(text: str, known: Mapping[str, Any]) -> bool | None:
    """True or false on what is known (see VARIABLES, and value); None when it needs something that is not there, or fails."""
    try:
        result = _compiled(text).execute(dict(known))
    except (LookupError, RuntimeError, TypeError, ValueError, ArithmeticError):
        return None
    return result if isinstance(result, bool) else None


def symptoms_in(text: str) -> frozenset[str]:
    """The symptoms that an expression looks for, so that they can be held against the vocabulary."""
    return frozenset(_SYMPTOM.findall(text))


def _check_words(text: str) -> None:
    place = 0
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None:
            raise ValueError(f"{text[place : place + 12]!r} is not allowed; write variables, numbers, comparisons, &&, ||, !, in, size()")
        measure, word, number = token["measure"], token["word"], token["number"]
        if measure and measure not in MEASURES:
            raise ValueError(f"value.{measure}; write one of {', '.join(sorted(MEASURES))}")
        if word and word not in WORDS:
            raise ValueError(f"{word!r} is not known; write value.NAME, {', '.join(VARIABLES)} or size()")
        if number and len(number) > MOST_DIGITS:
            raise ValueError(f"{number} is too long; write a number of at most {MOST_DIGITS} digits")
        place = token.end()


@lru_cache(maxsize=512)
def _compiled(text: str) -> cel.Program:
    from cel import compile  # brings a command line along that takes a third of a second to load: only for who needs it

    return compile(text)
