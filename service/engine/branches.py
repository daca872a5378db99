"""Which step comes next: `only_if` judged over what was told in the session, and what must not be asked just now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from service.domain.facts import Facts
from service.domain.reading import Finding
from service.engine.flow import Flow
from service.engine.session import Session
from service.engine.steps import AskStep, HandOverStep, Step, WaitStep
from service.triage.conditions import Condition
from service.triage.operators import judge

Told = Mapping[str, tuple[Finding, ...]]
QUIET_BEFORE_CLOSING = timedelta(hours=2)
"""A question that may raise an emergency is not asked so shortly before nobody is on duty (decisions 7)."""


def next_step(flow: Flow, session: Session, facts: Facts, now: datetime) -> Step | None:
    """The first open step that may come now, None when there is none."""
    by_step = told(flow, session, facts, now)
    return next((step for step in flow.steps if may_come(flow, step, session, facts, now, by_step) and not put_off(step, facts)), None)


def may_come(flow: Flow, step: Step, session: Session, facts: Facts, now: datetime, by_step: Told | None = None) -> bool:
    """True for an open step whose `only_if` is not false; a re-check comes only after its wait.

    `by_step` is what was told to each question (`told`), where it is at hand. A hand_over that hangs on the past alone, of which
    too little is known, does not come: see `not_judged`.
    """
    if step.key in session.done or step.key in session.given_up:
        return False
    if isinstance(step, AskStep) and step.recheck and _before(flow, step).key not in session.done:
        return False
    by_step = told(flow, session, facts, now) if by_step is None else by_step
    found = holds_given(flow, step, session, facts, now, by_step)
    return found is True or (found is None and not (isinstance(step, HandOverStep) and _of_the_past(flow, step, session, facts, now)))


def holds(flow: Flow, step: Step, session: Session, facts: Facts, now: datetime) -> bool | None:
    """Whether the step's `only_if` holds; None when that is not known. True without one."""
    return holds_given(flow, step, session, facts, now, told(flow, session, facts, now)) if step.only_if else True


def not_judged(flow: Flow, session: Session, facts: Facts, now: datetime) -> tuple[HandOverStep, ...]:
    """The steps that hand the patient over, or not, by what was before this check-in, where too little of that is known."""
    return tuple(
        step
        for step in flow.steps
        if isinstance(step, HandOverStep)
        and step.key not in session.done
        and holds(flow, step, session, facts, now) is None
        and _of_the_past(flow, step, session, facts, now)
    )


def _of_the_past(flow: Flow, step: Step, session: Session, facts: Facts, now: datetime) -> bool:
    """True when nothing but history, day and earlier silence leaves the step's `only_if` open: every answer that it names is there."""
    by_step = told(flow, session, facts, now)

    def past(condition: Condition) -> bool:
        if condition.subject in ("all_of", "any_of", "none_of"):
            return all(past(part) for part in condition.parts)
        if judge(condition, session.findings(), facts, now, by_step=by_step, raised=session.raised).holds is not None:
            return True
        return condition.subject not in ("total", "unanswered", "cel") and all(key in by_step for key in condition.steps)

    return all(past(condition) for condition in flow.only_if(step))


def told(flow: Flow, session: Session, facts: Facts, now: datetime) -> Told:
    """What was told to each question: nothing to one that is skipped; one that waits for its answer, or never got it, is not in it."""
    answered = {kept.step for kept in session.kept} | set(session.done)
    found: dict[str, tuple[Finding, ...]] = {}
    for step in flow.questions:
        if step.key in answered:
            found[step.key] = session.findings(step.key)
        elif step.only_if and step.key not in session.given_up and holds_given(flow, step, session, facts, now, found) is False:
            found[step.key] = ()
    return found


def holds_given(flow: Flow, step: Step, session: Session, facts: Facts, now: datetime, by_step: Told) -> bool | None:
    """As `holds`, with what was told to each question (`told`) at hand."""
    found = [
        judge(condition, session.findings(), facts, now, by_step=by_step, raised=session.raised).holds for condition in flow.only_if(step)
    ]
    return False if False in found else None if None in found else True


def put_off(step: Step, facts: Facts) -> bool:
    """True for a question that may raise an emergency while nobody is on duty, or shortly before."""
    if not isinstance(step, AskStep) or not step.can_raise_emergency:
        return False
    minutes = facts.minutes_until_unstaffed
    return not facts.staffed or (minutes is not None and timedelta(minutes=minutes) < QUIET_BEFORE_CLOSING)


def waited_for(flow: Flow, step: Step) -> AskStep:
    """The question that an open step stands for: itself, or the re-check after a wait. TypeError for another kind."""
    if isinstance(step, WaitStep):
        step = flow.steps[flow.steps.index(step) + 1]
    if not isinstance(step, AskStep):
        raise TypeError(f"{step.key} asks nothing")
    return step


def _before(flow: Flow, step: Step) -> Step:
    return flow.steps[flow.steps.index(step) - 1]
