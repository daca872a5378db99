"""Any flow, whatever happens in whatever order: nothing breaks, it ends, no red flag is lost, nothing is asked too often."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from service.domain.event import Event, QuestionAsked, RedFlagFound, ReplyRead, Resume, SessionEnded, SilenceNoticed, Stopped, TimedOut
from service.domain.reading import Assertion, Finding, FindingKind, Quantity
from service.domain.urgency import Urgency
from service.engine import Flow, Session, Status, late_answer, question_of, resume, start
from service.engine.proceed import MAX_TURNS
from tests.flows.conversation import ANA, MORNING
from tests.flows.model import KINDS, MODEL

SYMPTOMS = ("chest_pain", "leg_swelling", "cough", "shortness_of_breath")
TEXT = {language: {"plain": f"Text in {language}."} for language in ("en", "es")}
EXPECTED = (
    "yes_no",
    "weight_lb",
    "glucose_mg_dl",
    "count",
    "scale_0_10",
    "medication_taken",
    "symptoms",
    "choice",
    "free_text",
    "phq_item",
)
FLAGS: dict[str, dict[str, Any]] = {
    "yes_no": {"answer": "yes"},
    "weight_lb": {"value": "weight", "gain_over": {"amount": "3 lb", "within": "24 h"}},
    "glucose_mg_dl": {"value": "glucose", "below": "70 mg/dL"},
    "count": {"value": "count", "at_least": 5},
    "scale_0_10": {"value": "scale", "at_least": 7},
    "medication_taken": {"medication": ["missed", "partly"]},
    "symptoms": {"symptom": ["leg_swelling", "cough"]},
    "choice": {"choice": "bad"},
    "free_text": {"symptom": "cough"},
    "phq_item": {"value": "scale", "at_least": 1},
}
URGENCIES = st.sampled_from([urgency.value for urgency in Urgency])


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    """A flow of 1 to 8 questions with other steps between them; every question has a red flag, the first one chest pain besides."""
    steps: list[dict[str, Any]] = []
    asked: list[tuple[str, str]] = []
    for number in range(draw(st.integers(1, 8))):
        key = f"q{number}"
        expects = draw(st.sampled_from(sorted(FLAGS)))
        when = [{"step": asked[-1][0], **FLAGS[asked[-1][1]]}] if asked and draw(st.booleans()) else []
        if asked and draw(st.integers(0, 4)) == 0:
            when.append({"step": draw(st.sampled_from(asked))[0], "unanswered": True})
        waits = bool(asked) and draw(st.integers(0, 4)) == 0
        if waits:
            steps.append({"kind": "wait", "key": f"w{number}", "wait": 15, "only_if": when})
        told = {"reason": "Why", "source": "src", "answer": "same_day"}
        flags = [{"name": f"f{number}", "when": FLAGS[expects], "urgency": draw(URGENCIES), **told}]
        if number == 0:
            pain = {"symptom": "chest_pain"}
            flags.append({"name": "pain", "when": pain, "urgency": "emergency", "reason": "Pain", "source": "src", "answer": "emergency"})
        steps.append(
            {
                "kind": "ask",
                "key": key,
                "only_if": when,
                "ask": TEXT,
                "ask_again": TEXT,
                "say": TEXT,
                "expects": expects,
                "about": ["leg_swelling"] if expects == "symptoms" else [],
                "choices": [{"value": "good"}, {"value": "bad"}] if expects == "choice" else [],
                "range": [0, 10] if expects == "count" else None,
                "recheck": waits,
                "can_raise_emergency": draw(st.integers(0, 5)) == 0,
                "red_flags": flags,
            }
        )
        asked.append((key, expects))
        steps += draw(st.lists(other_steps(number, asked), max_size=2, unique_by=lambda step: step["key"]))
    return Flow.from_json({**MODEL.to_json(), "key": "any/flow", "sources": {"src": "Invented", **MODEL.sources}, "steps": steps, **EXTRAS})


EXTRAS = {
    "phrases": {**MODEL.phrases, **KINDS.phrases},
    "education": KINDS.to_json()["education"],
    "quicken": {"when": {"symptom": "cough"}, "phase": 1, "for": 3},
}


@st.composite
def other_steps(draw: st.DrawFn, number: int, asked: list[tuple[str, str]]) -> dict[str, Any]:
    name, expects = draw(st.sampled_from(asked))
    kind: dict[str, Any] = draw(
        st.sampled_from(
            [
                {"kind": "tell", "tell": TEXT},
                {"kind": "educate", "educate": "feet"},
                {"kind": "follow_up", "follow_up": {"after": 1, "of": "any/flow"}},
                {"kind": "record", "record": {"name": "kept", "from": name}},
                {"kind": "hand_over", "hand_over": {"urgency": "same_day", "reason": "Why", "source": "src", "answer": "same_day"}},
            ]
        )
    )
    when = draw(st.sampled_from([[], [{"step": name, **FLAGS[expects]}], [{"symptom": "cough"}], [{"none_of": [{"symptom": "cough"}]}]]))
    return {**kind, "key": f"{kind['kind']}{number}", "only_if": when}


spans = st.just((0, 3))
findings = st.one_of(
    st.builds(
        lambda name, number, span: Finding(FindingKind.VALUE, name, "r", span, quantity=Quantity(float(number), "")),
        st.sampled_from(["weight", "glucose", "count", "scale"]),
        st.integers(0, 250),
        spans,
    ),
    st.builds(
        lambda name, assertion, span: Finding(FindingKind.SYMPTOM, name, "r", span, assertion),
        st.sampled_from(SYMPTOMS),
        st.sampled_from([Assertion.PRESENT, Assertion.DENIED, Assertion.PAST]),
        spans,
    ),
    st.builds(lambda name, span: Finding(FindingKind.MEDICATION, name, "r", span), st.sampled_from(["taken", "missed"]), spans),
    st.builds(lambda name, span: Finding(FindingKind.ANSWER, name, "r", span), st.sampled_from(["yes", "no"]), spans),
    st.builds(lambda name, span: Finding(FindingKind.CHOICE, name, "r", span), st.sampled_from(["good", "bad"]), spans),
    st.builds(lambda kind, span: Finding(kind, "x", "r", span), st.sampled_from(sorted(set(FindingKind) - {FindingKind.VALUE})), spans),
)
replies = st.tuples(st.lists(findings, max_size=5), st.sampled_from(["", "", "no_answer", "implausible"]))


class AnyConversation(RuleBasedStateMachine):
    """One random flow with one patient; happenings in any order."""

    @initialize(flow=flows(), risk=st.booleans(), staffed=st.booleans(), closing=st.none() | st.integers(0, 300), es=st.booleans())
    def begin(self, flow: Flow, risk: bool, staffed: bool, closing: int | None, es: bool) -> None:
        """The first question."""
        self.flow = flow
        language = "es" if es else "en"
        self.facts = replace(ANA, high_risk=risk, staffed=staffed, minutes_until_unstaffed=closing, language=language)
        self.now = MORNING
        self.story: list[Event] = []
        self.session, events = start(flow, self.facts, self.now)
        self.story += events

    def happen(self, event: Resume) -> tuple[Event, ...]:
        """The session is stored and loaded, and the same event gives the same turn twice."""
        loaded = Session.from_json(json.loads(json.dumps(self.session.to_json())))
        assert loaded == self.session
        turn = resume(self.flow, loaded, event, self.facts, self.now)
        assert turn == resume(self.flow, loaded, event, self.facts, self.now)
        self.session, events = turn
        self.story += events
        return events

    @rule(told=replies)
    def reply(self, told: tuple[list[Finding], str]) -> None:
        """Anything may be said; chest pain is never lost."""
        found, missing = told
        self.now += timedelta(minutes=1)
        was_open = self.session.status is Status.WAITING
        events = self.happen(ReplyRead(tuple(found), missing, self.now))
        pain = any(f.kind is FindingKind.SYMPTOM and f.name == "chest_pain" and f.present for f in found)
        if pain and was_open:
            assert any(isinstance(event, RedFlagFound) and event.fired.rule == "any/flow.q0.pain" for event in events)
            assert self.session.outcome == "red_flag"

    @precondition(lambda self: self.session.wait_until is not None)
    @rule()
    def silence(self) -> None:
        """Nothing, until the wait is over."""
        assert self.session.wait_until is not None
        self.now = max(self.now, self.session.wait_until)
        self.happen(TimedOut(self.session.step, self.now))

    @rule(minutes=st.integers(-60, 10))
    def stale_timeout(self, minutes: int) -> None:
        """A timeout of another step or an earlier wait changes nothing."""
        before = self.session
        until = self.session.wait_until or self.now
        self.happen(TimedOut("another", until + timedelta(minutes=minutes)))
        assert self.session == before

    @precondition(lambda self: self.session.turns > 6)
    @rule()
    def stop(self) -> None:
        """An opt-out from outside."""
        self.happen(Stopped("opt_out", self.now))
        assert self.session.status is Status.ENDED

    @precondition(lambda self: self.session.status is Status.ENDED)
    @rule(told=replies, hours=st.integers(0, 12))
    def late(self, told: tuple[list[Finding], str], hours: int) -> None:
        """A late answer asks nothing more and opens nothing."""
        found, missing = told
        turn = late_answer(
            self.flow, self.session, ReplyRead(tuple(found), missing, self.now), self.facts, self.now + timedelta(hours=hours)
        )
        if turn is not None:
            self.session, events = turn
            self.story += events
            assert self.session.status is Status.ENDED
            assert not any(isinstance(event, QuestionAsked | SessionEnded) for event in events)

    @invariant()
    def holds(self) -> None:
        """What is true at every moment."""
        if not hasattr(self, "flow"):
            return
        asked = Counter((event.step, event.reminder) for event in self.story if isinstance(event, QuestionAsked))
        assert all(times <= 2 and reminder <= 1 for (_, reminder), times in asked.items())
        fired = Counter(event.fired.rule for event in self.story if isinstance(event, RedFlagFound | SilenceNoticed))
        assert all(times == 1 for times in fired.values()), fired
        assert set(self.session.fired) <= set(fired), "a red flag that has fired is told"
        ended = sum(isinstance(event, SessionEnded) for event in self.story)
        assert ended == (self.session.status is Status.ENDED)
        if self.session.status is Status.WAITING:
            assert self.session.wait_until is not None
            assert question_of(self.flow, self.session) is not None
        assert self.session.turns <= MAX_TURNS

    def teardown(self) -> None:
        """Left alone, every conversation comes to an end."""
        if not hasattr(self, "flow"):
            return
        for _ in range(2 * len(self.flow.steps) + 4):
            if self.session.status is Status.WAITING:
                self.silence()
        assert self.session.status is Status.ENDED


AnyConversation.TestCase.settings = settings(
    max_examples=40, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
TestAnyConversation = AnyConversation.TestCase
