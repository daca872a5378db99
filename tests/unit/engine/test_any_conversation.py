"""Whatever a patient answers, in whatever order: the conversation ends, no red flag is lost, no question is asked too often."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.event import QuestionAsked, RedFlagFound, SessionEnded, SilenceNoticed
from service.domain.facts import Facts, PastValue
from service.domain.reading import Assertion, Finding, FindingKind, Measure, Quantity
from service.domain.urgency import Urgency
from service.engine import Status
from tests.flows.conversation import ANA, MORNING, Conversation
from tests.flows.model import MODEL

FLOW = MODEL
SYMPTOMS = ("shortness_of_breath", "leg_swelling", "orthopnea", "chest_pain", "cough", "swelling")
ASSERTIONS = (Assertion.PRESENT, Assertion.DENIED, Assertion.PAST, Assertion.OTHER_PERSON)

spans = st.tuples(st.integers(0, 20), st.integers(21, 40))
findings = st.one_of(
    st.builds(
        lambda pounds, span: Finding(FindingKind.VALUE, "weight", "r", span, quantity=Quantity(pounds, "lb")),
        st.integers(150, 230).map(float),
        spans,
    ),
    st.builds(
        lambda name, assertion, qualifiers, span: Finding(FindingKind.SYMPTOM, name, "r", span, assertion, qualifiers=qualifiers),
        st.sampled_from(SYMPTOMS),
        st.sampled_from(ASSERTIONS),
        st.sampled_from([(), ("severe",), ("at_rest",), ("chronic",), ("worse",)]),
        spans,
    ),
    st.builds(lambda name, span: Finding(FindingKind.MEDICATION, name, "r", span), st.sampled_from(["taken", "missed", "unsure"]), spans),
    st.builds(lambda name, span: Finding(FindingKind.ANSWER, name, "r", span), st.sampled_from(["yes", "no"]), spans),
    st.builds(lambda kind, span: Finding(kind, "x", "r", span), st.sampled_from(sorted(set(FindingKind) - {FindingKind.VALUE})), spans),
)
replies = st.tuples(st.lists(findings, max_size=6), st.sampled_from(["", "", "no_answer", "implausible", "ambiguous"]))
events = st.lists(st.one_of(replies, st.just("silence"), st.just("silence")), max_size=25)
patients = st.builds(
    lambda risk, alert, staffed, language, before: replace(
        ANA,
        high_risk=risk,
        high_alert=alert,
        staffed=staffed,
        language=language,
        history=() if before is None else (PastValue(Measure.WEIGHT, before, MORNING - timedelta(hours=24)),),
    ),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["en", "es"]),
    st.none() | st.floats(170, 200).map(round).map(float),
)


@settings(deadline=None)
@given(patients, events)
def test_any_conversation_is_safe(facts: Facts, happenings: list[tuple[list[Finding], str] | str]) -> None:
    talk = Conversation(FLOW, facts)
    for happening in happenings:
        if talk.session.status is Status.ENDED:
            break
        if isinstance(happening, str):
            talk.silence()
            continue
        found, missing = happening
        kept_before = talk.session.findings()
        talk.reply(*found, missing=missing)
        danger = [f for f in found if f.present and f.kind is FindingKind.SYMPTOM and f.name == "chest_pain"]
        if danger:
            fired_before = "breathing_swelling.breathless_at_rest" in {name.split("/")[-1] for name in talk.session.fired}
            assert talk.flags.get("breathing_swelling.breathless_at_rest") is Urgency.EMERGENCY or fired_before
            assert talk.ended == "red_flag"
        assert len(talk.session.findings()) <= len(kept_before) + len(found)
    asked = Counter((event.step, event.reminder) for event in talk.story if isinstance(event, QuestionAsked))
    for (_, reminder), times in asked.items():
        assert times <= 2, "a question is asked, asked once more, and then a nurse looks"
        assert reminder <= 1
    rules = Counter(event.fired.rule for event in talk.story if isinstance(event, RedFlagFound | SilenceNoticed))
    assert all(times == 1 for times in rules.values()), "a red flag fires once a session"
    assert sum(isinstance(event, SessionEnded) for event in talk.story) == (talk.session.status is Status.ENDED)


@settings(deadline=None)
@given(patients, st.lists(replies, min_size=25, max_size=25))
def test_every_conversation_comes_to_an_end(facts: Facts, happenings: list[tuple[list[Finding], str]]) -> None:
    talk = Conversation(FLOW, facts)
    for found, missing in happenings:
        if talk.session.status is Status.WAITING:
            talk.reply(*found, missing=missing)
    for _ in range(2):
        if talk.session.status is Status.WAITING:
            talk.silence()
    assert talk.session.status is Status.ENDED
