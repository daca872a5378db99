"""Texts with placeholders: which they name, how they are filled, and what no text may say.

A placeholder is `{name}` or `{limits.name}`. A text is filled when a message is created, never when it is sent, and a
missing value is an error there and then.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

MAX_VALUE = 200
"""Longest value of a placeholder, in letters."""

_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)?)\}")
_SENTENCE = re.compile(r"[^.!?]*[.!?]?")
_STAFF = re.compile(
    r"\b(nurses?|we|we'll|team|doctor|someone|clinic|enfermer[ao]s?|equipo|doctora?|alguien|cl[ií]nica|consultorio)\b", re.IGNORECASE
)
_TIME = re.compile(
    r"\b(today|tonight|tomorrow|this (?:morning|afternoon|evening)|soon|shortly|right away|immediately|by \d|"
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)day|"
    r"hoy|esta (?:mañana|tarde|noche)|mañana|pronto|enseguida|de inmediato|antes de las? \d|"
    r"lunes|martes|mi[eé]rcoles|jueves|viernes|s[aá]bado|domingo)\b",
    re.IGNORECASE,
)
_SPAN_OF_TIME = re.compile(
    r"\b(?:within|in|en|dentro de)\s+(?:a|an|one|two|una?|dos|\d+)\s+(?:business\s+)?(?:minutes?|hours?|days?|minutos?|horas?|d[ií]as?)\b",
    re.IGNORECASE,
)


class MissingValue(ValueError):
    """A text names a placeholder that has no value: nothing is sent, the caller's work item says which text."""


def placeholders(text: str) -> tuple[str, ...]:
    """The names of the placeholders, each once, in order."""
    return tuple(dict.fromkeys(_PLACEHOLDER.findall(text)))


def stray_braces(text: str) -> bool:
    """True when a brace is left that belongs to no placeholder (a typing error)."""
    rest = _PLACEHOLDER.sub("", text)
    return "{" in rest or "}" in rest


def fill(text: str, values: Mapping[str, str], where: str = "text") -> str:
    """The text with its placeholders filled. MissingValue when one has no value (or an empty one), naming `where`."""
    missing = [name for name in placeholders(text) if not values.get(name)]
    if missing:
        raise MissingValue(f"{where}: no value for {', '.join('{' + name + '}' for name in missing)}")
    return _PLACEHOLDER.sub(lambda match: values[match[1]][:MAX_VALUE], text)


def literal_promise(text: str) -> str:
    """The words of a promise of time that the text makes by itself ("" for none): `{promise}` belongs there.

    A promise is a span of time ("within 1 hour") or a sentence, not a question, in which staff and a time meet.
    What a patient is asked to do in a span of time (check again in 15 minutes) is no promise.
    """
    for sentence in _SENTENCE.findall(text):
        if sentence.endswith("?") or not _STAFF.search(sentence):
            continue
        if found := _SPAN_OF_TIME.search(sentence) or _TIME.search(sentence):
            return found[0]
    return ""
