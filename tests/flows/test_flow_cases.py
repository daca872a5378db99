"""The cases beside every flow: the patient's words through the real reader, triage and engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from service.content import Content, content_root, load_content, load_yaml
from service.domain.event import RedFlagFound
from service.domain.facts import Facts, PastValue, PersonalLimit
from service.domain.reading import Measure, Reply
from service.domain.urgency import Urgency
from service.engine import Flow, question_of
from service.replies import read
from service.triage import decide, parse_amount, parse_period
from tests.flows.conversation import ANA, MORNING, Conversation, named, urgency_of

GIVEN = {"weights", "limits", "high_risk", "high_alert", "language", "detail", "staffed", "conditions"}
TURN = {"patient", "silence", "urgency", "flags", "asks", "ends"}


def cases() -> Iterator[Any]:
    for path in sorted((content_root() / "flows").glob("*/*.cases.yaml")):
        key = f"{path.parent.name}/{path.name.removesuffix('.cases.yaml')}"
        for case in load_yaml(path)["cases"]:
            yield pytest.param(key, case, id=f"{key}: {case['name']}")


@pytest.fixture(scope="module")
def content() -> Content:
    return load_content()


def facts_of(given: Mapping[str, Any]) -> Facts:
    assert set(given) <= GIVEN, f"a case knows {sorted(GIVEN)}"
    weights = [PastValue(Measure.WEIGHT, float(pounds), MORNING - parse_period(ago)) for ago, pounds in given.get("weights", {}).items()]
    limits = []
    for name, written in given.get("limits", {}).items():
        amount, unit = parse_amount(written)
        limits.append(PersonalLimit(name, amount, unit, "Dr. Adams"))
    return replace(
        ANA,
        history=tuple(sorted(weights, key=lambda past: past.taken_at)),
        limits=tuple(limits),
        high_risk=given.get("high_risk", False),
        high_alert=given.get("high_alert", False),
        language=given.get("language", "en"),
        detail_consent=given.get("detail", True),
        staffed=given.get("staffed", True),
        conditions=frozenset(given.get("conditions", ["heart_failure"])),
    )


def play(content: Content, flow: Flow, case: Mapping[str, Any]) -> Conversation:
    talk = Conversation(flow, facts_of(case.get("given", {})))
    for number, turn in enumerate(case["talk"], 1):
        assert set(turn) <= TURN, f"a turn knows {sorted(TURN)}"
        where = f"turn {number}, {turn.get('patient', 'silence')!r}"
        if "patient" in turn:
            question = question_of(flow, talk.session)
            reading = read(content.lexicon, Reply(turn["patient"], talk.facts.language), question)
            decision = decide(content.tables, reading.findings, talk.facts, talk.now, question)
            talk.reply(*reading.findings, missing=reading.missing, urgency=decision.urgency, answered=bool(decision.answer))
        else:
            talk.silence()
        if "urgency" in turn:
            universal = Urgency.EMERGENCY if talk.ended == "red_flag" else None
            assert (urgency_of(talk.events) or universal) == turn["urgency"], where
        if "flags" in turn:
            assert sorted(talk.flags) == sorted(turn["flags"]), where
        if "asks" in turn:
            assert talk.asked == turn["asks"], where
        assert talk.ended == turn.get("ends", talk.ended), where
        for event in talk.events:
            if isinstance(event, RedFlagFound):
                assert all(0 <= start < end <= len(turn.get("patient", "")) for start, end in event.fired.spans), where
    return talk


@pytest.mark.parametrize(("key", "case"), list(cases()))
def test_the_flow_does_what_its_case_says(content: Content, key: str, case: dict[str, Any]) -> None:
    play(content, content.flows[key], case)


def test_every_red_flag_of_every_flow_is_shown_by_a_case(content: Content) -> None:
    shown: dict[str, set[str]] = {key: set() for key in content.flows}
    for param in cases():
        key, case = param.values
        shown[key] |= set(named(content.flows[key], play(content, content.flows[key], case).story))
    for key, flow in content.flows.items():
        flags = {f"{step.key}.{flag.name}" for step in flow.steps for flag in step.red_flags}
        assert flags <= shown[key], f"{key}: no case for {sorted(flags - shown[key])}"


def test_a_case_starts_after_its_history(content: Content) -> None:
    facts = facts_of({"weights": {"2 d": 180, "24 h": 181}})
    assert [past.value for past in facts.history] == [180, 181]
    assert facts.history[-1].taken_at == MORNING - timedelta(hours=24)
