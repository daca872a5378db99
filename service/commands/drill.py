"""rounds drill run|list|plan: words of danger from an invented patient, and how soon people and patient were reached."""

from __future__ import annotations

import argparse
import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from service.commands.surroundings import CLOCK, UserError, add_organization_option, opened, organization, settings, value
from service.db import clinic, drills
from service.db.changes import Changes
from service.db.clinic import OrganizationRow
from service.db.database import Database
from service.db.drills import Drill
from service.domain.drill import WITHIN, Station, next_moment, seconds, why_not_plan
from service.domain.registration import parse_wall_time
from service.domain.schedule import to_local

LOOK_EVERY_SECONDS = 1.0
NOT_BEGUN_AFTER_SECONDS = 60
"""A running service looks for drills every two seconds."""
MOST_LISTED = 20
WHAT = {
    Station.SAID: "words of danger put in",
    Station.RAISED: "item opened",
    Station.ANSWERED: "safety text handed to the provider",
    Station.HEARD: "safety text with the patient",
    Station.PAGED: "first page handed to the provider",
    Station.ACKNOWLEDGED: "acknowledged",
    Station.FOLLOWED: "the patient's answer taken in",
}


def add_parsers(commands: Any) -> None:
    """Declares the commands."""
    what = "drill a team: words of danger from an invented patient, to whoever is on call now"
    inner = commands.add_parser("drill", help=what, description=what.capitalize() + ".").add_subparsers(
        dest="command", required=True, metavar="COMMAND"
    )
    run = inner.add_parser(
        "run",
        help="drill a team now and tell how soon each step came",
        description="Drills a team now: the people on call are really paged, and asked to acknowledge. Needs `rounds serve` running.",
    )
    run.add_argument("--team", required=True, metavar="NAME")
    run.add_argument("--no-wait", action="store_true", help="only begin it; `rounds drill list` tells how it went")
    add_organization_option(run)
    run.set_defaults(run=run_drill)
    listed = inner.add_parser("list", help="the last drills and what each missed", description="The last drills, newest first.")
    add_organization_option(listed)
    listed.set_defaults(run=run_list)
    plan = inner.add_parser(
        "plan",
        help="drill a team unannounced, again and again",
        description="Drills a team about every so many days, at a moment that nobody can foretell. A drill that fails raises an alarm.",
    )
    plan.add_argument("--team", required=True, metavar="NAME")
    how = plan.add_mutually_exclusive_group(required=True)
    how.add_argument("--every", type=int, metavar="DAYS", help="1 to 92")
    how.add_argument("--stop", action="store_true", help="drill it only when somebody asks")
    plan.add_argument("--from", dest="starts", type=value(parse_wall_time), default=parse_wall_time("09:00"), metavar="HH:MM")
    plan.add_argument("--until", dest="ends", type=value(parse_wall_time), default=parse_wall_time("17:00"), metavar="HH:MM")
    add_organization_option(plan)
    plan.set_defaults(run=run_plan)


async def run_drill(arguments: argparse.Namespace) -> None:
    """Begins a drill and waits for its end. Raises UserError when it fails, or when no service takes it up."""
    async with opened(settings()) as database:
        owner = await organization(database, arguments.organization)
        team_id = await _team(database, owner, arguments.team)
        changes = Changes(CLOCK.now())
        id = drills.plan(changes, owner.id, team_id, changes.now, unannounced=False)
        async with database.transaction() as connection:
            await changes.write(connection)
        if arguments.no_wait:
            print(
                "The drill begins within seconds while the service runs, half an hour later while an emergency of the team has no nurse. "
                "See how it goes with: rounds drill list"
            )
            return
        print(f'Drilling team "{arguments.team}": whoever is on call is paged now. Ctrl-C ends the waiting, not the drill.', flush=True)
        drill = await _watched(database, id)
    print(_told(drill))
    if drill.result != "passed":
        raise UserError(f"the drill failed: {WHAT[Station(drill.missed)]} did not happen in time")


async def _watched(database: Database, id: Any) -> Drill:
    """Waits for the drill's end."""
    began = asyncio.get_running_loop().time()
    while True:
        async with database.reading() as connection:
            drill = await drills.get(connection, id)
        if drill is None:
            raise UserError("the drill is gone from the database")
        if drill.ended_at is not None:
            return drill
        if drill.began_at is None and drill.due_at > CLOCK.now():
            raise UserError("the team has an emergency that nobody has taken, or another drill runs: this one begins in half an hour")
        if drill.began_at is None and asyncio.get_running_loop().time() - began > NOT_BEGUN_AFTER_SECONDS:
            raise UserError("nobody takes the drill up: is `rounds serve` running with this database?")
        await asyncio.sleep(LOOK_EVERY_SECONDS)


def _told(drill: Drill) -> str:
    """The drill's stations with the seconds from its begin."""
    taken = seconds(drill.reached, drill.began_at or drill.due_at)
    lines = []
    for station in Station:
        how = f" by {drill.acknowledged_how}" if station is Station.ACKNOWLEDGED and drill.acknowledged_how else ""
        when = f"{taken[station]:8.1f} s" if station in taken else "     never"
        lines.append(f"{when}  {WHAT[station]}{how} (at most {WITHIN[station].total_seconds():.0f} s)")
    return "\n".join(lines)


async def run_list(arguments: argparse.Namespace) -> None:
    """Prints the last drills."""
    async with opened(settings()) as database:
        owner = await organization(database, arguments.organization)
        async with database.reading() as connection:
            found = await drills.lately(connection, owner.id, MOST_LISTED)
    if not found:
        print("No drill yet: `rounds drill run --team NAME` drills a team now.")
    for drill in found:
        print(_line(drill, owner.zone))


def _line(drill: Drill, zone: str) -> str:
    at = to_local(drill.began_at or drill.due_at, zone)
    taken = seconds(drill.reached, drill.began_at) if drill.began_at is not None else {}
    told = ", ".join(f"{station} {taken[station]:.0f} s" for station in _SHOWN if station in taken)
    kind = "unannounced" if drill.unannounced else "asked for"
    end = drill.result or ("under way" if drill.began_at is not None else "due")
    missed = f" (missed: {WHAT[Station(drill.missed)]})" if drill.missed else ""
    return f"{at:%Y-%m-%d %H:%M}  {drill.team}  {kind}  {end}{missed}{'  ' + told if told else ''}"


_SHOWN = (Station.RAISED, Station.ANSWERED, Station.PAGED, Station.ACKNOWLEDGED, Station.HEARD, Station.FOLLOWED)


async def run_plan(arguments: argparse.Namespace) -> None:
    """Sets or ends a team's plan."""
    async with opened(settings()) as database:
        owner = await organization(database, arguments.organization)
        team_id = await _team(database, owner, arguments.team)
        if arguments.stop:
            await _in_transaction(database, lambda connection: drills.stop_plan(connection, team_id))
            print("The team is drilled only when somebody asks for it.")
            return
        if problem := why_not_plan(arguments.every, arguments.starts, arguments.ends):
            raise UserError(problem)
        now = CLOCK.now()
        first = _first(now, owner.zone, arguments)
        await _in_transaction(
            database,
            lambda connection: drills.set_plan(
                connection, owner.id, team_id, arguments.every, arguments.starts, arguments.ends, first, now
            ),
        )
    print(
        f"The team is drilled unannounced about every {arguments.every} days, between {arguments.starts:%H:%M} and {arguments.ends:%H:%M}."
    )


def _first(now: datetime, zone: str, arguments: argparse.Namespace) -> datetime:
    """Some day from tomorrow on: who has set it does not know the day either."""
    return next_moment(now, zone, random.randint(1, arguments.every), arguments.starts, arguments.ends, random.random())


async def _in_transaction(database: Database, what: Callable[[Any], Awaitable[None]]) -> None:
    async with database.transaction() as connection:
        await what(connection)


async def _team(database: Database, owner: OrganizationRow, name: str) -> Any:
    async with database.reading() as connection:
        known = await clinic.team_ids_by_name(connection, owner.id)
    if name not in known:
        raise UserError(f"--team: there is no team {name}; there are: {', '.join(sorted(known)) or 'none'}")
    return known[name]
