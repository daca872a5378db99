"""What earlier check-ins have kept under a name (`record:` of a flow)."""

from __future__ import annotations

from service.triage.condition import Condition
from service.triage.readings import holds_all
from service.triage.told import Told
from service.triage.verdict import NO, UNKNOWN, Verdict, number, plain_name


def judge_recorded(condition: Condition, told: Told) -> Verdict:
    """The verdict on {recorded: name, ...}: of the last answer kept; never kept, or kept without a number, is unknown."""
    name = next(iter(condition.names))
    last = told.facts.last_recorded(name, told.now)
    if last is None:
        return UNKNOWN
    if condition.within is not None and last.at < told.since(condition.within):
        return NO
    figures = {"name": plain_name(name), "value": number(last.value) if last.value is not None else plain_name(last.answer)}
    if condition.wanted:
        return Verdict(True, (), figures) if last.answer in condition.wanted else NO
    if last.value is None:
        return UNKNOWN
    threshold = {"threshold": number(condition.comparisons[0][1])}
    return Verdict(True, (), figures | threshold) if holds_all(condition.comparisons, last.value) else NO
