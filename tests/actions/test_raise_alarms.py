"""Every queue has its age alarm: it opens one item, pages when it is an emergency, and closes by itself; on both databases."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from service.actions.do_due_work import do_due_work
from service.actions.raise_alarms import JOB_SILENT, raise_alarms
from service.actions.send_communications import send_communications
from service.db import alarms
from service.db.alarms import ALARMS, Reading
from service.db.audit import audit_events, entry
from service.db.calls import calls
from service.db.communication import inbound_events, parked_statuses
from service.db.due_work import due_work, row
from service.db.escalation import concerns, escalation_events, escalations, pages
from service.db.health import beat
from service.db.pauses import pauses
from service.db.schema import new_id
from service.domain.communication import Lane, Purpose, Status
from service.domain.urgency import Urgency, by_rank
from service.jobs.work import handlers
from tests.jobs.world import World
from tests.seed import seed_item

SYNTHETIC = {"synthetic_patient_broken", "synthetic_patient_late"}  # tests/synthetic turns them on
CLOCK = {"clock_wrong", "webhooks_refused"}  # test_judge_clock turns them on
NO_JOBS: dict[str, timedelta] = {}


async def readings(world: World) -> dict[str, Reading]:
    async with world.database.reading() as connection:
        return {one.alarm.name: one for one in await alarms.read(connection, world.now)}


async def look(world: World) -> tuple[str, ...]:
    return await raise_alarms(world.database, NO_JOBS, world.now)


async def alarm_items(world: World, rule: str) -> list[Any]:
    async with world.database.reading() as connection:
        statement = select(escalations).join(concerns, concerns.c.escalation_id == escalations.c.id).where(concerns.c.rule == rule)
        return list((await connection.execute(statement.order_by(escalations.c.id))).all())


async def test_on_an_empty_house_every_queue_reads_nothing(world: World) -> None:
    found = await readings(world)
    assert list(found) == [alarm.name for alarm in ALARMS]
    assert not any(one.on or one.many for one in found.values())


async def put_late_rows(world: World) -> None:
    """One row in every queue, as old as only a broken service lets it get."""
    clinic, now = world.clinic, world.now
    long_ago = now - timedelta(days=5)
    ana, org = clinic.ana, {"organization_id": clinic.organization_id}
    for purpose, status in (
        (Purpose.SAFETY, Status.DUE),
        (Purpose.ANSWER, Status.HELD),
        (Purpose.ANSWER, Status.CLAIMED),
        (Purpose.ANSWER, Status.UNKNOWN),
        (Purpose.ANSWER, Status.SENT),
    ):
        await world.text(ana, "Hello", purpose, status=status, due_at=long_ago, status_at=long_ago)
    await world.text(ana, "Hello", status=Status.DELIVERED, redaction="due", redact_at=long_ago)
    item = await seed_item(world.database, clinic.chi, now, urgency=Urgency.EMERGENCY)
    other = await seed_item(world.database, clinic.ben, now, urgency=Urgency.ROUTINE)
    for id in (item, other):
        await world.set(escalations, id, due_at=long_ago)
    await world.set(pages, await world.page(clinic.chi, item, 0), due_at=long_ago)
    await world.set(pages, await world.page(clinic.chi, item, 1), status=Status.UNKNOWN, status_at=now - timedelta(hours=1))
    works = [
        row(clinic.organization_id, f"late:{place}", "page_ladder", ana.id, long_ago, now, lane=lane)
        for place, lane in enumerate((Lane.EMERGENCY, Lane.ROUTINE, Lane.ROUTINE))
    ]
    works[2] |= {"state": "claimed", "lease_until": long_ago}
    call: dict[str, Any] = {"phone_id": ana.phone_id, "purpose": "safety", "number": 1, "status_at": long_ago, "due_at": long_ago, **org}
    async with world.database.transaction() as connection:
        for work in works:
            await connection.execute(insert(due_work).values(**work))
        for person, stands in ((ana, "due"), (clinic.ben, "placed")):
            values = {"id": new_id(now), "patient_id": person.id, "status": stands, "created_at": long_ago}
            await connection.execute(insert(calls).values(**call, **values))
        word = {"provider": "twilio", "provider_id": "SM1", "provider_status": "sent", "status": "sent", "at": long_ago}
        await connection.execute(insert(parked_statuses).values(id=new_id(now), **word))
        event = {"provider": "twilio", "provider_id": "SM2", "kind": "message", "payload": "{}", "failure": "KeyError", **org}
        received = now - timedelta(hours=1)
        await connection.execute(insert(inbound_events).values(id=new_id(received), received_at=received, **event))
        pause = {"patient_id": ana.id, "kind": "away", "state": "on", "begins_at": long_ago, "ends_at": long_ago, "reason": "", **org}
        await connection.execute(insert(pauses).values(id=new_id(now), created_at=long_ago, **pause))
        await connection.execute(insert(audit_events).values(**entry(clinic.organization_id, long_ago, "looked")))


@pytest.mark.law(11)
async def test_a_row_that_is_left_lying_turns_on_the_alarm_of_its_queue(world: World) -> None:
    await put_late_rows(world)
    on = {name for name, one in (await readings(world)).items() if one.on}
    unreached = {alarm.name for alarm in ALARMS} - on
    assert unreached == {"conversations_late", *SYNTHETIC, *CLOCK}, "a queue whose alarm nothing turns on is not watched"


async def test_a_conversation_that_nobody_looks_at_turns_on_its_alarm(house_with_conversation: World) -> None:
    world = house_with_conversation
    assert "conversations_late" not in await look(world)
    world.clock.forward(days=3)
    assert "conversations_late" in await look(world)


@pytest.fixture
async def house_with_conversation(world: World) -> World:
    from service.db.check_in import flow_sessions

    version = await world.publish_flow()
    values = {"organization_id": world.clinic.organization_id, "patient_id": world.clinic.ana.id, "flow_version_id": version}
    times = {"started_at": world.now, "changed_at": world.now, "waits_until": world.now + timedelta(days=2)}
    async with world.database.transaction() as connection:
        await connection.execute(
            insert(flow_sessions).values(
                id=new_id(world.now), phone_id=world.clinic.ana.phone_id, state={}, status="waiting", **values, **times
            )
        )
    return world


@pytest.mark.law(2)
async def test_an_emergency_alarm_is_one_item_and_one_page_and_is_closed_by_itself_when_it_is_over(world: World) -> None:
    await world.text(world.clinic.chi, "Call 911", Purpose.SAFETY)
    assert await look(world) == ()
    world.clock.forward(seconds=31)
    for _ in range(3):
        assert await look(world) == ("texts_emergency_late",)
        world.clock.forward(seconds=5)
    [item] = await alarm_items(world, "texts_emergency_late")
    assert (item.kind, item.state, by_rank(item.urgency_rank)) == ("operational", "open", Urgency.EMERGENCY)
    await do_due_work(world.database, handlers(world.around), Lane.EMERGENCY, world.clock, "node-1")
    assert len(await world.rows(pages, pages.c.escalation_id == item.id)) >= 1
    await send_all(world)
    assert await look(world) == ()
    [item] = await alarm_items(world, "texts_emergency_late")
    assert item.state == "open", "for five minutes it stands: what flickers opens one item and not many"
    world.clock.forward(minutes=6)
    await look(world)
    [item] = await alarm_items(world, "texts_emergency_late")
    assert (item.state, item.resolved_by, item.resolved_at) == ("resolved", None, world.now)
    history = [one.what for one in await world.rows(escalation_events, escalation_events.c.escalation_id == item.id)]
    assert history[0] == "opened"
    assert history[-1] == "resolved"
    [concern] = await world.rows(concerns, concerns.c.escalation_id == item.id)
    assert concern.answered_at == world.now


async def send_all(world: World) -> None:
    await send_communications(world.database, world.providers, Lane.EMERGENCY, world.clock, "node-1", world.knowledge.law)


async def test_what_comes_back_opens_a_new_item(world: World) -> None:
    await world.text(world.clinic.chi, "Call 911", Purpose.SAFETY)
    world.clock.forward(seconds=31)
    await look(world)
    await send_all(world)
    world.clock.forward(minutes=6)
    await look(world)
    await world.text(world.clinic.chi, "Call 911", Purpose.SAFETY)
    world.clock.forward(seconds=31)
    await look(world)
    assert [item.state for item in await alarm_items(world, "texts_emergency_late")] == ["resolved", "open"]


@pytest.mark.law(8)
async def test_software_closes_no_item_of_a_patient(world: World) -> None:
    item = await seed_item(world.database, world.clinic.chi, world.now, urgency=Urgency.EMERGENCY)
    world.clock.forward(hours=2)
    assert "items_past_due" in await look(world)
    world.clock.forward(hours=2)
    await look(world)
    [row_] = await world.rows(escalations, escalations.c.id == item)
    assert row_.state == "open"


async def test_a_job_that_no_node_runs_any_more_is_an_item_and_one_that_another_node_runs_is_none(world: World) -> None:
    limits = {"planner": timedelta(minutes=2)}
    async with world.database.transaction() as connection:
        await beat(connection, "node-1", {"planner": world.now})
        await beat(connection, "node-2", {"planner": world.now + timedelta(minutes=5)})
    world.clock.forward(minutes=6)
    assert await raise_alarms(world.database, limits, world.now) == ()
    world.clock.forward(minutes=5)
    assert await raise_alarms(world.database, limits, world.now) == (JOB_SILENT,)
    [item] = await alarm_items(world, JOB_SILENT)
    assert item.state == "open"


async def test_nodes_that_look_at_once_open_one_item(world: World) -> None:
    await world.text(world.clinic.chi, "Call 911", Purpose.SAFETY)
    world.clock.forward(seconds=31)
    await asyncio.gather(*(look(world) for _ in range(4)))
    assert len(await alarm_items(world, "texts_emergency_late")) == 1
    await do_due_work(world.database, handlers(world.around), Lane.EMERGENCY, world.clock, "node-1")
    [item] = await alarm_items(world, "texts_emergency_late")
    steps = [page.rung for page in await world.rows(pages, pages.c.escalation_id == item.id)]
    assert set(steps) == {0}, "a ladder that has begun is not begun twice"


async def test_a_failure_of_yesterday_is_no_alarm_any_more(world: World) -> None:
    await put_late_rows(world)
    world.clock.forward(hours=22)
    assert (await readings(world))["replies_not_read"].on
    world.clock.forward(hours=2)
    assert not (await readings(world))["replies_not_read"].on
