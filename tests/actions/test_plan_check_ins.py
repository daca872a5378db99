"""Planning, on both databases: exactly one check-in a local date, whatever the clock, the zone or another node does."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from service.actions.plan_check_ins import plan_check_ins
from service.db import planning
from service.db.check_in import check_ins, enrollments
from service.db.due_work import due_work
from service.db.escalation import concerns, escalations
from service.db.patient import patients
from service.db.schema import new_id
from service.domain.schedule import to_utc
from tests.jobs.world import World

NEW_YORK = "America/New_York"


async def plan(world: World) -> Any:
    return await plan_check_ins(world.database, world.knowledge, world.now)


async def dates(world: World) -> list[date]:
    return sorted(row.local_date for row in await world.rows(check_ins))


async def test_check_ins_exist_at_least_48_hours_ahead_at_the_patients_wall_time(world: World) -> None:
    await world.publish_flow()
    await world.enroll(world.clinic.ana, at=time(10, 30))
    await plan(world)
    planned = await world.rows(check_ins)
    assert [row.due_at for row in planned] == [to_utc(day, time(10, 30), NEW_YORK) for day in await dates(world)]
    assert max(row.due_at for row in planned) >= world.now + timedelta(hours=48)
    assert min(await dates(world)) == date(2026, 11, 23)  # today's is still to come; yesterday's lies before the enrollment
    assert {row.useful_until - row.due_at for row in planned} == {timedelta(hours=4)}  # as the flow says
    works = {work.subject_id: work for work in await world.rows(due_work)}
    assert {(row.id, row.due_at, row.useful_until) for row in planned} == {
        (work.subject_id, work.due_at, work.useful_until) for work in works.values()
    }
    [first, *_] = planned
    assert works[first.id].key == f"check_in:{first.enrollment_id}:{first.local_date}:0"


@pytest.mark.law(3)
async def test_planning_again_and_on_several_nodes_at_once_plans_each_date_once(world: World) -> None:
    await world.publish_flow()
    people = (world.clinic.ana, world.clinic.ben, world.clinic.chi)
    for person in people:
        await world.enroll(person)
    await asyncio.gather(*(plan(world) for _ in range(4)))
    for _ in range(5):
        await asyncio.gather(plan(world), plan(world))
        world.clock.forward(hours=12)
    rows = await world.rows(check_ins)
    assert len(rows) == len({(row.enrollment_id, row.local_date, row.slot) for row in rows})
    assert len(await world.rows(due_work)) == len(rows)
    counts = Counter(row.enrollment_id for row in rows)
    assert len(counts) == len(people)
    assert len(set(counts.values())) == 1


@pytest.mark.law(3)
async def test_the_database_itself_refuses_a_second_check_in_of_a_date(world: World) -> None:
    await world.publish_flow()
    await world.enroll(world.clinic.ana)
    await plan(world)
    [row, *_] = await world.rows(check_ins)
    async with world.database.transaction() as connection:
        again = {**row._mapping, "id": new_id(world.now)}
        assert await planning.add(connection, [again]) == []
    assert len(await dates(world)) == len(set(await dates(world)))


@pytest.mark.law(3)
@pytest.mark.parametrize("zone", ["America/New_York", "America/Santiago", "Australia/Lord_Howe", "Europe/London"])
async def test_no_date_is_missed_or_doubled_across_clock_changes(world: World, zone: str) -> None:
    """Two days a step over 14 months, at the wall times that clock changes skip or repeat."""
    await world.publish_flow()
    await world.set(patients, world.clinic.ana.id, zone=zone)
    await world.set(patients, world.clinic.ben.id, zone=zone)
    world.clock.time = datetime(2026, 1, 1, tzinfo=UTC)
    start = date(2026, 1, 3)
    for person, at in ((world.clinic.ana, time(0, 0)), (world.clinic.ben, time(1, 30))):
        await world.enroll(person, at=at, starts_on=start, days=420, created_at=world.now)
    for _ in range(215):
        await plan(world)
        world.clock.forward(days=2)
    wanted = [start + timedelta(days=n) for n in range(421)]
    for enrollment in await world.rows(enrollments):
        rows = await world.rows(check_ins, check_ins.c.enrollment_id == enrollment.id)
        assert sorted(row.local_date for row in rows) == wanted
        assert enrollment.status == "ended"


@pytest.mark.law(3)
@pytest.mark.parametrize(("before", "after"), [(NEW_YORK, "America/Los_Angeles"), (NEW_YORK, "Asia/Tokyo"), ("Asia/Tokyo", NEW_YORK)])
async def test_a_change_of_zone_moves_what_is_planned_and_keeps_one_a_date(world: World, before: str, after: str) -> None:
    await world.publish_flow()
    ana = world.clinic.ana
    await world.set(patients, ana.id, zone=before)
    await world.enroll(ana, at=time(12))
    await plan(world)
    ids = {row.local_date: row.id for row in await world.rows(check_ins)}
    await world.set(patients, ana.id, zone=after)
    async with world.database.transaction() as connection:
        await planning.plan_anew(connection, ana.id)
    await plan(world)
    await plan(world)
    rows = await world.rows(check_ins)
    assert {row.local_date: row.id for row in rows if row.local_date in ids} == ids
    assert len(rows) == len({row.local_date for row in rows})
    for row in rows:
        if row.due_at > world.now:
            assert row.due_at == to_utc(row.local_date, time(12), after)
        [work] = await world.rows(due_work, due_work.c.subject_id == row.id)
        assert (work.due_at, work.useful_until) == (row.due_at, row.useful_until)


async def test_a_started_check_in_stays_where_it_was(world: World) -> None:
    await world.publish_flow()
    await world.enroll(world.clinic.ana, at=time(12))
    await plan(world)
    [first, *_] = await world.rows(check_ins)
    await world.set(check_ins, first.id, status="started")
    await world.set(patients, world.clinic.ana.id, zone="America/Los_Angeles")
    async with world.database.transaction() as connection:
        await planning.plan_anew(connection, world.clinic.ana.id)
    await plan(world)
    [same] = await world.rows(check_ins, check_ins.c.id == first.id)
    assert same.due_at == first.due_at


async def test_after_a_standstill_the_missed_dates_are_planned_too_so_that_they_are_seen(world: World) -> None:
    await world.publish_flow()
    await world.enroll(world.clinic.ana)
    await plan(world)
    world.clock.forward(days=6)
    await plan(world)
    have = await dates(world)
    assert have == [have[0] + timedelta(days=n) for n in range(len(have))]
    assert have[-1] >= date(2026, 12, 1)


async def test_planning_stops_on_the_last_day_and_ends_the_enrollment(world: World) -> None:
    await world.publish_flow()
    await world.enroll(world.clinic.ana, starts_on=date(2026, 11, 23), days=2)
    for _ in range(6):
        await plan(world)
        world.clock.forward(days=1)
    assert await dates(world) == [date(2026, 11, 23), date(2026, 11, 24), date(2026, 11, 25)]
    [enrollment] = await world.rows(enrollments)
    assert enrollment.status == "ended"


@pytest.mark.parametrize("status", ["paused", "opted_out", "ended"])
async def test_an_enrollment_that_is_not_active_is_not_planned(world: World, status: str) -> None:
    await world.publish_flow()
    id = await world.enroll(world.clinic.ana)
    await world.set(enrollments, id, status=status)
    await plan(world)
    assert await dates(world) == []


@pytest.mark.law(7)
async def test_a_flow_that_no_clinician_has_approved_is_planned_in_a_demo_only(world: World) -> None:
    await world.publish_flow(approved=False)
    await world.enroll(world.clinic.ana)
    for _ in range(3):
        assert (await plan(world)).not_approved == 1
    assert await dates(world) == []
    [item] = await world.rows(escalations)
    assert item.kind == "operational"
    await world.demo()
    await plan(world)
    assert await dates(world) != []


async def test_an_approval_starts_from_today_and_not_from_the_past(world: World) -> None:
    await world.publish_flow(approved=False)
    await world.enroll(world.clinic.ana, starts_on=date(2026, 10, 1), created_at=world.now - timedelta(days=50))
    await plan(world)
    await world.publish_flow(approved=True)
    await plan(world)
    assert (await dates(world))[0] == date(2026, 11, 23)


@pytest.mark.law(12)
async def test_a_rule_or_zone_that_cannot_be_read_does_not_stop_the_others(world: World) -> None:
    await world.publish_flow()
    await world.enroll(world.clinic.ana, rule="whenever it suits")
    await world.set(patients, world.clinic.ben.id, zone="Mars/Olympus")
    await world.enroll(world.clinic.ben)
    good = await world.enroll(world.clinic.chi)
    await plan(world)
    await plan(world)
    assert {row.enrollment_id for row in await world.rows(check_ins)} == {good}
    assert [concern.rule for concern in await world.rows(concerns)] == ["plan_unreadable"] * 2


@pytest.mark.law(12)
async def test_batches_are_bounded_and_all_are_planned(world: World) -> None:
    await world.publish_flow()
    for person in (world.clinic.ana, world.clinic.ben, world.clinic.chi, world.clinic.fay, world.clinic.gus):
        await world.enroll(person)
    result = await plan_check_ins(world.database, world.knowledge, world.now, limit=2)
    assert result.enrollments == 5
    assert len({row.enrollment_id for row in await world.rows(check_ins)}) == 5
    assert (await plan(world)).enrollments == 0
