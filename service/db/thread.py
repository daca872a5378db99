"""The thread of an item: texts, calls, what was said in them, notes, the item's own events and missed check-ins, in one order.

A page holds the newest entries before a key. One statement finds which they are (each source gives its newest by its own index), then
each source is asked once for those rows alone: a page costs the same with a hundred entries and with ten thousand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, String, and_, literal_column, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.calls import calls
from service.db.check_in import check_ins, enrollments
from service.db.communication import communications
from service.db.escalation import escalation_events, notes
from service.db.nurse_calls import call_attempts, nurse_calls
from service.db.staff import staff
from service.domain.escalation import Escalation

PAGE = 40


class Entry(StrEnum):
    """What an entry is."""

    SAID = "said"  # a text or something said on the telephone, in either direction
    CALL = "call"  # a call of the service to the patient
    NURSE_CALL = "nurse_call"  # a call that joined nurse and patient
    ATTEMPT = "attempt"  # a call as the nurse logged it
    NOTE = "note"
    EVENT = "event"  # of the item: claimed, paged, lowered ...
    MISSED = "missed"  # a check-in that was not answered, or only in part


SILENT = ("silent", "partly", "expired")
TOLD_OTHERWISE = ("message", "note_written", "reply_written", "call_attempt", "nurse_called")
"""Events of the item that stand in the thread as the note, text or call that they are about."""


@dataclass(frozen=True, slots=True)
class Key:
    """Where a page ends: the one after it holds what is older."""

    at: datetime
    id: UUID

    def __str__(self) -> str:
        return f"{self.at.isoformat()}_{self.id}"

    @classmethod
    def parse(cls, text: str) -> Key | None:
        """The key that `str` wrote, None for anything else."""
        at, _, id = text.partition("_")
        try:
            key = cls(datetime.fromisoformat(at), UUID(id))
        except ValueError:
            return None
        return key if key.at.tzinfo is not None else None


@dataclass(frozen=True, slots=True)
class Line:
    """One entry; `row` has the columns of its table, and `author` where somebody did it."""

    entry: Entry
    id: UUID
    at: datetime
    row: Row[Any]


@dataclass(frozen=True, slots=True)
class Thread:
    """A page of the thread, oldest first, and the key of the page before it (None: this is the beginning)."""

    lines: tuple[Line, ...]
    older: Key | None
    newest: bool
    """This page is the newest one."""


async def load(connection: AsyncConnection, item: Escalation, before: Key | None = None, *, most: int = PAGE) -> Thread:
    """The newest `most` entries (older than the key): of the patient, or of the number that an item without one hangs on."""
    parts = [source.newest(item, before, most + 1).subquery() for source in _sources(item)]
    every = union_all(*(select(part) for part in parts)).subquery("every")
    wanted = select(every).order_by(every.c.at.desc(), every.c.id.desc()).limit(most + 1)
    found = (await connection.execute(wanted)).all()
    page = found[:most]
    rows = await _rows(connection, page)
    lines = [Line(Entry(one.entry), one.id, one.at, rows[one.entry, one.id]) for one in reversed(page) if (one.entry, one.id) in rows]
    older = Key(page[-1].at, page[-1].id) if len(found) > most else None
    return Thread(tuple(lines), older, before is None)


@dataclass(frozen=True, slots=True)
class _Source:
    entry: Entry
    table: Any
    at: ColumnElement[Any]
    whose: ColumnElement[bool]

    def newest(self, item: Escalation, before: Key | None, most: int) -> Select[Any]:
        id = self.table.c.id
        wanted = select(literal_column(f"'{self.entry}'", String).label("entry"), id.label("id"), self.at.label("at")).where(self.whose)
        if before is not None:
            wanted = wanted.where(self.at <= before.at, or_(self.at < before.at, and_(self.at == before.at, id < before.id)))
        return wanted.order_by(self.at.desc(), id.desc()).limit(most)


def talk_of(item: Escalation) -> ColumnElement[bool]:
    """Messages of the patient; of an unknown or shared number only those that belong to nobody known."""
    if item.patient_id is not None:
        return communications.c.patient_id == item.patient_id
    return and_(communications.c.phone_id == item.phone_id, communications.c.patient_id.is_(None))


def _sources(item: Escalation) -> list[_Source]:
    events = and_(escalation_events.c.escalation_id == item.id, escalation_events.c.what.not_in(TOLD_OTHERWISE))
    patient_id = item.patient_id
    found = [_Source(Entry.SAID, communications, communications.c.created_at, talk_of(item))]
    found.append(_Source(Entry.EVENT, escalation_events, escalation_events.c.at, events))
    if patient_id is None:
        of_item = {Entry.NOTE: (notes, notes.c.created_at), Entry.ATTEMPT: (call_attempts, call_attempts.c.at)}
        of_item[Entry.NURSE_CALL] = (nurse_calls, nurse_calls.c.created_at)
        return found + [_Source(entry, table, at, table.c.escalation_id == item.id) for entry, (table, at) in of_item.items()]
    missed = and_(check_ins.c.patient_id == patient_id, check_ins.c.status.in_(SILENT))
    return [
        *found,
        _Source(Entry.NOTE, notes, notes.c.created_at, notes.c.patient_id == patient_id),
        _Source(Entry.ATTEMPT, call_attempts, call_attempts.c.at, call_attempts.c.patient_id == patient_id),
        _Source(Entry.NURSE_CALL, nurse_calls, nurse_calls.c.created_at, nurse_calls.c.escalation_id == item.id),
        _Source(Entry.CALL, calls, calls.c.created_at, calls.c.patient_id == patient_id),
        _Source(Entry.MISSED, check_ins, check_ins.c.due_at, missed),
    ]


def _by_author(table: Any, author: Any) -> Select[Any]:
    return select(table, staff.c.name.label("author")).outerjoin(staff, staff.c.id == author)


_ROWS: Mapping[Entry, Callable[[], Select[Any]]] = {
    Entry.SAID: lambda: _by_author(communications, communications.c.staff_id),
    Entry.CALL: lambda: select(calls.c.id, calls.c.purpose, calls.c.status, calls.c.reason, calls.c.answered_by, calls.c.number),
    Entry.NURSE_CALL: lambda: _by_author(nurse_calls, nurse_calls.c.staff_id),
    Entry.ATTEMPT: lambda: _by_author(call_attempts, call_attempts.c.staff_id),
    Entry.NOTE: lambda: _by_author(notes, notes.c.author_id),
    Entry.EVENT: lambda: _by_author(escalation_events, escalation_events.c.staff_id),
    Entry.MISSED: lambda: select(
        check_ins.c.id, check_ins.c.status, check_ins.c.local_date, enrollments.c.programme, enrollments.c.flow
    ).join(enrollments, enrollments.c.id == check_ins.c.enrollment_id),
}
_TABLE: Mapping[Entry, Any] = {
    Entry.SAID: communications,
    Entry.CALL: calls,
    Entry.NURSE_CALL: nurse_calls,
    Entry.ATTEMPT: call_attempts,
    Entry.NOTE: notes,
    Entry.EVENT: escalation_events,
    Entry.MISSED: check_ins,
}


async def _rows(connection: AsyncConnection, page: Sequence[Row[Any]]) -> dict[tuple[str, UUID], Row[Any]]:
    ids: dict[str, list[UUID]] = defaultdict(list)
    for one in page:
        ids[one.entry].append(one.id)
    found: dict[tuple[str, UUID], Row[Any]] = {}
    for entry, wanted in ids.items():
        statement = _ROWS[Entry(entry)]().where(_TABLE[Entry(entry)].c.id.in_(wanted))
        for row in (await connection.execute(statement)).all():
            found[entry, row.id] = row
    return found
