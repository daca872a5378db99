"""Safety re-checks as content: which red flags lead to one, and what a mistake in its file is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.content import ContentError, load_content, load_flows, load_tables
from service.engine.steps import AskStep, WaitStep
from tests.actions.house import content
from tests.flows.test_content import root, spoil

__all__ = ["root"]
_LOOSE = """  more:
    ask: {en: Are you alone? Reply YES or NO., es: "¿No hay nadie con usted? Responda SI o NO."}
    ask_again: {en: Please reply just YES or NO., es: Responda solo SI o NO.}
    say: {en: Are you alone?, es: "¿No hay nadie con usted?"}
    expects: yes_no

"""
FILE = "flows/shared/glucose_again.yaml"


def test_every_answer_that_says_to_measure_again_is_followed_by_the_re_check() -> None:
    rules = [rule for rule in load_tables().rules if rule.answer == "low_glucose"]
    assert rules
    assert {rule.recheck for rule in rules} == {"shared/glucose_again"}


def test_a_severe_blood_pressure_is_measured_again() -> None:
    rules = {rule.id for rule in load_tables().rules if rule.recheck == "shared/pressure_again"}
    assert rules == {"systolic_180", "diastolic_110", "postpartum_bp_160_110", "postpartum_bp_150_100"}


def test_a_re_check_waits_first_and_asks_nothing_that_is_no_re_check() -> None:
    rechecks = [flow for flow in content().flows.values() if flow.kind == "recheck"]
    assert len(rechecks) == 2
    for flow in rechecks:
        assert isinstance(flow.steps[0], WaitStep)
        assert all(step.recheck for step in flow.steps if isinstance(step, AskStep))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("  rest:\n    wait: 15 min\n\n", "", r"line \d+, steps\.again\.recheck: a re-check stands directly after the step with wait"),
        (
            "  rest:\n",
            "  first:\n    tell: {en: Hello., es: Hola.}\n  rest:\n",
            "steps.first: a safety re-check begins with a step that waits",
        ),
        ("    recheck: true\n", "", r"line \d+, steps\.rest\.wait: put a question with recheck: true directly after a wait"),
        (
            "  rest_again:\n",
            _LOOSE + "  rest_again:\n",
            r"line \d+, steps\.more\.ask: every question of a safety re-check has recheck: true",
        ),
        ("kind: recheck\n", "kind: check_in\n", r"line \d+, kind: kind: subflow \(or recheck\) and the folder"),
        ("languages: [en, es]\n", "languages: [en, es]\ncadence: daily\n", r'line \d+, cadence: "cadence" means nothing here'),
        ("        answer: emergency\n", "        answer: emergency\n        recheck: shared/glucose_again\n", "begins no other one"),
        (
            "        answer: emergency\n",
            "        answer: emergency\n        recheck: shared/glucose_agan\n",
            "did you mean shared/glucose_again",
        ),
        ("wait: 15 min", "wait: 5 min", "write a wait from 15 min to 4 h"),
    ],
)
def test_a_mistake_in_a_re_check_names_the_line_and_what_to_write(root: Path, old: str, new: str, told: str) -> None:
    spoil(root / FILE, old, new)
    with pytest.raises(ContentError, match=told) as raised:
        load_flows(root)
    assert str(raised.value).startswith("shared/glucose_again.yaml")


def test_a_row_of_the_urgency_table_that_names_no_re_check_is_told_which_there_are(root: Path) -> None:
    spoil(root / "flows/shared/urgency.yaml", "recheck: shared/glucose_again", "recheck: shared/sugar_again")
    with pytest.raises(ContentError, match=r"rule glucose_below_54: there is no safety re-check.*write one of shared/glucose_again"):
        load_content(root)


def test_a_red_flag_of_a_check_in_may_name_one(root: Path) -> None:
    flow = root / "flows/heart_failure/daily.yaml"
    spoil(flow, "        urgency: urgent\n", "        urgency: urgent\n        recheck: shared/pressure_again\n")
    flags = [flag for step in load_flows(root)["heart_failure/daily"].questions for flag in step.red_flags]
    assert [flag.recheck for flag in flags if flag.recheck] == ["shared/pressure_again"]
    spoil(flow, "recheck: shared/pressure_again", "recheck: shared/pressure")
    with pytest.raises(ContentError, match=r"daily\.yaml: line \d+, .*recheck: there is no safety re-check"):
        load_flows(root)
