"""Patterns over the words of a reply: each tells, from one place, at which places it can end.

A pattern is a function (words, place) -> ends, the preferred end first: choices and options prefer the longest, gaps the
shortest. Groups of the lexicon are matched once a place and remembered, so that a thousand phrases may share a large group.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import permutations

GAP = 3
LONG_GAP = 7
BESIDE_GAP = 8
WIDE_GAP = 25
NOT_IN_GAP = frozenset(
    "but pero however although aunque sino no not never without nor sin ni"
    " dont doesnt didnt isnt arent wasnt werent hasnt havent hadnt . ; ! ? :".split()
)


class Words:
    """The words of one reply, where a gap from each place must end, and what groups have matched so far."""

    __slots__ = ("count", "gap_end", "groups", "long_gap_end", "words")

    def __init__(self, words: Sequence[str]) -> None:
        self.words = words
        self.count = len(words)
        self.groups: dict[tuple[int, int], Sequence[int]] = {}
        self.gap_end = [self.count] * (self.count + 1)
        self.long_gap_end = [self.count] * (self.count + 1)
        for place in range(self.count - 1, -1, -1):
            word = words[place]
            self.long_gap_end[place] = place if word in NOT_IN_GAP else self.long_gap_end[place + 1]
            self.gap_end[place] = place if word in NOT_IN_GAP or word == "," else self.gap_end[place + 1]


Pattern = Callable[[Words, int], Sequence[int]]
NEVER: Sequence[int] = ()


def word(text: str) -> Pattern:
    """This word."""

    def ends(words: Words, place: int) -> Sequence[int]:
        return (place + 1,) if place < words.count and words.words[place] == text else NEVER

    return ends


def any_of(texts: Iterable[str], beginnings: Iterable[str] = ()) -> Pattern:
    """One of these words, or a word that begins so."""
    known, starts = frozenset(texts), tuple(beginnings)

    def ends(words: Words, place: int) -> Sequence[int]:
        if place < words.count and (words.words[place] in known or (starts and words.words[place].startswith(starts))):
            return (place + 1,)
        return NEVER

    return ends


def number(known: frozenset[str], pairs: frozenset[tuple[str, str]]) -> Pattern:
    """A number in digits, one of these words, or one of these pairs of words."""
    digits = re.compile(r"\d+(?:\.\d+)?")

    def ends(words: Words, place: int) -> Sequence[int]:
        if place >= words.count:
            return NEVER
        if tuple(words.words[place : place + 2]) in pairs:
            return (place + 2,)
        return (place + 1,) if words.words[place] in known or digits.fullmatch(words.words[place]) else NEVER

    return ends


def spoken(digits: frozenset[str], forms: frozenset[tuple[str, ...]], parts: frozenset[str]) -> Pattern:
    """One of these numbers in digits (a decimal goes with it) or in words that are not part of a longer number."""
    longest = max(len(form) for form in forms) if forms else 0

    def ends(words: Words, place: int) -> Sequence[int]:
        if place >= words.count:
            return NEVER
        if words.words[place].partition(".")[0] in digits:
            return (place + 1,)
        if place and words.words[place - 1] in parts:
            return NEVER
        for length in range(min(longest, words.count - place), 0, -1):
            end = place + length
            if tuple(words.words[place:end]) in forms and (end == words.count or words.words[end] not in ("hundred", "point")):
                return (end,)
        return NEVER

    return ends


def gap(words: Words, place: int) -> Sequence[int]:
    """Up to 3 words."""
    return range(place, min(words.gap_end[place], place + GAP) + 1)


def long_gap(words: Words, place: int) -> Sequence[int]:
    """Up to 7 words, commas among them."""
    return range(place, min(words.long_gap_end[place], place + LONG_GAP) + 1)


def beside_gap(words: Words, place: int) -> Sequence[int]:
    """Up to 8 words, commas among them."""
    return range(place, min(words.long_gap_end[place], place + BESIDE_GAP) + 1)


def wide_gap(words: Words, place: int) -> Sequence[int]:
    """Up to 25 words of whatever kind."""
    return range(place, min(words.count, place + WIDE_GAP) + 1)


def at_first(words: Words, place: int) -> Sequence[int]:
    """The beginning of the reply."""
    return (0,) if place == 0 else NEVER


def at_last(words: Words, place: int) -> Sequence[int]:
    """The end of the reply."""
    return (place,) if place == words.count else NEVER


def sequence(parts: Sequence[Pattern]) -> Pattern:
    """One part after the other."""
    if len(parts) == 1:
        return parts[0]

    first, *rest = parts

    def ends(words: Words, place: int) -> Sequence[int]:
        places = first(words, place)
        for part in rest:
            if len(places) == 1:
                places = part(words, places[0])
            elif places:
                places = _all_ends(part, words, places)
            else:
                return NEVER
        return places

    return ends


def _all_ends(part: Pattern, words: Words, places: Sequence[int]) -> Sequence[int]:
    """Where the part can end from each of these places, each once, in their order."""
    found: list[int] = []
    for start in places:
        for end in part(words, start):
            if end not in found:
                found.append(end)
    return found


def choice(singles: Pattern | None, by_first: dict[str, list[Pattern]], others: Sequence[Pattern]) -> Pattern:
    """One of these: single words, choices by their first word, and others that are always tried; the longest end first."""

    def ends(words: Words, place: int) -> Sequence[int]:
        found: Sequence[int] = singles(words, place) if singles is not None else NEVER
        if place < words.count and words.words[place] in by_first:
            found = _longer(found, by_first[words.words[place]], words, place)
        return _longer(found, others, words, place) if others else found

    return ends


def _longer(found: Sequence[int], parts: Sequence[Pattern], words: Words, place: int) -> Sequence[int]:
    """These ends and those of the parts, the longest first."""
    whole = set(found)
    for part in parts:
        whole.update(part(words, place))
    return sorted(whole, reverse=True) if len(whole) > 1 else tuple(whole)


def optional(part: Pattern) -> Pattern:
    """The part, or nothing."""

    def ends(words: Words, place: int) -> Sequence[int]:
        found = part(words, place)
        return (*found, place) if found else (place,)

    return ends


def repeated(part: Pattern, most: int) -> Pattern:
    """The part up to `most` times; fewer are preferred."""

    def ends(words: Words, place: int) -> Sequence[int]:
        found, last = [place], [place]
        for _ in range(most):
            last = [end for end in dict.fromkeys(end for start in last for end in part(words, start)) if end not in found]
            if not last:
                break
            found += last
        return found

    return ends


def together(sides: Sequence[Pattern]) -> Pattern:
    """The sides in any order, with a gap between them."""
    orders = []
    for order in permutations(sides):
        parts = [order[0]]
        for side in order[1:]:
            parts += [beside_gap, side]
        orders.append(sequence(parts))
    return choice(None, {}, orders)


def remembered(key: int, part: Pattern) -> Pattern:
    """The same, worked out once a place."""

    def ends(words: Words, place: int) -> Sequence[int]:
        found = words.groups.get((key, place))
        if found is None:
            found = words.groups[key, place] = part(words, place)
        return found

    return ends
