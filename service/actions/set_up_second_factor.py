"""A second factor is offered, replaced, taken away; recovery codes are made anew. Each is for somebody who has just proved who they are."""

from __future__ import annotations

from datetime import datetime

from service.actions.second_factors import new_recovery_codes, new_secret, stored_form
from service.db import audit, credentials
from service.db.database import Database
from service.domain.staff import Staff


async def offered_secret(database: Database, staff: Staff) -> tuple[str, str] | None:
    """The secret to be shown (base32) and the member's e-mail address; None when there is nothing to set up."""
    async with database.reading() as connection:
        return await credentials.offered_secret(connection, staff.id)


async def start_second_factor(database: Database, staff: Staff, now: datetime) -> None:
    """Offers a new secret; the second factor so far goes on counting until the new one's first code is given."""
    async with database.transaction() as connection:
        await credentials.offer_secret(connection, staff.id, new_secret())
        await audit.append(connection, [_entry(staff, "second_factor_offered", now)])


async def renew_recovery_codes(database: Database, staff: Staff, now: datetime) -> list[str]:
    """Ten new recovery codes in place of those before; only their hashes are kept."""
    codes = new_recovery_codes()
    async with database.transaction() as connection:
        await credentials.set_recovery_codes(connection, staff.organization_id, staff.id, [stored_form(code) for code in codes], now)
        await audit.append(connection, [_entry(staff, "recovery_codes_renewed", now)])
    return codes


async def take_second_factor_away(database: Database, staff: Staff, now: datetime) -> None:
    """One's own, where none is required."""
    async with database.transaction() as connection:
        await credentials.set_totp(connection, staff.id, None, None)
        await credentials.set_recovery_codes(connection, staff.organization_id, staff.id, [], now)
        await audit.append(connection, [_entry(staff, "second_factor_removed", now)])


def _entry(staff: Staff, action: str, now: datetime) -> dict[str, object]:
    return audit.entry(staff.organization_id, now, action, staff_id=staff.id, object_kind="staff", object_id=staff.id)
