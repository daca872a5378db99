"""What the conditions of a flow refer to: earlier steps, their answers, and nothing that could never hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from service.domain.reading import Expects
from service.engine.answers import VALUE_OF
from service.engine.checks import Problem
from service.engine.flow import Flow, Written
from service.engine.place import Path
from service.engine.shape import nearest
from service.engine.steps import AskStep, PauseStep, RecordStep
from service.triage import PRESSURE_PARTS, Condition, ConditionError, TablesError, speaks_of_raised

_ONLY_OF_A_STEP = frozenset({"answer", "choice"})
_SCORED = frozenset({Expects.PHQ_ITEM, Expects.SCALE_0_10, Expects.COUNT})
_NUMBERS = {Expects.PHQ_ITEM: "scale", Expects.SCALE_0_10: "scale", Expects.COUNT: "count"}
_ANSWERED_YES = frozenset({Expects.YES_NO, Expects.SYMPTOMS})


def reference_problems(flow: Written) -> Iterator[Problem]:
    """Conditions that are not written well, or name a step or an answer that is not there."""
    earlier: dict[str, AskStep] = {}
    for step in flow.steps:
        here: Path = ("steps", step.key)
        try:
            for condition in flow.only_if(step):
                yield from _condition(condition, (*here, "only_if"), earlier, None)
        except ConditionError as error:
            yield (*here, "only_if"), str(error)
        if isinstance(step, RecordStep):
            yield from _kept(step, earlier)
        if isinstance(step, PauseStep) and step.pause.days_from:
            yield from _days(step, earlier)
        if isinstance(step, AskStep):
            earlier[step.key] = step
    questions = {step.key: step for step in flow.questions}
    for step in flow.questions:
        judged: list[tuple[Path, Condition]] = []
        for number, flag in enumerate(step.red_flags):
            place: Path = ("steps", step.key, "red_flags", number, "when")
            if flag.source not in flow.sources:
                continue  # told already
            try:
                rule = flow.rule(step, flag)
            except TablesError as error:
                yield (*place[:-1], "reason" if error.what.startswith("reason") else "when"), error.what
                continue
            yield from _condition(rule.when, place, questions, step)
            judged.append((place, rule.when))
        for place, when in judged:
            if _without_a_longer_one(when, [other for _, other in judged]):
                yield place, "if_known: true needs another red flag of this step that compares over a longer period, without if_known"
    if isinstance(flow, Flow) and flow.silence.sooner_when is not None:
        try:
            if (sooner := flow.sooner_when) is not None and speaks_of_raised(sooner):
                yield (
                    ("silence", "sooner_when"),
                    "raised stands in an only_if alone; after a red flag silence counts sooner anyway",
                )
            elif sooner is not None:
                yield from _condition(sooner, ("silence", "sooner_when"), {}, None)
        except ConditionError as error:
            yield ("silence", "sooner_when"), str(error)
    if isinstance(flow, Flow) and flow.quicken is not None:
        try:
            quicken = flow.quicken_when
            if quicken is not None and speaks_of_raised(quicken):
                yield ("quicken", "when"), "raised stands in the only_if of a step alone; name here what is worse"
            elif quicken is not None:
                yield from _condition(quicken, ("quicken", "when"), questions, None)
        except ConditionError as error:
            yield ("quicken", "when"), str(error)


def _kept(step: RecordStep, earlier: dict[str, AskStep]) -> Iterator[Problem]:
    """What a record names: earlier questions, and for a total those that give a number."""
    word = "total" if step.record.total else "from"
    here: Path = ("steps", step.key, "record", word)
    for key in step.record.steps:
        if key not in earlier:
            yield here, f'"{key}" is no earlier question; {nearest(key, earlier)}'
        elif step.record.total and earlier[key].expects not in _SCORED:
            yield here, f'"{key}" gives no number to add up; total takes steps that expect {", ".join(sorted(_SCORED))}'


def _days(step: PauseStep, earlier: dict[str, AskStep]) -> Iterator[Problem]:
    key, here = step.pause.days_from, ("steps", step.key, "pause", "days_from")
    if key not in earlier:
        yield here, f'"{key}" is no earlier question; {nearest(key, earlier)}'
    elif earlier[key].expects is not Expects.COUNT:
        yield here, f'"{key}" tells no number of days; name a question that expects count'


def _condition(condition: Condition, place: Path, steps: dict[str, AskStep], own: AskStep | None) -> Iterator[Problem]:
    """`own` is the step whose answer a bare answer or choice speaks of; None where it speaks of all that was told."""
    for key in condition.steps:
        if key not in steps:
            yield place, f'"{key}" is no {"" if own else "earlier "}question; {nearest(key, steps)}'
            return
    if condition.subject == "total":
        for key in condition.steps:
            if steps[key].expects not in _SCORED:
                yield place, f'"{key}" gives no number to add up; total takes steps that expect {", ".join(sorted(_SCORED))}'
    if condition.subject in _ONLY_OF_A_STEP and own is not None:
        yield from _told(condition, place, own)
    elif condition.subject == "choice":
        offered = {option.value for step in steps.values() for option in step.choices}
        for name in sorted(condition.names - {"*", *offered}):
            yield place, f'"{name}" is no choice of an earlier step; {nearest(name, offered)}'
    if condition.subject == "value" and own is not None and next(iter(condition.names)) in ("scale", "count"):
        yield from _told(condition, place, own)
    asked = steps[condition.steps[0]] if condition.subject == "step" else own
    for part in condition.parts:
        if condition.subject == "step" and asked is not None and part.subject in {*_ONLY_OF_A_STEP, "value"}:
            yield from _told(part, place, asked)
        elif condition.subject != "step" or part.parts:
            yield from _condition(part, place, steps, asked)


def _without_a_longer_one(condition: Condition, flags: Sequence[Condition]) -> bool:
    """True when a change is passed over for want of readings and no flag of its step judges it over a longer period."""
    every = [part for flag in flags for part in _changes(flag)]
    return any(
        one.if_known
        and not any(
            not other.if_known
            and other.names == one.names
            and other.change is not None
            and one.change is not None
            and other.change.direction == one.change.direction
            and other.change.period > one.change.period
            for other in every
        )
        for one in _changes(condition)
    )


def _changes(condition: Condition) -> Iterator[Condition]:
    if condition.change is not None:
        yield condition
    for part in condition.parts:
        yield from _changes(part)


def _told(condition: Condition, place: Path, step: AskStep) -> Iterator[Problem]:
    """An answer that the question cannot give is a typing error: the condition would never hold."""
    if condition.subject == "choice":
        values = [option.value for option in step.choices]
        for name in sorted(condition.names - {"*", *values}):
            yield place, f'"{name}" is no choice of {step.key}; {nearest(name, values)}'
    elif condition.subject == "answer" and step.expects not in _ANSWERED_YES:
        yield place, f"{step.key} expects {step.expects}, which has no answer yes or no; ask with expects: yes_no"
    elif condition.subject == "value":
        name = next(iter(condition.names))
        measure = "blood_pressure" if name in PRESSURE_PARTS else name
        told = _NUMBERS.get(step.expects) or VALUE_OF.get(step.expects)
        if measure != told:
            yield place, f"{step.key} expects {step.expects}, which tells no {name}; {nearest(name, [told] if told else [])}"
