"""A month of time on a patient: a read of the record, audited in the same transaction (law 10)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.actions.own_patient import own_patient
from service.db import audit, time_log
from service.db.database import Database
from service.domain.staff import Staff
from service.domain.time_log import Entry, Month, Total, total


@dataclass(frozen=True, slots=True)
class TimeOfMonth:
    """The entries newest first, what they add up to, and on how many of the last 30 days the patient has told a value."""

    patient_id: UUID
    name: str
    entries: tuple[Entry, ...]
    total: Total
    data_days: int


async def view_time(
    database: Database, staff: Staff, patient_id: UUID, month: Month, zone: str, now: datetime, *, exported: bool = False
) -> TimeOfMonth:
    """The month on the clock of `zone`. Raises NotFound for another team's patient."""
    async with database.transaction() as connection:
        context = await own_patient(connection, staff, patient_id, now)
        entries = await time_log.entries_between(connection, patient_id, *month.bounds(zone))
        data_days = await time_log.days_with_values(connection, patient_id, now)
        what = "time_exported" if exported else "patient_viewed"
        await audit.leave(
            connection, staff.organization_id, now, what, staff_id=staff.id, patient_id=patient_id, object_kind="time", object_id=patient_id
        )
    return TimeOfMonth(patient_id, context.name, tuple(entries), total(entries), data_days)
