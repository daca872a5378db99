"""The single tests that a condition is made of, and the thresholds among them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from statistics import median

from service.domain.facts import Facts
from service.domain.reading import Measure
from service.engine.flow import Flow
from service.engine.steps import AskStep
from service.triage import PRESSURE_PARTS, Condition
from service.triage.readings import kept
from service.triage.told import Told

STEP_OF = {"temperature": 0.1, "inr": 0.1}
"""What patients report differs by this much at least; 1 where a measure is not here (1 lb, 1 mg/dL, 1 mmHg, 1 %, 1 count)."""
JOINS = frozenset({"any_of", "all_of", "none_of", "step"})


def leaves(condition: Condition) -> Iterator[Condition]:
    """Every single test of a condition, from the left."""
    if condition.subject not in JOINS:
        yield condition
    for part in condition.parts:
        yield from leaves(part)


def flag_leaves(flow: Flow, step: AskStep) -> Iterator[Condition]:
    """Every single test of a step's red flags."""
    for flag in step.red_flags:
        yield from leaves(flow.rule(step, flag).when)


def measure_of(name: str) -> str:
    """The measure that a value of a condition is part of: systolic -> blood_pressure."""
    return str(Measure.BLOOD_PRESSURE) if name in PRESSURE_PARTS else name


def step_of(name: str) -> float:
    """The smallest difference that patients report of this value, in its stored unit."""
    return STEP_OF.get(name, 1.0)


def earlier_values(facts: Facts, name: str, now: datetime) -> list[float]:
    """The readings of this name before now, oldest first; systolic and diastolic are those of blood pressures."""
    measure = measure_of(name)
    found = [past for past in facts.history if str(past.measure) == measure and past.taken_at < now]
    if name == "diastolic":
        return [past.value_2 for past in found if past.value_2 is not None]
    return [past.value for past in found]


def threshold_values(condition: Condition, facts: Facts, now: datetime) -> set[float]:
    """Where a test of a value turns, for a patient with these facts: the amounts themselves, without what lies beside them."""
    name = next(iter(condition.names))
    found = {amount for _, amount in condition.comparisons}
    limit = facts.limit(condition.limit) if condition.limit else None
    if limit is not None and condition.comparisons:
        found.add(limit.amount)
    earlier = earlier_values(facts, name, now)
    if condition.change is not None and earlier:
        amounts = {condition.change.amount, *({limit.amount} if limit is not None else ())}
        gained = condition.change.direction == "gain_over"
        recent = [min(earlier), earlier[-1]] if gained else [max(earlier), earlier[-1]]
        found |= {value + amount if gained else value - amount for value in recent for amount in amounts}
    if condition.compared_with and (base := kept(condition, Told((), facts, now))) is not None:
        found = {base + amount for amount in found}
        if condition.percent_over is not None:
            found.add(round(base * (1 + condition.percent_over / 100)))
    if condition.worse_by is not None:
        usual = facts.limit(f"baseline_{name}")
        base = usual.amount if usual is not None else median(earlier) if earlier else None
        if base is not None:
            found |= {base - condition.worse_by, base + condition.worse_by}
    if condition.percent_of_best is not None:
        best = facts.limit(f"best_{name}")
        top = best.amount if best is not None else max(earlier, default=None)
        if top is not None:
            found.add(round(top * condition.percent_of_best / 100))
    return found
