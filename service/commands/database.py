"""rounds db ..., rounds keys: the schema, and fresh keys."""

from __future__ import annotations

import argparse
from typing import Any

from service.commands.surroundings import UserError, check_migrated, database_url, sqlite_file
from service.db import migrate
from service.db.encryption import new_key


def add_parsers(commands: Any) -> None:
    """Declares the commands."""
    group = commands.add_parser("db", help="the database's schema", description="The database that DATABASE_URL names.")
    inner = group.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add = inner.add_parser(
        "upgrade", help="bring the schema to this release", description="Runs the migrations; harmless when there are none."
    )
    add.set_defaults(run=upgrade)
    check = inner.add_parser(
        "check", help="say whether the schema is this release's", description="Ends with 0 when it is, with 2 when not."
    )
    check.set_defaults(run=check_schema)
    keys = commands.add_parser(
        "keys",
        help="print fresh keys for the environment file",
        description="Prints ENCRYPTION_KEYS and BLIND_INDEX_KEY for an environment file. Keep a copy: losing them loses the data.",
    )
    keys.set_defaults(run=print_keys)


async def upgrade(arguments: argparse.Namespace) -> None:
    """Runs the migrations; makes the folder of a SQLite file."""
    url = database_url()
    if (path := sqlite_file(url)) is not None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise UserError(f"the folder of the database cannot be made ({error.strerror})") from None
    await migrate.upgrade(url)
    print("The database is at this release's schema.")


async def check_schema(arguments: argparse.Namespace) -> None:
    """Raises NotMigrated unless the schema is this release's."""
    await check_migrated(database_url())
    print("The database is at this release's schema.")


async def print_keys(arguments: argparse.Namespace) -> None:
    """Prints two lines for an environment file."""
    print(f"ENCRYPTION_KEYS=k1:{new_key()}")
    print(f"BLIND_INDEX_KEY={new_key()}")
