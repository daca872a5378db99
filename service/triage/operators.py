"""How one condition is judged: true, false, or unknown when the reading it compares with is not in the history."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import ge, gt, le, lt
from typing import Any

from service.domain.facts import Facts, PastValue
from service.domain.reading import Finding, FindingKind, Measure, Question
from service.triage.conditions import PRESSURE_PARTS, Change, Condition
from service.triage.units import parse_amount

SLACK = timedelta(hours=12)
"""Patients weigh themselves at about, not exactly, the same hour: yesterday's weight still counts for "within 24 h" at
36 h, and one of seven and a half days ago for "within 7 d". Own choice; without it a reading at 8:30 would miss 8:00."""
COMPARE: Mapping[str, Callable[[float, float], bool]] = {"at_least": ge, "above": gt, "below": lt, "at_most": le}
UPWARD = frozenset({"at_least", "above"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """True, false or None (unknown), with the findings it rests on and the figures for the reason."""

    holds: bool | None
    findings: tuple[Finding, ...] = ()
    figures: Mapping[str, str] = field(default_factory=dict)


NO = Verdict(False)


def judge(condition: Condition, findings: Sequence[Finding], facts: Facts, now: datetime, question: Question | None = None) -> Verdict:
    """The verdict on one condition. `now` must be aware (ValueError otherwise); the history is read up to it."""
    if now.tzinfo is None:
        raise ValueError("now must be an aware datetime")
    subject = condition.subject
    if subject in ("all_of", "any_of", "none_of"):
        return _joined(subject, [judge(part, findings, facts, now, question) for part in condition.parts])
    if subject == "value":
        return _value(condition, findings, facts, now)
    if subject in _OF_FACTS:
        return Verdict(_OF_FACTS[subject](condition, facts, question))
    kind = FindingKind(subject.removeprefix("kind:")) if subject.startswith("kind:") else _KINDS[subject]
    hits = tuple(finding for finding in findings if finding.kind is kind and _fits(condition, finding))
    if not hits:
        return NO
    figures = {"name": _plain_name(hits[0].name)}
    if hits[0].quantity is not None:
        figures |= {"value": _number(hits[0].quantity.value), "unit": hits[0].quantity.unit}
    return Verdict(True, hits, figures)


_KINDS = {
    "symptom": FindingKind.SYMPTOM,
    "medication": FindingKind.MEDICATION,
    "reason": FindingKind.MISSED_REASON,
    "answer": FindingKind.ANSWER,
    "choice": FindingKind.CHOICE,
}
_OF_FACTS: Mapping[str, Callable[[Condition, Facts, Question | None], bool]] = {
    "asked": lambda condition, _, question: question is not None and str(question.expects) in condition.names,
    "asked_about": lambda condition, _, question: question is not None and bool(condition.names & {*question.symptoms}),
    "condition": lambda condition, facts, _: bool(condition.names & facts.conditions),
    "takes": lambda condition, facts, _: bool(condition.names & {*facts.medications}),
    "high_alert": lambda _, facts, __: facts.high_alert,
    "high_risk": lambda _, facts, __: facts.high_risk,
}


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
    amount = finding.quantity.value if finding.quantity is not None else None
    return amount is not None and all(COMPARE[name](amount, limit) for name, limit in condition.comparisons)


def _joined(subject: str, verdicts: Sequence[Verdict]) -> Verdict:
    holds = [verdict.holds for verdict in verdicts]
    true = [verdict for verdict in verdicts if verdict.holds]
    findings = tuple(dict.fromkeys(finding for verdict in true for finding in verdict.findings))
    figures: dict[str, str] = {}
    for verdict in reversed(true):
        figures |= verdict.figures
    if subject == "any_of":
        return Verdict(True if True in holds else None if None in holds else False, findings, figures)
    if subject == "all_of":
        return Verdict(False if False in holds else None if None in holds else True, findings, figures)
    return Verdict(False if True in holds else None if None in holds else True)


def _reading(finding: Finding, name: str) -> float | None:
    if finding.kind is not FindingKind.VALUE or finding.quantity is None or not finding.present:
        return None
    if name in PRESSURE_PARTS:
        if finding.name != Measure.BLOOD_PRESSURE:
            return None
        return finding.quantity.value if name == "systolic" else finding.quantity.value_2
    return finding.quantity.value if finding.name == name else None


def _value(condition: Condition, findings: Sequence[Finding], facts: Facts, now: datetime) -> Verdict:
    name = next(iter(condition.names))
    unknown = False
    for finding in findings:
        value = _reading(finding, name)
        if value is None or finding.quantity is None:
            continue
        figures = {"value": _number(finding.quantity.value), "unit": finding.quantity.unit, "name": _plain_name(name)}
        if finding.quantity.value_2 is not None:
            figures["value_2"] = _number(finding.quantity.value_2)
        if condition.change is not None:
            amount = _limited(condition.change.amount, condition, facts, upward=True)
            change = _change(condition.change, name, value, facts, now)
            if change is None:
                unknown = True
            elif change >= amount:
                return Verdict(True, (finding,), figures | {"change": _number(change), "threshold": _number(amount)})
            continue
        moved = _milder_end(name)
        comparisons = [
            (c, _limited(a, condition, facts, upward=c in UPWARD) if len(condition.comparisons) == 1 or c in moved else a)
            for c, a in condition.comparisons
        ]
        if all(COMPARE[c](value, amount) for c, amount in comparisons):
            return Verdict(True, (finding,), figures | {"threshold": _number(comparisons[0][1])})
    return Verdict(None) if unknown else NO


def _milder_end(name: str) -> frozenset[str]:
    """Which end of a range a personal limit moves: the one that faces normal values (oxygen is dangerous when low)."""
    return frozenset({"below", "at_most"}) if name == Measure.SPO2 else UPWARD


def _limited(amount: float, condition: Condition, facts: Facts, *, upward: bool) -> float:
    """The personal limit in place of the row's amount. It may always tighten; it loosens only when its author said so."""
    limit = facts.limit(condition.limit) if condition.limit else None
    if limit is None:
        return amount
    personal, _ = parse_amount(f"{limit.amount} {limit.unit}")
    tighter = personal <= amount if upward else personal >= amount
    return personal if tighter or (limit.loosens and limit.author.strip()) else amount


def _change(change: Change, name: str, value: float, facts: Facts, now: datetime) -> float | None:
    """How much the value has risen (or fallen) against the period before now; None when it has no reading."""
    earlier = [
        past
        for past in (_past(reading, name) for reading in facts.history if now - change.period - SLACK <= reading.taken_at < now)
        if past is not None
    ]
    if not earlier:
        return None
    return round(value - min(earlier), 1) if change.direction == "gain_over" else round(max(earlier) - value, 1)


def _past(reading: PastValue, name: str) -> float | None:
    if name in PRESSURE_PARTS:
        if reading.measure is not Measure.BLOOD_PRESSURE:
            return None
        return reading.value if name == "systolic" else reading.value_2
    return reading.value if str(reading.measure) == name else None


def _number(value: float) -> str:
    return f"{value:g}"


def _plain_name(name: str) -> str:
    return name.replace("_", " ")


def figures_for(verdict: Verdict) -> dict[str, Any]:
    """Figures for a reason's placeholders; a missing one reads "?" rather than failing at a patient's reply."""
    return {key: verdict.figures.get(key, "?") for key in ("value", "value_2", "change", "threshold", "name", "unit")}
