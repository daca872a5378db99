"""Changed flows: every threshold and red flag is changed, and cases that show only one side let a change live."""

from __future__ import annotations

from functools import cache

from service.content import load_cases, load_flows, load_lexicon, load_tables, load_wording
from service.engine import Flow
from service.engine.cases import Ears
from service.evaluation.flows.mutate import mutants, run_mutants

KEY = "medication/weekly"


@cache
def flow() -> Flow:
    return load_flows()[KEY]


@cache
def ears() -> Ears:
    return Ears(load_lexicon(), load_tables(), load_wording())


def test_every_red_flag_is_removed_once_and_every_change_is_another_version() -> None:
    found = list(mutants(flow()))
    removed = [mutant.what for mutant in found if mutant.what.endswith(" removed")]
    assert removed == [f"{step.key}.{flag.name} removed" for step in flow().questions for flag in step.red_flags]
    assert all(mutant.flow.version != flow().version for mutant in found)
    assert len({mutant.flow.version for mutant in found}) == len(found)


def test_thresholds_move_by_one_step_in_both_directions() -> None:
    told = {mutant.what for mutant in mutants(load_flows()["heart_failure/daily"])}
    assert "weight.gained_in_a_day: gain_over.amount 2 lb instead of 3 lb" in told
    assert "weight.gained_in_a_day: gain_over.amount 4 lb instead of 3 lb" in told
    assert "weight.gained_in_a_week: gain_over.within 8 d instead of 7 d" in told


def test_cases_notice_and_the_lack_of_cases_is_noticed() -> None:
    cases = load_cases(KEY)
    whole = run_mutants(flow(), cases, ears())
    assert whole.killed == whole.all - len(whole.survivors) > 0
    one = run_mutants(flow(), cases[:1], ears())
    assert len(one.survivors) > len(whole.survivors)
    assert one.all == whole.all
