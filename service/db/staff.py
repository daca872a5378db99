"""Staff and the teams they belong to."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    select,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.encryption import Encrypted, keyring_of
from service.db.organization import teams
from service.db.schema import Instant, id_column, metadata, organization_column, reference
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
    Column("phone", Encrypted("staff.phone"), doc="E.164, where pages go"),
    Column("phone_index", LargeBinary(32), index=True, doc="blind index within the organization"),
    Column("pin_hash", String(200), doc="of the PIN that a call asks for before anything is said"),
    Column("pin_failures", Integer, nullable=False, default=0, server_default="0", doc="wrong PINs since the last right one"),
    Column("pin_locked_at", Instant),
    Column(
        "paged_by",
        String(8),
        nullable=False,
        default="both",
        server_default="both",
        doc="text | call | both; an emergency uses what its ladder says",
    ),
    Column("language", String(8), doc="of the pages; None: as the browser says"),
    Column("shortcuts", Boolean, nullable=False, default=True, server_default=true(), doc="single keys work (WCAG 2.1.4)"),
    Column(
        "sound", Boolean, nullable=False, default=True, server_default=true(), doc="for unclaimed urgent items; emergencies always sound"
    ),
    Column("totp_secret", Encrypted("staff.totp_secret"), doc="base32; None: no second factor yet"),
    Column("totp_next", Encrypted("staff.totp_next"), doc="a secret that was shown and whose first code has not been given yet"),
    Column("totp_step", BigInteger, doc="the newest 30 s step whose code was taken: no code counts twice"),
)

staff_teams = Table(
    "staff_teams",
    metadata,
    organization_column(),
    reference("staff_id", "staff"),
    reference("team_id", "teams", index=True),
    UniqueConstraint("staff_id", "team_id"),
)

HAS_FACTOR = staff.c.totp_secret.is_not(None).label("has_factor")


@dataclass(frozen=True, slots=True)
class Account:
    """What sign-in needs of a member of staff."""

    staff_id: UUID
    organization_id: UUID
    password_hash: str
    has_second_factor: bool = False


async def find_account(connection: AsyncConnection, email: str) -> Account | None:
    """The account with this address that is not disabled."""
    index = keyring_of(connection).blind_index(UUID(int=0), email.strip().lower())
    row = (
        await connection.execute(
            select(staff.c.id, staff.c.organization_id, staff.c.password_hash, HAS_FACTOR).where(
                staff.c.email_index == index, staff.c.disabled_at.is_(None)
            )
        )
    ).first()
    return Account(row.id, row.organization_id, row.password_hash, bool(row.has_factor)) if row else None


async def account_of(connection: AsyncConnection, staff_id: UUID) -> tuple[Account, str] | None:
    """The account of a member of staff and its e-mail address; None when it is disabled."""
    wanted = select(staff.c.organization_id, staff.c.password_hash, staff.c.email, HAS_FACTOR)
    row = (await connection.execute(wanted.where(staff.c.id == staff_id, staff.c.disabled_at.is_(None)))).first()
    return (Account(staff_id, row.organization_id, row.password_hash, bool(row.has_factor)), row.email) if row else None


async def store_password_hash(connection: AsyncConnection, staff_id: UUID, password_hash: str) -> None:
    """Replaces the hash of a password, for example by one of today's strength."""
    await connection.execute(update(staff).where(staff.c.id == staff_id).values(password_hash=password_hash))


async def staff_name(connection: AsyncConnection, staff_id: UUID | None) -> str:
    """The name of a member of staff, "" for nobody."""
    return await connection.scalar(select(staff.c.name).where(staff.c.id == staff_id)) or ""


async def member_named(connection: AsyncConnection, organization_id: UUID, who: str, *, disabled_too: bool = False) -> Staff | None:
    """The one member of an organization's staff with this address or this name; None for nobody and for several.

    Who is disabled is nobody, except with `disabled_too`.
    """
    statement = select(staff.c.id, staff.c.name, staff.c.email, staff.c.role).where(staff.c.organization_id == organization_id)
    if not disabled_too:
        statement = statement.where(staff.c.disabled_at.is_(None))
    wanted = " ".join(who.split()).lower()
    found = [row for row in (await connection.execute(statement)).all() if wanted in (row.name.lower(), row.email.lower())]
    if len(found) != 1:
        return None
    teams = await connection.scalars(select(staff_teams.c.team_id).where(staff_teams.c.staff_id == found[0].id).limit(MAX_TEAMS))
    return Staff(found[0].id, organization_id, found[0].name, Role(found[0].role), tuple(teams.all()))


async def set_paging(connection: AsyncConnection, member: Staff, *, phone: str | None, paged_by: str) -> None:
    """Where and how a member of staff is paged; None takes the number away. Another number needs no other PIN."""
    index = keyring_of(connection).blind_index(member.organization_id, phone) if phone is not None else None
    values = {"phone": phone, "phone_index": index, "paged_by": paged_by}
    await connection.execute(update(staff).where(staff.c.id == member.id).values(**values))


async def set_pin(connection: AsyncConnection, member: Staff, pin_hash: str | None) -> None:
    """The hash of the PIN that a call asks for; a new one unlocks."""
    values: dict[str, Any] = {"pin_hash": pin_hash, "pin_failures": 0, "pin_locked_at": None}
    await connection.execute(update(staff).where(staff.c.id == member.id).values(**values))


async def locked_pins(connection: AsyncConnection, ids: Collection[UUID]) -> dict[UUID, datetime]:
    """Since when the PIN of each of these is locked; those whose PIN is not are left out."""
    if not ids:
        return {}
    statement = select(staff.c.id, staff.c.pin_locked_at).where(staff.c.id.in_(list(ids)), staff.c.pin_locked_at.is_not(None))
    return {row.id: row.pin_locked_at for row in (await connection.execute(statement)).all()}


async def team_names(connection: AsyncConnection, ids: Collection[UUID]) -> tuple[str, ...]:
    """The names of these teams, in their order."""
    if not ids:
        return ()
    return tuple(
        (await connection.scalars(select(teams.c.name).where(teams.c.id.in_(list(ids))).order_by(teams.c.name).limit(MAX_TEAMS))).all()
    )
