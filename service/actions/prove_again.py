"""Somebody who is signed in proves anew who they are: before data leaves, and to go on beyond twelve hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from service.actions import attempts
from service.actions.passwords import LONGEST, Passwords
from service.actions.second_factors import factor_for
from service.db import audit, credentials
from service.db.database import Database
from service.db.encryption import keyring_of
from service.db.sessions import renew_session
from service.db.staff import account_of
from service.domain.sign_in import Step
from service.domain.staff import Staff


@dataclass(frozen=True, slots=True)
class Proof:
    """What was typed: the password, and a code where the account has a second factor."""

    password: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Proved:
    """Whether it was right; `locked` when there were too many failures to try at all."""

    done: bool
    locked: bool = False


async def prove_again(
    database: Database,
    passwords: Passwords,
    staff: Staff,
    proof: Proof,
    *,
    address: str,
    session_hash: bytes,
    new_hash: bytes,
    now: datetime,
) -> Proved:
    """Checks password and second factor; right, the session begins anew under another cookie. Raises TooBusy."""
    async with passwords:
        async with database.reading() as connection:
            ring, found = keyring_of(connection), await account_of(connection, staff.id)
            if found is None:
                return Proved(False)
            account, email = found
            subjects = attempts.of_password(ring, email, address)
            if await attempts.locked(connection, subjects, now):
                return Proved(False, locked=True)
        fits = len(proof.password) <= LONGEST and await passwords.fits(proof.password, account.password_hash)
        async with database.transaction() as connection:
            if not fits:
                await attempts.failed(connection, subjects, now)
                await audit.append(connection, [_entry(staff, "proof_failed", now)])
                return Proved(False)
            if account.has_second_factor:
                factor = factor_for(proof.code)
                await credentials.lock_account(connection, staff.id)
                codes = attempts.of_code(ring, staff.id, factor.name, address)
                if await attempts.locked(connection, codes, now):
                    return Proved(False, locked=True)
                if not await factor.proves(connection, staff.id, proof.code, now):
                    await attempts.failed(connection, codes, now)
                    await audit.append(connection, [_entry(staff, "proof_failed", now)])
                    return Proved(False)
            done = await renew_session(connection, session_hash, new_hash, Step.NONE, now)
            await audit.append(connection, [_entry(staff, "proved_again", now)])
    return Proved(done)


def _entry(staff: Staff, action: str, now: datetime) -> dict[str, object]:
    return audit.entry(staff.organization_id, now, action, staff_id=staff.id, object_kind="staff", object_id=staff.id)
