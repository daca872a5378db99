"""Values against a number, against the patient's own history, baseline and best, and against personal limits.

What needs earlier readings that are not there is unknown. A value that was not told is no reading: false.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from operator import ge, gt, le, lt
from statistics import fmean, median

from service.domain.facts import Facts, PersonalLimit
from service.domain.reading import Finding, Measure
from service.triage.condition import Change, Condition
from service.triage.told import Read, Told
from service.triage.units import parse_amount, parse_difference
from service.triage.verdict import NO, UNKNOWN, Verdict, number, plain_name

COMPARE: Mapping[str, Callable[[float, float], bool]] = {"at_least": ge, "above": gt, "below": lt, "at_most": le}
UPWARD = frozenset({"at_least", "above"})
LOW_IS_WORSE = frozenset({Measure.SPO2, Measure.PEAK_FLOW})
FEWEST = 3
"""Readings that a mean, a baseline or a best value needs; fewer are chance. Own choice."""
BASELINE = timedelta(days=14)
"""The time whose median is the baseline. Own choice: two weeks, as in home-monitoring programmes."""


def judge_value(condition: Condition, told: Told) -> Verdict:
    """The verdict on {value: ...}."""
    name = next(iter(condition.names))
    readings = told.readings(name)
    if not readings:
        return NO
    if condition.mean_over is not None:
        return _mean(condition, name, readings, condition.mean_over, told)
    if condition.within is not None:
        return _repeated(condition, name, readings, condition.within, told)
    verdicts = [_one(condition, name, finding, value, told) for finding, value in readings]
    true = next((verdict for verdict in verdicts if verdict.holds), None)
    return true or (UNKNOWN if any(verdict.holds is None for verdict in verdicts) else NO)


def holds_all(comparisons: tuple[tuple[str, float], ...], value: float) -> bool:
    """Whether the value fulfils every comparison."""
    return all(COMPARE[name](value, amount) for name, amount in comparisons)


def _one(condition: Condition, name: str, finding: Finding, value: float, told: Told) -> Verdict:
    """One reading against one test."""
    if condition.change is not None:
        change = _change(condition.change, name, value, told)
        if change is None:
            return NO if condition.if_known else UNKNOWN
        threshold = _limited(condition.change.amount, condition, told.facts, upward=True, difference=True)
        direction, hours = condition.change.direction, condition.change.period / timedelta(hours=1)
        return _figured(finding, name, side=direction, change=change, threshold=threshold, hours=hours) if change >= threshold else NO
    if condition.worse_by is not None:
        baseline = _baseline(name, told)
        if baseline is None:
            return UNKNOWN
        threshold = _limited(condition.worse_by, condition, told.facts, upward=True, difference=True)
        change = round(baseline - value if name in LOW_IS_WORSE else value - baseline, 2)
        return (
            _figured(finding, name, side="worse_by", change=change, baseline=baseline, threshold=threshold) if change >= threshold else NO
        )
    if condition.percent_of_best is not None:
        best = _best(name, told)
        if best is None:
            return UNKNOWN
        percent = _limited(condition.percent_of_best, condition, told.facts, upward=False)
        return _figured(finding, name, side="percent_of_best", best=best, threshold=percent) if value * 100 < percent * best else NO
    if condition.compared_with:
        return _against_kept(condition, finding, name, value, told)
    comparisons = _comparisons(condition, name, told.facts)
    return _figured(finding, name, side=comparisons[0][0], threshold=comparisons[0][1]) if holds_all(comparisons, value) else NO


def _against_kept(condition: Condition, finding: Finding, name: str, value: float, told: Told) -> Verdict:
    """One reading against a number that was kept (or entered as a limit) under a name."""
    base = kept(condition, told)
    if base is None:
        return NO if condition.if_known else UNKNOWN
    change = round(value - base, 2)
    percent = condition.percent_over
    threshold = percent if percent is not None else condition.comparisons[0][1]
    holds = value * 100 > base * (100 + percent) if percent is not None else holds_all(condition.comparisons, change)
    side = "percent_over" if percent is not None else condition.comparisons[0][0]
    return _figured(finding, name, side=side, change=change, baseline=base, threshold=threshold) if holds else NO


def kept(condition: Condition, told: Told) -> float | None:
    """The number that a value or a total is compared with: for percent_over the patient's limit of that name, else what was last kept."""
    if condition.percent_over is not None:
        personal = amount_of(told.facts.limit(condition.compared_with))
        if personal is not None:
            return personal
    last = told.facts.last_recorded(condition.compared_with, told.now)
    return last.value if last is not None else None


def _mean(condition: Condition, name: str, readings: list[Read], period: timedelta, told: Told) -> Verdict:
    values = [*told.earlier(name, told.since(period)), *(value for _, value in readings)]
    if len(values) < FEWEST:
        return UNKNOWN
    mean, comparisons = fmean(values), _comparisons(condition, name, told.facts)
    if not holds_all(comparisons, mean):
        return NO
    side, threshold = comparisons[0]
    return _figured(readings[-1][0], name, side=side, mean=round(mean, 1), count=len(values), threshold=threshold)


def _repeated(condition: Condition, name: str, readings: list[Read], period: timedelta, told: Told) -> Verdict:
    comparisons = _comparisons(condition, name, told.facts)
    now = [finding for finding, value in readings if holds_all(comparisons, value)]
    if not now:
        return NO
    earlier = told.earlier(name, told.since(period))
    count = len(now) + sum(holds_all(comparisons, value) for value in earlier)
    if count >= condition.times:
        figured = _figured(now[-1], name, side=comparisons[0][0], count=count, threshold=comparisons[0][1])
        return replace(figured, findings=tuple(now))
    return NO if len(readings) + len(earlier) >= condition.times else UNKNOWN


def _figured(finding: Finding, name: str, *, side: str, **compared: float) -> Verdict:
    """That a reading fulfils its test, with the figures that it was compared by; `side` names the test."""
    figures = {"name": plain_name(name), "side": side, **{figure: number(amount) for figure, amount in compared.items()}}
    if quantity := finding.quantity:
        figures |= {"value": number(quantity.value), "unit": quantity.unit}
        if quantity.value_2 is not None:
            figures["value_2"] = number(quantity.value_2)
    return Verdict(True, (finding,), figures)


def _comparisons(condition: Condition, name: str, facts: Facts) -> tuple[tuple[str, float], ...]:
    """The comparisons with the personal limit in its place: of a range it moves the end that faces normal values."""
    moved = frozenset({"below", "at_most"}) if name in LOW_IS_WORSE else UPWARD
    alone = len(condition.comparisons) == 1
    return tuple((c, _limited(a, condition, facts, upward=c in UPWARD) if alone or c in moved else a) for c, a in condition.comparisons)


def _limited(amount: float, condition: Condition, facts: Facts, *, upward: bool, difference: bool = False) -> float:
    """The personal limit in place of the row's amount. It may always tighten; it loosens only when its author said so."""
    limit = facts.limit(condition.limit) if condition.limit else None
    personal = amount_of(limit, difference=difference)
    if limit is None or personal is None:
        return amount
    tighter = personal <= amount if upward else personal >= amount
    return personal if tighter or (limit.loosens and limit.author.strip()) else amount


def amount_of(limit: PersonalLimit | None, *, difference: bool = False) -> float | None:
    """A personal limit in the stored unit; None without one, and when its unit is not known: the row's amount counts then.

    One patient's odd limit must not keep the other rules from judging their reply.
    """
    if limit is None:
        return None
    try:
        return (parse_difference if difference else parse_amount)(f"{limit.amount} {limit.unit}")[0]
    except ValueError:
        return None


def _change(change: Change, name: str, value: float, told: Told) -> float | None:
    """How much the value has risen (or fallen) against the period before now; None when it has no reading."""
    earlier = told.earlier(name, told.since(change.period))
    if not earlier:
        return None
    return round(value - min(earlier), 1) if change.direction == "gain_over" else round(max(earlier) - value, 1)


def _baseline(name: str, told: Told) -> float | None:
    personal = amount_of(told.facts.limit(f"baseline_{name}"))
    if personal is not None:
        return personal
    usual = told.earlier(name, told.now - BASELINE)
    return median(usual) if len(usual) >= FEWEST else None


def _best(name: str, told: Told) -> float | None:
    personal = amount_of(told.facts.limit(f"best_{name}"))
    if personal is not None:
        return personal
    earlier = told.earlier(name)
    return max(earlier) if len(earlier) >= FEWEST else None
