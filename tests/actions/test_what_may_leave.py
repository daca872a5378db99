"""Whether a text may leave, judged at the moment of sending: consent, opt-out, safety, quiet hours, caps, its own time."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from sqlalchemy import delete, update

from service.actions.settle_communications import Word, settle_communications
from service.db.communication import communication_statuses, communications
from service.db.escalation import escalations
from service.db.organization import organizations
from service.db.patient import consents, patients, phones
from service.domain.communication import Lane, Purpose, Status
from service.telephony.port import OutgoingText
from tests.actions.outgoing import NIGHT, send, status_of
from tests.jobs.world import World


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
