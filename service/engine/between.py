"""What flows say of each other: the check-in that one plans, and what one recalls that another has kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from service.engine.checks import Problem
from service.engine.flow import Flow
from service.engine.place import Path
from service.engine.shape import nearest
from service.engine.steps import FollowUpStep, RecordStep
from service.triage import Condition


def problems_between(flows: Mapping[str, Flow]) -> Iterator[tuple[str, Problem]]:
    """A flow's key and what is wrong in it. Only flows that are well by themselves can be held against each other."""
    kept = _kept(flows)
    for key, flow in flows.items():
        for step in flow.steps:
            if isinstance(step, FollowUpStep) and (what := _no_such_check_in(key, step.follow_up.of, flows)):
                yield key, (("steps", step.key, "follow_up", "of"), what)
        for place, condition in _conditions(flow):
            for what in _recalled(condition, kept):
                yield key, (place, what)


def _no_such_check_in(key: str, wanted: str, flows: Mapping[str, Flow]) -> str:
    if wanted.partition("/")[0] != key.partition("/")[0]:
        return "name a check-in of the same programme"
    return "" if wanted in flows else f'there is no check-in "{wanted}"; {nearest(wanted, flows)}'


def _kept(flows: Mapping[str, Flow]) -> dict[str, frozenset[str]]:
    """Every name that some flow records, with the options that may be kept under it; none for what is no choice."""
    found: dict[str, frozenset[str]] = {}
    for flow in flows.values():
        for step in flow.steps:
            if isinstance(step, RecordStep):
                options = (option.value for key in step.record.steps for option in flow.question(key).choices)
                found[step.record.name] = found.get(step.record.name, frozenset()).union(options)
    return found


def _conditions(flow: Flow) -> Iterator[tuple[Path, Condition]]:
    for step in flow.steps:
        yield from ((("steps", step.key, "only_if"), condition) for condition in flow.only_if(step))
    for question in flow.questions:
        for number, flag in enumerate(question.red_flags):
            yield ("steps", question.key, "red_flags", number, "when"), flow.rule(question, flag).when
    if flow.sooner_when is not None:
        yield ("silence", "sooner_when"), flow.sooner_when
    if flow.quicken_when is not None:
        yield ("quicken", "when"), flow.quicken_when


def _recalled(condition: Condition, kept: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """What a condition recalls and nobody keeps: it would never be known."""
    names = condition.names if condition.subject == "recorded" else {condition.compared_with} - {""}
    for name in sorted(names):
        if name not in kept and condition.percent_over is None:
            yield f'no flow records "{name}"; {nearest(name, kept)}'
        elif condition.subject == "recorded" and kept[name] and (odd := sorted(condition.wanted - kept[name])):
            yield f'"{odd[0]}" is never kept as {name}; {nearest(odd[0], kept[name])}'
    for part in condition.parts:
        yield from _recalled(part, kept)
