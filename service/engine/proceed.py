"""How a conversation goes on: the next step is asked, told, waited for or handed over, until a question is open or all is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from service.domain.decision import Fired
from service.domain.event import (
    EducationGiven,
    Event,
    FollowUpPlanned,
    MessageSaid,
    PauseAgreed,
    QuestionAsked,
    RedFlagFound,
    SessionEnded,
    WaitSet,
)
from service.domain.facts import Facts
from service.domain.texts import fill
from service.domain.urgency import Urgency, highest
from service.domain.wording import patient_values
from service.engine.branches import holds, may_come, next_step, not_judged, put_off, told
from service.engine.flow import Flow, Lesson
from service.engine.records import answer_kept, days_told
from service.engine.red_flags import NOT_KNOWN, answer_text
from service.engine.session import UNKNOWN, Outcome, Session, Status
from service.engine.steps import AskStep, EducateStep, FollowUpStep, HandOverStep, PauseStep, RecordStep, Step, TellStep, WaitStep
from service.engine.written import Localized

MAX_TURNS = 120
"""Events one session takes in; the next one ends it and hands it to a nurse."""
RECHECK_WAIT = timedelta(minutes=30)
"""How long an answer to a safety re-check is waited for."""
SHORTEST_WAIT = timedelta(minutes=30)

Turn = tuple[Session, tuple[Event, ...]]


def go_on(
    flow: Flow,
    session: Session,
    facts: Facts,
    now: datetime,
    events: Sequence[Event] = (),
    *,
    quiet: bool = False,
    answered: Urgency | None = None,
) -> Turn:
    """Takes the open steps in order until one waits for the patient, or ends; `quiet` leaves the thanks out.

    `answered` is the most urgent danger that the patient has had an answer to in this turn: what hands over a greater one is answered too.
    """
    events = list(events)
    for _ in flow.steps:
        step = next_step(flow, session, facts, now)
        match step:
            case None:
                break
            case AskStep():
                return ask(flow, session, step, step.ask, facts, now, events)
            case WaitStep():
                until = now + timedelta(minutes=step.wait)
                session = replace(session, step=step.key, asked_at=now, wait_until=until, reminders=0, tries=0, confirming=False)
                return session, (*events, WaitSet(step.key, until))
        more = _passed(flow, session, step, facts, answered)
        session = raised(replace(session, done=(*session.done, step.key)), more)
        events += more
        quiet = quiet or any(isinstance(event, MessageSaid) for event in more)
        if isinstance(step, HandOverStep) and step.hand_over.answer:
            answered = highest([step.hand_over.urgency, *([answered] if answered else [])])
        if isinstance(step, HandOverStep) and step.hand_over.urgency is Urgency.EMERGENCY:
            return end(flow, session, Outcome.RED_FLAG, facts, now, events)
    events += _not_asked(flow, session, facts, now)
    if not quiet:
        events.append(MessageSaid(session.step, answer_text(flow, "thanks", session, facts, None), session.language))
    return end(flow, session, Outcome.COMPLETED, facts, now, events)


def _passed(flow: Flow, session: Session, step: Step, facts: Facts, answered: Urgency | None) -> list[Event]:
    """What a step brings that does not wait for the patient."""
    language = session.language
    match step:
        case TellStep():
            return [MessageSaid(step.key, render(flow, step.tell, session, facts), language)]
        case EducateStep():
            lesson = next_lesson(flow, step, facts)
            text = render(flow, lesson.text, session, facts)
            return [MessageSaid(step.key, text, language), EducationGiven(step.key, step.educate, lesson.name)]
        case HandOverStep():
            return hand_over(flow, session, step, facts, quiet=answered is not None and answered.rank <= step.hand_over.urgency.rank)
        case FollowUpStep():
            return [FollowUpPlanned(step.key, step.follow_up.of, step.follow_up.after)]
        case RecordStep():
            return [*answer_kept(session, step)]
        case PauseStep():
            return [PauseAgreed(step.key, step.pause.kind, days_told(session, step))]
    raise TypeError(f"{step.key} waits for the patient")


def next_lesson(flow: Flow, step: EducateStep, facts: Facts) -> Lesson:
    """The first message of the topic that this patient has not had; once they have had all, the least recent one."""
    had = [name for topic, _, name in (each.partition("/") for each in facts.educated) if topic == step.educate]
    last = {name: place for place, name in enumerate(had)}
    return min(flow.education[step.educate], key=lambda lesson: last.get(lesson.name, -1))


def hand_over(flow: Flow, session: Session, step: HandOverStep, facts: Facts, *, quiet: bool = False) -> list[Event]:
    """What a hand_over step brings: the item, and what the patient hears (not when `quiet`)."""
    entry = step.hand_over
    fired = Fired(
        rule=f"{flow.key}.{step.key}",
        version=flow.version,
        urgency=entry.urgency,
        reason=entry.reason,
        source=flow.sources[entry.source],
        answer=entry.answer,
    )
    if not entry.answer or quiet:
        return [RedFlagFound(step.key, fired)]
    text = answer_text(flow, entry.answer, session, facts, entry.urgency)
    return [RedFlagFound(step.key, fired), MessageSaid(step.key, text, session.language, safety=True)]


def _not_asked(flow: Flow, session: Session, facts: Facts, now: datetime) -> list[Event]:
    """Questions put off because nobody will soon be on duty (decisions 7): a nurse asks them."""
    later = [step for step in flow.questions if put_off(step, facts)]
    if not later:
        return []
    known = told(flow, session, facts, now)
    return [
        RedFlagFound(
            step.key,
            Fired(
                rule=f"{flow.key}.{step.key}.put_off",
                version=flow.version,
                urgency=Urgency.SAME_DAY,
                reason=f"Not asked so shortly before nobody is on duty; please ask: {step.ask[flow.language('en')].plain}",
                source="Rounds default: what may raise an emergency is not asked in the last 2 hours before an unstaffed period",
            ),
        )
        for step in later
        if may_come(flow, step, session, known)
    ]


def _not_judged(flow: Flow, session: Session, facts: Facts, now: datetime) -> list[Event]:
    steps = not_judged(flow, session, facts, now)
    name = f"{flow.key}.hand_over{UNKNOWN}"
    if not steps or name in session.fired:
        return []
    reasons = "; ".join(step.hand_over.reason for step in steps)
    fired = Fired(
        rule=name,
        version=flow.version,
        urgency=Urgency.ROUTINE,
        reason=f"Too little is known of earlier check-ins, so this could not be judged: {reasons}",
        source=NOT_KNOWN,
    )
    return [RedFlagFound(steps[0].key, fired)]


def ask(
    flow: Flow,
    session: Session,
    step: AskStep,
    text: Localized,
    facts: Facts,
    now: datetime,
    events: Sequence[Event] = (),
    *,
    tries: int = 0,
    confirming: bool = False,
) -> Turn:
    """Asks a question in this form and waits for the answer; `tries` replies before did not answer it."""
    until = now + (RECHECK_WAIT if step.recheck else timedelta(minutes=flow.silence.remind_after))
    session = replace(session, step=step.key, asked_at=now, wait_until=until, reminders=0, tries=tries, confirming=confirming)
    asked = QuestionAsked(step.key, render(flow, text, session, facts), session.language, step.expects, recheck=step.recheck)
    return session, (*events, asked, WaitSet(step.key, until))


def ask_reminding(flow: Flow, session: Session, step: AskStep, facts: Facts, now: datetime, at_risk: bool) -> Turn:
    """Asks the same question again because no answer came."""
    session = replace(session, reminders=session.reminders + 1, wait_until=_silent_from(flow, session, now, at_risk))
    text = f"{render(flow, flow.silence.remind, session, facts)} {render(flow, step.ask, session, facts)}"
    asked = QuestionAsked(step.key, text, session.language, step.expects, session.reminders)
    return still_waiting(session, (asked,))


def hasten(flow: Flow, session: Session, now: datetime) -> Session:
    """The session when its patient is at risk from now on: what has been asked and reminded of is waited for no longer than that allows."""
    until = _silent_from(flow, session, now, True)
    waits = session.wait_until is not None and until < session.wait_until
    return replace(session, wait_until=until) if waits and session.reminders else session


def _silent_from(flow: Flow, session: Session, now: datetime, at_risk: bool) -> datetime:
    """From when a question without an answer is silence: counted from when it was asked, and never less than half an hour from now."""
    return max((session.asked_at or now) + flow.silence.after(at_risk), now + SHORTEST_WAIT)


def still_waiting(session: Session, events: Sequence[Event] = ()) -> Turn:
    """Nothing is asked; the wait stands as it was. Every turn that leaves a session waiting tells until when."""
    return session, (*events, *([WaitSet(session.step, session.wait_until)] if session.wait_until else []))


def end(flow: Flow, session: Session, outcome: Outcome, facts: Facts, now: datetime, events: Sequence[Event] = ()) -> Turn:
    """The conversation is over. What the answers so far hand to a nurse is handed over although its step was not reached.

    What hangs on earlier check-ins of which too little is known is told once, as one routine item.
    """
    events = list(events)
    if outcome is not Outcome.COMPLETED:
        for step in flow.steps:
            if not isinstance(step, HandOverStep) or not step.only_if or step.key in session.done:
                continue
            if holds(flow, step, told(flow, session, facts, now)):
                more = hand_over(flow, session, step, facts, quiet=True)
                session = raised(replace(session, done=(*session.done, step.key)), more)
                events += more
    if outcome is not Outcome.STOPPED and (unknown := _not_judged(flow, session, facts, now)):
        session = raised(session, unknown)
        events += unknown
    ended = replace(session, status=Status.ENDED, outcome=outcome.value, step="", asked_at=None, wait_until=None, confirming=False)
    return ended, (*events, SessionEnded(outcome.value, _late_until(flow, session)))


def _late_until(flow: Flow, session: Session) -> datetime | None:
    if not session.left_open or session.left_at is None:
        return None
    return session.left_at + flow.late(flow.question(session.left_open))


def too_long(flow: Flow, session: Session, facts: Facts, now: datetime, events: Sequence[Event] = ()) -> Turn:
    """A conversation that goes on and on: a nurse takes over."""
    fired = Fired(
        rule=f"{flow.key}.too_long",
        version=flow.version,
        urgency=Urgency.SAME_DAY,
        reason=f"The check-in did not come to an end in {MAX_TURNS} messages",
        source="Rounds default: a check-in without an end is looked at by a nurse",
    )
    return end(flow, session, Outcome.LIMIT, facts, now, [*events, RedFlagFound(session.step, fired)])


def raised(session: Session, events: Sequence[Event], universal: Urgency | None = None) -> Session:
    """The session with the red flags of these events among those that have fired, and its highest urgency."""
    fired = [event.fired for event in events if isinstance(event, RedFlagFound)]
    if not fired and universal is None:
        return session
    known = [Urgency(session.urgency)] if session.urgency else []
    top = highest([*known, *(each.urgency for each in fired), *([universal] if universal else [])])
    new = tuple(each.rule for each in fired if each.rule not in session.fired)
    return replace(session, fired=(*session.fired, *new), urgency=top.value if top else "")


def render(flow: Flow, text: Localized, session: Session, facts: Facts) -> str:
    """A text of the flow for this patient. MissingValue when a value is lacking."""
    values = patient_values(facts.in_language(session.language), None, flow.wording.raw("call_emergency", session.language))
    return fill(text[session.language].pick(facts.detail_consent), values, f"{flow.key} {session.step}")
