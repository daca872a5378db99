"""Fault 9: a patient moves to another zone in the middle of a day, in either direction: no slot is doubled, none is lost."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from service.actions.change_care import Where, change_place
from service.db.check_in import check_ins, flow_sessions
from service.domain.schedule import to_local, to_utc
from service.domain.staff import Role, Staff
from tests.faults import FULL_COUNTS, SECONDS_A_TEST
from tests.faults.panel import Member, any_time, panel, work
from tests.jobs.world import World

pytestmark = [pytest.mark.faults, pytest.mark.timeout(SECONDS_A_TEST)]

ZONES = (
    "Pacific/Honolulu", "America/Anchorage", "America/Los_Angeles", "America/Phoenix", "America/Denver", "America/Chicago",
    "America/New_York", "America/St_Johns", "Europe/London", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Auckland",
)  # fmt: skip
MOVES = {True: 1_000, False: 48}
BEGAN = datetime(2026, 10, 30, 0, 0, tzinfo=UTC)
"""Two days before the clocks change in America."""
STEP = timedelta(minutes=15 if FULL_COUNTS else 30)
MOVED_WITHIN = timedelta(hours=24)
AFTER = timedelta(hours=48)


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    world = await World.open(database_url, BEGAN)
    yield world
    await world.database.close()


@pytest.mark.law(3, 9)
async def test_fault_9_of_1000_moves_in_the_middle_of_a_day_none_doubles_or_loses_a_check_in(
    world: World, chance: random.Random, full_faults: bool
) -> None:
    await world.publish_flow()
    places = [(chance.choice(ZONES), any_time(chance, 9, 20), "daily") for _ in range(MOVES[full_faults])]
    members = await panel(world, places, starts_on=date(2026, 10, 28), days=60, since=BEGAN - timedelta(days=1))
    moves = {member.id: (_moment(chance), chance.choice([zone for zone in ZONES if zone != member.zone])) for member in members}
    staff = Staff(world.clinic.nora.id, world.clinic.organization_id, "Nora", Role.NURSE, world.clinic.nora.team_ids)
    pending = sorted(moves.items(), key=lambda move: move[1][0])
    while world.now <= BEGAN + timedelta(days=1) + MOVED_WITHIN + AFTER + timedelta(hours=1):
        while pending and pending[0][1][0] <= world.now:
            patient_id, (_, zone) = pending.pop(0)
            await change_place(world.database, world.knowledge.law, staff, patient_id, Where(zone), world.now)
        await work(world, sending=False)
        world.clock.time += STEP
    rows = await _by_patient(world)
    doubled = await _begun_twice(world)
    skipped = [one for member in members for one in _skipped(member, *moves[member.id], rows[member.id])]
    off = [one for member in members for one in _off(member, *moves[member.id], rows[member.id])]
    east = sum(to_local(at, zone) > to_local(at, member.zone) for member in members for at, zone in (moves[member.id],))
    name = world.database.engine.dialect.name
    print(f"\nfault 9 ({name}): {len(members)} moves, {east} of them east; {doubled} doubled, {len(skipped)} skipped, {len(off)} off")
    assert (doubled, skipped, off) == (0, [], [])
    assert 0 < east < len(members)


def _moment(chance: random.Random) -> datetime:
    return BEGAN + timedelta(days=1) + STEP * chance.randrange(MOVED_WITHIN // STEP)


def _skipped(member: Member, moved_at: datetime, zone: str, rows: list[Any]) -> list[str]:
    """Slots of the 48 hours after the move, as the clock goes in the new place, that nothing was begun for."""
    begun = {row.local_date for row in rows if row.started_at is not None}
    return [f"{member.zone} -> {zone} at {moved_at}: {day} {member.wall_time}" for day in _due(member, moved_at, zone) if day not in begun]


def _off(member: Member, moved_at: datetime, zone: str, rows: list[Any]) -> list[str]:
    """Check-ins of those slots that were begun after the move and not at their wall time in the new place."""
    begun = {row.local_date: row.started_at for row in rows if row.started_at is not None and row.started_at > moved_at + STEP}
    slots = {day: to_utc(day, member.wall_time, zone) for day in _due(member, moved_at, zone) if day in begun}
    return [f"{member.zone} -> {zone}: {begun[day]} for {at}" for day, at in slots.items() if abs(begun[day] - at) > STEP]


def _due(member: Member, moved_at: datetime, zone: str) -> list[date]:
    """The local dates whose slot lies in the 48 hours after the move, as the clock goes in the new place."""
    first, last = to_local(moved_at, zone).date(), to_local(moved_at + AFTER, zone).date()
    wanted = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return [day for day in wanted if moved_at < to_utc(day, member.wall_time, zone) <= moved_at + AFTER]


async def _by_patient(world: World) -> dict[UUID, list[Any]]:
    found: dict[UUID, list[Any]] = defaultdict(list)
    for row in await world.rows(check_ins):
        found[row.patient_id].append(row)
    return found


async def _begun_twice(world: World) -> int:
    """Conversations beyond the first of a check-in, and check-ins beyond the first of a patient's local day."""
    async with world.database.reading() as connection:
        talks = select(func.count() - func.count(flow_sessions.c.check_in_id.distinct())).where(flow_sessions.c.check_in_id.is_not(None))
        days = select(check_ins.c.patient_id, check_ins.c.local_date).where(check_ins.c.started_at.is_not(None))
        twice = days.group_by(check_ins.c.patient_id, check_ins.c.local_date).having(func.count() > 1).subquery()
        return int(await connection.scalar(talks) or 0) + int(await connection.scalar(select(func.count()).select_from(twice)) or 0)


def test_a_slot_that_was_not_begun_is_found() -> None:
    """The check itself: without any check-in every slot of 48 hours is missed."""
    member = Member(UUID(int=1), UUID(int=2), "", "America/New_York", time(10), "daily")
    assert len(_skipped(member, BEGAN, "America/Los_Angeles", [])) == 2
