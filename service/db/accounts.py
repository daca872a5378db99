"""Accounts of an organization as an administrator sees and changes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.credentials import invitations
from service.db.organization import organizations, teams
from service.db.sessions import web_sessions
from service.db.staff import HAS_FACTOR, staff, staff_teams
from service.domain.staff import Role

MOST = 1000
"""Accounts of an organization that are listed."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An account in the list."""

    id: UUID
    organization_id: UUID
    name: str
    email: str
    role: Role
    team_ids: tuple[UUID, ...]
    disabled_at: datetime | None
    has_password: bool
    has_second_factor: bool
    invited_until: datetime | None
    """A link is out that can be used until then."""
    signed_in_at: datetime | None
    """The newest session that is still kept."""


async def list_accounts(connection: AsyncConnection, organization_id: UUID, now: datetime, *, only: UUID | None = None) -> list[Listed]:
    """All accounts of an organization by name, at most 1,000; with `only` that one."""
    link = select(func.max(invitations.c.expires_at)).where(
        invitations.c.staff_id == staff.c.id, invitations.c.used_at.is_(None), invitations.c.expires_at > now
    )
    newest = select(func.max(web_sessions.c.created_at)).where(web_sessions.c.staff_id == staff.c.id)
    wanted = select(
        staff.c.id,
        staff.c.name,
        staff.c.email,
        staff.c.role,
        staff.c.disabled_at,
        (staff.c.password_hash != "").label("has_password"),
        HAS_FACTOR,
        link.scalar_subquery().label("invited_until"),
        newest.scalar_subquery().label("signed_in_at"),
    ).where(staff.c.organization_id == organization_id)
    if only is not None:
        wanted = wanted.where(staff.c.id == only)
    rows = (await connection.execute(wanted.limit(MOST))).all()
    theirs: dict[UUID, list[UUID]] = {row.id: [] for row in rows}
    pairs = select(staff_teams.c.staff_id, staff_teams.c.team_id).where(staff_teams.c.organization_id == organization_id)
    if only is not None:
        pairs = pairs.where(staff_teams.c.staff_id == only)
    for pair in (await connection.execute(pairs)).all():
        if pair.staff_id in theirs:
            theirs[pair.staff_id].append(pair.team_id)
    found = [
        Listed(
            row.id,
            organization_id,
            row.name,
            row.email,
            Role(row.role),
            tuple(theirs[row.id]),
            row.disabled_at,
            bool(row.has_password),
            bool(row.has_factor),
            row.invited_until,
            row.signed_in_at,
        )
        for row in rows
    ]
    return sorted(found, key=lambda one: (one.disabled_at is not None, one.name.lower()))


async def lock_organization(connection: AsyncConnection, organization_id: UUID) -> None:
    """Changes of accounts of one organization are made one after the other: the last administrator is counted right."""
    await connection.execute(select(organizations.c.id).where(organizations.c.id == organization_id).with_for_update(key_share=True))


async def other_administrators(connection: AsyncConnection, organization_id: UUID, but: UUID) -> int:
    """How many administrators besides this member can sign in."""
    mine = (staff.c.organization_id == organization_id) & (staff.c.role == Role.ADMINISTRATOR) & staff.c.disabled_at.is_(None)
    able = mine & (staff.c.id != but) & (staff.c.password_hash != "")
    return await connection.scalar(select(func.count()).select_from(staff).where(able)) or 0


async def change_account(
    connection: AsyncConnection, staff_id: UUID, organization_id: UUID, *, name: str, role: Role, team_ids: Sequence[UUID]
) -> None:
    """Another name, role and other teams."""
    await connection.execute(update(staff).where(staff.c.id == staff_id).values(name=name, role=role))
    await connection.execute(delete(staff_teams).where(staff_teams.c.staff_id == staff_id))
    rows = [{"organization_id": organization_id, "staff_id": staff_id, "team_id": team_id} for team_id in team_ids]
    if rows:
        await connection.execute(insert(staff_teams), rows)


async def disable(connection: AsyncConnection, staff_id: UUID, at: datetime | None) -> None:
    """Nobody signs in with this account from then on; None lets them in again."""
    await connection.execute(update(staff).where(staff.c.id == staff_id).values(disabled_at=at))


async def team_choices(connection: AsyncConnection, organization_id: UUID) -> dict[UUID, str]:
    """The organization's teams that people are in, by name, at most 500."""
    wanted = select(teams.c.id, teams.c.name).where(teams.c.organization_id == organization_id, ~teams.c.synthetic).order_by(teams.c.name)
    return {row.id: row.name for row in (await connection.execute(wanted.limit(500))).all()}
