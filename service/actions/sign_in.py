"""Sign-in: e-mail and password give a session, which waits for the second factor where there is one; failures are counted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from service.actions import attempts
from service.actions.passwords import LONGEST, Passwords
from service.actions.second_factors import new_secret
from service.db import audit, credentials
from service.db.database import Database
from service.db.encryption import keyring_of
from service.db.sessions import create_session, end_session, prune_sign_in
from service.db.staff import Account, find_account, store_password_hash
from service.domain.sign_in import Step, next_step


@dataclass(frozen=True, slots=True)
class SignInResult:
    """`account` is None when it failed; `locked` when there were too many failures to try at all; `step`: what is still asked."""

    account: Account | None
    locked: bool = False
    step: Step = Step.NONE


async def sign_in(
    database: Database,
    passwords: Passwords,
    *,
    email: str,
    password: str,
    address: str,
    session_hash: bytes,
    old_session_hash: bytes | None,
    second_factor_required: bool,
    now: datetime,
) -> SignInResult:
    """Checks a password and, when it fits, writes a new session under `session_hash` in place of the old one.

    An unknown account and a wrong password take the same work and give the same answer. Raises TooBusy.
    """
    async with passwords:
        async with database.reading() as connection:
            subjects = attempts.of_password(keyring_of(connection), email, address)
            locked = await attempts.locked(connection, subjects, now)
            account = await find_account(connection, email)
        if locked:
            return SignInResult(None, locked=True)
        # Outside any transaction: hashing takes a tenth of a second.
        fits = len(password) <= LONGEST and await passwords.fits(password, account.password_hash if account else None)
        if account is None or not fits:
            async with database.transaction() as connection:
                await attempts.failed(connection, subjects, now)
                if account is not None:
                    await audit.leave(
                        connection, account.organization_id, now, "sign_in_failed", object_kind="staff", object_id=account.staff_id
                    )
            return SignInResult(None)
        renewed = await passwords.renewed(password, account.password_hash)
        step = next_step(has_factor=account.has_second_factor, required=second_factor_required)
        async with database.transaction() as connection:
            if old_session_hash is not None:
                await end_session(connection, old_session_hash)
            await create_session(connection, session_hash, account.staff_id, account.organization_id, step, now)
            if renewed is not None:
                await store_password_hash(connection, account.staff_id, renewed)
            if step is Step.ENROL:
                await credentials.offer_secret(connection, account.staff_id, new_secret())
            await attempts.forget(connection, subjects[0])
            await prune_sign_in(connection, failures_before=now - attempts.DAY, sessions_before=now - attempts.DAY)
            what = "signed_in" if step is Step.NONE else "password_accepted"
            await audit.leave(connection, account.organization_id, now, what, staff_id=account.staff_id)
    return SignInResult(account, step=step)
