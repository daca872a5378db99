"""Who is on call in a week, and who would be paged: what the rota page and the ladder page show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from service.actions.refusal import NotFound
from service.db import rota, staff
from service.db.contexts import load_teams
from service.db.database import Database
from service.domain.ladder import DEFAULTS, Crew, Planned, could_end_with_nobody, would_run
from service.domain.patient import Team, due_at
from service.domain.rota import WARN_AHEAD, Duty, Override, RotaRole
from service.domain.schedule import to_local, to_utc
from service.domain.staff import Permission, Role, Staff
from service.domain.urgency import Urgency


@dataclass(frozen=True, slots=True)
class TeamRota:
    """A team's people and times as of now. `teams`: those that the viewer may look at, by id and name."""

    teams: Mapping[UUID, str]
    crew: Crew
    team: Team
    locked: Mapping[UUID, datetime]
    """Whose PIN is locked, since when."""

    @property
    def zone(self) -> str:
        """The organization's."""
        return self.team.organization.zone


@dataclass(frozen=True, slots=True)
class Day:
    """A local date with who stands in each role, stretch by stretch."""

    day: date
    duties: Mapping[RotaRole, tuple[Duty, ...]]


async def view_rota(database: Database, viewer: Staff, team_id: UUID | None, now: datetime, *, since: datetime | None = None) -> TeamRota:
    """One of the viewer's teams (None: the first by name). Raises NotFound for another, and for somebody without one."""
    if not viewer.may(Permission.SEE_ROTA):
        raise NotFound
    async with database.reading() as connection:
        mine = await rota.team_ids(connection, viewer.organization_id)
        if viewer.role is not Role.ADMINISTRATOR:
            mine = [id for id in mine if id in viewer.team_ids]
        teams = await load_teams(connection, set(mine), now) if mine else {}
        names = {id: team.name for id, team in sorted(teams.items(), key=lambda one: one[1].name)}
        chosen = team_id if team_id is not None else next(iter(names), None)
        if chosen is None or chosen not in names:
            raise NotFound
        crew = (await rota.crews(connection, [chosen], now, since=since))[chosen]
        locked = await staff.locked_pins(connection, crew.people)
    return TeamRota(names, crew, teams[chosen], locked)


def week_of(found: TeamRota, first: date) -> list[Day]:
    """Seven days from this one on; none for a team that keeps no rota."""
    if found.crew.rota is None:
        return []
    days = []
    for day in (first + timedelta(days=offset) for offset in range(7)):
        start, end = to_utc(day, time(), found.zone), to_utc(day + timedelta(days=1), time(), found.zone)
        duties = found.crew.rota.duties(start, end)
        days.append(Day(day, {role: tuple(duty for duty in duties if duty.role is role) for role in found.crew.rota.expected()}))
    return days


def gaps_ahead(found: TeamRota, now: datetime) -> list[Duty]:
    """The gaps of the next seven days."""
    return found.crew.gaps(now, now + WARN_AHEAD)


def changes_ahead(found: TeamRota, now: datetime) -> list[Override]:
    """Covers, swaps and absences that are not over, the next one first."""
    overrides = found.crew.rota.overrides if found.crew.rota is not None else ()
    return sorted((one for one in overrides if one.ends_at > now), key=lambda one: one.starts_at)


def ladders_from(found: TeamRota, at: datetime, only: Urgency | None) -> list[tuple[Urgency, list[Planned], str]]:
    """Each ladder as it would run for an item that opens at this instant, and why it could end with nobody ("" for never)."""
    urgencies = [only] if only is not None else list(DEFAULTS)
    return [(one, would_run(found.crew, one, at, due_at(found.team, one, at)), could_end_with_nobody(found.crew, one)) for one in urgencies]


def monday_of(instant: datetime, zone: str) -> date:
    """The Monday of the week that this instant lies in."""
    day = to_local(instant, zone).date()
    return day - timedelta(days=day.weekday())
