"""The hash chain over the audit trail: one chain an organization, so that a changed, lost or moved entry is found."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, ForeignKey, LargeBinary, Row, Table, Uuid, bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.audit import audit_events
from service.db.encryption import keyring_of
from service.db.organization import organizations
from service.db.schema import metadata

GENESIS = bytes(32)
_ID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_MARK = re.compile(r"\bs(\d{1,14}):([0-9a-f]{64})\b")
_SEALED = ("id", "organization_id", "at", "actor", "staff_id", "action", "patient_id", "object_kind", "object_id", "detail")


audit_heads = Table(
    "audit_heads",
    metadata,
    Column("organization_id", Uuid(), ForeignKey("organizations.id"), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("signature", LargeBinary(32), nullable=False, doc="HMAC-SHA-256 with a key that is not in the database"),
)


@dataclass(frozen=True, slots=True)
class Broken:
    """The first entry that does not fit its chain."""

    organization_id: UUID
    sequence: int


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry of a chain: its place and its hash. Kept elsewhere, it shows whether the chain's end was cut off."""

    organization_id: UUID
    sequence: int
    hash: bytes

    def written(self) -> str:
        """As a line of a file or of the log: organization, place, hash."""
        return f"{self.organization_id} {self.mark()}"

    def mark(self) -> str:
        """Place and hash as one word."""
        return f"s{self.sequence}:{self.hash.hex()}"

    @classmethod
    def read(cls, line: str) -> Head | None:
        """The head of such a line, wherever it stands in it; None when there is none."""
        whose, where = _ID.search(line), _MARK.search(line)
        return cls(UUID(whose[0]), int(where[1]), bytes.fromhex(where[2])) if whose and where else None


@dataclass(frozen=True, slots=True)
class Checked:
    """How far a walk has come: place and hash of the last entry that fits; `whole` at the end of the chain or at what is broken."""

    sequence: int
    hash: bytes
    broken: Broken | None
    whole: bool


START = Checked(0, GENESIS, None, whole=False)
"""Before the first entry."""


async def organizations_with_open_entries(connection: AsyncConnection) -> list[UUID]:
    """Organizations that have entries without a seal."""
    statement = select(audit_events.c.organization_id).where(audit_events.c.sequence.is_(None)).distinct().limit(1000)
    return list((await connection.execute(statement)).scalars().all())


async def seal(connection: AsyncConnection, organization_id: UUID, limit: int) -> Head | None:
    """Gives the oldest open entries their place and hash in the chain; its new head, None when there were none.

    The organization's row is locked meanwhile.
    """
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
    head = await head_of(connection, organization_id)
    if head is not None and (head.sequence, head.hash) != (sequence, previous):
        sequence, previous = head.sequence, head.hash  # what was cut off stays a gap that everybody finds
    elif head is None and last is not None:
        sequence += 1  # somebody has taken the head away: the same
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
        head = Head(organization_id, sequence, previous)
        await _keep_head(connection, head)
    return head if sealed else None


async def step(
    connection: AsyncConnection, organization_id: UUID, so_far: Checked = START, *, kept: Sequence[Head] = (), batch: int = 5000
) -> Checked:
    """Walks the next part of the chain, at most `batch` entries, from where another call came to; `whole` when the walk is over.

    A cut end does not show in the chain itself: it is held against the head that the database keeps signed, and against those that
    were `kept` elsewhere (the log, the file of AUDIT_HEADS, an export).
    """
    # Entries and head are written together: what the head names now is there, and what is there is named by the head afterwards.
    own = await head_of(connection, organization_id)
    heads = [*(head for head in kept if head.organization_id == organization_id), *([own] if own is not None else [])]
    ahead = [head.sequence - so_far.sequence for head in heads if head.sequence > so_far.sequence]
    most = min([batch, *ahead])  # a part ends where a head was kept, so that the hash there can be compared
    place, previous = so_far.sequence, so_far.hash
    wanted = select(audit_events).where(audit_events.c.organization_id == organization_id, audit_events.c.sequence > place)
    rows = (await connection.execute(wanted.order_by(audit_events.c.sequence).limit(most))).all()
    for row in rows:
        place, previous = place + 1, _link(previous, place + 1, row)
        if row.sequence != place or bytes(row.hash) != previous:
            return Checked(place, previous, Broken(organization_id, place), whole=True)
    if any(head.sequence == place and head.hash != previous for head in heads):
        return Checked(place, previous, Broken(organization_id, place), whole=True)
    if len(rows) == most:
        return Checked(place, previous, None, whole=False)
    if any(head.sequence > place for head in heads):
        return Checked(place, previous, Broken(organization_id, place + 1), whole=True)
    after = await head_of(connection, organization_id)
    if place > 0 and (after is None or after.sequence < place):
        return Checked(place, previous, Broken(organization_id, place), whole=True)
    return Checked(place, previous, None, whole=True)


async def verify(connection: AsyncConnection, organization_id: UUID, *, kept: Sequence[Head] = (), batch: int = 5000) -> Broken | None:
    """Walks the whole chain; the first entry that was altered, removed or moved, None when all fit."""
    done = START
    while not done.whole:
        done = await step(connection, organization_id, done, kept=kept, batch=batch)
    return done.broken


async def head_of(connection: AsyncConnection, organization_id: UUID) -> Head | None:
    """The newest place of the chain as the sealer signed it; None when there is none or its signature does not fit."""
    wanted = select(audit_heads).where(audit_heads.c.organization_id == organization_id)
    row = (await connection.execute(wanted)).first()
    if row is None:
        return None
    head = Head(organization_id, row.sequence, bytes(row.hash))
    return head if hmac.compare_digest(signature(connection, head), bytes(row.signature)) else None


def signature(connection: AsyncConnection, head: Head) -> bytes:
    """HMAC-SHA-256 of a head with the blind index's key, which is not in the database."""
    return keyring_of(connection).blind_index(head.organization_id, f"audit head {head.sequence} {head.hash.hex()}")


async def _keep_head(connection: AsyncConnection, head: Head) -> None:
    await connection.execute(delete(audit_heads).where(audit_heads.c.organization_id == head.organization_id))
    row = {"organization_id": head.organization_id, "sequence": head.sequence, "hash": head.hash, "signature": signature(connection, head)}
    await connection.execute(insert(audit_heads).values(row))


def _link(previous: bytes, sequence: int, row: Row[Any]) -> bytes:
    """SHA-256 over the hash before, the place, and the entry as canonical JSON."""
    values = {name: _plain(getattr(row, name)) for name in _SEALED}
    text = json.dumps([sequence, values], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(previous + text.encode()).digest()


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str | dict) else value.isoformat() if hasattr(value, "isoformat") else str(value)
