"""Lines that fit: how wide words stand in a drawing, and where they break."""

from __future__ import annotations

SIZE = 14
"""Of every letter of a drawing, in its own units."""
_TENTHS = (
    ("iljI.,:;'|!", 3.0),
    (' ftr()[]/-"', 4.2),
    ("mwMW%@—", 9.9),
    ("ABCDEFGHKLNOPQRSTUVXYZ", 7.6),
)
"""Tenths of the letter's size, from the widest of the usual sans-serif fonts (DejaVu Sans); every other letter takes 6.4."""
_OTHER, _BOLD = 6.4, 1.14
_WIDTH = {letter: tenths / 10 for letters, tenths in _TENTHS for letter in letters}


def width_of(words: str, *, bold: bool = False) -> float:
    """How wide the words stand at most, in units of the drawing."""
    return sum(_WIDTH.get(letter, _OTHER / 10) for letter in words) * SIZE * (_BOLD if bold else 1)


def wrapped(words: str, room: float, *, bold: bool = False) -> list[str]:
    """The words in lines that fit the room; a single word that does not fit is cut."""
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if width_of(longer, bold=bold) <= room:
            lines[-1] = longer
            continue
        if lines[-1]:
            lines.append("")
        for letter in word:
            if lines[-1] and width_of(lines[-1] + letter, bold=bold) > room:
                lines.append("")
            lines[-1] += letter
    return [line for line in lines if line]
