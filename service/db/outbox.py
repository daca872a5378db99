"""The outbox: texts that are due, what the ruling on each needs, claims and attempts, and words on what became of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, bindparam, func, insert, or_, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased

from service.db.changes import Changes
from service.db.check_in import check_ins
from service.db.communication import attempts, communication_statuses, communications
from service.db.database import database_now, lease_end, skip_locked
from service.db.organization import organizations, sender_numbers
from service.db.patient import consents, patients, phones
from service.db.problems import Problem, report
from service.db.schema import new_id
from service.domain.communication import Direction, Lane, Purpose, Status, transition
from service.domain.consent import Consent
from service.domain.reading import Channel
from service.domain.urgency import Urgency

LEASE = timedelta(seconds=120)
"""Longer than a batch may take: calls are no more started after half of it, and one call ends within 15 s."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A due text with what its ruling needs: the number's and the patient's state, and whose quiet hours hold."""

    id: UUID
    organization_id: UUID
    patient_id: UUID | None
    phone_id: UUID
    purpose: Purpose
    lane: Lane
    status: Status
    channel: Channel
    programme: str
    body: str
    created_at: datetime
    due_at: datetime
    useful_until: datetime | None
    attempts: int
    check_in_id: UUID | None
    number: str
    unsafe_since: datetime | None
    opted_out_at: datetime | None
    patient_status: str | None
    zone: str
    quiet_start: time
    quiet_end: time
    answers_text_of: datetime | None
    """When the patient's own message that this answers came in, None when it answers none."""


async def due_ids(connection: AsyncConnection, lane: Lane, now: datetime, limit: int) -> list[UUID]:
    """Texts of a lane whose time has come (held ones whose quiet hours are over too), oldest first, locked, others' skipped."""
    statement = (
        select(communications.c.id)
        .where(text("communications.status IN ('due', 'held')"), communications.c.lane == lane, communications.c.due_at <= now)
        .order_by(communications.c.due_at)
        .limit(limit)
    )
    return list((await connection.scalars(skip_locked(statement))).all())


async def still_due(connection: AsyncConnection, id: UUID) -> list[UUID]:
    """This text, locked, when it is still due or held and nobody else holds it; else nothing."""
    statement = select(communications.c.id).where(communications.c.id == id, communications.c.status.in_([Status.DUE, Status.HELD]))
    return list((await connection.scalars(skip_locked(statement))).all())


async def load(connection: AsyncConnection, ids: Sequence[UUID]) -> list[Outgoing]:
    """These texts, in the order in which they were written."""
    asked = aliased(communications)
    statement = (
        select(
            communications,
            phones.c.number,
            phones.c.unsafe_since,
            phones.c.opted_out_at,
            patients.c.status.label("patient_status"),
            func.coalesce(patients.c.zone, organizations.c.zone).label("local_zone"),
            organizations.c.quiet_start,
            organizations.c.quiet_end,
            asked.c.created_at.label("asked_at"),
        )
        .join(phones, communications.c.phone_id == phones.c.id)
        .join(organizations, communications.c.organization_id == organizations.c.id)
        .outerjoin(patients, communications.c.patient_id == patients.c.id)
        .outerjoin(asked, and_(communications.c.in_reply_to == asked.c.id, asked.c.direction == Direction.IN))
        .where(communications.c.id.in_(ids))
        .order_by(communications.c.created_at, communications.c.id)
    )
    return [
        Outgoing(
            id=row.id,
            organization_id=row.organization_id,
            patient_id=row.patient_id,
            phone_id=row.phone_id,
            purpose=Purpose(row.purpose),
            lane=Lane(row.lane),
            status=Status(row.status),
            channel=Channel(row.channel),
            programme=row.programme,
            body=row.body,
            created_at=row.created_at,
            due_at=row.due_at,
            useful_until=row.useful_until,
            attempts=row.attempts,
            check_in_id=row.check_in_id,
            number=row.number,
            unsafe_since=row.unsafe_since,
            opted_out_at=row.opted_out_at,
            patient_status=row.patient_status,
            zone=row.local_zone,
            quiet_start=row.quiet_start,
            quiet_end=row.quiet_end,
            answers_text_of=row.asked_at,
        )
        for row in (await connection.execute(statement)).all()
    ]


async def consents_of(
    connection: AsyncConnection, patient_ids: Iterable[UUID], phone_ids: Iterable[UUID]
) -> dict[UUID, list[tuple[Consent, int]]]:
    """Every consent of these patients and for these phones, by patient and by phone, with the prompts a day that it allows.

    A withdrawn one says when.
    """
    found: dict[UUID, list[tuple[Consent, int]]] = defaultdict(list)
    statement = select(consents).where(or_(consents.c.patient_id.in_(sorted(patient_ids)), consents.c.phone_id.in_(sorted(phone_ids))))
    for row in (await connection.execute(statement)).all():
        consent = Consent(row.patient_id, row.phone_id, Channel(row.channel), row.programme, row.given_at, row.revoked_at, row.detail)
        found[row.patient_id].append((consent, row.per_day))
        found[row.phone_id].append((consent, row.per_day))
    return found


async def check_ins_sent(
    connection: AsyncConnection, patient_ids: Iterable[UUID], since: datetime
) -> dict[UUID, list[tuple[UUID, str, datetime]]]:
    """Check-ins whose question was handed over since then, by patient: (check-in, programme, when)."""
    found: dict[UUID, list[tuple[UUID, str, datetime]]] = defaultdict(list)
    statement = select(
        communications.c.patient_id, communications.c.check_in_id, communications.c.programme, communications.c.status_at
    ).where(
        communications.c.patient_id.in_(sorted(patient_ids)),
        communications.c.created_at > since - timedelta(days=1),
        communications.c.status_at >= since,
        communications.c.purpose == Purpose.CHECK_IN,
        communications.c.status.in_([Status.CLAIMED, Status.ACCEPTED, Status.SENT, Status.DELIVERED, Status.UNKNOWN]),
    )
    for row in (await connection.execute(statement)).all():
        found[row.patient_id].append((row.check_in_id, row.programme, row.status_at))
    return found


async def senders(connection: AsyncConnection, organization_ids: Iterable[UUID]) -> dict[tuple[UUID, str], tuple[str, str]]:
    """(organization, purpose) -> (provider, sender): the number that patients, emergencies or pages are sent from."""
    statement = (
        select(sender_numbers).where(sender_numbers.c.organization_id.in_(sorted(organization_ids))).order_by(sender_numbers.c.id.desc())
    )
    return {(row.organization_id, row.purpose): (row.provider, row.sender) for row in (await connection.execute(statement)).all()}


async def mark_claimed(connection: AsyncConnection, claims: Sequence[tuple[Outgoing, UUID, str]], now: datetime, node: str) -> None:
    """Claims these (text, attempt id, provider) and writes each attempt, before anything leaves (law 3)."""
    if not claims:
        return
    history: list[dict[str, Any]] = []
    for one, _, _ in claims:
        steps = [Status.DUE, Status.CLAIMED] if one.status is Status.HELD else [Status.CLAIMED]
        previous = one.status
        for step in steps:
            if not transition(previous, step):
                raise ValueError(f"a text that is {previous} cannot become {step}")
            history.append(status_row(one.organization_id, one.id, step, now, "sender"))
            previous = step
    await connection.execute(
        update(communications)
        .where(communications.c.id.in_([one.id for one, _, _ in claims]))
        .values(
            status=Status.CLAIMED,
            status_at=now,
            claimed_by=node,
            lease_until=lease_end(connection, now, LEASE),
            attempts=communications.c.attempts + 1,
        )
    )
    await connection.execute(*_each(communications, [{"id": one.id, "attempt_id": a, "provider": p} for one, a, p in claims]))
    await connection.execute(
        insert(attempts),
        [
            {
                "id": attempt_id,
                "organization_id": one.organization_id,
                "communication_id": one.id,
                "page_id": None,
                "number": one.attempts + 1,
                "started_at": now,
                "ended_at": None,
                "outcome": "",
                "provider_id": None,
                "error_code": "",
            }
            for one, attempt_id, _ in claims
        ],
    )
    await connection.execute(insert(communication_statuses), history)


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


async def lost_claims(connection: AsyncConnection, now: datetime, limit: int) -> list[tuple[UUID, UUID]]:
    """(text, attempt) of claims whose holder is gone: whether the provider has them is not known."""
    statement = (
        select(communications.c.id, communications.c.attempt_id)
        .where(
            text("communications.status IN ('claimed', 'unknown')"),
            communications.c.status == Status.CLAIMED,
            communications.c.lease_until <= database_now(connection, now),
        )
        .order_by(communications.c.lease_until)
        .limit(limit)
    )
    return [(row.id, row.attempt_id) for row in (await connection.execute(statement)).all()]


async def too_late(connection: AsyncConnection, now: datetime, limit: int) -> list[UUID]:
    """Texts still due or held that are of no use any more."""
    statement = (
        select(communications.c.id)
        .where(text("communications.status IN ('due', 'held')"), communications.c.useful_until <= now)
        .order_by(communications.c.due_at)
        .limit(limit)
    )
    return list((await connection.scalars(statement)).all())


async def cancel_unreadable(connection: AsyncConnection, changes: Changes, id: UUID) -> None:
    """Cancels a due text whose row cannot even be understood, by its id alone, with a work item for the organization."""
    which = (communications.c.id == id) & communications.c.status.in_([Status.DUE, Status.HELD])
    cancelled = update(communications).where(which).values(status=Status.CANCELLED, status_at=changes.now, reason="unreadable")
    organization_id = await connection.scalar(cancelled.returning(communications.c.organization_id))
    if organization_id is None:
        return
    changes.insert(
        communication_statuses, status_row(organization_id, id, Status.CANCELLED, changes.now, "sender", error_code="unreadable")
    )
    reason = "A text could not be read from the database and was not sent."
    await report(connection, changes, [Problem(organization_id, "text_unreadable", reason, Urgency.URGENT)])


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
class Target:
    """What an attempt or a provider's id belongs to: a text to a patient or a page to staff."""

    communication_id: UUID | None
    page_id: UUID | None


async def by_attempts(connection: AsyncConnection, attempt_ids: Iterable[UUID]) -> dict[UUID, Target]:
    """What these attempts were for."""
    statement = select(attempts.c.id, attempts.c.communication_id, attempts.c.page_id).where(attempts.c.id.in_(sorted(attempt_ids)))
    return {row.id: Target(row.communication_id, row.page_id) for row in (await connection.execute(statement)).all()}


async def by_provider_ids(connection: AsyncConnection, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], UUID]:
    """(provider, its id) -> our text."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    statement = select(communications.c.provider, communications.c.provider_id, communications.c.id).where(
        tuple_(communications.c.provider, communications.c.provider_id).in_(wanted), communications.c.direction == Direction.OUT
    )
    return {(row.provider, row.provider_id): row.id for row in (await connection.execute(statement)).all()}


async def end_attempts(connection: AsyncConnection, ends: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Writes how attempts ended: rows of id, outcome, provider_id, error_code."""
    if ends:
        await connection.execute(*_each(attempts, [{"ended_at": now, **end} for end in ends]))


def _each(table: Any, rows: Sequence[Mapping[str, Any]]) -> tuple[Any, list[dict[str, Any]]]:
    """An UPDATE by id and its parameters, one for each row; all rows name the same columns."""

    columns = [name for name in rows[0] if name != "id"]
    statement = update(table).where(table.c.id == bindparam("row_id")).values({name: bindparam(f"new_{name}") for name in columns})
    return statement, [{"row_id": row["id"], **{f"new_{name}": row[name] for name in columns}} for row in rows]
