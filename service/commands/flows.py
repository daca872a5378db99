"""rounds flows check|list|publish|approve: clinical content from file to a version that may run."""

from __future__ import annotations

import argparse
from typing import Any

from service.actions.publish_flow import approve_flow, flow_states, publish_flow
from service.commands.surroundings import CLOCK, UserError, add_organization_option, opened, organization, settings
from service.content import (
    CASES,
    REFERENCE,
    SHARED,
    ContentError,
    content_root,
    load_cases,
    load_flows,
    load_lexicon,
    load_tables,
    load_wording,
    read_flows,
    unknown_symptoms,
    write_flow_schemas,
)
from service.engine import Flow
from service.engine.cases import Ears, play
from service.engine.play import handed_over, named
from service.engine.reference import reference
from service.engine.steps import HandOverStep

SHOWN = 12
"""Letters of a content hash that are shown."""


def add_parsers(commands: Any) -> None:
    """Declares the commands."""
    group = commands.add_parser(
        "flows", help="publish and approve check-ins", description="A flow file is a draft; it runs once a named clinician has approved it."
    )
    inner = group.add_subparsers(dest="command", required=True, metavar="COMMAND")
    checking = inner.add_parser(
        "check",
        help="read every flow file and play its cases",
        description="Reads the named flows, or all, and plays the cases beside them. Says file, line and what to write instead.",
    )
    checking.add_argument("flow", nargs="*", metavar="FLOW", help="such as heart_failure/daily")
    checking.set_defaults(run_blocking=check_flows)
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


def check_flows(arguments: argparse.Namespace) -> None:
    """Prints every mistake and a line a flow; UserError when there is any mistake."""
    words, tables, lexicon = load_wording(), load_tables(), load_lexicon()
    files = read_flows()
    errors = [*files.errors, *unknown_symptoms(lexicon, tables, files.flows)]
    wanted = set(arguments.flow)
    known = {*files.flows, *files.subflows, *(error.file.removesuffix(".yaml") for error in errors)}
    if unknown := sorted(wanted - known):
        raise UserError(f"there is no flow {unknown[0]}; there are: {', '.join(sorted(known))}")
    told = [error for error in errors if not wanted or _concerns(error, wanted)]
    for error in told:
        print(error)
    ears = Ears(lexicon, tables, words)
    failed = sum(_play(flow, ears) for key, flow in files.flows.items() if not wanted or key in wanted)
    if told or failed:
        raise UserError(f"{len(told)} mistakes in files, {failed} cases that do not come out")


def _concerns(error: ContentError, wanted: set[str]) -> bool:
    """A mistake in a named flow, or in a file that it may use (shared, education)."""
    programmes = {key.partition("/")[0] for key in wanted} | {SHARED}
    folder, _, name = error.file.removesuffix(".yaml").partition("/")
    return error.file.removesuffix(".yaml") in wanted or not name or (folder in programmes and (folder == SHARED or name == "education"))


def _play(flow: Flow, ears: Ears) -> int:
    """Plays a flow's cases, prints what does not come out, and gives how many that are."""
    try:
        cases = load_cases(flow.key)
    except ContentError as error:
        print(error)
        return 1
    played = [play(flow, case, ears) for case in cases]
    for each in played:
        for failure in each.failures:
            print(f'{flow.key}{CASES}: line {each.case.line}, "{each.case.name}": {failure}')
    shown = {name for each in played for name in {**named(flow, each.story), **handed_over(flow, each.story)}}
    flags = [f"{step.key}.{flag.name}" for step in flow.questions for flag in step.red_flags]
    flags += [step.key for step in flow.steps if isinstance(step, HandOverStep)]
    missing = [name for name in flags if name not in shown]
    for name in missing:
        print(f"{flow.key}{CASES}: no case shows {name}")
    failed = sum(bool(each.failures) for each in played)
    print(f"{flow.key}  {flow.version[:SHOWN]}  {len(flow.steps)} steps, {len(flags)} red flags, {len(cases)} cases, {failed} failed")
    return failed + len(missing)


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
