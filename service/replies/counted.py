"""Numbers before they are readings: put together when they were said in parts, and left out when something else explains them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from service.domain.reading import Expects, Measure, Question
from service.replies.measures import (
    CELSIUS,
    LITERS,
    OUNCES_A_POUND,
    POUNDS_A_KILOGRAM,
    POUNDS_A_STONE,
    UNITS,
    plausible,
)
from service.replies.numerals import Number
from service.replies.scan import Match

SHORT = 4
"""Words of a reply in which "112 mg" can only be the glucose asked for, not a dose."""
Taken = set[int]
"""Numbers (by their first word) that something else explains."""
MONEY = frozenset({"$", "€", "#"})
HOURS = 24.0
DAYS = frozenset("day days night nights dia dias noche noches".split())
"""What is counted when a question asks for days; elsewhere such a number tells how long."""
WEEKLY = DAYS | {"diario", "semana", "week"}
EVERY = frozenset("every each cada hace".split())
LARGEST_CHANGE_LB = 60.0
"""A larger number beside "up" or "down" is the weight itself ("up to 182")."""


# --- numbers said in parts ------------------------------------------------------------------------------------------------
def composed(words: Sequence[str], numbers: Sequence[Number], measure: Measure | None) -> list[Number]:
    """Numbers of two parts as one: "98 6" of a temperature, "12 st 4", "154 lb 8 oz", "81 kilos 500", "38 con 5"."""
    found: list[Number] = []
    for number in numbers:
        previous = found[-1] if found else None
        whole = previous is not None and not previous.decimal and not number.decimal
        made = _together(words, previous, number, measure) if previous is not None and whole else None
        if made is not None:
            found[-1] = made
        else:
            found.append(number)
    return found


def _together(words: Sequence[str], first: Number, second: Number, measure: Measure | None) -> Number | None:
    between = list(words[first.last : second.first])
    after = words[second.last] if second.last < len(words) else ""
    value = 0.0
    unit = UNITS.get(between[0], "") if between else ""
    joined = [word for word in between[1:] if word not in ("and", "y", "con", ",", "with")]
    if after in ("oz", "ounces", "ounce", "onzas", "onza") and measure in (Measure.WEIGHT, None) and second.value < OUNCES_A_POUND:
        rest = joined if unit == "lb" else [word for word in between if word not in ("and", "y", "con", ",")]
        if not rest and plausible(Measure.WEIGHT, first.value):
            return Number(first.value + second.value / OUNCES_A_POUND, first.first, second.last + 1, True, first.spoken, "lb")
    if unit == "kg" and not joined and second.value in range(50, 1000, 50) and measure in (Measure.WEIGHT, None):
        last = second.last + 1 if after in ("gramos", "g", "gr", "grams") else second.last
        return Number(first.value + second.value / 1000, first.first, last, True, first.spoken, "kg")
    if unit == "stone" and not joined and second.value < POUNDS_A_STONE and measure in (Measure.WEIGHT, None) and after not in ("oz",):
        last = second.last + 1 if UNITS.get(after) == "lb" else second.last
        return Number(first.value * POUNDS_A_STONE + second.value, first.first, last, True, first.spoken, "stone_pounds")
    single = 0 <= second.value <= 9 and second.last == second.first + 1 and not second.weak
    if not single or UNITS.get(after) in ("time", "other", "mg") or after in ("/", "over", "out", "de"):
        return None
    value = first.value + second.value / 10
    if measure is Measure.TEMPERATURE and between in ([], ["con"], ["y"], ["-"]):
        fits = 93 <= first.value <= 109 or CELSIUS[0] <= first.value < CELSIUS[1]
        return Number(value, first.first, second.last, True, first.spoken) if fits else None
    in_pounds = first.value * (POUNDS_A_KILOGRAM if UNITS.get(after) == "kg" else 1)
    if measure is Measure.INR and between == ["con"] and 1 <= first.value <= 9:
        return Number(value, first.first, second.last, True, first.spoken)
    beside = between == ["con"] or (between == [] and first.spoken and second.spoken)
    if measure is Measure.WEIGHT and beside and plausible(Measure.WEIGHT, in_pounds):
        return Number(value, first.first, second.last, True, first.spoken)
    return None


# --- numbers that are no readings -----------------------------------------------------------------------------------------
def explained(words: Sequence[str], numbers: Sequence[Number], matches: Sequence[Match], question: Question | None) -> Taken:
    """Numbers inside other findings (up 3, 14 units, for 2 days, took it at 8, telephones, dollars), which are no readings."""
    used: Taken = set()
    counting = question is not None and question.expects is Expects.COUNT
    blown = question is not None and question.expects is Expects.PEAK_FLOW
    asked_about = plain_words(question.text) if question is not None and counting else []
    counted = {n.first for n in numbers if n.last < len(words) and _counts(words, n, asked_about)}
    for number in numbers:
        if number.first in counted:
            continue
        after = words[number.last] if number.last < len(words) else ""
        behind = words[number.last + 1] if number.last + 1 < len(words) else ""
        before = words[number.first - 1] if number.first else ""
        unit = "" if number.unit else UNITS.get(after, "")
        if ((after == "dia" or after == "hr") and behind[:1].isdigit()) or (blown and after in LITERS):
            continue
        if after == "st" and (question is None or question.expects is not Expects.WEIGHT_LB):
            used.add(number.first)
        elif unit == "time" and not (after == "min" and before == "pulse"):
            used.add(number.first)
        elif (
            unit == "mg"
            and question is not None
            and question.expects is Expects.GLUCOSE_MG_DL
            and len(numbers) == 1
            and len(words) <= SHORT
        ):
            continue
        elif unit == "mg" and "dl" not in (behind, words[number.last + 2] if number.last + 2 < len(words) else ""):
            used.add(number.first)
        elif (unit == "other" and not counting) or before in MONEY:
            used.add(number.first)
        elif after == ":" and behind.isdigit() and len(behind) == 2 and number.value < 24 and float(behind) < 60:
            used.update((number.first, number.last + 1))
        elif after in ("a", "p") and words[number.last + 1 : number.last + 3] == [".", "m"]:
            used.add(number.first)
        if (
            number.last - number.first == 1
            and after in ("-", ".")
            and len(behind) == 4
            and behind.isdigit()
            and len(words[number.first]) == 3
        ):
            used.update((number.first, number.last + 1))
            if before in ("-", ")", "."):
                used.add(number.first - 2)
    for match in matches:
        if match.kind != "marker" or match.name not in ("change", "not_a_reading", "clock"):
            continue
        for number in numbers:
            if match.first <= number.first < match.last and number.first not in counted:
                if blown and number.last < len(words) and words[number.last] in LITERS:
                    continue
                if match.name == "clock" and (number.value > HOURS or number.decimal):
                    continue
                if match.name == "change" and (number.value > LARGEST_CHANGE_LB or number.unit == "stone_pounds"):
                    continue
                used.add(number.first)
    return used


def plain_words(text: str) -> list[str]:
    """The words of a question, in their order, in small letters without accents."""
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", text).casefold() if not unicodedata.combining(sign))
    return re.findall(r"[a-z]+", plain)


def _counts(words: Sequence[str], number: Number, asked_about: Sequence[str]) -> bool:
    """True for a number before the noun that was asked for, or before days when days were ("2 days", "un dia"), unless it tells when."""
    noun = words[number.last]
    if noun in DAYS:
        before = words[number.first - 1] if number.first else ""
        when = words[number.last + 1 : number.last + 2] in (["ago"], ["atras"], ["before"], ["antes"]) or before in EVERY
        return not when and not WEEKLY.isdisjoint(asked_about)
    return noun in asked_about and len(noun) > 2
