"""rounds flows: clinical content from file to a version that may run."""

from __future__ import annotations

import argparse
from typing import Any

from service.commands import diff_flows, graph_flow, mutate_flows, run_flow
from service.commands.check_flows import check_flows
from service.commands.flows_versions import add_version_parsers
from service.commands.translate_flows import add_parser as add_translate_parser
from service.content import REFERENCE, content_root, write_flow_schemas
from service.engine.reference import reference


def add_parsers(commands: Any) -> None:
    """Declares the commands."""
    group = commands.add_parser(
        "flows", help="publish and approve check-ins", description="A flow file is a draft; it runs once a named clinician has approved it."
    )
    inner = group.add_subparsers(dest="command", required=True, metavar="COMMAND")
    checking = inner.add_parser(
        "check",
        help="read every flow file, play its cases, and walk every edge of it",
        description="Reads the named flows, or all, plays the cases beside them, and walks them with every class of answer in every "
        "language and channel. Says file, line and what to write instead; exit code 1 when something is wrong.",
    )
    checking.add_argument("flow", nargs="*", metavar="FLOW", help="such as heart_failure/daily")
    checking.add_argument("--rules", action="store_true", help="print every red flag with its urgency and source")
    checking.add_argument("--cases-only", action="store_true", help="only read the files and play the cases")
    checking.set_defaults(run_blocking=check_flows)
    mutate_flows.add_parser(inner)
    run_flow.add_parser(inner)
    graph_flow.add_parser(inner)
    add_translate_parser(inner)
    diff_flows.add_parser(inner)
    schema = inner.add_parser(
        "schema",
        help="write the JSON Schemas that let an editor complete flow files",
        description="Writes flows/schema/ and names the schema in the first line of every flow file that does not name it yet.",
    )
    schema.set_defaults(run_blocking=write_schemas)
    page = inner.add_parser(
        "reference", help="write the reference page of the flow language", description="Writes flows/REFERENCE.md from the program."
    )
    page.set_defaults(run_blocking=write_reference)
    add_version_parsers(inner)


def write_schemas(arguments: argparse.Namespace) -> None:
    """Writes the schemas beside the content, and the line that editors find them by."""
    for path in write_flow_schemas():
        print(path)


def write_reference(arguments: argparse.Namespace) -> None:
    """Writes the reference page beside the content."""
    path = content_root() / REFERENCE
    path.write_text(reference(), encoding="utf-8")
    print(path)
