"""Claiming due texts: whose turn it is, the claim with its lease and attempt, and what is too late or cannot be read."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, insert, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.changes import Changes
from service.db.communication import attempts, communication_statuses, communications
from service.db.database import lease_end, skip_locked
from service.db.organization import organizations
from service.db.outbox import Outgoing
from service.db.outcomes import status_row
from service.db.problems import Problem, report
from service.db.senders import known_senders
from service.domain.communication import Lane, Purpose, Status, transition
from service.domain.sending import SCHEDULED
from service.domain.urgency import Urgency

LEASE = timedelta(seconds=120)
"""Longer than a batch may take: calls are no more started after half of it, and one call ends within 15 s."""
MOST_ORGANIZATIONS = 500
_WAITS = text("communications.status IN ('due', 'held')")
_PLANNED = sorted({*SCHEDULED, Purpose.OPENING})
"""What nobody waits for with a telephone in the hand; everything else goes before it."""


async def organizations_waiting(connection: AsyncConnection, lane: Lane, now: datetime) -> list[UUID]:
    """Organizations with a text in this lane whose time has come, at most 500."""
    due = select(communications.c.id).where(
        _WAITS, communications.c.organization_id == organizations.c.id, communications.c.lane == lane, communications.c.due_at <= now
    )
    statement = select(organizations.c.id).where(due.exists()).order_by(organizations.c.id).limit(MOST_ORGANIZATIONS)
    return list((await connection.scalars(statement)).all())


async def urgent_ids(connection: AsyncConnection, now: datetime, limit: int) -> list[UUID]:
    """Texts of the emergency lane whose time has come, oldest first, locked, others' skipped."""
    statement = (
        select(communications.c.id)
        .where(_WAITS, communications.c.lane == Lane.EMERGENCY, communications.c.due_at <= now)
        .order_by(communications.c.due_at, communications.c.id)
        .limit(limit)
    )
    return list((await connection.scalars(skip_locked(statement))).all())


async def routine_ids(
    connection: AsyncConnection, organization_id: UUID, now: datetime, limit: int, *, full: Collection[UUID] = ()
) -> list[UUID]:
    """An organization's routine texts whose turn it is (held ones whose quiet hours are over too), locked, others' skipped.

    Answers first, the oldest first. Then what is planned: the newest first, since after an outage the newest is of the most use and
    the oldest is about to expire; but a number gets its texts in the order in which they were written. Numbers with a text under way
    wait for its end, and those that know us by a sender in `full` for its bucket.
    """
    of_organization = (_WAITS, communications.c.lane == Lane.ROUTINE, communications.c.organization_id == organization_id)
    free: list[ColumnElement[bool]] = [communications.c.due_at <= now, communications.c.phone_id.not_in(_under_way())]
    if full:
        knows = select(known_senders.c.phone_id).where(known_senders.c.sender_id.in_(sorted(full)))
        free.append(communications.c.phone_id.not_in(knows))
    mine = select(communications.c.id, communications.c.phone_id).where(*of_organization, *free)
    answers = mine.where(communications.c.purpose.not_in(_PLANNED)).order_by(communications.c.due_at, communications.c.id).limit(limit)
    ids = [row.id for row in (await connection.execute(skip_locked(answers))).all()]
    if len(ids) >= limit:
        return ids
    newest = mine.where(communications.c.purpose.in_(_PLANNED)).order_by(communications.c.due_at.desc(), communications.c.id)
    picked = (await connection.execute(skip_locked(newest.limit(limit - len(ids))))).all()  # another node's are passed over
    if not picked:
        return ids
    numbers = list(dict.fromkeys(row.phone_id for row in picked))
    older = mine.where(communications.c.purpose.in_(_PLANNED), communications.c.phone_id.in_(numbers))
    ordered = older.order_by(communications.c.created_at, communications.c.id).limit(_MOST_OF_NUMBERS * limit)
    waiting = (await connection.execute(skip_locked(ordered))).all()
    place = {phone_id: index for index, phone_id in enumerate(numbers)}
    in_turn = [row.id for row in sorted(waiting, key=lambda row: place[row.phone_id])]
    return ids + in_turn[: limit - len(ids)]


_MOST_OF_NUMBERS = 20


def _under_way() -> Any:
    """The numbers to which a routine text is being handed over."""
    other = communications.alias("other")
    return select(other.c.phone_id).where(
        text("other.status IN ('claimed', 'unknown')"), other.c.status == Status.CLAIMED, other.c.lane == Lane.ROUTINE
    )


async def still_due(connection: AsyncConnection, id: UUID) -> list[UUID]:
    """This text, locked, when it is still due or held and nobody else holds it; else nothing."""
    statement = select(communications.c.id).where(communications.c.id == id, communications.c.status.in_([Status.DUE, Status.HELD]))
    return list((await connection.scalars(skip_locked(statement))).all())


@dataclass(frozen=True, slots=True)
class Claim:
    """A text to claim, with the attempt and the way that it leaves by."""

    text: Outgoing
    attempt_id: UUID
    provider: str
    sender_id: UUID


async def mark_claimed(connection: AsyncConnection, claims: Sequence[Claim], now: datetime, node: str) -> None:
    """Claims these and writes each attempt, before anything leaves (law 3)."""
    if not claims:
        return
    history: list[dict[str, Any]] = []
    for one in claims:
        previous = one.text.status
        for step in [Status.DUE, Status.CLAIMED] if previous is Status.HELD else [Status.CLAIMED]:
            if not transition(previous, step):
                raise ValueError(f"a text that is {previous} cannot become {step}")
            history.append(status_row(one.text.organization_id, one.text.id, step, now, "sender"))
            previous = step
    await connection.execute(
        update(communications)
        .where(communications.c.id == bindparam("row_id"))
        .values(
            status=Status.CLAIMED,
            status_at=now,
            claimed_by=node,
            lease_until=lease_end(connection, now, LEASE),
            attempts=communications.c.attempts + 1,
            attempt_id=bindparam("new_attempt"),
            provider=bindparam("new_provider"),
        ),
        [{"row_id": one.text.id, "new_attempt": one.attempt_id, "new_provider": one.provider} for one in claims],
    )
    await connection.execute(
        insert(attempts),
        [
            {
                "id": one.attempt_id,
                "organization_id": one.text.organization_id,
                "communication_id": one.text.id,
                "page_id": None,
                "number": one.text.attempts + 1,
                "started_at": now,
                "ended_at": None,
                "outcome": "",
                "provider_id": None,
                "error_code": "",
                "sender_id": one.sender_id,
            }
            for one in claims
        ],
    )
    await connection.execute(insert(communication_statuses), history)


async def rewrite(connection: AsyncConnection, bodies: Mapping[UUID, str]) -> None:
    """These texts leave with these words: what stands in the record is what is sent."""
    if bodies:
        changed = update(communications).where(communications.c.id == bindparam("row_id")).values(body=bindparam("new_body"))
        await connection.execute(changed, [{"row_id": id, "new_body": body} for id, body in bodies.items()])


async def too_late(connection: AsyncConnection, now: datetime, limit: int) -> list[UUID]:
    """Texts still due or held that are of no use any more."""
    statement = (
        select(communications.c.id).where(_WAITS, communications.c.useful_until <= now).order_by(communications.c.due_at).limit(limit)
    )
    return list((await connection.scalars(statement)).all())


async def cancel_unreadable(connection: AsyncConnection, changes: Changes, id: UUID) -> None:
    """Cancels a due text whose row cannot even be understood, by its id alone, with a work item for the organization."""
    which = (communications.c.id == id) & or_(communications.c.status == Status.DUE, communications.c.status == Status.HELD)
    cancelled = update(communications).where(which).values(status=Status.CANCELLED, status_at=changes.now, reason="unreadable")
    organization_id = await connection.scalar(cancelled.returning(communications.c.organization_id))
    if organization_id is None:
        return
    changes.insert(
        communication_statuses, status_row(organization_id, id, Status.CANCELLED, changes.now, "sender", error_code="unreadable")
    )
    reason = "A text could not be read from the database and was not sent."
    await report(connection, changes, [Problem(organization_id, "text_unreadable", reason, Urgency.URGENT)])
