"""Organizations, their sender numbers, teams and coverage."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import Boolean, Column, Date, Integer, String, Table, Time, UniqueConstraint, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.encryption import Encrypted
from service.db.schema import Instant, id_column, metadata, organization_column, reference

organizations = Table(
    "organizations",
    metadata,
    id_column(),
    Column("name", String(200), nullable=False),
    Column("clinic_phone", String(32), nullable=False, default=""),
    Column("zone", String(64), nullable=False),
    Column("quiet_start", Time, nullable=False),
    Column("quiet_end", Time, nullable=False),
    Column("emergency_number", String(16), nullable=False, default="911"),
    Column("crisis_line", String(16), nullable=False, default="988"),
    Column("after_hours_number", String(32), nullable=False, default=""),
    Column("is_demo", Integer, nullable=False, default=0),
    Column("spread_minutes", Integer, nullable=True, doc="planned check-ins are spread over so long; null: as the senders' rates ask for"),
    Column("created_at", Instant, nullable=False),
)

sender_numbers = Table(
    "sender_numbers",
    metadata,
    id_column(),
    organization_column(),
    Column("provider", String(32), nullable=False),
    Column("sender", String(64), nullable=False, doc="E.164 or the provider's sender pool id"),
    Column("purpose", String(16), nullable=False, doc="patients | emergency | pages"),
    Column("position", Integer, nullable=False, default=0, server_default="0", doc="the lowest is used, the next stand in for it"),
    UniqueConstraint("provider", "sender", "purpose"),
)

teams = Table(
    "teams",
    metadata,
    id_column(),
    organization_column(),
    Column("name", String(200), nullable=False),
    Column("on_call_phone", Encrypted("teams.on_call_phone"), nullable=False),
    Column("synthetic", Boolean, nullable=False, default=False, doc="the team of the synthetic patient: nobody is in it"),
)

coverage_hours = Table(
    "coverage_hours",
    metadata,
    id_column(),
    organization_column(),
    reference("team_id", "teams", index=True),
    Column("weekday", Integer, nullable=False, doc="0 Monday .. 6 Sunday"),
    Column("starts", Time, nullable=False, doc="local wall time in the organization's zone"),
    Column("ends", Time, nullable=False, doc="exclusive; 00:00 means midnight at the end of the day"),
)

holidays = Table(
    "holidays",
    metadata,
    id_column(),
    organization_column(),
    Column("local_date", Date, nullable=False),
    Column("name", String(100), nullable=False, default=""),
    UniqueConstraint("organization_id", "local_date"),
)


async def zones(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, str]:
    """The time zone of each of these organizations."""
    statement = select(organizations.c.id, organizations.c.zone).where(organizations.c.id.in_(sorted(set(ids))))
    return {row.id: row.zone for row in (await connection.execute(statement)).all()}
