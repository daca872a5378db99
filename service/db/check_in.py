"""Flow versions, approvals, enrollments, check-ins and flow sessions."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    Index,
    Integer,
    String,
    Subquery,
    Table,
    Time,
    UniqueConstraint,
    bindparam,
    case,
    func,
    select,
    text,
    update,
)

from service.db.changes import Changes
from service.db.database import listed
from service.db.encryption import Encrypted
from service.db.schema import Instant, Json, id_column, metadata, new_id, organization_column, reference

flow_versions = Table(
    "flow_versions",
    metadata,
    id_column(),
    organization_column(),
    Column("programme", String(64), nullable=False),
    Column("flow", String(64), nullable=False),
    Column("content_hash", String(64), nullable=False),
    Column("content", Json, nullable=False, doc="immutable: in-flight sessions run on it to their end"),
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
    Column("rule", String(200), nullable=False, doc="on which local dates, see domain/cadence"),
    Column("wall_time", Time, nullable=False),
    Column("high_risk", Boolean, nullable=False),
    Column("starts_on", Date, nullable=False),
    Column("stops_on", Date, nullable=False),
    Column("status", String(16), nullable=False, doc="active | paused | opted_out | ended"),
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
    Column("status", String(16), nullable=False, doc="planned | started | answered | partly | silent | expired | cancelled | paused"),
    Column("started_at", Instant),
    Column("ended_at", Instant),
    Column("held_why", String(40), doc="why a planned one waits past its time, such as phone_in_use"),
    UniqueConstraint("enrollment_id", "local_date", "slot"),
    Index("ix_check_ins_patient_id_due_at", "patient_id", "due_at"),
    Index(
        "ix_check_ins_planned",
        "due_at",
        postgresql_where=text("status = 'planned'"),
        sqlite_where=text("status = 'planned'"),
    ),
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
    Column("waits_until", Instant, doc="waiting: when its question counts as unanswered; ended: until when a late answer still counts"),
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
    Index(
        "ix_flow_sessions_late",
        "patient_id",
        "waits_until",
        postgresql_where=text("status = 'ended' AND waits_until IS NOT NULL"),
        sqlite_where=text("status = 'ended' AND waits_until IS NOT NULL"),
    ),
)


ENDED = {"completed": "answered", "silent": "silent", "red_flag": "answered", "stopped": "cancelled", "limit": "partly"}
"""What the end of a conversation means for its check-in."""
LATE = "partly"
"""What a silent check-in becomes when its question is answered after all."""


def add_session(
    changes: Changes,
    *,
    organization_id: UUID,
    patient_id: UUID,
    phone_id: UUID,
    enrollment_id: UUID | None,
    check_in_id: UUID | None,
    flow_version_id: UUID,
) -> UUID:
    """A conversation that begins now, pinned to its flow version (law 7); returns its id."""
    id = new_id(changes.now)
    changes.insert(
        flow_sessions,
        {
            "id": id,
            "organization_id": organization_id,
            "patient_id": patient_id,
            "phone_id": phone_id,
            "enrollment_id": enrollment_id,
            "check_in_id": check_in_id,
            "flow_version_id": flow_version_id,
            "state": {},
            "status": "waiting",
            "started_at": changes.now,
            "changed_at": changes.now,
        },
    )
    return id


def save_session(changes: Changes, id: UUID, state: dict[str, Any], waits_until: datetime | None, *, ended: bool) -> None:
    """The conversation's state after a turn; `waits_until` as in the table."""
    values: dict[str, Any] = {"state": state, "status": "ended" if ended else "waiting", "changed_at": changes.now}
    if waits_until is not None or ended:
        values["waits_until"] = waits_until
    changes.update(flow_sessions, id, **values)


def end_check_in(changes: Changes, id: UUID, outcome: str) -> None:
    """Closes a check-in by the way its conversation ended."""
    changes.update(check_ins, id, status=ENDED[outcome], ended_at=changes.now)


def answered_late(changes: Changes, id: UUID) -> None:
    """A check-in that counted as silent has had an answer."""
    changes.update(check_ins, id, status=LATE)


def forget_late(changes: Changes, id: UUID) -> None:
    """The question that an ended conversation left open counts no more: a newer one has been asked."""
    changes.update(flow_sessions, id, waits_until=None)


def stop_session(changes: Changes, id: UUID) -> None:
    """Ends a conversation from outside, its state as it was."""
    changes.update(flow_sessions, id, status="ended", waits_until=None, changed_at=changes.now)


def stop_conversations(changes: Changes, patient_id: UUID, *, phone_id: UUID | None = None) -> None:
    """Ends whatever conversation of the patient is under way (on this phone), and its check-in, from outside."""
    mine = (flow_sessions.c.patient_id == patient_id) & (flow_sessions.c.status == "waiting")
    if phone_id is not None:
        mine &= flow_sessions.c.phone_id == phone_id
    asked = select(flow_sessions.c.check_in_id).where(mine, flow_sessions.c.check_in_id.is_not(None))
    changes.also(update(check_ins).where(check_ins.c.id.in_(asked)).values(status=ENDED["stopped"], ended_at=changes.now))
    changes.also(update(flow_sessions).where(mine).values(status="ended", waits_until=None, changed_at=changes.now))


def pause_enrollments(changes: Changes, patient_id: UUID, status: str) -> None:
    """No new check-ins for this patient: `status` says why (opted_out, paused)."""
    mine = enrollments.c.patient_id == patient_id
    changes.also(update(enrollments).where(mine, enrollments.c.status == "active").values(status=status))


def plan_otherwise(changes: Changes, enrollment_id: UUID, *, rule: str, stops_on: date) -> None:
    """Another line of dates for an enrollment, and its last day; the next planning plans it anew."""
    changes.update(enrollments, enrollment_id, rule=rule, stops_on=stops_on, planned_through=None)


def resume_enrollments(changes: Changes, patient_id: UUID, why: str = "opted_out") -> None:
    """Enrollments that an opt-out paused run again; with "paused", those that stood still because the patient had left."""
    mine = enrollments.c.patient_id == patient_id
    changes.also(update(enrollments).where(mine, enrollments.c.status == why).values(status="active", planned_through=None))


def silent_in_a_row(dialect: str) -> Subquery:
    """By enrollment (`id`), how many of its check-ins since then, from the newest back, had no answer.

    Executed with `ids` (patients) and `since`.
    """
    newest = func.row_number().over(partition_by=check_ins.c.enrollment_id, order_by=check_ins.c.due_at.desc()).label("newest")
    numbered = (
        select(check_ins.c.patient_id, check_ins.c.enrollment_id, check_ins.c.status, newest)
        .where(
            listed(dialect, check_ins.c.patient_id, "ids"),
            check_ins.c.due_at > bindparam("since", type_=Instant()),
            check_ins.c.status.in_(["silent", "answered", "partly"]),
        )
        .subquery()
    )
    last_answered = func.min(case((numbered.c.status != "silent", numbered.c.newest)))
    return (
        select(
            numbered.c.patient_id,
            numbered.c.enrollment_id.label("id"),
            func.coalesce(last_answered - 1, func.count()).label("silent"),
        )
        .group_by(numbered.c.patient_id, numbered.c.enrollment_id)
        .subquery()
    )
