"""Texts on their way out, on both databases: what leaves, what does not, and what stands in the database afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import LargeBinary, delete, select, type_coerce, update

from service.actions.release_leases import release_leases
from service.actions.send_communications import send_communications
from service.actions.settle_communications import Word, settle_communications
from service.db.communication import attempts, communication_statuses, communications
from service.db.escalation import concerns, escalation_events, escalations
from service.db.organization import organizations, sender_numbers
from service.db.patient import consents, patients, phones
from service.domain.communication import Lane, Purpose, Status
from service.domain.escalation import Reached
from service.domain.urgency import Urgency
from service.telephony.port import OutgoingText, PermanentFailure, TransientFailure, UnknownOutcome
from tests.jobs.world import World
from tests.seed import seed_item

NIGHT = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)  # 23:00 in New York


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    world = await World.open(database_url)
    yield world
    await world.database.close()


async def send(world: World, lane: Lane = Lane.ROUTINE, **more: Any) -> None:
    await send_communications(world.database, world.providers, lane, world.clock, "node-1", **more)


async def status_of(world: World, id: Any) -> Any:
    [row] = await world.rows(communications, communications.c.id == id)
    return row


async def test_a_due_text_is_handed_over_once_with_its_history(world: World) -> None:
    id = await world.text(world.clinic.ana, "How are you?")
    await send(world)
    await send(world)
    [call] = world.provider.calls
    assert (call.to, call.body) == (world.clinic.ana.number, "How are you?")
    row = await status_of(world, id)
    assert (row.status, row.provider, row.provider_id) == ("accepted", "twilio", world.provider.kept[0].provider_id)
    assert (row.attempts, row.attempt_id, row.claimed_by, row.lease_until) == (1, call.attempt_id, None, None)
    [attempt] = await world.rows(attempts)
    assert (attempt.id, attempt.outcome, attempt.communication_id) == (call.attempt_id, "accepted", id)
    assert [line.status for line in await world.rows(communication_statuses)] == ["claimed", "accepted"]


@pytest.mark.law(3)
async def test_the_attempt_is_committed_before_the_provider_is_called(world: World) -> None:
    seen: list[Any] = []

    async def look(text: OutgoingText) -> None:
        seen.append(await world.rows(attempts, attempts.c.id == text.attempt_id))
        [row] = await world.rows(communications)
        assert row.status == "claimed"

    world.provider.during = look
    await world.text(world.clinic.ana)
    await send(world)
    assert [len(rows) for rows in seen] == [1]


@pytest.mark.law(5)
async def test_no_transaction_is_open_while_the_provider_is_called(world: World) -> None:
    """On SQLite a second writer would wait for the first; on PostgreSQL no connection may be taken out."""

    async def look(_text: OutgoingText) -> None:
        assert world.database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
        async with asyncio.timeout(2):
            await world.set(patients, world.clinic.ben.id, last_inbound_at=world.now)

    world.provider.during = look
    await world.text(world.clinic.ana)
    await send(world)
    assert len(world.provider.kept) == 1


@pytest.mark.law(3)
async def test_a_process_that_dies_in_the_call_leaves_an_unknown_text_that_is_never_sent_again(world: World) -> None:
    freed = asyncio.Event()

    async def frozen(_text: OutgoingText) -> None:
        await freed.wait()

    world.provider.during = frozen
    id = await world.text(world.clinic.ana)
    dead = asyncio.create_task(send(world))
    await world.provider.called.wait()
    assert (await status_of(world, id)).status == "claimed"
    await send(world)
    await world.lose_leases(communications)
    await release_leases(world.database, world.knowledge, world.now)
    row = await status_of(world, id)
    assert (row.status, row.lease_until) == ("unknown", None)
    [attempt] = await world.rows(attempts)
    assert attempt.outcome == "unknown"
    world.clock.forward(hours=1)
    await send(world)
    assert len(world.provider.calls) == 1
    freed.set()  # it was only frozen: its late result is still good
    await dead
    assert (await status_of(world, id)).status == "accepted"
    assert len(world.provider.calls) == 1


async def _forever(_text: OutgoingText) -> None:
    await asyncio.Event().wait()


async def test_a_stop_in_the_middle_of_a_call_is_recorded_as_unknown_and_the_rest_stays_due(world: World) -> None:
    world.provider.during = _forever
    first = await world.text(world.clinic.ana, "one")
    second = await world.text(world.clinic.ana, "two")
    task = asyncio.create_task(send(world))
    await world.provider.called.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (await status_of(world, first)).status == "unknown"
    assert (await status_of(world, second)).status == "due"


async def test_a_number_gets_its_texts_in_the_order_they_were_written(world: World) -> None:
    async def slower_first(text: OutgoingText) -> None:
        await asyncio.sleep(0.05 if text.body == "first" else 0)

    world.provider.during = slower_first
    await world.text(world.clinic.ana, "first", Purpose.ANSWER)
    world.clock.forward(seconds=1)
    await world.text(world.clinic.ana, "second", Purpose.ANSWER)
    await send(world)
    assert [text.body for text in reversed(world.provider.kept)] == ["first", "second"]


@pytest.mark.law(4)
async def test_consent_is_judged_at_the_moment_of_sending(world: World) -> None:
    id = await world.text(world.clinic.ana)
    async with world.database.transaction() as connection:
        await connection.execute(update(consents).where(consents.c.patient_id == world.clinic.ana.id).values(revoked_at=world.now))
    await send(world)
    assert world.provider.calls == []
    row = await status_of(world, id)
    assert (row.status, row.reason) == ("cancelled", "no_consent")


@pytest.mark.law(4)
async def test_consent_of_another_patient_or_channel_or_programme_does_not_count(world: World) -> None:
    clinic = world.clinic
    async with world.database.transaction() as connection:
        await connection.execute(delete(consents).where(consents.c.patient_id == clinic.fay.id))
        await connection.execute(update(consents).where(consents.c.patient_id == clinic.ana.id).values(programme="diabetes"))
    await world.text(clinic.fay)  # Gus, on the same phone, has agreed
    await world.text(clinic.eva)  # to calls only
    await world.text(clinic.ana, programme="heart_failure")
    await send(world)
    assert world.provider.calls == []
    assert {row.reason for row in await world.rows(communications)} == {"no_consent"}


@pytest.mark.law(4)
@pytest.mark.parametrize(
    ("purpose", "leaves"),
    [
        (Purpose.SAFETY, True),
        (Purpose.OPT_OUT_CONFIRMATION, True),
        (Purpose.HELP, True),
        (Purpose.CHECK_IN, False),
        (Purpose.REMINDER, False),
        (Purpose.ANSWER, False),
        (Purpose.NURSE, False),
        (Purpose.RECHECK, False),
        (Purpose.OPENING, False),
    ],
)
async def test_after_an_opt_out_only_the_closed_list_leaves(world: World, purpose: Purpose, leaves: bool) -> None:
    async with world.database.transaction() as connection:  # the number's opt-out counts by itself
        await connection.execute(update(consents).values(revoked_at=None))
    await world.text(world.clinic.dov, purpose=purpose, lane=Lane.ROUTINE)
    await send(world)
    assert bool(world.provider.calls) is leaves


@pytest.mark.law(4)
@pytest.mark.parametrize("purpose", list(Purpose))
async def test_nothing_leaves_for_a_number_that_is_unsafe(world: World, purpose: Purpose) -> None:
    await world.set(phones, world.clinic.ana.phone_id, unsafe_since=world.now)
    await world.text(world.clinic.ana, purpose=purpose, lane=Lane.ROUTINE)
    await send(world)
    assert world.provider.calls == []


@pytest.mark.parametrize("status", ["deceased", "hospice", "paused", "left"])
async def test_scheduled_texts_stop_with_the_patient(world: World, status: str) -> None:
    await world.set(patients, world.clinic.ana.id, status=status)
    await world.text(world.clinic.ana)
    await send(world)
    assert world.provider.calls == []


@pytest.mark.law(4)
async def test_quiet_hours_of_the_patients_place_hold_a_text_until_they_end(world: World) -> None:
    world.clock.time = NIGHT
    id = await world.text(world.clinic.ana)
    await world.set(patients, world.clinic.ben.id, zone="Pacific/Auckland")  # 17:00 there
    await world.text(world.clinic.ben)
    await send(world)
    assert [call.to for call in world.provider.calls] == [world.clinic.ben.number]
    row = await status_of(world, id)
    assert (row.status, row.due_at) == ("held", datetime(2026, 11, 24, 14, 0, tzinfo=UTC))  # 09:00 in New York
    world.clock.time = row.due_at - timedelta(minutes=1)
    await send(world)
    assert len(world.provider.calls) == 1
    world.clock.time = row.due_at
    await send(world)
    assert len(world.provider.calls) == 2
    lines = await world.rows(communication_statuses, communication_statuses.c.communication_id == id)
    assert [line.status for line in lines] == ["held", "due", "claimed", "accepted"]


async def test_an_answer_to_a_recent_message_is_not_held(world: World) -> None:
    world.clock.time = NIGHT
    asked = await world.text(world.clinic.ana, "Can I eat salt?", Purpose.REPLY, direction="in", status="received", due_at=None)
    await world.text(world.clinic.ana, "A nurse will tell you.", Purpose.ANSWER, in_reply_to=asked)
    world.clock.forward(minutes=59)
    await send(world)
    assert len(world.provider.calls) == 1
    world.clock.forward(minutes=2)
    await world.text(world.clinic.ana, "One more thing.", Purpose.ANSWER, in_reply_to=asked)
    await send(world)
    assert len(world.provider.calls) == 1


async def test_the_agreed_frequency_is_kept_by_local_day(world: World) -> None:
    async with world.database.transaction() as connection:
        await connection.execute(update(consents).values(per_day=1))
    await world.publish_flow()
    from service.actions.plan_check_ins import plan_check_ins
    from service.db.check_in import check_ins

    await world.enroll(world.clinic.ana)
    await plan_check_ins(world.database, world.knowledge, world.now)
    first, second, third = (await world.rows(check_ins))[:3]
    await world.text(world.clinic.ana, "one", check_in_id=first.id)
    await send(world)
    refused = await world.text(world.clinic.ana, "two", check_in_id=second.id)
    await world.text(world.clinic.ana, "the same check-in goes on", check_in_id=first.id)
    await send(world)
    assert [call.body for call in world.provider.calls] == ["one", "the same check-in goes on"]
    assert (await status_of(world, refused)).reason == "agreed_frequency_reached"
    world.clock.time += timedelta(hours=23, minutes=55)  # a little earlier the next day
    await world.text(world.clinic.ana, "the next day", check_in_id=third.id)
    await send(world)
    assert world.provider.calls[-1].body == "the next day"


async def test_a_text_that_is_too_late_expires_and_is_seen(world: World) -> None:
    id = await world.text(world.clinic.ana, useful_until=world.now + timedelta(hours=1))
    world.clock.forward(hours=1)
    await send(world)
    assert (await status_of(world, id)).status == "expired"
    [item] = await world.rows(escalations)
    assert item.kind == "operational"


async def test_the_provider_gives_up_when_quiet_hours_begin(world: World) -> None:
    await world.text(world.clinic.ana, useful_until=world.now + timedelta(hours=20))
    await world.text(world.clinic.ben, useful_until=world.now + timedelta(hours=2))
    await world.text(world.clinic.chi, purpose=Purpose.HELP)
    await send(world)
    left = {call.to: call.validity_seconds for call in world.provider.calls}
    assert left[world.clinic.ana.number] == 10 * 3600  # 10:00 to 20:00
    assert left[world.clinic.ben.number] == 2 * 3600
    assert left[world.clinic.chi.number] is None


@pytest.mark.law(2)
async def test_a_permanent_failure_is_final_and_a_work_item(world: World) -> None:
    def fail(_text: OutgoingText) -> None:
        raise PermanentFailure("21211", "not a number", "invalid_number")

    world.provider.behave = fail
    id = await world.text(world.clinic.ana)
    await send(world)
    world.clock.forward(hours=2)
    await send(world)
    assert len(world.provider.calls) == 1
    row = await status_of(world, id)
    assert (row.status, row.error_code) == ("failed", "21211")
    [item] = await world.rows(escalations)
    assert (item.kind, item.patient_id, item.team_id, item.state) == ("operational", world.clinic.ana.id, world.clinic.team_a, "open")
    [concern] = await world.rows(concerns)
    assert (concern.rule, concern.communication_id) == ("text_not_delivered", id)
    [phone] = await world.rows(phones, phones.c.id == world.clinic.ana.phone_id)
    assert phone.invalid_since is not None


async def test_an_opt_out_at_the_provider_is_ours_too(world: World) -> None:
    def fail(_text: OutgoingText) -> None:
        raise PermanentFailure("21610", "opted out", "opted_out")

    world.provider.behave = fail
    await world.text(world.clinic.ana)
    await send(world)
    await world.text(world.clinic.ana)
    await send(world)
    assert len(world.provider.calls) == 1
    [phone] = await world.rows(phones, phones.c.id == world.clinic.ana.phone_id)
    assert phone.opted_out_at == world.now


@pytest.mark.law(2)
async def test_a_transient_failure_is_tried_again_later_and_an_exhausted_one_becomes_an_item(world: World) -> None:
    def fail(_text: OutgoingText) -> None:
        raise TransientFailure("20429", "too many", 3.0)

    world.provider.behave = fail
    id = await world.text(world.clinic.ana)
    await send(world)
    row = await status_of(world, id)
    assert row.status == "due"
    assert row.due_at >= world.now + timedelta(seconds=3)
    await send(world)
    assert len(world.provider.calls) == 1
    for _ in range(8):
        world.clock.forward(minutes=20)
        await send(world)
    assert len(world.provider.calls) == 5
    assert len({call.attempt_id for call in world.provider.calls}) == 5
    assert (await status_of(world, id)).status == "failed"
    assert len(await world.rows(escalations)) == 1


@pytest.mark.law(3)
async def test_an_unknown_outcome_is_not_sent_again(world: World) -> None:
    def fail(_text: OutgoingText) -> None:
        raise UnknownOutcome("timeout", "no answer")

    world.provider.behave = fail
    id = await world.text(world.clinic.ana)
    await send(world)
    world.clock.forward(hours=1)
    await send(world)
    assert len(world.provider.calls) == 1
    assert (await status_of(world, id)).status == "unknown"


@pytest.mark.law(2)
async def test_a_nurse_learns_that_her_own_words_were_refused(world: World) -> None:
    await world.text(world.clinic.dov, purpose=Purpose.NURSE)
    await send(world)
    [item] = await world.rows(escalations)
    assert (item.kind, item.patient_id) == ("operational", world.clinic.dov.id)


@pytest.mark.law(12)
async def test_an_outage_of_the_provider_is_one_item_with_a_line_a_minute(world: World) -> None:
    def fail(_text: OutgoingText) -> None:
        raise PermanentFailure("20003", "wrong token", "configuration")

    world.provider.behave = fail
    for _ in range(10):
        for person in (world.clinic.ana, world.clinic.ben, world.clinic.chi):
            await world.text(person, purpose=Purpose.ANSWER)
        await send(world)
        world.clock.forward(seconds=30)
    assert len(world.provider.calls) == 30
    assert len(await world.rows(escalations)) == 1
    assert len(await world.rows(escalation_events)) <= 6


async def test_a_provider_that_breaks_its_promise_counts_as_unknown(world: World) -> None:
    def fail(_text: OutgoingText) -> None:
        raise RuntimeError("a bug")

    world.provider.behave = fail
    id = await world.text(world.clinic.ana)
    await send(world)
    assert (await status_of(world, id)).status == "unknown"


@pytest.mark.law(12)
@pytest.mark.parametrize("damage", ["body", "purpose"])
async def test_one_unreadable_text_is_set_aside_and_its_neighbours_leave(world: World, damage: str) -> None:
    await world.text(world.clinic.ben, "before")
    bad = await world.text(world.clinic.ana, "bad")
    async with world.database.transaction() as connection:
        if damage == "body":
            await connection.execute(
                update(communications).where(communications.c.id == bad).values(body=type_coerce(b"\x01k" * 20, LargeBinary))
            )
        else:
            await connection.execute(update(communications).where(communications.c.id == bad).values(purpose="nonsense"))
    await world.text(world.clinic.chi, "after")
    await send(world)
    assert sorted(call.body for call in world.provider.calls) == ["after", "before"]
    async with world.database.reading() as connection:
        assert await connection.scalar(select(communications.c.status).where(communications.c.id == bad)) == "cancelled"
    [item] = await world.rows(escalations)
    assert item.kind == "operational"


@pytest.mark.law(12)
async def test_a_round_hands_over_no_more_than_its_limit(world: World) -> None:
    for number in range(7):
        await world.text(world.clinic.ana, str(number), Purpose.ANSWER)
    await send(world, limit=3)
    assert len(world.provider.calls) == 3
    await send(world, limit=3)
    await send(world, limit=3)
    assert sorted(call.body for call in world.provider.calls) == list("0123456")


async def test_calls_run_side_by_side_up_to_the_limit(world: World) -> None:
    under_way = most = 0

    async def count(_text: OutgoingText) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.01)
        under_way -= 1

    world.provider.during = count
    for person in (world.clinic.ana, world.clinic.ben, world.clinic.chi, world.clinic.fay):
        await world.text(person)
    await send(world, concurrency=2)
    assert most == 2


async def test_the_lanes_do_not_take_each_others_texts_and_use_their_own_sender(world: World) -> None:
    async with world.database.transaction() as connection:
        await connection.execute(update(sender_numbers).where(sender_numbers.c.purpose == "emergency").values(sender="+12025550150"))
    await world.text(world.clinic.ana, "routine")
    await world.text(world.clinic.chi, "safety", Purpose.SAFETY)
    await send(world, Lane.EMERGENCY)
    assert [(call.body, call.sender) for call in world.provider.calls] == [("safety", "+12025550150")]


@pytest.mark.law(2)
async def test_a_safety_text_that_fails_says_so_on_its_item(world: World) -> None:
    def fail(_text: OutgoingText) -> None:
        raise PermanentFailure("30006", "landline", "not_mobile")

    world.provider.behave = fail
    chi = world.clinic.chi
    item_id = await seed_item(world.database, chi, world.now, urgency=Urgency.EMERGENCY, reached=Reached.ON_ITS_WAY)
    await world.text(chi, "Call 911", Purpose.SAFETY, escalation_id=item_id)
    await send(world, Lane.EMERGENCY)
    [item] = await world.rows(escalations)
    assert item.reached == "not_reached"
    assert item.version > 1
    assert "answer_not_reached" in [event.what for event in await world.rows(escalation_events)]


async def test_two_nodes_never_hand_over_the_same_text(world: World) -> None:
    ids = [await world.text(person, person.name) for person in (world.clinic.ana, world.clinic.ben, world.clinic.chi, world.clinic.gus)]

    async def slowly(_text: OutgoingText) -> None:
        await asyncio.sleep(0.02)

    world.provider.during = slowly
    await asyncio.gather(*(send_communications(world.database, world.providers, Lane.ROUTINE, world.clock, f"node-{n}") for n in range(4)))
    assert len(world.provider.calls) == len(ids)


@pytest.mark.law(3)
@pytest.mark.parametrize("status", [Status.HELD, Status.EXPIRED, Status.CANCELLED])
async def test_a_ruling_that_comes_after_the_claim_leaves_the_text_to_its_claim(world: World, status: Status) -> None:
    """Another node has judged the text a moment earlier: it must neither be sent again later nor be told as not sent."""
    id = await world.text(world.clinic.ana)

    async def judge(_text: OutgoingText) -> None:
        late = Word(id, status, "policy", reason="quiet_hours", due_at=world.now + timedelta(hours=1))
        async with world.database.transaction() as connection:
            assert await settle_communications(connection, [late], world.now) == [False]

    world.provider.during = judge
    await send(world)
    assert (await status_of(world, id)).status == "accepted"
    world.clock.forward(hours=2)
    await send(world)
    assert len(world.provider.calls) == 1
    assert await world.rows(escalations) == []


@pytest.mark.law(4)
async def test_a_held_text_whose_patient_has_moved_on_is_held_anew_and_once(world: World) -> None:
    world.clock.time = NIGHT
    id = await world.text(world.clinic.ana)
    await send(world)
    until = (await status_of(world, id)).due_at
    await world.set(patients, world.clinic.ana.id, zone="America/Los_Angeles")
    world.clock.time = until
    for _ in range(3):
        await send(world)
    row = await status_of(world, id)
    assert (row.status, row.due_at) == ("held", until + timedelta(hours=3))
    lines = await world.rows(communication_statuses, communication_statuses.c.communication_id == id)
    assert [line.status for line in lines] == ["held", "due", "held"]
    assert world.provider.calls == []


async def test_quiet_hours_can_be_switched_off(world: World) -> None:
    world.clock.time = NIGHT
    await world.set(organizations, world.clinic.organization_id, quiet_start=time(0), quiet_end=time(0))
    await world.text(world.clinic.ana)
    await send(world)
    assert [call.validity_seconds for call in world.provider.calls] == [None]
