"""Records of other teams' patients that somebody opened with a reason, for an hour (HIPAA 164.312(a)(2)(ii), break-glass)."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table

from service.db.encryption import Encrypted
from service.db.schema import Instant, id_column, metadata, organization_column, reference

opened_records = Table(
    "opened_records",
    metadata,
    id_column(),
    organization_column(),
    reference("staff_id", "staff"),
    reference("patient_id", "patients", index=True),
    reference("team_id", "teams"),
    Column("reason", Encrypted("opened_records.reason"), nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("reviewed_at", Instant),
    reference("reviewed_by", "staff", nullable=True),
    Column("review", Encrypted("opened_records.review")),
    Index("ix_opened_records_staff_id_ends_at", "staff_id", "ends_at"),
    Index("ix_opened_records_organization_id_opened_at", "organization_id", "opened_at"),
)
