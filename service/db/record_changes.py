"""Who has changed a patient's medicines and limits, when, what they were from then on, and why. Rows are only ever added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, Column, Date, Float, Index, Row, String, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.changes import Changes
from service.db.encryption import Encrypted
from service.db.schema import Instant, id_column, metadata, new_id, organization_column, reference
from service.db.staff import staff

MOST = 100

medication_changes = Table(
    "medication_changes",
    metadata,
    id_column(),
    organization_column(),
    reference("patient_id", "patients"),
    reference("staff_id", "staff"),
    Column("at", Instant, nullable=False),
    Column("what", String(8), nullable=False, doc="added | changed | stopped"),
    Column("reason", Encrypted("medication_changes.reason"), nullable=False),
    reference("medication_id", "medications"),
    Column("words", Encrypted("medication_changes.words"), nullable=False, doc="name and instructions from then on"),
    Index("ix_medication_changes_patient_id_at", "patient_id", "at"),
)

limit_changes = Table(
    "limit_changes",
    metadata,
    id_column(),
    organization_column(),
    reference("patient_id", "patients"),
    reference("staff_id", "staff"),
    Column("at", Instant, nullable=False),
    Column("what", String(8), nullable=False, doc="set | ended"),
    Column("reason", Encrypted("limit_changes.reason"), nullable=False),
    Column("name", String(64), nullable=False),
    Column("amount", Float, nullable=False),
    Column("unit", String(16), nullable=False),
    Column("loosens", Boolean, nullable=False),
    Column("author", String(200), nullable=False, doc="who has signed for it"),
    Column("starts_on", Date),
    Column("ends_on", Date),
    Index("ix_limit_changes_patient_id_at", "patient_id", "at"),
)


def keep_medicine(
    changes: Changes, staff_id: UUID, organization_id: UUID, patient_id: UUID, medication_id: UUID, what: str, words: str, reason: str
) -> None:
    """What has become of a medicine: added, changed or stopped."""
    row = {"id": new_id(changes.now), "organization_id": organization_id, "patient_id": patient_id, "staff_id": staff_id, "at": changes.now}
    changes.insert(medication_changes, {**row, "what": what, "reason": reason, "medication_id": medication_id, "words": words})


def keep_limit(
    changes: Changes, staff_id: UUID, organization_id: UUID, patient_id: UUID, what: str, reason: str, limit: Mapping[str, Any]
) -> None:
    """What has become of a limit: set or ended. `limit`: name, amount, unit, loosens, author, starts_on, ends_on."""
    row = {"id": new_id(changes.now), "organization_id": organization_id, "patient_id": patient_id, "staff_id": staff_id, "at": changes.now}
    changes.insert(limit_changes, {**row, "what": what, "reason": reason, **limit})


async def of_medicines(connection: AsyncConnection, patient_id: UUID, since: datetime | None = None) -> Sequence[Row[Any]]:
    """The patient's newest 100 changes of medicines (since then), newest first, each with `staff_name`."""
    return await _of(connection, medication_changes, patient_id, since)


async def of_limits(connection: AsyncConnection, patient_id: UUID, since: datetime | None = None) -> Sequence[Row[Any]]:
    """The patient's newest 100 changes of limits (since then), newest first, each with `staff_name`."""
    return await _of(connection, limit_changes, patient_id, since)


async def _of(connection: AsyncConnection, table: Table, patient_id: UUID, since: datetime | None) -> Sequence[Row[Any]]:
    wanted = (
        select(table, staff.c.name.label("staff_name")).join(staff, staff.c.id == table.c.staff_id).where(table.c.patient_id == patient_id)
    )
    if since is not None:
        wanted = wanted.where(table.c.at >= since)
    return (await connection.execute(wanted.order_by(table.c.at.desc(), table.c.id.desc()).limit(MOST))).all()
