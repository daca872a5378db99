"""Showing the queue: a read of patient records, so each item shown for the first time in a session is audited (law 10)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.actions.refusal import NotFound
from service.db import audit
from service.db.database import Database
from service.db.queue import Filters, QueuePage, Tab, load_queue
from service.db.queue_state import Waiting, count_tabs, members, queue_mark
from service.domain.escalation import Escalation
from service.domain.staff import Permission, Staff


@dataclass(frozen=True, slots=True)
class Asked:
    """Which part of the queue, narrowed how, from where on; `day_began`: the local midnight from which "today" counts."""

    tab: Tab
    filters: Filters
    cursor: str
    day_began: datetime


@dataclass(frozen=True, slots=True)
class QueueView:
    """A page of the queue with the counts of all tabs, what asks for somebody at once, who may hold items, and the mark of this state."""

    page: QueuePage
    counts: Mapping[Tab, int]
    waiting: Waiting
    members: list[tuple[UUID, str]]
    mark: str


async def view_queue(database: Database, staff: Staff, asked: Asked, already_seen: Collection[UUID], now: datetime) -> QueueView:
    """The page. Items in `already_seen` (by this session) are not audited again. ValueError for a bad cursor."""
    if not staff.may(Permission.WORK_QUEUE):
        raise NotFound
    async with database.reading() as connection:
        mark = await queue_mark(connection, staff, now)
        page = await load_queue(connection, staff, asked.tab, asked.filters, asked.cursor, now, asked.day_began)
        counts, waiting = await count_tabs(connection, staff, now, asked.day_began)
        view = QueueView(page, counts, waiting, await members(connection, staff), mark)
    fresh = [(staff, row.item) for row in page.rows if row.item.id not in already_seen]
    if fresh:
        await note_shown(database, fresh, now)
    return view


async def note_shown(database: Database, shown: Iterable[tuple[Staff, Escalation]], now: datetime) -> None:
    """Audits that each of these members has been shown the item in their queue."""
    rows = [
        audit.entry(
            staff.organization_id,
            now,
            "listed_in_queue",
            staff_id=staff.id,
            patient_id=item.patient_id,
            object_kind="escalation",
            object_id=item.id,
        )
        for staff, item in shown
    ]
    async with database.transaction() as connection:
        await audit.append(connection, rows)
