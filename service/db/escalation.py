"""Escalations, their concerns, history and notes, and pages to staff."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, SmallInteger, String, Table, Uuid, text

from service.db.encryption import Encrypted
from service.db.schema import Instant, Json, id_column, metadata, organization_column, reference

_OPEN = text("state <> 'resolved'")
_ONE_A_PATIENT = text("state <> 'resolved' AND kind = 'clinical'")
_ONE_A_PHONE = text("state <> 'resolved' AND kind = 'clinical' AND patient_id IS NULL")

escalations = Table(
    "escalations",
    metadata,
    id_column(),
    organization_column(),
    reference("team_id", "teams"),
    reference("patient_id", "patients", nullable=True),
    reference("phone_id", "phones", nullable=True),
    Column("kind", String(16), nullable=False),
    Column("state", String(12), nullable=False),
    Column("urgency_rank", SmallInteger, nullable=False),
    Column("summary", String(300), nullable=False, doc="the first reason, in plain words; no name, no number"),
    Column("opened_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("last_patient_event_at", Instant),
    Column("version", Integer, nullable=False, default=1),
    reference("claimed_by", "staff", nullable=True),
    Column("claimed_at", Instant),
    Column("claimed_until", Instant),
    reference("acknowledged_by", "staff", nullable=True),
    Column("acknowledged_at", Instant),
    Column("reached", String(16), nullable=False, default="none_needed"),
    Column("do_not_contact", Boolean, nullable=False, default=False),
    Column("resolved_at", Instant),
    reference("resolved_by", "staff", nullable=True),
    Column("disposition", String(32)),
    Column("spoke_to", String(24)),
    Index("uq_escalations_open_patient", "patient_id", unique=True, postgresql_where=_ONE_A_PATIENT, sqlite_where=_ONE_A_PATIENT),
    Index("uq_escalations_open_phone", "phone_id", unique=True, postgresql_where=_ONE_A_PHONE, sqlite_where=_ONE_A_PHONE),
    Index(
        "ix_escalations_queue",
        "organization_id",
        "team_id",
        "urgency_rank",
        "due_at",
        "opened_at",
        "id",
        postgresql_where=_OPEN,
        sqlite_where=_OPEN,
    ),
    Index("ix_escalations_leases", "claimed_until", postgresql_where=text("state = 'claimed'"), sqlite_where=text("state = 'claimed'")),
    Index("ix_escalations_patient_id_opened_at", "patient_id", "opened_at"),
)

concerns = Table(
    "concerns",
    metadata,
    id_column(),
    organization_column(),
    reference("escalation_id", "escalations", index=True),
    reference("communication_id", "communications", nullable=True),
    Column("rule", String(80), nullable=False),
    Column("rule_version", String(64), nullable=False),
    Column("urgency_rank", SmallInteger, nullable=False),
    Column("reason", String(300), nullable=False),
    Column("source", String(300), nullable=False),
    Column("spans", Json, nullable=False, doc="[[start, end], ...] into the communication's body"),
    Column("facts", Json, nullable=False, doc="what was known when the rule fired, so that it can be re-run"),
    Column("raised_at", Instant, nullable=False),
    Column("answered_at", Instant),
)

escalation_events = Table(
    "escalation_events",
    metadata,
    id_column(),
    organization_column(),
    reference("escalation_id", "escalations", index=True),
    reference("staff_id", "staff", nullable=True),
    Column("at", Instant, nullable=False),
    Column(
        "what",
        String(32),
        nullable=False,
        doc="opened, raised, message, claimed, lease_expired, released, paged, acknowledged, answered, lowered, resolved ...",
    ),
    Column("detail", Json, nullable=False),
)

notes = Table(
    "notes",
    metadata,
    id_column(),
    organization_column(),
    reference("patient_id", "patients", nullable=True, index=True),
    reference("escalation_id", "escalations", nullable=True, index=True),
    reference("author_id", "staff"),
    reference("addends", "notes", nullable=True),
    Column("body", Encrypted("notes.body"), nullable=False),
    Column("created_at", Instant, nullable=False),
)

pages = Table(
    "pages",
    metadata,
    id_column(),
    organization_column(),
    reference("escalation_id", "escalations", index=True),
    reference("team_id", "teams"),
    Column("phone", Encrypted("pages.phone"), nullable=False),
    Column("body", Encrypted("pages.body"), nullable=False),
    Column("step", Integer, nullable=False, doc="0 at once, then 1, 2 ... every five minutes"),
    Column("status", String(12), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("status_at", Instant, nullable=False),
    Column("provider", String(32), nullable=False, default=""),
    Column("provider_id", String(64)),
    Column("error_code", String(32), nullable=False, default=""),
    Column("attempts", Integer, nullable=False, default=0),
    Column("attempt_id", Uuid()),
    Column("claimed_by", String(64)),
    Column("lease_until", Instant),
    Index("uq_pages_escalation_step", "escalation_id", "step", unique=True),
    Index("ix_pages_due", "due_at", postgresql_where=text("status = 'due'"), sqlite_where=text("status = 'due'")),
    Index(
        "ix_pages_in_doubt",
        "lease_until",
        postgresql_where=text("status IN ('claimed', 'unknown')"),
        sqlite_where=text("status IN ('claimed', 'unknown')"),
    ),
)
