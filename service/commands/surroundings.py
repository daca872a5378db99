"""What commands share: settings, an open and migrated database, which organization is meant, and errors in one plain line."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

from service.actions.refusal import NotFound, Refused
from service.clock import SystemClock
from service.content import ContentError
from service.db import clinic, migrate
from service.db.clinic import OrganizationRow
from service.db.database import Database, DatabaseUrlError
from service.db.encryption import KeyringError
from service.db.failures import is_outage, refusal
from service.db.key_check import check_keys
from service.db.staff import member_named
from service.db.tenants import NotApart
from service.domain.phone_number import parse_phone_number
from service.domain.staff import Staff
from service.settings import DEFAULT_DATABASE_URL, Settings, SettingsError, environment

T = TypeVar("T")
SQLITE = "sqlite+aiosqlite:///"
CLOCK = SystemClock()


class UserError(Exception):
    """Something to put right before trying again; the text says what."""


USER_ERRORS = (UserError, Refused, SettingsError, DatabaseUrlError, KeyringError, ContentError, migrate.NotMigrated, NotApart)
"""Shown as one line, without a traceback."""


def plain(error: BaseException) -> str | None:
    """The one line that tells a user what is wrong, None when the error is a fault of ours."""
    if isinstance(error, NotFound):
        return str(error) or "there is no such record"
    if isinstance(error, USER_ERRORS):
        return " ".join(str(error).split())
    if said := refusal(error):
        return said
    if is_outage(error):
        return f"the database cannot be reached ({type(error).__name__}): is DATABASE_URL right, and is it running?"
    return None


def settings() -> Settings:
    """Settings from the environment. Raises SettingsError."""
    return Settings.from_environment(environment())


def database_url() -> str:
    """Where the database is, for commands that need no keys."""
    return environment().get("DATABASE_URL", "").strip() or DEFAULT_DATABASE_URL


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite address, None for another kind of database."""
    return Path(url.removeprefix(SQLITE).partition("?")[0]) if url.startswith(SQLITE) else None


async def check_migrated(url: str) -> None:
    """Raises NotMigrated unless the database is there and at this release's schema; makes no empty file."""
    path = sqlite_file(url)
    if path is not None and not path.exists():
        raise migrate.NotMigrated("there is no database yet: run `rounds db upgrade`")
    await migrate.check(url)


@contextlib.asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    """The migrated database, with keys that fit it. Raises NotMigrated, KeyringError."""
    try:
        await check_migrated(settings.database_url)
    except Exception:
        await _last_words()
        raise
    database = Database.open(settings.database_url, settings.keyring)
    try:
        async with database.reading() as connection:
            await check_keys(connection)
        yield database
    finally:
        await database.close()


async def _last_words() -> None:
    """Waits, two seconds at most, for the threads of SQLite connections that failed: nobody can await them, and one that finds this loop
    closed prints a traceback beside the one line that a user should read."""
    for _ in range(100):
        if not any("_connection_worker_thread" in thread.name for thread in threading.enumerate()):
            return
        await asyncio.sleep(0.02)


async def organization(database: Database, name: str | None) -> OrganizationRow:
    """The organization of this name, or the only one there is. Raises UserError."""
    async with database.reading() as connection:
        known = await clinic.list_organizations(connection)
    if not known:
        raise UserError("there is no organization yet: add one with `rounds organization add`")
    if name is None and len(known) == 1:
        return known[0]
    found = next((one for one in known if one.name == name), None)
    if found is None:
        names = ", ".join(one.name for one in known)
        raise UserError(f"say which organization with --organization; there are: {names}")
    return found


async def member(database: Database, arguments: argparse.Namespace) -> Staff:
    """The member of staff whom --by names, of the organization that --organization names. Raises UserError."""
    owner = await organization(database, arguments.organization)
    async with database.reading() as connection:
        found = await member_named(connection, owner.id, arguments.by)
    if found is None:
        raise UserError(f"--by: nobody, or more than one, of this organization's staff is {arguments.by}; give the address")
    return found


def add_organization_option(parser: argparse.ArgumentParser) -> None:
    """--organization, needed only where there are several."""
    parser.add_argument("--organization", metavar="NAME", help="which organization, where there are several")


def value(read: Callable[[str], T]) -> Callable[[str], T]:
    """An argument's type from a function that raises ValueError with what to write."""

    def convert(text: str) -> T:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


phone_number = value(parse_phone_number)
