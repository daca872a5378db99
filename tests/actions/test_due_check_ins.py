"""Due work and what becomes of a due check-in, on both databases: started once, replaced, put off, expired, set aside."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update

from service.actions.do_due_work import do_due_work
from service.actions.expire_work import expire_work
from service.actions.plan_check_ins import plan_check_ins
from service.actions.release_leases import release_leases
from service.actions.send_communications import send_communications
from service.actions.time_out_sessions import time_out_sessions
from service.db import due_work as due_works
from service.db.calls import calls, plan
from service.db.changes import Changes
from service.db.check_in import check_ins, enrollments, flow_sessions
from service.db.communication import communications
from service.db.database import Database
from service.db.due_work import LostLease, Work, due_work
from service.db.escalation import concerns, escalations
from service.db.patient import patient_phones, patients
from service.domain.communication import Lane, Purpose
from service.jobs.work import handlers
from tests.jobs.world import World


async def work(world: World, **more: Any) -> int:
    return await do_due_work(world.database, handlers(world.around), Lane.ROUTINE, world.clock, "node-1", **more)


async def planned(world: World, *people: Any, at: time = time(10)) -> list[Any]:
    """Check-ins due at `at` New York time today, planned; the clock stands at 10:00 there."""
    await world.publish_flow()
    for person in people:
        await world.enroll(person, at=at)
    await plan_check_ins(world.database, world.knowledge, world.now)
    return [row for row in await world.rows(check_ins) if row.due_at <= world.now + timedelta(hours=2)]


async def of(world: World, id: Any) -> Any:
    [row] = await world.rows(check_ins, check_ins.c.id == id)
    return row


@pytest.mark.law(11)
async def test_a_due_check_in_starts_a_conversation_and_its_question_is_in_the_outbox(world: World) -> None:
    [due] = await planned(world, world.clinic.chi)
    assert await work(world) == 1
    row = await of(world, due.id)
    assert (row.status, row.started_at) == ("started", world.now)
    [session] = await world.rows(flow_sessions)
    assert (session.status, session.check_in_id, session.patient_id) == ("waiting", due.id, world.clinic.chi.id)
    [question] = await world.rows(communications)
    assert (question.purpose, question.status, question.check_in_id) == ("check_in", "due", due.id)
    assert "weight" in question.body
    [done] = await world.rows(due_work, due_work.c.subject_id == due.id)
    assert (done.state, done.attempts) == ("done", 1)
    await send_communications(world.database, world.providers, Lane.ROUTINE, world.clock, "node-1", world.knowledge.law)
    assert [call.to for call in world.provider.calls] == [world.clinic.chi.number]


async def test_a_check_in_by_call_waits_for_a_call_that_was_planned_for_another_reason(world: World) -> None:
    eva = world.clinic.eva
    [due] = await planned(world, eva)
    async with world.database.transaction() as connection:
        changes = Changes(world.now)
        plan(
            changes,
            organization_id=eva.organization_id,
            patient_id=eva.id,
            phone_id=eva.phone_id,
            flow_session_id=None,
            programme="",
            purpose=Purpose.SAFETY,
            number=1,
            due_at=world.now,
            useful_until=None,
        )
        await changes.write(connection)
    await work(world)
    assert (await of(world, due.id)).status == "planned"
    assert await world.rows(escalations) == []
    async with world.database.transaction() as connection:
        await connection.execute(update(calls).values(status="cancelled"))
    world.clock.time += timedelta(minutes=15)
    await work(world)
    assert (await of(world, due.id)).status == "started"
    assert [(row.purpose, row.status) for row in await world.rows(calls)] == [("safety", "cancelled"), ("check_in", "due")]


async def test_a_check_in_of_a_patient_whose_check_ins_rest_is_neither_sent_nor_missed(world: World) -> None:
    [due] = await planned(world, world.clinic.chi)
    await world.set(patients, world.clinic.chi.id, status="paused")
    await work(world)
    assert (await of(world, due.id)).status == "paused"
    assert await world.rows(flow_sessions) == await world.rows(communications) == []
    assert await world.rows(escalations) == []
    await expire_work(world.database, world.now + timedelta(days=1), net=True)
    assert (await of(world, due.id)).status == "paused"
    assert await world.rows(escalations) == []


async def test_what_is_not_due_yet_waits(world: World) -> None:
    await planned(world, world.clinic.chi, at=time(10, 1))
    assert await work(world) == 0
    world.clock.forward(minutes=1)
    assert await work(world) == 1


@pytest.mark.law(3)
async def test_several_nodes_start_each_check_in_once(world: World) -> None:
    people = (world.clinic.ana, world.clinic.ben, world.clinic.chi, world.clinic.fay)
    await planned(world, *people, world.clinic.gus)
    kinds = handlers(world.around)
    await asyncio.gather(*(do_due_work(world.database, kinds, Lane.ROUTINE, world.clock, f"node-{n}", limit=2) for n in range(6)))
    questions = await world.rows(communications)
    shared = {world.clinic.fay.id, world.clinic.gus.id}  # one phone: only one of the two is asked, whichever node comes first
    assert len(questions) == len(people)
    assert {row.patient_id for row in questions} - shared == {person.id for person in people} - shared


@pytest.mark.parametrize("change", ["patient", "enrollment", "phone", "unconfirmed"])
async def test_no_check_in_for_a_patient_who_is_stopped_or_has_no_number_of_their_own(world: World, change: str) -> None:
    [due] = await planned(world, world.clinic.chi)
    if change == "patient":
        await world.set(patients, world.clinic.chi.id, status="hospice")
    elif change == "enrollment":
        await world.set(enrollments, due.enrollment_id, status="paused")
    elif change == "unconfirmed":
        async with world.database.transaction() as connection:
            await connection.execute(update(patient_phones).values(confirmed_at=None))
    else:
        async with world.database.transaction() as connection:
            await connection.execute(delete(patient_phones).where(patient_phones.c.patient_id == world.clinic.chi.id))
    await work(world)
    assert (await of(world, due.id)).status == "cancelled"
    assert await world.rows(communications) == []
    assert len(await world.rows(escalations)) == (1 if change == "phone" else 0)


@pytest.mark.law(2)
async def test_a_new_check_in_replaces_an_unanswered_older_one_which_is_not_forgotten(world: World) -> None:
    [first] = await planned(world, world.clinic.chi)
    await work(world)
    world.clock.forward(days=1)
    await work(world)
    assert (await of(world, first.id)).status == "silent"
    sessions = await world.rows(flow_sessions)
    assert [session.status for session in sessions] == ["ended", "waiting"]
    [item] = await world.rows(escalations)
    assert (item.kind, item.patient_id) == ("clinical", world.clinic.chi.id)
    assert [concern.rule for concern in await world.rows(concerns)] == ["machine.check_in_unanswered"]


async def test_a_live_conversation_of_another_programme_is_not_cut_off(world: World) -> None:
    await planned(world, world.clinic.chi)
    await work(world)
    await world.enroll(world.clinic.chi, at=time(10, 30))
    await plan_check_ins(world.database, world.knowledge, world.now)
    world.clock.forward(minutes=30)
    await work(world)
    assert len(await world.rows(flow_sessions)) == 1
    world.clock.forward(minutes=10)
    assert await work(world) == 0
    world.clock.forward(minutes=25)
    await work(world)
    sessions = await world.rows(flow_sessions)
    assert [session.status for session in sessions] == ["ended", "waiting"]


async def test_two_check_ins_of_a_patient_in_one_batch_do_not_meet(world: World) -> None:
    await planned(world, world.clinic.chi, world.clinic.chi)
    assert await work(world) == 2
    assert len(await world.rows(flow_sessions)) == 1
    waiting = [row for row in await world.rows(due_work, due_work.c.state == "due") if row.due_at < world.now + timedelta(hours=1)]
    assert [row.due_at for row in waiting] == [world.now + timedelta(minutes=15)]


async def test_a_patient_who_has_travelled_west_is_asked_at_the_hour_there(world: World) -> None:
    [due] = await planned(world, world.clinic.chi)
    await world.set(patients, world.clinic.chi.id, zone="America/Los_Angeles")
    await work(world)
    assert await world.rows(communications) == []
    moved = await of(world, due.id)
    assert (moved.status, moved.due_at) == ("planned", world.now + timedelta(hours=3))
    world.clock.forward(hours=3)
    await work(world)
    assert (await of(world, due.id)).status == "started"


@pytest.mark.law(7)
async def test_a_conversation_is_pinned_to_the_version_it_began_with(world: World) -> None:
    await planned(world, world.clinic.chi)
    await work(world)
    [session] = await world.rows(flow_sessions)
    async with world.database.transaction() as connection:
        from service.db import flows

        flow = world.flows["heart_failure/daily"]
        newer = await flows.publish(
            connection,
            world.clinic.organization_id,
            programme="heart_failure",
            flow="daily",
            content_hash="another",
            content={**flow.to_json()},
            now=world.now + timedelta(hours=1),
        )
        await flows.approve(connection, world.clinic.organization_id, newer, "Dr. Sample", world.now)
    world.clock.forward(hours=4)
    await time_out_sessions(world.database, world.knowledge, world.now)
    [same] = await world.rows(flow_sessions)
    assert same.flow_version_id == session.flow_version_id != newer


@pytest.mark.law(2)
async def test_what_is_too_late_expires_as_one_item_and_not_as_late_texts(world: World) -> None:
    people = (world.clinic.ana, world.clinic.ben, world.clinic.chi)
    due = await planned(world, *people)
    world.clock.forward(hours=5)
    assert await work(world) == 0
    assert await expire_work(world.database, world.now) == 3
    assert [(await of(world, one.id)).status for one in due] == ["expired"] * 3
    assert {row.state for row in await world.rows(due_work, due_work.c.due_at < world.now)} == {"expired"}
    [item] = await world.rows(escalations)
    assert item.kind == "operational"
    assert await world.rows(communications) == []
    assert await expire_work(world.database, world.now) == 0


@pytest.mark.law(2)
async def test_a_check_in_whose_due_work_was_lost_is_found_by_query(world: World) -> None:
    [due] = await planned(world, world.clinic.chi)
    async with world.database.transaction() as connection:
        await connection.execute(delete(due_work))
    world.clock.forward(hours=5)
    await expire_work(world.database, world.now, net=True)
    assert (await of(world, due.id)).status == "expired"


@pytest.mark.law(2)
async def test_a_question_that_never_left_is_not_counted_as_silence(world: World) -> None:
    [due] = await planned(world, world.clinic.dov)  # who has opted out
    await work(world)
    await send_communications(world.database, world.providers, Lane.ROUTINE, world.clock, "node-1", world.knowledge.law)
    assert world.provider.calls == []
    assert (await of(world, due.id)).status == "cancelled"
    [session] = await world.rows(flow_sessions)
    assert (session.status, session.waits_until) == ("ended", None)
    world.clock.forward(hours=12)
    assert await time_out_sessions(world.database, world.knowledge, world.now) == 0
    assert [concern.rule for concern in await world.rows(concerns)] == []


async def test_silence_is_reminded_once_and_then_an_item(world: World) -> None:
    [due] = await planned(world, world.clinic.chi)
    await work(world)
    world.clock.forward(hours=3)
    assert await time_out_sessions(world.database, world.knowledge, world.now) == 1
    assert await time_out_sessions(world.database, world.knowledge, world.now) == 0
    assert [row.purpose for row in await world.rows(communications)] == ["check_in", "reminder"]
    world.clock.forward(hours=5)
    assert await time_out_sessions(world.database, world.knowledge, world.now) == 1
    assert (await of(world, due.id)).status == "silent"
    [item] = await world.rows(escalations)
    assert item.kind == "clinical"


@pytest.mark.law(12)
async def test_one_conversation_that_cannot_go_on_does_not_hold_up_the_others(world: World) -> None:
    await planned(world, world.clinic.ana, world.clinic.chi)
    await work(world)
    [bad] = await world.rows(flow_sessions, flow_sessions.c.patient_id == world.clinic.ana.id)
    await world.set(flow_sessions, bad.id, state={"nonsense": True})
    world.clock.forward(hours=3)
    await time_out_sessions(world.database, world.knowledge, world.now)
    reminders = await world.rows(communications, communications.c.purpose == "reminder")
    assert [row.patient_id for row in reminders] == [world.clinic.chi.id]
    assert [concern.rule for concern in await world.rows(concerns)] == ["conversation_failed"]
    assert await time_out_sessions(world.database, world.knowledge, world.now) == 0


async def add_work(world: World, *kinds: str, lane: Lane = Lane.ROUTINE) -> None:
    async with world.database.transaction() as connection:
        rows = [
            due_works.row(world.clinic.organization_id, f"test:{n}", kind, world.clinic.ana.id, world.now, world.now, lane=lane)
            for n, kind in enumerate(kinds)
        ]
        await due_works.add(connection, rows)


async def good(_connection: Any, _works: Sequence[Work], _now: datetime) -> Mapping[Work, datetime]:
    return {}


@pytest.mark.law(12)
async def test_one_bad_row_fails_alone_and_after_five_attempts_is_a_work_item(world: World) -> None:
    await add_work(world, "good", "good", "good")
    bad_key = "test:1"
    done: list[str] = []

    async def picky(_connection: Any, works: Sequence[Work], _now: datetime) -> Mapping[Work, datetime]:
        if any(one.key == bad_key for one in works):
            raise RuntimeError("a bug")
        done.extend(one.key for one in works)
        return {}

    for _ in range(8):
        await do_due_work(world.database, {"good": picky}, Lane.ROUTINE, world.clock, "node-1")
        world.clock.forward(minutes=5)
    assert sorted(done) == ["test:0", "test:2"]
    [bad] = await world.rows(due_work, due_work.c.key == bad_key)
    assert (bad.state, bad.attempts, bad.failure) == ("failed", 5, "RuntimeError")
    [item] = await world.rows(escalations)
    assert item.kind == "operational"


@pytest.mark.law(2)
async def test_work_of_an_unknown_kind_is_failed_and_seen_at_once(world: World) -> None:
    await add_work(world, "tea_break", "good", lane=Lane.EMERGENCY)
    await do_due_work(world.database, {"good": good}, Lane.EMERGENCY, world.clock, "node-1")
    states = {row.kind: row.state for row in await world.rows(due_work)}
    assert states == {"tea_break": "failed", "good": "done"}
    assert len(await world.rows(escalations)) == 1


@pytest.mark.law(11)
async def test_work_of_a_dead_process_is_done_by_another_and_the_late_holder_cannot_commit(world: World) -> None:
    await add_work(world, "good")
    effects: list[str] = []

    async def handle(connection: Any, works: Sequence[Work], _now: datetime) -> Mapping[Work, datetime]:
        effects.extend(one.key for one in works)
        await connection.execute(update(patients).where(patients.c.id == world.clinic.ana.id).values(language="es"))
        return {}

    async with world.database.transaction() as connection:  # a process claims and freezes
        [claimed] = await due_works.claim(connection, Lane.ROUTINE, world.now, "node-1", 10)
    assert await do_due_work(world.database, {"good": good}, Lane.ROUTINE, world.clock, "node-2") == 0
    await world.lose_leases(due_work)
    assert (await release_leases(world.database, world.knowledge, world.now)).works == 1

    async def late() -> None:
        async with world.database.transaction() as connection:
            await connection.execute(update(patients).where(patients.c.id == world.clinic.ana.id).values(language="xx"))
            await due_works.settle(connection, [claimed], "done")

    with pytest.raises(LostLease):  # freed, and not claimed again
        await late()
    async with world.database.transaction() as connection:  # claimed again: only the fence tells the two holders apart
        [newer] = await due_works.claim(connection, Lane.ROUTINE, world.now, "node-2", 10)
    assert newer.fence > claimed.fence
    with pytest.raises(LostLease):
        await late()
    async with world.database.transaction() as connection:
        await handle(connection, [newer], world.now)
        await due_works.settle(connection, [newer], "done")
    with pytest.raises(LostLease):  # done
        await late()
    [ana] = await world.rows(patients, patients.c.id == world.clinic.ana.id)
    assert (effects, ana.language) == (["test:0"], "es")


@pytest.mark.law(2)
async def test_work_whose_holders_die_again_and_again_is_given_up_visibly(world: World) -> None:
    await add_work(world, "good")
    for _ in range(6):
        async with world.database.transaction() as connection:
            await due_works.claim(connection, Lane.ROUTINE, world.now, "node-1", 10)
            await due_works.claim(connection, Lane.ROUTINE, world.now, "node-1", 10, suspects=True)
        await world.lose_leases(due_work)
        await release_leases(world.database, world.knowledge, world.now)
    [row] = await world.rows(due_work)
    assert (row.state, row.attempts) == ("failed", 5)
    assert len(await world.rows(escalations)) == 1


async def test_two_nodes_claim_different_work(world: World) -> None:
    await add_work(world, *["good"] * 20)

    async def claim(database: Database) -> list[str]:
        async with database.transaction() as connection:
            found = await due_works.claim(connection, Lane.ROUTINE, world.now, "node", 8)
            await asyncio.sleep(0.05)
            return [one.key for one in found]

    first, second = await asyncio.gather(claim(world.database), claim(world.database))
    assert len(first) == len(second) == 8
    assert not set(first) & set(second)
    async with world.database.reading() as connection:
        assert await connection.scalar(select(func.count()).select_from(due_work).where(due_work.c.state == "due")) == 4
