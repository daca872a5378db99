"""A nurse asks a colleague to cover for her or to swap for a time: she is told by text, and the rota changes when she accepts."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from service.actions.refusal import NotFound, Refused
from service.actions.tell_of_swaps import plan_telling
from service.db import audit, rota, swaps
from service.db.changes import Changes
from service.db.contexts import load_teams
from service.db.database import Database
from service.domain.ladder import Crew
from service.domain.rota import Override, OverrideKind, why_not_override
from service.domain.staff import Permission, Staff
from service.domain.swap import MOST_ASKED


async def ask_swap(
    database: Database,
    staff: Staff,
    team_id: UUID,
    kind: OverrideKind,
    colleague_id: UUID | None,
    span: tuple[datetime, datetime],
    now: datetime,
) -> UUID:
    """Writes the request down; its id. Raises NotFound for another's team, Refused for what means nothing or cannot be."""
    if not staff.may(Permission.SEE_ROTA) or team_id not in staff.team_ids:
        raise NotFound
    if kind is OverrideKind.SICK:
        raise Refused("Ask for a cover or a swap: an absence is written down by a supervisor.")
    wanted = Override(kind, span[0], span[1], staff.id, colleague_id)
    if why := why_not_override(wanted):
        raise Refused(why)
    if span[0] <= now:
        raise Refused("This time has begun: call your supervisor.")
    async with database.transaction() as connection:
        if not await rota.lock_team(connection, team_id):
            raise NotFound
        crew = (await rota.crews(connection, [team_id], now))[team_id]
        colleague = crew.people.get(colleague_id) if colleague_id is not None else None
        if colleague is None:
            raise Refused("Choose a nurse or supervisor of the team.")
        if not colleague.phone:
            raise Refused("Your colleague has no telephone number to be paged on, so they cannot be on call.")
        if not _stands(crew, staff.id, span):
            raise Refused("You are not on call in this time: there is nothing to cover.")
        if len(await swaps.asked(connection, team_id, now, MOST_ASKED)) >= MOST_ASKED:
            raise Refused("Too many requests of the team wait for an answer.")
        changes = Changes(now)
        id = swaps.add(changes, staff.organization_id, team_id, kind, staff.id, colleague.id, span)
        team = (await load_teams(connection, {team_id}, now))[team_id]
        swaps.told_by(changes, id, plan_telling(changes, team, id, span[0]))
        detail = {"kind": kind.value, "of": str(colleague.id)}
        audit.record(
            changes, staff.organization_id, "swap_asked", staff_id=staff.id, object_kind="swap_request", object_id=id, detail=detail
        )
        await changes.write(connection)
    return id


def _stands(crew: Crew, staff_id: UUID, span: tuple[datetime, datetime]) -> bool:
    return crew.rota is not None and any(staff_id in duty.staff_ids for duty in crew.rota.duties(*span))
