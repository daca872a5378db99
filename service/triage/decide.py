"""Findings and facts against the rules: which fire, how urgent that makes it, and what could not be judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from service.domain.decision import Decision, Fired
from service.domain.facts import Facts
from service.domain.known_finding import is_known
from service.domain.reading import Finding, Question
from service.triage.operators import judge
from service.triage.tables import Rule, Tables
from service.triage.told import Told
from service.triage.verdict import figures_for, measured


@dataclass(frozen=True, slots=True)
class Undecided:
    """A rule that needs something that is not known, such as earlier readings."""

    rule: str


@dataclass(frozen=True, slots=True)
class Known:
    """A rule that fired on what a nurse has accepted for a while."""

    fired: Fired


def judged(rule: Rule, told: Told) -> Fired | Known | Undecided | None:
    """Fired, Known when a named nurse has accepted it and it is no worse than then (law 8: software lowers nothing by itself), Undecided
    when something that it needs is not known, or None.
    """
    if rule.only_condition and not rule.only_condition & told.facts.conditions:
        return None
    if rule.unless_condition & told.facts.conditions:
        return None
    verdict = judge(rule.when, told)
    if verdict.holds is None:
        return Undecided(rule.id)
    if not verdict.holds:
        return None
    spans = tuple(sorted({finding.span for finding in verdict.findings}))
    reason = rule.reason.format(**figures_for(verdict))
    fired = Fired(rule.id, rule.version, rule.urgency, reason, rule.source, spans, rule.answer, rule.recheck, measured(verdict))
    return Known(fired) if told.facts.known and is_known(fired, told.facts.known) else fired


def decide(tables: Tables, findings: Sequence[Finding], facts: Facts, now: datetime, question: Question | None = None) -> Decision:
    """Every rule of the tables that fires, most urgent first, and the rules that could not be judged.

    `now` must be aware (ValueError otherwise).
    """
    told = Told(findings, facts, now, question)
    fired: list[Fired] = []
    unknown: list[str] = []
    known: list[Fired] = []
    for rule in tables.rules:
        if not rule.when.may_hold(told.keys):
            continue  # most rules, of most replies
        found = judged(rule, told)
        if isinstance(found, Fired):
            fired.append(found)
        elif isinstance(found, Known):
            known.append(found.fired)
        elif isinstance(found, Undecided):
            unknown.append(found.rule)
    fired.sort(key=lambda one: one.urgency.rank)
    return Decision(tuple(fired), tuple(unknown), tuple(known))
