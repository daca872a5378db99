"""Patients, phones, related persons, consents, problem list, medications, care plans and personal limits."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, Column, Date, Float, Index, Integer, LargeBinary, String, Table, Text, UniqueConstraint, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.changes import Changes
from service.db.check_in import enrollments
from service.db.encryption import Encrypted
from service.db.escalation import concerns, escalations
from service.db.schema import Instant, Json, id_column, metadata, organization_column, reference
from service.domain.patient import PatientContext, PatientStatus

patients = Table(
    "patients",
    metadata,
    id_column(),
    organization_column(),
    reference("team_id", "teams"),
    Column("name", Encrypted("patients.name"), nullable=False),
    Column("birth_date", Encrypted("patients.birth_date"), doc="ISO date"),
    Column("call_pin", Encrypted("patients.call_pin"), doc="4 to 8 digits asked for on the telephone instead of the birth year"),
    Column("record_number", Encrypted("patients.record_number")),
    Column("record_number_index", LargeBinary(32)),
    Column("address", Encrypted("patients.address")),
    Column("language", String(8), nullable=False),
    Column("zone", String(64), nullable=False),
    Column("status", String(16), nullable=False, doc="active | paused | deceased | hospice | left"),
    Column("emergency_instruction", Encrypted("patients.emergency_instruction")),
    Column("emergency_instruction_by", Encrypted("patients.emergency_instruction_by")),
    Column("education_locked_at", Instant, doc="self-harm: no automated education until a nurse releases it"),
    Column("last_inbound_at", Instant),
    Column("created_at", Instant, nullable=False),
    Index("ix_patients_organization_id_team_id", "organization_id", "team_id"),
    UniqueConstraint("organization_id", "record_number_index"),
)

phones = Table(
    "phones",
    metadata,
    id_column(),
    organization_column(),
    Column("number", Encrypted("phones.number"), nullable=False, doc="E.164"),
    Column("number_index", LargeBinary(32), nullable=False),
    Column("unsafe_since", Instant, doc="set: no automatic text or call leaves for this number"),
    Column("opted_out_at", Instant),
    Column("invalid_since", Instant, doc="the provider says that texts cannot reach it"),
    Column("neutral_answer_at", Instant, doc="last answer to an unknown sender: one a day"),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("organization_id", "number_index"),
)

patient_phones = Table(
    "patient_phones",
    metadata,
    id_column(),
    organization_column(),
    reference("patient_id", "patients", index=True),
    reference("phone_id", "phones", index=True),
    Column("position", Integer, nullable=False, doc="0 is the number that check-ins go to"),
    Column("confirmed_at", Instant, doc="the patient answered from it, or staff confirmed it"),
    UniqueConstraint("patient_id", "phone_id"),
)

related_persons = Table(
    "related_persons",
    metadata,
    id_column(),
    organization_column(),
    reference("patient_id", "patients", index=True),
    reference("phone_id", "phones", nullable=True, index=True),
    Column("name", Encrypted("related_persons.name"), nullable=False),
    Column("relation", String(40), nullable=False),
    Column("scope", Json, nullable=False),
)

consents = Table(
    "consents",
    metadata,
    id_column(),
    organization_column(),
    reference("patient_id", "patients", index=True),
    reference("phone_id", "phones"),
    Column("channel", String(8), nullable=False),
    Column("programme", String(64), nullable=False, doc="empty: every programme"),
    Column("detail", Boolean, nullable=False, doc="drug and disease names may be written"),
    Column("per_day", Integer, nullable=False, doc="scheduled prompts a day the patient agreed to"),
    Column("source", String(64), nullable=False),
    Column("wording_version", String(64), nullable=False),
    Column("given_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Column("revoked_why", String(64)),
)

conditions = Table(
    "conditions",
    metadata,
    id_column(),
    organization_column(),
    reference("patient_id", "patients", index=True),
    Column("code", String(40), nullable=False),
    Column("since", Date),
    UniqueConstraint("patient_id", "code"),
)

medications = Table(
    "medications",
    metadata,
    id_column(),
    organization_column(),
    reference("patient_id", "patients", index=True),
    Column("name", Encrypted("medications.name"), nullable=False),
    Column("kind", String(40), nullable=False, doc="water_pill, anticoagulant, insulin ..."),
    Column("high_alert", Boolean, nullable=False),
    Column("instructions", Encrypted("medications.instructions")),
    Column("ended_on", Date),
)

care_plans = Table(
    "care_plans",
    metadata,
    id_column(),
    organization_column(),
    reference("patient_id", "patients", index=True),
    Column("title", String(200), nullable=False),
    Column("summary", Encrypted("care_plans.summary")),
    Column("goals", Json, nullable=False, doc="list of {text, measure, target, due}"),
    reference("author_id", "staff", nullable=True),
    Column("created_at", Instant, nullable=False),
    Column("ended_at", Instant),
)

limits = Table(
    "limits",
    metadata,
    id_column(),
    organization_column(),
    reference("patient_id", "patients", index=True),
    reference("care_plan_id", "care_plans", nullable=True),
    Column("name", String(64), nullable=False, doc="such as weight_gain_24h"),
    Column("amount", Float, nullable=False),
    Column("unit", String(16), nullable=False),
    Column("loosens", Boolean, nullable=False),
    Column("author", String(200), nullable=False, doc="the named clinician"),
    Column("reason", Text, nullable=False),
    Column("signed_at", Instant, nullable=False),
    UniqueConstraint("patient_id", "name"),
)


def heard_from(changes: Changes, context: PatientContext, phone_id: UUID | None) -> None:
    """The patient has written: when, and that this number reaches them (None: it does not, a stranger answered)."""
    changes.update(patients, context.id, last_inbound_at=changes.now)
    if phone_id in context.unconfirmed_phones:
        mine = (patient_phones.c.patient_id == context.id) & (patient_phones.c.phone_id == phone_id)
        changes.also(update(patient_phones).where(mine).values(confirmed_at=changes.now))


def set_phone(changes: Changes, phone_id: UUID, **values: Any) -> None:
    """Columns to set on a phone: opted_out_at, unsafe_since, neutral_answer_at ..."""
    changes.update(phones, phone_id, **values)


def set_status(changes: Changes, patient_id: UUID, status: PatientStatus) -> None:
    """Active, paused, deceased, hospice or left."""
    changes.update(patients, patient_id, status=status)


def revoke_consents(changes: Changes, patient_id: UUID, why: str, *, phone_id: UUID | None = None) -> None:
    """Ends every consent of the patient that still holds, or those for one number only."""
    which = [consents.c.patient_id == patient_id, consents.c.revoked_at.is_(None)]
    if phone_id is not None:
        which.append(consents.c.phone_id == phone_id)
    changes.also(update(consents).where(*which).values(revoked_at=changes.now, revoked_why=why))


def restore_consents(changes: Changes, patient_id: UUID, *, phone_id: UUID | None = None) -> None:
    """Consents that an opt-out ended hold again (START, decisions 12), all or those for one number; others do not."""
    which = [consents.c.patient_id == patient_id, consents.c.revoked_why == "opt_out"]
    if phone_id is not None:
        which.append(consents.c.phone_id == phone_id)
    changes.also(update(consents).where(*which).values(revoked_at=None, revoked_why=None))


async def never_confirmed(connection: AsyncConnection, enrolled_before: datetime, rule: str, limit: int) -> dict[UUID, UUID]:
    """Patients in a programme since then whose first number nobody has confirmed, and who were not told of by `rule` yet; each with
    the organization.
    """
    told = (
        select(concerns.c.id)
        .join(escalations, concerns.c.escalation_id == escalations.c.id)
        .where(concerns.c.rule == rule, escalations.c.patient_id == patients.c.id)
    )
    first = select(patient_phones.c.id).where(patient_phones.c.patient_id == patients.c.id, patient_phones.c.position == 0)
    confirmed = first.where(patient_phones.c.confirmed_at.is_not(None))
    statement = (
        select(patients.c.id, patients.c.organization_id)
        .join(enrollments, enrollments.c.patient_id == patients.c.id)
        .where(enrollments.c.status == "active", enrollments.c.created_at < enrolled_before, patients.c.status == PatientStatus.ACTIVE)
        .where(~confirmed.exists(), ~told.exists())
        .distinct()
        .limit(limit)
    )
    return {row.id: row.organization_id for row in (await connection.execute(statement)).all()}
