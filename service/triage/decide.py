"""Findings and facts against the rules: which fire, how urgent that makes it, and what could not be judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from service.domain.decision import Decision, Fired
from service.domain.facts import Facts
from service.domain.reading import Finding, Question
from service.triage.operators import judge
from service.triage.tables import Rule, Tables
from service.triage.verdict import figures_for


@dataclass(frozen=True, slots=True)
class Undecided:
    """A rule that needs something that is not known, such as earlier readings."""

    rule: str


def evaluate(
    rule: Rule,
    findings: Sequence[Finding],
    facts: Facts,
    now: datetime,
    question: Question | None = None,
    *,
    by_step: Mapping[str, Sequence[Finding]] | None = None,
) -> Fired | None:
    """What fired, None when the rule does not fire or cannot be judged (see `judged` for the difference)."""
    found = judged(rule, findings, facts, now, question, by_step=by_step)
    return found if isinstance(found, Fired) else None


def judged(
    rule: Rule,
    findings: Sequence[Finding],
    facts: Facts,
    now: datetime,
    question: Question | None = None,
    *,
    by_step: Mapping[str, Sequence[Finding]] | None = None,
) -> Fired | Undecided | None:
    """Fired, Undecided when something that it needs is not known, or None. `now` must be aware; `facts`, `by_step`: see `judge`."""
    if rule.only_condition and not rule.only_condition & facts.conditions:
        return None
    if rule.unless_condition & facts.conditions:
        return None
    verdict = judge(rule.when, findings, facts, now, question, by_step=by_step)
    if verdict.holds is None:
        return Undecided(rule.id)
    if not verdict.holds:
        return None
    spans = tuple(sorted({finding.span for finding in verdict.findings}))
    reason = rule.reason.format(**figures_for(verdict))
    return Fired(rule.id, rule.version, rule.urgency, reason, rule.source, spans, rule.answer)


def decide(tables: Tables, findings: Sequence[Finding], facts: Facts, now: datetime, question: Question | None = None) -> Decision:
    """Every rule of the tables that fires, most urgent first, and the rules that could not be judged."""
    fired: list[Fired] = []
    unknown: list[str] = []
    for rule in tables.rules:
        found = judged(rule, findings, facts, now, question)
        if isinstance(found, Fired):
            fired.append(found)
        elif isinstance(found, Undecided):
            unknown.append(found.rule)
    fired.sort(key=lambda one: one.urgency.rank)
    return Decision(tuple(fired), tuple(unknown))
