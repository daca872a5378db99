"""Which of several readings in one reply counts: words such as "yesterday", "no wait", "my husband's" or "if it hits" lean on one of them.

A clue leans on the reading of its own clause. Where a clause has several, the order tells: when the clause begins with a clue
each clue speaks of the reading that follows ("was 197 now 142"), when it ends with one of the reading before it
("97 before 160 after").
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from service.replies.scan import Match

HARD = frozenset({"if_reading", "not_it", "other_number", "goal"})
"""A number with such a clue is never the reading, not even when it is the only one."""
SOFT = ("someone", "before_reading", "earlier", "earlier_next", "elsewhere", "clothed", "without_oxygen", "usual")
"""Readings with such a clue give way to any other."""
ONWARD = frozenset({"earlier_next", "not_it", "if_reading", "goal"})
"""These always speak of what follows."""
LEANING = frozenset({*SOFT, *HARD, "now", "fasting", "after_meal", "own"})
OF_TIME = frozenset({"now", "earlier", "earlier_next", "fasting", "after_meal", "someone"})
DELIMITERS = frozenset(
    {",", ".", ";", "!", "?", "(", ")", "but", "pero", "and", "y", "e", "mientras", "while", "aunque", "though", "then", "luego"}
)
END_OF_IF = frozenset({",", ".", ";", "!", "?", "but", "pero"})
BACKWARD = frozenset({"elsewhere", "clothed", "without_oxygen", "after_meal"})
"""Between two readings these speak of the one before ("190 at the hospital 182 here")."""
MOST_WORDS_OF_OR = 2
"""How near a second number must stand to belong to the same "if"."""
MOST_WORDS_OF_NOT = 3
"""How far "not", "no era" may stand from the number it takes back."""


@dataclass(slots=True)
class Candidate:
    """A reading at the words first..last-1, and the clues that lean on it."""

    first: int
    last: int
    clues: set[str] = field(default_factory=set)


def lean(words: Sequence[str], candidates: Sequence[Candidate], matches: Sequence[Match], names: frozenset[str] = LEANING) -> None:
    """Adds to each candidate the names of the markers that lean on it."""
    markers = [match for match in matches if match.kind == "marker"]
    hidden = [match for match in markers if match.name == "not_a_clue"]
    clues = _longest([m for m in markers if m.name in names and not any(h.first <= m.first and m.last <= h.last for h in hidden)])
    clues = [clue for clue in clues if not any(c.first <= clue.first and clue.last <= c.last for c in candidates)]
    borders = [
        place
        for place, word in enumerate(words)
        if word in DELIMITERS
        and not any(c.first <= place < c.last for c in candidates)
        and not any(m.first <= place < m.last for m in clues)
    ]
    edges = [-1, *borders, len(words)]
    across: list[tuple[list[Match], int, int]] = []
    for start, end in itertools.pairwise(edges):
        inside = [c for c in candidates if start < c.first < end]
        here = [clue for clue in clues if start < clue.first < end]
        if here and not inside:
            across.append((here, start, end))
            continue
        for clue in here:
            if (target := _target(clue, here, inside)) is not None:
                target.clues.add(clue.name)
    for here, start, end in across:
        _lean_across(here, candidates, start, end)
    for clue in clues:
        if clue.name == "if_reading":
            stop = next((place for place in range(clue.last, len(words)) if words[place] in END_OF_IF), len(words))
            reached = [candidate for candidate in candidates if clue.last <= candidate.first < stop]
            for candidate in reached[:1] + [other for other in reached[1:] if _or_that(words, reached[0], other)]:
                candidate.clues.add("if_reading")


def _or_that(words: Sequence[str], first: Candidate, second: Candidate) -> bool:
    """The second number belongs to the same "if" ("if it goes over 180 or 110")."""
    between = words[first.last : second.first]
    return len(between) <= MOST_WORDS_OF_OR and any(word in ("or", "o", "/", "and", "y") for word in between)


def _longest(clues: Sequence[Match]) -> list[Match]:
    """Of clues over the same words the longest ("the first time" is one clue, not two)."""
    kept: list[Match] = []
    for clue in sorted(clues, key=lambda match: -match.length):
        if not any(other.overlaps(clue) for other in kept):
            kept.append(clue)
    return sorted(kept, key=lambda match: match.first)


def _target(clue: Match, here: Sequence[Match], inside: Sequence[Candidate]) -> Candidate | None:
    after = next((c for c in inside if c.first >= clue.last), None)
    before = next((c for c in reversed(inside) if c.last <= clue.first), None)
    if clue.name == "if_reading":
        return None
    if clue.name == "not_it":
        reach = MOST_WORDS_OF_NOT if clue.length > 1 else 0
        return after if after is not None and after.first - clue.last <= reach else None
    if clue.name in ONWARD:
        return after
    if after is None or before is None:
        return after or before
    between = [other for other in here if before.last <= other.first and other.last <= after.first]
    if len(between) > 1:
        one_phrase = between[1].name in ONWARD and between[1].first - between[0].last <= 1
        return before if clue is between[0] and not one_phrase else after
    if here[0].first < inside[0].first:
        return after
    if here[-1].first > inside[-1].first:
        return before
    return before if clue.name in BACKWARD else after


def _lean_across(here: Sequence[Match], candidates: Sequence[Candidate], start: int, end: int) -> None:
    """A clause of nothing but a clue ("182, yesterday", "today, 182") speaks of its neighbour: the one that has no clue yet."""
    if end - start - 1 - sum(clue.length for clue in here) > 1:
        return
    after = next((c for c in candidates if c.first >= end), None)
    before = next((c for c in reversed(candidates) if c.last <= start + 1), None)
    for clue in here:
        if clue.name in ("not_it", "if_reading", "own"):
            continue
        onward = before is None or clue.name in ONWARD or (bool(before.clues & OF_TIME) and after is not None and not after.clues & OF_TIME)
        target = after if onward else before
        if target is not None:
            target.clues.add(clue.name)


def kept(words: Sequence[str], candidates: Sequence[Candidate], matches: Sequence[Match], *, prefer: str = "") -> list[Candidate]:
    """The candidates that can be the reading, the one that counts last. `prefer`: fasting or after_meal, when that was asked."""
    left = [c for c in candidates if not c.clues & HARD]
    corrected = _corrected(words, left, candidates, matches)
    if corrected is not None:
        return [corrected]
    for clue in SOFT:
        if clue == "earlier" and any("now" in c.clues for c in left):
            continue
        left = [c for c in left if clue not in c.clues or ("now" in c.clues and clue == "earlier_next")] or left
    if prefer:
        wanted = [c for c in left if prefer in c.clues]
        other = "after_meal" if prefer == "fasting" else "fasting"
        left = wanted or [c for c in left if other not in c.clues] or left
    current = [c for c in left if "now" in c.clues]
    return current or left


def _corrected(
    words: Sequence[str], left: Sequence[Candidate], candidates: Sequence[Candidate], matches: Sequence[Match]
) -> Candidate | None:
    """The reading after the last "no wait", "I mean", "perdón", when another stands before it."""
    cues = [match for match in matches if match.kind == "marker" and match.name == "correction"]
    for cue in sorted(cues, key=lambda match: -match.last):
        before = any(c.last <= cue.first for c in candidates)
        after = [c for c in left if c.first >= cue.last]
        if before and after:
            return after[0]
    return None


def others_mention(candidate: Candidate) -> bool:
    """True when the reading is told as another person's."""
    return "someone" in candidate.clues
