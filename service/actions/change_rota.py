"""Changes who is on call: a weekly duty more, the end of somebody's, a cover, a swap or an absence, and taking one back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.refusal import NotFound, Refused
from service.db import audit, rota
from service.db.changes import Changes
from service.db.database import Database
from service.domain.ladder import Crew
from service.domain.rota import MOST_OVERRIDES, MOST_SHIFTS, LastDay, Override, OverrideKind, RotaShift, why_not_override
from service.domain.schedule import to_local
from service.domain.staff import Permission, Role, Staff

Change = RotaShift | LastDay | Override | UUID
"""A weekly duty or an override to add; the end of somebody's duties; the id of an override to take back."""


async def change_rota(database: Database, team_id: UUID, changes: list[Change], now: datetime, *, by: Staff | None = None) -> None:
    """Makes all of these changes or none. `by` is who does it, None at the command line.

    Raises NotFound for a team that is not theirs, Refused for what means nothing, lies in the past or names somebody who cannot be paged.
    """
    if by is not None and not may_change(by, team_id):
        raise NotFound
    async with database.transaction() as connection:
        if not await rota.lock_team(connection, team_id):
            raise NotFound("there is no such team")
        crew = (await rota.crews(connection, [team_id], now))[team_id]
        if by is not None and crew.organization_id != by.organization_id:
            raise NotFound
        duties = sum(isinstance(change, RotaShift) for change in changes)
        if duties and duties + (len(crew.rota.shifts) if crew.rota is not None else 0) > MOST_SHIFTS:
            raise Refused("A team's pattern has {most_shifts} duties at most.", most_shifts=MOST_SHIFTS)
        for change in changes:
            await _make(connection, crew, change, now, by)


def may_change(staff: Staff, team_id: UUID) -> bool:
    """Supervisors change the rotas of their own teams, administrators those of the organization."""
    return staff.may(Permission.MANAGE_ROTA) and (staff.role is Role.ADMINISTRATOR or team_id in staff.team_ids)


async def _make(connection: AsyncConnection, crew: Crew, change: Change, now: datetime, by: Staff | None) -> None:
    written = Changes(now)
    detail: dict[str, Any]
    match change:
        case RotaShift():
            reachable(crew, change.staff_id)
            if change.valid_until is not None and change.valid_until < change.valid_from:
                raise Refused("The last day lies before the first.")
            detail = {"added": str(rota.add_shift(written, crew, change)), "role": change.role.value, "weekday": change.weekday}
        case LastDay():
            ended = [shift for shift in crew.rota.shifts if change.ends(shift)] if crew.rota is not None else []
            if crew.rota is None or not ended:
                raise Refused("They have no weekly duty that goes on after this day.")
            if change.day < to_local(now, crew.rota.zone).date() - timedelta(days=1):
                raise Refused("Who was on call is not changed any more: the last day is yesterday at the earliest.")
            await rota.end_shifts(connection, crew.team_id, [shift.id for shift in ended if shift.id is not None], change.day)
            detail = {"staff": str(change.staff_id), "last_day": change.day.isoformat(), "duties": len(ended)}
        case Override():
            if why := why_not_override(change):
                raise Refused(why)
            if change.ends_at <= now:
                raise Refused("This time is over: who was paged then stands on the items.")
            for id in (change.from_id, change.to_id) if change.kind is OverrideKind.SWAP else (change.to_id,):
                if id is not None:
                    reachable(crew, id)
            if change.from_id is not None and change.from_id not in crew.people:
                raise Refused("Nobody of this team is meant: choose again.")
            if crew.rota is not None and len(crew.rota.overrides) >= MOST_OVERRIDES:
                raise Refused("There are too many covers and swaps at a time: take back those that are not needed.")
            detail = {"kind": change.kind.value, "override": str(rota.add_override(written, crew, change, by.id if by else None))}
        case UUID():
            if by is None or not await rota.cancel_override(connection, crew.team_id, change, by.id, now):
                raise Refused("It was taken back already.")
            detail = {"cancelled": str(change)}
    who = by.id if by is not None else None
    audit.record(written, crew.organization_id, "rota_changed", object_kind="team", object_id=crew.team_id, detail=detail, staff_id=who)
    await written.write(connection)


def reachable(crew: Crew, id: UUID) -> None:
    """Raises Refused for somebody who cannot be on call: not of the team's nurses and supervisors, or without a number."""
    person = crew.people.get(id)
    if person is None:
        raise Refused("They are not in this team: only its nurses and supervisors can be on call.")
    if not person.phone:
        raise Refused("{name} has no telephone number to be paged on: set it with `rounds staff paging`.", name=person.name)
