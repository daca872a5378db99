"""What members of staff prove themselves with besides a password: one-time codes, recovery codes, the link of an invitation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, LargeBinary, Table, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.encryption import keyring_of
from service.db.schema import Instant, id_column, metadata, new_id, organization_column, reference
from service.db.staff import staff

recovery_codes = Table(
    "recovery_codes",
    metadata,
    id_column(),
    organization_column(),
    reference("staff_id", "staff", index=True),
    Column("code_hash", LargeBinary(32), nullable=False, doc="blind index of the member and the code"),
    Column("used_at", Instant),
)

invitations = Table(
    "invitations",
    metadata,
    id_column(),
    organization_column(),
    reference("staff_id", "staff", index=True),
    Column("token_hash", LargeBinary(32), nullable=False, unique=True, doc="SHA-256 of the link's secret"),
    reference("created_by", "staff", nullable=True),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
)


@dataclass(frozen=True, slots=True)
class Invited:
    """Whose account an invitation's link opens."""

    invitation_id: UUID
    staff_id: UUID
    organization_id: UUID
    name: str
    email: str


async def lock_account(connection: AsyncConnection, staff_id: UUID) -> None:
    """Whoever else changes or tries this account waits until the caller's transaction is over."""
    await connection.execute(select(staff.c.id).where(staff.c.id == staff_id).with_for_update(key_share=True))


async def totp_secret(connection: AsyncConnection, staff_id: UUID) -> str | None:
    """The secret (base32) of a member's second factor; None for somebody without one."""
    found: str | None = await connection.scalar(select(staff.c.totp_secret).where(staff.c.id == staff_id))
    return found


async def offered_secret(connection: AsyncConnection, staff_id: UUID) -> tuple[str, str] | None:
    """The secret that is shown to be set up, and the member's e-mail address; None when none is offered."""
    row = (await connection.execute(select(staff.c.totp_next, staff.c.email).where(staff.c.id == staff_id))).first()
    return (row.totp_next, row.email) if row is not None and row.totp_next is not None else None


async def offer_secret(connection: AsyncConnection, staff_id: UUID, secret: str) -> None:
    """A secret to be set up; the one before counts until this one's first code is given."""
    await connection.execute(update(staff).where(staff.c.id == staff_id).values(totp_next=secret))


async def set_totp(connection: AsyncConnection, staff_id: UUID, secret: str | None, step: int | None) -> None:
    """The secret of a second factor and the step of the code that proved it; None takes it away."""
    await connection.execute(update(staff).where(staff.c.id == staff_id).values(totp_secret=secret, totp_step=step, totp_next=None))


async def take_step(connection: AsyncConnection, staff_id: UUID, step: int) -> bool:
    """Marks a step's code as taken; False when that one or a later one was taken before (one winner, whoever asks at the same time)."""
    fresh = staff.c.totp_step.is_(None) | (staff.c.totp_step < step)
    result = await connection.execute(update(staff).where(staff.c.id == staff_id, fresh).values(totp_step=step))
    return result.rowcount == 1


async def set_recovery_codes(
    connection: AsyncConnection, organization_id: UUID, staff_id: UUID, codes: Sequence[str], now: datetime
) -> None:
    """These codes in place of all earlier ones; only their hashes are kept."""
    await connection.execute(delete(recovery_codes).where(recovery_codes.c.staff_id == staff_id))
    ring = keyring_of(connection)
    rows = [
        {"id": new_id(now), "organization_id": organization_id, "staff_id": staff_id, "code_hash": ring.blind_index(staff_id, code)}
        for code in codes
    ]
    if rows:
        await connection.execute(insert(recovery_codes), rows)


async def take_recovery_code(connection: AsyncConnection, staff_id: UUID, code: str, now: datetime) -> bool:
    """Uses a recovery code up; False for one that is unknown or used."""
    hashed = keyring_of(connection).blind_index(staff_id, code)
    mine = (recovery_codes.c.staff_id == staff_id) & (recovery_codes.c.code_hash == hashed) & recovery_codes.c.used_at.is_(None)
    result = await connection.execute(update(recovery_codes).where(mine).values(used_at=now))
    return result.rowcount == 1


async def recovery_codes_left(connection: AsyncConnection, staff_id: UUID) -> int:
    """How many recovery codes are still good."""
    mine = (recovery_codes.c.staff_id == staff_id) & recovery_codes.c.used_at.is_(None)
    return await connection.scalar(select(func.count()).select_from(recovery_codes).where(mine)) or 0


async def invite(
    connection: AsyncConnection,
    organization_id: UUID,
    staff_id: UUID,
    token_hash: bytes,
    *,
    by: UUID | None,
    expires_at: datetime,
    now: datetime,
) -> None:
    """A new invitation in place of every earlier one of the same member."""
    await withdraw_invitations(connection, staff_id, now)
    await connection.execute(
        insert(invitations).values(
            id=new_id(now),
            organization_id=organization_id,
            staff_id=staff_id,
            token_hash=token_hash,
            created_by=by,
            created_at=now,
            expires_at=expires_at,
        )
    )


async def withdraw_invitations(connection: AsyncConnection, staff_id: UUID, now: datetime) -> None:
    """No link that this member was given opens anything any more."""
    mine = (invitations.c.staff_id == staff_id) & invitations.c.used_at.is_(None)
    await connection.execute(update(invitations).where(mine).values(used_at=now))


async def invited(connection: AsyncConnection, token_hash: bytes, now: datetime) -> Invited | None:
    """Whose link this is; None when it is unknown, used, over, or its account disabled."""
    row = (
        await connection.execute(
            select(invitations.c.id, invitations.c.staff_id, invitations.c.organization_id, staff.c.name, staff.c.email)
            .join(staff, staff.c.id == invitations.c.staff_id)
            .where(
                invitations.c.token_hash == token_hash,
                invitations.c.used_at.is_(None),
                invitations.c.expires_at > now,
                staff.c.disabled_at.is_(None),
            )
        )
    ).first()
    return Invited(row.id, row.staff_id, row.organization_id, row.name, row.email) if row is not None else None


async def use_invitation(connection: AsyncConnection, invitation_id: UUID, now: datetime) -> bool:
    """Uses an invitation up; False when somebody was quicker."""
    unused = (invitations.c.id == invitation_id) & invitations.c.used_at.is_(None)
    return (await connection.execute(update(invitations).where(unused).values(used_at=now))).rowcount == 1
