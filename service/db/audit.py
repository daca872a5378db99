"""The audit trail: who did what to which patient's record; appended in the transaction, chained by one sealer job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, Uuid, insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.changes import Changes
from service.db.schema import Instant, Json, id_column, metadata, new_id, organization_column

audit_events = Table(
    "audit_events",
    metadata,
    id_column(),
    organization_column(),
    Column("at", Instant, nullable=False),
    Column("actor", String(16), nullable=False, doc="staff | patient | system | provider"),
    Column("staff_id", Uuid()),
    Column("action", String(40), nullable=False),
    Column("patient_id", Uuid()),
    Column("object_kind", String(32), nullable=False, default=""),
    Column("object_id", Uuid()),
    Column("detail", Json, nullable=False),
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), doc="set by the sealer, with the hash"),
    Column("hash", LargeBinary(32)),
    Index("ix_audit_events_patient_id_at", "patient_id", "at"),
    Index("ix_audit_events_organization_id_at", "organization_id", "at", "id"),
    Index("ix_audit_events_organization_id_staff_id", "organization_id", "staff_id", "at"),
    Index(
        "ix_audit_events_open",
        "organization_id",
        "at",
        postgresql_where=text("sequence IS NULL"),
        sqlite_where=text("sequence IS NULL"),
    ),
    Index("ix_audit_events_sequence", "organization_id", "sequence", unique=True),
)


def entry(
    organization_id: UUID,
    now: datetime,
    action: str,
    *,
    actor: str = "system",
    staff_id: UUID | None = None,
    patient_id: UUID | None = None,
    object_kind: str = "",
    object_id: UUID | None = None,
    detail: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A row for `append`; `detail` holds codes and ids only, never names, numbers or words."""
    return {
        "id": new_id(now),
        "organization_id": organization_id,
        "at": now,
        "actor": "staff" if staff_id is not None else actor,
        "staff_id": staff_id,
        "action": action,
        "patient_id": patient_id,
        "object_kind": object_kind,
        "object_id": object_id,
        "detail": dict(detail or {}),
    }


async def append(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Appends entries in the caller's transaction."""
    if rows:
        await connection.execute(insert(audit_events), [dict(row) for row in rows])


async def leave(connection: AsyncConnection, organization_id: UUID, now: datetime, action: str, **more: Any) -> None:
    """Appends one entry in the caller's transaction; `more` as for `entry`."""
    await append(connection, [entry(organization_id, now, action, **more)])


def record(changes: Changes, organization_id: UUID, action: str, **more: Any) -> None:
    """Adds an entry to the changes; `more` as for `entry`."""
    changes.insert(audit_events, entry(organization_id, changes.now, action, **more))
