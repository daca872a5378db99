"""Due work: everything scheduled is a row with a due time (law 11)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnElement,
    Index,
    Integer,
    String,
    Table,
    TextClause,
    UniqueConstraint,
    Uuid,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.database import database_now, insert_missing, lease_end, skip_locked
from service.db.schema import Instant, Json, id_column, metadata, new_id, organization_column

due_work = Table(
    "due_work",
    metadata,
    id_column(),
    organization_column(),
    Column("key", String(120), nullable=False, doc="unique: the same work is planned once"),
    Column("kind", String(32), nullable=False),
    Column("lane", String(12), nullable=False),
    Column("subject_id", Uuid(), nullable=False),
    Column("payload", Json, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("useful_until", Instant),
    Column("state", String(12), nullable=False, doc="due | claimed | done | expired | failed"),
    Column("attempts", Integer, nullable=False, default=0),
    Column("claimed_by", String(64)),
    Column("lease_until", Instant),
    Column("fence", Integer, nullable=False, default=0, doc="grows with every claim: a late holder's commit is refused"),
    Column("failure", String(200), nullable=False, default=""),
    UniqueConstraint("key"),
    Index("ix_due_work_due", "lane", "due_at", postgresql_where=text("state = 'due'"), sqlite_where=text("state = 'due'")),
    Index("ix_due_work_leases", "lease_until", postgresql_where=text("state = 'claimed'"), sqlite_where=text("state = 'claimed'")),
)

heartbeats = Table(
    "heartbeats",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("node", String(64), primary_key=True),
    Column("at", Instant, nullable=False),
)


MAXIMUM_ATTEMPTS = 5
"""Work that failed (or whose holder died) this often is set aside as failed and becomes a work item (law 2)."""
SUSPECT_AFTER = 2
"""Work taken so often and not done may be what its holders die of: it is taken alone, so that nothing else is given up with it."""
LEASE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Work:
    """A claimed piece of due work; `fence` is the number of the claim, a later claim has a higher one."""

    id: UUID
    organization_id: UUID
    key: str
    kind: str
    lane: str
    subject_id: UUID
    payload: Mapping[str, Any] = field(hash=False)
    due_at: datetime
    useful_until: datetime | None
    attempts: int
    fence: int


class LostLease(Exception):
    """The lease ran out and somebody else holds the work: the transaction must not commit."""


def row(
    organization_id: UUID,
    key: str,
    kind: str,
    subject_id: UUID,
    due_at: datetime,
    now: datetime,
    *,
    lane: str = "routine",
    payload: Mapping[str, Any] | None = None,
    useful_until: datetime | None = None,
) -> dict[str, Any]:
    """A row for `add` or for gathered changes. The same `key` is never planned twice."""
    return {
        "id": new_id(now),
        "organization_id": organization_id,
        "key": key,
        "kind": kind,
        "lane": lane,
        "subject_id": subject_id,
        "payload": dict(payload or {}),
        "due_at": due_at,
        "useful_until": useful_until,
        "state": "due",
        "attempts": 0,
        "fence": 0,
        "failure": "",
    }


async def add(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Plans work; rows whose key exists already are left as they are (law 3)."""
    if rows:
        await connection.execute(insert_missing(due_work, connection, due_work.c.key), [dict(each) for each in rows])


async def claim(connection: AsyncConnection, lane: str, now: datetime, node: str, limit: int, *, suspects: bool = False) -> list[Work]:
    """Takes due work of a lane that is still useful, oldest first, under a lease and with a new fence: suspects or all but them."""
    due = (
        select(due_work.c.id)
        .where(_DUE, due_work.c.lane == lane, due_work.c.due_at <= now)
        .where(or_(due_work.c.useful_until.is_(None), due_work.c.useful_until > now))
        .where(due_work.c.attempts >= SUSPECT_AFTER if suspects else due_work.c.attempts < SUSPECT_AFTER)
        .order_by(due_work.c.due_at)
        .limit(limit)
    )
    taken = skip_locked(due).cte("taken")
    statement = (
        update(due_work)
        .where(due_work.c.id.in_(select(taken.c.id)))
        .values(
            state="claimed",
            claimed_by=node,
            attempts=due_work.c.attempts + 1,
            fence=due_work.c.fence + 1,
            lease_until=lease_end(connection, now, LEASE),
        )
        .returning(*_WORK)
    )
    found = (await connection.execute(statement)).all()
    return sorted((Work(*each) for each in found), key=lambda work: (work.due_at, work.id))


async def settle(
    connection: AsyncConnection, works: Sequence[Work], state: str, *, failure: str = "", due_at: datetime | None = None
) -> None:
    """Ends the claim: `done`, `expired`, `failed`, or `due` again at `due_at`. LostLease when somebody else holds one of them."""
    if not works:
        return
    values: dict[str, Any] = {"state": state, "claimed_by": None, "lease_until": None, "failure": failure[:200]}
    if due_at is not None:
        values["due_at"] = due_at
    statement = (
        update(due_work)
        .where(due_work.c.state == "claimed", tuple_(due_work.c.id, due_work.c.fence).in_([(work.id, work.fence) for work in works]))
        .values(**values)
        .returning(due_work.c.id)
    )
    if len((await connection.execute(statement)).all()) != len(works):
        raise LostLease(f"{len(works)} pieces of work, not all are ours any more")


async def leases_over(connection: AsyncConnection, now: datetime, limit: int) -> list[UUID]:
    """Claimed work whose holder has not finished in time, the longest first."""
    statement = select(due_work.c.id).where(*_over(connection, now)).order_by(due_work.c.lease_until).limit(limit)
    return list((await connection.scalars(statement)).all())


async def lock_over(connection: AsyncConnection, now: datetime, ids: Collection[UUID]) -> list[Work]:
    """Those of these whose holder has still not finished, locked; their fence is still the dead holder's."""
    statement = select(*_WORK).where(due_work.c.id.in_(list(ids)), *_over(connection, now)).order_by(due_work.c.lease_until)
    return [Work(*each) for each in (await connection.execute(skip_locked(statement))).all()]


def _over(connection: AsyncConnection, now: datetime) -> tuple[ColumnElement[bool] | TextClause, ...]:
    return text("due_work.state = 'claimed'"), due_work.c.lease_until <= database_now(connection, now)


async def too_late(connection: AsyncConnection, now: datetime, limit: int, only: Collection[UUID] | None = None) -> list[Work]:
    """Work still due that is of no use any more, locked; of `only` these."""
    late: list[Any] = [_DUE, due_work.c.useful_until <= now, due_work.c.due_at <= now]
    if only is not None:
        late.append(due_work.c.id.in_(list(only)))
    statement = select(*_WORK).where(*late).order_by(due_work.c.due_at).limit(limit)
    return [Work(*each) for each in (await connection.execute(skip_locked(statement))).all()]


async def expire(connection: AsyncConnection, works: Sequence[Work]) -> None:
    """Work that was due and locked becomes `expired`."""
    await connection.execute(
        update(due_work).where(due_work.c.id.in_([work.id for work in works]), due_work.c.state == "due").values(state="expired")
    )


_DUE = text("due_work.state = 'due'")
_WORK = (
    due_work.c.id,
    due_work.c.organization_id,
    due_work.c.key,
    due_work.c.kind,
    due_work.c.lane,
    due_work.c.subject_id,
    due_work.c.payload,
    due_work.c.due_at,
    due_work.c.useful_until,
    due_work.c.attempts,
    due_work.c.fence,
)
