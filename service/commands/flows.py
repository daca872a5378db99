"""rounds flows check|list|publish|approve: clinical content from file to a version that may run."""

from __future__ import annotations

import argparse
from typing import Any

from service.actions.publish_flow import approve_flow, flow_states, publish_flow
from service.commands import graph_flow, mutate_flows, run_flow
from service.commands.check_flows import SHOWN, check_flows
from service.commands.surroundings import CLOCK, UserError, add_organization_option, opened, organization, settings
from service.content import REFERENCE, content_root, load_flows, write_flow_schemas
from service.engine import Flow
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
    listing = inner.add_parser("list", help="every flow file, its version, and who approved it", description="Lists the flow files.")
    add_organization_option(listing)
    listing.set_defaults(run=list_flows)
    publish = inner.add_parser(
        "publish", help="store a flow's content as it is now", description="Stores an immutable version of each named flow, or of all."
    )
    publish.add_argument("flow", nargs="*", metavar="FLOW", help="such as heart_failure/daily")
    add_organization_option(publish)
    publish.set_defaults(run=publish_flows)
    approve = inner.add_parser(
        "approve",
        help="record that a named clinician approved a version",
        description="Records the approval of exactly the content that --version names; patients enrolled in it get it from then on.",
    )
    approve.add_argument("flow", metavar="FLOW", help="such as heart_failure/daily")
    approve.add_argument("--version", required=True, metavar="HASH", help="the version as `rounds flows list` shows it")
    approve.add_argument("--clinician", required=True, metavar="NAME", help="who has read and approved it, such as Dr. Sol Serrano")
    add_organization_option(approve)
    approve.set_defaults(run=approve_version)


def write_schemas(arguments: argparse.Namespace) -> None:
    """Writes the schemas beside the content, and the line that editors find them by."""
    for path in write_flow_schemas():
        print(path)


def write_reference(arguments: argparse.Namespace) -> None:
    """Writes the reference page beside the content."""
    path = content_root() / REFERENCE
    path.write_text(reference(), encoding="utf-8")
    print(path)


async def list_flows(arguments: argparse.Namespace) -> None:
    """Prints a line a flow: key, version, state, title."""
    files = load_flows()
    async with opened(settings()) as database:
        owner = await organization(database, arguments.organization)
        for state in await flow_states(database, owner.id, files):
            if state.approved_by:
                word = f"approved by {', '.join(state.approved_by)}"
            else:
                word = "published, not approved" if state.published else "draft"
            print(f"{state.key}  {state.version[:SHOWN]}  {word}  ({state.title})")


async def publish_flows(arguments: argparse.Namespace) -> None:
    """Publishes the named flows, or all."""
    files = load_flows()
    chosen = [_flow(key, files) for key in arguments.flow] or list(files.values())
    async with opened(settings()) as database:
        owner = await organization(database, arguments.organization)
        for flow in chosen:
            await publish_flow(database, owner.id, flow, CLOCK.now())
            print(f"{flow.key}  {flow.version[:SHOWN]}  published")


async def approve_version(arguments: argparse.Namespace) -> None:
    """Records the approval."""
    flow = _flow(arguments.flow, load_flows())
    async with opened(settings()) as database:
        owner = await organization(database, arguments.organization)
        await approve_flow(database, owner.id, flow, version=arguments.version, clinician=arguments.clinician, now=CLOCK.now())
    print(f"{flow.key}  {flow.version[:SHOWN]}  approved")


def _flow(key: str, files: Any) -> Flow:
    if key not in files:
        raise UserError(f"there is no flow {key}; there are: {', '.join(sorted(files))}")
    flow: Flow = files[key]
    return flow
