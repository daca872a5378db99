"""Fault 10: the service stands still for six hours and comes back: what is late expires in sight, the rest leaves, nothing at night."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta

import pytest

from service.db.check_in import check_ins
from service.db.communication import communications
from service.db.escalation import escalations
from service.domain.contact_hours import ContactHours
from service.domain.schedule import to_local
from tests.faults import FULL_COUNTS, SECONDS_A_TEST, on
from tests.faults.panel import any_time, panel, work
from tests.jobs.world import World

pytestmark = [pytest.mark.faults, pytest.mark.timeout(SECONDS_A_TEST)]

ZONES = ("Pacific/Honolulu", "America/Anchorage", "America/Los_Angeles", "America/Denver", "America/Chicago", "America/New_York")
PATIENTS = {True: 1_000, False: 60}
BEGAN = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
STEP = timedelta(minutes=10)
EACH = [(database, hour) for database in ("sqlite", "postgresql") for hour in (14, 19, 22)]
SAMPLED = [("sqlite", 14), ("postgresql", 19), ("sqlite", 22)]
DOWN = timedelta(hours=6)


def quiet(at: datetime, zone: str) -> bool:
    return not time(9) <= to_local(at, zone).time() < time(20)


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    world = await World.open(database_url, BEGAN)
    yield world
    await world.database.close()


@pytest.mark.law(2, 4, 11)
@pytest.mark.parametrize(
    ("database_url", "down_at"),
    [pytest.param(*one, marks=on(one[0])) for one in (EACH if FULL_COUNTS else SAMPLED)],
    indirect=["database_url"],
)
async def test_fault_10_after_six_hours_down_nothing_late_is_sent_and_nothing_in_quiet_hours(
    world: World, chance: random.Random, full_faults: bool, down_at: int
) -> None:
    """`down_at`: the hour (UTC) at which the node stops; 19 and 22 come back in the evening and at night of most of the patients."""
    await world.publish_flow()
    places = [(chance.choice(ZONES), any_time(chance, 9, 20), "daily") for _ in range(PATIENTS[full_faults])]
    members = await panel(world, places, starts_on=date(2026, 11, 23), days=1, since=BEGAN - timedelta(days=1))
    zones = {member.number: member.zone for member in members}
    stops = BEGAN.replace(hour=down_at) + timedelta(minutes=chance.randrange(0, 60))
    back = stops + DOWN
    while world.now < BEGAN + timedelta(hours=40):
        await work(world)
        world.clock.time += STEP
        if stops <= world.now < back:
            world.clock.time = back
    mine = {member.id for member in members}
    rows = [row for row in await world.rows(check_ins) if row.patient_id in mine]
    texts = [row for row in await world.rows(communications) if row.patient_id in mine and row.direction == "out"]
    at_night = [text for text in world.provider.kept if quiet(text.created_at, zones[text.to])]
    late = [row for row in rows if row.useful_until <= back and row.due_at >= stops]
    asked = {row.check_in_id for row in texts if row.purpose == "check_in" and row.status in ("accepted", "sent", "delivered")}
    outcome = Counter(row.status for row in rows)
    print(f"\nfault 10 ({world.database.engine.dialect.name}, down at {stops:%H:%M}): {len(rows)} check-ins {dict(outcome)}; ", end="")
    print(f"{len(late)} too late, {len(world.provider.kept)} texts sent, {len(at_night)} in quiet hours")
    assert len(rows) == len(members), "each was planned, whatever happened to the node"
    assert at_night == []
    assert {row.status for row in late} <= {"expired"}, "too late to be useful"
    assert not asked & {row.id for row in late}
    assert all(row.status in ("started", "silent", "expired", "cancelled", "answered", "partly") for row in rows), "none is left waiting"
    for row in rows:
        if row.id not in asked:
            zone = next(member.zone for member in members if member.id == row.patient_id)
            hours = ContactHours(zone, time(20), time(9))
            when = max(row.due_at, back) if row.due_at >= stops - STEP else row.due_at
            closed = hours.closed(when, scheduled=True)
            assert when >= row.useful_until or (closed is not None and closed.until >= row.useful_until), "it could have been sent"
    if late:
        assert [item.kind for item in await world.rows(escalations) if "check_in" in item.summary.lower() or item.kind == "operational"], (
            "what expired is seen"
        )


def test_the_hours_of_the_test_are_those_of_the_clinic() -> None:
    noon = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
    assert quiet(noon, "America/New_York")
    assert not quiet(noon, "Pacific/Honolulu")
