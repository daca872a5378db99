"""Communications in both directions, their attempts and status history, and raw inbound events."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Float, Index, Integer, String, Table, UniqueConstraint, Uuid, text

from service.db.changes import Changes
from service.db.encryption import Encrypted
from service.db.schema import Instant, Json, id_column, metadata, new_id, organization_column, reference
from service.domain.communication import Direction, Lane, Purpose, Status
from service.domain.reading import Channel

_TO_REDACT = (
    "redaction IN ('', 'due') AND status IN ('delivered', 'undelivered', 'failed', 'received') "
    "AND channel = 'sms' AND provider_id IS NOT NULL"
)
"""Texts whose way is over and whose words the provider may still have."""

communications = Table(
    "communications",
    metadata,
    id_column(),
    organization_column(),
    reference("patient_id", "patients", nullable=True),
    reference("phone_id", "phones"),
    Column("direction", String(3), nullable=False),
    Column("channel", String(8), nullable=False),
    Column("purpose", String(24), nullable=False),
    Column("lane", String(12), nullable=False),
    Column("status", String(12), nullable=False),
    Column("body", Encrypted("communications.body"), nullable=False),
    Column("language", String(8), nullable=False, default="en"),
    Column("programme", String(64), nullable=False, default=""),
    Column("reading", Json, doc="inbound: findings as spans, names and rules; never the words"),
    reference("in_reply_to", "communications", nullable=True),
    reference("check_in_id", "check_ins", nullable=True),
    reference("flow_session_id", "flow_sessions", nullable=True),
    reference("escalation_id", "escalations", nullable=True),
    reference("staff_id", "staff", nullable=True),
    Column("related_person_id", Uuid(), doc="said by, or written to, this relative or carer of the patient"),
    Column(
        "reason",
        Encrypted("communications.reason"),
        nullable=False,
        default="",
        doc="why a nurse writes in quiet hours; why it was held or cancelled",
    ),
    Column("created_at", Instant, nullable=False),
    Column("due_at", Instant),
    Column("useful_until", Instant),
    Column("status_at", Instant, nullable=False),
    Column("provider", String(32), nullable=False, default=""),
    Column("provider_id", String(64)),
    Column("error_code", String(32), nullable=False, default=""),
    Column("attempts", Integer, nullable=False, default=0),
    Column("attempt_id", Uuid(), doc="the attempt under way or the last one"),
    reference("again_of", "communications", nullable=True),
    Column("again", Integer, nullable=False, default=0, server_default="0", doc="how many rows stand before this one for the same text"),
    Column("claimed_by", String(64)),
    Column("lease_until", Instant),
    Column("asked_at", Instant, doc="when the provider was last asked what became of it"),
    Column("given_up_at", Instant, doc="its end stayed unknown for days, and nobody asks any more"),
    Column(
        "redaction", String(8), nullable=False, default="", server_default="", doc="of its words at the provider: due | done | given_up"
    ),
    Column("redact_at", Instant, doc="not before this the provider is asked to empty them"),
    Index("ix_communications_patient_id_created_at", "patient_id", "created_at"),
    Index("ix_communications_phone_id_created_at", "phone_id", "created_at"),
    Index(
        "ix_communications_due",
        "lane",
        "due_at",
        postgresql_where=text("status IN ('due', 'held')"),
        sqlite_where=text("status IN ('due', 'held')"),
    ),
    Index(
        "ix_communications_waiting",
        "organization_id",
        "lane",
        "due_at",
        postgresql_where=text("status IN ('due', 'held')"),
        sqlite_where=text("status IN ('due', 'held')"),
    ),
    Index(
        "ix_communications_in_doubt",
        "lease_until",
        postgresql_where=text("status IN ('claimed', 'unknown')"),
        sqlite_where=text("status IN ('claimed', 'unknown')"),
    ),
    Index(
        "ix_communications_not_final",
        "status_at",
        postgresql_where=text("status IN ('accepted', 'sent')"),
        sqlite_where=text("status IN ('accepted', 'sent')"),
    ),
    Index("ix_communications_provider_id", "provider", "provider_id"),
    Index(
        "ix_communications_redact",
        "provider",
        "redact_at",
        postgresql_where=text(_TO_REDACT),
        sqlite_where=text(_TO_REDACT),
    ),
)

attempts = Table(
    "attempts",
    metadata,
    id_column(),
    organization_column(),
    Column("communication_id", Uuid(), nullable=True, index=True, doc="one of communication and page"),
    Column("page_id", Uuid(), nullable=True, index=True),
    Column("number", Integer, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column(
        "outcome", String(16), nullable=False, default="", doc="accepted | failed | transient | refused | unknown; later found | missing"
    ),
    Column("provider_id", String(64)),
    Column("error_code", String(32), nullable=False, default=""),
    Column("sender_id", Uuid(), nullable=True, doc="which of our senders it left by"),
    Index("ix_attempts_sender_id_started_at", "sender_id", "started_at"),
)

communication_statuses = Table(
    "communication_statuses",
    metadata,
    id_column(),
    organization_column(),
    reference("communication_id", "communications", index=True),
    Column("status", String(12), nullable=False),
    Column("at", Instant, nullable=False),
    Column("source", String(16), nullable=False, doc="sender | callback | reconcile | policy | staff"),
    Column("provider_status", String(32), nullable=False, default=""),
    Column("error_code", String(32), nullable=False, default=""),
    Column("applied", Integer, nullable=False, default=1, doc="0: kept as history, came too late or twice"),
)

inbound_ids = Table(
    "inbound_ids",
    metadata,
    Column("provider", String(32), primary_key=True),
    Column("account", String(64), primary_key=True),
    Column("provider_id", String(64), primary_key=True),
    Column("event_id", Uuid(), nullable=False),
    Column("received_at", Instant, nullable=False),
)

inbound_events = Table(
    "inbound_events",
    metadata,
    id_column(),
    reference("organization_id", "organizations", nullable=True),
    Column("provider", String(32), nullable=False),
    Column("provider_id", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("payload", Encrypted("inbound_events.payload"), nullable=False, doc="the provider's form as JSON, verbatim"),
    Column("received_at", Instant, nullable=False),
    Column("communication_id", Uuid()),
    Column("failure", String(200), nullable=False, default="", doc="kind of error when reading or the engine failed"),
)

parked_statuses = Table(
    "parked_statuses",
    metadata,
    id_column(),
    Column("provider", String(32), nullable=False),
    Column("provider_id", String(64), nullable=False),
    Column("provider_status", String(32), nullable=False),
    Column("status", String(12), nullable=False),
    Column("error_code", String(32), nullable=False, default=""),
    Column("effect", String(32), nullable=False, default=""),
    Column("retry_after_seconds", Float, nullable=True),
    Column("at", Instant, nullable=False),
    UniqueConstraint("provider", "provider_id", "provider_status"),
)


def inbound(
    changes: Changes,
    *,
    organization_id: UUID,
    patient_id: UUID | None,
    phone_id: UUID,
    body: str,
    language: str,
    provider: str,
    provider_id: str,
    reading: dict[str, Any] | None,
    received_at: datetime,
    flow_session_id: UUID | None = None,
    check_in_id: UUID | None = None,
    in_reply_to: UUID | None = None,
    channel: Channel = Channel.SMS,
    related_person_id: UUID | None = None,
) -> UUID:
    """Adds a patient's words to the changes; returns the communication's id."""
    id = new_id(received_at)
    changes.insert(
        communications,
        {
            "id": id,
            "organization_id": organization_id,
            "patient_id": patient_id,
            "phone_id": phone_id,
            "direction": Direction.IN,
            "channel": channel,
            "purpose": Purpose.REPLY,
            "lane": Lane.ROUTINE,
            "status": Status.RECEIVED,
            "body": body,
            "language": language,
            "reading": reading,
            "flow_session_id": flow_session_id,
            "check_in_id": check_in_id,
            "in_reply_to": in_reply_to,
            "related_person_id": related_person_id,
            "created_at": received_at,
            "status_at": received_at,
            "provider": provider,
            "provider_id": provider_id,
        },
    )
    return id


def outbound(
    changes: Changes,
    *,
    organization_id: UUID,
    patient_id: UUID | None,
    phone_id: UUID,
    body: str,
    language: str,
    purpose: Purpose,
    lane: Lane = Lane.ROUTINE,
    programme: str = "",
    reason: str = "",
    useful_until: datetime | None = None,
    in_reply_to: UUID | None = None,
    check_in_id: UUID | None = None,
    flow_session_id: UUID | None = None,
    escalation_id: UUID | None = None,
    staff_id: UUID | None = None,
    related_person_id: UUID | None = None,
) -> UUID:
    """Adds a text that is due now, its first line of history, and the wake-up of its lane; returns its id."""
    id = new_id(changes.now)
    changes.insert(
        communications,
        {
            "id": id,
            "organization_id": organization_id,
            "patient_id": patient_id,
            "phone_id": phone_id,
            "direction": Direction.OUT,
            "channel": Channel.SMS,
            "purpose": purpose,
            "lane": lane,
            "status": Status.DUE,
            "body": body,
            "language": language,
            "programme": programme,
            "reason": reason,
            "in_reply_to": in_reply_to,
            "check_in_id": check_in_id,
            "flow_session_id": flow_session_id,
            "escalation_id": escalation_id,
            "staff_id": staff_id,
            "related_person_id": related_person_id,
            "created_at": changes.now,
            "due_at": changes.now,
            "useful_until": useful_until,
            "status_at": changes.now,
        },
    )
    changes.insert(
        communication_statuses,
        {
            "id": new_id(changes.now),
            "organization_id": organization_id,
            "communication_id": id,
            "status": Status.DUE,
            "at": changes.now,
            "source": "staff" if staff_id else "sender",
        },
    )
    changes.wake("outbox:emergency" if lane is Lane.EMERGENCY else "outbox")
    return id


def attribute(changes: Changes, id: UUID, patient_id: UUID, reading: dict[str, Any], related_person_id: UUID | None = None) -> None:
    """A text from a shared phone is now known to be this patient's, or said about them by this relative or carer."""
    changes.update(communications, id, patient_id=patient_id, reading=reading, related_person_id=related_person_id)
