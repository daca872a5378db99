"""A second opinion on a whole reply: a linear model over runs of letters and words, which can only raise what the phrases have read.

The weights are data (lexicon/shared/opinion.json), made by `python -m tests.second_opinion` from labelled replies and wordings.
A score is the sum of the weights of the features that occur, over the square root of their number, so that long replies do not
score higher than short ones. What a level of concern means for the urgency stands in the urgency table, never here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from service.domain.reading import Finding, FindingKind, Span

SHORTEST_RUN, LONGEST_RUN = 3, 5
MOST_WORDS = 300
LEVELS = ("grave", "dangerous", "worrying")
"""From the highest threshold down."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """The weights, and the score from which each level is told."""

    weights: Mapping[str, float]
    bias: float
    thresholds: Mapping[str, float]

    def score(self, features: Sequence[Sequence[str]]) -> tuple[float, int]:
        """The score of a reply given as the features of each of its words, and the word that speaks for it most."""
        total, count, best, place_of_best = 0.0, 0, 0.0, 0
        for place, of_word in enumerate(features):
            weight = 0.0
            for feature in of_word:
                found = self.weights.get(feature)
                if found is not None:
                    weight += found
                    count += 1
            total += weight
            if weight > best:
                best, place_of_best = weight, place
        return self.bias + total / sqrt(count or 1), place_of_best


def features_of(words: Sequence[str]) -> list[list[str]]:
    """The features of each word: its runs of letters with its borders, itself, and it with one and two words before it."""
    found: list[list[str]] = []
    plain = ["0" if word[0].isdigit() else word for word in words[:MOST_WORDS]]
    for place, word in enumerate(plain):
        bordered = f" {word} "
        of_word = [
            bordered[start : start + length]
            for length in range(SHORTEST_RUN, LONGEST_RUN + 1)
            for start in range(len(bordered) - length + 1)
        ]
        of_word.append(f"={word}")
        if place:
            of_word.append(f"={plain[place - 1]} {word}")
        if place > 1:
            of_word.append(f"={plain[place - 2]} {plain[place - 1]} {word}")
        found.append(of_word)
    return found


def second_opinion(opinion: Opinion, words: Sequence[str], spans: Sequence[Span]) -> Finding | None:
    """SECOND_OPINION with the highest level that the reply's score reaches, at the word that speaks for it most; None below all."""
    if not words or not opinion.weights:
        return None
    score, place = opinion.score(features_of(words))
    level = next((level for level in LEVELS if score >= opinion.thresholds[level]), None)
    if level is None:
        return None
    return Finding(FindingKind.SECOND_OPINION, level, f"second_opinion.{level}", spans[place])
