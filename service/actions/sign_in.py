"""Sign-in: e-mail and password give a session; failures are counted by account and by address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from service.actions.passwords import LONGEST, Passwords
from service.db import audit
from service.db.database import Database
from service.db.encryption import keyring_of
from service.db.staff import (
    Account,
    add_failures,
    count_failures,
    create_session,
    end_session,
    find_account,
    forget_failures,
    prune_sign_in,
    store_password_hash,
)

WINDOW = timedelta(minutes=15)
MOST_PER_ACCOUNT_AND_ADDRESS = 10
MOST_PER_ACCOUNT = 50
"""From many addresses; higher, so that a stranger elsewhere does not lock a nurse out at once."""
MOST_PER_ADDRESS = 50
"""A whole clinic may stand behind one address."""
KEEP = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class SignInResult:
    """`account` is None when it failed; `locked` when there were too many failures to try at all."""

    account: Account | None
    locked: bool = False


async def sign_in(
    database: Database,
    passwords: Passwords,
    *,
    email: str,
    password: str,
    address: str,
    session_hash: bytes,
    old_session_hash: bytes | None,
    now: datetime,
) -> SignInResult:
    """Checks a password and, when it fits, writes a new session under `session_hash` in place of the old one.

    An unknown account and a wrong password take the same work and give the same answer. Raises TooBusy.
    """
    async with passwords:
        async with database.reading() as connection:
            ring = keyring_of(connection)
            account_and_address, account_only, address_only = subjects = [
                ring.blind_index(UUID(int=0), text)
                for text in (
                    f"sign-in account {email.strip().lower()} address {address}",
                    f"sign-in account {email.strip().lower()}",
                    f"sign-in address {address}",
                )
            ]
            counts = await count_failures(connection, subjects, now - WINDOW)
            account = await find_account(connection, email)
        if (
            counts[account_and_address] >= MOST_PER_ACCOUNT_AND_ADDRESS
            or counts[account_only] >= MOST_PER_ACCOUNT
            or counts[address_only] >= MOST_PER_ADDRESS
        ):
            return SignInResult(None, locked=True)
        # Outside any transaction: hashing takes a tenth of a second.
        fits = len(password) <= LONGEST and await passwords.fits(password, account.password_hash if account else None)
        if account is None or not fits:
            async with database.transaction() as connection:
                await add_failures(connection, subjects, now)
                if account is not None:
                    entry = audit.entry(account.organization_id, now, "sign_in_failed", object_kind="staff", object_id=account.staff_id)
                    await audit.append(connection, [entry])
            return SignInResult(None)
        renewed = await passwords.renewed(password, account.password_hash)
        async with database.transaction() as connection:
            if old_session_hash is not None:
                await end_session(connection, old_session_hash)
            await create_session(connection, session_hash, account.staff_id, account.organization_id, {}, now)
            if renewed is not None:
                await store_password_hash(connection, account.staff_id, renewed)
            await forget_failures(connection, account_and_address)
            await prune_sign_in(connection, failures_before=now - KEEP, sessions_before=now - KEEP)
            await audit.append(connection, [audit.entry(account.organization_id, now, "signed_in", staff_id=account.staff_id)])
    return SignInResult(account)
