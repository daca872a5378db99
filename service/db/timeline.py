"""The time line of a patient: everything that has happened, newest first, in pages that a key continues.

Each source gives its newest rows before the key by its own index (patient, time); one statement unites them and keeps the newest of
all. So a page costs the same whether the record has a hundred entries or a hundred thousand.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Float,
    Integer,
    LargeBinary,
    Select,
    String,
    Uuid,
    and_,
    bindparam,
    cast,
    literal_column,
    null,
    or_,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.audit import audit_events
from service.db.calls import calls
from service.db.check_in import check_ins, enrollments
from service.db.communication import communications
from service.db.encryption import keyring_of
from service.db.escalation import escalations, notes
from service.db.nurse_calls import call_attempts
from service.db.observation import observations
from service.db.patient import consents
from service.db.pauses import pauses
from service.db.record_changes import limit_changes, medication_changes
from service.db.schema import Instant
from service.db.staff import staff

PAGE = 50
NOT_DELIVERED = ("undelivered", "failed", "unknown", "expired")
RECORD_ACTIONS = (
    "patient_registered",
    "patient_enrolled",
    "enrollment_ended",
    "patient_transferred",
    "patient_merged",
    "patient_active",
    "patient_deceased",
    "patient_hospice",
    "patient_left",
    "contact_hours_changed",
    "patient_details_changed",
    "opted_out",
    "opted_in",
    "wrong_number",
    "number_frozen",
    "number_safe",
)
"""What the audit knows of the record itself, shown as it happened; who merely looked stands in the audit alone."""


class Entry(StrEnum):
    """The kinds of entries; the page's filters are these."""

    CHECK_IN = "check_in"
    TEXT = "text"
    CALL = "call"
    READING = "reading"
    DOSE = "dose"
    ITEM = "item"
    NOTE = "note"
    CONSENT = "consent"
    PAUSE = "pause"
    MEDICINE = "medicine"
    LIMIT = "limit"
    RECORD = "record"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Key:
    """Where a page ends: the next one holds what is older."""

    at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class Line:
    """One entry. What `a` to `d`, `value` and `words` say depends on `source`, as the sources below set them; "" for nothing."""

    source: str
    id: UUID
    at: datetime
    a: str
    b: str
    c: str
    d: str
    value: float | None
    value_2: float | None
    words: str
    author: str
    item_id: UUID | None


@dataclass(frozen=True, slots=True)
class TimeLine:
    """A page of entries, newest first, and the key of the next, None at the end."""

    lines: tuple[Line, ...]
    older: Key | None


async def load(
    connection: AsyncConnection, patient_id: UUID, kinds: Collection[Entry], before: Key | None, now: datetime, *, most: int = PAGE
) -> TimeLine:
    """The newest `most` entries of these kinds (none named: all, where failures stand among the texts) older than the key."""
    key = before or Key(now, UUID(int=2**128 - 1))
    wanted = frozenset(kinds) or frozenset(Entry) - {Entry.FAILURE}
    parameters = {"patient": patient_id, "at": key.at, "key": key.id, "most": most + 1}
    rows = (await connection.execute(_statement(wanted), parameters)).all()
    ring = keyring_of(connection)
    lines = [
        Line(
            row.source,
            row.id,
            row.at,
            row.a or "",
            row.b or "",
            row.c or "",
            row.d or "",
            row.value,
            row.value_2,
            ring.decrypt(bytes(row.words), CONTEXTS[row.source]) if row.words is not None else "",
            row.author or "",
            row.item_id,
        )
        for row in rows[:most]
    ]
    return TimeLine(tuple(lines), Key(lines[-1].at, lines[-1].id) if len(rows) > most else None)


@functools.cache
def _statement(kinds: frozenset[Entry]) -> Select[Any]:
    parts = [select(part.subquery()) for kind in Entry if kind in kinds for part in _SOURCES[kind]()]
    every = union_all(*parts).subquery("every")
    wanted = select(every, staff.c.name.label("author")).outerjoin(staff, staff.c.id == every.c.author_id)
    return wanted.order_by(every.c.at.desc(), every.c.id.desc()).limit(bindparam("most", type_=Integer()))


def _part(
    source: str,
    table: Any,
    at: Any,
    *conditions: ColumnElement[bool],
    id: Any = None,
    patient: Any = None,
    joined: Any = None,
    **columns: Any,
) -> Select[Any]:
    """The newest rows of one source before the key, in the columns that all sources share."""
    id = table.c.id if id is None else id
    moment, key = bindparam("at", type_=Instant()), bindparam("key", type_=Uuid())
    kinds = {"a": String, "b": String, "c": String, "d": String, "value": Float, "value_2": Float, "author_id": Uuid, "item_id": Uuid}
    shown = [cast(columns.get(name, null()), type_()).label(name) for name, type_ in kinds.items()]
    words = columns.get("words")
    hidden = type_coerce(words, LargeBinary()) if words is not None else cast(null(), LargeBinary())
    return (
        select(literal_column(f"'{source}'", String).label("source"), id.label("id"), at.label("at"), *shown, hidden.label("words"))
        .select_from(table if joined is None else joined)
        .where((table.c.patient_id if patient is None else patient) == bindparam("patient", type_=Uuid()))
        .where(at <= moment, or_(at < moment, and_(at == moment, id < key)), *conditions)
        .order_by(at.desc(), id.desc())
        .limit(bindparam("most", type_=Integer()))
    )


def _texts(*conditions: ColumnElement[bool]) -> Select[Any]:
    c = communications.c
    about = {"a": c.direction, "b": c.purpose, "c": c.status, "d": c.error_code, "words": c.body, "author_id": c.staff_id}
    return _part("text", communications, c.created_at, c.channel == "sms", *conditions, item_id=c.escalation_id, **about)


def _calls() -> list[Select[Any]]:
    c, said, tried = calls.c, communications.c, call_attempts.c
    return [
        _part("call", calls, c.created_at, a=c.purpose, b=c.status, c=c.answered_by, d=c.reason),
        _part("spoken", communications, said.created_at, said.channel == "voice", a=said.direction, b=said.purpose, words=said.body),
        _part("attempt", call_attempts, tried.at, a=tried.outcome, author_id=tried.staff_id, item_id=tried.escalation_id),
    ]


def _readings() -> list[Select[Any]]:
    c = observations.c
    kinds = c.kind.in_(["value", "symptom", "answer"])
    return [
        _part("reading", observations, c.taken_at, kinds, a=c.kind, b=c.name, c=c.unit, d=c.assertion, value=c.value, value_2=c.value_2)
    ]


def _doses() -> list[Select[Any]]:
    c = observations.c
    return [_part("dose", observations, c.taken_at, c.kind == "medication", a=c.name, b=c.detail, d=c.assertion)]


def _check_ins() -> list[Select[Any]]:
    c = check_ins.c
    joined = check_ins.join(enrollments, enrollments.c.id == c.enrollment_id)
    return [_part("check_in", check_ins, c.due_at, c.status != "planned", joined=joined, a=c.status, b=enrollments.c.programme)]


def _items() -> list[Select[Any]]:
    c = escalations.c
    return [
        _part(
            "item",
            escalations,
            c.opened_at,
            a=c.state,
            b=c.summary,
            c=c.disposition,
            value=c.urgency_rank,
            author_id=c.resolved_by,
            item_id=c.id,
        )
    ]


def _notes() -> list[Select[Any]]:
    c = notes.c
    return [_part("note", notes, c.created_at, a=c.kind, words=c.body, author_id=c.author_id, item_id=c.escalation_id)]


def _consents() -> list[Select[Any]]:
    c = consents.c
    given = {"a": c.channel, "b": c.programme, "c": c.method}
    return [
        _part("consent", consents, c.given_at, **given, author_id=c.taken_by),
        _part("withdrawn", consents, c.revoked_at, c.revoked_at.is_not(None), **given, d=c.revoked_why, author_id=c.revoked_by),
    ]


def _pauses() -> list[Select[Any]]:
    c = pauses.c
    return [_part("pause", pauses, c.created_at, a=c.kind, b=c.state, words=c.reason, author_id=c.staff_id)]


def _medicines() -> list[Select[Any]]:
    c = medication_changes.c
    return [_part("medicine", medication_changes, c.at, a=c.what, words=c.words, author_id=c.staff_id)]


def _limits() -> list[Select[Any]]:
    c = limit_changes.c
    return [
        _part("limit", limit_changes, c.at, a=c.what, b=c.name, c=c.unit, d=c.author, value=c.amount, words=c.reason, author_id=c.staff_id)
    ]


def _record() -> list[Select[Any]]:
    c = audit_events.c
    return [_part("record", audit_events, c.at, c.action.in_(RECORD_ACTIONS), a=c.action, author_id=c.staff_id)]


_SOURCES: dict[Entry, Callable[[], list[Select[Any]]]] = {
    Entry.CHECK_IN: _check_ins,
    Entry.TEXT: lambda: [_texts()],
    Entry.CALL: _calls,
    Entry.READING: _readings,
    Entry.DOSE: _doses,
    Entry.ITEM: _items,
    Entry.NOTE: _notes,
    Entry.CONSENT: _consents,
    Entry.PAUSE: _pauses,
    Entry.MEDICINE: _medicines,
    Entry.LIMIT: _limits,
    Entry.RECORD: _record,
    Entry.FAILURE: lambda: [_texts(communications.c.direction == "out", communications.c.status.in_(NOT_DELIVERED))],
}

CONTEXTS = {
    "text": "communications.body",
    "spoken": "communications.body",
    "note": "notes.body",
    "pause": "pauses.reason",
    "medicine": "medication_changes.words",
    "limit": "limit_changes.reason",
}
"""Which encrypted column the words of a source come from."""
