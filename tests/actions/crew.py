"""A team whose people can be paged: Nora on call, Omar her back-up, Sol the supervisor, day and night."""

from __future__ import annotations

from datetime import date, datetime, time

from sqlalchemy import insert

from service.actions.change_rota import change_rota
from service.actions.set_staff_paging import set_staff_paging
from service.db.database import Database
from service.db.staff import staff_teams
from service.domain.rota import RotaRole, RotaShift
from service.domain.staff import Role, Staff
from tests.jobs.world import World
from tests.seed import Clinic, Member

NORA, OMAR, SOL = "+12025550171", "+12025550172", "+12025550173"
PIN = "4071"


def member(clinic: Clinic, one: Member, role: Role) -> Staff:
    return Staff(one.id, clinic.organization_id, one.name, role, one.team_ids)


async def put_on_call(world: World) -> None:
    """The rota of team A and everybody's numbers."""
    await crew_of(world.database, world.clinic, world.now)


async def crew_of(database: Database, clinic: Clinic, now: datetime) -> None:
    """The same for any clinic of the tests."""
    async with database.transaction() as connection:
        row = {"organization_id": clinic.organization_id, "staff_id": clinic.omar.id, "team_id": clinic.team_a}
        await connection.execute(insert(staff_teams).values(**row))
    for one, role, phone in (
        (clinic.nora, Role.NURSE, NORA),
        (clinic.omar, Role.NURSE, OMAR),
        (clinic.sol, Role.SUPERVISOR, SOL),
    ):
        await set_staff_paging(database, member(clinic, one, role), phone=phone, paged_by="both", pin=PIN, now=now)
    shifts = [
        RotaShift(role, one.id, day, time(), time(), date(2026, 1, 1))
        for one, role in ((clinic.nora, RotaRole.ON_CALL), (clinic.omar, RotaRole.BACKUP))
        for day in range(7)
    ]
    await change_rota(database, clinic.team_a, [*shifts], now)
