"""A new team: its staffed hours and the number that is texted for an emergency."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from service.actions.refusal import Refused
from service.db import audit, clinic
from service.db.changes import Changes
from service.db.database import Database
from service.domain.coverage import MAX_SHIFTS, Shift


async def add_team(
    database: Database, organization_id: UUID, *, name: str, on_call_phone: str, hours: Sequence[Shift], now: datetime
) -> UUID:
    """The id of the new team. `on_call_phone` in E.164: an emergency is texted to it until somebody acknowledges.

    Raises Refused for a name that is taken, and for hours that are none or too many.
    """
    if not name.strip() or len(name) > 200:
        raise Refused("The name has 1 to 200 letters.")
    if not 1 <= len(hours) <= MAX_SHIFTS:
        raise Refused("A team needs 1 to {max_shifts} staffed periods a week.", max_shifts=MAX_SHIFTS)
    async with database.transaction() as connection:
        if name in await clinic.team_ids_by_name(connection, organization_id):
            raise Refused("There is a team of this name already.")
        changes = Changes(now)
        id = clinic.add_team(changes, organization_id, name=name, on_call_phone=on_call_phone, hours=hours)
        audit.record(changes, organization_id, "team_added", object_kind="team", object_id=id)
        await changes.write(connection)
    return id
