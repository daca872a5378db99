"""Staff, the teams they belong to, their sessions and failed sign-ins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Index, LargeBinary, String, Table, UniqueConstraint, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.encryption import Encrypted, keyring_of
from service.db.organization import organizations
from service.db.schema import Instant, Json, id_column, metadata, new_id, organization_column, reference
from service.domain.staff import Role, Staff

MAX_TEAMS = 200
"""A member of staff works in at most this many teams."""

staff = Table(
    "staff",
    metadata,
    id_column(),
    organization_column(),
    Column("name", Encrypted("staff.name"), nullable=False),
    Column("email", Encrypted("staff.email"), nullable=False),
    Column("email_index", LargeBinary(32), nullable=False, unique=True, doc="blind index, organization 0"),
    Column("password_hash", String(200), nullable=False),
    Column("role", String(16), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant),
)

staff_teams = Table(
    "staff_teams",
    metadata,
    organization_column(),
    reference("staff_id", "staff"),
    reference("team_id", "teams", index=True),
    UniqueConstraint("staff_id", "team_id"),
)

web_sessions = Table(
    "web_sessions",
    metadata,
    Column("id_hash", LargeBinary(32), primary_key=True, doc="SHA-256 of the cookie's value"),
    reference("organization_id", "organizations", nullable=True),
    reference("staff_id", "staff", nullable=True, index=True),
    Column("data", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
)

sign_in_failures = Table(
    "sign_in_failures",
    metadata,
    id_column(),
    Column("subject", LargeBinary(32), nullable=False, doc="blind index of the account or of the address"),
    Column("at", Instant, nullable=False),
    Index("ix_sign_in_failures_subject_at", "subject", "at"),
)


@dataclass(frozen=True, slots=True)
class Account:
    """What sign-in needs of a member of staff."""

    staff_id: UUID
    organization_id: UUID
    password_hash: str


@dataclass(frozen=True, slots=True)
class WebSession:
    """A live session and the member of staff that it belongs to."""

    staff: Staff
    organization_name: str
    zone: str
    data: dict[str, Any]
    created_at: datetime
    seen_at: datetime


async def find_account(connection: AsyncConnection, email: str) -> Account | None:
    """The account with this address that is not disabled."""
    index = keyring_of(connection).blind_index(UUID(int=0), email.strip().lower())
    row = (
        await connection.execute(
            select(staff.c.id, staff.c.organization_id, staff.c.password_hash).where(
                staff.c.email_index == index, staff.c.disabled_at.is_(None)
            )
        )
    ).first()
    return Account(row.id, row.organization_id, row.password_hash) if row else None


async def store_password_hash(connection: AsyncConnection, staff_id: UUID, password_hash: str) -> None:
    """Replaces the hash of a password, for example by one of today's strength."""
    await connection.execute(update(staff).where(staff.c.id == staff_id).values(password_hash=password_hash))


async def create_session(
    connection: AsyncConnection, id_hash: bytes, staff_id: UUID, organization_id: UUID, data: dict[str, Any], now: datetime
) -> None:
    """A session row; the cookie's value itself is stored nowhere."""
    await connection.execute(
        insert(web_sessions).values(
            id_hash=id_hash, organization_id=organization_id, staff_id=staff_id, data=data, created_at=now, seen_at=now
        )
    )


async def find_session(connection: AsyncConnection, id_hash: bytes, *, seen_after: datetime, created_after: datetime) -> WebSession | None:
    """The session if it is neither idle, nor too old, nor its owner disabled; one statement."""
    rows = (
        await connection.execute(
            select(web_sessions, staff.c.name, staff.c.role, staff_teams.c.team_id, organizations.c.name, organizations.c.zone)
            .join(staff, staff.c.id == web_sessions.c.staff_id)
            .join(organizations, organizations.c.id == staff.c.organization_id)
            .outerjoin(staff_teams, staff_teams.c.staff_id == staff.c.id)
            .where(
                web_sessions.c.id_hash == id_hash,
                web_sessions.c.seen_at > seen_after,
                web_sessions.c.created_at > created_after,
                staff.c.disabled_at.is_(None),
            )
            .limit(MAX_TEAMS)
        )
    ).all()
    if not rows:
        return None
    first = rows[0]._mapping
    member = Staff(
        first[web_sessions.c.staff_id],
        first[web_sessions.c.organization_id],
        first[staff.c.name],
        Role(first[staff.c.role]),
        tuple(row._mapping[staff_teams.c.team_id] for row in rows if row._mapping[staff_teams.c.team_id] is not None),
    )
    return WebSession(
        member,
        first[organizations.c.name],
        first[organizations.c.zone],
        dict(first[web_sessions.c.data]),
        first[web_sessions.c.created_at],
        first[web_sessions.c.seen_at],
    )


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


async def staff_name(connection: AsyncConnection, staff_id: UUID | None) -> str:
    """The name of a member of staff, "" for nobody."""
    return await connection.scalar(select(staff.c.name).where(staff.c.id == staff_id)) or ""


async def member_named(connection: AsyncConnection, organization_id: UUID, who: str) -> Staff | None:
    """The one member of an organization's staff with this address or this name who is not disabled; None for nobody and for several."""
    statement = select(staff.c.id, staff.c.name, staff.c.email, staff.c.role).where(
        staff.c.organization_id == organization_id, staff.c.disabled_at.is_(None)
    )
    wanted = " ".join(who.split()).lower()
    found = [row for row in (await connection.execute(statement)).all() if wanted in (row.name.lower(), row.email.lower())]
    if len(found) != 1:
        return None
    teams = await connection.scalars(select(staff_teams.c.team_id).where(staff_teams.c.staff_id == found[0].id).limit(MAX_TEAMS))
    return Staff(found[0].id, organization_id, found[0].name, Role(found[0].role), tuple(teams.all()))
