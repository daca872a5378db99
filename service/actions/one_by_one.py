"""A batch of patients in one transaction; where it fails, each by themselves, so that one bad row keeps no other back (law 12)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import structlog

from service.db.failures import is_outage

_log = structlog.get_logger(__name__)


async def together_or_one_by_one(
    what: str,
    patient_ids: Sequence[UUID],
    together: Callable[[Sequence[UUID]], Awaitable[None]],
    set_aside: Callable[[UUID, str], Awaitable[None]],
) -> None:
    """Does `together` for all of them, else for each; who fails alone is handed to `set_aside` with the name of the error.

    `what` begins the names of the log's events. An outage of the database is raised: it is no row's fault, and all are tried again.
    """
    try:
        await together(patient_ids)
        return
    except Exception as error:
        if is_outage(error):
            raise
        _log.error(f"{what}_failed_together", patients=len(patient_ids), error=type(error).__name__)
    for patient_id in patient_ids:
        try:
            await together([patient_id])
        except Exception as error:
            if is_outage(error):
                raise
            _log.error(f"{what}_set_aside", error=type(error).__name__)
            await set_aside(patient_id, type(error).__name__)
