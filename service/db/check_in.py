"""Flow versions, approvals, enrollments, check-ins and flow sessions."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Date, Index, Integer, String, Table, Time, UniqueConstraint, text

from service.db.encryption import Encrypted
from service.db.schema import Instant, Json, id_column, metadata, organization_column, reference

flow_versions = Table(
    "flow_versions",
    metadata,
    id_column(),
    organization_column(),
    Column("programme", String(64), nullable=False),
    Column("flow", String(64), nullable=False),
    Column("content_hash", String(64), nullable=False),
    Column("content", Json, nullable=False, doc="immutable: in-flight sessions run on it to their end (law 7)"),
    Column("published_at", Instant, nullable=False),
    UniqueConstraint("organization_id", "content_hash"),
)

flow_approvals = Table(
    "flow_approvals",
    metadata,
    id_column(),
    organization_column(),
    reference("flow_version_id", "flow_versions"),
    Column("clinician", Encrypted("flow_approvals.clinician"), nullable=False),
    Column("approved_at", Instant, nullable=False),
)

enrollments = Table(
    "enrollments",
    metadata,
    id_column(),
    organization_column(),
    reference("patient_id", "patients", index=True),
    Column("programme", String(64), nullable=False),
    Column("flow", String(64), nullable=False),
    Column("rule", String(200), nullable=False, doc="local date rule, e.g. FREQ=DAILY"),
    Column("wall_time", Time, nullable=False),
    Column("high_risk", Boolean, nullable=False),
    Column("starts_on", Date, nullable=False),
    Column("stops_on", Date, nullable=False),
    Column("status", String(16), nullable=False, doc="active | paused | ended"),
    Column("planned_through", Date, doc="local date up to which check-ins exist"),
    Column("created_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Index("ix_enrollments_to_plan", "planned_through", postgresql_where=text("status = 'active'"), sqlite_where=text("status = 'active'")),
)

check_ins = Table(
    "check_ins",
    metadata,
    id_column(),
    organization_column(),
    reference("patient_id", "patients"),
    reference("enrollment_id", "enrollments"),
    Column("local_date", Date, nullable=False),
    Column("slot", Integer, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("useful_until", Instant, nullable=False),
    Column("status", String(16), nullable=False, doc="planned | started | answered | partly | silent | expired | cancelled"),
    Column("started_at", Instant),
    Column("ended_at", Instant),
    UniqueConstraint("enrollment_id", "local_date", "slot"),
    Index("ix_check_ins_patient_id_due_at", "patient_id", "due_at"),
)

flow_sessions = Table(
    "flow_sessions",
    metadata,
    id_column(),
    organization_column(),
    reference("patient_id", "patients"),
    reference("phone_id", "phones"),
    reference("enrollment_id", "enrollments", nullable=True),
    reference("check_in_id", "check_ins", nullable=True),
    reference("flow_version_id", "flow_versions"),
    Column("state", Json, nullable=False),
    Column("status", String(16), nullable=False, doc="waiting | ended"),
    Column("waits_until", Instant),
    Column("started_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Index(
        "uq_flow_sessions_waiting",
        "patient_id",
        unique=True,
        postgresql_where=text("status = 'waiting'"),
        sqlite_where=text("status = 'waiting'"),
    ),
    Index(
        "ix_flow_sessions_waits_until", "waits_until", postgresql_where=text("status = 'waiting'"), sqlite_where=text("status = 'waiting'")
    ),
)
