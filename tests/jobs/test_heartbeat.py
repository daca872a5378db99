"""The heartbeat and the emergency lane at work on a real clock: they wake, go on after failures, and show when they do not."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import time, timedelta
from typing import Any

import pytest
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy import text

from service.actions.plan_check_ins import plan_check_ins
from service.clock import SystemClock
from service.db.communication import communications
from service.db.database import notify
from service.db.due_work import due_work, heartbeats
from service.db.health import beat, health, last_run
from service.db.organization import organizations
from service.domain.communication import Purpose
from service.domain.schedule import to_local
from service.jobs.emergency import PATIENTS, STAFF, TOPIC, emergency_lane, routine_lane
from service.jobs.heartbeat import WATCHDOG, Heartbeat
from service.jobs.work import Surroundings, handlers, new_node_name, registry
from service.telephony.port import OutgoingText, TransientFailure
from tests.guards.source import ROOT, imported, modules
from tests.jobs.world import World
from tests.patience import PATIENCE_SECONDS
from tests.seed import seed_item

NEVER_QUIET: dict[str, Any] = {"quiet_start": time(0), "quiet_end": time(0)}


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    world = await World.open(database_url, SystemClock().now())
    world.around = Surroundings(world.database, world.providers, world.knowledge, SystemClock(), "node-1")
    yield world
    await world.database.close()


async def until(condition: Any, seconds: float = PATIENCE_SECONDS) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - what is waited for are rows that another task writes
            await asyncio.sleep(0.02)


@asynccontextmanager
async def lane(world: World) -> AsyncIterator[list[str]]:
    rounds: list[str] = []
    stopping = asyncio.Event()
    task = asyncio.create_task(emergency_lane(world.around, rounds.append, stopping))
    yield rounds
    stopping.set()
    world.database.wakeups.wake([TOPIC])
    async with asyncio.timeout(PATIENCE_SECONDS):
        await task


async def test_the_heartbeat_does_all_of_it_by_itself(world: World) -> None:
    """Plans, starts, sends; writes its heartbeats; is healthy; ends in time."""
    await world.set(organizations, world.clinic.organization_id, **NEVER_QUIET)
    await world.publish_flow()
    here = to_local(world.now, "America/New_York")
    await world.enroll(world.clinic.chi, at=here.time().replace(second=0, microsecond=0), created_at=world.now - timedelta(minutes=5))
    heart = Heartbeat(world.around)
    heart.start()

    async def sent() -> bool:
        return len(world.provider.kept) == 1

    async def healthy() -> bool:
        async with world.database.reading() as connection:
            return (await heart.health(connection, SystemClock().now())).ok

    try:
        await until(sent)
        await heart._watch()
        assert {row.name for row in await world.rows(heartbeats)} >= {WATCHDOG}
        await until(healthy)
    finally:
        await heart.stop()
    assert [row.status for row in await world.rows(communications)] == ["accepted"]


@pytest.mark.law(12)
async def test_a_job_that_fails_does_not_stop_itself_or_the_others(world: World) -> None:
    heart = Heartbeat(world.around)
    rounds: list[str] = []

    async def fail() -> None:
        rounds.append("fail")
        raise RuntimeError("a bug")

    async def work() -> None:
        rounds.append("work")

    for _ in range(2):
        await heart._round("failing", fail)
        await heart._round("working", work)
    assert rounds == ["fail", "work", "fail", "work"]
    assert "working" in heart._ran
    assert "failing" not in heart._ran


@pytest.mark.law(2)
async def test_a_job_that_has_not_run_yet_is_not_written_as_done(world: World) -> None:
    """Lost replies are looked for from where the last round ended: a first round that failed must not move that point."""

    def unreachable() -> None:
        raise TransientFailure("not_connected", "no answer from the provider")

    world.provider.listing = unreachable
    heart = Heartbeat(world.around)
    heart.start()
    try:
        await until(lambda: _true("send_routine" in heart._finished))
        await heart._watch()
        async with world.database.reading() as connection:
            assert await last_run(connection, "recover_replies") is None
            assert await last_run(connection, "send_routine") is not None
            assert (await heart.health(connection, world.now)).ok  # it is waited for, not silent yet
    finally:
        await heart.stop()


@pytest.mark.law(11)
def test_only_interval_triggers_are_used_and_only_in_the_heartbeat() -> None:
    named = [
        (path.relative_to(ROOT).as_posix(), name)
        for path in modules("service")
        for _, name in imported(path)
        if name.startswith("apscheduler")
    ]
    assert {path for path, _ in named} == {"service/jobs/heartbeat.py"}
    assert {name for _, name in named} == {
        "apscheduler.jobstores.memory",
        "apscheduler.schedulers.asyncio",
        "apscheduler.triggers.interval",
    }


@pytest.mark.law(11)
async def test_every_job_ticks_at_an_interval_in_memory_one_at_a_time_and_is_never_dropped_for_being_late(world: World) -> None:
    heart = Heartbeat(world.around)
    heart.start()
    try:
        jobs = heart._scheduler.get_jobs()
        assert {job.id for job in jobs} == {*registry(world.around), WATCHDOG}
        for job in jobs:
            assert isinstance(job.trigger, IntervalTrigger)
            assert (job.coalesce, job.max_instances, job.misfire_grace_time) == (True, 1, None)
            assert job._jobstore_alias == "default"
    finally:
        await heart.stop()


def test_every_kind_of_due_work_has_one_handler() -> None:
    """Whoever plans work of another kind finds it failed and on the queue; better to find out here."""
    around: Any = None
    planned = {
        match
        for path in modules("service/db", "service/actions")
        for match in re.findall(r'(?:kind=|KIND = )"(start_\w+|page_\w+|\w+_follow_up|\w+_due)"', path.read_text())
    }
    assert planned <= set(handlers(around))
    assert {"start_check_in", "page_ladder"} <= set(handlers(around))


async def test_an_emergency_text_leaves_at_once_when_the_lane_is_woken(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.jobs.emergency.TICK_SECONDS", 600.0)  # only the wake-up can be what brings it
    async with lane(world) as rounds:
        await until(lambda: _true(PATIENTS in rounds and STAFF in rounds))
        item_id = await seed_item(world.database, world.clinic.chi, world.now)
        await world.text(world.clinic.chi, "Call 911", Purpose.SAFETY, escalation_id=item_id)
        async with world.database.transaction() as connection:
            await notify(connection, TOPIC)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await world.provider.called.wait()


async def _true(value: bool) -> bool:
    return value


async def test_the_emergency_lane_never_waits_behind_a_routine_batch(world: World) -> None:
    """The provider hangs on every routine text; the safety text and the page go out meanwhile."""
    stuck = asyncio.Event()

    async def hang(outgoing: OutgoingText) -> None:
        if outgoing.body == "routine":
            await stuck.wait()

    world.provider.during = hang
    await world.set(organizations, world.clinic.organization_id, **NEVER_QUIET)
    for person in (world.clinic.ana, world.clinic.ben, world.clinic.fay):
        await world.text(person, "routine", Purpose.ANSWER)
    stopping = asyncio.Event()
    routine = asyncio.create_task(routine_lane(world.around, lambda name: None, stopping))
    await world.provider.called.wait()
    item_id = await seed_item(world.database, world.clinic.chi, world.now)
    await world.text(world.clinic.chi, "Call 911", Purpose.SAFETY, escalation_id=item_id)
    await world.page(world.clinic.chi, item_id)

    async def out() -> bool:
        return {kept.body for kept in world.provider.kept} == {"Call 911", "Rounds: EMERGENCY item"}

    async with lane(world):
        await until(out)
    stuck.set()
    stopping.set()
    await routine


async def test_a_stop_waits_for_the_call_under_way_and_leaves_nothing_unknown(world: World) -> None:
    async def slowly(_text: OutgoingText) -> None:
        await asyncio.sleep(0.5)

    world.provider.during = slowly
    item_id = await seed_item(world.database, world.clinic.chi, world.now)
    await world.text(world.clinic.chi, "Call 911", Purpose.SAFETY, escalation_id=item_id)
    heart = Heartbeat(world.around)
    heart.start()
    await world.provider.called.wait()
    await heart.stop()
    assert [row.status for row in await world.rows(communications, communications.c.direction == "out")] == ["accepted"]


async def test_the_lane_goes_on_after_a_failure(world: World) -> None:
    async with world.database.transaction() as connection:
        await connection.execute(text("ALTER TABLE pages RENAME TO pages_gone"))
    async with lane(world) as rounds:
        await until(lambda: _true(rounds.count(PATIENTS) >= 2))
        assert STAFF not in rounds
        async with world.database.transaction() as connection:
            await connection.execute(text("ALTER TABLE pages_gone RENAME TO pages"))
        await until(lambda: _true(STAFF in rounds))


@pytest.mark.law(11)
async def test_overdue_work_and_silent_jobs_are_found_by_query(world: World) -> None:
    limits = {"planner": timedelta(minutes=2)}

    async def problems(later: timedelta) -> list[str]:
        async with world.database.reading() as connection:
            return list((await health(connection, world.now + later, limits)).problems)

    assert await problems(timedelta()) == ["job_silent:planner"]
    async with world.database.transaction() as connection:
        await beat(connection, "node-1", {"planner": world.now})
        await beat(connection, "node-1", {"planner": world.now})
    assert await problems(timedelta(minutes=2)) == []
    assert await problems(timedelta(minutes=3)) == ["job_silent:planner"]
    async with world.database.transaction() as connection:
        await beat(connection, "node-1", {"planner": world.now + timedelta(days=1)})
    await world.text(world.clinic.chi, "Call 911", Purpose.SAFETY)
    assert await problems(timedelta(seconds=20)) == []
    assert await problems(timedelta(seconds=40)) == ["texts_emergency_late"]
    await world.publish_flow()
    await world.enroll(world.clinic.ana)
    await plan_check_ins(world.database, world.knowledge, world.now)
    async with world.database.reading() as connection:
        later = await health(connection, world.now + timedelta(days=2), limits)
    assert "work_routine_late" in later.alarms
    assert "work_routine_late" not in later.problems, "late work of the routine lane is an alarm, and no reason to restart a node"
    assert len(await world.rows(due_work)) >= 2


def test_node_names_fit_and_are_never_the_same() -> None:
    names = {new_node_name() for _ in range(50)}
    assert len(names) == 50
    assert all(len(name) <= 64 and name.count(":") == 2 for name in names)


def test_every_job_has_room_to_miss_a_round_before_it_counts_as_stuck() -> None:
    around: Any = Surroundings(*(None,) * 4, "node")  # type: ignore[arg-type]
    jobs = registry(around)
    assert {"plan_check_ins", "due_work", "release_leases", "reconcile_unknown", "expire_work"} <= set(jobs)
    for name, job in jobs.items():
        assert job.every_seconds > 0, name
        assert job.silent_after >= timedelta(seconds=2 * job.every_seconds), name
