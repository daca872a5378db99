"""Sessions of the staff's pages, and failed sign-ins."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Index, LargeBinary, String, Table, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.database import among
from service.db.hand_overs import asked_of
from service.db.opened_records import opened_records
from service.db.organization import organizations
from service.db.schema import Instant, Json, id_column, metadata, new_id, reference
from service.db.staff import HAS_FACTOR, MAX_TEAMS, staff, staff_teams
from service.domain.sign_in import IDLE, LONGEST, Step
from service.domain.staff import Role, Staff

MOST_OPENED = 5
"""And has at most this many records of other teams open at a time."""

web_sessions = Table(
    "web_sessions",
    metadata,
    Column("id_hash", LargeBinary(32), primary_key=True, doc="SHA-256 of the cookie's value"),
    reference("organization_id", "organizations", nullable=True),
    reference("staff_id", "staff", nullable=True, index=True),
    Column("data", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("waits_for", String(16), nullable=False, default="", server_default="", doc="domain.sign_in.Step; empty: nothing, it is whole"),
    Column("proved_at", Instant, doc="when its owner last proved who they are, for what asks for that anew"),
)

sign_in_failures = Table(
    "sign_in_failures",
    metadata,
    id_column(),
    Column("subject", LargeBinary(32), nullable=False, doc="blind index of the account or of the address"),
    Column("at", Instant, nullable=False),
    Index("ix_sign_in_failures_subject_at", "subject", "at"),
)


_SESSION = (
    *web_sessions.c,
    staff.c.name,
    staff.c.role,
    staff.c.language,
    staff.c.shortcuts,
    staff.c.sound,
    HAS_FACTOR,
    organizations.c.name.label("organization_name"),
    organizations.c.zone,
)


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a member of staff has chosen for the pages."""

    language: str | None = None
    """None: as the browser says."""
    shortcuts: bool = True
    """Single keys do something (WCAG 2.1.4 wants them to be switched off by whoever is troubled by them)."""
    sound: bool = True
    """For unclaimed urgent items; an emergency always sounds."""


@dataclass(frozen=True, slots=True)
class WebSession:
    """A live session and the member of staff that it belongs to."""

    staff: Staff
    organization_name: str
    zone: str
    data: dict[str, Any]
    created_at: datetime
    seen_at: datetime
    waits_for: Step = Step.NONE
    proved_at: datetime | None = None
    """When its owner last proved who they are; None while a step is missing."""
    likes: Preferences = Preferences()
    has_second_factor: bool = False
    asked: int = 0
    """Hand-overs that wait for an answer of this member of staff."""

    def proved_since(self, then: datetime) -> bool:
        """True when its owner has proved who they are since then."""
        return self.proved_at is not None and self.proved_at > then


async def store_preferences(connection: AsyncConnection, staff_id: UUID, likes: Preferences) -> None:
    """Keeps what a member of staff has chosen for the pages."""
    values = {"language": likes.language, "shortcuts": likes.shortcuts, "sound": likes.sound}
    await connection.execute(update(staff).where(staff.c.id == staff_id).values(**values))


async def create_session(
    connection: AsyncConnection, id_hash: bytes, staff_id: UUID, organization_id: UUID, waits_for: Step, now: datetime
) -> None:
    """A session row; the cookie's value itself is stored nowhere."""
    await connection.execute(
        insert(web_sessions).values(
            id_hash=id_hash,
            organization_id=organization_id,
            staff_id=staff_id,
            data={},
            created_at=now,
            seen_at=now,
            waits_for=waits_for,
            proved_at=now if waits_for is Step.NONE else None,
        )
    )


async def renew_session(connection: AsyncConnection, id_hash: bytes, new_hash: bytes, waits_for: Step, now: datetime) -> bool:
    """Its owner has proved who they are: the session goes on under another cookie, from now on; False when it has ended meanwhile."""
    values: dict[str, Any] = {"id_hash": new_hash, "waits_for": waits_for, "created_at": now, "seen_at": now}
    values["proved_at"] = now if waits_for is Step.NONE else None
    return (await connection.execute(update(web_sessions).where(web_sessions.c.id_hash == id_hash).values(**values))).rowcount == 1


async def end_sessions(connection: AsyncConnection, staff_id: UUID, *, but: bytes = b"") -> int:
    """Ends every session of a member of staff, on all nodes at once, but the one with this hash; how many."""
    theirs = (web_sessions.c.staff_id == staff_id) & (web_sessions.c.id_hash != but)
    return (await connection.execute(delete(web_sessions).where(theirs))).rowcount


async def find_session(connection: AsyncConnection, id_hash: bytes, now: datetime) -> WebSession | None:
    """The session if it is neither idle, nor too old, nor its owner disabled; one statement."""
    opened = (opened_records.c.staff_id == staff.c.id) & (opened_records.c.ends_at > now)
    rows = (
        await connection.execute(
            select(*_SESSION, staff_teams.c.team_id, opened_records.c.patient_id, asked_of(staff.c.id).label("asked"))
            .join(staff, staff.c.id == web_sessions.c.staff_id)
            .join(organizations, organizations.c.id == staff.c.organization_id)
            .outerjoin(staff_teams, staff_teams.c.staff_id == staff.c.id)
            .outerjoin(opened_records, opened)
            .where(
                web_sessions.c.id_hash == id_hash,
                web_sessions.c.seen_at > now - IDLE,
                web_sessions.c.created_at > now - LONGEST,
                staff.c.disabled_at.is_(None),
            )
            .limit(MAX_TEAMS * MOST_OPENED)
        )
    ).all()
    if not rows:
        return None
    first = rows[0]
    member = Staff(
        first.staff_id,
        first.organization_id,
        first.name,
        Role(first.role),
        tuple(dict.fromkeys(row.team_id for row in rows if row.team_id is not None)),
        tuple(dict.fromkeys(row.patient_id for row in rows if row.patient_id is not None)),
    )
    return WebSession(
        member,
        first.organization_name,
        first.zone,
        dict(first.data),
        first.created_at,
        first.seen_at,
        Step(first.waits_for),
        first.proved_at,
        Preferences(first.language, first.shortcuts, first.sound),
        bool(first.has_factor),
        first.asked,
    )


async def living(connection: AsyncConnection, id_hashes: Collection[bytes], now: datetime) -> set[bytes]:
    """Which of these sessions have not ended, by whatever ends them: a role or team that is taken away does; one statement."""
    wanted = (
        select(web_sessions.c.id_hash)
        .join(staff, staff.c.id == web_sessions.c.staff_id)
        .where(
            among(connection, web_sessions.c.id_hash, id_hashes),
            web_sessions.c.seen_at > now - IDLE,
            web_sessions.c.created_at > now - LONGEST,
            staff.c.disabled_at.is_(None),
        )
    )
    return set((await connection.scalars(wanted)).all())


async def touch_session(connection: AsyncConnection, id_hash: bytes, now: datetime) -> None:
    """Says that its owner was active just now."""
    await connection.execute(update(web_sessions).where(web_sessions.c.id_hash == id_hash).values(seen_at=now))


async def store_session(connection: AsyncConnection, id_hash: bytes, data: dict[str, Any]) -> None:
    """Keeps the session's data; a session that has ended meanwhile stays ended."""
    await connection.execute(update(web_sessions).where(web_sessions.c.id_hash == id_hash).values(data=data))


async def end_session(connection: AsyncConnection, id_hash: bytes) -> UUID | None:
    """Deletes the session; whose it was."""
    owner = await connection.scalar(select(web_sessions.c.staff_id).where(web_sessions.c.id_hash == id_hash))
    await connection.execute(delete(web_sessions).where(web_sessions.c.id_hash == id_hash))
    return owner


async def count_failures(connection: AsyncConnection, subjects: Sequence[bytes], since: datetime) -> dict[bytes, int]:
    """How often sign-in failed since then, for each of these subjects."""
    rows = await connection.execute(
        select(sign_in_failures.c.subject, func.count())
        .where(sign_in_failures.c.subject.in_(subjects), sign_in_failures.c.at > since)
        .group_by(sign_in_failures.c.subject)
    )
    counts = {bytes(subject): number for subject, number in rows}
    return {subject: counts.get(subject, 0) for subject in subjects}


async def add_failures(connection: AsyncConnection, subjects: Sequence[bytes], now: datetime) -> None:
    """Notes a failed sign-in for each of these subjects."""
    await connection.execute(insert(sign_in_failures), [{"id": new_id(now), "subject": subject, "at": now} for subject in subjects])


async def forget_failures(connection: AsyncConnection, subject: bytes) -> None:
    """A subject signed in: what failed before counts no more."""
    await connection.execute(delete(sign_in_failures).where(sign_in_failures.c.subject == subject))


async def prune_sign_in(connection: AsyncConnection, *, failures_before: datetime, sessions_before: datetime) -> None:
    """Deletes failures and sessions that can decide nothing any more."""
    await connection.execute(delete(sign_in_failures).where(sign_in_failures.c.at < failures_before))
    await connection.execute(delete(web_sessions).where(web_sessions.c.created_at < sessions_before))
