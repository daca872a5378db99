"""rounds sender list|set|back|remove: the numbers that texts and calls go out by, and what each may carry."""

from __future__ import annotations

import argparse
from typing import Any

from service.actions.remove_sender import remove_sender
from service.actions.return_sender import return_sender
from service.actions.set_sender import Limits, set_sender
from service.commands.surroundings import CLOCK, UserError, add_organization_option, opened, organization, settings
from service.db import senders
from service.domain.sender import LIMITS, Use
from service.telephony.sender_names import PROVIDERS, check_sender


def add_parsers(commands: Any) -> None:
    """Declares the commands."""
    help = "numbers that texts and calls go out by"
    group = commands.add_parser("sender", help=help, description=f"The {help}.").add_subparsers(
        dest="command", required=True, metavar="COMMAND"
    )
    listing = group.add_parser("list", help="what each carries", description="Each number with its uses, rate, cap and share.")
    add_organization_option(listing)
    listing.set_defaults(run=run_list)
    _add_set_parser(group)
    help = "gives a sender its whole share back"
    back = group.add_parser(
        "back",
        help=help,
        description=f"{help.capitalize()}: when you know from the provider that it is well again. If it is not, it is given up again.",
    )
    _add_which(back)
    back.set_defaults(run=run_back)
    help = "takes a number out of use"
    remove = group.add_parser(
        "remove",
        help=help,
        description=f"{help.capitalize()}. Without any use left, what is written to it is taken for nobody's: do it when you give it back.",
    )
    _add_which(remove)
    remove.add_argument("--use", action="append", default=[], choices=[use.value for use in Use], help="only this use; may be repeated")
    remove.set_defaults(run=run_remove)


def _add_which(command: Any) -> None:
    command.add_argument("sender", metavar="SENDER", help="+12025550100, 12345 or a pool's id")
    command.add_argument("--provider", required=True, choices=PROVIDERS, help="whose number it is")
    add_organization_option(command)


def _add_set_parser(group: Any) -> None:
    change = group.add_parser(
        "set",
        help="add a number or change what it may carry",
        description="Adds a number, short code or sender pool, or changes its rate, its daily cap, its uses and its place among them. "
        "Ask the provider and the carriers what it may carry.",
    )
    _add_which(change)
    change.add_argument(
        "--use", action="append", default=[], choices=[use.value for use in Use], help="what it is used for; may be repeated"
    )
    change.add_argument("--position", type=int, metavar="N", help="the lowest of a use is used, the next stand in for it (0)")
    change.add_argument("--rate", type=float, metavar="SEGMENTS", help="segments a second; 0: by its kind")
    change.add_argument("--day-cap", type=int, metavar="SEGMENTS", help="segments a day (midnight Pacific time to midnight); 0: no cap")
    change.add_argument("--weight", type=int, metavar="N", help="its part among those of its position (100)")
    change.add_argument("--texts", action=argparse.BooleanOptionalAction, default=None, help="it can send texts")
    change.add_argument("--calls", action=argparse.BooleanOptionalAction, default=None, help="it can place calls")
    change.set_defaults(run=run_set)


async def run_set(arguments: argparse.Namespace) -> None:
    """Adds or changes one sender. Refused for what is no number, short code or pool of the provider."""
    try:
        check_sender(arguments.provider, arguments.sender)
    except ValueError as error:
        raise UserError(str(error)) from None
    limits = Limits(arguments.rate, arguments.day_cap, arguments.weight, arguments.texts, arguments.calls)
    async with opened(settings()) as database:
        owner = await organization(database, arguments.organization)
        uses = [Use(use) for use in arguments.use]
        new = await set_sender(
            database, owner.id, arguments.provider, arguments.sender, limits, CLOCK.now(), uses=uses, position=arguments.position
        )
    print(f"{arguments.sender} is {'added' if new else 'changed'}.")


async def run_back(arguments: argparse.Namespace) -> None:
    """Gives one sender its share back."""
    async with opened(settings()) as database:
        owner = await organization(database, arguments.organization)
        await return_sender(database, owner.id, arguments.provider, arguments.sender, CLOCK.now())
    print(f"{arguments.sender} has its whole share again.")


async def run_remove(arguments: argparse.Namespace) -> None:
    """Takes one sender, or some of its uses, away."""
    uses = [Use(use) for use in arguments.use]
    async with opened(settings()) as database:
        owner = await organization(database, arguments.organization)
        left = await remove_sender(database, owner.id, arguments.provider, arguments.sender, CLOCK.now(), uses=uses)
    print(f"{arguments.sender} is {'still used for ' + ', '.join(sorted(left)) if left else 'removed'}.")


async def run_list(arguments: argparse.Namespace) -> None:
    """Prints a line for each use of each sender."""
    config = settings()
    async with opened(config) as database:
        owner = await organization(database, arguments.organization)
        async with database.transaction() as connection:
            found = await senders.of_organizations(connection, [owner.id], [], CLOCK.now())
    for one in found:
        rate = one.segments_per_second or config.send_rate or LIMITS[one.kind].segments_per_second
        cap = "no cap" if one.day_cap is None else f"{one.spent_today} of {one.day_cap} today"
        state = "given up" if one.given_up_at is not None else f"share {one.share} of 100"
        can = " and ".join(what for what, yes in (("texts", one.texts), ("calls", one.calls)) if yes) or "nothing"
        print(f"{one.use}: {one.number} ({one.provider}, {one.kind}), position {one.position}, {can}, {rate:g} segments/s, {cap}, {state}")
    if not found:
        print("No sender: add one with `rounds sender set`.")
