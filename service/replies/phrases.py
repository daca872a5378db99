"""The small phrase language of the lexicon files, compiled to regular expressions over a line of normalised words.

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

Every word in the line is followed by one blank, so that a phrase can only match whole words. Each phrase also knows its
anchors: words of which one must occur, so that most phrases never run on a given reply.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations

MOST_CHARACTERS = 2_000
MOST_DEPTH = 8
MOST_REPEATS = 5
NUMBER = (
    r"(?:\d+(?:\.\d+)?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen"
    r"|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|(?:a )?hundred"
    r"|uno|una|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|doce|trece|catorce|quince|dieciseis|diecisiete|dieciocho|diecinueve|veinte"
    r"|treinta|cuarenta|cincuenta|sesenta|setenta|ochenta|noventa|cien|ciento|doscientos|trescientos) "
)
_NOT_IN_GAP = "but|pero|however|although|aunque|sino|no|not|never|without|nor|sin|ni|dont|doesnt|didnt|isnt|[.;!?:]"
_WORD_IN_GAP = rf"(?:(?!(?:{_NOT_IN_GAP}|,)\s)\S+ )"
_WORD_IN_LONG_GAP = rf"(?:(?!(?:{_NOT_IN_GAP})\s)\S+ )"
_ANYTHING = r"(?:\S+ )"
_BESIDE = _WORD_IN_LONG_GAP + "{0,8}?"
MOST_SIDES = 3
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
_NOT_WITHIN_NUMBER = "".join(f"(?<!{word} )" for word in (*_ONES[1:10], *_TENS[2:], "hundred"))
MOST_IN_RANGE = 1_000
_COMMON = frozenset(
    "i im my me a an the is are was it its in on of to and or no not have has had be been so for with at this that you "
    "se la el lo los las le un una de del que me mi mis no y o en es esta estoy tengo con por para al su sus".split()
)


class PhraseError(ValueError):
    """A phrase is not written in the phrase language; the message says what to write instead."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """Whole words and beginnings of words of which at least one must occur."""

    words: frozenset[str] = frozenset()
    beginnings: frozenset[str] = frozenset()

    def __or__(self, other: Anchor) -> Anchor:
        return Anchor(self.words | other.words, self.beginnings | other.beginnings)

    @property
    def cost(self) -> float:
        """How little this anchor tells apart: common words make bad anchors; infinite when anything will do."""
        if not (self.words or self.beginnings):
            return float("inf")
        return 1000 * len(self.words & _COMMON) + len(self.words) + len(self.beginnings)


NOTHING = Anchor()


@dataclass(frozen=True, slots=True)
class Phrase:
    """A compiled phrase: its expression, the anchors that must all occur (the rarest first), and the words it can begin with."""

    regex: re.Pattern[str]
    anchors: tuple[Anchor, ...]
    starts: Anchor | None
    """None: it can begin at any word."""
    vocabulary: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Part:
    expression: str
    anchors: tuple[Anchor, ...] = ()
    """Each must occur; none when the part can match without a known word."""
    starts: Anchor | None = None
    """None: any word."""
    empty: bool = False
    """It can match nothing."""
    sides: tuple[list[_Part], ...] = ()
    """The parts that stand in any order, of a part written with &."""

    @property
    def best(self) -> Anchor:
        """The anchor that tells most apart."""
        return min(self.anchors, key=lambda anchor: anchor.cost, default=NOTHING)


def _starts(parts: list[_Part]) -> Anchor | None:
    """The words that a sequence can begin with; None for any."""
    found = NOTHING
    for part in parts:
        if part.starts is None:
            return None
        found |= part.starts
        if not part.empty:
            return found
    return None


class _Parser:
    def __init__(self, text: str, groups: Mapping[str, str], depth: int) -> None:
        self.text, self.groups, self.depth, self.at = text, groups, depth, 0
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
                return [self.together(parts, self.sequence(ends))]
            else:
                parts.append(self.word())
        return parts

    def together(self, left: list[_Part], right: list[_Part]) -> _Part:
        """Both sides in any order; the right side may itself be such a pair."""
        sides = [left, *(right[0].sides if len(right) == 1 and right[0].sides else (right,))]
        if not all(sides) or len(sides) > MOST_SIDES:
            raise PhraseError(f"write words on both sides of &, at most {MOST_SIDES} such parts")
        orders = ("".join(["".join(part.expression for part in side) + _BESIDE for side in order]) for order in permutations(sides))
        expression = "(?:" + "|".join(order.removesuffix(_BESIDE) for order in orders) + ")"
        starts: Anchor | None = NOTHING
        for side in sides:
            first = _starts(list(side))
            starts = None if starts is None or first is None else starts | first
        anchors = tuple(anchor for side in sides for part in side for anchor in part.anchors)
        return _Part(expression, anchors, starts, False, tuple(sides))

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
        expression = "(?:" + "|".join("".join(part.expression for part in choice) for choice in choices) + ")"
        starts: Anchor | None = NOTHING
        for choice in choices:
            first = _starts(choice)
            starts = None if starts is None or first is None else starts | first
        if end == "]":
            return _Part(expression + "?", (), starts, True)
        empty = any(all(part.empty for part in choice) for choice in choices)
        anchors = tuple(anchor for part in choices[0] for anchor in part.anchors)
        if len(choices) > 1:
            best = [min((part.best for part in choice), key=lambda anchor: anchor.cost) for choice in choices]
            whole = NOTHING
            for anchor in best:
                whole |= anchor
            anchors = (whole,) if all(anchor.cost < float("inf") for anchor in best) else ()
        return _Part(expression, anchors, starts, empty)

    def group(self) -> _Part:
        end = self.text.find("}", self.at)
        name = self.text[self.at + 1 : end]
        if end < 0 or name not in self.groups:
            raise PhraseError(f"no group {{{name}}}; add it to groups.yaml")
        if self.depth >= MOST_DEPTH:
            raise PhraseError(f"groups refer to each other too deeply at {{{name}}}")
        inner = _Parser("(" + self.groups[name] + ")", self.groups, self.depth + 1)
        part = inner.alternatives(")")
        self.vocabulary |= inner.vocabulary
        self.at = end + 1
        if self.text[self.at : self.at + 1] == "*":
            self.at += 1
            return _Part(f"{part.expression}{{0,{MOST_REPEATS}}}?", (), part.starts, True)
        return part

    def word(self) -> _Part:
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in " ()[]{}|":
            self.at += 1
        word = self.text[start : self.at]
        if not word:
            raise PhraseError(f'"{self.text[start]}" stands alone')
        if word == "~~~":
            return _Part(_ANYTHING + "{0,25}?", empty=True)
        if bounds := re.fullmatch(r"<(\d{1,4})-(\d{1,4})>", word):
            return _within(int(bounds[1]), int(bounds[2]))
        if word in ("~", "~~"):
            return _Part(_WORD_IN_GAP + "{0,3}?" if word == "~" else _WORD_IN_LONG_GAP + "{0,7}?", empty=True)
        if word == "<n>":
            return _Part(NUMBER)
        if word == "^":
            return _Part(r"\A", starts=NOTHING, empty=True)
        if word == "$":
            return _Part(r"\Z", starts=NOTHING, empty=True)
        if word != word.lower() or "'" in word:
            raise PhraseError(f'"{word}": write words in small letters without apostrophes or accents')
        if word.endswith("*"):
            if len(word) < 4:
                raise PhraseError(f'"{word}": give at least three letters before *')
            anchor = Anchor(beginnings=frozenset({word[:-1]}))
            return _Part(re.escape(word[:-1]) + r"\S* ", (anchor,), anchor)
        self.vocabulary.add(word)
        anchor = Anchor(words=frozenset({word}))
        return _Part(re.escape(word) + " ", (anchor,), anchor)


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
    words = sorted((form for number in numbers for form in _spoken(number)), key=len, reverse=True)
    anchor = Anchor(words=frozenset([str(number) for number in numbers] + [word.split()[0] for word in words]))
    digits = "|".join(str(number) for number in numbers)
    spoken = "|".join(f"{word} " for word in words)
    return _Part(f"(?:(?:{digits})(?:\\.\\d+)? |{_NOT_WITHIN_NUMBER}(?:{spoken})(?!hundred |point ))", (anchor,), anchor)


def compile_phrase(text: str, groups: Mapping[str, str]) -> Phrase:
    """The compiled phrase. `groups` maps a name to its alternatives, joined by "|". Raises PhraseError."""
    if len(text) > MOST_CHARACTERS:
        raise PhraseError(f"longer than {MOST_CHARACTERS} characters; split it")
    parser = _Parser(f"({text})", groups, 0)
    whole = parser.alternatives(")")
    if parser.at < len(parser.text):
        raise PhraseError(f'"{parser.text[parser.at]}" without its opening bracket')
    if not whole.anchors:
        raise PhraseError("needs at least one word that must occur")
    regex = re.compile(r"(?<!\S)" + whole.expression)
    anchors = tuple(sorted(whole.anchors, key=lambda anchor: anchor.cost))
    return Phrase(regex, anchors, whole.starts, frozenset(parser.vocabulary))
