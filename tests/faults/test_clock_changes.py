"""Fault 8: over clock changes every plan has one check-in for each of its local days, due at its wall time, whatever the zone."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from service.actions.plan_check_ins import plan_check_ins
from service.db import planning
from service.db.check_in import check_ins
from service.db.due_work import due_work
from service.domain.schedule import occurrences, parse_date_rule
from tests.faults import SECONDS_A_TEST
from tests.faults.panel import Member, panel
from tests.jobs.world import World

pytestmark = [pytest.mark.faults, pytest.mark.timeout(SECONDS_A_TEST)]

ZONES = (
    "America/New_York", "America/Chicago", "America/Phoenix", "America/Los_Angeles", "America/St_Johns", "Australia/Lord_Howe",
)  # fmt: skip
"""With and without clock changes, by an hour and by half of one, and one whose summer is in January."""
TIMES = tuple(time(minutes // 60, minutes % 60) for minutes in range(0, 24 * 60, 30))
RULES = ("daily", "weekdays", "every 3 days", "FREQ=WEEKLY;BYDAY=MO,WE,FR", "weekly")
FIRST = date(2027, 1, 1)
YEARS = 3
SAMPLED = ((time(1, 30), time(2, 0), time(2, 30), time(10)), (date(2027, 2, 24), date(2027, 10, 20)), 40)


def expected(rule: str, first: date, days: int) -> list[date]:
    """The dates of a rule, counted by hand."""
    every = [first + timedelta(days=n) for n in range(days)]
    if rule == "weekdays":
        return [day for day in every if day.weekday() < 5]
    if rule == "every 3 days":
        return every[::3]
    if rule == "weekly":
        return every[::7]
    if rule.startswith("FREQ"):
        return [day for day in every if day.weekday() in (0, 2, 4)]
    return every


def instant(day: date, wall: time, zone: str) -> datetime:
    """By the standard library: a wall time that is skipped shifts forward, of two the first."""
    return datetime.combine(day, wall, ZoneInfo(zone)).astimezone(UTC)


def test_fault_8_the_rule_of_dates_alone_over_three_years_of_clock_changes() -> None:
    days = 365 * YEARS
    counted = 0
    for zone in ZONES:
        for wall in TIMES:
            for rule in RULES:
                found = occurrences(parse_date_rule(rule).anchored(FIRST), wall, zone, FIRST, FIRST + timedelta(days=days - 1))
                wanted = expected(rule, FIRST, days)
                assert [day for day, _ in found] == wanted
                if rule == "daily":
                    assert [at for _, at in found] == [instant(day, wall, zone) for day in wanted]
                    assert all(later > earlier for (_, earlier), (_, later) in pairwise(found))
                counted += len(found)
    print(f"\nfault 8 (rules): {counted} occurrences, 0 missing, 0 doubled")


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    world = await World.open(database_url)
    yield world
    await world.database.close()


@pytest.mark.law(3, 9)
async def test_fault_8_planned_day_by_day_each_local_day_and_slot_has_one_check_in(
    world: World, chance: random.Random, full_faults: bool
) -> None:
    times, firsts, days = (TIMES, (FIRST,), 365 * YEARS) if full_faults else SAMPLED
    await world.publish_flow()
    missing = doubled = wrong = counted = 0
    for first in firsts:
        world.clock.time = datetime.combine(first, time(), UTC) - timedelta(days=2)
        places = [(zone, wall, rule) for zone in ZONES for wall in times for rule in RULES]
        members = await panel(world, places, starts_on=first, days=days, since=world.now)
        while world.now.date() < first + timedelta(days=days + 2):
            await plan_check_ins(world.database, world.knowledge, world.now)
            if chance.random() < 0.3:  # a second planner, and a patient whose plan is made anew
                async with world.database.transaction() as connection:
                    await planning.plan_anew(connection, chance.choice(members).id)
                await plan_check_ins(world.database, world.knowledge, world.now)
            world.clock.forward(days=chance.randint(1, 14) if full_faults else 1, minutes=chance.randint(0, 59))
        found = await _planned(world, members)
        planned = sum(len(got) for got in found.values())
        for member in members:
            wanted = {day: instant(day, member.wall_time, member.zone) for day in expected(member.rule, first, days)}
            got = found[member.enrollment_id]
            dates = Counter(day for day, _ in got)
            missing += len(wanted.keys() - dates.keys())
            doubled += sum(count - 1 for count in dates.values()) + len(dates.keys() - wanted.keys())
            wrong += sum(1 for day, at in got if wanted.get(day) not in (None, at))
        counted += planned
        async with world.database.transaction() as connection:  # one piece of work for each, no more
            assert await connection.scalar(select(func.count()).select_from(due_work).where(due_work.c.kind == planning.KIND)) == planned
            await connection.execute(check_ins.update().where(check_ins.c.status == "planned").values(status="cancelled"))
        if firsts[-1] != first:
            await _forget(world, members)
    print(f"\nfault 8 ({world.database.engine.dialect.name}): {counted} check-ins, {missing} missing, {doubled} doubled, {wrong} off")
    assert (missing, doubled, wrong) == (0, 0, 0)


async def _planned(world: World, members: list[Member]) -> dict[UUID, list[tuple[date, datetime]]]:
    found: dict[UUID, list[tuple[date, datetime]]] = defaultdict(list)
    async with world.database.reading() as connection:
        rows: Any = await connection.execute(select(check_ins.c.enrollment_id, check_ins.c.local_date, check_ins.c.due_at))
        for row in rows:
            found[row.enrollment_id].append((row.local_date, row.due_at))
    return found


async def _forget(world: World, members: list[Member]) -> None:
    """Room for the next panel: their numbers go to nobody, their work is done."""
    from sqlalchemy import delete

    from service.db.check_in import enrollments
    from service.db.patient import consents, patient_phones, patients, phones

    ids = [member.id for member in members]
    async with world.database.transaction() as connection:
        await connection.execute(delete(due_work))
        for table in (check_ins, enrollments, consents):
            await connection.execute(delete(table).where(table.c.patient_id.in_(ids)))
        theirs = select(patient_phones.c.phone_id).where(patient_phones.c.patient_id.in_(ids))
        phone_ids = list((await connection.scalars(theirs)).all())
        await connection.execute(delete(patient_phones).where(patient_phones.c.patient_id.in_(ids)))
        await connection.execute(delete(phones).where(phones.c.id.in_(phone_ids)))
        await connection.execute(delete(patients).where(patients.c.id.in_(ids)))
