"""What members of staff see and change of their own account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from service.actions.refusal import NotFound
from service.db import audit, credentials
from service.db.database import Database
from service.db.sessions import Preferences, end_sessions, store_preferences
from service.db.staff import account_of, team_names
from service.domain.staff import Staff


@dataclass(frozen=True, slots=True)
class Account:
    """What the page of one's own account shows."""

    email: str
    teams: tuple[str, ...]
    recovery_codes_left: int


async def load_account(database: Database, staff: Staff) -> Account:
    """Address, teams and the number of recovery codes that are still good."""
    async with database.reading() as connection:
        found = await account_of(connection, staff.id)
        if found is None:
            raise NotFound
        return Account(found[1], await team_names(connection, staff.team_ids), await credentials.recovery_codes_left(connection, staff.id))


async def set_preferences(database: Database, staff: Staff, likes: Preferences, now: datetime) -> None:
    """Keeps what a member of staff has chosen for the pages."""
    async with database.transaction() as connection:
        await store_preferences(connection, staff.id, likes)
        detail = {"language": likes.language or "", "shortcuts": likes.shortcuts, "sound": likes.sound}
        entry = audit.entry(staff.organization_id, now, "preferences_set", staff_id=staff.id, object_kind="staff", object_id=staff.id)
        await audit.append(connection, [entry | {"detail": detail}])


async def end_other_sessions(database: Database, staff: Staff, own_hash: bytes, now: datetime) -> int:
    """Ends every session of this member but the one at hand, on all nodes at once; how many."""
    async with database.transaction() as connection:
        ended = await end_sessions(connection, staff.id, but=own_hash)
        entry = audit.entry(staff.organization_id, now, "sessions_ended", staff_id=staff.id, object_kind="staff", object_id=staff.id)
        await audit.append(connection, [entry | {"detail": {"count": ended}}])
    return ended
