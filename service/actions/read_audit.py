"""An auditor reads the trail, takes it out, and has its chain verified; each of these is an entry of the trail itself."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from uuid import UUID

from service.actions.open_record import find_patient
from service.actions.refusal import NotFound
from service.db import audit, audit_chain, audit_trail
from service.db.audit_chain import START, Checked, Head
from service.db.audit_trail import Entry, Place, Wanted
from service.db.database import Database
from service.domain.staff import Permission, Staff

PART = 5000
"""Entries that are verified at a time; each part is a short read of its own."""
EXPORT_PART, MOST_EXPORTED = 1000, 500_000
COLUMNS = ("at", "staff_id", "who", "actor", "action", "patient_id", "object", "object_id", "detail", "sequence", "hash")


async def read_audit(database: Database, staff: Staff, wanted: Wanted, after: Place | None, now: datetime) -> list[Entry]:
    """A page of the trail. Raises NotFound for who may not."""
    _audits(staff)
    async with database.transaction() as connection:
        found = await audit_trail.read(connection, staff.organization_id, wanted, after)
        await audit.append(connection, [_viewed(staff, "audit_viewed", wanted, now)])
    return found


async def patient_meant(database: Database, staff: Staff, whose: str) -> UUID | None:
    """The patient with this record number or telephone number."""
    _audits(staff)
    async with database.reading() as connection:
        return await find_patient(connection, staff.organization_id, whose)


async def verify_audit(database: Database, staff: Staff, kept: Sequence[Head], now: datetime) -> AsyncIterator[Checked]:
    """Walks the chain part by part, with how far it has come after each; the last one is `whole` and says what is broken, if anything."""
    _audits(staff)
    so_far = START
    while not so_far.whole:
        async with database.reading() as connection:
            so_far = await audit_chain.step(connection, staff.organization_id, so_far, kept=kept, batch=PART)
        yield so_far
    async with database.transaction() as connection:
        broken = so_far.broken.sequence if so_far.broken is not None else None
        detail = {"entries": so_far.sequence, "broken": broken}
        await audit.leave(connection, staff.organization_id, now, "audit_verified", staff_id=staff.id, detail=detail)


async def head_now(database: Database, staff: Staff) -> Head | None:
    """The chain's newest place, to be kept elsewhere."""
    _audits(staff)
    async with database.reading() as connection:
        return await audit_chain.head_of(connection, staff.organization_id)


async def export_audit(database: Database, staff: Staff, wanted: Wanted, now: datetime) -> AsyncIterator[str]:
    """The trail as CSV, in parts, newest first; the last line is the chain's head with its signature. At most 500,000 entries."""
    _audits(staff)
    async with database.transaction() as connection:
        await audit.append(connection, [_viewed(staff, "audit_exported", wanted, now)])
    yield _line(COLUMNS)
    after: Place | None = None
    for _part in range(MOST_EXPORTED // EXPORT_PART):
        async with database.reading() as connection:
            found = await audit_trail.read(connection, staff.organization_id, wanted, after, limit=EXPORT_PART)
        yield "".join(_row(entry) for entry in found)
        if len(found) < EXPORT_PART:
            break
        after = Place(found[-1].at, found[-1].id)
    async with database.reading() as connection:
        head = await audit_chain.head_of(connection, staff.organization_id)
        if head is not None:
            yield _line(["head", head.organization_id, head.mark(), audit_chain.signature(connection, head).hex()])


def _row(entry: Entry) -> str:
    seal = entry.hash.hex() if entry.hash is not None else ""
    detail = json.dumps(dict(entry.detail), sort_keys=True)
    values = (entry.at.isoformat(), entry.staff_id, entry.who, entry.actor, entry.action, entry.patient_id, entry.object_kind)
    return _line([*values, entry.object_id, detail, entry.sequence, seal])


def _line(values: Sequence[object]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(["" if value is None else _plain(str(value)) for value in values])
    return out.getvalue()


def _plain(text: str) -> str:
    """A text that a spreadsheet takes for a formula stays a text."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _audits(staff: Staff) -> None:
    if not staff.may(Permission.AUDIT):
        raise NotFound


def _viewed(staff: Staff, action: str, wanted: Wanted, now: datetime) -> dict[str, object]:
    detail = {
        "who": str(wanted.who or ""),
        "action": wanted.action[:40],
        "since": wanted.since.isoformat() if wanted.since else "",
        "until": wanted.until.isoformat() if wanted.until else "",
    }
    return audit.entry(staff.organization_id, now, action, staff_id=staff.id, patient_id=wanted.whom, object_kind="audit", detail=detail)
