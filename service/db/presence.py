"""Who has an item's page open just now, so that two nurses do not work on one patient without knowing of each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Column, ForeignKey, Index, Table, Uuid, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.database import among, insert_or_set
from service.db.schema import Instant, metadata, organization_column
from service.db.staff import staff as staff_table
from service.domain.staff import Staff

TOUCH_EVERY = timedelta(seconds=15)
HERE_FOR = timedelta(seconds=35)
"""An open page says so every 15 s; two missed mean that it is gone."""
KEPT_FOR = timedelta(hours=1)

presences = Table(
    "presences",
    metadata,
    organization_column(),
    Column("escalation_id", Uuid(), ForeignKey("escalations.id"), primary_key=True),
    Column("staff_id", Uuid(), ForeignKey("staff.id"), primary_key=True),
    Column("seen_at", Instant, nullable=False),
    Index("ix_presences_seen_at", "seen_at"),
)


async def touch(connection: AsyncConnection, staff: Staff, item_id: UUID, now: datetime) -> None:
    """This member of staff has the item open."""
    row = {"organization_id": staff.organization_id, "escalation_id": item_id, "staff_id": staff.id, "seen_at": now}
    key = [presences.c.escalation_id, presences.c.staff_id]
    await connection.execute(insert_or_set(presences, connection, key, presences.c.seen_at), row)


async def present(
    connection: AsyncConnection, item_ids: Collection[UUID], now: datetime, *, but: UUID | None = None
) -> dict[UUID, list[tuple[UUID, str]]]:
    """Who has each of these items open, as (id, name), who came first in front; without `but` (who asks). One statement."""
    found: dict[UUID, list[tuple[UUID, str]]] = defaultdict(list)
    if not item_ids:
        return found
    wanted = (
        select(presences.c.escalation_id, staff_table.c.id, staff_table.c.name)
        .join(staff_table, staff_table.c.id == presences.c.staff_id)
        .where(among(connection, presences.c.escalation_id, item_ids), presences.c.seen_at > now - HERE_FOR)
        .order_by(presences.c.seen_at, presences.c.staff_id)
        .limit(1000)
    )
    for row in (await connection.execute(wanted)).all():
        if row.id != but:
            found[row.escalation_id].append((row.id, row.name))
    return found


async def forget_gone(connection: AsyncConnection, now: datetime) -> int:
    """Removes what nobody has touched for an hour; how many rows."""
    return (await connection.execute(delete(presences).where(presences.c.seen_at < now - KEPT_FOR))).rowcount
