"""Sign-out: the session is deleted, on every node at once."""

from __future__ import annotations

from datetime import datetime

from service.db import audit
from service.db.database import Database
from service.db.sessions import end_session
from service.domain.staff import Staff


async def sign_out(database: Database, staff: Staff, session_hash: bytes, now: datetime) -> None:
    """Ends one session; harmless when it has ended already."""
    async with database.transaction() as connection:
        await end_session(connection, session_hash)
        await audit.leave(connection, staff.organization_id, now, "signed_out", staff_id=staff.id)
