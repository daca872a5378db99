"""A member of staff chooses another password, or the first one by an invitation's link; every other session of theirs ends."""

from __future__ import annotations

from datetime import datetime

from service.actions import attempts
from service.actions.passwords import Passwords, why_not_acceptable
from service.actions.refusal import NotFound, Refused
from service.db import audit, credentials
from service.db.database import Database
from service.db.encryption import keyring_of
from service.db.sessions import end_sessions, renew_session
from service.db.staff import account_of, store_password_hash
from service.domain.sign_in import Step
from service.domain.staff import Staff


async def change_password(
    database: Database,
    passwords: Passwords,
    staff: Staff,
    password: str,
    again: str,
    *,
    session_hash: bytes,
    new_hash: bytes,
    now: datetime,
) -> None:
    """Stores a new password of somebody who has just proved who they are. Raises Refused saying what to write instead, and TooBusy."""
    async with database.reading() as connection:
        found = await account_of(connection, staff.id)
    if found is None:
        raise NotFound
    _check(password, again, staff.name, found[1])
    async with passwords:
        hashed = await passwords.hash_of(password)
    async with database.transaction() as connection:
        await store_password_hash(connection, staff.id, hashed)
        await credentials.withdraw_invitations(connection, staff.id, now)
        await renew_session(connection, session_hash, new_hash, Step.NONE, now)
        ended = await end_sessions(connection, staff.id, but=new_hash)
        await audit.leave(
            connection,
            staff.organization_id,
            now,
            "password_changed",
            staff_id=staff.id,
            object_kind="staff",
            object_id=staff.id,
            detail={"sessions_ended": ended},
        )


async def accept_invitation(database: Database, passwords: Passwords, token_hash: bytes, password: str, again: str, now: datetime) -> None:
    """The first password (or a new one) of whoever was given the link; it works once. They sign in with it then.

    Raises NotFound for a link that is unknown, used or over, Refused for a password that will not do, TooBusy.
    """
    async with database.reading() as connection:
        invited = await credentials.invited(connection, token_hash, now)
    if invited is None:
        raise NotFound
    _check(password, again, invited.name, invited.email)
    async with passwords:
        hashed = await passwords.hash_of(password)
    async with database.transaction() as connection:
        if not await credentials.use_invitation(connection, invited.invitation_id, now):
            raise NotFound
        await store_password_hash(connection, invited.staff_id, hashed)
        await end_sessions(connection, invited.staff_id)
        await attempts.unlock(connection, keyring_of(connection), invited.staff_id, invited.email)
        await audit.leave(
            connection,
            invited.organization_id,
            now,
            "invitation_accepted",
            staff_id=invited.staff_id,
            object_kind="staff",
            object_id=invited.staff_id,
        )


def _check(password: str, again: str, *about: str) -> None:
    if why := why_not_acceptable(password, *about):
        raise Refused(why)
    if password != again:
        raise Refused("The two passwords differ: write the same one twice.")
