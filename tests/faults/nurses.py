"""A crowd of nurses of one team, who can claim and whose browsers can look: many more than the cast has."""

from __future__ import annotations

from sqlalchemy import insert, select

from service.db.database import Database
from service.db.schema import new_id
from service.db.staff import staff, staff_teams
from service.domain.staff import Role, Staff
from tests.seed import KEYRING, NOBODY, Clinic, Member


async def hire(database: Database, clinic: Clinic, many: int) -> list[Member]:
    """So many nurses in Nora's team, with her password and addresses of their own."""
    async with database.transaction() as connection:
        nora = dict((await connection.execute(select(staff).where(staff.c.id == clinic.nora.id))).mappings().one())
        members = []
        for number in range(many):
            email = f"nurse{number}@riverside.example"
            one = Member(new_id(nora["created_at"]), f"Nurse {number}", email, clinic.nora.team_ids)
            index = KEYRING.blind_index(NOBODY, email)
            await connection.execute(insert(staff).values(nora | {"id": one.id, "name": one.name, "email": email, "email_index": index}))
            for team_id in one.team_ids:
                await connection.execute(
                    insert(staff_teams).values(organization_id=clinic.organization_id, staff_id=one.id, team_id=team_id)
                )
            members.append(one)
    return members


def as_staff(clinic: Clinic, member: Member) -> Staff:
    """The member as actions know a nurse."""
    return Staff(member.id, clinic.organization_id, member.name, Role.NURSE, member.team_ids)
