"""Time that staff spent on a patient: what the page's timer counted, and what was written down by hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Index, Integer, Row, String, Table, distinct, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.encryption import Encrypted
from service.db.observation import observations
from service.db.schema import Instant, id_column, metadata, new_id, organization_column, reference
from service.db.staff import staff as staff_table
from service.domain.staff import Staff
from service.domain.time_log import DATA_DAYS_OF, Activity, Code, Entry

time_entries = Table(
    "time_entries",
    metadata,
    id_column(),
    organization_column(),
    reference("patient_id", "patients"),
    reference("escalation_id", "escalations", nullable=True),
    reference("staff_id", "staff"),
    reference("struck_by", "staff", nullable=True),
    Column("source", String(8), nullable=False, doc="timer | manual"),
    Column("activity", String(24), nullable=False, doc="domain.time_log.Activity"),
    Column("code", String(12), nullable=False, doc="domain.time_log.Code: the one programme of billing that it counts for"),
    Column("seconds", Integer, nullable=False),
    Column("words", Encrypted("time_entries.words"), nullable=False, default=""),
    Column("started_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False, doc="timer: up to when it has counted"),
    Column("struck_at", Instant, doc="written down in error: kept, and counted no more"),
    Index("ix_time_entries_patient_id_started_at", "patient_id", "started_at"),
    Index("ix_time_entries_staff_id_last_at", "staff_id", "last_at"),
)

MOST_ENTRIES = 2_000
"""Of one patient and month."""
SAME_TOUCH = timedelta(minutes=30)
"""A timer that stood still for longer begins a new entry."""


async def last_beat(connection: AsyncConnection, staff: Staff) -> Row[Any] | None:
    """The timer's entry that this member's newest beat went to, on whatever patient."""
    wanted = select(time_entries).where(time_entries.c.staff_id == staff.id, time_entries.c.source == "timer")
    return (await connection.execute(wanted.order_by(time_entries.c.last_at.desc()).limit(1).with_for_update(key_share=True))).first()


async def add_to(connection: AsyncConnection, id: UUID, seconds: int, now: datetime) -> None:
    """The timer has counted on."""
    more = {"seconds": time_entries.c.seconds + seconds, "last_at": now}
    await connection.execute(update(time_entries).where(time_entries.c.id == id).values(more))


async def add(
    connection: AsyncConnection,
    staff: Staff,
    patient_id: UUID,
    item_id: UUID | None,
    *,
    source: str,
    seconds: int,
    started_at: datetime,
    now: datetime,
    activity: Activity = Activity.ITEM,
    code: Code = Code.NONE,
    words: str = "",
) -> UUID:
    """A new entry; its id."""
    id = new_id(now)
    await connection.execute(
        insert(time_entries).values(
            id=id,
            organization_id=staff.organization_id,
            patient_id=patient_id,
            escalation_id=item_id,
            staff_id=staff.id,
            source=source,
            activity=activity,
            code=code,
            seconds=seconds,
            words=words,
            started_at=started_at,
            last_at=now,
        )
    )
    return id


async def change_code(connection: AsyncConnection, patient_id: UUID, id: UUID, code: Code) -> bool:
    """An entry counts for this code from now on, and for no other; False when the patient has no such entry that counts."""
    own = (time_entries.c.id == id) & (time_entries.c.patient_id == patient_id) & time_entries.c.struck_at.is_(None)
    return (await connection.execute(update(time_entries).where(own).values(code=code))).rowcount == 1


async def strike(connection: AsyncConnection, staff: Staff, patient_id: UUID, id: UUID, now: datetime) -> bool:
    """An entry that was made in error is kept and counts no more; False when the patient has no such one."""
    own = (time_entries.c.id == id) & (time_entries.c.patient_id == patient_id) & time_entries.c.struck_at.is_(None)
    changed = await connection.execute(update(time_entries).where(own).values(struck_at=now, struck_by=staff.id))
    return changed.rowcount == 1


async def entries_between(connection: AsyncConnection, patient_id: UUID, since: datetime, until: datetime) -> list[Entry]:
    """What was spent on a patient in that time, newest first, what was struck included."""
    wanted = (
        select(time_entries, staff_table.c.name.label("author"))
        .join(staff_table, staff_table.c.id == time_entries.c.staff_id)
        .where(time_entries.c.patient_id == patient_id, time_entries.c.started_at >= since, time_entries.c.started_at < until)
        .order_by(time_entries.c.started_at.desc(), time_entries.c.id.desc())
        .limit(MOST_ENTRIES)
    )
    return [
        Entry(
            row.id,
            row.staff_id,
            row.author,
            row.source,
            Activity(row.activity),
            Code(row.code),
            row.seconds,
            row.words,
            row.started_at,
            row.escalation_id,
            row.struck_at is not None,
        )
        for row in await connection.execute(wanted)
    ]


async def seconds_on_item(connection: AsyncConnection, staff: Staff, item_id: UUID) -> int:
    """What the timer has counted of this member's work on an item."""
    own = (time_entries.c.staff_id == staff.id) & (time_entries.c.escalation_id == item_id) & time_entries.c.struck_at.is_(None)
    return int(await connection.scalar(select(func.coalesce(func.sum(time_entries.c.seconds), 0)).where(own)) or 0)


async def days_with_values(connection: AsyncConnection, patient_id: UUID, now: datetime) -> int:
    """On how many days (UTC) of the last 30 the patient has told a value."""
    told = observations.c
    since = now - timedelta(days=DATA_DAYS_OF)
    wanted = select(func.count(distinct(func.date(told.taken_at)))).where(
        told.patient_id == patient_id, told.kind == "value", told.value.is_not(None), told.taken_at > since, told.taken_at <= now
    )
    return int(await connection.scalar(wanted) or 0)
