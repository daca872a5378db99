"""rounds flows mutate: whether the cases of a flow would notice a wrong threshold or a lost red flag."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from typing import Any

from service.commands.surroundings import UserError
from service.content import load_cases, load_lexicon, load_tables, load_wording, located, read_flows
from service.engine.cases import Ears
from service.evaluation.flows.mutate import Outcome, run_mutants

BAR = 0.98
"""The share of changes that cases must notice, in every flow."""


def add_parser(inner: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declares the command."""
    parser = inner.add_parser(
        "mutate",
        help="move every threshold and remove every red flag: does a case notice?",
        description="Changes one threshold by one step of what patients report, takes out one personal limit or branch, or removes one "
        "red flag or hand-over, and plays the cases; prints what no case has noticed, and with --excluded what nobody could notice. "
        f"Exit code 1 when a flow stays below {BAR:.0%}, or when a case does not hold for the flow as it is.",
    )
    parser.add_argument("flow", nargs="*", metavar="FLOW", help="such as heart_failure/daily")
    parser.add_argument("--excluded", action="store_true", help="print the changes that are left out because nobody could notice them")
    parser.add_argument("--json", action="store_true", help="the same as JSON, an object a flow")
    parser.set_defaults(run_blocking=mutate_flows)


def mutate_flows(arguments: argparse.Namespace) -> None:
    """Prints the survivors with file and line, a line a flow, and the counts in all."""
    ears = Ears(load_lexicon(), load_tables(), load_wording())
    flows = read_flows().flows
    if unknown := sorted({*arguments.flow} - {*flows}):
        raise UserError(f"there is no flow {unknown[0]} without mistakes; there are: {', '.join(sorted(flows))}")
    begun, outcomes = time.monotonic(), dict[str, Outcome]()
    for key in arguments.flow or sorted(flows):
        outcomes[key] = run_mutants(flows[key], load_cases(key), ears)
        if not arguments.json:
            _print(key, outcomes[key], arguments.excluded)
    if arguments.json:
        print(json.dumps({key: _as_json(key, outcome) for key, outcome in outcomes.items()}, indent=1, ensure_ascii=False))
    else:
        print(in_all(list(outcomes.values()), time.monotonic() - begun))
    if any(outcome.share < BAR or outcome.failing for outcome in outcomes.values()):
        sys.exit(1)


def _print(key: str, outcome: Outcome, excluded: bool) -> None:
    for name in outcome.failing:
        print(f'{key}: the case "{name}" does not hold for the flow as it is; mend it first (rounds flows check {key})')
    problems = [(each.path, f"no case notices: {each.what}") for each in outcome.survivors]
    problems += [(each.path, f"left out: {each.what}; {each.excluded}") for each in outcome.excluded if excluded]
    for survivor in located(key, problems):
        print(survivor)
    out = f", {len(outcome.excluded)} left out" if outcome.excluded else ""
    print(f"{key}  {outcome.killed} of {outcome.all} changes noticed ({outcome.share:.1%}){out}", flush=True)


def in_all(outcomes: Sequence[Outcome], seconds: float) -> str:
    """The counts of all flows in a line."""
    every, killed = sum(each.all for each in outcomes), sum(each.killed for each in outcomes)
    excluded, below = sum(len(each.excluded) for each in outcomes), sum(each.share < BAR for each in outcomes)
    share = killed / every if every else 1.0
    told = f"{below} of them below {BAR:.0%}" if below else f"each at least {BAR:.0%}"
    return f"{killed} of {every} changes noticed ({share:.1%}) in {len(outcomes)} flows, {told}; {excluded} left out; {seconds:.0f} s"


def _as_json(key: str, outcome: Outcome) -> dict[str, Any]:
    return {
        "changes": outcome.all,
        "noticed": outcome.killed,
        "not_noticed": [str(each) for each in located(key, [(mutant.path, mutant.what) for mutant in outcome.survivors])],
        "left_out": [{"change": mutant.what, "why": mutant.excluded} for mutant in outcome.excluded],
        "failing_cases": outcome.failing,
    }
