"""Numbers in a reply: digits, words, the way people say readings aloud ("one eighty three point six"), in two languages.

A run of number words may hold several numbers ("one forty two eighty eight"): each is read as far as the grammar of spoken
numbers reaches. Fractions belong to their number ("183 and a half", "81 kilos y medio", "183 1/2", "six tenths").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from service.domain.reading import Channel
from service.replies.lexicon import Lexicon
from service.replies.measures import UNITS
from service.replies.normalise import Line

HOMOPHONES = {
    "too": 2.0, "to": 2.0, "for": 4.0, "fore": 4.0, "won": 1.0, "ate": 8.0, "tree": 3.0, "sex": 6.0, "sicks": 6.0, "tin": 10.0,
    "nighty": 90.0, "aid": 8.0,
}  # fmt: skip
"""What a transcript writes for a number: it counts inside spoken numbers, and alone only as the last word after "a"."""
ALONE = frozenset({"too", "to", "for", "won", "ate", "tree"})
POINT = frozenset({"point", "punto", "coma", "dot", "pt"})
ZERO_INSIDE = frozenset({"oh", "o", "ow", "owe"})
ANOTHER_MEANING = frozenset("once ten un una uno one oh o sin mil dos son cien siento sien tin".split())
"""Number words of one language that are common words of the other: they count in their own language only."""
ARTICLES = frozenset({"un", "una", "a", "an"})
NOT_A_NUMBER_AFTER = frozenset(
    "the that this no any every each which some good bad other wrong right ear mouth nice big only ni cada ese".split()
)
NOT_A_NUMBER_BEFORE = frozenset(
    "of is thing day that who which person i you he she they more who's for to has was from with in se que de".split()
)
ENDS = frozenset([*". , ; ! ? ) ( : - \n".split(), "", "\n"])
AFTER_HALF = ENDS | frozenset(
    "con sobre de hoy pero en al a esta es la lo el libras libra kilos kilo kg lb lbs pounds stone grados f c today this but over with on"
    " por y and c centigrados celsius fahrenheit recien gracias mas ayer ahora ahorita".split()
)
"""Words that may follow "y media": "88/50 y medio mareada" is half dizzy, not half a unit."""
VAGUE = frozenset("s something pico tantos tantas algo odd some".split())
"""Words after a number that leave its last digits open: "the 180s", "one eighty something", "ochenta y pico"."""
DECADES = {"twenties": 20.0, "thirties": 30.0, "forties": 40.0, "fifties": 50.0, "sixties": 60.0, "seventies": 70.0, "eighties": 80.0,
           "nineties": 90.0, "hundreds": 100.0}  # fmt: skip
TENTHS = frozenset({"tenth", "tenths", "decima", "decimas"})
LARGEST = 10_000.0


@dataclass(frozen=True, slots=True)
class Number:
    """A number at the words first..last-1. `decimal` tells 37.0 from 37.

    `unit`: said inside it ("161 libras y media"). `weak`: a word that is seldom a reading ("one", "una"). `vague`: only its
    first digits were said.
    """

    value: float
    first: int
    last: int
    decimal: bool = False
    spoken: bool = False
    unit: str = ""
    weak: bool = False
    vague: bool = False


def numbers(lexicon: Lexicon, line: Line, language: str, channel: Channel, *, asked: bool) -> list[Number]:
    """All numbers, in the order of the text. `asked`: the question asks for a number, so homophones may count."""
    words = [token.text for token in line.tokens]
    reader = _Words(words, _values(lexicon, language), channel, homophones=asked and channel is Channel.VOICE)
    found: list[Number] = []
    place = 0
    while place < len(words):
        number = reader.number(place)
        if number is None or number.value > LARGEST:
            place += 1
            continue
        found.append(number)
        place = number.last
    return found


@lru_cache(maxsize=8)
def _values(lexicon: Lexicon, language: str) -> Mapping[str, float]:
    """Number words of the language, those of the other that mean nothing else, and words written as one ("ochentaidos")."""
    tables = lexicon.numbers.items()
    found = {word: value for of, table in tables for word, value in table.items() if of == language or word not in ANOTHER_MEANING}
    simple = dict(found)
    for word, value in simple.items():
        if 20 <= value < 100 and value % 10 == 0:
            for unit, amount in simple.items():
                if 1 <= amount <= 9:
                    for between in ("", "y", "i"):
                        found.setdefault(word + between + unit, value + amount)
                        found.setdefault(word.removesuffix("a") + between + unit, value + amount)
    for word, value in list(found.items()):
        if 1 <= value < 100 and len(word) > 3:
            found.setdefault("ciento" + word, 100 + value)
    return found


class _Words:
    def __init__(self, words: Sequence[str], values: Mapping[str, float], channel: Channel, *, homophones: bool) -> None:
        self.words, self.values, self.homophones = words, values, homophones
        self.voice = channel is Channel.VOICE

    def at(self, place: int) -> str:
        return self.words[place] if 0 <= place < len(self.words) else ""

    def number(self, place: int) -> Number | None:
        """The number that begins here."""
        word = self.words[place]
        if word in DECADES:
            return Number(DECADES[word], place, place + 1, spoken=True, vague=True)
        if word[0].isdigit():
            return self._digits(place)
        if word == "." and self.at(place + 1).isdigit() and not self.at(place - 1)[:1].isalnum() and len(self.at(place + 1)) == 1:
            return None
        return self._spoken(place)

    # --- digits -------------------------------------------------------------------------------------------------------
    def _digits(self, place: int) -> Number | None:
        word = self.words[place]
        try:
            value = float(word)
        except ValueError:
            return None
        last = place + 1
        if "." in word:
            return self._finished(Number(value, place, last, decimal=True))
        if (spaced := self._spaced(place)) is not None:
            return spaced
        if value < 10 and self.values.get(self.at(last)) == 100:
            return self._spoken(place)
        if self.voice:
            value, last, decimal = self._said_in_digits(value, last)
            if decimal:
                return Number(value, place, last, decimal=True)
        return self._finished(Number(value, place, last))

    def _spaced(self, place: int) -> Number | None:
        """ "1 8 8": three single digits in a row are one number."""
        row = self.words[place : place + 4]
        if len(row) >= 3 and all(len(each) == 1 and each.isdigit() for each in row[:3]) and row[3:4][:1] != ["/"]:
            if len(row) == 4 and row[3].isdigit():
                return None
            return self._finished(Number(float("".join(row[:3])), place, place + 3))
        return None

    def _said_in_digits(self, value: float, last: int) -> tuple[float, int, bool]:
        """A transcript writes "one eighty three" as "1 83", "180 3", "100 and 83" or "1 83.6"."""
        following = self.at(last)
        whole, _, decimals = following.partition(".")
        upper = self.at(last - 3)  # of a pressure: "115/100 and 71"
        lower = upper.isdigit() and float(upper) > value
        if value == 100 and not lower and following in ("and", "y") and self.at(last + 1).isdigit() and 0 < float(self.at(last + 1)) < 100:
            return value + float(self.at(last + 1)), last + 1 + 1, False
        if not whole.isdigit():
            if 1 <= value <= 9 and 10 <= self.values.get(following, 0) < 100:
                below, after = self._below_hundred(last)
                return value * 100 + below, after, False
            if 1 <= value <= 9 and following in ZERO_INSIDE and len(self.at(last + 1)) == 1 and self.at(last + 1).isdigit():
                return value * 100 + float(self.at(last + 1)), last + 2, False
            return value, last, False
        amount = float(following)
        if 1 <= value <= 9 and len(whole) == 2:
            return value * 100 + amount, last + 1, bool(decimals)
        if (
            value >= 20
            and value % 10 == 0
            and value != 100  # "100 1" is a temperature as often
            and len(whole) == 1
            and amount >= 1
            and (decimals or self.at(last + 1) in (*ENDS, "over", "pounds", "point"))
        ):
            return value + amount, last + 1, bool(decimals)
        if value in (100, 200, 300) and len(whole) == 2:
            return value + amount, last + 1, bool(decimals)
        return value, last, False

    # --- words --------------------------------------------------------------------------------------------------------
    def _value(self, place: int) -> float | None:
        """The value of one number word here; None for any other."""
        word = self.at(place)
        if not word:
            return None
        if word in ("siento", "sien"):
            following = self.values.get(self.at(place + 1))
            return 100.0 if following is not None and 10 <= following < 100 else None
        if word == "ciento" and self.at(place - 1) == "por":
            return None
        if word in self.values:
            if self.homophones and self.at(place + 1) in ("tea", "tee", "ty") and 2 <= self.values[word] <= 9:
                return self.values[word] * 10
            return self.values[word]
        if self.voice and word.isdigit() and len(word) <= 2:
            return float(word)
        return None

    def _spoken(self, place: int) -> Number | None:
        start = place
        word = self.words[place]
        if word in ("a", "an") and self.values.get(self.at(place + 1)) == 100:
            place += 1
        elif word in ARTICLES and (self._value(place + 1) is not None or self.at(place + 1)[:1].isdigit()):
            return None
        elif word in ZERO_INSIDE:
            return None
        elif word == "buck" and 10 <= (self._value(place + 1) or 0) < 100:
            below, last = self._below_hundred(place + 1)
            return self._finished(Number(100 + below, place, last, spoken=True))
        elif self._value(place) is None and not word[0].isdigit():
            return self._sounding(place)
        bare_hundred = word == "hundred" and self.at(start - 1) != "a"
        value, last = self._whole(place)
        weak = last == place + 1 and self._weak(place)
        number = Number(value, start, last, spoken=True, weak=weak or (bare_hundred and last == place + 1))
        return self._finished(number)

    def _weak(self, place: int) -> bool:
        word, before, after = self.words[place], self.at(place - 1), self.at(place + 1)
        if word not in ("one", "un", "una", "uno", "won"):
            return False
        if before in ("a", "un", "como", "about", "an"):
            return False
        return before in NOT_A_NUMBER_AFTER or after in NOT_A_NUMBER_BEFORE or after not in ENDS

    def _whole(self, place: int) -> tuple[float, int]:
        """The whole number whose first number word stands at `place`, and the place after it."""
        first = self._value(place)
        if first is None:
            first = float(self.words[place])
        if first >= 100:
            return self._with_hundreds(first, place + 1)
        value, last = self._below_hundred(place)
        if value >= 10:
            return value, last
        following = self._inside(last)
        if following == 100 and value >= 1:
            return self._with_hundreds(value * 100, last + 1)
        if following == 1000 and value >= 1:
            return value * 1000, last + 1
        if value < 1:
            return value, last
        if following is not None and 10 <= following < 100:
            below, after = self._below_hundred(last)
            return value * 100 + below, after
        if (self.at(last) in ZERO_INSIDE or following == 0) and 1 <= (self._inside(last + 1) or 0) <= 9:
            return value * 100 + (self._inside(last + 1) or 0), last + 2
        digits, after = [value], last
        while (unit := self._plain_unit(after)) is not None and len(digits) < 4:
            digits.append(unit)
            after += 1
        tens_follow = 10 <= (self._value(after) or 0) < 100
        if 2 <= len(digits) <= 4 and not tens_follow:
            return float("".join(str(int(digit)) for digit in digits)), after
        return value, last

    def _plain_unit(self, place: int) -> float | None:
        value = self._value(place)
        return value if value is not None and 0 <= value <= 9 and self.at(place) not in ("un", "una", "o", "oh") else None

    def _with_hundreds(self, value: float, place: int) -> tuple[float, int]:
        """Hundreds are said: tens and units may follow, after "and" or "y" too."""
        at = place + 1 if self.at(place) in ("and", "y", "an", "n") else place
        if self.at(at) in ZERO_INSIDE and 1 <= (self._value(at + 1) or 0) <= 9:
            return value + (self._value(at + 1) or 0), at + 2
        following = self._inside(at)
        if following is None or not 1 <= following < 100 or value >= 1000:
            return value, place
        if at > place and self.at(place) == "y" and following < 10 and self.at(at) in ("un", "una"):
            return value, place
        below, last = self._below_hundred(at)
        return value + below, last

    def _below_hundred(self, place: int) -> tuple[float, int]:
        value = self._inside(place) or 0.0
        last = place + 1
        if self.homophones and self.at(last) in ("tea", "tee", "ty") and value >= 10:
            last += 1
        joined = last + 1 if self.at(last) in ("y", "i", "e") else last
        unit = self._unit_after(joined, value)
        if unit is not None:
            return value + unit, joined + 1
        return value, last

    def _unit_after(self, place: int, tens: float) -> float | None:
        joined = self.at(place - 1) in ("y", "i", "e")
        unit = self._value(place)
        if unit is None and self._sounds_inside(place):
            unit = HOMOPHONES[self.at(place)]
        if unit is None or not 1 <= unit <= 9:
            return None
        if self.at(place) in ("un", "una") and not joined:
            return None
        if 20 <= tens < 100 and tens % 10 == 0:
            return unit
        return unit if tens == 10 and joined and unit >= 6 else None

    def _inside(self, place: int) -> float | None:
        value = self._value(place)
        if value is None and self._sounds_inside(place):
            return HOMOPHONES[self.at(place)]
        return value

    def _sounds_inside(self, place: int) -> bool:
        """A sound-alike as the last word of a spoken number: "forty ate over", never "forty for the road"."""
        word, after = self.at(place), self.at(place + 1)
        if not self.homophones or word not in HOMOPHONES or self._value(place + 1) is not None:
            return False
        if word in ("to", "for"):
            return after in ("", "over", "point", ".", ",", "sobre", "pounds")
        return word != "tin"

    def _sounding(self, place: int) -> Number | None:
        """A number that begins with a sound-alike ("won forty", "too ten"), or is one alone ("about a ate")."""
        word = self.words[place]
        if not self.homophones or word not in HOMOPHONES:
            return None
        if self.at(place + 1) in POINT and self._decimals(place + 1) is not None:
            return self._finished(Number(HOMOPHONES[word], place, place + 1, spoken=True))
        following = self._value(place + 1)
        if self.at(place + 1) in ("tea", "tee", "ty") and HOMOPHONES[word] >= 2:
            value, last = HOMOPHONES[word] * 10, place + 2
            if (unit := self._unit_after(last, value)) is not None:
                value, last = value + unit, last + 1
            return self._finished(Number(value, place, last, spoken=True))
        if (following is not None and 10 <= following <= 100 and word not in ("for", "to")) or (word == "to" and place == 0 and following):
            if following == 100:
                value, last = self._with_hundreds(HOMOPHONES[word] * 100, place + 2)
            else:
                below, last = self._below_hundred(place + 1)
                value = HOMOPHONES[word] * 100 + below
            return self._finished(Number(value, place, last, spoken=True))
        alone = len(self.words) <= 4 and self.at(place - 1) not in ("i", "we", "already", "just")
        after_article = self.at(place - 1) in ("a", "an", "about", "say", "its", "like")
        if place == len(self.words) - 1 and word in ALONE and (after_article or (alone and word not in ("to", "for"))):
            return Number(HOMOPHONES[word], place, place + 1, spoken=True, weak=not after_article)
        return None

    # --- fractions ----------------------------------------------------------------------------------------------------
    def _finished(self, number: Number) -> Number:
        """The number with what follows it: decimals, halves, and signs that it is only roughly said."""
        value, last, decimal, unit = number.value, number.last, number.decimal, ""
        if not decimal and (decimals := self._decimals(last)) is not None:
            after_point, last = decimals
            value, decimal = value + float(f"0.{after_point}"), True
        elif not decimal and not number.weak and (part := self._part(last)) is not None:
            amount, last, unit = part
            value, decimal = value + amount, True
        at = last + 1 if self.at(last) in ("y", "and", "-") else last
        vague = self.at(at) in VAGUE and not (at > last and self.at(at) in ("s", "some"))
        low_the = self.at(number.first - 1) == "the" and self.at(number.first - 2) in ("in", "low", "mid", "high", "upper", "lower")
        vague = vague or (low_the and not decimal and self.at(last) in ("range", "area", "zone", *ENDS) and self.at(last) != "")
        return Number(value, number.first, last, decimal, number.spoken, unit, number.weak and not decimal, vague)

    def _decimals(self, place: int) -> tuple[str, int] | None:
        """The digits after "point" or after a full stop with a blank ("178. 4")."""
        word = self.at(place)
        if word in POINT:
            at = place + 1
        elif word in (".", ",") and len(self.at(place + 1)) == 1 and self.at(place + 1).isdigit():
            after = self.at(place + 2)
            return (
                (self.at(place + 1), place + 2)
                if word == "." and (after in ("", ".") or UNITS.get(after) in ("lb", "kg", "degF", "Cel", "%"))
                else None
            )
        else:
            return None
        if self.at(at).isdigit() and len(self.at(at)) <= 2:
            return self.at(at), at + 1
        said = ""
        while len(said) < 3:
            if self.at(at) in ZERO_INSIDE:
                unit: float | None = 0.0
            else:
                unit = self._value(at)
                if unit is None and self.homophones:
                    unit = HOMOPHONES.get(self.at(at))
            if unit is None or unit >= 100 or (said and unit > 9) or (said and self.at(at) in ("un", "una", "to", "for")):
                break
            if unit > 9:
                below, behind = self._below_hundred(at)
                return f"{int(below)}", behind
            said, at = said + str(int(unit)), at + 1
        return (said, at) if said else None

    def _part(self, place: int) -> tuple[float, int, str] | None:
        """A half, a quarter or tenths, perhaps after the unit; None when there is none."""
        unit = (
            self.at(place)
            if UNITS.get(self.at(place)) in ("lb", "kg", "stone", "degF", "Cel") or self.at(place) in ("grados", "degrees")
            else ""
        )
        at = place + 1 if unit else place
        row = [self.at(at + step) for step in range(4)]
        if row[:2] in (["1", "/"], ["3", "/"]) and row[2] in ("2", "4") and not unit:
            return float(row[0]) / float(row[2]), at + 3, unit
        joined = row[0] in ("and", "y", "an", "n", "con")
        if joined:
            at, row = at + 1, [*row[1:], self.at(at + 4)]
        if row[0] in ("a", "an", "un"):
            at, row = at + 1, [*row[1:], ""]
        elif not joined and row[0] not in ("half", "media", "medio"):
            return None
        if row[0] == "half" and (joined or row[1] not in ("a", "an", "of", "way", "the")):
            return 0.5, at + 1, unit
        if row[0] in ("media", "medio") and joined and row[1] in AFTER_HALF:
            return 0.5, at + 1, unit
        if row[0] in ("quarter", "cuarto") and joined:
            return 0.25, at + 1, unit
        if row[:2] in (["three", "quarters"], ["three", "quarter"], ["tres", "cuartos"]) or row[:2] == ["3", "quarters"]:
            return 0.75, at + 2, unit
        if row[1] in TENTHS and (tenths := self._value(at) if not row[0].isdigit() else float(row[0])) and 1 <= tenths <= 9:
            return tenths / 10, at + 2, unit
        return None
