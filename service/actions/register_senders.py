"""Makes sure that every organization has a number to send from, once the settings name one."""

from __future__ import annotations

from datetime import datetime

from service.db import clinic_setup
from service.db.database import Database

PURPOSES = ("patients", "emergency", "pages")


async def register_senders(database: Database, provider: str, sender: str, now: datetime) -> int:
    """Gives organizations without any sender number this provider's sender for every purpose; how many got it."""
    async with database.transaction() as connection:
        return await clinic_setup.add_senders(connection, provider, sender, PURPOSES, now)
