"""The value that a question asked for, and values that a reply names by itself ("my sugar was 45"). Never a guess.

Several readings: a correction counts; "before" (fasting) counts for glucose; else the last one said; of two arms the first.
"""

from __future__ import annotations

from collections.abc import Sequence

from service.domain.reading import Expects, Finding, FindingKind, Measure, Quantity, Question
from service.replies.measures import (
    CELSIUS,
    MEASURE_OF,
    MG_DL_A_MMOL_L,
    MMOL,
    PLAUSIBLE,
    POUNDS_A_KILOGRAM,
    POUNDS_A_STONE,
    UNITS,
    plausible,
)
from service.replies.normalise import Line
from service.replies.numerals import Number
from service.replies.pressure import pressures
from service.replies.scan import Match

Taken = set[int]
"""Numbers (by their first word) that something else explains."""


def values(line: Line, numbers: Sequence[Number], matches: Sequence[Match], question: Question | None) -> tuple[list[Finding], str]:
    """Findings of kind VALUE, and why the asked value is missing: "", no_answer, implausible, ambiguous or ambiguous_unit."""
    words = [token.text for token in line.tokens]
    measure = MEASURE_OF.get(question.expects) if question is not None else None
    used = _explained(words, numbers, matches)
    found, missing = pressures(line, words, numbers, matches, used, asked=measure is Measure.BLOOD_PRESSURE)
    found += _named(line, words, numbers, matches, measure, used)
    if question is None or measure is None or measure is Measure.BLOOD_PRESSURE:
        return found, missing
    if question.expects is Expects.PHQ_ITEM:
        value, why = _phq(line, numbers, matches, used)
    else:
        value, why = _asked(line, words, numbers, matches, measure, used)
    if value is None and any(finding.name == measure for finding in found):
        return found, ""
    return ([*found, value] if value is not None else found), why


def _explained(words: Sequence[str], numbers: Sequence[Number], matches: Sequence[Match]) -> Taken:
    """Numbers inside other findings (up 3, 14 units, for 2 days, took it at 8), which are no readings."""
    used: Taken = set()
    for number in numbers:
        after = words[number.last] if number.last < len(words) else ""
        before = words[number.first - 1] if number.first else ""
        unit = UNITS.get(after, "")
        lower_label = after == "dia" and words[number.last + 1 : number.last + 2] != [] and words[number.last + 1][0].isdigit()
        if lower_label:
            continue
        if unit == "time" and not (after == "min" and before == "pulse"):
            used.add(number.first)
        elif unit == "other" or (
            unit == "mg" and words[number.last + 1 : number.last + 3] != ["/", "dl"] and words[number.last + 1 : number.last + 2] != ["dl"]
        ):
            used.add(number.first)
        elif after == ":" and number.last + 1 < len(words) and words[number.last + 1].isdigit():
            used.update((number.first, number.last + 1))
    for match in matches:
        if match.kind == "marker" and match.name in ("change", "not_a_reading"):
            used.update(number.first for number in numbers if match.first <= number.first < match.last)
    return used


def _finding(line: Line, measure: Measure, quantity: Quantity, first: int, last: int, rule: str) -> Finding:
    return Finding(FindingKind.VALUE, str(measure), rule, line.span(first, last), quantity=quantity)


def _convert(measure: Measure, number: Number, unit: str) -> tuple[Quantity | None, str]:
    """The number in the stored unit, or why not."""
    value, stored = number.value, PLAUSIBLE[measure].unit
    if measure is Measure.WEIGHT and unit in ("kg", "stone"):
        value = round(value * (POUNDS_A_KILOGRAM if unit == "kg" else POUNDS_A_STONE), 1)
    elif measure is Measure.GLUCOSE:
        if unit == "mmol/L" or (unit == "" and number.decimal and MMOL[0] <= value <= MMOL[1]):
            value, unit = float(round(value * MG_DL_A_MMOL_L)), "mmol/L"
        elif unit == "" and not number.decimal and MMOL[0] <= value <= MMOL[1]:
            return None, "ambiguous_unit"
    elif measure is Measure.TEMPERATURE and (unit == "Cel" or (unit == "" and CELSIUS[0] <= value <= CELSIUS[1])):
        value, unit = round(value * 9 / 5 + 32, 1), "Cel"
    if not plausible(measure, value):
        return None, "implausible"
    return Quantity(value, stored, stated_unit=unit), ""


def _unit(words: Sequence[str], number: Number) -> str:
    after = words[number.last : number.last + 3]
    if after[:1] in (["degrees"], ["grados"], ["°"], ["º"]):
        after = after[1:]
    unit = UNITS.get(after[0], "") if after else ""
    if unit == "mg":
        return "mg/dL"
    return unit if unit not in ("other", "time", "/min") else ""


def _asked(
    line: Line, words: Sequence[str], numbers: Sequence[Number], matches: Sequence[Match], measure: Measure, used: Taken
) -> tuple[Finding | None, str]:
    candidates: list[tuple[Number, Quantity]] = []
    why = "no_answer"
    position = 0
    usable = [number for number in numbers if number.first not in used]
    while position < len(usable):
        number = usable[position]
        position += 1
        unit = _unit(words, number)
        last = number.last
        if measure is Measure.WEIGHT and unit == "stone":
            following = usable[position] if position < len(usable) else None
            pounds = 0.0
            if following is not None and following.first - number.last <= 3 and following.value < 14:
                pounds, last, position = following.value, following.last, position + 1
            number = Number(number.value * POUNDS_A_STONE + pounds, number.first, last, number.decimal)
            quantity: Quantity | None = Quantity(number.value, "lb", stated_unit="stone") if plausible(measure, number.value) else None
            reason = "" if quantity else "implausible"
        elif measure is Measure.SCALE and words[last : last + 1] in (["/"], ["out"], ["de"], ["sobre"], ["over"]):
            quantity, reason = _convert(measure, number, unit)
            if position < len(usable) and usable[position].value == 10 and usable[position].first - last <= 2:
                last, position = usable[position].last, position + 1
        elif measure is Measure.SPO2 and unit not in ("", "%"):
            quantity, reason = None, why
        else:
            quantity, reason = _convert(measure, number, unit)
        if quantity is None:
            why = reason if why == "no_answer" else why
            continue
        candidates.append((Number(number.value, number.first, last, number.decimal), quantity))
    if not candidates:
        zero = next((match for match in matches if match.kind == "marker" and match.name == "zero"), None)
        if measure in (Measure.SCALE, Measure.COUNT) and zero is not None and not usable:
            quantity = Quantity(0.0, PLAUSIBLE[measure].unit)
            return _finding(line, measure, quantity, zero.first, zero.last, "value.zero"), ""
        return None, why
    if measure in (Measure.SCALE, Measure.WEIGHT, Measure.GLUCOSE, Measure.SPO2) and _range(words, candidates):
        return None, "ambiguous"
    number, quantity = _choose(words, candidates, matches, measure)
    return _finding(line, measure, quantity, number.first, number.last, f"value.{measure}"), ""


def _range(words: Sequence[str], candidates: Sequence[tuple[Number, Quantity]]) -> bool:
    """ "between 5 and 6", "6 or 7", "8-9": two numbers for one reading."""
    if len(candidates) != 2:
        return False
    (first, _), (second, _) = candidates
    between = list(words[first.last : second.first])
    if between in (["-"], ["to"], ["or"], ["o"], ["a"]):
        return True
    return between in (["and"], ["y"]) and first.first > 0 and words[first.first - 1] in ("between", "entre")


def _choose(
    words: Sequence[str],
    candidates: Sequence[tuple[Number, Quantity]],
    matches: Sequence[Match],
    measure: Measure,
) -> tuple[Number, Quantity]:
    markers = [match for match in matches if match.kind == "marker"]
    others = [match for match in markers if match.name == "others_reading"]
    kept = [c for c in candidates if not any(o.first <= c[0].first < o.last for o in others)] or list(candidates)
    corrections = [match.last for match in markers if match.name == "correction"]
    if corrections and (after := [c for c in kept if c[0].first >= corrections[-1]]):
        return after[0]
    if measure is Measure.GLUCOSE and (fasting := [m for m in markers if m.name == "fasting"]) and len(kept) > 1:
        return min(kept, key=lambda c: min(_distance(c[0], mark) for mark in fasting))
    if any(match.name == "both_sides" for match in markers):
        return kept[0]
    current = [match for match in markers if match.name == "now"]
    earlier = [match for match in markers if match.name == "earlier"]
    if len(kept) > 1 and current and any(_distance(c[0], m) <= 1 for c in kept for m in current):
        return min(kept, key=lambda c: min((_distance(c[0], mark), c[0].first < mark.first) for mark in current))
    if len(kept) > 1 and earlier:
        last = kept[-1]
        nearest = max(kept, key=lambda c: min(_distance(c[0], mark) for mark in earlier))
        return nearest if min(_distance(last[0], mark) for mark in earlier) <= 2 else last
    stated = [c for c in kept if c[1].stated_unit]
    if stated and len(stated) < len(kept) and measure is not Measure.GLUCOSE:
        return stated[-1]
    return kept[-1]


def _distance(number: Number, mark: Match) -> int:
    return max(mark.first - number.last, number.first - mark.last, 0)


def _phq(line: Line, numbers: Sequence[Number], matches: Sequence[Match], used: Taken) -> tuple[Finding | None, str]:
    """0-3, in digits or in the words of the four answers."""
    for match in matches:
        if match.kind == "marker" and match.name.startswith("phq_"):
            quantity = Quantity(float(match.name[-1]), "{score}")
            return _finding(line, Measure.SCALE, quantity, match.first, match.last, match.entry.rule), ""
    usable = [number for number in numbers if number.first not in used]
    if len(usable) != 1:
        return None, "ambiguous" if usable else "no_answer"
    number = usable[0]
    if number.value not in (0, 1, 2, 3):
        return None, "implausible"
    quantity = Quantity(number.value, "{score}")
    return _finding(line, Measure.SCALE, quantity, number.first, number.last, "value.phq_item"), ""


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
        inside = [n for n in numbers if match.first <= n.first < match.last and n.first not in used]
        if not inside:
            continue
        quantity, _ = _convert(measure, inside[-1], _unit(words, inside[-1]))
        if quantity is not None:
            used.add(inside[-1].first)
            found.append(_finding(line, measure, quantity, inside[-1].first, inside[-1].last, match.entry.rule))
    return found
