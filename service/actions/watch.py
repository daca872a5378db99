"""The watchdog's round: writes this node's heartbeats and looks for emergencies that nobody has paged lately."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from service.actions.knowledge import Knowledge
from service.actions.page_again import asking, page_again
from service.db import health, pages
from service.db.changes import Changes
from service.db.database import Database
from service.db.failures import is_outage
from service.db.health import Health

_log = structlog.get_logger(__name__)

NODES_KEPT_FOR = timedelta(days=1)
MOST_MISSED = 2_000
"""In one round. Those that a day of pages has not brought to anybody stay among them, and must not stand in the others' way."""
AT_ONCE = 100


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
        missed = await pages.unpaged(connection, now, MOST_MISSED)
    if missed:
        _log.error("items_unpaged", items=len(missed))
        for first in range(0, len(missed), AT_ONCE):
            await _page(database, knowledge, missed[first : first + AT_ONCE], now)
    async with database.reading() as connection:
        found = await health.health(connection, now, limits, node, heard)
    for problem in found.problems:
        _log.error("unhealthy", problem=problem)
    return found


async def _page(database: Database, knowledge: Knowledge, items: Sequence[UUID], now: datetime) -> None:
    """Pages for these items, one by one when they fail together: an item that cannot be paged for keeps no other waiting (law 12)."""
    try:
        async with database.transaction() as connection:
            changes = Changes(now)
            await page_again(connection, changes, knowledge, asking(items))
            await changes.write(connection)
    except Exception as error:
        if is_outage(error):
            raise
        _log.error("items_not_paged", items=len(items), error=type(error).__name__)
        for item in items if len(items) > 1 else ():
            await _page(database, knowledge, [item], now)
