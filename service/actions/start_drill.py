"""A supervisor drills her team now: whoever is on call is really paged, and asked to acknowledge."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from service.actions.refusal import NotFound, Refused
from service.db import audit, drills, rota
from service.db.changes import Changes
from service.db.database import Database
from service.domain.staff import Permission, Staff

NOT_AGAIN_WITHIN = timedelta(minutes=30)
"""People who are drilled again and again stop to answer; own choice."""


async def start_drill(database: Database, staff: Staff, team_id: UUID, now: datetime) -> UUID:
    """Plans a drill that is due now; its id. Raises NotFound for another's team, Refused while one runs or has just run."""
    if not staff.may(Permission.SUPERVISE) or team_id not in staff.team_ids:
        raise NotFound
    async with database.transaction() as connection:
        if not await rota.lock_team(connection, team_id):
            raise NotFound
        lately = [one for one in await drills.lately(connection, staff.organization_id, 50) if one.team_id == team_id]
        if any(one.ended_at is None and one.due_at <= now for one in lately):
            raise Refused("A drill of this team is under way: wait for its end.")
        if any(one.due_at > now - NOT_AGAIN_WITHIN for one in lately if one.due_at <= now):
            raise Refused("This team was drilled within the last half hour: let people come to rest first.")
        changes = Changes(now)
        id = drills.plan(changes, staff.organization_id, team_id, now, unannounced=False)
        audit.record(changes, staff.organization_id, "drill_started", staff_id=staff.id, object_kind="drill", object_id=id)
        await changes.write(connection)
    return id
