"""Whose fault an error is: the database's (all will be well later) or a row's (it is set aside)."""

from __future__ import annotations

from sqlalchemy import exc


def is_outage(error: BaseException) -> bool:
    """True when the database could not be asked (gone, busy, deadlocked): nothing is wrong with the rows in hand."""
    if isinstance(error, OSError | TimeoutError | exc.TimeoutError):
        return True
    return isinstance(error, exc.DBAPIError) and not isinstance(error, exc.IntegrityError | exc.DataError | exc.ProgrammingError)


def is_contention(error: BaseException) -> bool:
    """True when two transactions met and this one was chosen to give way: the same work may be tried again at once."""
    return isinstance(error, exc.DBAPIError) and getattr(error.orig, "sqlstate", "") in ("40001", "40P01")
