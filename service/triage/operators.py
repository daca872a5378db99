"""How one condition is judged: true, false, or unknown when what it needs is not known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from service.domain.facts import Facts
from service.domain.reading import Finding, FindingKind, Question
from service.triage.conditions import Condition
from service.triage.expression import MEASURES, judge_expression
from service.triage.readings import holds_all, judge_value, reading_of
from service.triage.reports import judge_missed_doses_in, judge_missed_in_a_row, judge_symptom_again, judge_total, missed_in_a_week
from service.triage.verdict import NO, UNKNOWN, Told, Verdict, joined, number, plain_name


def judge(
    condition: Condition,
    findings: Sequence[Finding],
    facts: Facts,
    now: datetime,
    question: Question | None = None,
    *,
    by_step: Mapping[str, Sequence[Finding]] | None = None,
    raised: bool | None = None,
) -> Verdict:
    """The verdict on one condition. `now` must be aware (ValueError otherwise); the history is read up to it.

    `facts` must not hold the findings a second time: hand over `facts.before(beginning of the check-in)` with all findings of one.
    `by_step`: what was told to each answered step of the check-in, for conditions that name steps; without it those are unknown.
    `raised`: whether the check-in has raised anything so far, for {raised: nothing}.
    """
    if now.tzinfo is None:
        raise ValueError("now must be an aware datetime")
    return _judge(condition, Told(findings, facts, now, question, by_step, raised))


def _judge(condition: Condition, told: Told) -> Verdict:
    subject = condition.subject
    if subject in ("all_of", "any_of", "none_of"):
        return joined(subject, [_judge(part, told) for part in condition.parts])
    if subject in _JUDGES:
        return _JUDGES[subject](condition, told)
    if subject in _OF_FACTS:
        return Verdict(_OF_FACTS[subject](condition, told))
    kind = FindingKind(subject.removeprefix("kind:")) if subject.startswith("kind:") else _KINDS[subject]
    hits = tuple(finding for finding in told.findings if finding.kind is kind and _fits(condition, finding))
    if not hits:
        return NO
    if condition.within is not None:
        return judge_symptom_again(condition, hits, told)
    figures = {"name": plain_name(hits[0].name)}
    if hits[0].quantity is not None:
        figures |= {"value": number(hits[0].quantity.value), "unit": hits[0].quantity.unit}
    return Verdict(True, hits, figures)


def _fits(condition: Condition, finding: Finding) -> bool:
    qualifiers = frozenset(finding.qualifiers)
    if not condition.any_name and finding.name not in condition.names:
        return False
    if finding.assertion not in condition.assertions:
        return False
    if not condition.wanted <= qualifiers or condition.unwanted & qualifiers:
        return False
    if condition.wanted_any and not condition.wanted_any & qualifiers:
        return False
    if not condition.comparisons:
        return True
    return finding.quantity is not None and holds_all(condition.comparisons, finding.quantity.value)


def _of_step(condition: Condition, told: Told) -> Verdict:
    if told.by_step is None or condition.steps[0] not in told.by_step:
        return UNKNOWN
    return _judge(condition.parts[0], replace(told, findings=told.by_step[condition.steps[0]]))


def _unanswered(condition: Condition, told: Told) -> Verdict:
    return UNKNOWN if told.by_step is None else Verdict(condition.steps[0] not in told.by_step)


def _day(condition: Condition, told: Told) -> Verdict:
    return UNKNOWN if told.facts.day is None else Verdict(holds_all(condition.comparisons, told.facts.day))


def _gone_silent(condition: Condition, told: Told) -> Verdict:
    silent = told.facts.silent_check_ins
    if silent is None:
        return UNKNOWN
    return Verdict(True, (), {"count": str(silent)}) if silent >= condition.times else NO


def _raised(_: Condition, told: Told) -> Verdict:
    return UNKNOWN if told.raised is None else Verdict(not told.raised)


def _expression(condition: Condition, told: Told) -> Verdict:
    values = {name: value for name in MEASURES for finding in told.findings if (value := reading_of(finding, name)) is not None}
    known: dict[str, Any] = {
        "value": values,
        "symptoms": [finding.name for finding in told.findings if finding.kind is FindingKind.SYMPTOM and finding.present],
        "conditions": sorted(told.facts.conditions),
        "missed_7d": missed_in_a_week(told),
        "day": told.facts.day,
    }
    holds = judge_expression(condition.expression, {name: value for name, value in known.items() if value is not None})
    return Verdict(holds, tuple(told.findings) if holds else ())


_KINDS = {
    "symptom": FindingKind.SYMPTOM,
    "medication": FindingKind.MEDICATION,
    "reason": FindingKind.MISSED_REASON,
    "answer": FindingKind.ANSWER,
    "choice": FindingKind.CHOICE,
}
_JUDGES: Mapping[str, Callable[[Condition, Told], Verdict]] = {
    "value": judge_value,
    "missed_in_a_row": judge_missed_in_a_row,
    "missed_doses_in": judge_missed_doses_in,
    "total": judge_total,
    "step": _of_step,
    "unanswered": _unanswered,
    "day": _day,
    "gone_silent": _gone_silent,
    "cel": _expression,
    "raised": _raised,
}
_OF_FACTS: Mapping[str, Callable[[Condition, Told], bool]] = {
    "asked": lambda condition, told: told.question is not None and str(told.question.expects) in condition.names,
    "asked_about": lambda condition, told: told.question is not None and bool(condition.names & {*told.question.symptoms}),
    "condition": lambda condition, told: bool(condition.names & told.facts.conditions),
    "takes": lambda condition, told: bool(condition.names & {*told.facts.medications}),
    "high_alert": lambda _, told: told.facts.high_alert,
    "high_risk": lambda _, told: told.facts.high_risk,
}
