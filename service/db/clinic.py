"""Setting a clinic up: its row, sender numbers, teams with staffed hours, staff; and finding them by the names people use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.changes import Changes
from service.db.database import insert_missing
from service.db.encryption import keyring_of
from service.db.organization import coverage_hours, organizations, sender_numbers, teams
from service.db.schema import new_id
from service.db.staff import staff, staff_teams
from service.domain.coverage import Shift
from service.domain.staff import Role

MOST_LISTED = 500
PURPOSES = ("patients", "emergency", "pages")
"""What a sender number may be used for."""
EVERYBODY = UUID(int=0)
"""An e-mail address is unique over all organizations: its blind index belongs to none of them."""


class EmailTaken(Exception):
    """A member of staff of any organization, also a disabled one, has this address."""


@dataclass(frozen=True, slots=True)
class OrganizationRow:
    """An organization as the command line knows it."""

    id: UUID
    name: str
    zone: str
    is_demo: bool


async def list_organizations(connection: AsyncConnection) -> list[OrganizationRow]:
    """All organizations by name, at most 500."""
    statement = (
        select(organizations.c.id, organizations.c.name, organizations.c.zone, organizations.c.is_demo)
        .order_by(organizations.c.name)
        .limit(MOST_LISTED)
    )
    return [OrganizationRow(row.id, row.name, row.zone, bool(row.is_demo)) for row in (await connection.execute(statement)).all()]


@dataclass(frozen=True, slots=True)
class ClinicNumbers:
    """Whom a stranger is told to call."""

    name: str
    number: str
    """The clinic's, else the one for the hours when nobody is there; "" for none."""
    emergency_number: str


async def numbers_of(connection: AsyncConnection, organization_id: UUID) -> ClinicNumbers | None:
    """An organization's name and numbers, None when there is no such organization."""
    statement = select(
        organizations.c.name, organizations.c.clinic_phone, organizations.c.after_hours_number, organizations.c.emergency_number
    ).where(organizations.c.id == organization_id)
    row = (await connection.execute(statement)).first()
    return None if row is None else ClinicNumbers(row.name, row.clinic_phone or row.after_hours_number, row.emergency_number)


async def team_ids_by_name(connection: AsyncConnection, organization_id: UUID) -> dict[str, UUID]:
    """The organization's teams by name, at most 500; without the synthetic patient's, which nobody is in."""
    mine = (teams.c.organization_id == organization_id, ~teams.c.synthetic)
    statement = select(teams.c.name, teams.c.id).where(*mine).order_by(teams.c.name).limit(MOST_LISTED)
    return {row.name: row.id for row in (await connection.execute(statement)).all()}


def email_index(connection: AsyncConnection, email: str) -> bytes:
    """The blind index of a staff e-mail address."""
    return keyring_of(connection).blind_index(EVERYBODY, email.strip().lower())


async def sender_taken(connection: AsyncConnection, provider: str, sender: str) -> bool:
    """True when an organization already sends from this number."""
    return await sender_owner(connection, provider, sender) is not None


async def sender_owner(connection: AsyncConnection, provider: str, sender: str) -> UUID | None:
    """The organization that sends from this number, None when nobody does."""
    mine = (sender_numbers.c.provider == provider) & (sender_numbers.c.sender == sender)
    id: UUID | None = await connection.scalar(select(sender_numbers.c.organization_id).where(mine).limit(1))
    return id


def add_organization(
    changes: Changes,
    *,
    name: str,
    zone: str,
    clinic_phone: str,
    after_hours_number: str,
    quiet_start: time,
    quiet_end: time,
    emergency_number: str,
    crisis_line: str,
    is_demo: bool = False,
) -> UUID:
    """A new organization; its id."""
    id = new_id(changes.now)
    changes.insert(
        organizations,
        {
            "id": id,
            "name": name,
            "zone": zone,
            "clinic_phone": clinic_phone,
            "after_hours_number": after_hours_number,
            "quiet_start": quiet_start,
            "quiet_end": quiet_end,
            "emergency_number": emergency_number,
            "crisis_line": crisis_line,
            "is_demo": int(is_demo),
            "created_at": changes.now,
        },
    )
    return id


def add_sender(changes: Changes, organization_id: UUID, *, provider: str, sender: str, purposes: Iterable[str] = PURPOSES) -> None:
    """The number (E.164) or sender pool that an organization's texts come from, for each of these purposes."""
    for purpose in purposes:
        row = {"id": new_id(changes.now), "organization_id": organization_id, "provider": provider, "sender": sender, "purpose": purpose}
        changes.insert(sender_numbers, row)


def add_team(changes: Changes, organization_id: UUID, *, name: str, on_call_phone: str, hours: Sequence[Shift]) -> UUID:
    """A new team with its staffed hours; its id."""
    id = new_id(changes.now)
    changes.insert(teams, {"id": id, "organization_id": organization_id, "name": name, "on_call_phone": on_call_phone})
    for shift in hours:
        changes.insert(
            coverage_hours,
            {
                "id": new_id(changes.now),
                "organization_id": organization_id,
                "team_id": id,
                "weekday": shift.weekday,
                "starts": shift.start,
                "ends": shift.end,
            },
        )
    return id


async def add_staff(
    connection: AsyncConnection,
    organization_id: UUID,
    *,
    email: str,
    name: str,
    password_hash: str,
    role: Role,
    team_ids: Sequence[UUID],
    now: datetime,
) -> UUID:
    """A new member of staff in these teams; the id. Raises EmailTaken, which only the insert can know: pages see one organization."""
    id = new_id(now)
    added = await connection.execute(
        insert_missing(staff, connection, staff.c.email_index)
        .values(
            id=id,
            organization_id=organization_id,
            name=name,
            email=email.strip().lower(),
            email_index=email_index(connection, email),
            password_hash=password_hash,
            role=role,
            created_at=now,
        )
        .returning(staff.c.id)
    )
    if added.first() is None:
        raise EmailTaken
    if team_ids:
        rows = [{"organization_id": organization_id, "staff_id": id, "team_id": team_id} for team_id in team_ids]
        await connection.execute(insert(staff_teams), rows)
    return id
