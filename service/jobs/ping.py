"""Tells a watcher elsewhere that all is well. The alarm is the call that does not come, so it works when nothing here does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

import aiohttp
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from service.clock import Clock
from service.db.database import Database
from service.db.health import Health

_log = structlog.get_logger(__name__)

PING_SECONDS = 10.0


async def ping(url: str, database: Database, clock: Clock, health_of: Callable[[AsyncConnection, datetime], Awaitable[Health]]) -> bool:
    """One call (GET) when this node is healthy; whether it was made and answered with 2xx. No transaction is open meanwhile.

    Not made when the database does not answer, a job is silent or an alarm is an emergency.
    """
    async with database.reading() as connection:
        found = await health_of(connection, clock.now())
    if not found.ok:
        return False
    timeout = aiohttp.ClientTimeout(total=PING_SECONDS)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url, allow_redirects=False) as answer:
            taken = 200 <= answer.status < 300
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        _log.warning("ping_not_taken", error=type(error).__name__)
        return False
    if not taken:
        _log.warning("ping_not_taken", status=str(answer.status))
    return taken
