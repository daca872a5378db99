"""The value that a question asked for, and values that a reply names by itself ("my sugar was 45"). Never a guess.

Of several readings clues.py chooses: a correction counts; what was told for another day, person or "if" does not; of the rest the
last one said, of two arms the first. A range ("7 or 8", "in the 180s") is no value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from service.domain.reading import Expects, Finding, FindingKind, Measure, Quantity, Question
from service.replies.choice import is_range, mark_measured_apart, preferred, the_one
from service.replies.clues import HARD, Candidate, kept, lean
from service.replies.counted import DAYS, LARGEST_CHANGE_LB, Taken, composed, explained, plain_words
from service.replies.measures import MEASURE_OF, PLAUSIBLE, UNITS, plausible
from service.replies.normalise import Line
from service.replies.numerals import POINT, Number
from service.replies.pressure import pressures
from service.replies.scan import Match
from service.replies.stored import FITTING_UNITS, InUnit, in_stored_unit, unit_of, value_finding

LEAST_GAIN_LB = 3.0
LARGEST_NUMBER = 10_000.0
METER_ENDS = {Measure.GLUCOSE: 600.0}
OVER = frozenset({"over", "above", ">", "past", "exceeds", "beyond"})
SECONDS = frozenset("second seconds sec secs segundo segundos".split())
"""Beats counted for less than a minute are no pulse yet: asked again rather than multiplied."""


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


# --- the value asked for --------------------------------------------------------------------------------------------------
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
            return [value_finding(line, measure, quantity, zero.first, zero.last, "value.zero")], ""
        times = [match for match in matches if match.kind == "marker" and match.name.startswith("count_")]
        if measure is Measure.COUNT and len({match.name for match in times}) == 1 and not vague:
            quantity = Quantity(float(times[0].name[-1]), PLAUSIBLE[measure].unit)
            return [value_finding(line, measure, quantity, times[0].first, times[0].last, times[0].entry.rule)], ""
        return [], "ambiguous" if vague else why
    candidates = [Candidate(reading.number.first, reading.number.last) for reading in readings]
    lean(words, candidates, matches)
    for first, second in pairwise(candidates):
        if first.clues & HARD and is_range(words, first, second):
            second.clues |= first.clues & HARD  # both ends of "goal is 2 to 3"
    mark_measured_apart(words, candidates, numbers, matches, measure, question)
    left = kept(words, candidates, matches, prefer=preferred(measure, question))
    if not left:
        return [], "no_answer"
    if not_yet(matches) and all(c.clues & {"earlier", "earlier_next"} for c in candidates):
        return [], "no_answer"
    chosen = the_one(words, left, candidates, readings, matches, measure)
    if chosen is None:
        return [], "ambiguous"
    reading = readings[candidates.index(chosen)]
    number = reading.number
    found = [value_finding(line, measure, reading.quantity, number.first, number.last, f"value.{measure}")]
    if measure is Measure.WEIGHT:
        found += _gain(line, candidates, readings, chosen, matches)
    return found, ""


def _behind_a_point(line: Line, number: Number) -> bool:
    """The 8 of ".8" or of "point eight", whose whole part was not heard."""
    if not number.first:
        return False
    before = line.tokens[number.first - 1]
    return before.text in POINT or (before.text == "." and before.end == line.tokens[number.first].start)


def _readings(words: Sequence[str], numbers: Sequence[Number], measure: Measure, used: Taken) -> tuple[list[InUnit], bool, str]:
    """Numbers that can be the measure; whether one was only roughly told; and why another was not taken."""
    found: list[InUnit] = []
    weak: list[InUnit] = []
    vague = False
    why = "no_answer"
    usable = [number for number in numbers if number.first not in used]
    position = 0
    while position < len(usable):
        number = usable[position]
        position += 1
        unit = unit_of(words, number)
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
        quantity, reason = in_stored_unit(measure, number, unit)
        if quantity is None:
            why = reason if why == "no_answer" and not number.weak else why
            continue
        (weak if number.weak else found).append(InUnit(number, quantity))
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


def _of_the_question(words: Sequence[str], readings: Sequence[InUnit], question: Question) -> list[InUnit]:
    """Of several counts those of the noun that was asked for ("2 pillows, 1 blanket")."""
    asked = {word for word in plain_words(question.text) if len(word) > 2}
    named = [r for r in readings if r.number.last < len(words) and words[r.number.last] in asked]
    return named or list(readings)


def not_yet(matches: Sequence[Match]) -> bool:
    """True when the reply says that the reading has not been taken today."""
    return any(match.kind == "marker" and match.name == "not_measured" for match in matches)


def _gain(
    line: Line, candidates: Sequence[Candidate], readings: Sequence[InUnit], chosen: Candidate, matches: Sequence[Match]
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
            return value_finding(line, Measure.SCALE, quantity, match.first, match.last, match.entry.rule), ""
    usable = [number for number in numbers if number.first not in used and not number.weak]
    usable = usable or [number for number in numbers if number.first not in used]
    if len(usable) != 1:
        vague = usable or any(match.kind == "answer" for match in matches)
        return None, "ambiguous" if vague else "no_answer"
    number = usable[0]
    if number.value not in (0, 1, 2, 3):
        return None, "implausible"
    quantity = Quantity(number.value, "{score}")
    return value_finding(line, Measure.SCALE, quantity, number.first, number.last, "value.phq_item"), ""


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
            asked in (Measure.SCALE, Measure.COUNT) and unit_of(words, inside[-1]) == "" and not plausible(measure, inside[-1].value)
        ):
            continue
        candidate = Candidate(inside[-1].first, inside[-1].last)
        unit = unit_of(words, inside[-1])
        quantity, _ = in_stored_unit(measure, inside[-1], unit) if unit in (*FITTING_UNITS.get(measure, ("",)), "") else (None, "")
        if quantity is None:
            continue
        used.add(inside[-1].first)
        lean(words, [candidate], matches)
        if candidate.clues & {"if_reading", "not_it", "goal", "someone", "usual"}:
            continue
        found.append(value_finding(line, measure, quantity, inside[-1].first, inside[-1].last, match.entry.rule))
    return found
