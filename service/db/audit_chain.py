"""The hash chain over the audit trail: one chain an organization, so that a changed, lost or moved entry is found."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.audit import audit_events
from service.db.organization import organizations

GENESIS = bytes(32)
_SEALED = ("id", "organization_id", "at", "actor", "staff_id", "action", "patient_id", "object_kind", "object_id", "detail")


@dataclass(frozen=True, slots=True)
class Broken:
    """The first entry that does not fit its chain."""

    organization_id: UUID
    sequence: int


async def organizations_with_open_entries(connection: AsyncConnection) -> list[UUID]:
    """Organizations that have entries without a seal."""
    statement = select(audit_events.c.organization_id).where(audit_events.c.sequence.is_(None)).distinct().limit(1000)
    return list((await connection.execute(statement)).scalars().all())


async def seal(connection: AsyncConnection, organization_id: UUID, limit: int) -> int:
    """Gives the oldest open entries their place and hash in the chain; how many. The organization's row is locked meanwhile."""
    await connection.execute(select(organizations.c.id).where(organizations.c.id == organization_id).with_for_update(key_share=True))
    mine = audit_events.c.organization_id == organization_id
    last = (
        await connection.execute(
            select(audit_events.c.sequence, audit_events.c.hash)
            .where(mine, audit_events.c.sequence.is_not(None))
            .order_by(audit_events.c.sequence.desc())
            .limit(1)
        )
    ).first()
    sequence, previous = (last.sequence, bytes(last.hash)) if last is not None else (0, GENESIS)
    rows = (
        await connection.execute(
            select(audit_events).where(mine, audit_events.c.sequence.is_(None)).order_by(audit_events.c.at, audit_events.c.id).limit(limit)
        )
    ).all()
    sealed = []
    for row in rows:
        sequence, previous = sequence + 1, _link(previous, sequence + 1, row)
        sealed.append({"row_id": row.id, "place": sequence, "seal": previous})
    if sealed:
        place = update(audit_events).where(audit_events.c.id == bindparam("row_id"))
        await connection.execute(place.values(sequence=bindparam("place"), hash=bindparam("seal")), sealed)
    return len(sealed)


async def verify(connection: AsyncConnection, organization_id: UUID, *, batch: int = 5000) -> Broken | None:
    """Walks the whole chain; the first entry that was altered, removed or moved, None when all fit.

    A cut end cannot be seen from inside: keep the newest sequence and hash elsewhere.
    """
    expected, previous = 1, GENESIS
    while True:
        rows = (
            await connection.execute(
                select(audit_events)
                .where(audit_events.c.organization_id == organization_id, audit_events.c.sequence >= expected)
                .order_by(audit_events.c.sequence)
                .limit(batch)
            )
        ).all()
        for row in rows:
            previous = _link(previous, expected, row)
            if row.sequence != expected or bytes(row.hash) != previous:
                return Broken(organization_id, expected)
            expected += 1
        if len(rows) < batch:
            return None


def _link(previous: bytes, sequence: int, row: Row[Any]) -> bytes:
    """SHA-256 over the hash before, the place, and the entry as canonical JSON."""
    values = {name: _plain(getattr(row, name)) for name in _SEALED}
    text = json.dumps([sequence, values], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(previous + text.encode()).digest()


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str | dict) else value.isoformat() if hasattr(value, "isoformat") else str(value)
