"""The small phrase language of the lexicon files, compiled to patterns over the normalised words of a reply.

    word          this word                      (a|b c)   one of these
    word*         any word that begins so        [a|b]     one of these or nothing
    {group}       a group from groups.yaml       <n>       a number in digits or one word
    {group}*      up to 5 times one of the group, or nothing
    ~             up to 3 words                  ~~        up to 7 words, commas among them
                  (neither crosses a full stop, "but" or a negation)
    a & b         both in one clause, in any order, up to 8 words between them (at most three such parts)
    <20-53>       a whole number of that range    ~~~       up to 25 words of whatever kind, full stops too
                  in digits or as spoken
    ^ first       the reply begins here          last $    the reply ends here

Each phrase also knows its anchors: words of which one must occur, so that most phrases are never tried on a given reply.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from itertools import count
from operator import attrgetter

from service.replies import patterns
from service.replies.patterns import Pattern

MOST_CHARACTERS = 2_000
MOST_DEPTH = 8
MOST_REPEATS = 5
MOST_SIDES = 3
NUMBERS = frozenset(
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen "
    "twenty thirty forty fifty sixty seventy eighty ninety hundred "
    "uno una dos tres cuatro cinco seis siete ocho nueve diez doce trece catorce quince dieciseis diecisiete dieciocho diecinueve "
    "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa cien ciento doscientos trescientos".split()
)
A_HUNDRED = frozenset({("a", "hundred")})
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
_PARTS_OF_NUMBERS = frozenset((*_ONES[1:10], *_TENS[2:], "hundred"))
MOST_IN_RANGE = 1_000
_COMMON = frozenset(
    "i im my me a an the is are was it its in on of to and or no not have has had be been so for with at this that you "
    "se la el lo los las le un una de del que me mi mis no y o en es esta estoy tengo con por para al su sus".split()
)


_WORD = re.compile(r"[^ ()\[\]{}|]+")


class PhraseError(ValueError):
    """A phrase is not written in the phrase language; the message says what to write instead."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """Whole words and beginnings of words of which at least one must occur."""

    words: frozenset[str] = frozenset()
    beginnings: frozenset[str] = frozenset()
    cost: float = field(init=False, repr=False, compare=False)
    """How little this anchor tells apart: common words make bad anchors; infinite when anything will do."""

    def __post_init__(self) -> None:
        """Anchors are compared far more often than made."""
        few = 1000 * len(self.words & _COMMON) + len(self.words) + len(self.beginnings)
        object.__setattr__(self, "cost", float(few) if few else float("inf"))

    def __or__(self, other: Anchor) -> Anchor:
        return Anchor(self.words | other.words, self.beginnings | other.beginnings)


NOTHING = Anchor()
_COST = attrgetter("cost")
_KEYS = count()
"""One key a group, over all languages: their phrases are tried on the same words."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """A compiled phrase: its pattern, the anchors that must all occur (the rarest first), and the words it can begin with."""

    pattern: Pattern
    anchors: tuple[Anchor, ...]
    starts: Anchor | None
    """None: it can begin at any word."""
    vocabulary: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Part:
    pattern: Pattern
    anchors: tuple[Anchor, ...] = ()
    """Each must occur; none when the part can match without a known word."""
    starts: Anchor | None = None
    """None: any word."""
    empty: bool = False
    """It can match nothing."""
    sides: tuple[list[_Part], ...] = ()
    """The parts that stand in any order, of a part written with &."""
    word: str = ""
    """The plain word that this part is; with a * at its end: a beginning."""

    @property
    def best(self) -> Anchor:
        """The anchor that tells most apart."""
        return min(self.anchors, key=_COST, default=NOTHING)


def _starts(parts: list[_Part]) -> Anchor | None:
    """The words that a sequence can begin with; None for any."""
    found: list[Anchor] = []
    for part in parts:
        if part.starts is None:
            return None
        found.append(part.starts)
        if not part.empty:
            return _any_of(found)
    return None


def _any_of(anchors: Sequence[Anchor]) -> Anchor:
    """Their words and beginnings in one; groups are large, so one alone is not copied."""
    if len(anchors) == 1:
        return anchors[0]
    return Anchor(frozenset().union(*(each.words for each in anchors)), frozenset().union(*(each.beginnings for each in anchors)))


class Groups:
    """The groups of one language; each is parsed once, when it is first needed, and shared by all phrases that name it."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = texts
        self._parsed: dict[str, tuple[_Part, frozenset[str]]] = {}
        self._open: list[str] = []

    def part(self, name: str) -> tuple[_Part, frozenset[str]]:
        """The group as a part, and its vocabulary. Raises PhraseError for an unknown group or one that names itself."""
        if name not in self._parsed:
            if name not in self.texts:
                raise PhraseError(f"no group {{{name}}}; add it to groups.yaml")
            if name in self._open or len(self._open) >= MOST_DEPTH:
                raise PhraseError(f"groups refer to each other too deeply at {{{name}}}")
            self._open.append(name)
            inner = _Parser("(" + self.texts[name] + ")", self)
            part = inner.alternatives(")")
            self._open.pop()
            pattern = patterns.remembered(next(_KEYS), part.pattern)
            self._parsed[name] = (replace(part, pattern=pattern), frozenset(inner.vocabulary))
        return self._parsed[name]


class _Parser:
    def __init__(self, text: str, groups: Groups) -> None:
        self.text, self.groups, self.at = text, groups, 0
        self.vocabulary: set[str] = set()

    def sequence(self, ends: str) -> list[_Part]:
        parts: list[_Part] = []
        while self.at < len(self.text) and self.text[self.at] not in ends:
            character = self.text[self.at]
            if character == " ":
                self.at += 1
            elif character in "([":
                parts.append(self.alternatives(")" if character == "(" else "]"))
            elif character == "{":
                parts.append(self.group())
            elif character == "&":
                self.at += 1
                return [_together(parts, self.sequence(ends))]
            else:
                parts.append(self.word())
        return parts

    def alternatives(self, end: str) -> _Part:
        self.at += 1
        choices: list[list[_Part]] = []
        while True:
            choices.append(self.sequence("|" + end))
            if self.at >= len(self.text):
                raise PhraseError(f'"{end}" is missing')
            self.at += 1
            if self.text[self.at - 1] == end:
                break
        if not all(choices):
            raise PhraseError("an empty choice; leave out the stray | or bracket")
        pattern = _choice(choices)
        starts = _any_start(choices)
        if end == "]":
            return _Part(patterns.optional(pattern), (), starts, True)
        empty = any(all(part.empty for part in choice) for choice in choices)
        anchors = tuple(anchor for part in choices[0] for anchor in part.anchors)
        if len(choices) > 1:
            best = [min((part.best for part in choice), key=_COST) for choice in choices]
            whole = Anchor(
                frozenset[str]().union(*(anchor.words for anchor in best)), frozenset[str]().union(*(anchor.beginnings for anchor in best))
            )
            anchors = (whole,) if all(anchor.cost < float("inf") for anchor in best) else ()
        return _Part(pattern, anchors, starts, empty)

    def group(self) -> _Part:
        end = self.text.find("}", self.at)
        if end < 0:
            raise PhraseError('"}" is missing')
        part, vocabulary = self.groups.part(self.text[self.at + 1 : end])
        self.vocabulary |= vocabulary
        self.at = end + 1
        if self.text[self.at : self.at + 1] == "*":
            self.at += 1
            return _Part(patterns.repeated(part.pattern, MOST_REPEATS), (), part.starts, True)
        return part

    def word(self) -> _Part:
        match = _WORD.match(self.text, self.at)
        if match is None:
            raise PhraseError(f'"{self.text[self.at]}" stands alone')
        word = match[0]
        self.at += len(word)
        part = _word(word)
        if part.word and not word.endswith("*"):
            self.vocabulary.add(word)
        return part


@cache
def _word(word: str) -> _Part:
    """One for all places where it stands. Raises PhraseError for a word that is written amiss."""
    if word in GAPS:
        return _Part(GAPS[word], empty=True)
    if bounds := re.fullmatch(r"<(\d{1,4})-(\d{1,4})>", word):
        return _within(int(bounds[1]), int(bounds[2]))
    if word == "<n>":
        return _Part(patterns.number(NUMBERS, A_HUNDRED))
    if word == "^":
        return _Part(patterns.at_first, starts=NOTHING, empty=True)
    if word == "$":
        return _Part(patterns.at_last, starts=NOTHING, empty=True)
    if word != word.lower() or "'" in word:
        raise PhraseError(f'"{word}": write words in small letters without apostrophes or accents')
    if word.endswith("*"):
        if len(word) < 4:
            raise PhraseError(f'"{word}": give at least three letters before *')
        anchor = Anchor(beginnings=frozenset({word[:-1]}))
        return _Part(patterns.any_of((), (word[:-1],)), (anchor,), anchor, word=word)
    anchor = Anchor(words=frozenset({word}))
    return _Part(patterns.word(word), (anchor,), anchor, word=word)


GAPS = {"~": patterns.gap, "~~": patterns.long_gap, "~~~": patterns.wide_gap}


def _sequence(parts: list[_Part]) -> Pattern:
    return patterns.sequence([part.pattern for part in parts])


def _any_start(choices: Sequence[list[_Part]]) -> Anchor | None:
    starts = [_starts(choice) for choice in choices]
    known = [each for each in starts if each is not None]
    if len(known) < len(starts):
        return None
    return _any_of(known)


def _choice(choices: list[list[_Part]]) -> Pattern:
    """The choices by how they begin: single words together, others by their first word."""
    if len(choices) == 1:
        return _sequence(choices[0])
    singles = [choice[0].word for choice in choices if len(choice) == 1 and choice[0].word]
    words = [word for word in singles if not word.endswith("*")]
    beginnings = [word[:-1] for word in singles if word.endswith("*")]
    by_first: dict[str, list[Pattern]] = {}
    others: list[Pattern] = []
    for choice in choices:
        first = choice[0].word
        if len(choice) == 1 and first:
            continue
        if first and not first.endswith("*"):
            by_first.setdefault(first, []).append(_sequence(choice))
        else:
            others.append(_sequence(choice))
    single = patterns.any_of(words, beginnings) if singles else None
    return single if single is not None and not by_first and not others else patterns.choice(single, by_first, others)


def _together(left: list[_Part], right: list[_Part]) -> _Part:
    """Both sides in any order; the right side may itself be such a pair."""
    sides = [left, *(right[0].sides if len(right) == 1 and right[0].sides else (right,))]
    if not all(sides) or len(sides) > MOST_SIDES:
        raise PhraseError(f"write words on both sides of &, at most {MOST_SIDES} such parts")
    anchors = tuple(anchor for side in sides for part in side for anchor in part.anchors)
    return _Part(patterns.together([_sequence(side) for side in sides]), anchors, _any_start(sides), False, tuple(sides))


def _spoken(number: int) -> tuple[str, ...]:
    """How people say a number below 1000: 49 "forty nine"; 520 "five twenty", "five hundred twenty", "five hundred and twenty"."""
    if number < 20:
        return (_ONES[number],)
    if number < 100:
        tens, ones = divmod(number, 10)
        return (_TENS[tens] + (f" {_ONES[ones]}" if ones else ""),)
    hundreds, rest = divmod(number, 100)
    if number >= 1000:
        return ()
    if not rest:
        return (f"{_ONES[hundreds]} hundred",)
    below = _spoken(rest)[0]
    short = f"oh {below}" if rest < 10 else below
    return (f"{_ONES[hundreds]} {short}", f"{_ONES[hundreds]} hundred {below}", f"{_ONES[hundreds]} hundred and {below}")


@lru_cache
def _within(low: int, high: int) -> _Part:
    """A whole number of low..high in digits or English words; a following decimal is taken with it."""
    if not low <= high < low + MOST_IN_RANGE:
        raise PhraseError(f"<{low}-{high}>: write the smaller number first, at most {MOST_IN_RANGE} apart")
    numbers = range(low, high + 1)
    forms = frozenset(tuple(form.split()) for number in numbers for form in _spoken(number))
    digits = frozenset(str(number) for number in numbers)
    anchor = Anchor(words=digits | {form[0] for form in forms}, beginnings=frozenset(f"{each}." for each in digits))
    return _Part(patterns.spoken(digits, forms, _PARTS_OF_NUMBERS), (anchor,), anchor)


def compile_phrase(text: str, groups: Groups) -> Phrase:
    """The compiled phrase. Raises PhraseError."""
    if len(text) > MOST_CHARACTERS:
        raise PhraseError(f"longer than {MOST_CHARACTERS} characters; split it")
    parser = _Parser(f"({text})", groups)
    whole = parser.alternatives(")")
    if parser.at < len(parser.text):
        raise PhraseError(f'"{parser.text[parser.at]}" without its opening bracket')
    if not whole.anchors:
        raise PhraseError("needs at least one word that must occur")
    anchors = tuple(sorted(whole.anchors, key=_COST))
    return Phrase(whole.pattern, anchors, whole.starts, frozenset(parser.vocabulary))
