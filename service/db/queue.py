"""The queue page: open items of a member's teams in the one true order, page by page, with counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, Uuid, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.escalation import concerns, escalations
from service.db.escalation_claims import item_of, of_own_teams
from service.db.patient import patients
from service.db.schema import Instant
from service.db.staff import staff as staff_table
from service.domain.escalation import Escalation, State
from service.domain.staff import Staff

PAGE_SIZE = 50
MOST_COUNTED = 1000
"""Counts stop here: "999+" says as much as the exact number, and costs no scan of a flood."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Tab(StrEnum):
    """The parts of the queue."""

    UNCLAIMED = "unclaimed"
    MINE = "mine"
    TEAM = "team"


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One line of the queue. `name` is "" when nobody knows who it is."""

    item: Escalation
    name: str
    birth_date: str
    holder: str
    concerns: int


@dataclass(frozen=True, slots=True)
class QueuePage:
    """Rows in order, the cursor of the next page ("" on the last), how many items each tab holds, and the mark of this state."""

    rows: tuple[QueueRow, ...]
    next_cursor: str
    counts: Mapping[Tab, int]
    mark: str


async def load_queue(connection: AsyncConnection, staff: Staff, tab: Tab, cursor: str, now: datetime) -> QueuePage:
    """A page of 50 items: urgency first, then time left, then the oldest. ValueError for a cursor that is none.

    An item whose claim has run out counts as unclaimed at once, also before a job has put it back: nobody is working on it.
    """
    order = (escalations.c.urgency_rank, escalations.c.due_at, escalations.c.opened_at, escalations.c.id)
    wanted = (
        select(escalations, patients.c.name, patients.c.birth_date, staff_table.c.name.label("holder"), _concerns())
        .outerjoin(patients, patients.c.id == escalations.c.patient_id)
        .outerjoin(staff_table, staff_table.c.id == escalations.c.claimed_by)
        .where(of_own_teams(staff), escalations.c.state != State.RESOLVED, *_in(tab, staff, now))
        .order_by(*order)
        .limit(PAGE_SIZE + 1)
    )
    if cursor:
        wanted = wanted.where(tuple_(*order) > _after(cursor))
    mark = await queue_mark(connection, staff)
    found = (await connection.execute(wanted)).mappings().all()
    rows = tuple(
        QueueRow(item_of(dict(row)), row["name"] or "", row["birth_date"] or "", row["holder"] or "", row["concern_count"])
        for row in found[:PAGE_SIZE]
    )
    return QueuePage(rows, _cursor(rows[-1].item) if len(found) > PAGE_SIZE else "", await _counts(connection, staff, now), mark)


async def queue_mark(connection: AsyncConnection, staff: Staff) -> str:
    """A text that changes whenever the open items of these teams do: the net below the wake-ups."""
    wanted = select(func.count(), func.coalesce(func.sum(escalations.c.version), 0), func.max(escalations.c.opened_at))
    row = (await connection.execute(wanted.where(of_own_teams(staff), escalations.c.state != State.RESOLVED))).one()
    return f"{row[0]}.{row[1]}.{row[2].timestamp() if row[2] else 0}"


def _free(table: Any, now: datetime) -> Any:
    return (table.c.state == State.OPEN) | ((table.c.state == State.CLAIMED) & (table.c.claimed_until <= now))


def _in(tab: Tab, staff: Staff, now: datetime) -> list[Any]:
    match tab:
        case Tab.MINE:
            return [escalations.c.state == State.CLAIMED, escalations.c.claimed_by == staff.id]
        case Tab.UNCLAIMED:
            return [_free(escalations, now)]
        case Tab.TEAM:
            return []


def _concerns() -> Any:
    count = select(func.count()).where(concerns.c.escalation_id == escalations.c.id)
    return count.scalar_subquery().label("concern_count")


async def _counts(connection: AsyncConnection, staff: Staff, now: datetime) -> dict[Tab, int]:
    few = (
        select(escalations.c.state, escalations.c.claimed_by, escalations.c.claimed_until)
        .where(of_own_teams(staff), escalations.c.state != State.RESOLVED)
        .limit(MOST_COUNTED)
        .subquery()
    )
    mine = (few.c.state == State.CLAIMED) & (few.c.claimed_by == staff.id)
    counts = select(func.count().filter(mine), func.count().filter(_free(few, now)), func.count()).select_from(few)
    row = (await connection.execute(counts)).one()
    return {Tab.MINE: row[0], Tab.UNCLAIMED: row[1], Tab.TEAM: row[2]}


def _cursor(item: Escalation) -> str:
    return f"{item.urgency.rank}.{_microseconds(item.due_at)}.{_microseconds(item.opened_at)}.{item.id.hex}"


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)


def _after(cursor: str) -> Any:
    rank, due_at, opened_at, id_ = cursor.split(".")
    try:
        due, opened = (_EPOCH + timedelta(microseconds=int(text)) for text in (due_at, opened_at))
    except OverflowError:
        raise ValueError("no instant") from None
    return tuple_(literal(int(rank) & 0x7F, Integer()), literal(due, Instant()), literal(opened, Instant()), literal(UUID(id_), Uuid()))
