"""The watchdog's round: writes this node's heartbeats and looks for emergencies that nobody has paged lately."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog

from service.actions.knowledge import Knowledge
from service.actions.page_again import page_again
from service.db import health, pages
from service.db.changes import Changes
from service.db.database import Database
from service.db.health import Health

_log = structlog.get_logger(__name__)

NODES_KEPT_FOR = timedelta(days=1)


async def watch(
    database: Database,
    knowledge: Knowledge,
    node: str,
    finished: Mapping[str, datetime],
    heard: Mapping[str, datetime],
    limits: Mapping[str, timedelta],
    now: datetime,
) -> Health:
    """Writes when each job last ran to its end (`finished`), pages what the ladder has missed, and says how this node does.

    `heard` adds the jobs that have yet to run since the node began: they are not silent, but nothing has been done by them.
    """
    async with database.transaction() as connection:
        await health.beat(connection, node, finished)
        await health.forget_nodes(connection, now - NODES_KEPT_FOR)
        changes = Changes(now)
        missed = await pages.unpaged(connection, now, 100)
        if missed:
            _log.error("emergencies_unpaged", items=len(missed))
        await page_again(connection, changes, knowledge, missed)
        await changes.write(connection)
    async with database.reading() as connection:
        found = await health.health(connection, now, limits, node, heard)
    for problem in found.problems:
        _log.error("unhealthy", problem=problem)
    return found
