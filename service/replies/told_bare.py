"""A temperature or a low sugar told by its number alone to a question about it: "100.4 last night", "yes, 48"."""

from __future__ import annotations

from collections.abc import Sequence

from service.domain.reading import Expects, Finding, FindingKind, Measure, Quantity, Question, Span
from service.replies.clues import Candidate, lean
from service.replies.counted import composed, explained
from service.replies.measures import CELSIUS, PLAUSIBLE, UNITS, plausible
from service.replies.normalise import Line
from service.replies.numerals import Number
from service.replies.scan import Match

FEVER_F = 100.4
"""From here on a temperature is a fever (label rules)."""
LOW_SUGAR = (20.0, 70.0)
"""mg/dL: what a meter can show, and below what sugar is low. Other numbers beside a yes to low sugar may be anything ("yes, 2")."""
WARM_F = (99.0, 107.0)
"""Whole numbers beside a question about fever, and decimals beside any question about symptoms, are temperatures in this range."""
WARM_C = (37.5, CELSIUS[1])
"""The same in Celsius, decimals only. Nobody's other home reading has a decimal there."""
NOT_NOW = frozenset({"if_reading", "not_it", "goal", "someone", "usual"})
ELSEWHERE = frozenset({"about_other", *(f"about_{measure}" for measure in Measure)})


def bare_values(
    line: Line,
    numbers: Sequence[Number],
    matches: Sequence[Match],
    question: Question | None,
    about: frozenset[str],
    found: Sequence[Finding],
) -> list[Finding]:
    """VALUE findings (degF, mg/dL) of numbers without a name, and SYMPTOM fever when symptoms were asked; [] for other questions.

    `about` are the topics of the question, `found` the values that are read already.
    """
    if question is None or question.expects not in (Expects.YES_NO, Expects.SYMPTOMS):
        return []
    words = [token.text for token in line.tokens]
    numbers = composed(words, numbers, None)
    used = explained(words, numbers, matches, question)
    taken = [finding.span for finding in found]
    read: list[Finding] = []
    for number in numbers:
        span = line.span(number.first, number.last)
        if number.first in used or number.vague or number.weak or any(start < span[1] and span[0] < end for start, end in taken):
            continue
        unit = UNITS.get(words[number.last], "") if number.last < len(words) else ""
        fahrenheit = _fahrenheit(number.value, unit, decimal=number.decimal, asked="fever" in about)
        if fahrenheit is not None and _is_it(words, number, matches, "about_temperature"):
            read += _temperature(fahrenheit, unit, span, symptoms=question.expects is Expects.SYMPTOMS)
        elif "low_sugar" in about and _low_sugar(number, unit) and _is_it(words, number, matches, "about_glucose"):
            quantity = Quantity(number.value, PLAUSIBLE[Measure.GLUCOSE].unit)
            read.append(Finding(FindingKind.VALUE, str(Measure.GLUCOSE), "value.told_bare", span, quantity=quantity))
    return read


def _low_sugar(number: Number, unit: str) -> bool:
    return unit in ("", "mg") and not number.decimal and LOW_SUGAR[0] <= number.value < LOW_SUGAR[1]


def _fahrenheit(value: float, unit: str, *, decimal: bool, asked: bool) -> float | None:
    """The temperature in degrees Fahrenheit, None when the number is none."""
    if unit not in ("", "degF", "Cel"):
        return None
    if unit != "Cel" and WARM_F[0] <= value < WARM_F[1] and (decimal or asked):
        return value
    if unit != "degF" and decimal and WARM_C[0] <= value <= WARM_C[1]:
        return round(value * 9 / 5 + 32, 1)
    return value if asked and decimal and unit != "Cel" and plausible(Measure.TEMPERATURE, value) else None


def _is_it(words: Sequence[str], number: Number, matches: Sequence[Match], own: str) -> bool:
    """False for a number that is said to be a goal, somebody else's, or another measure's."""
    candidate = Candidate(number.first, number.last)
    lean(words, [candidate], matches)
    named = Candidate(number.first, number.last)
    lean(words, [named], matches, ELSEWHERE)
    return not candidate.clues & NOT_NOW and not (named.clues & ELSEWHERE) - {own}


def _temperature(fahrenheit: float, unit: str, span: Span, *, symptoms: bool) -> list[Finding]:
    quantity = Quantity(fahrenheit, PLAUSIBLE[Measure.TEMPERATURE].unit, stated_unit=unit)
    value = Finding(FindingKind.VALUE, str(Measure.TEMPERATURE), "value.told_bare", span, quantity=quantity)
    fever = [Finding(FindingKind.SYMPTOM, "fever", "value.told_bare", span)] if symptoms and fahrenheit >= FEVER_F else []
    return [value, *fever]
