"""Tests of one's own telephone: a page by text and one by call to oneself, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, Index, Table, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.changes import Changes
from service.db.escalation import escalation_events, pages
from service.db.schema import Instant, id_column, metadata, new_id, organization_column, reference
from service.db.staff import staff
from service.domain.communication import Status
from service.domain.ladder import PageChannel

phone_tests = Table(
    "phone_tests",
    metadata,
    id_column(),
    organization_column(),
    reference("staff_id", "staff"),
    reference("escalation_id", "escalations"),
    Column("began_at", Instant, nullable=False),
    Column("ended_at", Instant, doc="empty while its item stands"),
    Index("ix_phone_tests_staff_id_began_at", "staff_id", "began_at"),
)


@dataclass(frozen=True, slots=True)
class TestPage:
    """One page of a test: by which channel, how it stands, and the code of its failure ("" for none)."""

    channel: PageChannel
    status: Status
    status_at: datetime
    error_code: str


@dataclass(frozen=True, slots=True)
class PhoneTest:
    """A test as it stands. `answered_how` is call, text or page; "" while nobody has answered it."""

    id: UUID
    item_id: UUID
    began_at: datetime
    ended_at: datetime | None
    answered_at: datetime | None
    answered_how: str
    pages: tuple[TestPage, ...]


def add(changes: Changes, organization_id: UUID, staff_id: UUID, item_id: UUID) -> UUID:
    """A test that begins now; its id."""
    id = new_id(changes.now)
    row = {"id": id, "organization_id": organization_id, "staff_id": staff_id, "escalation_id": item_id, "began_at": changes.now}
    changes.insert(phone_tests, row)
    return id


async def lately(connection: AsyncConnection, staff_id: UUID, limit: int) -> list[PhoneTest]:
    """The last tests of a member of staff, newest first."""
    mine = select(phone_tests).where(phone_tests.c.staff_id == staff_id).order_by(phone_tests.c.began_at.desc()).limit(limit)
    tests = (await connection.execute(mine)).all()
    ids = [row.escalation_id for row in tests]
    if not ids:
        return []
    columns = (pages.c.escalation_id, pages.c.channel, pages.c.status, pages.c.status_at, pages.c.error_code)
    sent = (await connection.execute(select(*columns).where(pages.c.escalation_id.in_(ids)).order_by(pages.c.step))).all()
    noted = select(escalation_events.c.escalation_id, escalation_events.c.at, escalation_events.c.detail).where(
        escalation_events.c.escalation_id.in_(ids), escalation_events.c.what == "acknowledged"
    )
    answers = {row.escalation_id: row for row in (await connection.execute(noted.order_by(escalation_events.c.at.desc()))).all()}
    found = []
    for row in tests:
        answer = answers.get(row.escalation_id)
        theirs = tuple(
            TestPage(PageChannel(one.channel), Status(one.status), one.status_at, one.error_code)
            for one in sent
            if one.escalation_id == row.escalation_id
        )
        how = str(answer.detail.get("by", "page")) if answer is not None else ""
        found.append(
            PhoneTest(row.id, row.escalation_id, row.began_at, row.ended_at, answer.at if answer is not None else None, how, theirs)
        )
    return found


async def begun_since(connection: AsyncConnection, staff_id: UUID, since: datetime) -> int:
    """How many tests this member of staff has begun since then."""
    mine = (phone_tests.c.staff_id == staff_id, phone_tests.c.began_at > since)
    return await connection.scalar(select(func.count()).select_from(phone_tests).where(*mine)) or 0


async def end(connection: AsyncConnection, item_id: UUID, now: datetime) -> None:
    """The test of this item is over."""
    mine = (phone_tests.c.escalation_id == item_id) & phone_tests.c.ended_at.is_(None)
    await connection.execute(update(phone_tests).where(mine).values(ended_at=now))


async def own_number(connection: AsyncConnection, staff_id: UUID) -> str:
    """The number that a member of staff is paged on, "" for none."""
    return await connection.scalar(select(staff.c.phone).where(staff.c.id == staff_id, staff.c.disabled_at.is_(None))) or ""
