"""rounds flows graph: a flow drawn for people, in the terminal or as SVG."""

from __future__ import annotations

import argparse
from pathlib import Path

from service.commands.surroundings import UserError
from service.content import read_flows
from service.evaluation.flows.graph import as_svg, as_text


def add_parser(inner: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declares the command."""
    parser = inner.add_parser(
        "graph",
        help="draw a flow: steps, branches in words, red flags by urgency",
        description="Prints the flow as text, or writes the drawing as SVG with --out.",
    )
    parser.add_argument("flow", metavar="FLOW", help="such as heart_failure/daily")
    parser.add_argument("--lang", choices=("en", "es"), default="en", help="the language of the questions")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the drawing as SVG, such as flow.svg")
    parser.set_defaults(run_blocking=graph_flow)


def graph_flow(arguments: argparse.Namespace) -> None:
    """Prints or writes the drawing. UserError for an unknown flow or a file that cannot be written."""
    flows = read_flows().flows
    if arguments.flow not in flows:
        raise UserError(f"there is no flow {arguments.flow} without mistakes; there are: {', '.join(sorted(flows))}")
    flow = flows[arguments.flow]
    if arguments.out is None:
        print(as_text(flow, arguments.lang), end="")
        return
    try:
        arguments.out.write_text(as_svg(flow, arguments.lang), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{arguments.out} cannot be written ({type(error).__name__}); name another file with --out") from error
    print(arguments.out)
