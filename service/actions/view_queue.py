"""Showing the queue: a read of patient records, so each item shown for the first time in a session is audited (law 10)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from service.actions.refusal import NotFound
from service.db import audit
from service.db.database import Database
from service.db.queue import QueuePage, Tab, load_queue
from service.domain.staff import Permission, Staff


async def view_queue(database: Database, staff: Staff, tab: Tab, cursor: str, already_seen: Collection[UUID], now: datetime) -> QueuePage:
    """A page of the queue. Items in `already_seen` (by this session) are not audited again. ValueError for a bad cursor."""
    if not staff.may(Permission.WORK_QUEUE):
        raise NotFound
    async with database.reading() as connection:
        page = await load_queue(connection, staff, tab, cursor, now)
    fresh = [row.item for row in page.rows if row.item.id not in already_seen]
    if fresh:
        async with database.transaction() as connection:
            await audit.append(
                connection,
                [
                    audit.entry(
                        staff.organization_id,
                        now,
                        "listed_in_queue",
                        staff_id=staff.id,
                        patient_id=item.patient_id,
                        object_kind="escalation",
                        object_id=item.id,
                    )
                    for item in fresh
                ],
            )
    return page
