"""Whose fault an error is: the database's (all will be well later), the settings' (somebody must act), or a row's (it is set aside)."""

from __future__ import annotations

from sqlalchemy import exc

_REFUSALS = {
    "28": "PostgreSQL refuses the user or the password of DATABASE_URL: set them right there, or in pg_hba.conf",
    "3D": "PostgreSQL has no database of the name in DATABASE_URL: make it, or set the name right",
    "SQLITE_CANTOPEN": "the SQLite file of DATABASE_URL cannot be opened: is its folder there, and may the user that runs rounds use both?",
    "SQLITE_READONLY": "the SQLite file of DATABASE_URL cannot be written: give the file and its folder to the user that runs rounds",
    "SQLITE_NOTADB": "the file that DATABASE_URL names is no SQLite database, or a broken one: see the backups in deploy/README.md",
    "SQLITE_CORRUPT": "the SQLite file of DATABASE_URL is broken: see the backups in deploy/README.md",
}
"""By how an SQL state (its class) or the name of SQLite's error begins."""


def is_outage(error: BaseException) -> bool:
    """True when the database could not be asked (gone, busy, deadlocked): nothing is wrong with the rows in hand.

    asyncpg's errors reach us under SQLAlchemy's widest kinds, so that the SQL state decides for them (class 22 data, 23
    integrity, 42 the statement itself), and for a value that the driver would not even send that it is a ValueError.
    """
    if isinstance(error, OSError | TimeoutError | exc.TimeoutError):
        return True
    if not isinstance(error, exc.DBAPIError) or isinstance(error, exc.IntegrityError | exc.DataError | exc.ProgrammingError):
        return False
    if str(getattr(error.orig, "sqlstate", None) or "")[:2] in ("22", "23", "42"):
        return False
    return not isinstance(getattr(error.orig, "__cause__", None), ValueError)


def refusal(error: BaseException) -> str | None:
    """What somebody has to put right before the database takes us: an outage that no waiting ends. None for any other error."""
    driver = error.orig if isinstance(error, exc.DBAPIError) else None
    code = str(getattr(driver, "sqlstate", None) or getattr(driver, "sqlite_errorname", None) or "")
    return next((said for begins, said in _REFUSALS.items() if code.startswith(begins)), None)


def is_contention(error: BaseException) -> bool:
    """True when two transactions met and this one was chosen to give way: the same work may be tried again at once."""
    return isinstance(error, exc.DBAPIError) and getattr(error.orig, "sqlstate", "") in ("40001", "40P01")
