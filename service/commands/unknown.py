"""rounds unknown list: what a provider was given and nobody knows the end of."""

from __future__ import annotations

import argparse
from typing import Any

from service.commands.surroundings import opened, settings
from service.db.unknown import list_unknown


def add_parsers(commands: Any) -> None:
    """Declares the command."""
    group = commands.add_parser("unknown", help="texts whose outcome is not known", description="Texts whose outcome is not known.")
    inner = group.add_subparsers(dest="command", required=True, metavar="COMMAND")
    listing = inner.add_parser(
        "list",
        help="their ids and times",
        description="One line each: kind, id, provider, when it was written, since when its outcome is unknown. No number, no words.",
    )
    listing.set_defaults(run=run_list)


async def run_list(arguments: argparse.Namespace) -> None:
    """Prints a line for each; nothing when there is none."""
    async with opened(settings()) as database, database.reading() as connection:
        for one in await list_unknown(connection):
            print(f"{one.what} {one.id} {one.provider} {one.created_at:%Y-%m-%dT%H:%M:%SZ} {one.since:%Y-%m-%dT%H:%M:%SZ}")
