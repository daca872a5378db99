"""A batch of rows in one transaction; where it fails, each by itself, so that one bad row keeps no other back (law 12)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import structlog

from service.db.failures import is_outage

_log = structlog.get_logger(__name__)


async def together_or_one_by_one(
    what: str,
    ids: Sequence[UUID],
    together: Callable[[Sequence[UUID]], Awaitable[object]],
    set_aside: Callable[[UUID, str], Awaitable[None]] | None = None,
) -> None:
    """Does `together` for all of them (patients, texts, items), else for each; what fails alone is handed to `set_aside` with the name
    of the error, or only logged where something else tells of it. What cannot even be set aside is raised once all the others are done.

    `what` begins the names of the log's events. An outage of the database is raised: it is no row's fault, and all are tried again.
    """
    if not ids:
        return
    try:
        await together(ids)
        return
    except Exception as error:
        if is_outage(error):
            raise
        _log.error(f"{what}_failed_together", rows=len(ids), error=type(error).__name__)
    left: list[Exception] = []
    for id in ids:
        try:
            await together([id])
        except Exception as error:
            if is_outage(error):
                raise
            _log.error(f"{what}_set_aside", row=str(id), error=type(error).__name__)
            if set_aside is None:
                continue
            try:
                await set_aside(id, type(error).__name__)
            except Exception as worse:
                if is_outage(worse):
                    raise
                left.append(worse)
    if left:
        raise left[0]
