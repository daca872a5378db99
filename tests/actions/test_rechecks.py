"""Safety re-checks: a danger that is to be measured again is asked about after its wait, or a nurse is told why not."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from service.actions.do_due_work import do_due_work
from service.actions.enroll_patient import Place, enroll_patient
from service.actions.refusal import Refused
from service.actions.send_communications import send_communications
from service.actions.start_rechecks import KIND, start_rechecks
from service.db import flows
from service.db.check_in import flow_sessions
from service.db.communication import communications
from service.db.due_work import due_work
from service.db.escalation import concerns, escalations
from service.db.organization import organizations
from service.db.patient import conditions, consents, patient_phones, patients, phones
from service.db.registration import record_number_index
from service.db.schema import new_id
from service.domain.communication import Lane
from service.domain.urgency import by_rank
from service.engine import Flow
from tests.actions.house import NIGHT, House, content
from tests.jobs.world import Recorder, StoppedClock

GLUCOSE, PRESSURE = "shared/glucose_again", "shared/pressure_again"


async def approve(house: House, *keys: str) -> None:
    """What a site has done: the re-checks are published and signed."""
    for key in keys or (GLUCOSE, PRESSURE):
        flow: Flow = content().flows[key]
        programme, _, name = key.partition("/")
        async with house.database.transaction() as connection:
            version = await flows.publish(
                connection, house.clinic.organization_id, programme=programme, flow=name, content_hash=flow.version,
                content=flow.to_json(), now=house.clock.now(),
            )  # fmt: skip
            await flows.approve(connection, house.clinic.organization_id, version, "Dr. Sample", house.clock.now())


async def work(house: House) -> int:
    """One round of the heartbeat over what is due."""
    handlers = {KIND: lambda connection, works, now: start_rechecks(connection, house.knowledge, works, now)}
    return await do_due_work(house.database, handlers, Lane.ROUTINE, house.clock, "node")


async def rules(house: House) -> list[str]:
    return [concern.rule for concern in await house.rows(concerns)]


async def waiting(house: House) -> list[Any]:
    return await house.rows(flow_sessions, flow_sessions.c.status == "waiting")


@pytest.mark.law(11)
async def test_a_sugar_below_54_is_asked_again_after_15_minutes(house: House) -> None:
    await approve(house)
    chi = house.clinic.chi
    await house.text(chi.number, "my sugar is 48")
    [planned] = await house.rows(due_work, due_work.c.kind == KIND)
    assert (planned.subject_id, planned.payload["flow"], planned.payload["urgency"]) == (chi.id, GLUCOSE, "emergency")
    assert await work(house) == 1
    assert await house.sent("recheck") == [], "it waits first"
    await house.silence(minutes=14)
    assert await house.sent("recheck") == []
    await house.silence(minutes=1)
    [asked] = await house.sent("recheck")
    assert asked.body.startswith("Riverside Clinic: 15 minutes have passed.")
    assert asked.useful_until == house.clock.now() + timedelta(minutes=30)
    await house.text(chi.number, "85")
    assert await waiting(house) == []
    assert "not low any more" in (await house.sent("answer"))[-1].body
    assert await work(house) == 0


@pytest.mark.law(1)
async def test_a_sugar_that_does_not_rise_is_told_to_call_for_help_and_not_asked_a_third_time(house: House) -> None:
    await approve(house)
    chi = house.clinic.chi
    await house.text(chi.number, "my sugar is 48")
    await work(house)
    await house.paged()
    await house.silence(minutes=15)
    await house.text(chi.number, "47")
    assert [text.reason for text in await house.sent("safety")] == ["low_glucose", "emergency"]
    assert f"{GLUCOSE}.again.still_below_54" in await rules(house)
    assert await work(house) == 0
    assert await waiting(house) == []
    assert len(await house.paged()) >= 2, "who is on call hears of it again"


async def test_a_sugar_between_54_and_69_is_asked_again_twice_at_most(house: House) -> None:
    await approve(house)
    chi = house.clinic.chi
    await house.text(chi.number, "my sugar is 61")
    for answer in ("63", "66"):
        await work(house)
        await house.silence(minutes=15)
        await house.text(chi.number, answer)
    assert len(await house.sent("recheck")) == 2
    assert f"{GLUCOSE}.once_more.not_rising" in await rules(house)
    assert [text.reason for text in await house.sent("safety")] == ["flow"]
    assert await work(house) == 0
    assert await waiting(house) == []


@pytest.mark.law(2)
async def test_no_answer_in_half_an_hour_raises_the_urgency_by_one_class_and_pages(house: House) -> None:
    await approve(house)
    await house.text(house.clinic.chi.number, "my blood pressure is 185/100")
    [item] = await house.rows(escalations)
    assert by_rank(item.urgency_rank) == "urgent"
    await work(house)
    await house.silence(minutes=15)
    await house.silence(minutes=29)
    pages = await house.paged()
    assert "URGENT" in pages[-1].body
    await house.silence(minutes=1)
    [item] = await house.rows(escalations)
    assert by_rank(item.urgency_rank) == "emergency"
    assert f"{PRESSURE}.second_reading.no_recheck" in await rules(house)
    last = (await house.paged())[-1]
    assert "EMERGENCY" in last.body
    assert last.rung == pages[-1].rung + 1


async def test_an_answer_after_the_silence_is_still_matched_to_the_second_reading(house: House) -> None:
    await approve(house)
    chi = house.clinic.chi
    await house.text(chi.number, "my blood pressure is 185/100")
    await work(house)
    await house.silence(minutes=15)
    await house.silence(minutes=30)
    await house.text(chi.number, "182/96")
    assert f"{PRESSURE}.second_reading.still_severe" in await rules(house)


@pytest.mark.law(4)
async def test_it_is_asked_in_quiet_hours_and_beyond_the_agreed_number_of_texts(house: House) -> None:
    await approve(house)
    chi = house.clinic.chi
    house.clock.time = NIGHT
    await house.text(chi.number, "my sugar is 48")
    await work(house)
    house.clock.time += timedelta(minutes=61)  # no answer to a message that is recent enough to be answered at night
    async with house.database.transaction() as connection:
        await connection.execute(update(consents).where(consents.c.patient_id == chi.id).values(per_day=0))
    await house.silence(minutes=1)
    await send_communications(
        house.database, {"twilio": Recorder(StoppedClock(house.clock.now()))}, Lane.ROUTINE, house.clock, "node", content().law
    )
    [asked] = await house.sent("recheck")
    assert asked.status in ("accepted", "sent", "delivered")


async def test_a_reading_within_the_wait_counts_and_nothing_is_asked(house: House) -> None:
    await approve(house)
    chi = house.clinic.chi
    await house.text(chi.number, "my sugar is 50")
    await work(house)
    house.clock.time += timedelta(minutes=12)
    await house.text(chi.number, "it is 92 now")
    assert await waiting(house) == []
    await house.silence(minutes=10)
    assert await house.sent("recheck") == []


async def test_the_same_low_value_told_once_more_within_the_wait_is_asked_again_all_the_same(house: House) -> None:
    await approve(house)
    chi = house.clinic.chi
    for _ in range(2):
        await house.text(chi.number, "my sugar is 50")
        await work(house)
        house.clock.time += timedelta(minutes=1)
    assert len(await waiting(house)) == 1
    await house.silence(minutes=15)
    assert len(await house.sent("recheck")) == 1


async def test_an_answer_to_the_safety_text_is_no_blood_pressure(house: House) -> None:
    await approve(house)
    chi = house.clinic.chi
    async with house.database.transaction() as connection:
        row = {"id": new_id(house.clock.now()), "organization_id": chi.organization_id, "patient_id": chi.id, "code": "postpartum"}
        await connection.execute(conditions.insert().values(**row))
    await house.text(chi.number, "blood pressure 165/95")
    await work(house)
    await house.text(chi.number, "2")
    assert "safety.cannot" in await rules(house)
    [session] = await waiting(house)
    assert session.state["tries"] == 0
    await house.silence(minutes=15)
    await house.text(chi.number, "2")
    assert (await rules(house)).count("safety.cannot") == 1, "the safety text has had its answer: this one is no reading"


async def test_a_check_in_that_asks_for_itself_is_left_alone(house: House) -> None:
    await approve(house)
    ana = house.clinic.ana
    flow = content().flows["diabetes_type_2/check_in"]
    await house.check_in(ana, flow, await house.enroll(ana, flow))
    await house.text(ana.number, "60")
    assert await work(house) == 1
    [session] = await waiting(house)
    house.clock.time += timedelta(minutes=15)
    assert await work(house) == 0
    assert [one.state["flow"] for one in await waiting(house)] == ["diabetes_type_2/check_in"]
    await house.silence(minutes=0)
    [asked] = await house.sent("recheck")
    assert asked.flow_session_id == session.id


async def test_a_check_in_that_goes_on_and_is_then_left_gives_way_and_the_nurse_is_told(house: House) -> None:
    await approve(house)
    chi = house.clinic.chi
    flow = content().flows["heart_failure/daily"]
    await house.check_in(chi, flow, await house.enroll(chi, flow))
    await house.text(chi.number, "my sugar is 60")
    assert await work(house) == 1
    [session] = await waiting(house)
    assert session.state["flow"] == "heart_failure/daily"
    house.clock.time += timedelta(minutes=15)
    await work(house)
    [session] = await waiting(house)
    assert session.state["flow"] == GLUCOSE
    assert "machine.check_in_cut_short" in await rules(house)
    await house.silence(minutes=0)
    assert len(await house.sent("recheck")) == 1, "the wait counts from the reply, not from the end of the other"


async def test_a_check_in_that_still_moves_keeps_its_turn_for_a_while(house: House) -> None:
    await approve(house)
    chi = house.clinic.chi
    flow = content().flows["heart_failure/daily"]
    await house.check_in(chi, flow, await house.enroll(chi, flow))
    await house.text(chi.number, "my sugar is 60")
    await work(house)
    house.clock.time += timedelta(minutes=14)
    await house.text(chi.number, "182")
    house.clock.time += timedelta(minutes=1)
    await work(house)
    [session] = await waiting(house)
    assert session.state["flow"] == "heart_failure/daily"
    house.clock.time += timedelta(minutes=5)
    await work(house)
    [session] = await waiting(house)
    assert session.state["flow"] == GLUCOSE


@pytest.mark.law(2)
async def test_two_re_checks_are_asked_one_after_the_other(house: House) -> None:
    await approve(house)
    chi = house.clinic.chi
    await house.text(chi.number, "my sugar is 60")
    await work(house)
    house.clock.time += timedelta(minutes=1)
    await house.text(chi.number, "my blood pressure is 185/100")
    for _ in range(15):
        await work(house)
        await house.silence(minutes=1)
    await house.text(chi.number, "85")
    await work(house)
    await house.silence(minutes=1)
    assert len(await house.sent("recheck")) == 2
    assert [one.state["flow"] for one in await waiting(house)] == [PRESSURE]


@pytest.mark.law(2)
async def test_of_two_re_checks_that_are_due_at_once_none_is_lost(house: House) -> None:
    await approve(house)
    await house.text(house.clinic.chi.number, "my sugar is 60")
    await house.text(house.clinic.chi.number, "my blood pressure is 185/100")
    assert await work(house) == 2
    assert len(await waiting(house)) == 1
    house.clock.time += timedelta(minutes=1)
    assert await work(house) == 1, "the other waits for its turn"


@pytest.mark.law(2)
async def test_a_re_check_under_way_gives_way_to_no_other_and_the_nurse_asks_for_that_one(house: House) -> None:
    await approve(house)
    chi = house.clinic.chi
    await house.text(chi.number, "my sugar is 60")
    await work(house)
    house.clock.time += timedelta(minutes=1)
    await house.text(chi.number, "my blood pressure is 185/100")
    for _ in range(45):
        await work(house)
        await house.silence(minutes=1)
    assert f"{GLUCOSE}.again.no_recheck" in await rules(house), "its silence raises all the same"
    [told] = [concern for concern in await house.rows(concerns) if concern.rule == "machine.recheck_not_asked"]
    assert "another value is being measured again" in told.reason
    assert by_rank(told.urgency_rank) == "urgent"
    assert len(await house.sent("recheck")) == 1


async def test_it_is_asked_while_check_ins_rest(house: House) -> None:
    await approve(house)
    async with house.database.transaction() as connection:
        await connection.execute(update(patients).values(status="paused"))
    await house.text(house.clinic.chi.number, "my sugar is 48")
    await work(house)
    await house.silence(minutes=15)
    assert len(await house.sent("recheck")) == 1


@pytest.mark.law(2)
@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (update(phones).values(unsafe_since=NIGHT - timedelta(days=9)), "the number is not safe to contact"),
        (update(phones).values(opted_out_at=NIGHT - timedelta(days=9)), "the patient gets no messages"),
        (update(consents).values(revoked_at=NIGHT - timedelta(days=9)), "the patient gets no messages"),
        (update(patient_phones).values(confirmed_at=None), "the number has never been confirmed"),
    ],
    ids=["unsafe", "opted out", "no consent", "not confirmed"],
)
async def test_who_may_not_be_asked_is_not_and_the_nurse_is_told(house: House, spoil: Any, why: str) -> None:
    await approve(house)
    await house.text(house.clinic.chi.number, "my sugar is 48")
    async with house.database.transaction() as connection:
        await connection.execute(spoil)
    await work(house)
    assert await waiting(house) == []
    [told] = [concern for concern in await house.rows(concerns) if concern.rule == "machine.recheck_not_asked"]
    assert why in told.reason
    assert by_rank(told.urgency_rank) == "emergency"


@pytest.mark.law(7)
async def test_without_a_clinicians_approval_it_is_not_asked_and_the_nurse_is_told_but_a_demo_asks(house: House) -> None:
    await house.text(house.clinic.chi.number, "my sugar is 48")
    await work(house)
    assert "machine.recheck_not_asked" in await rules(house)
    assert await waiting(house) == []
    flow = content().flows[GLUCOSE]
    async with house.database.transaction() as connection:
        await flows.publish(
            connection, house.clinic.organization_id, programme="shared", flow="glucose_again", content_hash=flow.version,
            content=flow.to_json(), now=house.clock.now(),
        )  # fmt: skip
        await connection.execute(update(organizations).values(is_demo=1))
    await house.text(house.clinic.ana.number, "my sugar is 48")
    await work(house)
    assert len(await waiting(house)) == 1


async def test_nobody_is_enrolled_in_a_re_check(house: House) -> None:
    await approve(house)
    async with house.database.transaction() as connection:
        index = record_number_index(connection, house.clinic.organization_id, "7")
        await connection.execute(update(patients).where(patients.c.id == house.clinic.ana.id).values(record_number_index=index))
    known = house.knowledge
    place = Place(GLUCOSE, time(10))
    with pytest.raises(Refused, match="it begins by itself after a red flag"):
        await enroll_patient(
            house.database, known.wording, known.opening, known.law, house.clinic.organization_id, "7", place, house.clock.now()
        )


async def test_of_the_dead_nothing_is_asked(house: House) -> None:
    await approve(house)
    await house.text(house.clinic.chi.number, "my sugar is 48")
    await house.text(house.clinic.chi.number, "this is his wife, he passed away")
    await work(house)
    assert await waiting(house) == []
    assert "machine.recheck_not_asked" not in await rules(house)


async def test_an_opt_out_within_the_wait_ends_it(house: House) -> None:
    await approve(house)
    chi = house.clinic.chi
    await house.text(chi.number, "my sugar is 48")
    await work(house)
    await house.text(chi.number, "STOP")
    await house.silence(minutes=16)
    assert await house.sent("recheck") == []


@pytest.mark.law(11)
async def test_after_an_outage_of_hours_it_is_not_asked_any_more_and_the_nurse_is_told(house: House) -> None:
    await approve(house)
    await house.text(house.clinic.chi.number, "my sugar is 48")
    house.clock.time += timedelta(hours=3)
    await work(house)
    assert await waiting(house) == []
    assert "machine.recheck_not_asked" in await rules(house)
    assert await house.rows(communications, communications.c.purpose == "recheck") == []
