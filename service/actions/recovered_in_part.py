"""Says that more came in during a standstill than a provider's list was read for: somebody must look there."""

from __future__ import annotations

from datetime import datetime

import structlog

from service.db import alarms
from service.db.changes import Changes
from service.db.database import Database
from service.db.problems import Problem, report
from service.domain.urgency import Urgency

_log = structlog.get_logger(__name__)

RULE = "recovery_incomplete"
_REASON = "More texts or calls of patients came in during a standstill than could be fetched: look at the provider's own list."


async def tell_incomplete(database: Database, provider: str, listed: int, now: datetime) -> None:
    """One item for the organization that was first on this database: whose the rest is, nobody knows."""
    _log.error("recover_incomplete", provider=provider, listed=listed)
    async with database.transaction() as connection:
        organization_id = await alarms.oldest_organization(connection)
        changes = Changes(now)
        if organization_id is not None:
            problem = Problem(organization_id, RULE, _REASON, Urgency.URGENT, detail={"provider": provider, "listed": listed})
            await report(connection, changes, [problem], repeat=False)
        await changes.write(connection)
