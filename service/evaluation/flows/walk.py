"""A flow walked: at every place every class of answer and silence, through the real reader, triage and engine.

Places with the same outlook are walked once, so that the walk is bounded and still takes every edge.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from service.domain.decision import Decision
from service.domain.event import Event, MessageSaid, QuestionAsked, RedFlagFound, ReplyRead, SessionEnded, SilenceNoticed, TimedOut
from service.domain.facts import Facts
from service.domain.reading import Channel, Finding, Question, Reading, Reply
from service.domain.segments import MAX_SEGMENTS, count_segments
from service.domain.texts import stray_braces
from service.domain.urgency import Urgency
from service.engine.branches import waited_for
from service.engine.cases import Ears, keys_as_words
from service.engine.flow import Flow
from service.engine.play import MORNING, TYPING
from service.engine.run import question_of, resume, start
from service.engine.session import Session, Status
from service.engine.steps import HandOverStep
from service.evaluation.flows.answers import SILENCE, Answer, answers
from service.evaluation.flows.outlook import outlook, rank
from service.replies import read
from service.triage import decide

MOST_STATES = 80
"""Places of one walk that are told apart by everything that matters; beyond it only by question, tries and reminders."""
AGAIN = frozenset({"yes", "no", "unclear", "implausible", "no such option", SILENCE})
"""Answers that a coarse walk gives to a question that is asked once more, beside the first one offered."""
MOST_PROBLEMS = 50
"""Of one walk; the first ones tell the cause."""
DANGER = {"en": "I have crushing chest pain and can't breathe", "es": "tengo un dolor muy fuerte en el pecho y no puedo respirar"}
"""Said in answer to anything: the universal table makes it an emergency, and no question may follow."""

Problem = tuple[str, str]
"""Step, and what is wrong with it."""
Say = Callable[[Session, tuple[Event, ...]], Any]
"""Renders a turn as it is spoken; raises what makes it unspeakable."""


@dataclass
class Walk:
    """What a walk has found. `paths` are the different conversations that its turns make up."""

    flow: str
    language: str
    channel: str
    states: int = 0
    turns: int = 0
    paths: int = 0
    steps: set[str] = field(default_factory=set)
    fired: set[str] = field(default_factory=set)
    """Rules that have raised something, hand-overs among them, without the flow's key."""
    problems: list[Problem] = field(default_factory=list)

    def problem(self, step: str, what: str) -> None:
        """Notes a problem once."""
        if (step, what) not in self.problems and len(self.problems) < MOST_PROBLEMS:
            self.problems.append((step, what))


@dataclass(frozen=True, slots=True)
class _State:
    session: Session
    now: datetime
    key: Hashable


@dataclass
class Walker:
    """Walks flows; what one reply means is read once for all of them."""

    ears: Ears
    _readings: dict[Hashable, Reading] = field(default_factory=dict)
    _decisions: dict[Hashable, Decision] = field(default_factory=dict)

    def walk(self, flow: Flow, facts: Facts, channel: Channel, *, coarse: bool = False, say: Say | None = None) -> Walk:
        """Every edge from the beginning for a patient with these facts; `coarse` tells places apart by the open question only."""
        found = Walk(flow.key, flow.language(facts.language), channel.value)
        self._decisions.clear()
        first = self._begin(flow, facts, found, say)
        if first is None:
            return found
        edges: dict[Hashable, list[Hashable]] = {}
        ranks = {first.key: rank(first.session)}
        waiting = deque([first])
        while waiting:
            state = waiting.popleft()
            edges[state.key] = after = []
            merge = coarse or len(ranks) > MOST_STATES
            for answer in self._answers(flow, state, facts, channel, few=merge):
                reached = self._take(flow, state, answer, facts, channel, found, say, merge)
                if reached is None:
                    continue
                after.append(reached.key)
                if reached.session.status is Status.WAITING and reached.key not in ranks:
                    ranks[reached.key] = rank(reached.session)
                    waiting.append(reached)
        found.states = len(ranks)
        found.paths = _paths(edges, ranks, first.key)
        return found

    def _begin(self, flow: Flow, facts: Facts, found: Walk, say: Say | None) -> _State | None:
        try:
            session, events = start(flow, facts, MORNING)
        except (ValueError, KeyError, TypeError) as error:
            found.problem("", f"the check-in cannot begin: {error}")
            return None
        _look_at(flow, None, session, events, found, "the beginning", say)
        return _State(session, MORNING, outlook(flow, session, facts, MORNING, coarse=False)) if session.status is Status.WAITING else None

    def _answers(self, flow: Flow, state: _State, facts: Facts, channel: Channel, *, few: bool) -> tuple[Answer, ...]:
        step = waited_for(flow, flow.step(state.session.step))
        given = answers(flow, step, facts, state.now, channel)
        if state.session.tries or state.session.reminders:
            return tuple(answer for n, answer in enumerate(given) if not few or n == 0 or answer.label in AGAIN)
        return (*given, Answer("danger", DANGER.get(state.session.language, DANGER["en"])))

    def _take(
        self, flow: Flow, state: _State, answer: Answer, facts: Facts, channel: Channel, found: Walk, say: Say | None, coarse: bool
    ) -> _State | None:
        session, now = state.session, state.now + TYPING
        found.turns += 1
        try:
            if answer.label == SILENCE:
                now = max(now, session.wait_until or now)
                after, events = resume(flow, session, TimedOut(session.step, now), facts, now)
            else:
                after, events = resume(flow, session, self._heard(answer, flow, session, facts, channel, now), facts, now)
        except (ValueError, KeyError, TypeError) as error:
            found.problem(session.step, f"the answer {answer.label} fails: {error}")
            return None
        _look_at(flow, session, after, events, found, f"the answer {answer.label}", say)
        if answer.label == "danger" and after.status is Status.WAITING:
            found.problem(session.step, f'"{answer.text}" does not end the questions')
        if after.status is Status.WAITING and rank(after) <= rank(session):
            if any(isinstance(event, QuestionAsked) for event in events):
                found.problem(session.step, f"after the answer {answer.label} the conversation goes in a circle")
            return None
        return _State(after, now, outlook(flow, after, facts, now, coarse=coarse))

    def _heard(self, answer: Answer, flow: Flow, session: Session, facts: Facts, channel: Channel, now: datetime) -> ReplyRead:
        question = question_of(flow, session)
        findings, missing = answer.findings, ""
        if answer.text:
            text = keys_as_words(answer.text, question) if channel is Channel.VOICE else answer.text
            reading = self._read(text, session.language, channel, question)
            findings, missing = reading.findings, reading.missing
        decision = self._decide(findings, facts, now, question)
        return ReplyRead(findings, missing, now, decision.urgency, bool(decision.answer))

    def _read(self, text: str, language: str, channel: Channel, question: Question | None) -> Reading:
        key = (text, language, channel, question and (question.expects, question.choices, question.symptoms))
        if key not in self._readings:
            asked = replace(question, step="", text="") if question is not None else None
            self._readings[key] = read(self.ears.lexicon, Reply(text, language, channel), asked)
        return self._readings[key]

    def _decide(self, findings: tuple[Finding, ...], facts: Facts, now: datetime, question: Question | None) -> Decision:
        key = (findings, question)
        if key not in self._decisions:
            self._decisions[key] = decide(self.ears.tables, findings, facts, now, question)
        return self._decisions[key]


def _look_at(
    flow: Flow, before: Session | None, after: Session, events: tuple[Event, ...], found: Walk, said: str, say: Say | None
) -> None:
    """Notes what a turn has reached and what is wrong in it."""
    here = before.step if before is not None else ""
    asked = {step.key for step in flow.questions}  # a question that was answered unasked has not been reached
    found.steps |= {*after.done} - asked | ({after.step} if after.step else set())
    raised = [event.fired for event in events if isinstance(event, RedFlagFound | SilenceNoticed)]
    found.fired |= {fired.rule.removeprefix(f"{flow.key}.") for fired in raised}
    for event in events:
        if isinstance(event, MessageSaid | QuestionAsked):
            if stray_braces(event.text) or "{" in event.text:
                found.problem(here, f"a placeholder is left unfilled after {said}: {event.text[:60]}")
            if (count := count_segments(event.text).count) > MAX_SEGMENTS:
                found.problem(here, f"{count} segments after {said}: {event.text[:60]}")
    if any(fired.urgency is Urgency.EMERGENCY for fired in raised) and after.status is Status.WAITING:
        found.problem(here, f"an emergency after {said} does not end the questions")
    if after.status is Status.ENDED and not any(isinstance(event, SessionEnded) for event in events):
        found.problem(here, f"after {said} the check-in is over and nobody is told")
    if after.status is Status.WAITING and after.wait_until is None:
        found.problem(here, f"after {said} an answer is waited for without end")
    if say is not None:
        try:
            say(after, events)
        except (ValueError, KeyError, TypeError) as error:
            found.problem(after.step or here, f"cannot be spoken after {said}: {error}")


def _paths(edges: Mapping[Hashable, list[Hashable]], ranks: Mapping[Hashable, tuple[int, int, int]], first: Hashable) -> int:
    """How many different ways lead from the first place to an end."""
    count: dict[Hashable, int] = {}
    for key in sorted(edges, key=lambda each: ranks[each], reverse=True):
        count[key] = sum(count.get(after, 1 if after not in ranks else 0) for after in edges[key])
    return count.get(first, 0)


def hand_overs(flow: Flow) -> list[str]:
    """The steps of a flow that call a nurse by themselves."""
    return [step.key for step in flow.steps if isinstance(step, HandOverStep)]


def red_flags(flow: Flow) -> list[str]:
    """Every red flag of a flow as step.name, and the steps that hand over: what a case must show and a walk must reach."""
    return [f"{step.key}.{flag.name}" for step in flow.questions for flag in step.red_flags] + hand_overs(flow)
