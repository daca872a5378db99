"""The second factor at sign-in: given right it makes the session whole, under another cookie."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from service.actions import attempts
from service.actions.second_factors import ONE_TIME_CODE, factor_for, new_recovery_codes, step_of, stored_form
from service.db import audit, credentials
from service.db.database import Database
from service.db.encryption import keyring_of
from service.db.sessions import end_sessions, renew_session
from service.domain.sign_in import Step
from service.domain.staff import Staff


@dataclass(frozen=True, slots=True)
class Passed:
    """Whether the session is whole now; `locked` when there were too many failures to try at all."""

    done: bool
    locked: bool = False
    recovery_codes: tuple[str, ...] = ()
    """Shown once, when a second factor was set up."""


async def pass_second_factor(
    database: Database, staff: Staff, given: str, *, address: str, session_hash: bytes, new_hash: bytes, now: datetime
) -> Passed:
    """Checks a one-time code or a recovery code of somebody whose password was right."""
    factor = factor_for(given)
    async with database.transaction() as connection:
        await credentials.lock_account(connection, staff.id)  # guesses at the same time are counted one after the other
        subjects = attempts.of_code(keyring_of(connection), staff.id, factor.name, address)
        if await attempts.locked(connection, subjects, now):
            return Passed(False, locked=True)
        if not await factor.proves(connection, staff.id, given, now):
            await attempts.failed(connection, subjects, now)
            await audit.append(connection, [_entry(staff, "second_factor_failed", factor.name, now)])
            return Passed(False)
        await attempts.forget(connection, subjects[0])
        done = await renew_session(connection, session_hash, new_hash, Step.NONE, now)
        await audit.append(connection, [_entry(staff, "signed_in", factor.name, now)])
    return Passed(done)


async def confirm_second_factor(
    database: Database, staff: Staff, given: str, *, address: str, session_hash: bytes, new_hash: bytes, now: datetime
) -> Passed:
    """The first code of a secret that was shown: from now on it is asked for, and recovery codes are there. Every other session ends."""
    factor = ONE_TIME_CODE
    async with database.transaction() as connection:
        await credentials.lock_account(connection, staff.id)
        subjects = attempts.of_code(keyring_of(connection), staff.id, factor.name, address)
        if await attempts.locked(connection, subjects, now):
            return Passed(False, locked=True)
        offered = await credentials.offered_secret(connection, staff.id)
        step = step_of(offered[0], given, now) if offered is not None else None
        if offered is None or step is None:
            await attempts.failed(connection, subjects, now)
            return Passed(False)
        codes = new_recovery_codes()
        await credentials.set_totp(connection, staff.id, offered[0], step)
        await credentials.set_recovery_codes(connection, staff.organization_id, staff.id, [stored_form(code) for code in codes], now)
        done = await renew_session(connection, session_hash, new_hash, Step.NONE, now)
        await end_sessions(connection, staff.id, but=new_hash)
        await audit.append(connection, [_entry(staff, "second_factor_set", factor.name, now)])
    return Passed(done, recovery_codes=tuple(codes))


def _entry(staff: Staff, action: str, factor: str, now: datetime) -> dict[str, object]:
    return audit.entry(
        staff.organization_id, now, action, staff_id=staff.id, object_kind="staff", object_id=staff.id, detail={"factor": factor}
    )
