"""Flows changed in one threshold, or by one red flag less: at least one case must notice each change, or the cases prove too little."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from service.domain.event import Event, QuestionAsked, RedFlagFound
from service.engine.cases import Case, Ears, play
from service.engine.flow import Flow
from service.engine.place import Path
from service.evaluation.flows.moved import moves, only_widens, why_unnoticed
from service.evaluation.flows.remembering import Remembering

_CONFIRM_STEP = 1.0
"""Of the difference from which on a value is asked again: one of what its scale shows."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: where in the file, in words, and the flow as it would be."""

    path: Path
    what: str
    flow: Flow
    excluded: str = ""
    """Why nobody could notice the change (`why_unnoticed`), "" when somebody could."""
    of: str = ""
    """The red flag or step that is changed, as cases name it."""


@dataclass
class Outcome:
    """How many changes of a flow its cases have noticed, and those they have not."""

    all: int = 0
    """Changes that somebody could notice."""
    killed: int = 0
    survivors: list[Mutant] = field(default_factory=list)
    excluded: list[Mutant] = field(default_factory=list)
    failing: list[str] = field(default_factory=list)
    """Cases that do not hold for the flow as it is: they prove nothing and are not played."""

    @property
    def share(self) -> float:
        """The share of changes that were noticed; 1 without any."""
        return self.killed / self.all if self.all else 1.0


def mutants(flow: Flow) -> Iterator[Mutant]:
    """Every number of every red flag, branch and `quicken`, and of every `confirm`, moved by one step up and down; every personal limit
    and every branch taken out; every red flag and hand_over removed."""
    data = flow.to_json()
    for number, step in enumerate(data["steps"]):
        yield from _of_flags(flow, data, number, step)
        if step["kind"] == "hand_over":
            rest = [*data["steps"][:number], *data["steps"][number + 1 :]]
            yield Mutant(("steps", step["key"]), f"{step['key']} removed", _flow(data, rest), of=step["key"])
        if step.get("confirm"):
            yield from _of_confirm(data, number, step)
        for place, condition in enumerate(step.get("only_if", ())):
            together = _written_once(data["steps"], number, place)
            if together[0] != number:
                continue
            yield _open_to_all(data, together, place, condition)
            for move in moves(condition):
                steps = list(data["steps"])
                for each in together:
                    steps[each] = deepcopy(steps[each])
                    _put(steps[each]["only_if"][place], move.path, move.new)
                what = f"{step['key']}: only_if {move.words}"
                why = why_unnoticed(flow, move)
                if not why and len(together) == 1 and only_widens(flow, move):
                    why = _held_anyway(data["steps"], number, condition)
                yield Mutant(("steps", step["key"], "only_if"), what, _flow(data, steps), why, step["key"])
    if data.get("quicken"):
        for move in moves(data["quicken"]["when"]):
            quicken = deepcopy(data["quicken"])
            _put(quicken["when"], move.path, move.new)
            changed = Flow.from_json({**data, "quicken": quicken})
            yield Mutant(("quicken", "when"), f"quicken: {move.words}", changed, why_unnoticed(flow, move))


def _of_flags(flow: Flow, data: Mapping[str, Any], number: int, step: Mapping[str, Any]) -> Iterator[Mutant]:
    for place, flag in enumerate(step.get("red_flags", ())):
        path: Path = ("steps", step["key"], "red_flags", place)
        of = f"{step['key']}.{flag['name']}"
        yield Mutant(path, f"{of} removed", _with_flag(data, number, place, None), of=of)
        for move in moves(flag["when"], step["key"]):
            changed = deepcopy(flag)
            _put(changed["when"], move.path, move.new)
            mutated = _with_flag(data, number, place, changed)
            yield Mutant((*path, "when"), f"{of}: {move.words}", mutated, why_unnoticed(flow, move), of)


def _of_confirm(data: Mapping[str, Any], number: int, step: Mapping[str, Any]) -> Iterator[Mutant]:
    old = step["confirm"]["change_over"]
    for new in (old["value"] - _CONFIRM_STEP, old["value"] + _CONFIRM_STEP):
        steps = list(data["steps"])
        steps[number] = {**step, "confirm": {**step["confirm"], "change_over": {**old, "value": new}}}
        what = f"{step['key']}: confirm change_over {new:g} instead of {old['value']:g} {old['unit']}"
        yield Mutant(("steps", step["key"], "confirm"), what, _flow(data, steps), of=step["key"])


def _written_once(steps: Sequence[Mapping[str, Any]], number: int, place: int) -> list[int]:
    """The steps that share this condition because it stands at the `run:` that brought them in: in the file it is one number."""
    parts = str(steps[number]["key"]).split(".")[:-1]
    for depth in range(1, len(parts) + 1):
        prefix = ".".join(parts[:depth]) + "."
        run = [each for each, step in enumerate(steps) if str(step["key"]).startswith(prefix)]
        if all(steps[each]["only_if"][: place + 1] == steps[number]["only_if"][: place + 1] for each in run):
            return run
    return [number]


def _open_to_all(data: Mapping[str, Any], together: Sequence[int], place: int, condition: Any) -> Mutant:
    """The branch taken away: its step comes for everybody."""
    steps = list(data["steps"])
    for each in together:
        steps[each] = {**steps[each], "only_if": [other for at, other in enumerate(steps[each]["only_if"]) if at != place]}
    key, count = steps[together[0]]["key"], len(data["steps"][together[0]]["only_if"])
    which = f"only_if {place + 1} of {count}" if count > 1 else "only_if"
    why = _held_anyway(data["steps"], together[0], condition) if len(together) == 1 else ""
    return Mutant(("steps", key, "only_if"), f"{key}: {which} taken out", _flow(data, steps), why, key)


def _held_anyway(steps: Sequence[Mapping[str, Any]], number: int, condition: Any) -> str:
    """Why a step would not come oftener without this condition, or with a wider one; "" when it would.

    A re-check comes only after its wait, and a record keeps nothing of a question that was not answered.
    """
    step = steps[number]
    if step.get("recheck") and condition in steps[number - 1]["only_if"]:
        return "a re-check comes only after its wait, which has the same condition"
    if step["kind"] == "record" and (of := step["record"]["from"]):
        asked = next(each for each in steps if each["key"] == of)
        if condition in asked["only_if"] or condition == {"none_of": [{"step": of, "unanswered": True}]}:
            return f"a record keeps nothing when {of} has no answer"
    return ""


def run_mutants(flow: Flow, cases: Sequence[Case], ears: Ears) -> Outcome:
    """Plays the cases against every changed flow until one fails; cases that reach what is changed come first."""
    outcome = Outcome()
    memory = Remembering(ears.lexicon, ears.tables, ears.wording)
    sound: list[tuple[Case, frozenset[str]]] = []
    for case in cases:
        played = play(flow, case, memory)
        if played.failures:
            outcome.failing.append(case.name)
        else:
            sound.append((case, _reached(flow, played.story)))
    for mutant in mutants(flow):
        if mutant.excluded:
            outcome.excluded.append(mutant)
            continue
        outcome.all += 1
        step = mutant.of.rpartition(".")[0]
        likely = sorted(sound, key=lambda each: (mutant.of not in each[1], step not in each[1]))
        if any(play(mutant.flow, case, memory).failures for case, _ in likely):
            outcome.killed += 1
        else:
            outcome.survivors.append(mutant)
    return outcome


def _reached(flow: Flow, story: Sequence[Event]) -> frozenset[str]:
    """The steps that were asked and the red flags that have fired."""
    raised = (event.fired.rule.removeprefix(f"{flow.key}.") for event in story if isinstance(event, RedFlagFound))
    return frozenset([*raised, *(event.step for event in story if isinstance(event, QuestionAsked))])


def _with_flag(data: Mapping[str, Any], step: int, place: int, flag: Mapping[str, Any] | None) -> Flow:
    """The flow with another red flag in this place, or without it."""
    flags = list(data["steps"][step]["red_flags"])
    flags[place : place + 1] = [flag] if flag is not None else []
    steps = list(data["steps"])
    steps[step] = {**steps[step], "red_flags": flags}
    return _flow(data, steps)


def _flow(data: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> Flow:
    return Flow.from_json({**data, "steps": list(steps)})


def _put(condition: Any, path: Path, value: Any) -> None:
    for part in path[:-1]:
        condition = condition[part]
    if value is None:
        del condition[path[-1]]
    else:
        condition[path[-1]] = value
