"""The words of a record that rules know: personal limits with their units and usual amounts, kinds of medicines, conditions.

They are read from the flows and the universal table themselves, so that nobody can record a limit that no rule looks at, or one in a
unit that is none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from service.domain.limits import BASES, LimitTerm
from service.domain.reading import Measure
from service.engine import Flow
from service.replies import Lexicon
from service.replies.measures import DIASTOLIC, PLAUSIBLE
from service.triage.condition import PRESSURE_PARTS, Condition
from service.triage.readings import LOW_IS_WORSE
from service.triage.tables import Tables

UPWARD = ("at_least", "above")
LARGEST_DIFFERENCE = 50.0
"""Of a limit on a change, in the stored unit. Own choice: more is a slip of the pen."""
NO_MEDICINE = frozenset({"all", "double", "harmless", "later"})
"""Marks that a report of a dose can bear beside kinds of medicines."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a record may say."""

    limits: Mapping[str, LimitTerm]
    medicines: frozenset[str]
    conditions: frozenset[str]
    by_programme: Mapping[str, Mapping[str, LimitTerm]] = field(default_factory=dict)

    def limits_for(self, programmes: Collection[str]) -> Mapping[str, LimitTerm]:
        """The limits with the usual amounts of these programmes and of the universal table; of others where those know none."""
        found = dict(self.limits)
        for name in found:
            own = [self.by_programme[one][name] for one in ("", *sorted(programmes)) if name in self.by_programme.get(one, {})]
            if own:
                usual = tuple(sorted({amount for term in own for amount in term.usual}))
                found[name] = LimitTerm(name, own[0].unit, own[0].upper, own[0].difference, own[0].lowest, own[0].highest, usual)
        return found


def terms_of(flows: Iterable[Flow], tables: Tables, lexicon: Lexicon) -> Terms:
    """The terms of these flows, this table and this vocabulary (whose kinds of medicines patients are understood to name)."""
    found: dict[str, list[Condition]] = defaultdict(list)
    named: set[str] = set()
    for rule in tables.rules:
        found[""] += _within(rule.when)
        named |= rule.only_condition | rule.unless_condition
    for flow in flows:
        programme = flow.key.partition("/")[0]
        for step in flow.questions:
            for flag in step.red_flags:
                found[programme] += _within(flow.rule(step, flag).when)
        for anything in flow.steps:
            for condition in flow.only_if(anything):
                found[programme] += _within(condition)
    by_programme = {programme: _limits(conditions) for programme, conditions in found.items()}
    every = [condition for conditions in found.values() for condition in conditions]
    bases = {name: _base(name, measure) for name, measure in BASES.items()}
    return Terms(
        {**bases, **_limits(every)},
        frozenset({*_medicines(every), *(entry.name for entry in lexicon.entries if entry.kind == "drug")} - NO_MEDICINE),
        frozenset(named | {name for one in every if one.subject == "condition" for name in one.names}),
        by_programme,
    )


def _within(condition: Condition) -> Iterator[Condition]:
    yield condition
    for part in condition.parts:
        yield from _within(part)


def _medicines(conditions: Iterable[Condition]) -> Iterator[str]:
    for one in conditions:
        if one.subject == "takes":
            yield from one.names
        elif one.subject in ("medication", "missed_in_a_row", "missed_doses_in"):
            yield from one.wanted | one.wanted_any


def _limits(conditions: Iterable[Condition]) -> dict[str, LimitTerm]:
    usual: dict[str, set[float]] = defaultdict(set)
    terms: dict[str, LimitTerm] = {}
    for one in conditions:
        if one.limit and (found := _term(one)) is not None:
            terms.setdefault(one.limit, found)
            usual[one.limit] |= set(found.usual)
    return {
        name: LimitTerm(name, one.unit, one.upper, one.difference, one.lowest, one.highest, tuple(sorted(usual[name])))
        for name, one in terms.items()
    }


def _term(condition: Condition) -> LimitTerm | None:
    measure = next(iter(condition.names), "")
    if measure not in set(Measure) | set(PRESSURE_PARTS):
        return None
    plausible = (
        DIASTOLIC if measure == "diastolic" else PLAUSIBLE[Measure.BLOOD_PRESSURE if measure in PRESSURE_PARTS else Measure(measure)]
    )
    unit = "" if plausible.unit.startswith("{") else plausible.unit
    if condition.change is not None:
        return LimitTerm(condition.limit, unit, True, True, 0.1, LARGEST_DIFFERENCE, (condition.change.amount,))
    if condition.worse_by is not None:
        return LimitTerm(condition.limit, unit, True, True, 0.1, LARGEST_DIFFERENCE, (condition.worse_by,))
    if not condition.comparisons:
        return None
    down = measure in LOW_IS_WORSE
    faces = [one for one in condition.comparisons if (one[0] not in UPWARD) is down] or list(condition.comparisons)
    word, amount = faces[0] if len(condition.comparisons) > 1 else condition.comparisons[0]
    return LimitTerm(condition.limit, unit, word in UPWARD, False, plausible.lowest, plausible.highest, (amount,))


def _base(name: str, measure: Measure) -> LimitTerm:
    plausible = PLAUSIBLE[measure]
    return LimitTerm(name, plausible.unit, True, False, plausible.lowest, plausible.highest)
