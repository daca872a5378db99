"""Patients, phones, related persons, consents, problem list, medications, care plans and personal limits."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    Float,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    Time,
    UniqueConstraint,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.changes import Changes
from service.db.check_in import enrollments
from service.db.encryption import Encrypted
from service.db.escalation import concerns, escalations
from service.db.schema import Instant, Json, id_column, metadata, organization_column, reference
from service.domain.consent import Consent
from service.domain.patient import PatientContext, PatientStatus
from service.domain.reading import Channel

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
    Column("state", String(2), doc="where the patient lives, by the address and never by the area code: whose calling hours hold"),
    Column("contact_from", Time, doc="the patient's own wish: no scheduled or automatic message before this wall time"),
    Column("contact_until", Time, doc="the same: none from this wall time on"),
    Column("contact_days", String(7), doc="the same: 1 for each weekday, Monday first, on which they want messages; empty: all"),
    Column("on_holidays", Boolean, nullable=False, default=False, doc="agreed to check-ins on the organization's holidays"),
    Column("disclaimed_at", Instant, doc="when the patient was last told that nobody reads texts day and night, and what to do instead"),
    Column("status", String(16), nullable=False, doc="active | paused | deceased | hospice | left"),
    Column("emergency_instruction", Encrypted("patients.emergency_instruction")),
    Column("emergency_instruction_by", Encrypted("patients.emergency_instruction_by")),
    Column("allergies", Encrypted("patients.allergies"), doc='in the nurse\'s words; empty: nobody has asked; "none known" is an answer'),
    Column("education_locked_at", Instant, doc="self-harm: no automated education until a nurse releases it"),
    Column("last_inbound_at", Instant),
    Column("searched_at", Instant, doc="since when name and birth date are in `patient_search`; none: they are taken in soon"),
    Column(
        "synthetic",
        Boolean,
        nullable=False,
        default=False,
        doc="invented, walks the way of a message for a test: in no report and no nurse's queue",
    ),
    Column("created_at", Instant, nullable=False),
    reference("merged_into_id", "patients", nullable=True, index=True),
    Column("merged_at", Instant, doc="set: this record was a second one of the same person and has become part of the other"),
    Index("ix_patients_organization_id_team_id", "organization_id", "team_id"),
    Index("ix_patients_not_searched", "created_at", postgresql_where=text("searched_at IS NULL"), sqlite_where=text("searched_at IS NULL")),
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
    Column("line", String(8), nullable=False, default="", server_default="", doc="mobile | landline | voip | unknown; empty: not asked"),
    Column("tail_index", LargeBinary(12), index=True, doc="of the last four digits, for the search; none: taken in soon"),
    Column("neutral_answer_at", Instant, doc="last answer to an unknown sender: one a day"),
    reference("answering_id", "patients", nullable=True),
    Column("answering_until", Instant, doc="shared phone: until then its texts are those of `answering_id`, who has said so"),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("organization_id", "number_index"),
    Index("ix_phones_no_tail", "created_at", postgresql_where=text("tail_index IS NULL"), sqlite_where=text("tail_index IS NULL")),
    Index("ix_phones_line_not_asked", "created_at", postgresql_where=text("line = ''"), sqlite_where=text("line = ''")),
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
    Column("doubted_at", Instant, doc="somebody else may have the number: only staff confirms it again"),
    Column("ended_at", Instant, doc="set: the number is not the patient's any more"),
    Column("ended_why", String(24), doc="wrong_number | staff"),
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
    Column("scope", Json, nullable=False, doc="list of domain.related_person.Scope"),
    Column("signed_by", Encrypted("related_persons.signed_by"), doc="who has agreed to the scope: the patient or a representative"),
    Column("signed_on", Date),
    Column("expires_on", Date, doc="last day of the scope"),
    Column("ended_at", Instant, doc="set: no longer this patient's"),
)

consent_wordings = Table(
    "consent_wordings",
    metadata,
    id_column(),
    organization_column(),
    Column("version", String(64), nullable=False),
    Column("language", String(8), nullable=False),
    Column("warning_version", String(64), nullable=False, doc="of the warning that texts are not encrypted, as it stands in the words"),
    Column("words_hash", String(64), nullable=False, doc="SHA-256 of the words"),
    Column("words", Text, nullable=False, doc="what people agreed to, kept even when nobody uses this version any more"),
    Column("recorded_at", Instant, nullable=False),
    UniqueConstraint("organization_id", "version", "language"),
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
    Column("per_week", Integer, doc="scheduled prompts in seven days; empty: as many as `per_day` allows"),
    Column("method", String(16), nullable=False, default="import", doc="paper | verbal | text | web | import"),
    Column("source", String(64), nullable=False),
    Column("wording_version", String(64), nullable=False),
    reference("wording_id", "consent_wordings", nullable=True),
    Column("warning_version", String(64), nullable=False, default="", doc="of the unencrypted-text warning that was given"),
    reference("taken_by", "staff", nullable=True),
    reference("representative_id", "related_persons", nullable=True),
    Column("given_at", Instant, nullable=False),
    Column("ends_at", Instant, doc="from then on it holds no more: a representative's authority ends"),
    Column("revoked_at", Instant),
    Column("revoked_why", String(64)),
    reference("revoked_by", "staff", nullable=True),
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
    Column("starts_on", Date, doc="first day on which it holds; empty: at once"),
    Column("ends_on", Date, doc="last day on which it holds; empty: until somebody ends it"),
    UniqueConstraint("patient_id", "name"),
)


def consent_of(row: Any) -> Consent:
    """The consent in a row of `consents`."""
    return Consent(
        patient_id=row.patient_id,
        phone_id=row.phone_id,
        channel=Channel(row.channel),
        programme=row.programme,
        given_at=row.given_at,
        revoked_at=row.revoked_at,
        detail=bool(row.detail),
        per_day=row.per_day,
        per_week=row.per_week,
        ends_at=row.ends_at,
        by_representative=row.representative_id is not None,
    )


def heard_from(changes: Changes, context: PatientContext, phone_id: UUID | None) -> None:
    """The patient has written: when, and that this number reaches them (None: it does not, a stranger answered)."""
    changes.update(patients, context.id, last_inbound_at=changes.now)
    if phone_id in context.unconfirmed_phones - context.doubted_phones:
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
    earlier = patient_phones.alias("earlier")
    before = select(earlier.c.id).where(
        earlier.c.patient_id == patient_phones.c.patient_id, earlier.c.ended_at.is_(None), earlier.c.position < patient_phones.c.position
    )
    first = select(patient_phones.c.id).where(
        patient_phones.c.patient_id == patients.c.id, patient_phones.c.ended_at.is_(None), ~before.exists()
    )
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
