"""How one condition is judged: true, false, or unknown when what it needs is not known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from service.domain.reading import Finding, FindingKind
from service.triage.condition import KIND_OF, Condition
from service.triage.expression import MEASURES, judge_expression
from service.triage.readings import holds_all, judge_value
from service.triage.records import judge_recorded
from service.triage.reports import judge_missed_doses_in, judge_missed_in_a_row, judge_symptom_again, judge_total, missed_in_a_week
from service.triage.told import Told
from service.triage.verdict import NO, UNKNOWN, YES, Verdict, number, plain_name, together


def judge(condition: Condition, told: Told) -> Verdict:
    """The verdict on one condition; one that needs what was not told is false without a further look."""
    if not condition.may_hold(told.keys):
        return NO
    subject = condition.subject
    if subject in _JUDGES:
        return _JUDGES[subject](condition, told)
    if subject in _OF_FACTS:
        return Verdict(_OF_FACTS[subject](condition, told))
    hits = tuple(finding for finding in told.findings if finding.kind is KIND_OF[subject] and _fits(condition, finding))
    if not hits:
        return NO
    if condition.within is not None:
        return judge_symptom_again(condition, hits, told)
    figures = {"name": plain_name(hits[0].name)}
    if hits[0].quantity is not None:
        figures |= {"value": number(hits[0].quantity.value), "unit": hits[0].quantity.unit}
    return Verdict(True, hits, figures)


def _all_of(condition: Condition, told: Told) -> Verdict:
    verdicts = []
    for part in condition.parts:
        verdict = judge(part, told)
        if verdict.holds is False:
            return NO
        verdicts.append(verdict)
    return UNKNOWN if any(verdict.holds is None for verdict in verdicts) else together(verdicts)


def _any_of(condition: Condition, told: Told) -> Verdict:
    verdicts = [judge(part, told) for part in condition.parts]
    true = [verdict for verdict in verdicts if verdict.holds]
    if true:
        return together(true)
    return UNKNOWN if any(verdict.holds is None for verdict in verdicts) else NO


def _none_of(condition: Condition, told: Told) -> Verdict:
    holds = [judge(part, told).holds for part in condition.parts]
    return NO if True in holds else UNKNOWN if None in holds else YES


def _fits(condition: Condition, finding: Finding) -> bool:
    if not condition.any_name and finding.name not in condition.names:
        return False
    if finding.assertion not in condition.assertions:
        return False
    qualifiers = frozenset(finding.qualifiers)
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
    return judge(condition.parts[0], told.about(told.by_step[condition.steps[0]], told.question))


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
    values = {name: value for name in MEASURES for _, value in told.readings(name)}
    known: dict[str, Any] = {
        "value": values,
        "symptoms": [finding.name for finding in told.findings if finding.kind is FindingKind.SYMPTOM and finding.present],
        "conditions": sorted(told.facts.conditions),
        "missed_7d": missed_in_a_week(told),
        "day": told.facts.day,
    }
    holds = judge_expression(condition.expression, {name: value for name, value in known.items() if value is not None})
    return Verdict(holds, tuple(told.findings) if holds else ())


_JUDGES: Mapping[str, Callable[[Condition, Told], Verdict]] = {
    "all_of": _all_of,
    "any_of": _any_of,
    "none_of": _none_of,
    "value": judge_value,
    "missed_in_a_row": judge_missed_in_a_row,
    "missed_doses_in": judge_missed_doses_in,
    "recorded": judge_recorded,
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
