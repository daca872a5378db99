"""A team's ladder for an urgency: whom to page, after how many minutes and how."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from service.actions.refusal import NotFound, Refused
from service.db import audit, rota
from service.db.database import Database
from service.domain.ladder import Ladder, Whom, could_end_with_nobody, why_not_ladder
from service.domain.staff import Permission, Staff
from service.domain.urgency import Urgency


async def set_ladder(
    database: Database, team_id: UUID, urgency: Urgency, ladder: Ladder, now: datetime, *, by: Staff | None = None
) -> None:
    """Replaces the ladder; items that climb already keep theirs. Raises NotFound for no such team, Refused with what to write instead:
    a ladder that means nothing, names somebody who cannot be paged, or could end with nobody (safety rules 20, 40)."""
    if why := why_not_ladder(ladder, urgency):
        raise Refused(why)
    async with database.transaction() as connection:
        if not await rota.lock_team(connection, team_id):
            raise NotFound("there is no such team")
        crew = (await rota.crews(connection, [team_id], now))[team_id]
        if by is not None and (not by.may(Permission.ADMINISTER) or crew.organization_id != by.organization_id):
            raise NotFound("there is no such team")
        for rung in ladder.rungs:
            if rung.whom is Whom.STAFF and not any(person.phone for id, person in crew.people.items() if id == rung.id):
                raise Refused("A person on the ladder is not in the team or has no telephone number: set it first.")
            if rung.whom is Whom.NUMBER and rung.id not in crew.numbers:
                raise Refused("A number on the ladder is not one of the team's: add it first.")
        if why := could_end_with_nobody(replace(crew, ladders={**crew.ladders, urgency: ladder}), urgency):
            raise Refused("Not saved: {why}.", why=why)
        who = by.id if by is not None else None
        await rota.set_ladder(connection, crew, urgency, ladder, who, now)
        detail = {"urgency": urgency.value, "ladder": ladder.to_json()}
        await audit.leave(
            connection, crew.organization_id, now, "ladder_set", object_kind="team", object_id=team_id, detail=detail, staff_id=who
        )
