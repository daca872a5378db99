"""A walk takes every edge, and finds what is wrong in a flow: each fault is made here and must be found."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import date
from functools import cache
from typing import Any

import pytest

from service.content import content_root, load_cases, load_lexicon, load_reading_level, load_script, load_tables, load_wording, load_yaml
from service.domain.reading import Channel
from service.engine import Flow, parse_flow
from service.engine.cases import Ears
from service.engine.given import facts_of
from service.evaluation.flows.answers import answers
from service.evaluation.flows.proof import Proof, Shown, prove
from service.evaluation.flows.reading_level import grade
from service.evaluation.flows.texts import ReadingLevel
from service.evaluation.flows.walk import Walker, red_flags

WORDING = load_wording()
NOTHING_SHOWN = Shown(frozenset(), frozenset())
TODAY = date(2026, 11, 22)


@cache
def walker() -> Walker:
    return Walker(Ears(load_lexicon(), load_tables(), WORDING))


def flow_with(change: Callable[[Any], None]) -> Flow:
    data = deepcopy(load_yaml(content_root() / "flows" / "heart_failure" / "daily.yaml"))
    keep = ("weight", "breathing_swelling", "water_pill", "salt_and_drinks")
    data["steps"] = {key: step for key, step in data["steps"].items() if key in keep}
    data.pop("quicken", None)
    change(data)
    return parse_flow(data, "heart_failure/daily.yaml", WORDING)


def proof_of(flow: Flow, *, today: date = TODAY, level: ReadingLevel | None = None) -> Proof:
    cases = load_cases("heart_failure/daily")[:1]
    return prove(flow, cases, NOTHING_SHOWN, walker(), load_script(wording=WORDING), level or load_reading_level(), today)


def test_every_step_and_red_flag_of_a_flow_is_reached_in_both_languages_and_channels() -> None:
    flow = flow_with(lambda data: None)
    for language in ("en", "es"):
        for channel in Channel:
            facts = facts_of({"weights": {"6 d": 178, "24 h": 180}, "language": language, "high_alert": True, "day": 10}, "heart_failure")
            walk = walker().walk(flow, facts, channel)
            assert not walk.problems
            assert walk.steps >= {step.key for step in flow.steps}
            assert walk.fired >= {*red_flags(flow)}, set(red_flags(flow)) - walk.fired
            assert walk.paths > walk.states > 10


def test_thresholds_are_answered_at_and_on_both_sides() -> None:
    flow = flow_with(lambda data: None)
    facts = facts_of({"weights": {"24 h": 180}}, "heart_failure")
    labels = {
        answer.label for answer in answers(flow, flow.question("weight"), facts, facts.history[0].taken_at.replace(year=2027), Channel.SMS)
    }
    assert {"182", "183", "184", "174", "175", "176", "implausible", "unclear", "silence"} <= labels


def _never(data: Any) -> None:
    data["steps"]["salt_and_drinks"]["only_if"] = {"condition": "copd"}


def _impossible(data: Any) -> None:
    flag = data["steps"]["weight"]["red_flags"][0]
    flag["when"] = {"all_of": [{"value": "weight", "at_least": "400 lb"}, {"value": "weight", "below": "100 lb"}]}


def _hard(data: Any) -> None:
    data["steps"]["weight"]["ask"]["en"] = (
        "Immediately communicate numerical information regarding your individual gravitational measurement."
    )


def _stop_word(data: Any) -> None:
    data["steps"]["weight"]["ask"]["en"] = "What is your weight this morning? Or reply STOP if you have no scale."


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_never, "no walk reaches this step"),
        (_impossible, "nothing a patient says reaches gained_in_a_day"),
        (_hard, "reads at grade"),
        (_stop_word, "ends all messages"),
    ],
)
def test_a_fault_in_a_flow_is_found(change: Callable[[Any], None], told: str) -> None:
    problems = [what for _, what in proof_of(flow_with(change)).problems]
    assert any(told in what for what in problems), problems


def test_a_sound_flow_has_no_such_problem() -> None:
    problems = [what for _, what in proof_of(flow_with(lambda data: None)).problems]
    assert not [what for what in problems if "reads at grade" in what or "no walk" in what or "ends all" in what]


def test_a_review_that_was_due_is_told() -> None:
    problems = proof_of(flow_with(lambda data: None), today=date(2030, 1, 1)).problems
    assert any(path == ("review_by",) for path, _ in problems)


def test_grades_rise_with_longer_words_and_sentences() -> None:
    assert grade("Did you take your pill?", "en") < 6 < 9 < grade("Administer antihypertensive medication immediately", "en")
    assert grade("¿Le duele?", "es") < 6 < 10 < grade("Administre inmediatamente antihipertensivos complementarios", "es")
    assert grade("12/80", "en") == 0
