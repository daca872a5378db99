"""rounds flows list|publish|approve|withdraw|move: which version of a check-in runs, and who said so."""

from __future__ import annotations

import argparse
from collections import Counter
from typing import Any
from uuid import UUID

from service.actions.knowledge import Knowledge
from service.actions.move_sessions import MOST_AT_ONCE, Outcome, move_sessions
from service.actions.publish_flow import FlowState, approve_flow, flow_states, publish_flow, withdraw_approval
from service.commands.surroundings import CLOCK, UserError, add_organization_option, opened, organization, settings
from service.content import load_cases, load_content, load_flows, load_lexicon, load_tables, load_wording, read_flows
from service.db.database import Database
from service.db.staff import member_named
from service.domain.staff import Staff
from service.engine import Flow
from service.engine.cases import Ears

SHOWN = 12
"""Letters of a content hash that are shown."""
MOST_LINES = 200
"""Conversations of which the preview prints a line each; all are counted."""


def add_version_parsers(inner: Any) -> None:
    """Declares the commands below `rounds flows`."""
    listing = inner.add_parser(
        "list",
        help="every flow file, its version, who approved it, and which version runs",
        description="Lists the flow files: version, approval, review date, which version new check-ins get, and what runs on others.",
    )
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
        description="Records the approval of exactly the content that --version names; patients enrolled in it get it from then on. "
        "Its cases are played first: a version whose cases do not come out, or with a source that is not known, is refused.",
    )
    approve.add_argument("flow", metavar="FLOW", help="such as heart_failure/daily")
    approve.add_argument("--version", required=True, metavar="HASH", help="the version as `rounds flows list` shows it")
    approve.add_argument("--clinician", required=True, metavar="NAME", help="the clinician who has read it: name or e-mail address")
    add_organization_option(approve)
    approve.set_defaults(run=approve_version)
    withdraw = inner.add_parser(
        "withdraw",
        help="take the approval of a check-in back",
        description="Withdraws every approval of the flow: no new check-in of it starts until a version is approved again. Those under way "
        "go on.",
    )
    withdraw.add_argument("flow", metavar="FLOW", help="such as heart_failure/daily")
    withdraw.add_argument("--clinician", required=True, metavar="NAME", help="the clinician who withdraws it: name or e-mail address")
    withdraw.add_argument("--reason", required=True, metavar="TEXT", help="why")
    add_organization_option(withdraw)
    withdraw.set_defaults(run=withdraw_flow)
    _add_move(inner)


def _add_move(inner: Any) -> None:
    move = inner.add_parser(
        "move",
        help="move check-ins under way to another version",
        description="A check-in stays on the version it began with. This moves those under way to another one, for all patients or the "
        "named ones. What they have told is judged by the new version at once. Look at the --preview first.",
    )
    move.add_argument("flow", metavar="FLOW", help="such as heart_failure/daily")
    move.add_argument("--to", required=True, metavar="HASH", help="the version as `rounds flows list` shows it")
    move.add_argument("--patients", metavar="N,N", help="only these, by record number")
    whose = move.add_mutually_exclusive_group(required=True)
    whose.add_argument("--preview", action="store_true", help="say what would happen, change nothing")
    whose.add_argument("--by", metavar="NAME", help="the member of staff (name or e-mail address) whose decision it is")
    add_organization_option(move)
    move.set_defaults(run=move_check_ins)


async def list_flows(arguments: argparse.Namespace) -> None:
    """Prints each flow file with its state."""
    files = load_flows()
    async with opened(settings()) as database:
        owner = await organization(database, arguments.organization)
        for state in await flow_states(database, owner.id, files):
            for line in state_lines(state):
                print(line)


def state_lines(state: FlowState) -> list[str]:
    """A line for the flow, and one for each thing that asks for attention."""
    lines = [f"{state.key}  {state.version[:SHOWN]}  {_standing(state)}, review by {state.review_by}  ({state.title})"]
    if state.runs and state.runs != state.version:
        lines.append(f"    new check-ins get another version: {state.runs[:SHOWN]}")
    if not state.runs and state.published:
        lines.append("    no check-in of it starts: no approval stands")
    if state.review_by < CLOCK.now().date():
        lines.append("    its review date has passed: review it and approve a new version")
    for version, number in state.others_under_way.items():
        lines.append(f"    {number} check-in{'s' if number != 1 else ''} under way on version {version[:SHOWN]}")
    return lines


def _standing(state: FlowState) -> str:
    if state.approved_by:
        names = ", ".join(f"{one.clinician} on {one.approved_at:%Y-%m-%d}" for one in state.approvals if one.stands)
        return f"approved by {names}"
    if state.approvals:
        last = state.approvals[-1]
        return f"approval withdrawn by {last.withdrawn_by} on {last.withdrawn_at:%Y-%m-%d} ({last.reason})"
    return "published, not approved" if state.published else "draft"


async def publish_flows(arguments: argparse.Namespace) -> None:
    """Publishes the named flows, or all; none while a file has a mistake, such as a text that a language lacks. All are printed."""
    read = read_flows()
    for error in read.errors:
        print(error)
    if read.errors:
        raise UserError(f"{len(read.errors)} mistake{'s' if len(read.errors) != 1 else ''} in the flow files: nothing was published")
    files = read.flows
    chosen = [_flow(key, files) for key in arguments.flow] or list(files.values())
    async with opened(settings()) as database:
        owner = await organization(database, arguments.organization)
        for flow in chosen:
            await publish_flow(database, owner.id, flow, CLOCK.now())
            print(f"{flow.key}  {flow.version[:SHOWN]}  published")


async def approve_version(arguments: argparse.Namespace) -> None:
    """Records the approval."""
    words = load_wording()
    flow = _flow(arguments.flow, load_flows())
    ears = Ears(load_lexicon(), load_tables(), words)
    async with opened(settings()) as database:
        owner = await organization(database, arguments.organization)
        await approve_flow(
            database,
            owner.id,
            flow,
            version=arguments.version,
            clinician=await _member(database, owner.id, arguments.clinician, "--clinician"),
            cases=load_cases(flow.key),
            ears=ears,
            now=CLOCK.now(),
        )
    print(f"{flow.key}  {flow.version[:SHOWN]}  approved")


async def withdraw_flow(arguments: argparse.Namespace) -> None:
    """Records the withdrawal."""
    async with opened(settings()) as database:
        owner = await organization(database, arguments.organization)
        clinician = await _member(database, owner.id, arguments.clinician, "--clinician")
        await withdraw_approval(database, owner.id, arguments.flow, clinician=clinician, reason=arguments.reason, now=CLOCK.now())
    print(f"{arguments.flow}  approval withdrawn: no new check-in starts, those under way go on")


async def move_check_ins(arguments: argparse.Namespace) -> None:
    """Moves, or says what a move would do; a line for each check-in and the sum."""
    config, content = settings(), load_content()
    knowledge = Knowledge(
        content.lexicon, content.tables, content.wording, config.public_base_url, content.follow_through, content.opening, content.law
    )
    async with opened(config) as database:
        owner = await organization(database, arguments.organization)
        by = None if arguments.preview else (await _member(database, owner.id, arguments.by, "--by")).id
        outcomes = await move_sessions(
            database,
            knowledge,
            owner.id,
            arguments.flow,
            version=arguments.to,
            by=by,
            now=CLOCK.now(),
            record_numbers=arguments.patients.split(",") if arguments.patients is not None else None,
            is_demo=owner.is_demo,
        )
    for outcome in outcomes[:MOST_LINES]:
        print(outcome_line(outcome, preview=arguments.preview))
    if len(outcomes) > MOST_LINES:
        print(f"... and {len(outcomes) - MOST_LINES} more")
    print(_sum(outcomes, preview=arguments.preview))


def outcome_line(outcome: Outcome, *, preview: bool) -> str:
    """What became of one check-in: the patient by record number, the open question, what counts, what is asked anew, what fires."""
    who = f"patient {outcome.record_number or outcome.patient_id}"
    if outcome.moved is None:
        return f"{who}  stays: {outcome.refused}"
    moved = outcome.moved
    parts = [f"{who}  {'would move' if preview else 'moved'}", f"waits at {outcome.step}{', in other words now' if moved.reworded else ''}"]
    parts += [f"answered {', '.join(moved.kept)}"] if moved.kept else []
    parts += [f"asks anew {', '.join(moved.asked_anew)}"] if moved.asked_anew else []
    parts += [f"no longer asks {', '.join(moved.gone)}"] if moved.gone else []
    parts += [f"RAISES {flag.fired.urgency}: {flag.fired.reason} ({flag.fired.rule})" for flag in moved.red_flags]
    return "; ".join(parts)


def _sum(outcomes: list[Outcome], *, preview: bool) -> str:
    went = [outcome.moved for outcome in outcomes if outcome.moved is not None]
    urgencies = Counter(str(flag.fired.urgency) for moved in went for flag in moved.red_flags)
    raised = ", ".join(f"{number} {urgency}" for urgency, number in sorted(urgencies.items())) or "no red flag"
    more = f" At most {MOST_AT_ONCE} at once: run it again for the others." if len(outcomes) >= MOST_AT_ONCE else ""
    done, are = ("would move", "would be raised") if preview else ("moved", "raised")
    return f"{len(went)} {done}, {len(outcomes) - len(went)} as before; {raised} {are}.{more}"


async def _member(database: Database, organization_id: UUID, who: str, option: str) -> Staff:
    async with database.reading() as connection:
        found = await member_named(connection, organization_id, who)
    if found is None:
        raise UserError(f"{option} names no member of staff, or several: write the e-mail address (`rounds staff add` adds somebody)")
    return found


def _flow(key: str, files: Any) -> Flow:
    if key not in files:
        raise UserError(f"there is no flow {key}; there are: {', '.join(sorted(files))}")
    flow: Flow = files[key]
    return flow
