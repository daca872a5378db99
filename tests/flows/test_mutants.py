"""Changed flows: every threshold and red flag is changed, and cases that show only one side let a change live."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from service.commands.mutate_flows import BAR, in_all, mutate_flows
from service.content import load_cases, load_flows, load_lexicon, load_tables, load_wording
from service.engine import Flow
from service.engine.cases import Case, Ears, play
from service.evaluation.flows.moved import moves
from service.evaluation.flows.mutate import Mutant, Outcome, mutants, run_mutants
from service.evaluation.flows.remembering import Remembering, remembering
from tests.flows.model import KINDS, MODEL

KEY = "medication/weekly"
WHOLE = ("anticoagulation/bridging", "medication/daily")
"""Flows whose every change is played with every run of the tests; `make faults` plays those of all flows."""


@cache
def flows() -> Mapping[str, Flow]:
    return load_flows()


@cache
def ears() -> Ears:
    return Ears(load_lexicon(), load_tables(), load_wording())


def told(flow: Flow) -> dict[str, Mutant]:
    return {mutant.what: mutant for mutant in mutants(flow)}


def test_every_red_flag_and_hand_over_is_removed_once_and_every_change_is_another_version() -> None:
    for flow in (flows()[KEY], flows()["chemotherapy/check_in"], KINDS):
        found = list(mutants(flow))
        removed = {mutant.what for mutant in found if mutant.what.endswith(" removed")}
        flags = {f"{step.key}.{flag.name} removed" for step in flow.questions for flag in step.red_flags}
        assert removed == flags | {f"{step.key} removed" for step in flow.steps if step.kind == "hand_over"}
        assert all(mutant.flow.version != flow.version for mutant in found)
        assert len({mutant.flow.version for mutant in found}) == len(found)


def test_thresholds_move_by_one_step_in_both_directions() -> None:
    heart = told(MODEL)
    assert "weight.gained_in_a_day: weight gain_over.amount 2 lb instead of 3 lb" in heart
    assert "weight.gained_in_a_day: weight gain_over.amount 4 lb instead of 3 lb" in heart
    assert "weight.gained_in_a_week: weight gain_over.within 8 d instead of 7 d" in heart
    assert "weight.gained_in_a_day: weight limit weight_gain_24h taken out" in heart
    assert "weight: confirm change_over 11 instead of 10 lb" in heart


def test_the_condition_of_a_run_is_one_number_for_all_its_steps() -> None:
    data = KINDS.to_json()
    for step in data["steps"]:
        if step["key"].startswith("why."):
            step["only_if"] = [{"day": {"at_most": 3}}, *step["only_if"]]
    mutated = [mutant for mutant in mutants(Flow.from_json(data)) if "day.at_most 4" in mutant.what]
    assert [mutant.what for mutant in mutated] == ["why.reason: only_if day.at_most 4 instead of 3"]
    written = [step.only_if[0] for step in mutated[0].flow.steps if step.key.startswith("why.")]
    assert written == [{"day": {"at_most": 4}}] * 2


@pytest.mark.parametrize(
    ("condition", "news"),
    [
        ({"value": "temperature", "at_least": "100.4 F"}, ["100.3 F", "100.5 F"]),
        ({"value": "weight", "gain_over": {"amount": "1 kg", "within": "48 h"}}, ["0.5 kg", "1.5 kg", "24 h", "72 h"]),
        ({"value": "weight", "gain_over": {"amount": "3 lb", "within": "24 h"}}, ["2 lb", "4 lb", "48 h"]),
        ({"value": "glucose", "above": 300, "times": 2, "within": "4 h"}, [299, 301, 3]),
        ({"value": "systolic", "at_least": 160, "mean_over": "3 d"}, [159, 161, "2 d", "4 d"]),
        ({"value": "weight", "percent_over": {"percent": 4, "of": "dry_weight"}}, [3, 5]),
        ({"none_of": [{"step": "dose", "value": "count", "at_most": 1}]}, [0, 2]),
        ({"value": "count", "at_most": 0}, [1]),
        ({"day": {"at_least": 1, "at_most": 3}}, [2, 2, 4]),
        ({"missed_doses_in": {"count": 1, "within": "7 d"}}, [2, "6 d", "8 d"]),
        ({"missed_in_a_row": 2}, [1, 3]),
        ({"gone_silent": 1}, [2]),
        ({"total": ["phq_1", "phq_2"], "at_least": 3}, [2, 4]),
        ({"recorded": "pain", "at_least": 7, "within": "2 d"}, [6, 8, "1 d", "3 d"]),
        ({"cel": "day / 7 < 2"}, ["day / 6 < 2", "day / 8 < 2", "day / 7 < 1", "day / 7 < 3"]),
        ({"symptom": "cough", "times": 2, "within": "48 h"}, [3, "24 h", "72 h"]),
        ({"value": "spo2", "below": "88 %", "limit": "spo2_low"}, ["87 %", "89 %", None]),
        ({"symptom": "phq_9"}, []),
    ],
)
def test_every_number_of_a_condition_is_moved(condition: dict[str, Any], news: list[Any]) -> None:
    assert [move.new for move in moves(condition)] == news


def test_a_branch_taken_out_comes_for_everybody_also_where_a_run_brought_it_in() -> None:
    found = told(KINDS)
    assert found["how_many: only_if taken out"].flow.step("how_many").only_if == ()
    run = found["why.reason: only_if taken out"].flow
    assert KINDS.step("why.reason").only_if == KINDS.step("why.again").only_if[:1] != ()
    assert [step.only_if for step in run.steps if step.key.startswith("why.")] == [(), ({"step": "why.reason", "choice": "forgot"},)]
    own = found["why.again: only_if 2 of 2 taken out"].flow
    assert own.step("why.again").only_if == own.step("why.reason").only_if != ()


def test_a_limit_taken_out_is_gone() -> None:
    [mutant] = (mutant for mutant in mutants(MODEL) if mutant.what == "weight.gained_in_a_day: weight limit weight_gain_24h taken out")
    [flag] = (flag for flag in mutant.flow.question("weight").red_flags if flag.name == "gained_in_a_day")
    assert flag.when == {"value": "weight", "gain_over": {"amount": "3 lb", "within": "24 h"}}


def test_only_changes_that_no_reading_can_tell_apart_are_left_out() -> None:
    data = KINDS.to_json()
    never = {"name": "never", "urgency": "routine", "reason": "Never", "source": "sheet"}
    for step in data["steps"]:
        if step["key"] == "mood":
            step["red_flags"] = [{**never, "when": {"value": "scale", "above": 3}}]
        if step["key"] == "glucose":
            step["red_flags"] = [{**never, "when": {"value": "glucose", "above": 600}}]
    found = told(Flow.from_json({**data, "stop_after": 30}))
    assert found["mood.never: scale above 2 instead of 3"].excluded == ""
    assert found["mood.never: scale above 4 instead of 3"].excluded == "no value from 0 to 3 is judged otherwise"
    assert found["glucose.never: glucose above 599 instead of 600"].excluded == ""
    assert found["glucose.never: glucose above 601 instead of 600"].excluded == "no value from 20 to 600 is judged otherwise"


def test_a_re_check_asked_oftener_than_its_wait_is_left_out_and_one_asked_less_often_is_not() -> None:
    found = told(KINDS)
    wider, narrower = (f"again: only_if glucose below {number} mg/dL instead of 70 mg/dL" for number in (71, 69))
    left_out = {what for what, mutant in found.items() if mutant.excluded}
    assert left_out == {wider, "again: only_if taken out"}
    assert all("comes only after its wait" in found[what].excluded for what in left_out)
    assert found[narrower].excluded == ""
    data = KINDS.to_json()
    for step in data["steps"]:
        if step["key"] == "rest":
            step["only_if"] = [{"step": "glucose", "value": "glucose", "below": "80 mg/dL"}]
    assert not any(mutant.excluded for mutant in mutants(Flow.from_json(data)))


def test_a_record_of_a_question_without_an_answer_is_left_out() -> None:
    data = KINDS.to_json()
    for step in data["steps"]:
        if step["kind"] == "record":
            step["only_if"] = [{"none_of": [{"step": step["record"]["from"], "unanswered": True}]}]
    left_out = [mutant for mutant in mutants(Flow.from_json(data)) if mutant.excluded.startswith("a record keeps nothing")]
    assert [mutant.what for mutant in left_out] == ["keep: only_if taken out"]


def test_cases_notice_and_the_lack_of_cases_is_noticed() -> None:
    cases = load_cases(KEY)
    whole = run_mutants(flows()[KEY], cases, ears())
    assert whole.killed == whole.all - len(whole.survivors) > 0
    one = run_mutants(flows()[KEY], cases[:1], ears())
    assert len(one.survivors) > len(whole.survivors)
    assert one.all == whole.all


def test_a_case_that_does_not_hold_for_the_flow_as_it_is_proves_nothing() -> None:
    wrong = Case("wrong", 1, {}, ({"patient": "0", "flags": ["nothing.so_called"]},))
    outcome = run_mutants(flows()[KEY], [wrong], ears())
    assert outcome.failing == ["wrong"]
    assert outcome.killed == 0


def test_what_is_remembered_of_a_reply_is_what_would_be_read() -> None:
    memory = Remembering(remembering(ears().lexicon), ears().tables, ears().wording)
    cases = load_cases(KEY)
    for _ in range(2):
        for case in cases:
            assert play(flows()[KEY], case, memory).story == play(flows()[KEY], case, ears()).story
    assert memory.readings


@pytest.mark.parametrize("key", WHOLE)
def test_the_cases_of_a_flow_notice_its_changes(key: str) -> None:
    outcome = run_mutants(flows()[key], load_cases(key), ears())
    assert outcome.failing == []
    assert outcome.share >= BAR, [each.what for each in outcome.survivors]


def test_the_command_tells_the_counts_as_lines_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    mutate_flows(Namespace(flow=[KEY], excluded=False, json=True))
    told = json.loads(capsys.readouterr().out)[KEY]
    assert told["noticed"] == told["changes"] - len(told["not_noticed"]) > 0
    mutate_flows(Namespace(flow=[KEY], excluded=False, json=False))
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].startswith(f"{KEY}  {told['noticed']} of {told['changes']} changes noticed (")
    assert lines[-1].endswith(" s")


def test_one_flow_below_the_bar_is_told_though_all_together_are_above_it() -> None:
    assert "1 of them below 98%" in in_all([Outcome(1000, 1000), Outcome(10, 9)], 3.2)
    assert "each at least 98%" in in_all([Outcome(1000, 990), Outcome(100, 98)], 3.2)
