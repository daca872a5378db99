"""The numbers of a patient and the relatives and carers, as staff see and change them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db import audit
from service.db.changes import Changes
from service.db.patient import consents, patient_phones, patients, phones, related_persons
from service.db.schema import new_id
from service.domain.consent import Method
from service.domain.patient import PatientContext
from service.domain.reading import Channel
from service.domain.schedule import to_utc
from service.domain.staff import Staff

OF_A_RELATIVE = "related person"
"""Source of a consent under which a relative or carer may be written to about this patient."""
MOST = 50
"""Numbers, and related persons, of one patient."""


@dataclass(frozen=True, slots=True)
class People:
    """A patient with their numbers (also former ones) and related persons (also ended ones), for a page."""

    patient: Row[Any]
    numbers: tuple[Row[Any], ...]
    related: tuple[Row[Any], ...]


async def lock_numbers(connection: AsyncConnection, patient_id: UUID) -> None:
    """Locks the patient's numbers, in id order: before the patient, as whoever takes in a text does."""
    mine = select(patient_phones.c.phone_id).where(patient_phones.c.patient_id == patient_id)
    await connection.execute(select(phones.c.id).where(phones.c.id.in_(mine)).order_by(phones.c.id).with_for_update(key_share=True))


async def load(connection: AsyncConnection, patient_id: UUID) -> People:
    """The patient's numbers by position and related persons, those that count first."""
    patient = (await connection.execute(select(patients).where(patients.c.id == patient_id))).one()
    numbers = (
        select(phones, patient_phones.c.position, patient_phones.c.confirmed_at, patient_phones.c.doubted_at, patient_phones.c.ended_at)
        .add_columns(patient_phones.c.ended_why)
        .join(patient_phones, patient_phones.c.phone_id == phones.c.id)
        .where(patient_phones.c.patient_id == patient_id)
        .order_by(patient_phones.c.ended_at.is_not(None), patient_phones.c.position)
        .limit(MOST)
    )
    related = (
        select(related_persons, phones.c.number, phones.c.opted_out_at, phones.c.unsafe_since)
        .outerjoin(phones, phones.c.id == related_persons.c.phone_id)
        .where(related_persons.c.patient_id == patient_id)
        .order_by(related_persons.c.ended_at.is_not(None), related_persons.c.id)
        .limit(MOST)
    )
    return People(patient, tuple((await connection.execute(numbers)).all()), tuple((await connection.execute(related)).all()))


async def next_position(connection: AsyncConnection, patient_id: UUID) -> int:
    """Behind the last number of the patient."""
    last = await connection.scalar(select(func.max(patient_phones.c.position)).where(patient_phones.c.patient_id == patient_id))
    return 0 if last is None else last + 1


def add_number(changes: Changes, organization_id: UUID, patient_id: UUID, phone_id: UUID, position: int) -> None:
    """A number that staff has heard from the patient: confirmed, in the last place."""
    changes.insert(
        patient_phones,
        {
            "id": new_id(changes.now),
            "organization_id": organization_id,
            "patient_id": patient_id,
            "phone_id": phone_id,
            "position": position,
            "confirmed_at": changes.now,
        },
    )


def confirm_number(changes: Changes, patient_id: UUID, phone_id: UUID) -> None:
    """Staff has heard from the patient that the number is theirs: what was doubted or ended counts no more."""
    mine = (patient_phones.c.patient_id == patient_id) & (patient_phones.c.phone_id == phone_id)
    values = {"confirmed_at": changes.now, "doubted_at": None, "ended_at": None, "ended_why": None}
    changes.also(update(patient_phones).where(mine).values(values))


def put_first(changes: Changes, patient_id: UUID, order: Sequence[UUID]) -> None:
    """The places of these numbers, the first is the one that check-ins go to."""
    for position, phone_id in enumerate(order):
        mine = (patient_phones.c.patient_id == patient_id) & (patient_phones.c.phone_id == phone_id)
        changes.also(update(patient_phones).where(mine).values(position=position))


def keep_related(
    changes: Changes,
    organization_id: UUID,
    patient_id: UUID,
    id: UUID | None,
    *,
    phone_id: UUID | None,
    name: str,
    relation: str,
    scope: Sequence[str],
    signed_by: str,
    signed_on: date | None,
    expires_on: date | None,
) -> UUID:
    """A related person as staff wrote them down; a new one when `id` is None. The id."""
    values: dict[str, Any] = {
        "phone_id": phone_id,
        "name": name,
        "relation": relation,
        "scope": list(scope),
        "signed_by": signed_by or None,
        "signed_on": signed_on,
        "expires_on": expires_on,
    }
    if id is None:
        id = new_id(changes.now)
        changes.insert(related_persons, {"id": id, "organization_id": organization_id, "patient_id": patient_id, **values})
    else:
        changes.update(related_persons, id, **values, ended_at=None)
    return id


def consent_to_write(
    changes: Changes,
    context: PatientContext,
    staff_id: UUID,
    phone_id: UUID | None,
    before: UUID | None,
    signed_on: date | None,
    ends: date | None,
) -> None:
    """The consent under which this relative may be written to, in place of an earlier one; None ends it. It allows no check-in."""
    id, c = new_id(changes.now), consents.c
    for old in {phone_id, before} - {None}:
        mine = (c.patient_id == context.id) & (c.phone_id == old) & (c.source == OF_A_RELATIVE) & (c.id != id)
        gone = {"revoked_at": changes.now, "revoked_why": "replaced", "revoked_by": staff_id}
        changes.also(update(consents).where(mine, c.revoked_at.is_(None)).values(gone))
    if phone_id is None or signed_on is None:
        return
    row = {
        "id": id,
        "organization_id": context.organization.id,
        "patient_id": context.id,
        "phone_id": phone_id,
        "channel": Channel.SMS,
        "programme": "",
        "detail": False,
        "per_day": 0,
        "per_week": 0,
        "method": Method.PAPER,
        "source": OF_A_RELATIVE,
        "wording_version": "relative",
        "taken_by": staff_id,
        "given_at": min(to_utc(signed_on, time(), context.zone), changes.now),
        "ends_at": to_utc(ends + timedelta(days=1), time(), context.zone) if ends is not None else None,
    }
    changes.insert(consents, row)


def told(changes: Changes, staff: Staff, patient_id: UUID, what: str, kind: str, id: UUID) -> None:
    """The line of the audit: who changed what of whom."""
    audit.record(changes, staff.organization_id, what, staff_id=staff.id, patient_id=patient_id, object_kind=kind, object_id=id)


async def opened(connection: AsyncConnection, staff: Staff, patient_id: UUID, now: datetime) -> None:
    """The line of the audit: who has read it."""
    await audit.leave(
        connection,
        staff.organization_id,
        now,
        "people_viewed",
        staff_id=staff.id,
        patient_id=patient_id,
        object_kind="patient",
        object_id=patient_id,
    )
