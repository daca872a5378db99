"""A further number of a team that rungs of its ladders may page, such as an answering service."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from service.actions.refusal import NotFound, Refused
from service.db import audit, rota
from service.db.changes import Changes
from service.db.database import Database

MOST_NUMBERS = 20


async def add_page_number(database: Database, team_id: UUID, name: str, number: str, now: datetime) -> UUID:
    """The id of the number (E.164). Raises NotFound for no such team, Refused for a name that is taken or none."""
    if not 1 <= len(name) <= 100:
        raise Refused("The name has 1 to 100 letters.")
    async with database.transaction() as connection:
        if not await rota.lock_team(connection, team_id):
            raise NotFound("there is no such team")
        crew = (await rota.crews(connection, [team_id], now))[team_id]
        if name in {known for known, _ in crew.numbers.values()}:
            raise Refused("The team has a number of this name already.")
        if len(crew.numbers) >= MOST_NUMBERS:
            raise Refused("A team has {most_numbers} further numbers at most.", most_numbers=MOST_NUMBERS)
        changes = Changes(now)
        id = rota.add_number(changes, crew, name, number)
        audit.record(changes, crew.organization_id, "page_number_added", object_kind="team", object_id=team_id)
        await changes.write(connection)
    return id
