"""An administrator invites people, changes what they may, lets them in again or out; each change ends the sessions that it concerns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions import attempts
from service.actions.add_staff import check_person
from service.actions.refusal import NotFound, Refused
from service.db import accounts, audit, clinic, credentials, rota
from service.db.accounts import Listed
from service.db.database import Database
from service.db.encryption import keyring_of
from service.db.sessions import end_sessions
from service.domain.ladder import DEFAULTS, could_end_with_nobody
from service.domain.sign_in import LINK_HOLDS
from service.domain.staff import IN_A_TEAM, Permission, Role, Staff


class ResetReason(StrEnum):
    """Why somebody's second factor is taken away (a code: the trail holds no words)."""

    LOST = "lost"
    STOLEN = "stolen"
    REPLACED = "replaced"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Person:
    """What an administrator says of a member of staff."""

    name: str
    role: str
    team_ids: tuple[str, ...]


async def view_accounts(database: Database, by: Staff, now: datetime) -> tuple[list[Listed], dict[UUID, str]]:
    """All accounts of the organization, and its teams by id."""
    _administers(by)
    async with database.reading() as connection:
        return await accounts.list_accounts(connection, by.organization_id, now), await accounts.team_choices(
            connection, by.organization_id
        )


async def view_account(database: Database, by: Staff, staff_id: UUID, now: datetime) -> tuple[Listed, dict[UUID, str]]:
    """One account, and the organization's teams. Raises NotFound for another organization's."""
    _administers(by)
    async with database.reading() as connection:
        return await _one(connection, by, staff_id, now), await accounts.team_choices(connection, by.organization_id)


async def invite_staff(database: Database, by: Staff, email: str, person: Person, token_hash: bytes, now: datetime) -> UUID:
    """A new account without a password, and the invitation that gives it one; its id. Raises Refused saying what to write instead."""
    _administers(by)
    email, name = check_person(email, person.name)
    async with database.transaction() as connection:
        role, team_ids = await _place(connection, by, person)
        try:
            id = await clinic.add_staff(
                connection, by.organization_id, email=email, name=name, password_hash="", role=role, team_ids=team_ids, now=now
            )
        except clinic.EmailTaken:
            raise Refused("Somebody has this e-mail address already.") from None
        await credentials.invite(connection, by.organization_id, id, token_hash, by=by.id, expires_at=now + LINK_HOLDS, now=now)
        await _told(connection, by, id, "staff_invited", now, role=role.value, teams=[str(team_id) for team_id in team_ids])
    return id


async def renew_link(database: Database, by: Staff, staff_id: UUID, token_hash: bytes, now: datetime) -> None:
    """A new link for somebody who has forgotten the password or let the link lapse; locks of sign-in are opened. The old password counts
    until the link is used."""
    _administers(by)
    async with database.transaction() as connection:
        account = await _one(connection, by, staff_id, now)
        if account.disabled_at is not None:
            raise Refused("This account is closed: open it again first.")
        await credentials.invite(connection, by.organization_id, staff_id, token_hash, by=by.id, expires_at=now + LINK_HOLDS, now=now)
        await attempts.unlock(connection, keyring_of(connection), staff_id, account.email)
        await _told(connection, by, staff_id, "link_renewed", now)


async def change_account(database: Database, by: Staff, staff_id: UUID, person: Person, now: datetime) -> None:
    """Name, role and teams. With another role or fewer teams the member is signed out everywhere.

    Raises Refused for a role that needs a team and has none, for the last administrator's, and when a ladder would end with nobody.
    """
    _administers(by)
    async with database.transaction() as connection:
        await accounts.lock_organization(connection, by.organization_id)
        before = await _one(connection, by, staff_id, now)
        _email, name = check_person(before.email, person.name)
        role, team_ids = await _place(connection, by, person)
        if role is not before.role:
            await _not_the_last(connection, before)
        await accounts.change_account(connection, staff_id, by.organization_id, name=name, role=role, team_ids=team_ids)
        await _ladders_end(connection, before, now)
        less = role is not before.role or not set(before.team_ids) <= set(team_ids)
        ended = await end_sessions(connection, staff_id) if less else 0
        await _told(
            connection,
            by,
            staff_id,
            "staff_changed",
            now,
            role=role.value,
            role_before=before.role.value,
            teams=[str(team_id) for team_id in team_ids],
            sessions_ended=ended,
        )


async def set_disabled(database: Database, by: Staff, staff_id: UUID, *, disabled: bool, now: datetime) -> None:
    """Closes an account, which ends its sessions and links on all nodes at once, or opens it again."""
    _administers(by)
    async with database.transaction() as connection:
        await accounts.lock_organization(connection, by.organization_id)
        account = await _one(connection, by, staff_id, now)
        ended = 0
        if disabled:
            await _not_the_last(connection, account)
        await accounts.disable(connection, staff_id, now if disabled else None)
        if disabled:
            await _ladders_end(connection, account, now)
            await credentials.withdraw_invitations(connection, staff_id, now)
            ended = await end_sessions(connection, staff_id)
        await _told(connection, by, staff_id, "staff_disabled" if disabled else "staff_enabled", now, sessions_ended=ended)


async def reset_second_factor(database: Database, by: Staff, staff_id: UUID, reason: str, now: datetime) -> None:
    """Takes a member's second factor and recovery codes away and signs them out; they set up another at the next sign-in."""
    _administers(by)
    if reason not in set(ResetReason):
        raise Refused("Say why the second step is taken away.")
    if staff_id == by.id:
        raise Refused("Change your own second step on the page of your account, or ask another administrator.")
    async with database.transaction() as connection:
        account = await _one(connection, by, staff_id, now)
        await credentials.set_totp(connection, staff_id, None, None)
        await credentials.set_recovery_codes(connection, by.organization_id, staff_id, [], now)
        await attempts.unlock(connection, keyring_of(connection), staff_id, account.email)
        await end_sessions(connection, staff_id)
        await _told(connection, by, staff_id, "second_factor_reset", now, reason=reason)


def _administers(by: Staff) -> None:
    if not by.may(Permission.ADMINISTER):
        raise NotFound


async def _one(connection: AsyncConnection, by: Staff, staff_id: UUID, now: datetime) -> Listed:
    found = await accounts.list_accounts(connection, by.organization_id, now, only=staff_id)
    if not found:
        raise NotFound
    return found[0]


async def _place(connection: AsyncConnection, by: Staff, person: Person) -> tuple[Role, Sequence[UUID]]:
    """The role and the teams that were chosen; teams only where the role has patients."""
    if person.role not in set(Role):
        raise Refused("Choose a role.")
    role, teams = Role(person.role), await accounts.team_choices(connection, by.organization_id)
    team_ids = [team_id for team_id in teams if str(team_id) in person.team_ids] if role in IN_A_TEAM else []
    if role in IN_A_TEAM and not team_ids:
        raise Refused("A nurse, coordinator or supervisor works in a team: choose one.")
    return role, team_ids


async def _not_the_last(connection: AsyncConnection, account: Listed) -> None:
    if account.role is not Role.ADMINISTRATOR or account.disabled_at is not None:
        return
    row = await accounts.other_administrators(connection, account.organization_id, account.id)
    if not row:
        raise Refused("This is the last administrator who can sign in: nobody could let anybody in again. Add another one first.")


async def _ladders_end(connection: AsyncConnection, account: Listed, now: datetime) -> None:
    """Raises Refused when a team's pages would now end with nobody."""
    for crew in (await rota.crews(connection, account.team_ids, now)).values():
        for urgency in DEFAULTS:
            if why := could_end_with_nobody(crew, urgency):
                raise Refused("Not changed: {why}.", why=why)


async def _told(connection: AsyncConnection, by: Staff, staff_id: UUID, action: str, now: datetime, **detail: Any) -> None:
    await audit.leave(connection, by.organization_id, now, action, staff_id=by.id, object_kind="staff", object_id=staff_id, detail=detail)
