"""The value that a question asked for, and values that a reply names by itself ("my sugar was 45"). Never a guess.

Of several readings clues.py chooses: a correction counts; what was told for another day, person or "if" does not; of the rest the
last one said, of two arms the first. A range ("7 or 8", "in the 180s") is no value.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from service.domain.reading import Expects, Finding, FindingKind, Measure, Quantity, Question
from service.replies.clues import HARD, Candidate, kept, lean
from service.replies.counted import DAYS, LARGEST_CHANGE_LB, Taken, composed, explained, plain_words
from service.replies.measures import (
    CELSIUS,
    MEASURE_OF,
    MG_DL_A_MMOL_L,
    MMOL,
    PLAUSIBLE,
    POUNDS_A_KILOGRAM,
    POUNDS_A_STONE,
    UNITS,
    WHOLE,
    plausible,
)
from service.replies.normalise import Line
from service.replies.numerals import POINT, Number
from service.replies.pressure import pressures
from service.replies.scan import Match

RANGE = frozenset(
    {
        *("-", "to", "or", "o", "u", "a", "al", "hasta", "or maybe", "or like", "o tal vez", "or a", "to a", "o un", "a un", "maybe"),
        *(
            "maybe a",
            ", maybe",
            ", tal vez",
            "tal vez",
            "quizas",
            "o quizas",
            "or even",
            "o hasta",
            "through",
            "or possibly",
            ", or",
            ", o",
        ),
    }
)
"""Words between two numbers for one reading."""
FAR_APART = 20
BETWEEN_RANGE = frozenset({"and", "y", "and a", "y un", "and like", "y los", "and the"})
NOT_IN_RANGE = HARD | {"someone", "earlier"}
CHANGED = frozenset(
    "went gone going down up dropped fell moved improved came come rose jumped"
    " bajo subio paso baje subi pase bajaron brinco bajado subido".split()
)
"""Before "from 8 to 4" these tell of a change whose end is the reading."""
FASTING = re.compile(
    r"fasting|before breakfast|before (you )?eat|morning|wake|woke|ayunas|amanec|despert|levant|manana|antes de (comer|desayun)"
)
AFTER_MEAL = re.compile(
    r"after (a |your )?(meal|eating|breakfast|lunch|dinner)|despues de (comer|desayun|cen|almorz)|bedtime|tonight|noche"
)
ABOUT_PAIN = re.compile(r"\bpain|dolor|hurt|duele")
LEAST_GAIN_LB = 3.0
LARGEST_NUMBER = 10_000.0
METER_ENDS = {Measure.GLUCOSE: 600.0}
OVER = frozenset({"over", "above", ">", "past", "exceeds", "beyond"})
PULSE_APART = 8.0
"""A second bare number on an oximeter this far below the first is the pulse; nearer ones may be either, or two tries of one."""
SECONDS = frozenset("second seconds sec secs segundo segundos".split())
"""Beats counted for less than a minute are no pulse yet: asked again rather than multiplied."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """A number in the stored unit."""

    number: Number
    quantity: Quantity


def values(line: Line, numbers: Sequence[Number], matches: Sequence[Match], question: Question | None) -> tuple[list[Finding], str]:
    """Findings of kind VALUE, and why the asked value is missing: "", no_answer, implausible, ambiguous or ambiguous_unit."""
    words = [token.text for token in line.tokens]
    measure = MEASURE_OF.get(question.expects) if question is not None else None
    numbers = composed(words, numbers, measure)
    used = explained(words, numbers, matches, question)
    found, missing = pressures(
        line, words, numbers, matches, used, asked=measure is Measure.BLOOD_PRESSURE, oximeter=measure is Measure.SPO2,
        pulse_asked=measure is Measure.PULSE,
    )  # fmt: skip
    found += _named(line, words, numbers, matches, measure, used)
    if question is None or measure is None or measure is Measure.BLOOD_PRESSURE:
        return found, missing
    if question.expects is Expects.PHQ_ITEM:
        value, why = _phq(line, numbers, matches, used)
        return ([*found, value] if value is not None else found), why
    asked, why = _asked(line, words, numbers, matches, question, measure, used)
    if not asked and any(finding.name == measure for finding in found):
        return found, ""
    return [*found, *asked], why


# --- units ---------------------------------------------------------------------------------------------------------------
def _finding(line: Line, measure: Measure, quantity: Quantity, first: int, last: int, rule: str) -> Finding:
    return Finding(FindingKind.VALUE, str(measure), rule, line.span(first, last), quantity=quantity)


def _convert(measure: Measure, number: Number, unit: str) -> tuple[Quantity | None, str]:
    """The number in the stored unit, or why not."""
    value, stored = number.value, PLAUSIBLE[measure].unit
    if measure is Measure.WEIGHT and unit == "stone_pounds":
        unit = "stone"
    elif measure is Measure.WEIGHT and unit in ("kg", "stone"):
        value = round(value * (POUNDS_A_KILOGRAM if unit == "kg" else POUNDS_A_STONE), 1)
    elif measure is Measure.GLUCOSE:
        if unit == "mmol/L" or (unit == "" and number.decimal and MMOL[0] <= value <= MMOL[1]):
            value, unit = float(round(value * MG_DL_A_MMOL_L)), "mmol/L"
        elif unit == "" and not number.decimal and MMOL[0] <= value <= MMOL[1]:
            return None, "ambiguous_unit"
    elif measure is Measure.TEMPERATURE and (unit == "Cel" or (unit == "" and CELSIUS[0] <= value <= CELSIUS[1])):
        value, unit = round(value * 9 / 5 + 32, 1), "Cel"
    if not plausible(measure, value) or (measure in WHOLE and not float(value).is_integer()):
        return None, "implausible"
    return Quantity(round(value, 4), stored, stated_unit=unit), ""


def _unit(words: Sequence[str], number: Number) -> str:
    if number.unit:
        return number.unit if number.unit == "stone_pounds" else UNITS.get(number.unit, "")
    after = list(words[number.last : number.last + 4])
    while after[:1] and after[0] in ("degrees", "degree", "grados", "grado", "°", "º", "(", "deg"):
        after = after[1:]
    if after[:2] == ["por", "ciento"] or after[:2] == ["per", "cent"]:
        return "%"
    unit = UNITS.get(after[0], "") if after else ""
    if unit == "mg":
        return "mg/dL"
    return unit if unit not in ("other", "time", "/min") else ""


# --- the value asked for --------------------------------------------------------------------------------------------------
FITTING_UNITS = {
    Measure.WEIGHT: ("", "lb", "kg", "stone", "stone_pounds"),
    Measure.GLUCOSE: ("", "mg/dL", "mmol/L"),
    Measure.SPO2: ("", "%"),
    Measure.TEMPERATURE: ("", "degF", "Cel"),
    Measure.PULSE: ("",),
    Measure.PEAK_FLOW: ("",),
    Measure.INR: ("",),
    Measure.SCALE: ("", "%"),
    Measure.COUNT: ("",),
}


def _asked(
    line: Line,
    words: Sequence[str],
    numbers: Sequence[Number],
    matches: Sequence[Match],
    question: Question,
    measure: Measure,
    used: Taken,
) -> tuple[list[Finding], str]:
    """The asked value as one finding (and a gain of weight that two readings tell), or why there is none."""
    if measure is Measure.PULSE and not SECONDS.isdisjoint(words):
        return [], "ambiguous"
    if measure is Measure.INR:
        numbers = [number for number in numbers if not _behind_a_point(line, number)]
    readings, vague, why = _readings(words, numbers, measure, used)
    if measure is Measure.COUNT:
        none = [match for match in matches if match.kind == "marker" and match.name == "zero"]
        readings = [each for each in readings if not any(match.first < each.number.first < match.last for match in none)]
        readings = _of_the_question(words, readings, question)
    if not readings:
        zero = next((match for match in matches if match.kind == "marker" and match.name == "zero"), None)
        if measure in (Measure.SCALE, Measure.COUNT) and zero is not None and not vague and why == "no_answer":
            quantity = Quantity(0.0, PLAUSIBLE[measure].unit)
            return [_finding(line, measure, quantity, zero.first, zero.last, "value.zero")], ""
        times = [match for match in matches if match.kind == "marker" and match.name.startswith("count_")]
        if measure is Measure.COUNT and len({match.name for match in times}) == 1 and not vague:
            quantity = Quantity(float(times[0].name[-1]), PLAUSIBLE[measure].unit)
            return [_finding(line, measure, quantity, times[0].first, times[0].last, times[0].entry.rule)], ""
        return [], "ambiguous" if vague else why
    candidates = [Candidate(reading.number.first, reading.number.last) for reading in readings]
    lean(words, candidates, matches)
    for first, second in pairwise(candidates):
        if first.clues & HARD and _range(words, first, second):
            second.clues |= first.clues & HARD  # both ends of "goal is 2 to 3"
    _measured_apart(words, candidates, numbers, matches, measure, question)
    left = kept(words, candidates, matches, prefer=_preferred(measure, question))
    if not left:
        return [], "no_answer"
    if not_yet(matches) and all(c.clues & {"earlier", "earlier_next"} for c in candidates):
        return [], "no_answer"
    chosen = _one_of(words, left, candidates, readings, matches, measure)
    if chosen is None:
        return [], "ambiguous"
    reading = readings[candidates.index(chosen)]
    number = reading.number
    found = [_finding(line, measure, reading.quantity, number.first, number.last, f"value.{measure}")]
    if measure is Measure.WEIGHT:
        found += _gain(line, candidates, readings, chosen, matches)
    return found, ""


def _behind_a_point(line: Line, number: Number) -> bool:
    """The 8 of ".8" or of "point eight", whose whole part was not heard."""
    if not number.first:
        return False
    before = line.tokens[number.first - 1]
    return before.text in POINT or (before.text == "." and before.end == line.tokens[number.first].start)


def _readings(words: Sequence[str], numbers: Sequence[Number], measure: Measure, used: Taken) -> tuple[list[_Reading], bool, str]:
    """Numbers that can be the measure; whether one was only roughly told; and why another was not taken."""
    found: list[_Reading] = []
    weak: list[_Reading] = []
    vague = False
    why = "no_answer"
    usable = [number for number in numbers if number.first not in used]
    position = 0
    while position < len(usable):
        number = usable[position]
        position += 1
        unit = _unit(words, number)
        last = number.last
        if (
            measure is Measure.SCALE
            and words[last : last + 1]
            and words[last] in ("/", "out", "de", "sobre", "over", "of", "on", "del", "outta")
        ):
            following = usable[position] if position < len(usable) else None
            if following is not None and following.first - last <= 2 and (following.value == 10 or words[last] in ("/", "out")):
                position += 1
                if following.value != 10:
                    why = "ambiguous" if why == "no_answer" else why
                    continue
                number = replace(number, last=following.last, weak=False)
        if unit not in FITTING_UNITS[measure]:
            continue
        if number.vague:
            vague = True
            continue
        if number.first and words[number.first - 1] in OVER and number.value >= METER_ENDS.get(measure, LARGEST_NUMBER):
            continue
        quantity, reason = _convert(measure, number, unit)
        if quantity is None:
            why = reason if why == "no_answer" and not number.weak else why
            continue
        (weak if number.weak else found).append(_Reading(number, quantity))
    if not found and measure in (Measure.SCALE, Measure.COUNT, Measure.INR):
        found = [each for each in weak if _standing(words, each.number)]
    return found, vague, why


def _standing(words: Sequence[str], number: Number) -> bool:
    """A weak number ("one", "una") that stands where a number would: at an end, or before a counted noun."""
    before = words[number.first - 1] if number.first else ""
    after = words[number.last] if number.last < len(words) else ""
    if before in ("the", "that", "this", "no", "any", "every", "each", "which", "another", "good", "bad", "ese", "cada", "ni"):
        return False
    return after in ("", ".", ",", "!", ";") or UNITS.get(after) == "other" or after in DAYS or number.first == 0


def _of_the_question(words: Sequence[str], readings: Sequence[_Reading], question: Question) -> list[_Reading]:
    """Of several counts those of the noun that was asked for ("2 pillows, 1 blanket")."""
    asked = {word for word in plain_words(question.text) if len(word) > 2}
    named = [r for r in readings if r.number.last < len(words) and words[r.number.last] in asked]
    return named or list(readings)


def _measured_apart(
    words: Sequence[str],
    candidates: Sequence[Candidate],
    numbers: Sequence[Number],
    matches: Sequence[Match],
    measure: Measure,
    question: Question,
) -> None:
    """Numbers with another measure's name ("81 de pulso", "A1c 7.2", pain when distress was asked) are not the reading."""
    names = {"about_other", *(f"about_{each}" for each in Measure)}
    own = f"about_{measure}"
    if measure is Measure.SCALE:
        own = "about_pain" if ABOUT_PAIN.search(" ".join(plain_words(question.text))) else "about_distress"
        names |= {"about_pain", "about_distress"}
    marked = {c.first: Candidate(c.first, c.last) for c in candidates}
    for number in numbers:
        if not any(c.first <= number.first < c.last for c in candidates):
            marked[number.first] = Candidate(number.first, number.last)
    lean(words, [marked[first] for first in sorted(marked)], matches, frozenset(names))
    own_named = any(own in mark.clues for mark in marked.values())
    for candidate in candidates:
        mark = marked[candidate.first]
        others = mark.clues - {own}
        if others and own not in mark.clues and (measure is not Measure.SCALE or own_named or "about_other" in others):
            candidate.clues.add("other_number")


def _preferred(measure: Measure, question: Question) -> str:
    """fasting or after_meal when a glucose question asks for it."""
    if measure is not Measure.GLUCOSE:
        return ""
    text = " ".join(plain_words(question.text))
    if not text or FASTING.search(text):
        return "fasting"
    return "after_meal" if AFTER_MEAL.search(text) else ""


def not_yet(matches: Sequence[Match]) -> bool:
    """True when the reply says that the reading has not been taken today."""
    return any(match.kind == "marker" and match.name == "not_measured" for match in matches)


def _one_of(
    words: Sequence[str],
    left: Sequence[Candidate],
    candidates: Sequence[Candidate],
    readings: Sequence[_Reading],
    matches: Sequence[Match],
    measure: Measure,
) -> Candidate | None:
    """The candidate that counts; None when two stand for one reading. Of several breaths into a peak-flow meter the best one counts."""
    chosen = left[0] if any(m.kind == "marker" and m.name == "both_sides" for m in matches) else left[-1]
    stated = [c for c in left if readings[candidates.index(c)].quantity.stated_unit]
    if len(left) > 1 and stated and len(stated) < len(left) and measure is not Measure.GLUCOSE and not chosen.clues - {"own"}:
        chosen = stated[-1]
    retaken = any(m.kind == "marker" and m.name in ("now", "correction") for m in matches)
    if measure in (Measure.SCALE, Measure.COUNT) and len(left) > 1 and left[0].first == 0 and not retaken and not chosen.clues - {"own"}:
        following = left[1]
        if following.first - left[0].last > FAR_APART or any(word in (".", ",") for word in words[left[0].last : following.first]):
            chosen = left[0]
    place = candidates.index(chosen)
    for other in (place - 1, place + 1):
        if (
            0 <= other < len(candidates)
            and not candidates[other].clues & NOT_IN_RANGE
            and _range(words, candidates[min(other, place)], candidates[max(other, place)])
        ):
            return None
    if measure is Measure.SPO2 and len(left) == 2 and not any(c.clues for c in left):
        return _oximeter(words, left, candidates, readings)
    if measure is Measure.PEAK_FLOW and len(left) > 1 and not any(c.clues - {"own"} for c in left):
        return max(left, key=lambda c: readings[candidates.index(c)].quantity.value)
    if measure is Measure.PULSE and len(left) > 1 and not any(c.clues - {"own"} for c in left):
        told = [readings[candidates.index(c)].quantity.value for c in left]
        return chosen if max(told) - min(told) <= PULSE_APART else None
    if measure is Measure.COUNT and len(left) > 1 and not retaken and left[0].first != 0 and chosen is left[-1]:
        distinct = {readings[candidates.index(c)].quantity.value for c in left}
        return chosen if len(distinct) == 1 or chosen.clues else None
    return chosen


def _range(words: Sequence[str], first: Candidate, second: Candidate) -> bool:
    """ "between 5 and 6", "6 or 7", "8-9": two numbers for one reading; "down from 8 to 4" is none."""
    between = " ".join(words[first.last : second.first])
    before = words[first.first - 1] if first.first else ""
    if before in ("from", "de", "desde") and first.first >= 2 and words[first.first - 2] in CHANGED:
        return False
    if between in RANGE:
        return True
    return between in BETWEEN_RANGE and any(word in ("between", "entre", "tween") for word in words[max(0, first.first - 3) : first.first])


def _oximeter(
    words: Sequence[str], left: Sequence[Candidate], candidates: Sequence[Candidate], readings: Sequence[_Reading]
) -> Candidate | None:
    """Two bare numbers side by side: oxygen and pulse as the oximeter shows them, two tries when they are close, else unclear."""
    first, second = left
    between = list(words[first.last : second.first])
    if len(between) > 1 or (between and between[0] not in ("/", ",", "and", "y", "-", "&")):
        return second
    one, two = (readings[candidates.index(c)].quantity.value for c in left)
    if abs(one - two) <= PULSE_APART:
        return second
    return first if one >= 85 and one > two else None


def _gain(
    line: Line, candidates: Sequence[Candidate], readings: Sequence[_Reading], chosen: Candidate, matches: Sequence[Match]
) -> list[Finding]:
    """Weight gain that two readings tell: "205, yesterday 201"."""
    now = readings[candidates.index(chosen)].quantity.value
    periods = sorted({match.name for match in matches if match.kind == "qualifier" and match.name.startswith("within_")})
    for candidate, reading in zip(candidates, readings, strict=True):
        told = candidate.clues & {"earlier", "earlier_next"} and not candidate.clues & {
            "someone",
            "if_reading",
            "not_it",
            "other_number",
            "goal",
        }
        gain = round(now - reading.quantity.value, 1)
        if candidate is not chosen and told and periods and LEAST_GAIN_LB <= gain <= LARGEST_CHANGE_LB:
            quantity = Quantity(gain, "lb")
            span = line.span(candidate.first, candidate.last)
            return [Finding(FindingKind.SYMPTOM, "weight_gain", "value.gain", span, quantity=quantity, qualifiers=tuple(periods))]
    return []


def _phq(line: Line, numbers: Sequence[Number], matches: Sequence[Match], used: Taken) -> tuple[Finding | None, str]:
    """0-3, in digits or in the words of the four answers; "sometimes" or a bare yes is none of them, a bare no is "not at all"."""
    scores = [match for match in matches if match.kind == "marker" and match.name.startswith("phq_")]
    if any(match.name == "phq_vague" for match in scores):
        return None, "ambiguous"
    for match in scores:
        if match.name[-1].isdigit():
            quantity = Quantity(float(match.name[-1]), "{score}")
            return _finding(line, Measure.SCALE, quantity, match.first, match.last, match.entry.rule), ""
    usable = [number for number in numbers if number.first not in used and not number.weak]
    usable = usable or [number for number in numbers if number.first not in used]
    if len(usable) != 1:
        vague = usable or any(match.kind == "answer" for match in matches)
        return None, "ambiguous" if vague else "no_answer"
    number = usable[0]
    if number.value not in (0, 1, 2, 3):
        return None, "implausible"
    quantity = Quantity(number.value, "{score}")
    return _finding(line, Measure.SCALE, quantity, number.first, number.last, "value.phq_item"), ""


# --- values that a reply names by itself -----------------------------------------------------------------------------------
def _named(
    line: Line,
    words: Sequence[str],
    numbers: Sequence[Number],
    matches: Sequence[Match],
    asked: Measure | None,
    used: Taken,
) -> list[Finding]:
    """Values with their measure's name beside them, whatever was asked."""
    found: list[Finding] = []
    for match in matches:
        if match.kind != "marker" or not match.name.startswith("named_"):
            continue
        measure = Measure(match.name.removeprefix("named_"))
        if measure is asked or measure is Measure.BLOOD_PRESSURE:
            continue
        inside = [n for n in numbers if match.first <= n.first < match.last and n.first not in used and not n.vague and not n.weak]
        if not inside or (
            asked in (Measure.SCALE, Measure.COUNT) and _unit(words, inside[-1]) == "" and not plausible(measure, inside[-1].value)
        ):
            continue
        candidate = Candidate(inside[-1].first, inside[-1].last)
        unit = _unit(words, inside[-1])
        quantity, _ = _convert(measure, inside[-1], unit) if unit in (*FITTING_UNITS.get(measure, ("",)), "") else (None, "")
        if quantity is None:
            continue
        used.add(inside[-1].first)
        lean(words, [candidate], matches)
        if candidate.clues & {"if_reading", "not_it", "goal", "someone", "usual"}:
            continue
        found.append(_finding(line, measure, quantity, inside[-1].first, inside[-1].last, match.entry.rule))
    return found
