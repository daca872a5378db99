"""Consent, law and caps at the moment of sending and before: from the list of patients to what leaves, on both databases."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from service.actions.change_care import Where, change_care, change_place
from service.actions.do_due_work import do_due_work
from service.actions.enroll_patient import Place, enroll_patient
from service.actions.expire_work import expire_work
from service.actions.notice_consents import notice_consents
from service.actions.plan_check_ins import plan_check_ins
from service.actions.record_consent import Given, record_consent, withdraw_consent
from service.actions.refusal import Refused
from service.actions.send_communications import send_communications
from service.actions.time_out_sessions import time_out_sessions
from service.db.audit import audit_events
from service.db.calls import calls, plan
from service.db.changes import Changes
from service.db.check_in import check_ins, enrollments, flow_sessions
from service.db.communication import communications
from service.db.escalation import concerns, escalations
from service.db.organization import holidays, organizations
from service.db.patient import consents, patients
from service.db.registration import record_number_index
from service.db.schema import new_id
from service.domain.communication import Lane, Purpose
from service.domain.schedule import to_utc
from service.domain.staff import Role, Staff
from service.jobs.work import handlers
from tests.actions.house import content
from tests.jobs.world import World
from tests.seed import Person

SUNDAY = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)  # 09:30 in Chicago
PLACE = Place("heart_failure/daily", time(10))


async def send(world: World) -> list[str]:
    """One round of sending; the numbers that texts went to so far."""
    await send_communications(world.database, world.providers, Lane.ROUTINE, world.clock, "node-1", world.knowledge.law)
    return [call.to for call in world.provider.calls]


async def text(world: World, id: Any) -> Any:
    [row] = await world.rows(communications, communications.c.id == id)
    return row


def nora(world: World) -> Staff:
    return Staff(world.clinic.nora.id, world.clinic.organization_id, "Nora", Role.NURSE, world.clinic.nora.team_ids)


async def numbered(world: World, person: Person, number: str = "R-1") -> str:
    """The patient has a record number."""
    async with world.database.transaction() as connection:
        index = record_number_index(connection, person.organization_id, number)
        change = update(patients).where(patients.c.id == person.id).values(record_number=number, record_number_index=index)
        await connection.execute(change)
    return number


async def enroll(world: World, person: Person, place: Place = PLACE) -> Any:
    law, opening, wording = world.knowledge.law, world.knowledge.opening, world.knowledge.wording
    number = await numbered(world, person)
    return await enroll_patient(world.database, wording, opening, law, person.organization_id, number, place, world.now)


async def agree(world: World, person: Person, **more: Any) -> None:
    given = Given(**{"per_day": "1", "method": "verbal", "version": "1", **more})
    await record_consent(world.database, world.knowledge.law, nora(world), person.id, given, world.now)


@pytest.mark.law(4)
async def test_on_a_sunday_in_texas_texts_wait_until_noon_and_after_a_move_no_more(world: World) -> None:
    world.clock.time = SUNDAY
    ana = world.clinic.ana
    await world.set(patients, ana.id, zone="America/Chicago", state="TX")
    id = await world.text(ana, useful_until=SUNDAY + timedelta(hours=6))
    assert await send(world) == []
    held = await text(world, id)
    assert (held.status, held.reason, held.due_at) == ("held", "state_hours", to_utc(date(2026, 11, 22), time(12), "America/Chicago"))
    late = await world.text(ana, useful_until=SUNDAY + timedelta(hours=2))
    await send(world)
    assert ((await text(world, late)).status, (await text(world, late)).reason) == ("expired", "state_hours_outlast_it")
    await change_place(world.database, world.knowledge.law, nora(world), ana.id, Where("America/Denver", "CO"), world.now)
    moved = await world.text(ana)  # 08:30 in Denver: before nine
    await send(world)
    assert (await text(world, moved)).due_at == to_utc(date(2026, 11, 22), time(9), "America/Denver")
    world.clock.forward(minutes=30)
    assert await send(world) == [ana.number]
    assert ana.number.startswith("+1202"), "the area code says Washington and is not asked"


@pytest.mark.law(4)
async def test_the_carrier_may_not_try_longer_than_the_hours_of_the_state(world: World) -> None:
    await world.set(patients, world.clinic.ana.id, state="RI")
    world.clock.time = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)  # 17:00 in New York
    await world.text(world.clinic.ana)
    await world.text(world.clinic.ben)
    await send(world)
    assert [call.validity_seconds for call in world.provider.calls] == [3600, 3 * 3600]


async def test_on_a_holiday_no_check_in_starts_unless_the_patient_agreed_and_nobody_counts_as_silent(world: World) -> None:
    await world.publish_flow()
    for person in (world.clinic.ana, world.clinic.ben):
        await world.enroll(person)
    await world.set(patients, world.clinic.ben.id, on_holidays=True)
    async with world.database.transaction() as connection:
        row = {"id": new_id(world.now), "organization_id": world.clinic.organization_id, "local_date": world.now.date()}
        await connection.execute(insert(holidays).values(**row, name="Founders' Day"))
    await plan_check_ins(world.database, world.knowledge, world.now)
    await do_due_work(world.database, handlers(world.around), Lane.ROUTINE, world.clock, "node-1")
    assert await send(world) == [world.clinic.ben.number]
    [today] = [row for row in await world.rows(check_ins, check_ins.c.patient_id == world.clinic.ana.id) if row.due_at <= world.now]
    assert (today.status, today.held_why) == ("cancelled", "holiday")
    answer = await world.text(world.clinic.ana, "A nurse will call you.", Purpose.ANSWER)
    await send(world)
    assert (await text(world, answer)).status == "accepted", "only what is scheduled rests on a holiday"
    world.clock.forward(days=2)
    await time_out_sessions(world.database, world.knowledge, world.now)
    silent = await world.rows(concerns, concerns.c.rule.like("%silen%"))
    items = {row.id: row.patient_id for row in await world.rows(escalations)}
    assert world.clinic.ana.id not in {items[one.escalation_id] for one in silent}


async def check_in_texts(world: World, person: Person, programme: str, when: datetime) -> Any:
    """A check-in's own text, as starting it writes it."""
    enrollment_id, check_in_id = new_id(when), new_id(when)
    own = {"organization_id": person.organization_id, "patient_id": person.id}
    async with world.database.transaction() as connection:
        row = {"id": enrollment_id, **own, "programme": programme, "flow": "daily", "rule": "daily", "wall_time": time(10)}
        row |= {"high_risk": False, "starts_on": when.date(), "stops_on": when.date(), "status": "ended", "created_at": when}
        await connection.execute(insert(enrollments).values(**row))
        row = {"id": check_in_id, **own, "enrollment_id": enrollment_id, "local_date": when.date(), "slot": 0, "due_at": when}
        await connection.execute(insert(check_ins).values(**row, useful_until=when + timedelta(hours=4), status="started"))
    return await world.text(person, programme=programme, check_in_id=check_in_id)


@pytest.mark.law(4)
async def test_by_default_one_a_day_and_three_a_week_over_all_programmes_and_retries(world: World) -> None:
    async with world.database.transaction() as connection:
        await connection.execute(update(consents).values(per_day=1, per_week=3))
    said: list[tuple[str, str]] = []
    programmes = ["heart_failure", "copd", "diabetes_type_2"]
    for day in range(9):
        for n in range(2):
            id = await check_in_texts(world, world.clinic.ana, programmes[(day + n) % 3], world.now)
            await send(world)
            row = await text(world, id)
            said.append((row.status, row.reason))
        world.clock.forward(days=1)
    sent = [number for number, (status, _) in enumerate(said) if status == "accepted"]
    assert sent == [0, 2, 4, 14, 16], "three, then none until the first is seven days old"
    assert said[1] == ("cancelled", "agreed_frequency_reached")
    assert said[6] == ("cancelled", "agreed_week_reached")
    [item] = await world.rows(escalations, escalations.c.kind == "operational")
    assert "agreed" in item.summary, "what is capped is seen"


@pytest.mark.law(4)
async def test_a_call_instead_of_a_text_counts_once_and_a_late_word_of_the_carrier_for_no_other_day(world: World) -> None:
    ana = world.clinic.ana
    async with world.database.transaction() as connection:
        await connection.execute(update(consents).values(per_day=1))
    await world.publish_flow()
    first = await check_in_texts(world, ana, "heart_failure", world.now)
    check_in_id = (await text(world, first)).check_in_id
    await send(world)
    async with world.database.transaction() as connection:  # the reminder of it was a call
        changes = Changes(world.now)
        session = {"organization_id": ana.organization_id, "patient_id": ana.id, "phone_id": ana.phone_id, "check_in_id": check_in_id}
        version = await connection.scalar(select(_versions().c.id).limit(1))
        session |= {"flow_version_id": version, "state": {}, "status": "ended", "started_at": world.now, "changed_at": world.now}
        session_id = new_id(world.now)
        changes.insert(flow_sessions, {"id": session_id, **session})
        plan(
            changes, organization_id=ana.organization_id, patient_id=ana.id, phone_id=ana.phone_id, flow_session_id=session_id,
            programme="heart_failure", purpose=Purpose.REMINDER, number=1, due_at=world.now, useful_until=None,
        )  # fmt: skip
        await changes.write(connection)
        await connection.execute(update(calls).values(status="done"))
    goes_on = await world.text(ana, "and the next question", programme="heart_failure", check_in_id=check_in_id)
    second = await check_in_texts(world, ana, "copd", world.now)
    await send(world)
    assert [(await text(world, id)).status for id in (goes_on, second)] == ["accepted", "cancelled"]
    world.clock.forward(days=1)
    await world.set(communications, first, status="delivered", status_at=world.now)  # the telephone was off all night
    third = await check_in_texts(world, ana, "copd", world.now)
    await send(world)
    assert (await text(world, third)).status == "accepted", "yesterday's text is yesterday's"


def _versions() -> Any:
    from service.db.check_in import flow_versions

    return flow_versions


@pytest.mark.parametrize("status", ["deceased", "hospice", "left"])
async def test_what_ended_stops_everything_within_one_job_cycle(world: World, status: str) -> None:
    await world.publish_flow()
    chi = world.clinic.chi
    await world.enroll(chi)
    await plan_check_ins(world.database, world.knowledge, world.now)
    await do_due_work(world.database, handlers(world.around), Lane.ROUTINE, world.clock, "node-1")  # the question waits in the outbox
    for purpose in (Purpose.REMINDER, Purpose.ANSWER, Purpose.RECHECK, Purpose.OPENING, Purpose.OPT_IN_CONFIRMATION):
        await world.text(chi, "waits", purpose)
    await change_care(world.database, nora(world), chi.id, status, world.now)
    for _ in range(3):
        assert await send(world) == []
        world.clock.forward(days=1)
        await plan_check_ins(world.database, world.knowledge, world.now)
        await do_due_work(world.database, handlers(world.around), Lane.ROUTINE, world.clock, "node-1")
        await expire_work(world.database, world.now)
        await time_out_sessions(world.database, world.knowledge, world.now)
    assert {row.status for row in await world.rows(communications)} == {"cancelled"}
    assert await world.rows(flow_sessions, flow_sessions.c.status == "waiting") == []
    assert "started" not in {row.status for row in await world.rows(check_ins)}
    [told] = [row for row in await world.rows(audit_events) if row.action == f"patient_{status}"]
    assert (told.actor, told.staff_id) == ("staff", world.clinic.nora.id)
    await change_care(world.database, nora(world), chi.id, "active", world.now)
    world.clock.forward(days=1)
    await plan_check_ins(world.database, world.knowledge, world.now)
    await do_due_work(world.database, handlers(world.around), Lane.ROUTINE, world.clock, "node-1")
    assert await send(world) == [chi.number], "they are back"


async def test_a_withdrawn_consent_ends_the_conversation_and_what_waits(world: World) -> None:
    await world.publish_flow()
    chi = world.clinic.chi
    await world.enroll(chi)
    await plan_check_ins(world.database, world.knowledge, world.now)
    await do_due_work(world.database, handlers(world.around), Lane.ROUTINE, world.clock, "node-1")
    [consent] = await world.rows(consents, consents.c.patient_id == chi.id)
    await withdraw_consent(world.database, nora(world), chi.id, consent.id, "by telephone", world.now)
    assert await send(world) == []
    [waiting] = await world.rows(communications)
    assert (waiting.status, waiting.reason) == ("cancelled", "no_consent")
    assert await world.rows(flow_sessions, flow_sessions.c.status == "waiting") == []
    [gone] = await world.rows(consents, consents.c.patient_id == chi.id)
    assert (gone.revoked_why, gone.revoked_by) == ("by telephone", world.clinic.nora.id)
    assert {row.action for row in await world.rows(audit_events)} >= {"consent_withdrawn"}
    with pytest.raises(Refused, match="withdrawn already"):
        await withdraw_consent(world.database, nora(world), chi.id, consent.id, "again", world.now)


async def test_who_opted_out_comes_back_by_START_alone(world: World) -> None:
    with pytest.raises(Refused, match="only START from that phone"):
        await agree(world, world.clinic.dov)


async def test_nobody_is_enrolled_without_the_consent_that_it_takes(world: World) -> None:
    await world.set(organizations, world.clinic.organization_id, is_demo=1)
    await world.publish_flow(approved=False)
    ben = world.clinic.ben
    async with world.database.transaction() as connection:
        await connection.execute(update(consents).where(consents.c.patient_id == ben.id).values(revoked_at=world.now))
    with pytest.raises(Refused, match="has not agreed to texts"):
        await enroll(world, ben)
    await world.set(patients, ben.id, birth_date="2010-05-04")
    with pytest.raises(Refused, match="The patient is a minor"):
        await agree(world, ben)
    await agree(world, ben, representative="Bea Brooks", relation="mother")
    assert await enroll(world, ben)


async def test_who_agreed_to_calls_alone_is_enrolled_and_gets_no_text(world: World) -> None:
    await world.demo()
    await world.publish_flow(approved=False)
    async with world.database.transaction() as connection:
        await connection.execute(update(consents).where(consents.c.patient_id == world.clinic.ana.id).values(channel="voice"))
    enrolled = await enroll(world, world.clinic.ana)
    assert not enrolled.by_text
    assert await world.rows(communications) == []


async def test_a_consent_that_runs_out_is_an_item_before_and_nothing_leaves_after(world: World) -> None:
    ben, born = world.clinic.ben, "2008-12-05"  # of age in twelve days
    await world.publish_flow()
    await world.set(patients, ben.id, birth_date=born)
    async with world.database.transaction() as connection:
        await connection.execute(update(consents).where(consents.c.patient_id == ben.id).values(revoked_at=world.now))
    await agree(world, ben, representative="Bea Brooks", relation="mother")
    await world.enroll(ben)
    assert await notice_consents(world.database, world.now - timedelta(days=3)) == 0
    assert await notice_consents(world.database, world.now) == 1
    assert await notice_consents(world.database, world.now + timedelta(days=1)) == 0, "once"
    [item] = await world.rows(escalations)
    assert (item.patient_id, "runs out" in item.summary) == (ben.id, True)
    await world.text(ben)
    assert await send(world) == [ben.number]
    world.clock.forward(days=12)
    late = await world.text(ben)
    await send(world)
    assert (await text(world, late)).reason == "no_consent", "a parent speaks for nobody who is of age"


async def test_a_minors_own_consent_activates_nothing(world: World) -> None:
    await world.demo()
    await world.publish_flow(approved=False)
    await world.set(patients, world.clinic.ben.id, birth_date="2010-05-04")
    with pytest.raises(Refused, match="record the consent of a parent or guardian first"):
        await enroll(world, world.clinic.ben)


@pytest.mark.parametrize(
    ("programme", "refusal"), [("substance_use", "a consent of its own"), ("adolescent_health", "a consent of its own")]
)
async def test_a_programme_of_its_own_kind_needs_a_consent_that_names_it(world: World, programme: str, refusal: str) -> None:
    await world.set(patients, world.clinic.ben.id, birth_date="2010-05-04" if programme == "adolescent_health" else "1990-05-04")
    with pytest.raises(Refused, match=refusal):
        await enroll(world, world.clinic.ben, Place(f"{programme}/daily", time(10)))
    await agree(world, world.clinic.ben, programme=programme)
    with pytest.raises(Refused, match="No version of"):  # there is no such check-in yet; consent does not stand in its way
        await enroll(world, world.clinic.ben, Place(f"{programme}/daily", time(10)))


async def test_a_check_in_that_comes_more_often_than_agreed_is_refused_and_not_held_back_day_by_day(world: World) -> None:
    await world.demo()
    await world.publish_flow(approved=False)
    await agree(world, world.clinic.ana, per_day="", per_week="")
    with pytest.raises(Refused, match=r"up to 1 times a day and 7 times in seven days, and the patient agreed to 1 and 3"):
        await enroll(world, world.clinic.ana)
    await agree(world, world.clinic.ana, per_day="1", per_week="7")
    assert await enroll(world, world.clinic.ana)


async def test_a_time_at_which_the_law_of_the_state_lets_nothing_leave_is_refused(world: World) -> None:
    await world.demo()
    await world.publish_flow(approved=False)
    await world.set(patients, world.clinic.ana.id, state="RI")
    with pytest.raises(Refused, match="On Mondays at 6:30 pm nothing may be sent by the law of Rhode Island; the next time is Tuesday"):
        await enroll(world, world.clinic.ana, Place("heart_failure/daily", time(18, 30)))
    await world.set(patients, world.clinic.ana.id, state="TX", zone="America/Chicago")
    assert await enroll(world, world.clinic.ana, Place("heart_failure/daily", time(9))), "on Sundays it waits until noon"


async def test_the_first_texts_say_all_that_they_must_and_no_question_comes_before(world: World) -> None:
    """Safety rule 2, word by word."""
    await world.demo()
    await world.publish_flow(approved=False)
    await enroll(world, world.clinic.ana)
    texts = await world.rows(communications)
    assert {row.purpose for row in texts} == {"opening"}
    together = " ".join(row.body for row in texts)
    for part in ("Riverside Clinic", "up to 3 times a day", "Msg & data rates may apply", "HELP", "STOP", "not encrypted", "911", "988"):
        assert part in together
    assert "not for emergencies" in together
    spanish = content().opening.texts
    for part in ("Pueden aplicarse tarifas", "AYUDA", "ALTO", "no van cifrados", "emergencias"):
        assert part in " ".join(one.says["es"].plain for one in spanish)
    for key in ("help", "help_no_number"):
        for language, word in (("en", "Not for emergencies"), ("es", "emergencias")):
            form = content().wording.texts[key][language]
            said = form if isinstance(form, str) else str(form)
            assert word in said
            assert "{emergency_number}" in said
            assert "{crisis_line}" in said


async def test_what_texts_are_not_for_is_said_again_after_a_month(world: World) -> None:
    await world.publish_flow()
    await world.enroll(world.clinic.ana, created_at=world.now - timedelta(days=31))
    await plan_check_ins(world.database, world.knowledge, world.now)
    told = 0
    for _ in range(32):
        await do_due_work(world.database, handlers(world.around), Lane.ROUTINE, world.clock, "node-1")
        await send(world)
        told += sum("not encrypted" in call.body for call in world.provider.calls)
        world.provider.calls.clear()
        world.clock.forward(days=1)
        await plan_check_ins(world.database, world.knowledge, world.now)
    assert told == 2, "on the first day, and 30 days later"
