"""What a nurse has just done to items of the queue, and how these stood before: for ten seconds it can be taken back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Index, String, Table, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.escalation import escalations
from service.db.schema import Instant, Json, id_column, metadata, new_id, organization_column, reference
from service.domain.escalation import Escalation
from service.domain.staff import Staff

UNDO_FOR = timedelta(seconds=10)
GRACE = timedelta(seconds=2)
"""The way of the form to us: a press in the last second still counts."""

queue_undos = Table(
    "queue_undos",
    metadata,
    id_column(),
    organization_column(),
    reference("staff_id", "staff"),
    Column("what", String(16), nullable=False, doc="claim | snooze | release | resolve"),
    Column("before", Json, nullable=False, doc="each item as it stood: ids, states, instants; no words"),
    Column("at", Instant, nullable=False),
    Column("undone_at", Instant),
    Index("ix_queue_undos_staff_id", "staff_id"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """A step that may be taken back: `before` has the columns of each item as they stood, by id, with the version that the step left."""

    id: UUID
    what: str
    before: tuple[tuple[UUID, int, dict[str, Any]], ...]


COLUMNS = ("claimed_by", "claimed_at", "claimed_until", "acknowledged_by", "acknowledged_at", "snoozed_until")


async def as_it_stands(connection: AsyncConnection, item: Escalation) -> dict[str, Any]:
    """The columns of an item that a step may change, as plain JSON."""
    wanted = select(escalations.c.state, *(escalations.c[name] for name in COLUMNS)).where(escalations.c.id == item.id)
    return {name: _plain(value) for name, value in (await connection.execute(wanted)).mappings().one().items()}


async def keep(
    connection: AsyncConnection, staff: Staff, what: str, before: Sequence[tuple[Escalation, Mapping[str, Any]]], now: datetime
) -> UUID:
    """Writes a step down (each item as it was before it, and how it stood); older steps of this member are forgotten."""
    await connection.execute(delete(queue_undos).where(queue_undos.c.staff_id == staff.id, queue_undos.c.at < now - UNDO_FOR - GRACE))
    id = new_id(now)
    rows = [{"id": str(item.id), "version": item.version + 1, **stood} for item, stood in before]
    await connection.execute(
        insert(queue_undos).values(id=id, organization_id=staff.organization_id, staff_id=staff.id, what=what, before=rows, at=now)
    )
    return id


async def take(connection: AsyncConnection, staff: Staff, id: UUID, now: datetime) -> Step | None:
    """The step of this member if it is not too late, marked as taken back; None when it is, or was taken back before."""
    mine = (queue_undos.c.id == id) & (queue_undos.c.staff_id == staff.id) & queue_undos.c.undone_at.is_(None)
    fresh = queue_undos.c.at >= now - UNDO_FOR - GRACE
    taken = update(queue_undos).where(mine, fresh).values(undone_at=now).returning(queue_undos.c.what, queue_undos.c.before)
    row = (await connection.execute(taken)).first()
    if row is None:
        return None
    before = [
        (UUID(one["id"]), int(one["version"]), {name: _lively(name, one[name]) for name in ("state", *COLUMNS)}) for one in row.before
    ]
    return Step(id, row.what, tuple(before))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def _lively(name: str, value: Any) -> Any:
    if value is None or name == "state":
        return value
    return UUID(value) if name.endswith("_by") else datetime.fromisoformat(value)
