"""Whose fault an error is: the database's (all will be well later) or a row's (it is set aside)."""

from __future__ import annotations

from sqlalchemy import exc


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


def is_contention(error: BaseException) -> bool:
    """True when two transactions met and this one was chosen to give way: the same work may be tried again at once."""
    return isinstance(error, exc.DBAPIError) and getattr(error.orig, "sqlstate", "") in ("40001", "40P01")
