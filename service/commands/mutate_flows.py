"""rounds flows mutate: whether the cases of a flow would notice a wrong threshold or a lost red flag."""

from __future__ import annotations

import argparse
import sys

from service.commands.surroundings import UserError
from service.content import load_cases, load_lexicon, load_tables, load_wording, located, read_flows
from service.engine.cases import Ears
from service.evaluation.flows.mutate import run_mutants

BAR = 0.98
"""The share of changes that cases must notice."""


def add_parser(inner: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declares the command."""
    parser = inner.add_parser(
        "mutate",
        help="move every threshold and remove every red flag: does a case notice?",
        description="Changes one threshold by one step of what patients report, or removes one red flag, and plays the cases; "
        f"prints what no case has noticed. Exit code 1 below {BAR:.0%}.",
    )
    parser.add_argument("flow", nargs="*", metavar="FLOW", help="such as heart_failure/daily")
    parser.set_defaults(run_blocking=mutate_flows)


def mutate_flows(arguments: argparse.Namespace) -> None:
    """Prints the survivors with file and line, a line a flow, and the share in all."""
    ears = Ears(load_lexicon(), load_tables(), load_wording())
    flows = read_flows().flows
    if unknown := sorted({*arguments.flow} - {*flows}):
        raise UserError(f"there is no flow {unknown[0]} without mistakes; there are: {', '.join(sorted(flows))}")
    everything = killed = 0
    for key in arguments.flow or sorted(flows):
        outcome = run_mutants(flows[key], load_cases(key), ears)
        for survivor in located(key, [(each.path, f"no case notices: {each.what}") for each in outcome.survivors]):
            print(survivor)
        print(f"{key}  {outcome.killed} of {outcome.all} changes noticed", flush=True)
        everything, killed = everything + outcome.all, killed + outcome.killed
    share = killed / everything if everything else 0.0
    print(f"{killed} of {everything} changes noticed ({share:.1%}; at least {BAR:.0%} wanted)")
    if share < BAR:
        sys.exit(1)
