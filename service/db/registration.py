"""Registering patients: who is known already, and the rows of new patients and enrollments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db import audit
from service.db.changes import Changes
from service.db.check_in import enrollments
from service.db.consents import Wording
from service.db.contact import wish_columns
from service.db.encryption import keyring_of
from service.db.patient import conditions, consents, medications, patient_phones, patients, related_persons
from service.db.schema import new_id
from service.domain.patient import PatientStatus
from service.domain.reading import Channel
from service.domain.registration import NewPatient

MOST_AT_ONCE = 1_000
"""Record numbers or patients in one statement."""


def record_number_index(connection: AsyncConnection, organization_id: UUID, record_number: str) -> bytes:
    """The blind index of a record number within its organization."""
    return keyring_of(connection).blind_index(organization_id, f"record {record_number}")


async def patients_by_record_number(connection: AsyncConnection, organization_id: UUID, record_numbers: Sequence[str]) -> dict[str, UUID]:
    """The patients who bear these record numbers, at most 1,000 at once; of a record that was merged the one it is part of."""
    wanted = {record_number_index(connection, organization_id, number): number for number in record_numbers[:MOST_AT_ONCE]}
    id = func.coalesce(patients.c.merged_into_id, patients.c.id).label("id")
    statement = select(id, patients.c.record_number_index).where(
        patients.c.organization_id == organization_id, patients.c.record_number_index.in_(list(wanted))
    )
    return {wanted[bytes(row.record_number_index)]: row.id for row in (await connection.execute(statement)).all()}


async def birth_date_of(connection: AsyncConnection, patient_id: UUID) -> date | None:
    """When the patient was born, None when it is not on record."""
    written = await connection.scalar(select(patients.c.birth_date).where(patients.c.id == patient_id))
    return date.fromisoformat(written) if written else None


async def is_merged(connection: AsyncConnection, patient_id: UUID) -> bool:
    """Whether this record has become part of another."""
    return await connection.scalar(select(patients.c.merged_into_id).where(patients.c.id == patient_id)) is not None


def add_patient(
    connection: AsyncConnection,
    changes: Changes,
    patient: NewPatient,
    *,
    organization_id: UUID,
    team_id: UUID,
    zone: str,
    phone_ids: Sequence[UUID],
    related_phone_id: UUID | None,
    wordings: Mapping[tuple[str, str], Wording] | None = None,
    staff_id: UUID | None = None,
) -> UUID:
    """The rows of a new patient (numbers, consent, problem list, medicines, relative) and the audit entry; the id.

    `phone_ids` are the rows of `patient.phones`, in their order; the first is the one that consent and check-ins are for. `wordings`
    are the words on record, by version and language.
    """
    now = changes.now
    id = new_id(now)
    own = {"organization_id": organization_id, "patient_id": id}
    changes.insert(
        patients,
        {
            "id": id,
            "organization_id": organization_id,
            "team_id": team_id,
            "name": patient.name,
            "birth_date": patient.birth_date.isoformat(),
            "call_pin": patient.call_pin or None,
            "record_number": patient.record_number,
            "record_number_index": record_number_index(connection, organization_id, patient.record_number),
            "language": patient.language,
            "zone": zone,
            "address": patient.address or None,
            "state": patient.state or None,
            **wish_columns(patient.wish),
            "status": PatientStatus.ACTIVE,
            "created_at": now,
        },
    )
    for position, phone_id in enumerate(phone_ids):
        confirmed = _begin_of(patient.number_confirmed_on, now) if patient.number_confirmed_on and position == 0 else None
        changes.insert(patient_phones, {"id": new_id(now), **own, "phone_id": phone_id, "position": position, "confirmed_at": confirmed})
    for channel, consent in ((Channel.SMS, patient.consent), (Channel.VOICE, patient.call_consent)):
        if consent is not None:
            wording = (wordings or {}).get((consent.wording_version, patient.language))
            changes.insert(
                consents,
                {
                    "id": new_id(now),
                    **own,
                    "phone_id": phone_ids[0],
                    "channel": channel,
                    "programme": "",
                    "detail": consent.detail,
                    "per_day": consent.per_day,
                    "per_week": consent.per_week,
                    "method": consent.method,
                    "wording_id": wording.id if wording else None,
                    "warning_version": wording.warning_version if wording else "",
                    "taken_by": staff_id,
                    "source": consent.source,
                    "wording_version": consent.wording_version,
                    "given_at": _begin_of(consent.given_on, now),
                },
            )
    for code in patient.conditions:
        changes.insert(conditions, {"id": new_id(now), **own, "code": code})
    for medicine in patient.medications:
        changes.insert(
            medications, {"id": new_id(now), **own, "name": medicine.name, "kind": medicine.kind, "high_alert": medicine.high_alert}
        )
    if patient.related_name:
        changes.insert(
            related_persons,
            {
                "id": new_id(now),
                **own,
                "phone_id": related_phone_id,
                "name": patient.related_name,
                "relation": patient.relation,
                "scope": [],
            },
        )
    audit.record(changes, organization_id, "patient_registered", staff_id=staff_id, patient_id=id, object_kind="patient", object_id=id)
    return id


async def record_numbers(connection: AsyncConnection, patient_ids: Iterable[UUID]) -> dict[UUID, str]:
    """The record number of each of these patients that has one."""
    statement = select(patients.c.id, patients.c.record_number).where(
        patients.c.id.in_(list(patient_ids)), patients.c.record_number.is_not(None)
    )
    return {row.id: row.record_number for row in (await connection.execute(statement)).all()}


def add_enrollment(
    changes: Changes,
    *,
    organization_id: UUID,
    patient_id: UUID,
    programme: str,
    flow: str,
    rule: str,
    wall_time: time,
    high_risk: bool,
    starts_on: date,
    stops_on: date,
    staff_id: UUID | None = None,
) -> UUID:
    """A place in a programme from `starts_on` to `stops_on` (both local dates, both included), and the audit entry; the id."""
    id = new_id(changes.now)
    changes.insert(
        enrollments,
        {
            "id": id,
            "organization_id": organization_id,
            "patient_id": patient_id,
            "programme": programme,
            "flow": flow,
            "rule": rule,
            "wall_time": wall_time,
            "high_risk": high_risk,
            "starts_on": starts_on,
            "stops_on": stops_on,
            "status": "active",
            "created_at": changes.now,
        },
    )
    whose = {"staff_id": staff_id, "patient_id": patient_id, "object_kind": "enrollment", "object_id": id}
    audit.record(changes, organization_id, "patient_enrolled", **whose)
    return id


def _begin_of(day: date, now: datetime) -> datetime:
    """The begin of a local date as an instant: in UTC, and never after `now`."""
    return min(datetime.combine(day, time(), UTC), now)
