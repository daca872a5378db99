"""Who may change a rota, a ladder and a telephone, and what is refused; gaps become an item; on both databases."""

from __future__ import annotations

import re
from datetime import date, time, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from service.actions.change_rota import change_rota
from service.actions.notice_rota_gaps import notice_rota_gaps
from service.actions.refusal import NotFound, Refused
from service.actions.set_ladder import set_ladder
from service.actions.set_staff_paging import set_staff_paging
from service.db.escalation import pages
from service.db.rota import rota_shifts
from service.db.staff import staff
from service.domain.ladder import Ladder, Rung, Whom
from service.domain.rota import MOST_SHIFTS, Override, OverrideKind, RotaRole, RotaShift
from service.domain.staff import Role
from service.domain.urgency import Urgency
from tests.actions.climbing import ask, item, paged, problems, work
from tests.actions.crew import NORA, OMAR, SOL, member
from tests.jobs.world import MONDAY, World
from tests.seed import seed_item

pytestmark = pytest.mark.usefixtures("on_call")


@pytest.mark.parametrize(
    ("pin", "why"), [("12", "4 to 8 digits"), ("abcd", "4 to 8"), ("1111", "guessed"), ("3456", "guessed"), ("9876", "guessed")]
)
async def test_a_pin_that_is_short_or_easily_guessed_is_refused(world: World, pin: str, why: str) -> None:
    nora = member(world.clinic, world.clinic.nora, Role.NURSE)
    with pytest.raises(Refused, match=why):
        await set_staff_paging(world.database, nora, phone=NORA, paged_by="both", pin=pin, now=world.now)


async def test_a_ladder_to_somebody_without_a_number_is_refused(world: World) -> None:
    with pytest.raises(Refused, match="not in the team or has no telephone"):
        await set_ladder(
            world.database, world.clinic.team_a, Urgency.EMERGENCY, Ladder((Rung(0, Whom.STAFF, id=world.clinic.ada.id),), 5), world.now
        )


async def test_only_a_teams_supervisor_or_an_administrator_changes_its_rota(world: World) -> None:
    clinic = world.clinic
    takes = Override(OverrideKind.COVER, world.now, world.now + timedelta(hours=1), None, clinic.omar.id, RotaRole.ON_CALL)
    with pytest.raises(NotFound):
        await change_rota(world.database, clinic.team_a, [takes], world.now, by=member(clinic, clinic.nora, Role.NURSE))
    await change_rota(world.database, clinic.team_a, [takes], world.now, by=member(clinic, clinic.ada, Role.ADMINISTRATOR))
    await item(world)
    await work(world)
    assert [phone for _, phone, channel in await paged(world) if channel == "text"] == [OMAR, NORA], "who takes the role is paged first"


async def test_a_pattern_of_too_many_duties_is_refused_however_many_are_added_at_once(world: World) -> None:
    before = len(await world.rows(rota_shifts))
    one = RotaShift(RotaRole.BACKUP, world.clinic.omar.id, 0, time(9), time(10), date(2026, 1, 1))
    with pytest.raises(Refused, match="400 duties at most"):
        await change_rota(world.database, world.clinic.team_a, [one] * (MOST_SHIFTS - before + 1), world.now)
    assert len(await world.rows(rota_shifts)) == before


@pytest.mark.parametrize(("hours", "urgency"), [(30, Urgency.SAME_DAY), (5, Urgency.URGENT)])
async def test_a_gap_within_a_week_is_an_item_that_closes_once_it_is_filled(world: World, hours: int, urgency: Urgency) -> None:
    assert await notice_rota_gaps(world.database, world.now) == 0
    start = world.now + timedelta(hours=hours)
    sick = Override(OverrideKind.SICK, start, start + timedelta(hours=8), world.clinic.nora.id)
    await change_rota(world.database, world.clinic.team_a, [sick], world.now)
    for _ in range(2):
        assert await notice_rota_gaps(world.database, world.now) == 1
    [gap] = await problems(world, "coverage_gap")
    assert (gap.urgency_rank, gap.state) == (urgency.rank, "open")
    assert "Team A, on call:" in gap.summary
    assert re.search(r", \d{1,2}:\d\d [ap]m", gap.summary), "times as every page tells them"
    await work(world)
    assert len(world.provider.calls) == (1 if urgency is Urgency.URGENT else 0), "somebody is paged to fill what begins within a day"
    covers = Override(OverrideKind.COVER, start, start + timedelta(hours=8), None, world.clinic.sol.id, RotaRole.ON_CALL)
    await change_rota(world.database, world.clinic.team_a, [covers], world.now)
    assert await notice_rota_gaps(world.database, world.now) == 0
    [gap] = await problems(world, "coverage_gap")
    assert gap.state == "resolved"


@pytest.mark.parametrize("change", [{"disabled_at": MONDAY}, {"phone": None}])
async def test_somebody_who_cannot_be_paged_fills_no_gap(world: World, change: dict[str, Any]) -> None:
    await world.set(staff, world.clinic.nora.id, **change)
    assert await notice_rota_gaps(world.database, world.now) == 1
    [gap] = await problems(world, "coverage_gap")
    assert gap.urgency_rank == Urgency.URGENT.rank
    assert "nobody who can be paged for: Team A, on call:" in gap.summary


async def test_a_gap_beyond_a_week_is_told_later(world: World) -> None:
    start = world.now + timedelta(days=8)
    await change_rota(
        world.database,
        world.clinic.team_a,
        [Override(OverrideKind.SICK, start, start + timedelta(hours=1), world.clinic.nora.id)],
        world.now,
    )
    assert await notice_rota_gaps(world.database, world.now) == 0
    world.clock.forward(days=1, minutes=1)
    assert await notice_rota_gaps(world.database, world.now) == 1


async def test_a_pattern_that_has_run_out_is_a_gap_and_not_a_team_without_a_rota(world: World) -> None:
    await item(world)
    world.clock.forward(days=40)
    async with world.database.transaction() as connection:
        await connection.execute(update(rota_shifts).values(valid_until=(world.now - timedelta(days=30)).date()))
    second = await seed_item(world.database, world.clinic.ben, world.now, urgency=Urgency.EMERGENCY)
    await ask(world, second, "start", Urgency.EMERGENCY)
    await work(world)
    assert [page.phone for page in await world.rows(pages, pages.c.escalation_id == second)] == [SOL, SOL]
    assert len(await problems(world, "nobody_on_call")) == 1
