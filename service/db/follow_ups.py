"""What a nurse has planned for later: it comes back as an item when it is due."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Index, Row, SmallInteger, String, Table, insert, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db import due_work
from service.db.encryption import Encrypted
from service.db.schema import Instant, id_column, metadata, new_id, organization_column, reference
from service.db.staff import staff as staff_table
from service.domain.escalation import Escalation
from service.domain.follow_up import Plan
from service.domain.staff import Staff

_WAITING = text("state IN ('planned', 'due')")

follow_ups = Table(
    "follow_ups",
    metadata,
    id_column(),
    organization_column(),
    reference("team_id", "teams"),
    reference("patient_id", "patients", nullable=True),
    reference("phone_id", "phones", nullable=True),
    reference("escalation_id", "escalations"),
    reference("created_by", "staff"),
    reference("for_staff_id", "staff", nullable=True),
    reference("item_id", "escalations", nullable=True),
    Column("what", String(24), nullable=False, doc="domain.follow_up.What"),
    Column("words", Encrypted("follow_ups.words"), nullable=False, default=""),
    Column("urgency_rank", SmallInteger, nullable=False, doc="of the item that it becomes"),
    Column("state", String(12), nullable=False, doc="planned | due | done | cancelled"),
    Column("due_at", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Index("ix_follow_ups_escalation_id", "escalation_id"),
    Index("ix_follow_ups_patient_id_due_at", "patient_id", "due_at"),
    Index("ix_follow_ups_waiting", "team_id", "due_at", postgresql_where=_WAITING, sqlite_where=_WAITING),
)

KIND = "follow_up"
MOST = 50


async def plan(connection: AsyncConnection, item: Escalation, staff: Staff, asked: Plan, now: datetime) -> UUID:
    """A follow-up of this item's patient (or number), and the due work that brings it back; its id."""
    id = new_id(now)
    await connection.execute(
        insert(follow_ups).values(
            id=id,
            organization_id=item.organization_id,
            team_id=item.team_id,
            patient_id=item.patient_id,
            phone_id=item.phone_id,
            escalation_id=item.id,
            created_by=staff.id,
            for_staff_id=staff.id if asked.mine else None,
            what=asked.what,
            words=asked.words,
            urgency_rank=asked.urgency.rank,
            state="planned",
            due_at=asked.due_at,
            created_at=now,
        )
    )
    await due_work.add(connection, [due_work.row(item.organization_id, f"follow_up:{id}", KIND, id, asked.due_at, now)])
    return id


async def planned(connection: AsyncConnection, ids: Collection[UUID], *, lock: bool = False) -> list[Row[Any]]:
    """Those of these follow-ups that are still planned, by id. Who locks them has locked people and items before."""
    wanted = select(follow_ups).where(follow_ups.c.id.in_(ids), follow_ups.c.state == "planned").order_by(follow_ups.c.id)
    return list((await connection.execute(wanted.with_for_update(key_share=True) if lock else wanted)).all())


async def came_back(connection: AsyncConnection, id: UUID, item_id: UUID) -> None:
    """It is due: it stands on this item until that closes."""
    await connection.execute(update(follow_ups).where(follow_ups.c.id == id).values(state="due", item_id=item_id))


async def end_with(connection: AsyncConnection, item: Escalation, now: datetime) -> None:
    """What stood on this item is done with it."""
    on_it = (follow_ups.c.item_id == item.id) & (follow_ups.c.state == "due")
    await connection.execute(update(follow_ups).where(on_it).values(state="done", ended_at=now))


async def unend(connection: AsyncConnection, item: Escalation, at: datetime) -> None:
    """What was done with this item at that instant, as it was closed, stands on it again."""
    with_it = (follow_ups.c.item_id == item.id) & (follow_ups.c.state == "done") & (follow_ups.c.ended_at == at)
    await connection.execute(update(follow_ups).where(with_it).values(state="due", ended_at=None))


async def of_item(connection: AsyncConnection, item: Escalation) -> Sequence[Row[Any]]:
    """What is planned for this item's patient (or number), and what has come back on the item: soonest first, with `author` and `whose`."""
    whose = follow_ups.c.patient_id == item.patient_id if item.patient_id is not None else follow_ups.c.phone_id == item.phone_id
    shown = or_(whose & (follow_ups.c.state == "planned"), follow_ups.c.item_id == item.id)
    return (await connection.execute(_named().where(shown).order_by(follow_ups.c.due_at).limit(MOST))).all()


def _named() -> Any:
    author, whose = staff_table.alias("author"), staff_table.alias("whose")
    return (
        select(follow_ups, author.c.name.label("author"), whose.c.name.label("whose"))
        .join(author, author.c.id == follow_ups.c.created_by)
        .outerjoin(whose, whose.c.id == follow_ups.c.for_staff_id)
    )
