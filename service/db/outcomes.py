"""Words on texts: what a text stands at, whose an attempt was, and how attempts ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.changes import Changes
from service.db.check_in import check_ins, enrollments, flow_sessions
from service.db.communication import attempts, communication_statuses, communications
from service.db.database import among
from service.db.escalation import pages
from service.db.patient import patients, phones
from service.db.schema import first_id, new_id
from service.domain.communication import Direction, Lane, Purpose, Status


def status_row(
    organization_id: UUID,
    communication_id: UUID,
    status: Status,
    now: datetime,
    source: str,
    *,
    provider_status: str = "",
    error_code: str = "",
    applied: bool = True,
) -> dict[str, Any]:
    """A line of a text's history; not applied means that it came too late or twice and is only kept (law 6)."""
    return {
        "id": new_id(now),
        "organization_id": organization_id,
        "communication_id": communication_id,
        "status": status,
        "at": now,
        "source": source,
        "provider_status": provider_status[:32],
        "error_code": error_code[:32],
        "applied": int(applied),
    }


@dataclass(frozen=True, slots=True)
class Known:
    """What a text stands at, for judging a word on it. No body, no number."""

    id: UUID
    organization_id: UUID
    patient_id: UUID | None
    phone_id: UUID
    purpose: Purpose
    lane: Lane
    status: Status
    attempt_id: UUID | None
    attempts: int
    provider: str
    provider_id: str | None
    error_code: str
    reason: str
    due_at: datetime | None
    check_in_id: UUID | None
    flow_session_id: UUID | None
    escalation_id: UUID | None
    created_at: datetime
    useful_until: datetime | None
    again: int
    """How many rows stand before this one for the same text."""


_KNOWN = (
    communications.c.id,
    communications.c.organization_id,
    communications.c.patient_id,
    communications.c.phone_id,
    communications.c.purpose,
    communications.c.lane,
    communications.c.status,
    communications.c.attempt_id,
    communications.c.attempts,
    communications.c.provider,
    communications.c.provider_id,
    communications.c.error_code,
    communications.c.reason,
    communications.c.due_at,
    communications.c.check_in_id,
    communications.c.flow_session_id,
    communications.c.escalation_id,
    communications.c.created_at,
    communications.c.useful_until,
    communications.c.again,
)


async def lock(connection: AsyncConnection, ids: Iterable[UUID], *, neighbours: bool) -> dict[UUID, Known]:
    """These texts, locked in id order. With `neighbours` their phones and patients first, in the order that replies lock them."""
    wanted = sorted(set(ids))
    if neighbours:
        around = (
            await connection.execute(select(communications.c.phone_id, communications.c.patient_id).where(communications.c.id.in_(wanted)))
        ).all()
        for table, column in ((phones, 0), (patients, 1)):
            keys = sorted({row[column] for row in around if row[column] is not None})
            await connection.execute(select(table.c.id).where(table.c.id.in_(keys)).order_by(table.c.id).with_for_update(key_share=True))
    statement = select(*_KNOWN).where(communications.c.id.in_(wanted)).order_by(communications.c.id).with_for_update(key_share=True)
    found = (await connection.execute(statement)).mappings().all()
    return {
        row["id"]: Known(**{**row, "purpose": Purpose(row["purpose"]), "lane": Lane(row["lane"]), "status": Status(row["status"])})
        for row in found
    }


async def unanswered(connection: AsyncConnection, check_in_ids: Iterable[UUID]) -> set[UUID]:
    """Those of these check-ins that have begun and not ended."""
    statement = select(check_ins.c.id).where(check_ins.c.id.in_(sorted(set(check_in_ids))), check_ins.c.status == "started")
    return set((await connection.scalars(statement)).all())


@dataclass(frozen=True, slots=True)
class WaitingFor:
    """A conversation that waits for an answer, and whether its number may be contacted at all."""

    id: UUID
    waits_until: datetime | None
    programme: str
    may_contact: bool


async def waiting_sessions(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, WaitingFor]:
    """Those of these conversations that wait for an answer."""
    statement = (
        select(
            flow_sessions.c.id,
            flow_sessions.c.waits_until,
            func.coalesce(enrollments.c.programme, "").label("programme"),
            phones.c.unsafe_since,
            phones.c.opted_out_at,
        )
        .join(phones, phones.c.id == flow_sessions.c.phone_id)
        .outerjoin(enrollments, enrollments.c.id == flow_sessions.c.enrollment_id)
        .where(flow_sessions.c.id.in_(sorted(set(ids))), flow_sessions.c.status == "waiting")
    )
    return {
        row.id: WaitingFor(row.id, row.waits_until, row.programme, row.unsafe_since is None and row.opted_out_at is None)
        for row in (await connection.execute(statement)).all()
    }


async def write_again(connection: AsyncConnection, changes: Changes, id: UUID, due_at: datetime) -> UUID:
    """The same text once more, as a row of its own that is due then; its id. The first keeps its final status (law 6)."""
    row = (await connection.execute(select(communications).where(communications.c.id == id))).mappings().one()
    kept = {name: row[name] for name in _SAME}
    new = new_id(changes.now)
    changes.insert(
        communications,
        {**kept, "id": new, "status": Status.DUE, "status_at": changes.now, "due_at": due_at, "again_of": id, "again": row["again"] + 1},
    )
    changes.insert(communication_statuses, status_row(row["organization_id"], new, Status.DUE, changes.now, "sender"))
    changes.wake("outbox:emergency" if row["lane"] == Lane.EMERGENCY else "outbox")
    return new


_OWN = frozenset(
    "id status status_at due_at provider provider_id error_code attempts attempt_id claimed_by lease_until asked_at given_up_at again_of "
    "again reason".split()
)
_SAME = tuple(column.name for column in communications.columns if column.name not in _OWN)
"""What a text and its second row have in common."""


@dataclass(frozen=True, slots=True)
class Target:
    """What an attempt or a provider's id belongs to: a text to a patient or a page to staff."""

    communication_id: UUID | None
    page_id: UUID | None


async def by_attempts(connection: AsyncConnection, attempt_ids: Iterable[UUID]) -> dict[UUID, Target]:
    """What these attempts were for."""
    statement = select(attempts.c.id, attempts.c.communication_id, attempts.c.page_id).where(attempts.c.id.in_(sorted(attempt_ids)))
    return {row.id: Target(row.communication_id, row.page_id) for row in (await connection.execute(statement)).all()}


PAGES_BACK = timedelta(days=1)
"""Words on a page that is older than this change nothing any more; and pages are not indexed by the provider's id."""


async def by_provider_ids(connection: AsyncConnection, keys: Iterable[tuple[str, str]], now: datetime) -> dict[tuple[str, str], Target]:
    """(provider, its id) -> our text, or our page of the last day."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    texts = select(communications.c.provider, communications.c.provider_id, communications.c.id).where(
        tuple_(communications.c.provider, communications.c.provider_id).in_(wanted), communications.c.direction == Direction.OUT
    )
    found = {(row.provider, row.provider_id): Target(row.id, None) for row in (await connection.execute(texts)).all()}
    if left := [key for key in wanted if key not in found]:
        lately = select(pages.c.provider, pages.c.provider_id, pages.c.id).where(
            pages.c.id > first_id(now - PAGES_BACK), tuple_(pages.c.provider, pages.c.provider_id).in_(left)
        )
        found |= {(row.provider, row.provider_id): Target(None, row.id) for row in (await connection.execute(lately)).all()}
    return found


async def untold(
    connection: AsyncConnection, late: Sequence[Mapping[str, Any]], now_told: Iterable[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Those of these lines of history that say something new, each once: a provider may repeat its word as often as it likes.

    What a sender says of its own call is always kept. `now_told` are the lines that are about to be written anyway.
    """
    repeatable = [line for line in late if line["source"] in _MAY_REPEAT]
    if not repeatable:
        return list(late)
    columns = [communication_statuses.c[name] for name in _WORD]
    ids = {line["communication_id"] for line in repeatable}
    kept = (await connection.execute(select(*columns).where(among(connection, communication_statuses.c.communication_id, ids)))).all()
    told = {tuple(row) for row in kept} | {_word_of(line) for line in now_told}
    new: list[Mapping[str, Any]] = []
    for line in late:
        if line["source"] not in _MAY_REPEAT or _word_of(line) not in told:
            new.append(line)
            told.add(_word_of(line))
    return new


_WORD = ("communication_id", "status", "source", "provider_status", "error_code")
_MAY_REPEAT = frozenset({"callback", "reconcile"})


def _word_of(line: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(line[name] for name in _WORD)


async def end_attempts(connection: AsyncConnection, ends: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Writes how attempts ended: rows of id, outcome, provider_id, error_code."""
    if ends:
        await connection.execute(*each(attempts, [{"ended_at": now, **end} for end in ends]))


async def name_senders(connection: AsyncConnection, named: Sequence[tuple[UUID, UUID]]) -> None:
    """Notes by which sender attempts leave: (attempt, sender)."""
    if named:
        await connection.execute(*each(attempts, [{"id": attempt_id, "sender_id": sender_id} for attempt_id, sender_id in named]))


def each(table: Any, rows: Sequence[Mapping[str, Any]]) -> tuple[Any, list[dict[str, Any]]]:
    """An UPDATE by id and its parameters, one for each row; all rows name the same columns."""

    columns = [name for name in rows[0] if name != "id"]
    statement = update(table).where(table.c.id == bindparam("row_id")).values({name: bindparam(f"new_{name}") for name in columns})
    return statement, [{"row_id": row["id"], **{f"new_{name}": row[name] for name in columns}} for row in rows]
