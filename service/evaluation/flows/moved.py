"""The numbers of a condition, each one step of what patients report lower and higher, its personal limits taken out, and which of
these moves nobody could notice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.domain.reading import Expects
from service.engine.flow import Flow
from service.engine.place import Path
from service.evaluation.flows.leaves import measure_of, step_of
from service.replies.measures import DIASTOLIC, PLAUSIBLE
from service.triage import ConditionError, build_condition
from service.triage.readings import holds_all

_AMOUNTS = frozenset({"at_least", "above", "below", "at_most", "worse_than_baseline", "below_percent_of_best"})
_COMPARED = frozenset({"at_least", "above", "below", "at_most"})
_INNER = {"gain_over": "amount", "loss_over": "amount", "percent_over": "percent"}
_LEAST = {"times": 2, "missed_in_a_row": 1, "gone_silent": 1, "count": 1, "day": 1}
"""Counts, and the smallest that the language knows."""
_PERIODS = frozenset({"within", "mean_over"})
_NUMBER = re.compile(r"\s*(-?\d+(?:\.\d+)?)(.*)", re.DOTALL)
_WHOLE = re.compile(r"(?<![\w.])\d+(?![\w.])")
_KILOGRAM_STEP = 0.5
"""A pound is about half of it: what a scale in kilograms shows."""
_HOURS_A_DAY = 24
_HIGHEST_OF_AN_ITEM = 3
"""An item of the PHQ is answered from 0 to 3."""


@dataclass(frozen=True, slots=True)
class Move:
    """One number of a condition moved, or a personal limit taken out: its place, what stands there and what would (None: nothing)."""

    path: Path
    old: Any
    new: Any
    leaf: Mapping[str, Any]
    """The single test that the number stands in."""
    step: str = ""
    """The step on whose answer that test is judged, "" for all that was told."""

    @property
    def words(self) -> str:
        """What is moved, for people: weight gain_over.amount 2 lb instead of 3 lb."""
        subject = str(self.leaf.get("value") or "")
        names = [str(part) for part in self.path if isinstance(part, str) and part not in ("any_of", "all_of", "none_of")]
        changed = f"{self.old} taken out" if self.new is None else f"{self.new} instead of {self.old}"
        return f"{subject} {'.'.join(names)} {changed}".strip()


def moves(condition: Any, step: str = "", path: Path = ()) -> Iterator[Move]:
    """Every number of a written condition, one step down and one up, and every personal limit taken out.

    `step` is the one whose answer it is judged on.
    """
    if isinstance(condition, list):
        for number, part in enumerate(condition):
            yield from moves(part, step, (*path, number))
        return
    if not isinstance(condition, Mapping):
        return
    step = str(condition.get("step", step))
    for name, value in condition.items():
        here = (*path, name)
        if name in _INNER and isinstance(value, Mapping):
            word = _INNER[name]
            news = _beside(value[word], 1.0 if word == "percent" else _amount_step(condition, value[word], difference=True))
            yield from (Move((*here, word), value[word], new, condition, step) for new in news)
            if "within" in value:
                yield from (Move((*here, "within"), value["within"], new, condition, step) for new in _days_beside(value["within"]))
        elif name == "missed_doses_in" and isinstance(value, Mapping):
            yield from (Move((*here, "count"), value["count"], new, condition, step) for new in _counts_beside("count", value["count"]))
            yield from (Move((*here, "within"), value["within"], new, condition, step) for new in _days_beside(value["within"]))
        elif name == "day" and isinstance(value, Mapping):
            yield from (Move((*here, word), old, new, condition, step) for word, old in value.items() for new in _counts_beside("day", old))
        else:
            yield from (Move(here, value, new, condition, step) for new in _news(condition, name, value))
            if name in ("any_of", "all_of", "none_of"):
                yield from moves(value, step, here)


def _news(leaf: Mapping[str, Any], name: str, value: Any) -> Iterator[Any]:
    if name in _AMOUNTS:
        step = _amount_step(leaf, value, difference="above_recorded" in leaf)
        yield from _beside(value, step, none=name in _COMPARED)
    elif name in _LEAST and isinstance(value, int):
        yield from _counts_beside(name, value)
    elif name in _PERIODS:
        yield from _days_beside(value)
    elif name == "limit":
        yield None
    elif name == "cel":
        for match in _WHOLE.finditer(str(value)):
            for new in (int(match[0]) - 1, int(match[0]) + 1):
                if new > 0:
                    yield f"{str(value)[: match.start()]}{new}{str(value)[match.end() :]}"


def _amount_step(leaf: Mapping[str, Any], value: Any, *, difference: bool) -> float:
    if str(value).strip().lower().endswith("kg"):
        return _KILOGRAM_STEP
    name = str(leaf.get("value") or "")
    return step_of(name) if name and not (difference and name == "weight") else 1.0


def _beside(value: Any, step: float, *, none: bool = False) -> Iterator[Any]:
    """The amount one step less and one more, written as it was; down to 0 where `none` says that 0 is a value of its own."""
    match = _NUMBER.fullmatch(str(value))
    if match is None:
        return
    for moved in (round(float(match[1]) - step, 2), round(float(match[1]) + step, 2)):
        if moved > 0 or (none and moved == 0):
            yield f"{moved:g}{match[2]}" if isinstance(value, str) else int(moved) if moved.is_integer() else moved


def _counts_beside(name: str, value: int) -> Iterator[int]:
    yield from (new for new in (value - 1, value + 1) if new >= _LEAST[name])


def _days_beside(value: Any) -> Iterator[str]:
    """A period one day shorter and longer: check-ins come once a day. Shorter ones than a day stay, their slack is the engine's."""
    match = _NUMBER.fullmatch(str(value))
    if match is None:
        return
    unit, number = match[2].strip(), int(float(match[1]))
    day = 1 if unit in ("d", "day", "days") else _HOURS_A_DAY
    if number % day == 0:
        yield from (f"{new}{match[2]}" for new in (number - day, number + day) if new > 0)


def why_unnoticed(flow: Flow, move: Move) -> str:
    """Why nobody could notice the move, "" when somebody could.

    One rule: a single reading (score, count, sum, day) that is compared with a fixed number, and no reading that can be told is on
    the one side of the old number and on the other of the new one. What can be told is what the reader takes for plausible, the
    question's own range, 0 to 3 of each item of a questionnaire, and the days until the check-ins stop. Means, changes, personal
    baselines and expressions are never left out.
    """
    try:
        judged = _judged(flow, move)
    except ConditionError:
        return "it cannot be written"
    if not judged or any(before is not after for _, before, after in judged):
        return ""
    return f"no value from {judged[0][0]:g} to {judged[-1][0]:g} is judged otherwise"


def only_widens(flow: Flow, move: Move) -> bool:
    """True when the whole condition still holds for every reading for which it held before the move."""
    judged = _judged(flow, move)
    return bool(judged) and "none_of" not in move.path and all(after or not before for _, before, after in judged)


def _judged(flow: Flow, move: Move) -> list[tuple[float, bool, bool]]:
    """Each value that can be told, whether the test holds for it as it stands, and once moved; nothing where it is no such test.

    ConditionError when the moved condition cannot be written.
    """
    leaf = {name: value for name, value in move.leaf.items() if name != "step"}
    values = _tellable(flow, leaf, move.step)
    if values is None or move.path[-1] not in _COMPARED:
        return []
    inner = {"day": {**leaf["day"], move.path[-1]: move.new}} if "day" in leaf else {move.path[-1]: move.new}
    old, new = build_condition(leaf).comparisons, build_condition({**leaf, **inner}).comparisons
    return [(value, holds_all(old, value), holds_all(new, value)) for value in values]


def _tellable(flow: Flow, leaf: Mapping[str, Any], step: str) -> Sequence[float] | None:
    """Every value that can be told, lowest first; None where that is not a matter of one reading and a fixed number."""
    if "above_recorded" in leaf or "mean_over" in leaf:
        return None
    if isinstance(leaf.get("total"), list):
        return range(sum(_highest(flow, each) for each in leaf["total"]) + 1)
    if "day" in leaf:
        return range(1, flow.stop_after + 1)
    name = leaf.get("value")
    if not isinstance(name, str):
        return None
    if name in ("scale", "count") and step:
        lowest = (flow.question(step).range or (0, 0))[0]
        return range(lowest, _highest(flow, step) + 1)
    limits = DIASTOLIC if name == "diastolic" else PLAUSIBLE[next(m for m in PLAUSIBLE if str(m) == measure_of(name))]
    each = step_of(name)
    return [round(limits.lowest + number * each, 1) for number in range(round((limits.highest - limits.lowest) / each) + 1)]


def _highest(flow: Flow, step: str) -> int:
    """The highest number that answers a question."""
    question = flow.question(step)
    if question.expects is Expects.PHQ_ITEM:
        return _HIGHEST_OF_AN_ITEM
    measure = next(m for m in PLAUSIBLE if str(m) == ("scale" if question.expects is Expects.SCALE_0_10 else "count"))
    return question.range[1] if question.range is not None else int(PLAUSIBLE[measure].highest)
