"""Which phrases a reply can hold at all: found by its words, before any phrase is tried.

A phrase is looked up by its rarest anchor; then one comparison of bit sets tells whether all its other anchors occur too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from service.replies.phrases import Anchor


@dataclass(frozen=True, slots=True)
class Index:
    """Phrases by number; a bit for each distinct anchor."""

    by_word: Mapping[str, tuple[int, ...]]
    by_beginning: Mapping[str, tuple[int, ...]]
    word_bits: Mapping[str, int]
    beginning_bits: Mapping[str, int]
    needs: tuple[int, ...]

    def candidates(self, words: Collection[str], beginnings: Collection[str]) -> list[int]:
        """The numbers, in order, of the phrases whose anchors all occur among these words and beginnings of words."""
        found: set[int] = set()
        bits = 0
        for word in words:
            found.update(self.by_word.get(word, ()))
            bits |= self.word_bits.get(word, 0)
        for beginning in beginnings:
            if beginning in self.beginning_bits:
                found.update(self.by_beginning.get(beginning, ()))
                bits |= self.beginning_bits[beginning]
        return sorted(number for number in found if self.needs[number] & bits == self.needs[number])


def build_index(phrases: Sequence[Sequence[Anchor]]) -> Index:
    """The index of phrases, each given by its anchors, the rarest first."""
    by_word: dict[str, list[int]] = {}
    by_beginning: dict[str, list[int]] = {}
    bit_of: dict[Anchor, int] = {}
    needs = []
    for number, anchors in enumerate(phrases):
        for word in anchors[0].words:
            by_word.setdefault(word, []).append(number)
        for beginning in anchors[0].beginnings:
            by_beginning.setdefault(beginning, []).append(number)
        needs.append(sum({bit_of.setdefault(anchor, 1 << len(bit_of)) for anchor in anchors}))
    word_bits: dict[str, int] = {}
    beginning_bits: dict[str, int] = {}
    for anchor, bit in bit_of.items():
        for word in anchor.words:
            word_bits[word] = word_bits.get(word, 0) | bit
        for beginning in anchor.beginnings:
            beginning_bits[beginning] = beginning_bits.get(beginning, 0) | bit
    return Index(
        {word: tuple(numbers) for word, numbers in by_word.items()},
        {beginning: tuple(numbers) for beginning, numbers in by_beginning.items()},
        word_bits,
        beginning_bits,
        tuple(needs),
    )
