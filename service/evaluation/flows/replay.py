"""A check-in that is over, as it would have gone on another version of its flow, with today's reader, rules and engine.

Each reply goes to the question that it answered then, wherever that stands in this version. A question that nobody was asked then
has no answer: it is passed over and named, since what it would have raised cannot be told. An answer to a question that this version
does not ask is judged by the rules for every patient alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from service.domain.decision import Fired
from service.domain.event import Event, RedFlagFound, ReplyRead, SilenceNoticed, Stopped, TimedOut
from service.domain.past_check_in import PastCheckIn
from service.domain.reading import Question
from service.engine import Flow, Session, Status, late_answer, late_question, question_of, resume
from service.engine.branches import waited_for
from service.engine.proceed import go_on
from service.engine.steps import AskStep, HandOverStep, WaitStep
from service.evaluation.flows.retrace import Hearing, Placed, Trace, begun
from service.triage import steps_named

MOST_TURNS = 400
"""Turns of one replay: replies, waits and questions passed over."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What would have been raised, by rule (its most urgent firing), and what cannot be told."""

    fired: Mapping[str, Fired]
    not_asked: frozenset[str] = frozenset()
    """Questions of this version that the patient was not asked then."""
    not_heard: int = 0
    """Replies to questions that this version does not ask."""


@dataclass(slots=True)
class _Talk:
    flow: Flow
    past: PastCheckIn
    trace: Trace
    hearing: Hearing
    session: Session
    now: datetime
    left: list[Placed]
    fired: dict[str, Fired] = field(default_factory=dict)
    not_asked: set[str] = field(default_factory=set)

    def take(self, session: Session, events: Iterable[Event]) -> None:
        self.session = session
        for event in events:
            if isinstance(event, RedFlagFound | SilenceNoticed) and not self._hangs_on_nothing(event.step):
                self.keep(event.fired)

    def keep(self, fired: Fired) -> None:
        before = self.fired.get(fired.rule)
        if before is None or fired.urgency.rank < before.urgency.rank:
            self.fired[fired.rule] = fired

    def _hangs_on_nothing(self, key: str) -> bool:
        """True for a hand_over whose condition looks at a question that nobody was asked."""
        step = self.flow.built.steps.get(key)
        if not isinstance(step, HandOverStep):
            return False
        return any(steps_named(condition) & self.not_asked for condition in self.flow.only_if(step))


def replay(flow: Flow, past: PastCheckIn, trace: Trace, hearing: Hearing) -> Replayed:
    """The check-in on this version; `trace` is the way that it took. Pure: the same input gives the same output."""
    session, events = begun(flow, past, hearing)
    talk = _Talk(flow, past, trace, hearing, session, past.started_at, [each for each in trace.placed if each.step])
    talk.take(session, events)
    for _ in range(MOST_TURNS):
        if talk.session.status is Status.ENDED:
            break
        _turn(talk)
    for each in [one for one in talk.left if talk.session.left_open == one.step]:
        _hear_late(talk, each)
    for each in (*talk.left, *(one for one in trace.placed if not one.step)):
        _judge(talk, each, each.question)
    return Replayed(talk.fired, frozenset(talk.not_asked), sum(1 for each in talk.left if not each.late))


def _turn(talk: _Talk) -> None:
    """One step on: the reply to the open question, the end of a wait, or the next question where nothing answers this one."""
    opened = talk.flow.step(talk.session.step)
    asked = waited_for(talk.flow, opened)
    _asked_when_it_was(talk, asked)
    following = next((each for each in talk.left if each.step == asked.key), None)
    if following is not None:
        _answered(talk, following)
    elif isinstance(opened, WaitStep) and talk.session.wait_until is not None:
        _time_out(talk, talk.session.wait_until)
    elif talk.trace.open_at_end and not any(not each.late for each in talk.left):
        _unanswered(talk)
    else:
        _pass_over(talk, asked)


def _asked_when_it_was(talk: _Talk, asked: AskStep) -> None:
    """A question that comes sooner here, since one before it is left out, was really asked later: its waits count from then."""
    session, then = talk.session, talk.trace.asked.get(asked.key)
    if then is None or session.asked_at is None or session.wait_until is None or isinstance(talk.flow.step(session.step), WaitStep):
        return
    if then > session.asked_at and not (session.reminders or session.tries or session.confirming):
        talk.session = replace(session, asked_at=then, wait_until=session.wait_until + (then - session.asked_at))
        talk.now = max(talk.now, then)


def _answered(talk: _Talk, each: Placed) -> None:
    at = max(talk.now, each.reply.at)
    step = talk.session.step
    while talk.session.status is Status.WAITING and talk.session.step == step:
        over = talk.session.wait_until
        if over is None or over > at or not _time_out(talk, over, at - each.grace):
            break
    if talk.session.status is Status.ENDED or talk.session.step != step:
        return  # silent by then, or the re-check has been asked meanwhile: the reply comes to that
    question = question_of(talk.flow, talk.session)
    event = _judge(talk, each, question)
    talk.left.remove(each)
    talk.now = at
    talk.take(*resume(talk.flow, talk.session, event, talk.hearing.facts(talk.past, at), at))


def _time_out(talk: _Talk, over: datetime, unless_over_by: datetime | None = None) -> bool:
    """The wait ends; not where that ends the check-in and the wait lasts beyond `unless_over_by`. Whether it has ended."""
    session, events = resume(talk.flow, talk.session, TimedOut(talk.session.step, over), talk.hearing.facts(talk.past, over), over)
    if session.status is Status.ENDED and unless_over_by is not None and over >= unless_over_by:
        return False
    talk.now = max(talk.now, over)
    talk.take(session, events)
    return True


def _unanswered(talk: _Talk) -> None:
    """The patient said no more: waits end until the check-in does, or until another one took its place."""
    over, until = talk.session.wait_until, talk.past.ended_at
    if talk.past.silent and over is not None:
        _time_out(talk, over)
    elif over is None or over > until or not _time_out(talk, over, until - talk.trace.grace):
        stopped = Stopped("superseded", until)
        talk.take(*resume(talk.flow, talk.session, stopped, talk.hearing.facts(talk.past, until), until))


def _pass_over(talk: _Talk, asked: AskStep) -> None:
    if asked.key not in talk.trace.asked:
        talk.not_asked.add(asked.key)
    closed = replace(talk.session, given_up=(*talk.session.given_up, asked.key))
    facts = talk.hearing.facts(talk.past, talk.now).before(talk.session.started_at)
    talk.take(*go_on(talk.flow, closed, facts, talk.now, quiet=True))


def _hear_late(talk: _Talk, each: Placed) -> None:
    """A reply after the patient counted as silent, where it still answers the question left open."""
    question = late_question(talk.flow, talk.session, each.reply.at)
    if question is None:
        return
    facts = talk.hearing.facts(talk.past, each.reply.at)
    turn = late_answer(talk.flow, talk.session, _judge(talk, each, question), facts, each.reply.at)
    if turn is not None:
        talk.left.remove(each)
        talk.take(*turn)


def _judge(talk: _Talk, each: Placed, question: Question | None) -> ReplyRead:
    """The reply as it is read in the light of this question; what the rules for every patient raise is kept.

    What was heard beside the check-in is taken as it was read then: in the light of what, nobody knows.
    """
    read = talk.hearing.heard if each.step else talk.hearing.heard_then
    findings, missing = read(talk.past, each.reply, question)
    decision = talk.hearing.judged(talk.past, findings, each.reply.at, question)
    for fired in decision.fired:
        talk.keep(fired)
    return ReplyRead(findings, missing, each.reply.at, decision.urgency, bool(decision.answer))
