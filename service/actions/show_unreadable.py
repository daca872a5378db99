"""Shows a request that could not be read to somebody who will; the look is on the audit trail."""

from __future__ import annotations

import json
from datetime import datetime
from uuid import UUID

from service.actions.refusal import NotFound
from service.db import audit, inbound
from service.db.changes import Changes
from service.db.database import Database
from service.domain.staff import Staff


async def show_unreadable(database: Database, id: UUID, by: Staff, now: datetime) -> str:
    """The body of the request as it came. Raises NotFound."""
    async with database.transaction() as connection:
        payload = await inbound.unread_payload(connection, id)
        if payload is None:
            raise NotFound("there is no such request: `rounds unread list` shows those that are kept")
        changes = Changes(now)
        audit.record(changes, by.organization_id, "unreadable_shown", staff_id=by.id, object_kind="inbound_event", object_id=id)
        await changes.write(connection)
    body: str = json.loads(payload)["body"]
    return body
