"""A rule that needs what was not told is passed over: the decision is the same as when every rule is judged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.content import load_flows, load_tables
from service.domain.facts import Facts, PastDose, PastSymptom, PastValue, PersonalLimit
from service.domain.reading import Assertion, Expects, Finding, FindingKind, Measure, Quantity, Question
from service.triage import Condition, Tables, Told, build_condition, decide, judge

NOW = datetime(2026, 3, 8, 14, 0, tzinfo=UTC)
TABLES, FLOWS = load_tables(), load_flows()
FLAGS = Tables("flags", tuple(flow.rule(step, flag) for flow in FLOWS.values() for step in flow.questions for flag in step.red_flags))
BRANCHES = tuple(condition for flow in FLOWS.values() for step in flow.steps for condition in flow.only_if(step))
EVERY = tuple(rule.when for rule in (*TABLES.rules, *FLAGS.rules)) + BRANCHES


def parts(condition: Condition) -> Iterator[Condition]:
    yield condition
    for part in condition.parts:
        yield from parts(part)


def in_full(condition: Condition) -> Condition:
    """The same condition, which looks at everything before it says no."""
    full = replace(condition, parts=tuple(in_full(part) for part in condition.parts))
    object.__setattr__(full, "needs", None)
    return full


def rules_in_full(tables: Tables) -> Tables:
    return replace(tables, rules=tuple(replace(rule, when=in_full(rule.when)) for rule in tables.rules))


TABLES_IN_FULL, FLAGS_IN_FULL = rules_in_full(TABLES), rules_in_full(FLAGS)
EVERY_IN_FULL = tuple(in_full(condition) for condition in EVERY)
SINGLE = [part for condition in EVERY for part in parts(condition)]
NAMES = sorted({name for part in SINGLE for name in part.names} - {"*"})
QUALIFIERS = sorted({name for part in SINGLE for name in part.wanted | part.wanted_any | part.unwanted})
CONDITIONS = sorted({name for part in SINGLE if part.subject == "condition" for name in part.names} | {"copd", "heart_failure"})
STEPS = sorted({step for part in SINGLE for step in part.steps})

past = st.integers(0, 100).map(lambda hours: NOW - timedelta(hours=hours))
amounts = st.one_of(st.integers(0, 10), st.integers(40, 400)).map(float)
findings = st.one_of(
    st.builds(
        lambda kind, name, assertion, qualifiers: Finding(kind, name, "r", (0, 3), assertion, qualifiers=tuple(sorted(qualifiers))),
        st.sampled_from(FindingKind),
        st.sampled_from(NAMES),
        st.sampled_from(Assertion),
        st.frozensets(st.sampled_from(QUALIFIERS), max_size=3),
    ),
    st.builds(
        lambda measure, amount, second: Finding(FindingKind.VALUE, measure, "r", (0, 3), quantity=Quantity(amount, "", second)),
        st.sampled_from([*map(str, Measure)]),
        amounts,
        amounts,
    ),
    st.builds(
        lambda status, drug: Finding(FindingKind.MEDICATION, status, "r", (0, 3), qualifiers=drug),
        st.sampled_from(["taken", "missed", "partly", "unsure"]),
        st.sampled_from([(), ("insulin",)]),
    ),
    st.builds(lambda name: Finding(FindingKind.SYMPTOM, name, "r", (0, 3)), st.sampled_from(NAMES)),
    st.builds(lambda name: Finding(FindingKind.ANSWER, name, "r", (0, 3)), st.sampled_from(["yes", "no", "unsure"])),
)
replies = st.lists(findings, max_size=6)
facts = st.builds(
    Facts,
    conditions=st.frozensets(st.sampled_from(CONDITIONS), max_size=3),
    medications=st.sampled_from([(), ("insulin",), ("anticoagulant", "water_pill")]),
    high_alert=st.booleans(),
    high_risk=st.booleans(),
    history=st.lists(st.builds(PastValue, st.sampled_from(Measure), amounts, past, amounts), max_size=6).map(tuple),
    doses=st.lists(st.builds(PastDose, st.sampled_from(["taken", "missed", "unsure"]), past), max_size=4).map(tuple),
    symptoms=st.lists(st.builds(PastSymptom, st.sampled_from(NAMES), past), max_size=4).map(tuple),
    day=st.none() | st.integers(1, 40),
    silent_check_ins=st.none() | st.integers(0, 4),
    limits=st.sampled_from([(), (PersonalLimit("weight_gain_24h", 2.0, "lb", "Dr. Sample"),)]),
)
questions = st.none() | st.builds(Question, st.sampled_from(Expects), symptoms=st.lists(st.sampled_from(NAMES), max_size=2).map(tuple))
by_step = st.none() | st.dictionaries(st.sampled_from(STEPS), replies, max_size=4)


@settings(max_examples=150, deadline=None)
@given(replies, facts, questions)
def test_what_a_reply_decides_does_not_hang_on_what_is_passed_over(found: list[Finding], known: Facts, question: Question | None) -> None:
    for tables, in_full in ((TABLES, TABLES_IN_FULL), (FLAGS, FLAGS_IN_FULL)):
        assert decide(tables, found, known, NOW, question) == decide(in_full, found, known, NOW, question)


@settings(max_examples=100, deadline=None)
@given(replies, facts, questions, by_step, st.none() | st.booleans())
def test_a_condition_is_judged_as_when_it_looks_at_everything(
    found: list[Finding], known: Facts, question: Question | None, steps: dict[str, list[Finding]] | None, raised: bool | None
) -> None:
    told = Told(found, known, NOW, question, steps, raised)
    for condition, full in zip(EVERY, EVERY_IN_FULL, strict=True):
        assert judge(condition, told) == judge(full, told)


def test_most_rules_are_passed_over_at_a_harmless_reply() -> None:
    taken = frozenset({(FindingKind.MEDICATION, "taken"), (FindingKind.MEDICATION, "*")})
    looked_at = [rule for rule in TABLES.rules if rule.when.needs is None or rule.when.needs & taken]
    assert len(looked_at) * 3 < len(TABLES.rules)


@pytest.mark.parametrize(
    ("when", "needs"),
    [
        ({"symptom": ["cough", "fever"]}, {"symptom:cough", "symptom:fever"}),
        ({"symptom": "*", "with": "severe"}, {"symptom:*"}),
        ({"kind": "request"}, {"request:*"}),
        ({"value": "systolic", "above": 180}, {"value:blood_pressure"}),
        ({"missed": "insulin"}, {"medication:missed", "medication:partly"}),
        ({"missed_in_a_row": 2}, {"medication:missed", "medication:partly", "medication:unsure"}),
        ({"any_of": [{"symptom": "cough"}, {"answer": "yes"}]}, {"symptom:cough", "answer:yes"}),
        ({"any_of": [{"symptom": "cough"}, {"high_risk": True}]}, None),
        ({"all_of": [{"symptom": ["cough", "fever"]}, {"answer": "yes"}, {"high_risk": True}]}, {"answer:yes"}),
        ({"none_of": [{"symptom": "cough"}]}, None),
        ({"step": "lows", "answer": "yes"}, None),
        ({"day": {"at_least": 3}}, None),
    ],
)
def test_what_a_condition_needs(when: dict[str, object], needs: set[str] | None) -> None:
    found = build_condition(when).needs
    assert (found and {f"{kind}:{name}" for kind, name in found}) == needs
