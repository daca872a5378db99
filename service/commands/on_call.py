"""rounds rota|ladder|who|promises: who is on call, who would be paged, and whether what patients were told is kept."""

from __future__ import annotations

import argparse
import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from service.actions.add_page_number import add_page_number
from service.actions.change_rota import change_rota
from service.actions.set_ladder import set_ladder
from service.commands.surroundings import (
    CLOCK,
    UserError,
    add_organization_option,
    opened,
    organization,
    phone_number,
    settings,
    value,
)
from service.db import clinic, promises, rota
from service.db.clinic import OrganizationRow
from service.db.contexts import load_teams
from service.db.database import Database
from service.db.staff import member_named
from service.domain.ladder import DEFAULTS, Crew, Ladder, PageChannel, Planned, Rung, Whom, could_end_with_nobody, would_run
from service.domain.patient import due_at
from service.domain.phone_number import masked_phone_number
from service.domain.promise import PromiseState
from service.domain.rota import LastDay, RotaRole, RotaShift
from service.domain.schedule import to_local, to_utc
from service.domain.staffed_hours import parse_hours
from service.domain.urgency import Urgency

URGENCIES = [urgency.value for urgency in DEFAULTS]
_RUNG = re.compile(r"(-?\d{1,3}) (\S+(?: \S+)*) (text|call|text\+call)")
_WRITE_RUNG = (
    'is no rung: write minutes, whom, how, such as "0 on_call text+call", "5 staff:sol@example.org call", "10 number:Service text"'
)
WEEKS = 12


def add_parsers(commands: Any) -> None:
    """Declares the commands."""
    who = commands.add_parser(
        "who",
        help="who would be paged now",
        description="Shows the whole ladder as it would run from now (or --at): minute, role, person, channel, number, and every hole.",
    )
    who.add_argument("--team", metavar="NAME", help="one team; all of them without it")
    who.add_argument("--at", type=value(local_time), metavar='"YYYY-MM-DD HH:MM"', help="the organization's wall clock, instead of now")
    who.add_argument("--urgency", choices=URGENCIES, help="one urgency; all of them without it")
    add_organization_option(who)
    who.set_defaults(run=run_who)
    _add_rota_parsers(commands)
    _add_ladder_parsers(commands)
    told = commands.add_parser(
        "promises",
        help="what patients were told, and whether it was kept",
        description="Counts by week what patients were told about when a nurse answers: kept, renewed before it broke, broken.",
    )
    told.add_argument("--weeks", type=value(_weeks), default=WEEKS, metavar="N", help=f"how many weeks back ({WEEKS})")
    add_organization_option(told)
    told.set_defaults(run=run_promises)


def _add_rota_parsers(commands: Any) -> None:
    group = commands.add_parser(
        "rota", help="who is on call", description="The weekly pattern of who is on call; covers and swaps are made on the page."
    )
    group = group.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add = group.add_parser("add", help="add a weekly duty", description="Puts somebody on a team's weekly pattern, from a day until a day.")
    add.add_argument("--team", required=True, metavar="NAME")
    add.add_argument("--role", required=True, choices=[role.value for role in RotaRole])
    add.add_argument("--who", required=True, metavar="EMAIL", help="address or name")
    add.add_argument(
        "--hours", required=True, type=value(parse_hours), help='"mon-fri 08:00-18:00", "fri 18:00-08:00" (overnight) or "always"'
    )
    add.add_argument("--from", dest="valid_from", type=value(_day), metavar="YYYY-MM-DD", help="first day (today)")
    add.add_argument("--until", dest="valid_until", type=value(_day), metavar="YYYY-MM-DD", help="last day (none)")
    add_organization_option(add)
    add.set_defaults(run=run_rota_add)
    end = group.add_parser(
        "end",
        help="end somebody's weekly duties",
        description="Takes somebody off a team's weekly pattern after a day, such as who leaves. The times left without anybody are a gap.",
    )
    end.add_argument("--team", required=True, metavar="NAME")
    end.add_argument("--who", required=True, metavar="EMAIL", help="address or name")
    end.add_argument("--role", choices=[role.value for role in RotaRole], help="of one role; all without it")
    end.add_argument("--until", type=value(_day), metavar="YYYY-MM-DD", help="last day on which a duty begins (today)")
    add_organization_option(end)
    end.set_defaults(run=run_rota_end)


def _add_ladder_parsers(commands: Any) -> None:
    group = commands.add_parser(
        "ladder", help="whom to page, and when", description="Whom a team's items page, after how many minutes and how."
    )
    group = group.add_subparsers(dest="command", required=True, metavar="COMMAND")
    put = group.add_parser(
        "set", help="set a ladder", description="Replaces the ladder of a team and urgency. Items that climb already keep theirs."
    )
    put.add_argument("--team", required=True, metavar="NAME")
    put.add_argument("--urgency", required=True, choices=URGENCIES)
    put.add_argument("--rung", required=True, action="append", type=value(_rung_words), metavar='"MINUTES WHOM HOW"', help=_WRITE_RUNG[11:])
    put.add_argument("--repeat", type=int, default=5, metavar="MINUTES", help="after the last rung, until the ladder begins again (5)")
    add_organization_option(put)
    put.set_defaults(run=run_ladder_set)
    number = group.add_parser(
        "number", help="add a number to page", description="A further number of a team, such as an answering service."
    )
    number.add_argument("--team", required=True, metavar="NAME")
    number.add_argument("--name", required=True, help="what rungs call it")
    number.add_argument("--number", required=True, type=phone_number, metavar="NUMBER")
    add_organization_option(number)
    number.set_defaults(run=run_ladder_number)


async def run_who(arguments: argparse.Namespace) -> None:
    """Prints every ladder asked for."""
    async with opened(settings()) as database:
        owner = await organization(database, arguments.organization)
        at = to_utc(arguments.at.date(), arguments.at.time(), owner.zone) if arguments.at else CLOCK.now()
        chosen = [await _team(database, owner, arguments.team)] if arguments.team else None
        async with database.reading() as connection:
            crews = await rota.crews(connection, chosen or await rota.team_ids(connection, owner.id), at)
            teams = await load_teams(connection, set(crews), at)
    for crew in sorted(crews.values(), key=lambda one: one.name):
        for urgency in [Urgency(arguments.urgency)] if arguments.urgency else DEFAULTS:
            print(f"{crew.name}, {urgency.value.replace('_', ' ')}, opened {to_local(at, owner.zone):%Y-%m-%d %H:%M}")
            for line in ladder_lines(would_run(crew, urgency, at, due_at(teams[crew.team_id], urgency, at)), owner.zone):
                print(f"  {line}")
            if why := could_end_with_nobody(crew, urgency):
                print(f"  WARNING: {why}")
            print()


def ladder_lines(run: list[Planned], zone: str) -> list[str]:
    """Each rung in words: minute, wall clock, role, people with channel and the last digits of their number, and what is missing."""
    lines = []
    for one in run:
        head = f"{one.minutes:+4d} min  {to_local(one.at, zone):%a %H:%M}  {one.rung.whom.value.replace('_', ' '):10}"
        for target in one.reach.targets:
            how = " + ".join(channel.value for channel in target.by)
            lines.append(f"{head}  {target.name} ({target.role.value.replace('_', ' ')}), {how}, {masked_phone_number(target.phone)}")
        if not one.reach.targets:
            lines.append(f"{head}  NOBODY")
        if one.reach.hole:
            lines.append(f"{'':10}WARNING: {one.reach.hole}")
    return lines


async def run_rota_add(arguments: argparse.Namespace) -> None:
    """Adds one duty for each period of the hours."""
    async with opened(settings()) as database:
        owner = await organization(database, arguments.organization)
        team_id = await _team(database, owner, arguments.team)
        async with database.reading() as connection:
            member = await member_named(connection, owner.id, arguments.who)
        if member is None:
            raise UserError("nobody, or more than one, has this address or name: give the e-mail address they sign in with")
        first = arguments.valid_from or to_local(CLOCK.now(), owner.zone).date()
        role = RotaRole(arguments.role)
        duties = [RotaShift(role, member.id, one.weekday, one.start, one.end, first, arguments.valid_until) for one in arguments.hours]
        await change_rota(database, team_id, [*duties], CLOCK.now())
    print(f"{member.name} is on the rota. See who would be paged with: rounds who")


async def run_rota_end(arguments: argparse.Namespace) -> None:
    """Ends the duties, also of somebody who can sign in no more."""
    async with opened(settings()) as database:
        owner = await organization(database, arguments.organization)
        team_id = await _team(database, owner, arguments.team)
        async with database.reading() as connection:
            member = await member_named(connection, owner.id, arguments.who, disabled_too=True)
        if member is None:
            raise UserError("nobody, or more than one, has this address or name: give the e-mail address they sign in with")
        last = arguments.until or to_local(CLOCK.now(), owner.zone).date()
        role = RotaRole(arguments.role) if arguments.role else None
        await change_rota(database, team_id, [LastDay(member.id, last, role)], CLOCK.now())
    print(f"{member.name}: no such duty begins after {last}. Look for gaps on the rota page, and who would be paged with: rounds who")


async def run_ladder_set(arguments: argparse.Namespace) -> None:
    """Sets the ladder."""
    urgency = Urgency(arguments.urgency)
    async with opened(settings()) as database:
        owner = await organization(database, arguments.organization)
        team_id = await _team(database, owner, arguments.team)
        async with database.reading() as connection:
            crew = (await rota.crews(connection, [team_id], CLOCK.now()))[team_id]
            rungs = tuple([await _rung(connection, crew, words) for words in arguments.rung])
        from_due = urgency is Urgency.SAME_DAY
        await set_ladder(database, team_id, urgency, Ladder(rungs, 0 if from_due else arguments.repeat, from_due), CLOCK.now())
    print("The ladder was set. See how it would run with: rounds who")


async def run_ladder_number(arguments: argparse.Namespace) -> None:
    """Adds the number."""
    async with opened(settings()) as database:
        owner = await organization(database, arguments.organization)
        team_id = await _team(database, owner, arguments.team)
        await add_page_number(database, team_id, " ".join(arguments.name.split()), arguments.number, CLOCK.now())
    print("The number was added. Name it on a rung with: rounds ladder set")


async def run_promises(arguments: argparse.Namespace) -> None:
    """Prints a line a week, newest first."""
    async with opened(settings()) as database:
        owner = await organization(database, arguments.organization)
        now = CLOCK.now()
        async with database.reading() as connection:
            told = await promises.made_since(connection, owner.id, now - timedelta(weeks=arguments.weeks))
    by_week: dict[date, Counter[PromiseState]] = {}
    for one in told:
        day = to_local(one.made_at, owner.zone).date()
        by_week.setdefault(day - timedelta(days=day.weekday()), Counter())[one.state] += 1
    if not by_week:
        print("No promise was made in this time.")
        return
    print("week of       kept  renewed  broken    open    void")
    for week, counts in sorted(by_week.items(), reverse=True):
        row = [
            counts[state] for state in (PromiseState.KEPT, PromiseState.RENEWED, PromiseState.BROKEN, PromiseState.OPEN, PromiseState.VOID)
        ]
        print(f"{week}  {row[0]:6}  {row[1]:7}  {row[2]:6}  {row[3]:6}  {row[4]:6}")


async def _team(database: Database, owner: OrganizationRow, name: str) -> UUID:
    async with database.reading() as connection:
        known = await clinic.team_ids_by_name(connection, owner.id)
    if name not in known:
        raise UserError(f"there is no team of this name; teams: {', '.join(known) or 'none yet'}")
    return known[name]


async def _rung(connection: Any, crew: Crew, words: tuple[int, str, tuple[PageChannel, ...]]) -> Rung:
    minutes, whom, by = words
    kind, _, name = whom.partition(":")
    if kind == Whom.STAFF.value and name:
        member = await member_named(connection, crew.organization_id, name)
        if member is None:
            raise UserError(f'nobody, or more than one, is called "{name}"')
        return Rung(minutes, Whom.STAFF, by, member.id)
    if kind == Whom.NUMBER.value and name:
        found = next((id for id, (known, _) in crew.numbers.items() if known == name), None)
        if found is None:
            names = ", ".join(known for known, _ in crew.numbers.values()) or "none yet (rounds ladder number)"
            raise UserError(f'the team has no number called "{name}"; there are: {names}')
        return Rung(minutes, Whom.NUMBER, by, found)
    if whom not in [role.value for role in RotaRole]:
        raise UserError(f'"{whom[:40]}" is nobody: write on_call, backup, supervisor, staff:ADDRESS or number:NAME')
    return Rung(minutes, Whom(whom), by)


def _rung_words(text: str) -> tuple[int, str, tuple[PageChannel, ...]]:
    match = _RUNG.fullmatch(" ".join(text.split()))
    if match is None:
        raise ValueError(_WRITE_RUNG)
    return int(match[1]), match[2], tuple(PageChannel(one) for one in match[3].split("+"))


def local_time(text: str) -> datetime:
    """A wall clock time from "2026-12-25 03:00", naive. ValueError says what to write."""
    try:
        found = datetime.strptime(" ".join(text.replace("T", " ").split()), "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
    except ValueError:
        raise ValueError('is no time: write it as "2026-12-25 03:00"') from None
    return found.replace(tzinfo=None)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("is no day: write it as 2026-12-25") from None


def _weeks(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 520):
        raise ValueError("is no number of weeks: write 1 to 520")
    return int(text)
