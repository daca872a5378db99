"""An organization's own data and its teams, as an administrator sees and changes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.organization import coverage_hours, organizations, teams
from service.db.schema import new_id
from service.domain.coverage import Shift

MOST_TEAMS = 500


@dataclass(frozen=True, slots=True)
class Clinic:
    """What an administrator may change of an organization."""

    name: str
    zone: str
    clinic_phone: str
    after_hours_number: str
    quiet_start: time
    quiet_end: time


@dataclass(frozen=True, slots=True)
class TeamData:
    """A team with its staffed hours, in the organization's zone."""

    id: UUID
    name: str
    on_call_phone: str
    hours: tuple[Shift, ...]


async def load(connection: AsyncConnection, organization_id: UUID) -> Clinic:
    """The organization's data."""
    columns = ("name", "zone", "clinic_phone", "after_hours_number", "quiet_start", "quiet_end")
    wanted = select(*(organizations.c[name] for name in columns)).where(organizations.c.id == organization_id)
    return Clinic(*(await connection.execute(wanted)).one())


async def change(connection: AsyncConnection, organization_id: UUID, values: Mapping[str, Any]) -> None:
    """Other data."""
    await connection.execute(update(organizations).where(organizations.c.id == organization_id).values(**values))


async def teams_of(connection: AsyncConnection, organization_id: UUID) -> list[TeamData]:
    """The organization's teams that people are in, by name, at most 500."""
    wanted = select(teams.c.id, teams.c.name, teams.c.on_call_phone).where(teams.c.organization_id == organization_id, ~teams.c.synthetic)
    rows = (await connection.execute(wanted.order_by(teams.c.name).limit(MOST_TEAMS))).all()
    hours: dict[UUID, list[Shift]] = {row.id: [] for row in rows}
    periods = select(coverage_hours).where(coverage_hours.c.organization_id == organization_id)
    for row in (await connection.execute(periods.order_by(coverage_hours.c.weekday, coverage_hours.c.starts))).all():
        if row.team_id in hours:
            hours[row.team_id].append(Shift(row.weekday, row.starts, row.ends))
    return [TeamData(row.id, row.name, row.on_call_phone, tuple(hours[row.id])) for row in rows]


async def change_team(
    connection: AsyncConnection,
    organization_id: UUID,
    team_id: UUID,
    *,
    name: str,
    on_call_phone: str,
    hours: Sequence[Shift],
    now: datetime,
) -> None:
    """Another name and number, and these hours in place of those before."""
    await connection.execute(update(teams).where(teams.c.id == team_id).values(name=name, on_call_phone=on_call_phone))
    await connection.execute(delete(coverage_hours).where(coverage_hours.c.team_id == team_id))
    rows = [
        {
            "id": new_id(now),
            "organization_id": organization_id,
            "team_id": team_id,
            "weekday": shift.weekday,
            "starts": shift.start,
            "ends": shift.end,
        }
        for shift in hours
    ]
    await connection.execute(insert(coverage_hours), rows)
