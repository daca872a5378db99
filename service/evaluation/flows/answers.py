"""Every class of answer to a question: the walk gives each of them at every place where it can be given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from service.domain.facts import Facts
from service.domain.reading import Assertion, Channel, Expects, Finding, FindingKind
from service.engine.answers import VALUE_OF
from service.engine.flow import Flow
from service.engine.steps import AskStep
from service.evaluation.flows.leaves import earlier_values, flag_leaves, leaves, measure_of, step_of, threshold_values
from service.triage import Condition

SILENCE = "silence"
UNCLEAR = "asdf qwer"
_WORDS = {
    "en": {"yes": "yes", "no": "no", "unsure": "not sure", "partly": "I took half of it", "forgot": "I don't remember if I took it"},
    "es": {"yes": "sí", "no": "no", "unsure": "no sé", "partly": "tomé solo la mitad", "forgot": "no me acuerdo si la tomé"},
}
_NORMAL = {
    "weight": 180.0,
    "glucose": 120.0,
    "spo2": 97.0,
    "temperature": 98.2,
    "systolic": 122.0,
    "diastolic": 76.0,
    "pulse": 72.0,
    "peak_flow": 400.0,
    "inr": 2.5,
}
"""Readings of an adult that call nobody. Own choice: they only have to lie inside every threshold of the flows."""
_BEYOND = 99_999
"""A number that no measure takes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: words or keys to be read, or findings where words would test the reader instead of the flow."""

    label: str
    text: str = ""
    findings: tuple[Finding, ...] = ()


def answers(flow: Flow, step: AskStep, facts: Facts, now: datetime, channel: Channel) -> tuple[Answer, ...]:
    """Every class of answer to this question from a patient with these facts, silence included, each label once."""
    language = flow.language(facts.language)
    found = [
        *_offered(step, language, channel),
        *_values(flow, step, facts, now),
        *_symptoms(flow, step),
        Answer("unclear", UNCLEAR),
        Answer(SILENCE),
    ]
    unique = {answer.label: answer for answer in found}
    return tuple(unique.values())


def _offered(step: AskStep, language: str, channel: Channel) -> Iterator[Answer]:
    """Yes and no, the options of a choice, doses, and the items of a scale."""
    words = _WORDS.get(language, _WORDS["en"])
    spoken = channel is Channel.VOICE
    match step.expects:
        case Expects.YES_NO | Expects.SYMPTOMS:
            yield Answer("yes", "1" if spoken and step.expects is Expects.YES_NO else words["yes"])
            yield Answer("no", words["no"])
            yield Answer("unsure", words["unsure"])
        case Expects.MEDICATION_TAKEN:
            for label, word in (("taken", "yes"), ("missed", "no"), ("partly", "partly"), ("unsure", "forgot")):
                yield Answer(label, words[word])
        case Expects.CHOICE:
            for number, option in enumerate(step.choices, 1):
                yield Answer(f"option {number}, {option.value}", str(number))
                for word in option.words.get(language, ())[:1]:
                    yield Answer(f"in words, {option.value}", word)
            yield Answer("no such option", "97")
        case Expects.PHQ_ITEM:
            for score in range(4):
                yield Answer(f"score {score}", str(score))
            yield Answer("no such score", "97")
        case Expects.FREE_TEXT:
            yield Answer("nothing", words["no"])


def _values(flow: Flow, step: AskStep, facts: Facts, now: datetime) -> Iterator[Answer]:
    """A usual value, each threshold with the value just over and just under it, and one that cannot be."""
    if step.expects is Expects.COUNT:
        low, high = step.range or (0, 20)
        turns = _turns(flow, step, facts, now, "count") | {low, high}
        yield from (_number(value, 0) for value in sorted(turns) if low <= value <= high)
        yield Answer("implausible", str(_BEYOND))
        return
    if step.expects is Expects.SCALE_0_10:
        yield from (_number(value, 0) for value in range(11))
        yield Answer("implausible", "97")
        return
    measure = VALUE_OF.get(step.expects)
    if measure is None:
        return
    if measure == "blood_pressure":
        yield from _pressures(flow, step, facts, now)
    else:
        digits = 1 if step_of(measure) < 1 else 0
        usual = [*earlier_values(facts, measure, now)[-1:], _NORMAL[measure]]
        yield from (_number(value, digits) for value in [*usual, *sorted(_turns(flow, step, facts, now, measure))] if value > 0)
    yield Answer("implausible", f"{_BEYOND}/{_BEYOND}" if measure == "blood_pressure" else str(_BEYOND))


def _pressures(flow: Flow, step: AskStep, facts: Facts, now: datetime) -> Iterator[Answer]:
    upper, lower = _NORMAL["systolic"], _NORMAL["diastolic"]
    pairs = [(upper, lower)]
    pairs += [(value, min(lower, value - 25)) for value in sorted(_turns(flow, step, facts, now, "systolic"))]
    pairs += [(max(upper, value + 25), value) for value in sorted(_turns(flow, step, facts, now, "diastolic"))]
    yield from (Answer(f"{high:g}/{low:g}", f"{high:g}/{low:g}") for high, low in pairs if low > 0)


def _turns(flow: Flow, step: AskStep, facts: Facts, now: datetime, name: str) -> set[float]:
    """The thresholds of a value, each with its neighbours, in all that judges this step's answer."""
    found: set[float] = set()
    for leaf in _judging(flow, step):
        if leaf.subject == "value" and name in leaf.names:
            for value in threshold_values(leaf, facts, now):
                found |= {round(value - step_of(name), 1), round(value, 1), round(value + step_of(name), 1)}
    return found


def _judging(flow: Flow, step: AskStep) -> Iterator[Condition]:
    yield from flag_leaves(flow, step)
    for other in flow.steps:
        for condition in flow.only_if(other):
            yield from leaves(condition)
    for question in flow.questions:
        if question.key != step.key and any(measure_of(name) == VALUE_OF.get(step.expects) for name in _value_names(flow, question)):
            yield from flag_leaves(flow, question)


def _value_names(flow: Flow, step: AskStep) -> set[str]:
    return {name for leaf in flag_leaves(flow, step) if leaf.subject == "value" for name in leaf.names}


def _number(value: float, digits: int) -> Answer:
    text = f"{value:.{digits}f}"
    return Answer(text, text)


def _symptoms(flow: Flow, step: AskStep) -> Iterator[Answer]:
    """Each symptom that the question names, and each that one of its red flags looks for, in the form that fulfils it."""
    for name in step.about:
        yield Answer(name, findings=(_symptom(name),))
    for leaf in flag_leaves(flow, step):
        if leaf.subject == "symptom":
            forms = [(*leaf.wanted, each) for each in sorted(leaf.wanted_any)] or [tuple(leaf.wanted)]
            for name in sorted(leaf.names - {"*"}):
                for qualifiers in forms:
                    label = " ".join((name, *sorted(qualifiers)))
                    yield Answer(label, findings=(_symptom(name, qualifiers),))
        elif leaf.subject == "reason":
            for name in sorted(leaf.names - {"*"}):
                yield Answer(f"reason {name}", findings=(Finding(FindingKind.MISSED_REASON, name, "walk", (0, 1)),))


def _symptom(name: str, qualifiers: tuple[str, ...] = ()) -> Finding:
    return Finding(FindingKind.SYMPTOM, name, "walk", (0, 1), Assertion.PRESENT, qualifiers=tuple(sorted(qualifiers)))
