"""All phrases of the lexicon that occur in a reply, as matches over its words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from service.domain.reading import Question
from service.replies.lexicon import Entry, Lexicon
from service.replies.normalise import Line, normalise
from service.replies.patterns import Words
from service.replies.phrases import Anchor

MOST_MATCHES = 600
MOST_A_PHRASE = 60
SHORTEST_BEGINNING = 3


@dataclass(frozen=True, slots=True)
class Match:
    """An entry found at the words first..last-1 of the line."""

    entry: Entry
    first: int
    last: int

    @property
    def kind(self) -> str:
        """The entry's kind."""
        return self.entry.kind

    @property
    def name(self) -> str:
        """The entry's name."""
        return self.entry.name

    @property
    def length(self) -> int:
        """How many words it covers."""
        return self.last - self.first

    def overlaps(self, other: Match) -> bool:
        """True when both cover a word."""
        return self.first < other.last and other.first < self.last

    def covers(self, other: Match) -> bool:
        """True when every word of the other is covered."""
        return self.first <= other.first and other.last <= self.last


def scan(lexicon: Lexicon, line: Line, question: Question | None) -> list[Match]:
    """Every match, in the order of the text, longer ones first at one place. Entries with `asked` need that question.

    An entry is tried only where the reply has all its anchors, and only at words that it can begin with: the cost grows
    with the words of the reply, not with words times entries.
    """
    words = _Words(line)
    expects = question.expects if question is not None else None
    found: list[Match] = []
    for number in lexicon.index.candidates(words.places, words.beginnings):
        entry = lexicon.entries[number]
        if entry.asked and expects not in entry.asked:
            continue
        if len(found) >= MOST_MATCHES:
            break
        found += _matches(entry, words)
    found.sort(key=lambda match: (match.first, -match.length))
    if any(match.entry.about for match in found):
        about = topics(lexicon, question)
        found = [match for match in found if not match.entry.about or match.entry.about in about]
    return found


def topics(lexicon: Lexicon, question: Question | None) -> frozenset[str]:
    """What the words of the question are about: the names of the `topic` entries in it."""
    return frozenset() if question is None or not question.text else _topics_of(lexicon, question.text)


@lru_cache(maxsize=512)
def _topics_of(lexicon: Lexicon, text: str) -> frozenset[str]:
    return frozenset(match.name for match in scan(lexicon, normalise(lexicon, text), None) if match.kind == "topic")


class _Words:
    """The words of a line and their beginnings, each with its places."""

    __slots__ = ("beginnings", "places", "words")

    def __init__(self, line: Line) -> None:
        self.places: dict[str, list[int]] = {}
        self.beginnings: dict[str, list[int]] = {}
        for place, token in enumerate(line.tokens):
            self.places.setdefault(token.text, []).append(place)
        for word, places in self.places.items():
            for length in range(SHORTEST_BEGINNING, len(word) + 1):
                self.beginnings.setdefault(word[:length], []).extend(places)
        self.words = Words([token.text for token in line.tokens])

    def of(self, anchor: Anchor) -> list[int]:
        """The places of the anchor's words, in order."""
        found = [place for word, places in self.places.items() if word in anchor.words for place in places]
        for beginning in anchor.beginnings:
            found += self.beginnings.get(beginning, ())
        return sorted(found) if len(found) > 1 else found


def _matches(entry: Entry, words: _Words) -> list[Match]:
    places = range(words.words.count) if entry.starts is None else words.of(entry.starts)
    found: list[Match] = []
    behind = 0
    for place in places:
        if place < behind:
            continue
        for last in entry.pattern(words.words, place):
            if last > place:
                behind = last
                found.append(Match(entry, place, last))
                break
        if len(found) >= MOST_A_PHRASE:
            break
    return found


def masks_named(matches: Sequence[Match], *names: str) -> list[Match]:
    """The masks of these names: phrases that only sound like something else."""
    return [match for match in matches if match.kind == "mask" and match.name in names]
