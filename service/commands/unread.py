"""rounds unread: what a provider has signed and the machine could not read. It is kept, encrypted, for somebody to look at."""

from __future__ import annotations

import argparse
from datetime import timedelta
from typing import Any
from uuid import UUID

from service.actions.show_unreadable import show_unreadable
from service.commands.surroundings import CLOCK, add_organization_option, member, opened, settings, value
from service.db import inbound

DAYS = 30
MOST_LISTED = 500


def add_parsers(commands: Any) -> None:
    """Declares the commands."""
    group = commands.add_parser("unread", help="what a provider told and the machine could not read", description="What could not be read.")
    inner = group.add_subparsers(dest="command", required=True, metavar="COMMAND")
    listing = inner.add_parser(
        "list",
        help="when it came, and from which provider",
        description=f"One line each, the newest first: id, kind, provider, when it came. Of {DAYS} days, at most {MOST_LISTED}. No words.",
    )
    listing.set_defaults(run=run_list)
    show = inner.add_parser(
        "show", help="one as it came", description="Prints one as it came, with a patient's words; noted on the audit trail."
    )
    show.add_argument("id", type=value(UUID), help="as the list shows it")
    show.add_argument("--by", metavar="WHO", required=True, help="address of the member of staff who looks at it")
    add_organization_option(show)
    show.set_defaults(run=run_show)


async def run_list(arguments: argparse.Namespace) -> None:
    """Prints a line for each; nothing when there is none."""
    async with opened(settings()) as database, database.reading() as connection:
        for one in await inbound.unread(connection, CLOCK.now() - timedelta(days=DAYS), MOST_LISTED):
            print(f"{one.id} {one.kind} {one.provider} {one.received_at:%Y-%m-%dT%H:%M:%SZ}")


async def run_show(arguments: argparse.Namespace) -> None:
    """Prints the body. Raises NotFound, UserError."""
    async with opened(settings()) as database:
        print(await show_unreadable(database, arguments.id, await member(database, arguments), CLOCK.now()))
