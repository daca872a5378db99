"""How hard a text is to read: the school grade of English by Flesch and Kincaid, of Spanish by Fernandez-Huerta's ease.

Syllables are counted by pyphen's hyphenation. Sources: Kincaid et al. 1975 (0.39 words a sentence + 11.8 syllables a word - 15.59);
Fernandez-Huerta 1959 in its usual form (206.84 - 60 syllables a word - 1.02 words a sentence), 70 and more being "fairly easy", grade 6.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache
from types import MappingProxyType

import pyphen

from service.domain.texts import placeholders

HIGHEST_GRADE = 6.0
"""Of all texts of a flow together."""
HIGHEST_OF_A_TEXT = 8.0
"""Of a single text: the formulas are made for a hundred words, and one long word in a sentence of seven moves them by two grades."""
_FILLED = MappingProxyType({"en": "today", "es": "hoy"})
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_END = re.compile(r"[.!?:;]+(?:\s|$)|\n")
_EASE_OF_GRADE = ((90.0, 5.0), (80.0, 5.5), (70.0, 6.0), (60.0, 8.0), (50.0, 10.0), (30.0, 12.0))
"""Fernandez-Huerta's bands, the lowest ease and the school grade of each; below them 16."""


FAMILIAR_SYLLABLES = 2
"""What a word that every patient of a clinic knows counts for at most, however long it is."""


def grade(text: str, language: str, familiar: Collection[str] = ()) -> float:
    """The school grade of a text in English or Spanish, 0 for one without words. A placeholder counts as one short word."""
    for name in placeholders(text):
        text = text.replace("{" + name + "}", _FILLED.get(language, "today"))
    words = _WORD.findall(text)
    if not words:
        return 0.0
    sentences = max(1, sum(1 for part in _END.split(text) if _WORD.search(part)))
    per_sentence = len(words) / sentences
    per_word = sum(_counted(word.lower(), language, familiar) for word in words) / len(words)
    if language == "es":
        ease = 206.84 - 60 * per_word - 1.02 * per_sentence
        return next((found for lowest, found in _EASE_OF_GRADE if ease >= lowest), 16.0)
    return round(max(0.0, 0.39 * per_sentence + 11.8 * per_word - 15.59), 1)


def _counted(word: str, language: str, familiar: Collection[str]) -> int:
    found = _syllables(word, language)
    return min(found, FAMILIAR_SYLLABLES) if word in familiar else found


@cache
def _hyphenator(language: str) -> pyphen.Pyphen:
    return pyphen.Pyphen(lang="es" if language == "es" else "en_US", left=1, right=1)


@cache
def _syllables(word: str, language: str) -> int:
    return len(_hyphenator(language).positions(word)) + 1
