"""How many SMS segments a text takes, counted the way carriers bill and deliver it."""

from __future__ import annotations

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
