"""What a process does before anything else: frees what the one before it held when it was killed (start-up recovery)."""

from __future__ import annotations

from datetime import datetime

import structlog

from service.db import leases
from service.db.database import Database

_log = structlog.get_logger(__name__)


async def take_up(database: Database, now: datetime) -> int:
    """Ends the leases of whoever is gone, so that the sweep frees them at once; how many.

    On SQLite this process is the only one, so that every claim in the database is a dead one's. On PostgreSQL another node may
    hold them: there they run out by themselves, by the database's clock, within two minutes.
    """
    if database.is_postgresql:
        return 0
    async with database.transaction() as connection:
        ended = await leases.end_claims(connection, now)
    if ended:
        _log.warning("claims_taken_up", claims=ended)
    return ended
