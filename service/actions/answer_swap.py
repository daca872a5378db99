"""A colleague accepts or declines a swap that she was asked for, or the asker takes it back; accepting changes the rota at once."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from service.actions.change_rota import reachable
from service.actions.refusal import NotFound, Refused
from service.db import audit, rota, swaps
from service.db.changes import Changes
from service.db.database import Database
from service.domain.rota import MOST_OVERRIDES, Override, OverrideKind
from service.domain.staff import Staff
from service.domain.swap import SwapState, transition


async def answer_swap(database: Database, staff: Staff, id: UUID, answer: SwapState, now: datetime) -> None:
    """Accepted, declined (by who was asked) or withdrawn (by who asked). Raises NotFound for other people's requests, Refused for one
    that is answered already or whose time has begun."""
    async with database.transaction() as connection:
        seen = await swaps.get(connection, id)
        if seen is None or seen.organization_id != staff.organization_id or seen.team_id not in staff.team_ids:
            raise NotFound
        if staff.id != (seen.asked_by if answer is SwapState.WITHDRAWN else seen.asked_of):
            raise NotFound
        await rota.lock_team(connection, seen.team_id)
        request = await swaps.lock(connection, id)
        if request is None or not transition(request.state, answer):
            raise Refused("This was answered already.")
        if answer is SwapState.ACCEPTED and request.starts_at <= now:
            raise Refused("This time has begun: call your supervisor.")
        changes = Changes(now)
        override_id = None
        if answer is SwapState.ACCEPTED:
            crew = (await rota.crews(connection, [request.team_id], now))[request.team_id]
            for who in (request.asked_of, request.asked_by) if request.kind is OverrideKind.SWAP else (request.asked_of,):
                reachable(crew, who)  # since it was asked, they may have another role or team, or no number
            if crew.rota is not None and len(crew.rota.overrides) >= MOST_OVERRIDES:
                raise Refused("There are too many covers and swaps at a time: take back those that are not needed.")
            wanted = Override(request.kind, request.starts_at, request.ends_at, request.asked_by, request.asked_of)
            override_id = rota.add_override(changes, crew, wanted, staff.id)
            detail = {"kind": request.kind.value, "override": str(override_id), "asked": str(request.id)}
            audit.record(
                changes,
                staff.organization_id,
                "rota_changed",
                staff_id=staff.id,
                object_kind="team",
                object_id=request.team_id,
                detail=detail,
            )
        audit.record(changes, staff.organization_id, f"swap_{answer}", staff_id=staff.id, object_kind="swap_request", object_id=id)
        await changes.write(connection)
        await swaps.settle(connection, id, answer, now, staff.id, override_id=override_id)
