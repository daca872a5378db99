"""What of a conversation's past still matters for its future: states with the same outlook are walked once."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from datetime import datetime

from service.domain.facts import Facts
from service.engine.branches import holds, told
from service.engine.flow import Flow
from service.engine.session import Session, Status
from service.evaluation.flows.leaves import leaves
from service.triage import Condition, Told, judge

Rank = tuple[int, int, int]


def rank(session: Session) -> Rank:
    """How far a conversation is: it only rises, so that every conversation ends.

    Steps that are closed beside the open one; replies that did not answer it; reminders.
    """
    closed = {*session.done, *session.given_up} - {session.step}
    return len(closed), session.tries + (session.step in session.done and not session.confirming), session.reminders


def outlook(flow: Flow, session: Session, facts: Facts, now: datetime, *, coarse: bool) -> Hashable:
    """What decides about all that may follow; `coarse` leaves out what only some branches look at."""
    if session.status is Status.ENDED:
        return ("ended", session.outcome)
    here = (session.step, session.tries, session.confirming, session.reminders)
    if coarse:
        return here
    closed = frozenset({*session.done, *session.given_up})
    known = told(flow, session, facts, now)
    branches = tuple(holds(flow, step, known) for step in flow.steps if step.only_if and step.key not in closed)
    return (*here, closed, branches, tuple(_joined(flow, session, known)))


def _joined(flow: Flow, session: Session, known: Told) -> Iterator[Hashable]:
    """What is fulfilled of red flags that need several things together, and the sums so far."""
    by_step = known.by_step or {}
    for step in flow.questions:
        for flag in step.red_flags:
            rule = flow.rule(step, flag)
            if rule.id in session.fired or not (parts := _together(rule.when)):
                continue
            for part in parts:
                if part.subject == "total":
                    scores = [f.quantity.value for key in part.steps for f in by_step.get(key, ()) if f.quantity is not None]
                    yield sum(scores), len(scores)
                else:
                    yield judge(part, known).holds


def _together(condition: Condition) -> tuple[Condition, ...]:
    """The tests of a condition that can be fulfilled one after the other; none where one answer decides."""
    if condition.subject == "total":
        return (condition,)
    if condition.subject in ("all_of", "none_of"):
        return tuple(leaves(condition))
    return tuple(each for part in condition.parts for each in _together(part))
