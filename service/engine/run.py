"""One turn of a conversation: a flow, a session and what has happened give the next session and what follows from it.

Deterministic: no clock, no I/O; the same input gives the same output. What follows is told as events in the past tense;
a text (MessageSaid) directly followed by a question (QuestionAsked) goes out as one message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from service.domain.decision import Fired
from service.domain.event import (
    Event,
    MessageSaid,
    ObservationRecorded,
    QuestionAsked,
    RedFlagFound,
    ReplyRead,
    Resume,
    SessionEnded,
    SilenceNoticed,
    Stopped,
    TimedOut,
    WaitSet,
)
from service.domain.facts import Facts
from service.domain.reading import Choice, Finding, FindingKind, Question
from service.domain.texts import fill
from service.domain.urgency import Urgency, highest
from service.domain.wording import patient_values
from service.engine.answers import (
    NO_MORE_QUESTIONS,
    NOT_AN_ANSWER,
    answers_open,
    answers_unasked,
    belongs_to,
    may_ask,
    recorded,
)
from service.engine.flow import Flow, Localized, Step
from service.engine.red_flags import UNKNOWN, Flagged, answer_text, evaluate_flags, needs_confirming
from service.engine.session import MAX_KEPT, Kept, Outcome, Session, Status

MAX_TURNS = 60
"""Events one session takes in; the next one ends it and hands it to a nurse."""
MAX_FINDINGS = 50
"""Findings of one reply that are looked at (universal triage has seen them all)."""
MAX_REMINDERS = 1
MAX_TRIES = 2
"""A question is asked, asked once more, and then a nurse looks."""
SHORTEST_WAIT = timedelta(minutes=30)
NO_SPAN = (0, 0)
"""The span of a finding that was read from an earlier reply."""

Turn = tuple[Session, tuple[Event, ...]]


class WrongVersion(ValueError):
    """A session was resumed on another flow version than the one it began with: load the pinned version."""


def start(flow: Flow, facts: Facts, now: datetime) -> Turn:
    """Begins a conversation: the session and its first question. MissingValue when a text lacks a value."""
    session = Session(flow=flow.key, version=flow.version, language=flow.language(facts.language))
    session, events = _go_on(flow, session, facts, now)
    greeting = _render(flow, flow.greeting, session, facts)
    return session, tuple(replace(e, text=f"{greeting} {e.text}") if isinstance(e, QuestionAsked) else e for e in events)


def resume(flow: Flow, session: Session, event: Resume, facts: Facts, now: datetime) -> Turn:
    """What follows from an event. An ended session answers nothing; a stale timeout changes nothing.

    Raises WrongVersion when `flow` is not the version the session began with, TypeError for an unknown event.
    """
    if session.version != flow.version or session.flow != flow.key:
        raise WrongVersion(f"session of {session.flow} began with version {session.version[:12]}, got {flow.version[:12]}")
    if session.status is Status.ENDED:
        return session, ()
    match event:
        case Stopped():
            return _end(session, Outcome.STOPPED)
        case TimedOut():
            return _timed_out(flow, session, event, facts, now)
        case ReplyRead():
            return _replied(flow, session, event, facts, now)
    raise TypeError(f"unknown event {type(event).__name__}")


def question_of(flow: Flow, session: Session) -> Question | None:
    """The open question, in whose light a reply is read; None when the session is over."""
    if session.status is Status.ENDED or not session.step:
        return None
    step, language = flow.step(session.step), session.language
    choices = tuple(Choice(n, option.value, option.words.get(language, ())) for n, option in enumerate(step.choices, 1))
    return Question(step.expects, step.key, language, step.ask[language].plain, choices, step.about)


def _replied(flow: Flow, session: Session, event: ReplyRead, facts: Facts, now: datetime) -> Turn:
    findings = event.findings[:MAX_FINDINGS]
    question = question_of(flow, session)
    session = replace(
        session, turns=session.turns + 1, kept=tuple(replace(k, finding=replace(k.finding, span=NO_SPAN)) for k in session.kept)
    )
    if findings and all(finding.kind in NOT_AN_ANSWER for finding in findings):
        return _still_waiting(session) if session.turns < MAX_TURNS else _too_long(flow, session)
    step = flow.step(session.step)
    noted = [(belongs_to(flow, step.key, finding), finding) for finding in recorded(findings)]
    events: list[Event] = [ObservationRecorded(key, finding) for key, finding in noted]
    confirmed = session.confirming and _says_yes(findings)
    answered = confirmed or answers_open(step, findings, event.missing)
    session = _keep(session, noted)
    session = replace(session, done=(*session.done, *_newly_done(flow, session, step, findings, answered)))

    flags = _of_this_reply(evaluate_flags(flow, session, facts, now, question))
    session = replace(session, fired=(*session.fired, *(name for name, _, _ in flags)))
    events += [RedFlagFound(key, fired) for _, key, fired in flags]
    urgency = highest([*(fired.urgency for _, _, fired in flags), *([event.urgency] if event.urgency else [])])
    said = _safety_answer(flow, session, event, [fired for _, _, fired in flags], facts)
    events += said
    if urgency is Urgency.EMERGENCY:
        return _end(session, Outcome.RED_FLAG, events)
    if any(finding.kind in NO_MORE_QUESTIONS for finding in findings):
        return _still_waiting(session, events)
    if session.turns >= MAX_TURNS:
        return _too_long(flow, session, events)
    quiet = bool(said) or event.answered
    if answered and (session.confirming or not needs_confirming(step, session, facts)):
        return _go_on(flow, session, facts, now, events, quiet=quiet)
    confirming = answered or session.confirming
    if session.tries + 1 >= MAX_TRIES:
        return _to_a_nurse(flow, session, step, "confirmed" if confirming else "understood", facts, now, events, quiet=quiet)
    text = step.confirm.ask if confirming and step.confirm is not None else step.ask_again
    return _ask(flow, replace(session, tries=session.tries + 1, confirming=confirming), step, text, facts, now, events)


def _to_a_nurse(
    flow: Flow, session: Session, step: Step, what: str, facts: Facts, now: datetime, events: Sequence[Event], *, quiet: bool
) -> Turn:
    """The second answer that is not understood (or not confirmed): a nurse looks and the flow goes on."""
    urgency = Urgency.URGENT if facts.high_risk else Urgency.SAME_DAY
    fired = Fired(
        rule=f"{flow.key}.{step.key}.not_{what}",
        version=flow.version,
        urgency=urgency,
        reason=f"The answer could not be {what}, asked twice: {step.ask[flow.language('en')].plain}",
        source="Rounds safety rules: a second unclear answer goes to a nurse",
    )
    said = [] if quiet else [MessageSaid(step.key, answer_text(flow, "not_understood", session, facts, urgency), session.language)]
    session = replace(
        session,
        fired=(*session.fired, fired.rule),
        given_up=(*session.given_up, *([] if step.key in session.done else [step.key])),
    )
    return _go_on(flow, session, facts, now, [*events, RedFlagFound(step.key, fired), *said], quiet=True)


def _timed_out(flow: Flow, session: Session, event: TimedOut, facts: Facts, now: datetime) -> Turn:
    if event.step != session.step or session.wait_until is None or event.at < session.wait_until:
        return _still_waiting(session)
    step = flow.step(session.step)
    session = replace(session, turns=session.turns + 1)
    if session.reminders < MAX_REMINDERS and session.turns < MAX_TURNS:
        asked_at = session.asked_at or now
        until = max(asked_at + flow.silence.after(_at_risk(session, facts)), now + SHORTEST_WAIT)
        session = replace(session, reminders=session.reminders + 1, wait_until=until)
        before = _render(flow, flow.silence.remind, session, facts)
        text = f"{before} {_render(flow, step.ask, session, facts)}"
        return session, (QuestionAsked(step.key, text, session.language, step.expects, session.reminders), WaitSet(step.key, until))
    urgency = flow.silence.urgency_high_risk if _at_risk(session, facts) else flow.silence.urgency
    hours = round((now - session.asked_at).total_seconds() / 3600) if session.asked_at else 0
    fired = Fired(
        rule=f"{flow.key}.silence",
        version=flow.version,
        urgency=urgency,
        reason=f"No answer to the check-in for {hours} h" + (" after an answer that needs a nurse" if _needs_a_nurse(session) else ""),
        source=flow.sources[flow.silence.source],
    )
    return _end(session, Outcome.SILENT, [SilenceNoticed(step.key, fired)])


def _go_on(flow: Flow, session: Session, facts: Facts, now: datetime, events: Sequence[Event] = (), *, quiet: bool = False) -> Turn:
    """Asks the first open step, or ends; `quiet` leaves the thanks out (an answer has just been given)."""
    closed = {*session.done, *session.given_up}
    step = next((step for step in flow.steps if step.key not in closed and may_ask(step, session)), None)
    if step is not None:
        session = replace(session, tries=0, confirming=False)
        return _ask(flow, session, step, step.ask, facts, now, events)
    last: list[Event] = []
    if not quiet:
        last = [MessageSaid(session.step, answer_text(flow, "thanks", session, facts, None), session.language)]
    return _end(session, Outcome.COMPLETED, [*events, *last])


def _ask(flow: Flow, session: Session, step: Step, text: Localized, facts: Facts, now: datetime, events: Sequence[Event] = ()) -> Turn:
    until = now + timedelta(minutes=flow.silence.remind_after)
    session = replace(session, step=step.key, asked_at=now, wait_until=until, reminders=0)
    asked = QuestionAsked(step.key, _render(flow, text, session, facts), session.language, step.expects)
    return session, (*events, asked, WaitSet(step.key, until))


def _still_waiting(session: Session, events: Sequence[Event] = ()) -> Turn:
    """Nothing is asked; the wait stands as it was. Every turn that leaves a session waiting tells until when."""
    return session, (*events, *([WaitSet(session.step, session.wait_until)] if session.wait_until else []))


def _of_this_reply(flags: Sequence[Flagged]) -> list[Flagged]:
    """A span speaks of the reply it was read from: those of earlier replies are left out."""
    return [(n, key, replace(fired, spans=tuple(span for span in fired.spans if span != NO_SPAN))) for n, key, fired in flags]


def _end(session: Session, outcome: Outcome, events: Sequence[Event] = ()) -> Turn:
    ended = replace(session, status=Status.ENDED, outcome=outcome.value, step="", asked_at=None, wait_until=None, confirming=False)
    return ended, (*events, SessionEnded(outcome.value))


def _too_long(flow: Flow, session: Session, events: Sequence[Event] = ()) -> Turn:
    fired = Fired(
        rule=f"{flow.key}.too_long",
        version=flow.version,
        urgency=Urgency.SAME_DAY,
        reason=f"The check-in did not come to an end in {MAX_TURNS} messages",
        source="Rounds safety rules: nothing is dropped silently",
    )
    return _end(session, Outcome.LIMIT, [*events, RedFlagFound(session.step, fired)])


def _keep(session: Session, noted: Sequence[tuple[str, Finding]]) -> Session:
    """A newer value or answer replaces the older one of the same step and sort; symptoms add up."""
    kept = list(session.kept)
    for key, finding in noted:
        if finding.kind is not FindingKind.SYMPTOM:
            kept = [old for old in kept if (old.step, old.finding.kind) != (key, finding.kind) or _another_value(old.finding, finding)]
        kept.append(Kept(key, finding))
    return replace(session, kept=tuple(kept[-MAX_KEPT:]))


def _another_value(old: Finding, new: Finding) -> bool:
    return new.kind is FindingKind.VALUE and old.name != new.name


def _newly_done(flow: Flow, session: Session, step: Step, findings: Sequence[Finding], answered: bool) -> list[str]:
    closed = {*session.done, *session.given_up}
    others = [other.key for other in flow.steps if other.key != step.key and other.key not in closed and answers_unasked(other, findings)]
    return ([step.key] if answered and step.key not in session.done else []) + others


def _safety_answer(flow: Flow, session: Session, event: ReplyRead, fired: Sequence[Fired], facts: Facts) -> list[Event]:
    """The answer to the most urgent flag that has one, unless universal triage answers the same reply as urgently."""
    answers = sorted((each for each in fired if each.answer), key=lambda each: each.urgency.rank)
    if not answers:
        return []
    first = answers[0]
    if event.answered and event.urgency is not None and event.urgency.rank <= first.urgency.rank:
        return []
    text = answer_text(flow, first.answer, session, facts, first.urgency)
    return [MessageSaid(session.step, text, session.language, safety=True)]


def _render(flow: Flow, text: Localized, session: Session, facts: Facts) -> str:
    spoken = replace(facts, language=session.language)
    values = patient_values(spoken, None, flow.wording.raw("call_emergency", session.language))
    return fill(text[session.language].pick(facts.detail_consent), values, f"{flow.key} {session.step}")


def _says_yes(findings: Sequence[Finding]) -> bool:
    return any(f.kind is FindingKind.ANSWER and f.name == "yes" and f.present for f in findings)


def _at_risk(session: Session, facts: Facts) -> bool:
    """Silence counts sooner for a high-risk patient, after a red flag, and after an unanswered second question."""
    return facts.high_risk or _needs_a_nurse(session) or session.tries > 0


def _needs_a_nurse(session: Session) -> bool:
    """True when something dangerous was said; that there was nothing to compare with is no danger."""
    return any(not rule.endswith(UNKNOWN) for rule in session.fired)
