"""Every threshold of every flow moved and every red flag removed: the cases beside the flow notice at least 98 % of it."""

from __future__ import annotations

import random

import pytest

from service.commands.mutate_flows import BAR
from service.content import load_cases
from service.engine.cases import Ears
from service.evaluation.flows.mutate import run_mutants
from tests.actions.house import content
from tests.faults import SECONDS_A_TEST

pytestmark = [pytest.mark.faults, pytest.mark.timeout(SECONDS_A_TEST)]
SAMPLED = 2
"""Flows of a sampled run."""


def test_the_cases_notice_every_change_of_every_flow(full_faults: bool, chance: random.Random) -> None:
    flows, ears = content().flows, Ears(content().lexicon, content().tables, content().wording)
    keys = sorted(flows) if full_faults else chance.sample(sorted(flows), SAMPLED)
    outcomes = {key: run_mutants(flows[key], load_cases(key), ears) for key in keys}
    every, killed = sum(each.all for each in outcomes.values()), sum(each.killed for each in outcomes.values())
    left_out = sum(len(each.excluded) for each in outcomes.values())
    print(f"{killed} of {every} changes noticed in {len(keys)} flows; {left_out} left out, as nobody could notice them")
    assert not {key: each.failing for key, each in outcomes.items() if each.failing}
    assert not {key: [mutant.what for mutant in each.survivors] for key, each in outcomes.items() if each.share < BAR}
