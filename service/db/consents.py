"""Consents as objects of their own: the words that were agreed to, who took them, how, and who withdrew them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db import audit
from service.db.changes import Changes
from service.db.check_in import enrollments
from service.db.contact import wish_columns
from service.db.database import insert_missing
from service.db.escalation import concerns, escalations
from service.db.patient import consent_wordings, consents, patients, phones, related_persons
from service.db.schema import new_id
from service.db.staff import staff
from service.domain.consent import Method
from service.domain.contact_hours import Wish
from service.domain.contact_law import words_hash
from service.domain.reading import Channel

MOST_SHOWN = 50


class OtherWords(Exception):
    """This version is on record with other words: what somebody agreed to is never changed."""


@dataclass(frozen=True, slots=True)
class Wording:
    """Words that people agree to, as they are on record."""

    id: UUID
    warning_version: str


async def wordings_of(connection: AsyncConnection, organization_id: UUID) -> dict[tuple[str, str], Wording]:
    """All words on record at this organization, by version and language."""
    c = consent_wordings.c
    found = await connection.execute(select(c.id, c.version, c.language, c.warning_version).where(c.organization_id == organization_id))
    return {(row.version, row.language): Wording(row.id, row.warning_version) for row in found.all()}


async def keep_words(
    connection: AsyncConnection, organization_id: UUID, version: str, language: str, warning_version: str, words: str, now: datetime
) -> Wording:
    """Puts words on record, or finds them there. OtherWords when this version and language already stand for different ones."""
    c = consent_wordings.c
    row = {
        "id": new_id(now),
        "organization_id": organization_id,
        "version": version,
        "language": language,
        "warning_version": warning_version,
        "words_hash": words_hash(words),
        "words": words,
        "recorded_at": now,
    }
    await connection.execute(insert_missing(consent_wordings, connection, c.organization_id, c.version, c.language), [row])
    mine = (c.organization_id == organization_id) & (c.version == version) & (c.language == language)
    kept = (await connection.execute(select(consent_wordings).where(mine))).one()
    if kept.words_hash != row["words_hash"]:
        raise OtherWords
    return Wording(kept.id, kept.warning_version)


@dataclass(frozen=True, slots=True)
class NewConsentRow:
    """A consent to be recorded by staff."""

    phone_id: UUID
    channel: Channel
    programme: str
    detail: bool
    per_day: int
    per_week: int | None
    method: Method
    source: str
    wording_version: str
    wording: Wording
    given_at: datetime
    ends_at: datetime | None
    representative_id: UUID | None


def add(changes: Changes, organization_id: UUID, patient_id: UUID, staff_id: UUID, one: NewConsentRow) -> UUID:
    """Records it, in place of what held for the same number, channel and programme; audited; the id."""
    id = new_id(changes.now)
    c = consents.c
    same = (c.patient_id == patient_id) & (c.phone_id == one.phone_id) & (c.channel == one.channel) & (c.programme == one.programme)
    replaced = {"revoked_at": changes.now, "revoked_why": "replaced", "revoked_by": staff_id}
    changes.also(update(consents).where(same, c.revoked_at.is_(None), c.id != id).values(replaced))
    changes.insert(
        consents,
        {
            "id": id,
            "organization_id": organization_id,
            "patient_id": patient_id,
            "phone_id": one.phone_id,
            "channel": one.channel,
            "programme": one.programme,
            "detail": one.detail,
            "per_day": one.per_day,
            "per_week": one.per_week,
            "method": one.method,
            "source": one.source[:64],
            "wording_version": one.wording_version,
            "wording_id": one.wording.id,
            "warning_version": one.wording.warning_version,
            "taken_by": staff_id,
            "representative_id": one.representative_id,
            "given_at": one.given_at,
            "ends_at": one.ends_at,
        },
    )
    detail = {"channel": one.channel, "programme": one.programme, "per_day": one.per_day, "per_week": one.per_week, "method": one.method}
    whose = {"patient_id": patient_id, "object_kind": "consent", "object_id": id}
    audit.record(changes, organization_id, "consent_recorded", staff_id=staff_id, **whose, detail=detail)
    return id


def withdraw(changes: Changes, organization_id: UUID, patient_id: UUID, staff_id: UUID, consent_id: UUID, why: str) -> None:
    """Ends one consent from now on; audited."""
    changes.update(consents, consent_id, revoked_at=changes.now, revoked_why=why[:64], revoked_by=staff_id)
    whose = {"patient_id": patient_id, "object_kind": "consent", "object_id": consent_id}
    audit.record(changes, organization_id, "consent_withdrawn", staff_id=staff_id, **whose)


async def shown(connection: AsyncConnection, patient_id: UUID) -> list[Row[Any]]:
    """The patient's consents, newest first, each with its words, number, who took it, who withdrew it and who spoke for the patient."""
    taker, ender = staff.alias("taker"), staff.alias("ender")
    statement = (
        select(
            consents,
            phones.c.number,
            consent_wordings.c.words,
            consent_wordings.c.words_hash,
            taker.c.name.label("taken_by_name"),
            ender.c.name.label("revoked_by_name"),
            related_persons.c.name.label("representative"),
            related_persons.c.relation,
        )
        .join(phones, phones.c.id == consents.c.phone_id)
        .outerjoin(consent_wordings, consent_wordings.c.id == consents.c.wording_id)
        .outerjoin(taker, taker.c.id == consents.c.taken_by)
        .outerjoin(ender, ender.c.id == consents.c.revoked_by)
        .outerjoin(related_persons, related_persons.c.id == consents.c.representative_id)
        .where(consents.c.patient_id == patient_id)
        .order_by(consents.c.given_at.desc(), consents.c.id.desc())
        .limit(MOST_SHOWN)
    )
    return list((await connection.execute(statement)).all())


async def ending(
    connection: AsyncConnection, now: datetime, before: datetime, rule: str, *, told_since: datetime, limit: int
) -> dict[UUID, UUID]:
    """Patients in a programme with a consent that ends between now and then, who were not told of by `rule` lately; each with the
    organization.
    """
    told = (
        select(concerns.c.id)
        .join(escalations, concerns.c.escalation_id == escalations.c.id)
        .where(concerns.c.rule == rule, escalations.c.patient_id == patients.c.id, concerns.c.raised_at > told_since)
    )
    enrolled = select(enrollments.c.id).where(enrollments.c.patient_id == patients.c.id, enrollments.c.status == "active")
    statement = (
        select(patients.c.id, patients.c.organization_id)
        .join(consents, consents.c.patient_id == patients.c.id)
        .where(consents.c.revoked_at.is_(None), consents.c.ends_at > now, consents.c.ends_at <= before)
        .where(enrolled.exists(), ~told.exists())
        .distinct()
        .limit(limit)
    )
    return {row.id: row.organization_id for row in (await connection.execute(statement)).all()}


def set_place(changes: Changes, patient_id: UUID, *, zone: str, state: str, address: str | None, wish: Wish) -> None:
    """Where the patient lives and when they want messages."""
    values = {"zone": zone, "state": state or None, **wish_columns(wish)}
    changes.update(patients, patient_id, **values, **({"address": address or None} if address is not None else {}))


async def related_of(connection: AsyncConnection, patient_ids: Collection[UUID]) -> list[Row[Any]]:
    """Related persons of these patients: id, patient, name, relation, phone."""
    statement = select(related_persons).where(related_persons.c.patient_id.in_(list(patient_ids))).order_by(related_persons.c.id)
    return list((await connection.execute(statement.limit(MOST_SHOWN))).all())
