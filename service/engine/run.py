"""One turn of a conversation: a flow, a session and what has happened give the next session and what follows from it.

Deterministic: no clock, no I/O; the same input gives the same output. What follows is told as events in the past tense;
a text (MessageSaid) directly followed by a question (QuestionAsked) goes out as one message where both fit.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from service.domain.decision import Fired
from service.domain.event import MessageSaid, QuestionAsked, ReplyRead, Resume, SilenceNoticed, Stopped, TimedOut
from service.domain.facts import Facts
from service.domain.reading import Choice, Question
from service.domain.urgency import Urgency
from service.engine.branches import told, waited_for
from service.engine.flow import Flow
from service.engine.hear import hear
from service.engine.proceed import MAX_TURNS, Turn, ask_reminding, end, go_on, render, still_waiting
from service.engine.session import Outcome, Session, Status
from service.engine.steps import AskStep, WaitStep
from service.triage.operators import judge

MAX_REMINDERS = 1


class WrongVersion(ValueError):
    """A session was resumed on another flow version than the one it began with: load the pinned version."""


def start(flow: Flow, facts: Facts, now: datetime, *, led_by: Urgency | None = None, since: datetime | None = None) -> Turn:
    """Begins a conversation: the session and its first question. MissingValue when a text lacks a value.

    A safety re-check knows how urgent it was that led to it (`led_by`), and since when its first wait counts.
    """
    urgency = led_by.value if led_by is not None else ""
    session = Session(flow=flow.key, version=flow.version, language=flow.language(facts.language), started_at=now, urgency=urgency)
    session, events = go_on(flow, session, facts, since or now)
    greeting = render(flow, flow.greeting, session, facts)
    first = next((number for number, event in enumerate(events) if isinstance(event, QuestionAsked | MessageSaid)), -1)
    greeted = [
        replace(event, text=f"{greeting} {event.text}") if number == first and isinstance(event, QuestionAsked | MessageSaid) else event
        for number, event in enumerate(events)
    ]
    return session, tuple(greeted)


def resume(flow: Flow, session: Session, event: Resume, facts: Facts, now: datetime) -> Turn:
    """What follows from an event. An ended session answers nothing; a stale timeout changes nothing.

    Raises WrongVersion when `flow` is not the version the session began with, TypeError for an unknown event.
    """
    _check_version(flow, session)
    if session.status is Status.ENDED:
        return session, ()
    facts = facts.before(session.started_at)
    match event:
        case Stopped():
            return end(flow, session, Outcome.STOPPED, facts, now)
        case TimedOut():
            return _timed_out(flow, session, event, facts, now)
        case ReplyRead():
            return hear(flow, session, event, facts, now, question_of(flow, session))
    raise TypeError(f"unknown event {type(event).__name__}")


def question_of(flow: Flow, session: Session) -> Question | None:
    """The open question, in whose light a reply is read; while a re-check is waited for, its question. None when the session is over."""
    if session.status is Status.ENDED or not session.step:
        return None
    return _question(waited_for(flow, flow.step(session.step)), session.language)


def late_question(flow: Flow, session: Session, now: datetime) -> Question | None:
    """The question that was open when nobody answered any more, while an answer to it still counts; else None."""
    if session.status is not Status.ENDED or not session.left_open or session.left_at is None:
        return None
    step = flow.question(session.left_open)
    return _question(step, session.language) if now - session.left_at <= flow.late(step) else None


def late_answer(flow: Flow, session: Session, event: ReplyRead, facts: Facts, now: datetime) -> Turn | None:
    """A reply after the end, read in the light of `late_question`: its observations, red flags and thanks; nothing more is asked.

    None when it comes too late or does not answer that question. Raises WrongVersion as `resume` does.
    """
    _check_version(flow, session)
    question = late_question(flow, session, now)
    if question is None:
        return None
    key = session.left_open
    opened = replace(
        session, status=Status.WAITING, step=key, left_open="", left_at=None, given_up=tuple(k for k in session.given_up if k != key)
    )
    heard, events = hear(flow, opened, event, facts.before(session.started_at), now, question, late=True)
    return (replace(heard, outcome=session.outcome), events) if key in heard.done else None


def _question(step: AskStep, language: str) -> Question:
    choices = tuple(Choice(n, option.value, option.words.get(language, ())) for n, option in enumerate(step.choices, 1))
    return Question(step.expects, step.key, language, step.ask[language].plain, choices, step.about)


def _check_version(flow: Flow, session: Session) -> None:
    if session.version != flow.version or session.flow != flow.key:
        raise WrongVersion(f"session of {session.flow} began with version {session.version[:12]}, got {flow.version[:12]}")


def _timed_out(flow: Flow, session: Session, event: TimedOut, facts: Facts, now: datetime) -> Turn:
    if event.step != session.step or session.wait_until is None or event.at < session.wait_until:
        return still_waiting(session)
    step = flow.step(session.step)
    session = replace(session, turns=session.turns + 1)
    if isinstance(step, WaitStep):
        return go_on(flow, replace(session, done=(*session.done, step.key)), facts, now)
    asked = flow.question(step.key)
    if asked.recheck:
        return _no_recheck(flow, session, asked, facts, now)
    if session.reminders < MAX_REMINDERS and session.turns < MAX_TURNS:
        return ask_reminding(flow, session, asked, facts, now, _at_risk(flow, session, facts, now))
    urgency = flow.silence.urgency_high_risk if _at_risk(flow, session, facts, now) else flow.silence.urgency
    hours = round((now - session.asked_at).total_seconds() / 3600) if session.asked_at else 0
    fired = Fired(
        rule=f"{flow.key}.silence",
        version=flow.version,
        urgency=urgency,
        reason=f"No answer to the check-in for {hours} h" + (" after an answer that needs a nurse" if session.dangers else ""),
        source=flow.sources[flow.silence.source],
    )
    return _silent(flow, session, SilenceNoticed(step.key, fired), facts, now)


def _no_recheck(flow: Flow, session: Session, step: AskStep, facts: Facts, now: datetime) -> Turn:
    """No answer to a safety re-check raises the urgency of what led to it by one class (decisions 8)."""
    classes = sorted(Urgency, key=lambda urgency: urgency.rank)
    before = Urgency(session.urgency) if session.urgency else Urgency.ROUTINE
    fired = Fired(
        rule=f"{flow.key}.{step.key}.no_recheck",
        version=flow.version,
        urgency=classes[max(0, classes.index(before) - 1)],
        reason=f"No answer to the safety re-check: {step.ask[flow.language('en')].plain}",
        source="Rounds default: a safety re-check without an answer raises the urgency by one class",
    )
    return _silent(flow, session, SilenceNoticed(step.key, fired), facts, now)


def _silent(flow: Flow, session: Session, noticed: SilenceNoticed, facts: Facts, now: datetime) -> Turn:
    left = replace(session, left_open=session.step, left_at=session.asked_at or now)
    return end(flow, left, Outcome.SILENT, facts, now, [noticed])


def _at_risk(flow: Flow, session: Session, facts: Facts, now: datetime) -> bool:
    """Silence counts sooner for a high-risk patient, after a red flag, after an unanswered second question, after an emergency of late,
    and where the flow says so; what that hangs on may be unknown, which is not taken for harmless.
    """
    if facts.high_risk or session.dangers or session.tries > 0:
        return True
    if facts.emergency_at is not None and now - facts.emergency_at <= timedelta(minutes=flow.silence.sooner_after_emergency):
        return True
    return flow.sooner_when is not None and judge(flow.sooner_when, told(flow, session, facts, now)).holds is not False
