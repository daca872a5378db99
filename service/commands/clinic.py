"""rounds organization|team|staff add, staff paging: setting a clinic up."""

from __future__ import annotations

import argparse
import getpass
import sys
from typing import Any

from service.actions.add_organization import NewOrganization, add_organization
from service.actions.add_staff import add_staff
from service.actions.add_team import add_team
from service.actions.passwords import LONGEST, SHORTEST
from service.actions.set_staff_paging import PAGED_BY, set_staff_paging
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
from service.db.staff import member_named
from service.domain.registration import parse_wall_time
from service.domain.schedule import QUIET_FROM, QUIET_UNTIL
from service.domain.staff import Role
from service.domain.staffed_hours import parse_hours


def add_parsers(commands: Any) -> None:
    """Declares the commands."""
    _add_organization_parser(commands)
    _add_team_parser(commands)
    _add_staff_parser(commands)


def _adding(commands: Any, noun: str, help: str, description: str) -> argparse.ArgumentParser:
    add: argparse.ArgumentParser = _group(commands, noun, help, description).add_parser("add", help=help, description=description)
    return add


def _group(commands: Any, noun: str, help: str, description: str) -> Any:
    return commands.add_parser(noun, help=help, description=description).add_subparsers(dest="command", required=True, metavar="COMMAND")


def _add_organization_parser(commands: Any) -> None:
    add = _adding(commands, "organization", "add a clinic", "Adds an organization: its zone, its numbers and its quiet hours.")
    add.add_argument("--name", required=True, help="as patients read it in texts")
    add.add_argument("--zone", required=True, help="its time zone, such as America/New_York")
    add.add_argument("--clinic-phone", required=True, type=phone_number, metavar="NUMBER", help="where patients call the clinic")
    add.add_argument(
        "--after-hours", required=True, type=phone_number, metavar="NUMBER", help="whom patients call while no nurse is on duty"
    )
    add.add_argument("--quiet-from", type=value(parse_wall_time), default=QUIET_FROM, metavar="HH:MM", help="begin of quiet hours (20:00)")
    add.add_argument("--quiet-until", type=value(parse_wall_time), default=QUIET_UNTIL, metavar="HH:MM", help="their end (09:00)")
    add.add_argument("--emergency-number", default="911", metavar="NUMBER", help="what patients dial in an emergency (911)")
    add.add_argument("--crisis-line", default="988", metavar="NUMBER", help="what they dial in a crisis (988)")
    add.add_argument("--sender", metavar="NUMBER", help="the number its texts come from, when not the one of the settings")
    add.set_defaults(run=run_add_organization)


def _add_team_parser(commands: Any) -> None:
    add = _adding(
        commands, "team", "add a team of nurses", "Adds a team: its staffed hours and the number that is texted for an emergency."
    )
    add.add_argument("--name", required=True)
    add.add_argument(
        "--on-call", required=True, type=phone_number, metavar="NUMBER", help="texted for an emergency until it is acknowledged"
    )
    add.add_argument(
        "--hours", required=True, type=value(parse_hours), help='when nurses are there: "mon-fri 08:00-18:00, sat 09:00-12:00" or "always"'
    )
    add_organization_option(add)
    add.set_defaults(run=run_add_team)


def _add_staff_parser(commands: Any) -> None:
    what = "add somebody who signs in"
    description = (
        "Adds a member of staff: nurses and supervisors work the queue of their teams, a clinician approves check-ins, an administrator "
        f"publishes them. Asks for a password ({SHORTEST} to {LONGEST} characters) unless it comes on standard input."
    )
    group = _group(commands, "staff", what, description)
    _add_paging_parser(group)
    add = group.add_parser("add", help=what, description=description)
    add.add_argument("--email", required=True)
    add.add_argument("--name", required=True)
    add.add_argument("--role", required=True, choices=[role.value for role in Role])
    add.add_argument("--team", action="append", default=[], metavar="NAME", help="whose patients they see; may be repeated")
    add.add_argument("--password-stdin", action="store_true", help="read the password from standard input, one line")
    add_organization_option(add)
    add.set_defaults(run=run_add_staff)


def _add_paging_parser(group: Any) -> None:
    paging = group.add_parser(
        "paging",
        help="where and how somebody is paged",
        description="Sets the number on which a nurse or supervisor is paged, how, and the PIN that a call asks for; asks for it (4 to "
        "8 digits, empty to keep the one there is) unless it comes on standard input.",
    )
    paging.add_argument("--who", required=True, metavar="EMAIL", help="address or name")
    paging.add_argument("--number", type=phone_number, metavar="NUMBER", help="none: they cannot be paged any more")
    paging.add_argument("--by", choices=PAGED_BY, default="both", help="below an emergency (both)")
    paging.add_argument("--pin-stdin", action="store_true", help="read the PIN from standard input, one line")
    add_organization_option(paging)
    paging.set_defaults(run=run_staff_paging)


async def run_staff_paging(arguments: argparse.Namespace) -> None:
    """Sets number, way and PIN."""
    config = settings()
    if arguments.pin_stdin:
        pin = sys.stdin.readline().strip()
        if not pin:
            raise UserError("there is no PIN on standard input: write it there as one line, or leave --pin-stdin out")
    else:
        pin = getpass.getpass("PIN: ") if sys.stdin.isatty() else ""
    async with opened(config) as database:
        owner = await organization(database, arguments.organization)
        async with database.reading() as connection:
            member = await member_named(connection, owner.id, arguments.who)
        if member is None:
            raise UserError("nobody, or more than one, has this address or name: give the e-mail address they sign in with")
        await set_staff_paging(database, member, phone=arguments.number, paged_by=arguments.by, pin=pin or None, now=CLOCK.now())
    kept = "The PIN is as it was: give one at a terminal, or by --pin-stdin."
    print(f"It was set. {'The PIN is new.' if pin else kept}" if arguments.number else "They are not paged any more.")


async def run_add_organization(arguments: argparse.Namespace) -> None:
    """Adds the organization."""
    config = settings()
    new = NewOrganization(
        name=" ".join(arguments.name.split()),
        zone=arguments.zone,
        clinic_phone=arguments.clinic_phone,
        after_hours_number=arguments.after_hours,
        quiet_start=arguments.quiet_from,
        quiet_end=arguments.quiet_until,
        emergency_number=arguments.emergency_number,
        crisis_line=arguments.crisis_line,
    )
    first = config.providers[0] if config.providers else None
    sender = arguments.sender or (first.sender if first is not None else "")
    async with opened(config) as database:
        await add_organization(database, new, provider=first.name if first is not None else "twilio", sender=sender, now=CLOCK.now())
    if sender:
        print("The organization was added.")
    else:
        print("The organization was added. It sends nothing until a provider and its sender are set, such as TWILIO_FROM.")


async def run_add_team(arguments: argparse.Namespace) -> None:
    """Adds the team."""
    async with opened(settings()) as database:
        owner = await organization(database, arguments.organization)
        name = " ".join(arguments.name.split())
        await add_team(database, owner.id, name=name, on_call_phone=arguments.on_call, hours=arguments.hours, now=CLOCK.now())
    print("The team was added.")


async def run_add_staff(arguments: argparse.Namespace) -> None:
    """Adds the member of staff."""
    config = settings()
    password = _password(from_stdin=arguments.password_stdin)
    async with opened(config) as database:
        owner = await organization(database, arguments.organization)
        await add_staff(
            database,
            owner.id,
            email=arguments.email,
            name=arguments.name,
            role=Role(arguments.role),
            team_names=arguments.team,
            password=password,
            now=CLOCK.now(),
        )
    print("The member of staff was added and can sign in.")


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise UserError("there is no terminal to ask for a password: use --password-stdin")
    first, second = getpass.getpass("Password: "), getpass.getpass("The same again: ")
    if first != second:
        raise UserError("the two passwords differ")
    return first
