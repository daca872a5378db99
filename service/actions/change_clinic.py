"""An administrator changes the organization's own data, adds teams, and gives a team another name, number or hours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from uuid import UUID

from service.actions.add_team import add_team
from service.actions.refusal import NotFound, Refused
from service.db import audit, clinic_data
from service.db.clinic_data import Clinic, TeamData
from service.db.database import Database
from service.domain.coverage import MAX_SHIFTS, Shift
from service.domain.phone_number import parse_phone_number
from service.domain.schedule import to_utc
from service.domain.staff import Permission, Staff

DAYS = 7
"""Of the week, Monday first."""


@dataclass(frozen=True, slots=True)
class TeamForm:
    """A team as a form gives it: `hours` are day (0 Monday) -> periods such as "08:00-12:00, 13:00-18:00", "" for none."""

    name: str
    on_call_phone: str
    hours: Mapping[int, str]


async def view_clinic(database: Database, by: Staff) -> tuple[Clinic, list[TeamData]]:
    """The organization and its teams with their hours."""
    _administers(by)
    async with database.reading() as connection:
        return await clinic_data.load(connection, by.organization_id), await clinic_data.teams_of(connection, by.organization_id)


async def change_organization(database: Database, by: Staff, form: Mapping[str, str], now: datetime) -> None:
    """Zone, numbers, quiet hours. Raises Refused saying what to write instead."""
    _administers(by)
    zone = form["zone"].strip()
    try:
        to_utc(date(2026, 1, 1), time(12), zone)
    except ValueError:
        raise Refused("The zone is not known: write one such as America/New_York.") from None
    values = {
        "zone": zone,
        "clinic_phone": _number(form["clinic_phone"]),
        "after_hours_number": _number(form["after_hours_number"], may_be_empty=True),
        "quiet_start": _time(form["quiet_start"]),
        "quiet_end": _time(form["quiet_end"]),
    }
    async with database.transaction() as connection:
        before = await clinic_data.load(connection, by.organization_id)
        changed = sorted(name for name, value in values.items() if getattr(before, name) != value)
        await clinic_data.change(connection, by.organization_id, values)
        await audit.leave(
            connection,
            by.organization_id,
            now,
            "organization_changed",
            staff_id=by.id,
            object_kind="organization",
            object_id=by.organization_id,
            detail={"changed": changed},
        )


async def new_team(database: Database, by: Staff, form: TeamForm, now: datetime) -> UUID:
    """A new team of the administrator's organization; its id. Raises Refused."""
    _administers(by)
    return await add_team(
        database, by.organization_id, name=_name(form.name), on_call_phone=_number(form.on_call_phone), hours=_shifts(form.hours), now=now
    )


async def change_team(database: Database, by: Staff, team_id: UUID, form: TeamForm, now: datetime) -> None:
    """Another name, number and hours. Raises NotFound for another organization's team, Refused saying what to write instead."""
    _administers(by)
    name, phone, hours = _name(form.name), _number(form.on_call_phone), _shifts(form.hours)
    async with database.transaction() as connection:
        known = {team.id: team for team in await clinic_data.teams_of(connection, by.organization_id)}
        if team_id not in known:
            raise NotFound
        if any(team.name == name and team.id != team_id for team in known.values()):
            raise Refused("There is a team of this name already.")
        await clinic_data.change_team(connection, by.organization_id, team_id, name=name, on_call_phone=phone, hours=hours, now=now)
        await audit.leave(connection, by.organization_id, now, "team_changed", staff_id=by.id, object_kind="team", object_id=team_id)


def _administers(by: Staff) -> None:
    if not by.may(Permission.ADMINISTER):
        raise NotFound


def _name(written: str) -> str:
    name = " ".join(written.split())
    if not 1 <= len(name) <= 200:
        raise Refused("The name has 1 to 200 letters.")
    return name


def _number(written: str, *, may_be_empty: bool = False) -> str:
    if may_be_empty and not written.strip():
        return ""
    try:
        return parse_phone_number(written.strip())
    except ValueError:
        raise Refused("The telephone number cannot be read: write it as +12025550123.") from None


def _time(written: str) -> time:
    try:
        return time.fromisoformat(written.strip())
    except ValueError:
        raise Refused("A time is written as 08:00.") from None


def _shifts(hours: Mapping[int, str]) -> Sequence[Shift]:
    found = []
    for day in range(DAYS):
        for period in filter(None, (part.strip() for part in hours.get(day, "").replace("–", "-").split(","))):
            start, dash, end = period.partition("-")
            if not dash:
                raise Refused("Hours are written as 08:00-12:00, 13:00-18:00.")
            first, last = _time(start), _time(end)
            if last != time(0) and first >= last:
                raise Refused("A period ends after it begins; 00:00 is midnight at the end of the day.")
            found.append(Shift(day, first, last))
    if not 1 <= len(found) <= MAX_SHIFTS:
        raise Refused("A team needs 1 to {most} staffed periods a week.", most=MAX_SHIFTS)
    return found
