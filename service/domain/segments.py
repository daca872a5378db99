"""How many SMS segments a text takes, counted the way carriers bill and deliver it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

MAX_SEGMENTS = 2
"""No text that Rounds sends by itself is longer than this."""

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")
_GSM_7 = _BASIC | _EXTENDED


class Encoding(StrEnum):
    """The alphabet a text is sent in: one letter outside GSM-7 moves the whole text to UCS-2."""

    GSM_7 = "gsm_7"
    UCS_2 = "ucs_2"


@dataclass(frozen=True, slots=True)
class Segments:
    """`units` are septets (GSM-7) or UTF-16 units (UCS-2); `count` is the number of segments, 0 for an empty text."""

    encoding: Encoding
    units: int
    count: int


def count_segments(text: str) -> Segments:
    """Counts the segments of a text (3GPP TS 23.038: 160 or 153 septets, 70 or 67 UTF-16 units a segment).

    A letter that takes two units (an extension such as the euro sign, an emoji) is never split over two segments.
    """
    letters = set(text)
    if letters <= _GSM_7:
        return _pack(Encoding.GSM_7, text, letters & _EXTENDED, single=160, part=153)
    return _pack(Encoding.UCS_2, text, {letter for letter in letters if ord(letter) > 0xFFFF}, single=70, part=67)


def letters_outside_gsm_7(text: str) -> str:
    """The letters, each once and in order, that move the text to UCS-2 and so more than halve what fits."""
    return "".join(dict.fromkeys(letter for letter in text if letter not in _GSM_7))


def joined(texts: Sequence[str], text: str) -> list[str]:
    """The texts with one more, in the same message when both fit in two segments (decisions 17)."""
    if texts:
        both = f"{texts[-1]} {text}"
        if count_segments(both).count <= MAX_SEGMENTS:
            return [*texts[:-1], both]
    return [*texts, text]


def introduced(text: str, clinic: str) -> str:
    """The text with the clinic's name in front, for a number that its receiver does not know: all of it, or as many of its first words
    as leave two segments. As it is where the name stands in it already, or has no room.
    """
    words = clinic.split()
    if not words or clinic in text:
        return text
    for count in range(len(words), 0, -1):
        longer = f"{' '.join(words[:count])}: {text}"
        if count_segments(longer).count <= max(MAX_SEGMENTS, count_segments(text).count):
            return longer
    return text


def _pack(encoding: Encoding, text: str, wide: set[str], *, single: int, part: int) -> Segments:
    """`wide` are the letters that take two units."""
    units = len(text) + sum(text.count(letter) for letter in wide)
    if units <= single:
        return Segments(encoding, units, 1 if units else 0)
    if not wide:
        return Segments(encoding, units, -(-units // part))
    count, used = 1, 0
    for letter in text:
        width = 2 if letter in wide else 1
        if used + width > part:
            count, used = count + 1, 0
        used += width
    return Segments(encoding, units, count)
