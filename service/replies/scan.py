"""All phrases of the lexicon that occur in a reply, as matches over its words."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass

from service.domain.reading import Question
from service.replies.lexicon import Entry, Lexicon
from service.replies.normalise import Line

MOST_MATCHES = 600
MOST_A_PHRASE = 60


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

    Danger signs are looked for first, so that the bound on matches can never hide one.
    """
    candidates: set[int] = set()
    for token in {token.text for token in line.tokens}:
        candidates.update(lexicon.by_word.get(token, ()))
        for length in range(3, len(token) + 1):
            candidates.update(lexicon.by_beginning.get(token[:length], ()))
    expects = question.expects if question is not None else None
    found: list[Match] = []
    for entry in sorted((lexicon.entries[number] for number in candidates), key=lambda entry: not entry.acute):
        if entry.asked and expects not in entry.asked:
            continue
        for count, match in enumerate(entry.regex.finditer(line.text)):
            if count >= MOST_A_PHRASE or len(found) >= MOST_MATCHES:
                break
            first = bisect.bisect_left(line.starts, match.start())
            last = bisect.bisect_left(line.starts, match.end())
            if last > first:
                found.append(Match(entry, first, last))
    found.sort(key=lambda match: (match.first, -match.length))
    return found


def masks_named(matches: Sequence[Match], *names: str) -> list[Match]:
    """The masks of these names: phrases that only sound like something else."""
    return [match for match in matches if match.kind == "mask" and match.name in names]
