"""Takes new patients, new names and new numbers into the search."""

from __future__ import annotations

from datetime import datetime

from service.db.database import Database
from service.db.patient_search import take_in


async def index_patients(database: Database, now: datetime, *, limit: int = 500) -> int:
    """At most `limit` patients and as many numbers in one commit; how many were taken in. Without any it only reads."""
    async with database.transaction() as connection:
        return await take_in(connection, now, limit)
