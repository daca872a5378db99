"""Organizations, their sender numbers, teams and coverage."""

from __future__ import annotations

from sqlalchemy import Column, Date, Integer, String, Table, Time, UniqueConstraint

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
    UniqueConstraint("provider", "sender", "purpose"),
)

teams = Table(
    "teams",
    metadata,
    id_column(),
    organization_column(),
    Column("name", String(200), nullable=False),
    Column("on_call_phone", Encrypted("teams.on_call_phone"), nullable=False),
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
