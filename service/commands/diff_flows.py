"""rounds flows diff: what two versions of a flow say otherwise, and what a change would have changed in check-ins of the past."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from service.actions.find_flow_version import FILE, PUBLISHED, find_flow_version, flow_of_version
from service.actions.read_past_check_ins import MOST, Chosen, choose_past_check_ins, read_past_check_ins
from service.commands.surroundings import CLOCK, UserError, add_organization_option, opened, organization, settings, value
from service.content import FlowFiles, load_lexicon, load_tables, load_wording, read_flows
from service.db.database import Database
from service.engine import Flow
from service.engine.cases import Ears
from service.evaluation.flows.history import Change, Comparison, Way, compare
from service.evaluation.flows.retrace import Hearing
from service.evaluation.flows.side_by_side import differences

SHOWN = 12
"""Letters of a content hash that are shown."""
LIMIT = 5_000
"""Check-ins that are replayed unless --limit says otherwise."""
DAYS = 30
"""How far back, unless --since says otherwise."""
STORED = "stored"
_NEW_SIDE = {Way.APPEARS: "would appear", Way.VANISHES: "would vanish", Way.RISES: "more urgent", Way.FALLS: "less urgent"}


@dataclass(frozen=True, slots=True)
class _Sides:
    """What is compared: two versions of a flow, or (without them) what was stored with what today's program makes of it."""

    key: str
    versions: tuple[Flow, Flow] | None
    names: tuple[str, str]


def add_parser(inner: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declares the command."""
    parser = inner.add_parser(
        "diff",
        help="what two versions of a flow say otherwise, and what the change would have changed in past check-ins",
        description="Compares two versions of a flow: steps, texts, thresholds. With --history it replays past check-ins on both with "
        "today's reader, rules and engine, and lists every item for a nurse that would appear, vanish or change its urgency.",
    )
    parser.add_argument(
        "what",
        nargs="+",
        metavar="FLOW [OLD NEW]",
        help=f"the flow, such as heart_failure/daily, and two versions: letters of the hash as `rounds flows list` shows it, {FILE} "
        f"(as the file stands) or {PUBLISHED} (what new check-ins get). Without versions: {PUBLISHED} and {FILE}. Where a hash is given, "
        "the flow need not be named",
    )
    parser.add_argument("--history", action="store_true", help="replay past check-ins")
    parser.add_argument(
        "--against", choices=(STORED,), help="with a flow alone: compare what was raised then with what today's program would raise"
    )
    parser.add_argument(
        "--since", type=value(date.fromisoformat), metavar="DATE", help=f"from this day on (2026-10-01); {DAYS} days otherwise"
    )
    parser.add_argument("--limit", type=int, default=LIMIT, metavar="N", help=f"the newest N check-ins at most ({LIMIT:,})")
    add_organization_option(parser)
    parser.set_defaults(run=diff_flows)


async def diff_flows(arguments: argparse.Namespace) -> None:
    """Prints the differences of the versions, or with --history (or --against) those in past check-ins."""
    files = read_flows()
    async with opened(settings()) as database:
        owner = await organization(database, arguments.organization)
        sides = await _sides(database, owner.id, arguments, files)
        print(f"{sides.key}: {sides.names[0]} -> {sides.names[1]}")
        if not (arguments.history or arguments.against):
            _print_versions(sides)
            return
        now = CLOCK.now()
        since = datetime.combine(arguments.since, time(), UTC) if arguments.since else now - timedelta(days=DAYS)
        chosen = await choose_past_check_ins(database, owner.id, sides.key, since=since, until=now, limit=arguments.limit)
        comparison = await _replayed(database, chosen, sides, now)
    for line in history_lines(comparison, chosen, since, sides.versions is not None):
        print(line)


async def _sides(database: Database, organization_id: UUID, arguments: argparse.Namespace, files: FlowFiles) -> _Sides:
    """What the arguments name. Raises UserError, Refused."""
    key, names = _named(arguments.what)
    if arguments.against:
        if key is None or names:
            raise UserError(f"--against {STORED} takes a flow alone, such as `rounds flows diff heart_failure/daily --against {STORED}`")
        return _Sides(key, None, ("as it was stored", "as today's program would have it"))
    if key is None:
        key = await _flow_of(database, organization_id, names, files)
    for error in files.errors:
        if FILE in names and error.file == f"{key}.yaml":
            raise error
    if len(names) not in (0, 2):
        raise UserError(f"name two versions, the old one and the new one, or none for {PUBLISHED} and {FILE}")
    old, new = names or (PUBLISHED, FILE)
    versions = [await find_flow_version(database, organization_id, key, name, files.flows.get(key)) for name in (old, new)]
    labels = [
        f"{flow.version[:SHOWN]}{f' ({name})' if name in (FILE, PUBLISHED) else ''}"
        for flow, name in zip(versions, (old, new), strict=True)
    ]
    return _Sides(key, (versions[0], versions[1]), (labels[0], labels[1]))


def _named(what: list[str]) -> tuple[str | None, list[str]]:
    return (what[0], what[1:]) if "/" in what[0] else (None, what)


async def _flow_of(database: Database, organization_id: UUID, names: list[str], files: FlowFiles) -> str:
    for name in names:
        if name in (FILE, PUBLISHED):
            continue
        key = await flow_of_version(database, organization_id, name)
        found = {key} if key else {flow.key for flow in files.flows.values() if flow.version.startswith(name)}
        if len(found) == 1:
            return found.pop()
    raise UserError("name the flow first, such as `rounds flows diff heart_failure/daily published file`")


def _print_versions(sides: _Sides) -> None:
    if sides.versions is None:
        return
    found = differences(*sides.versions)
    for one in found:
        print(f"\n{one.where}{'' if one.language == 'en' else f' ({one.language})'}")
        for sign, text in (("-", one.before), ("+", one.now)):
            if text:
                print(f"  {sign} {text}")
    print(f"\n{_number(len(found), 'part')} of what is asked, told and judged {'differs' if len(found) == 1 else 'differ'}")


async def _replayed(database: Database, chosen: Chosen, sides: _Sides, now: datetime) -> Comparison:
    """Replays in a thread, batch by batch, with a line of progress on stderr."""
    hearing = Hearing(await asyncio.to_thread(lambda: Ears(load_lexicon(), load_tables(), load_wording())))
    comparison = Comparison()
    done = 0
    async for batch in read_past_check_ins(database, chosen, now):
        await asyncio.to_thread(compare, comparison, batch.check_ins, batch.own, hearing, sides.versions)
        _progress(done, done + len(batch.check_ins), len(chosen.ids))
        done += len(batch.check_ins)
    return comparison


def _progress(before: int, done: int, total: int) -> None:
    last = done >= total
    if sys.stderr.isatty():
        print(f"\r{done:,} of {total:,} check-ins replayed", end="\n" if last else "", file=sys.stderr, flush=True)
    elif last or before // 1_000 < done // 1_000:
        print(f"{done:,} of {total:,} check-ins replayed", file=sys.stderr, flush=True)


def history_lines(comparison: Comparison, chosen: Chosen, since: datetime, of_versions: bool) -> Iterator[str]:
    """The summary, the rules that differ, and every difference; ids only, no name and no words of a patient."""
    one = comparison
    newest = f" (the newest of {chosen.there_are:,}; --limit up to {MOST:,})" if chosen.there_are > len(chosen.ids) else ""
    yield f"{_number(one.check_ins, 'check-in')} of {_number(len(one.patients), 'patient')} since {since:%Y-%m-%d}{newest}"
    if one.failed:
        yield f"{_number(one.failed, 'check-in')} could not be replayed and are in no count below"
    yield (
        f"{one.same:,} the same. {one.newly:,} would newly call a nurse, {one.no_more:,} would no longer, {one.higher:,} would be "
        f"more urgent, {one.lower:,} less urgent"
    )
    yield from _rule_lines(one)
    yield from _remarks(one, of_versions)
    if one.changes:
        yield "\nday         check-in                              what          old -> new urgency, rule: reason"
    for change in sorted(one.changes, key=lambda change: change.started_at):
        yield change_line(change)
    if one.not_listed:
        yield f"... and {one.not_listed:,} more"


def _rule_lines(one: Comparison) -> Iterator[str]:
    if not one.by_rule:
        return
    yield f"\n{'items':<60}{'appear':>8}{'vanish':>8}{'rise':>8}{'fall':>8}"
    for rule, ways in [*one.rules(), ("all", one.ways())]:
        yield f"{rule:<60}" + "".join(f"{ways[way]:>8,}" for way in Way)


def _remarks(one: Comparison, of_versions: bool) -> Iterator[str]:
    yield ""
    for step, number in one.not_asked.most_common():
        yield f"The new version asks {step}, which nobody was asked in {_number(number, 'check-in')}: what it would raise cannot be told"
    if one.not_heard:
        yield f"{_number(one.not_heard, 'reply', 'replies')} answered questions that the new version does not ask"
    if one.inexact:
        yield f"{_number(one.inexact, 'check-in')} could not be gone through step by step as they were (marked ~)"
    rebuilt = one.check_ins - one.as_it_was
    if rebuilt:
        yield (
            f"Conditions, medicines, limits and risk: as kept with an item in {one.as_it_was:,}, as the record has them today in "
            f"{rebuilt:,}; hours of duty are today's"
        )
    if of_versions and one.kept_otherwise:
        yield (
            f"Besides, {one.kept_otherwise:,} items differ from the {one.kept:,} that were raised then, by changes of the program and its "
            f"tables: see --against {STORED}"
        )


def change_line(change: Change) -> str:
    """One difference: day, check-in, what becomes of the item, both urgencies, rule and reason."""
    mark = " " if change.exact else "~"
    urgencies = f"{change.old or 'none'} -> {change.new or 'none'}"
    return f"{change.local_date} {mark}{change.check_in}  {_NEW_SIDE[change.way]:<12}  {urgencies}, {change.rule}: {change.reason}"


def _number(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
