"""Flows changed in one threshold or by one red flag less: at least one case must notice each change, or the cases prove too little."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from service.engine.cases import Case, Ears, play
from service.engine.flow import Flow
from service.engine.place import Path
from service.evaluation.flows.leaves import step_of

_NUMBER = re.compile(r"\s*(-?\d+(?:\.\d+)?)(.*)", re.DOTALL)
_AMOUNTS = ("at_least", "above", "below", "at_most", "worse_than_baseline", "below_percent_of_best")
_COUNTS = ("times", "missed_in_a_row", "gone_silent")
_KILOGRAM_STEP = 0.5
"""A pound is about half of it: what a scale in kilograms shows."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: where in the file, in words, and the flow as it would be."""

    path: Path
    what: str
    flow: Flow


@dataclass
class Outcome:
    """How many changes of a flow its cases have noticed, and those they have not."""

    all: int = 0
    killed: int = 0
    survivors: list[Mutant] = field(default_factory=list)


def mutants(flow: Flow) -> Iterator[Mutant]:
    """Every threshold of every red flag and branch moved by one step up and down, and every red flag removed."""
    data = flow.to_json()
    for number, step in enumerate(data["steps"]):
        key = step["key"]
        for place, flag in enumerate(step.get("red_flags", ())):
            path: Path = ("steps", key, "red_flags", place)
            yield Mutant(path, f"{key}.{flag['name']} removed", _without(data, number, place))
            for inner, old, new in _moved(flag["when"]):
                yield Mutant(
                    (*path, "when"), f"{key}.{flag['name']}: {_name(inner)} {new} instead of {old}", _flag(data, number, place, inner, new)
                )
        for place, condition in enumerate(step.get("only_if", ())):
            for inner, old, new in _moved(condition):
                changed = deepcopy(data)
                _put(changed["steps"][number]["only_if"][place], inner, new)
                yield Mutant(("steps", key, "only_if"), f"{key}: only_if {_name(inner)} {new} instead of {old}", Flow.from_json(changed))


def run_mutants(flow: Flow, cases: Sequence[Case], ears: Ears) -> Outcome:
    """Plays the cases against every changed flow until one fails; cases that speak of the changed step come first."""
    outcome = Outcome()
    for mutant in mutants(flow):
        outcome.all += 1
        step = str(mutant.path[1])
        likely = sorted(cases, key=lambda case: not _speaks_of(case, step, mutant.what))
        if any(play(mutant.flow, case, ears).failures for case in likely):
            outcome.killed += 1
        else:
            outcome.survivors.append(mutant)
    return outcome


def _speaks_of(case: Case, step: str, what: str) -> bool:
    wanted = what.partition(":")[0].removesuffix(" removed")
    return any(wanted in str(turn.get("flags", "")) or step == turn.get("asks") for turn in case.talk)


def _moved(condition: Any, path: Path = ()) -> Iterator[tuple[Path, Any, Any]]:
    """The place, old and new value of each threshold in a condition, one step down and one up."""
    if isinstance(condition, list):
        for number, part in enumerate(condition):
            yield from _moved(part, (*path, number))
        return
    if not isinstance(condition, Mapping):
        return
    for name, value in condition.items():
        here = (*path, name)
        if name in _AMOUNTS or (name == "amount" and path and path[-1] in ("gain_over", "loss_over")):
            for new in _beside(value, _step(condition, value, path)):
                yield here, value, new
        elif name in _COUNTS and isinstance(value, int):
            yield from ((here, value, new) for new in (value - 1, value + 1) if new >= (2 if name == "times" else 1))
        elif name == "count" and path and path[-1] == "missed_doses_in":
            yield from ((here, value, new) for new in (value - 1, value + 1) if new >= 1)
        elif name in ("within", "mean_over"):
            yield from ((here, value, new) for new in _days_beside(value))
        else:
            yield from _moved(value, here)


def _step(condition: Mapping[str, Any], value: Any, path: Path) -> float:
    if str(value).strip().lower().endswith("kg"):
        return _KILOGRAM_STEP
    if "gain_over" in path or "loss_over" in path:
        return 1.0
    name = str(condition.get("value", ""))
    return step_of(name) if name else 1.0


def _beside(value: Any, step: float) -> Iterator[Any]:
    """The amount one step less and one more, written as it was."""
    match = _NUMBER.fullmatch(str(value))
    if match is None:
        return
    for moved in (round(float(match[1]) - step, 2), round(float(match[1]) + step, 2)):
        if moved > 0 or float(match[1]) <= 0:
            yield f"{moved:g}{match[2]}" if isinstance(value, str) else int(moved) if moved.is_integer() else moved


def _days_beside(value: Any) -> Iterator[str]:
    """A period in days one day shorter and longer; the slack of hours is the engine's, so periods in hours stay."""
    match = _NUMBER.fullmatch(str(value))
    if match is None or match[2].strip() not in ("d", "day", "days"):
        return
    for moved in (int(float(match[1])) - 1, int(float(match[1])) + 1):
        if moved >= 1:
            yield f"{moved}{match[2]}"


def _without(data: Mapping[str, Any], step: int, flag: int) -> Flow:
    changed = deepcopy(dict(data))
    del changed["steps"][step]["red_flags"][flag]
    return Flow.from_json(changed)


def _flag(data: Mapping[str, Any], step: int, flag: int, inner: Path, new: Any) -> Flow:
    changed = deepcopy(dict(data))
    _put(changed["steps"][step]["red_flags"][flag]["when"], inner, new)
    return Flow.from_json(changed)


def _put(condition: Any, path: Path, value: Any) -> None:
    for part in path[:-1]:
        condition = condition[part]
    condition[path[-1]] = value


def _name(path: Path) -> str:
    return ".".join(str(part) for part in path if isinstance(part, str) and part not in ("any_of", "all_of", "none_of"))
