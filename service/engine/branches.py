"""Which step comes next: `only_if` judged over what was told in the session, and what must not be asked just now."""

from __future__ import annotations

from datetime import datetime, timedelta

from service.domain.facts import Facts
from service.domain.reading import Finding
from service.engine.flow import Flow
from service.engine.session import Session
from service.engine.steps import AskStep, HandOverStep, Step, WaitStep
from service.triage import Condition, Told, judge

QUIET_BEFORE_CLOSING = timedelta(hours=2)
"""A question that may raise an emergency is not asked so shortly before nobody is on duty (decisions 7)."""


def next_step(flow: Flow, session: Session, facts: Facts, now: datetime) -> Step | None:
    """The first open step that may come now, None when there is none."""
    known = told(flow, session, facts, now)
    return next((step for step in flow.steps if may_come(flow, step, session, known) and not put_off(step, facts)), None)


def may_come(flow: Flow, step: Step, session: Session, known: Told) -> bool:
    """True for an open step whose `only_if` is not false; a re-check comes only after its wait.

    A hand_over that hangs on the past alone, of which too little is known, does not come: see `not_judged`.
    """
    if step.key in session.done or step.key in session.given_up:
        return False
    if isinstance(step, AskStep) and step.recheck and _before(flow, step).key not in session.done:
        return False
    found = holds(flow, step, known)
    return found is True or (found is None and not (isinstance(step, HandOverStep) and _of_the_past(flow, step, known)))


def not_judged(flow: Flow, session: Session, facts: Facts, now: datetime) -> tuple[HandOverStep, ...]:
    """The steps that hand the patient over, or not, by what was before this check-in, where too little of that is known."""
    open_steps = [step for step in flow.steps if isinstance(step, HandOverStep) and step.only_if and step.key not in session.done]
    if not open_steps:
        return ()
    known = told(flow, session, facts, now)
    return tuple(step for step in open_steps if holds(flow, step, known) is None and _of_the_past(flow, step, known))


def _of_the_past(flow: Flow, step: Step, known: Told) -> bool:
    """True when nothing but history, day and earlier silence leaves the step's `only_if` open: every answer that it names is there."""
    by_step = known.by_step or {}

    def past(condition: Condition) -> bool:
        if condition.subject in ("all_of", "any_of", "none_of"):
            return all(past(part) for part in condition.parts)
        if judge(condition, known).holds is not None:
            return True
        return condition.subject not in ("total", "unanswered", "cel") and all(key in by_step for key in condition.steps)

    return all(past(condition) for condition in flow.only_if(step))


def told(flow: Flow, session: Session, facts: Facts, now: datetime) -> Told:
    """All that was told in the session, and to each question that a condition names.

    Nothing was told to one that is skipped; one that waits for its answer, or never got it, is not in `by_step`.
    """
    answers: dict[str, tuple[Finding, ...]] = dict.fromkeys(session.done, ())
    for kept in session.kept:
        answers[kept.step] = (*answers.get(kept.step, ()), kept.finding)
    by_step: dict[str, tuple[Finding, ...]] = {}
    known = Told(session.findings(), facts, now, by_step=by_step, raised=session.raised)
    for step in flow.questions:
        if step.key not in flow.named:
            continue
        if step.key in answers:
            by_step[step.key] = answers[step.key]
        elif step.only_if and step.key not in session.given_up and holds(flow, step, known) is False:
            by_step[step.key] = ()  # questions further down are judged with it
    return known


def holds(flow: Flow, step: Step, known: Told) -> bool | None:
    """Whether the step's `only_if` holds; None when that is not known. True without one."""
    found = [judge(condition, known).holds for condition in flow.only_if(step)]
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
