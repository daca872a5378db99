"""A new member of staff who can sign in."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from service.actions.passwords import hash_password, why_not_acceptable
from service.actions.refusal import Refused
from service.db import audit, clinic
from service.db.database import Database
from service.domain.staff import IN_A_TEAM, Role

LONGEST_EMAIL = 254
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


async def add_staff(
    database: Database,
    organization_id: UUID,
    *,
    email: str,
    name: str,
    role: Role,
    team_names: Sequence[str],
    password: str,
    now: datetime,
) -> UUID:
    """The id of the new member of staff.

    Raises Refused for an address that is taken or none, an unknown team, a nurse or supervisor without a team, and a
    password that is too short or too long.
    """
    email, name = check_person(email, name)
    if role in IN_A_TEAM and not team_names:
        raise Refused("A nurse, coordinator or supervisor works in a team: name one.")
    if why := why_not_acceptable(password, name, email):
        raise Refused(why)
    password_hash = await asyncio.to_thread(hash_password, password)
    async with database.transaction() as connection:
        teams = await clinic.team_ids_by_name(connection, organization_id)
        if unknown := [team for team in team_names if team not in teams]:
            raise Refused("There is no team {name}. Teams: {teams}.", name=unknown[0], teams=", ".join(teams) or "none yet")
        team_ids = [teams[team] for team in dict.fromkeys(team_names)]
        try:
            id = await clinic.add_staff(
                connection, organization_id, email=email, name=name, password_hash=password_hash, role=role, team_ids=team_ids, now=now
            )
        except clinic.EmailTaken:
            raise Refused("Somebody has this e-mail address already.") from None
        await audit.leave(connection, organization_id, now, "staff_added", object_kind="staff", object_id=id, detail={"role": role.value})
    return id


def check_person(email: str, name: str) -> tuple[str, str]:
    """Address and name as they are stored. Raises Refused for an address that is none and for a name without letters or too long."""
    email, name = email.strip(), " ".join(name.split())
    if not _EMAIL.fullmatch(email) or len(email) > LONGEST_EMAIL:
        raise Refused("The e-mail address cannot be read: write it as nora@example.org.")
    if not 1 <= len(name) <= 200:
        raise Refused("The name has 1 to 200 letters.")
    return email, name
