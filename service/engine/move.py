"""Moves a conversation under way to another version of its flow, or says why that cannot be. Pure, as the engine is.

What was told stays told: it is judged by the new version's red flags at once. The open question must still be there and ask
for the same kind of answer, since the patient is about to answer the words that they were sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from service.domain.event import Event, MessageSaid, RedFlagFound
from service.domain.facts import Facts
from service.domain.reading import FindingKind
from service.domain.urgency import Urgency
from service.engine.branches import holds, told, waited_for
from service.engine.flow import Flow
from service.engine.proceed import end, hand_over, raised
from service.engine.red_flags import answer_text, evaluate_flags
from service.engine.session import Outcome, Session, Status
from service.engine.steps import AskStep, HandOverStep, Step

_ANSWERS = frozenset({FindingKind.ANSWER, FindingKind.CHOICE})
"""Answers that mean something only beside their question."""


class CannotMove(ValueError):
    """This conversation stays on its version; the text says why."""


@dataclass(frozen=True, slots=True)
class Moved:
    """The conversation on the new version, and what follows from the move."""

    session: Session
    events: tuple[Event, ...] = ()
    """Red flags that what was told fulfils in the new version, the answer to them, and the end where one is an emergency."""
    kept: tuple[str, ...] = ()
    """Answered questions that count in the new version as well."""
    asked_anew: tuple[str, ...] = ()
    """Answered questions that the new version asks for another kind of answer: they come again."""
    gone: tuple[str, ...] = ()
    """Answered questions that the new version has not; what was told to them stays in the session and in the record."""
    reworded: bool = False
    """True when the open question has other words in the new version."""

    @property
    def red_flags(self) -> tuple[RedFlagFound, ...]:
        """The red flags that the move raises."""
        return tuple(event for event in self.events if isinstance(event, RedFlagFound))


def move(old: Flow, new: Flow, session: Session, facts: Facts, now: datetime) -> Moved:
    """The conversation on `new`, every red flag of it that holds raised. `old` is the version that the session is on.

    A flag that has fired before fires again only where the new version finds it more urgent. Raises CannotMove.
    """
    _check(old, new, session)
    opened = new.step(session.step)
    known = {step.key: step for step in new.steps}
    before = {step.key: step for step in old.steps}
    answered = [step.key for step in old.questions if step.key in session.done]
    gone = tuple(key for key in answered if key not in known)
    anew = tuple(key for key in answered if key in known and not _same(before[key], known[key]))
    more_urgent = _more_urgent(old, new)
    moved = replace(
        session,
        version=new.version,
        done=tuple(key for key in session.done if key in known and key not in anew and key not in more_urgent),
        given_up=tuple(key for key in session.given_up if key in known and _same(before[key], known[key])),
        kept=tuple(kept for kept in session.kept if kept.step not in anew or kept.finding.kind not in _ANSWERS),
        fired=tuple(name for name in session.fired if name.removeprefix(f"{new.key}.") not in more_urgent),
    )
    moved, events = _judged(new, moved, facts.before(session.started_at), now)
    fired = tuple(dict.fromkeys((*session.fired, *moved.fired)))
    return Moved(
        session=replace(moved, fired=fired),
        events=events,
        kept=tuple(key for key in answered if key not in gone and key not in anew),
        asked_anew=anew,
        gone=gone,
        reworded=_words(old, old.step(session.step), session) != _words(new, opened, session),
    )


def _check(old: Flow, new: Flow, session: Session) -> None:
    if session.status is not Status.WAITING or not session.step:
        raise CannotMove("the check-in is over")
    if old.key != new.key:
        raise CannotMove(f"that is a version of another check-in ({new.key})")
    if old.version != session.version:
        raise CannotMove("the check-in is on another version by now")
    if new.version == session.version:
        raise CannotMove("the check-in is on this version already")
    if session.language not in new.languages:
        raise CannotMove(f"the new version does not speak the patient's language ({session.language})")
    now_open = next((step for step in new.steps if step.key == session.step), None)
    if now_open is None:
        raise CannotMove(f"the new version has no question {session.step}, which waits for its answer")
    was = old.step(session.step)
    if type(was) is not type(now_open) or not _same(waited_for(old, was), waited_for(new, now_open)):
        raise CannotMove(f"the new version asks {session.step}, which waits for its answer, for another kind of answer")
    if session.confirming and isinstance(now_open, AskStep) and now_open.confirm is None:
        raise CannotMove(f"the new version does not ask for {session.step} once more, which the patient was just asked to do")


def _same(was: Step, is_now: Step) -> bool:
    """True when an answer to the one answers the other: the same kind of answer, the same choices in the same order."""
    if not isinstance(was, AskStep) or not isinstance(is_now, AskStep):
        return type(was) is type(is_now)
    offered = [[option.value for option in step.choices] for step in (was, is_now)]
    return offered[0] == offered[1] and (was.expects, was.about, was.recheck) == (is_now.expects, is_now.about, is_now.recheck)


def _words(flow: Flow, step: Step, session: Session) -> str:
    asked = waited_for(flow, step)
    return (asked.confirm.ask if session.confirming and asked.confirm is not None else asked.ask)[session.language].plain


def _more_urgent(old: Flow, new: Flow) -> frozenset[str]:
    """Red flags (step.name) and hand_over steps that both versions have and the new one finds more urgent."""
    were = _urgencies(old)
    return frozenset(name for name, urgency in _urgencies(new).items() if name in were and urgency.rank < were[name].rank)


def _urgencies(flow: Flow) -> dict[str, Urgency]:
    flags = {f"{step.key}.{flag.name}": flag.urgency for step in flow.questions for flag in step.red_flags}
    return flags | {step.key: step.hand_over.urgency for step in flow.steps if isinstance(step, HandOverStep)}


def _judged(flow: Flow, session: Session, facts: Facts, now: datetime) -> tuple[Session, tuple[Event, ...]]:
    """What was told, judged by this version: its red flags, what it would have handed over by now, and the answer to the worst of it."""
    found = [
        RedFlagFound(step, replace(fired, spans=()))
        for _, step, fired in evaluate_flags(flow, session, told(flow, session, facts, now), None)[0]
    ]
    session = raised(session, found)
    events: list[Event] = [*found]
    for step in _passed(flow, session):
        if isinstance(step, HandOverStep) and step.key not in session.done and _told(flow, step, session, facts, now):
            more = hand_over(flow, session, step, facts, quiet=True)
            session = raised(replace(session, done=(*session.done, step.key)), more)
            events += more
    red = sorted((event.fired for event in events if isinstance(event, RedFlagFound)), key=lambda fired: fired.urgency.rank)
    answered = next((fired for fired in red if fired.answer), None)
    if answered is not None:
        text = answer_text(flow, answered.answer, session, facts, answered.urgency)
        events.append(MessageSaid(session.step, text, session.language, safety=True))
    if red and red[0].urgency is Urgency.EMERGENCY:
        return end(flow, session, Outcome.RED_FLAG, facts, now, events)
    return session, tuple(events)


def _passed(flow: Flow, session: Session) -> Sequence[Step]:
    """The steps above the open one, which the conversation has gone past."""
    return flow.steps[: flow.steps.index(flow.step(session.step))]


def _told(flow: Flow, step: Step, session: Session, facts: Facts, now: datetime) -> bool:
    """A step without a condition hands over whatever is told; it comes in its turn."""
    return bool(step.only_if) and holds(flow, step, told(flow, session, facts, now)) is True
