"""Staff, the teams they belong to, their sessions and failed sign-ins."""

from __future__ import annotations

from sqlalchemy import Column, Index, LargeBinary, String, Table, UniqueConstraint

from service.db.encryption import Encrypted
from service.db.schema import Instant, Json, id_column, metadata, organization_column, reference

staff = Table(
    "staff",
    metadata,
    id_column(),
    organization_column(),
    Column("name", Encrypted("staff.name"), nullable=False),
    Column("email", Encrypted("staff.email"), nullable=False),
    Column("email_index", LargeBinary(32), nullable=False, unique=True, doc="blind index, organization 0"),
    Column("password_hash", String(200), nullable=False),
    Column("role", String(16), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant),
)

staff_teams = Table(
    "staff_teams",
    metadata,
    organization_column(),
    reference("staff_id", "staff"),
    reference("team_id", "teams", index=True),
    UniqueConstraint("staff_id", "team_id"),
)

web_sessions = Table(
    "web_sessions",
    metadata,
    Column("id_hash", LargeBinary(32), primary_key=True, doc="SHA-256 of the cookie's value"),
    reference("organization_id", "organizations", nullable=True),
    reference("staff_id", "staff", nullable=True, index=True),
    Column("data", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
)

sign_in_failures = Table(
    "sign_in_failures",
    metadata,
    id_column(),
    Column("subject", LargeBinary(32), nullable=False, doc="blind index of the account or of the address"),
    Column("at", Instant, nullable=False),
    Index("ix_sign_in_failures_subject_at", "subject", "at"),
)
