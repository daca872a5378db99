"""What a nurse plans comes back: follow-ups as items, the next call of the protocol as a reminder."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import insert, select, update

from service.actions.bring_back import bring_back
from service.actions.claim_escalation import claim_escalation
from service.actions.do_due_work import do_due_work
from service.actions.log_attempt import KIND, log_attempt, remind_of_attempts
from service.actions.refusal import Refused
from service.actions.resolve_escalation import Closing, Incomplete, resolve_escalation
from service.actions.undo_step import undo_step
from service.actions.work_many import Wanted, work_many
from service.actions.work_many import What as Many
from service.db.audit import audit_events
from service.db.check_in import flow_sessions
from service.db.due_work import due_work
from service.db.escalation import concerns, escalation_events, escalations
from service.db.follow_ups import KIND as FOLLOW_UP
from service.db.follow_ups import follow_ups
from service.db.organization import teams
from service.db.patient import patient_phones, patients
from service.db.schema import new_id
from service.domain.communication import Lane
from service.domain.escalation import LEASE, Disposition
from service.domain.follow_up import Plan, What
from service.domain.staff import Role, Staff
from service.domain.urgency import Urgency, by_rank
from tests.actions.house import House
from tests.encounters import complete_encounter
from tests.seed import Person, seed_item, seed_phone

DAY = timedelta(days=1)


def nora_of(house: House) -> Staff:
    nora = house.clinic.nora
    return Staff(nora.id, house.clinic.organization_id, nora.name, Role.NURSE, nora.team_ids)


async def close(house: House, item_id: UUID, plan: Plan | None = None) -> None:
    await claim_escalation(house.database, nora_of(house), item_id, house.clock.now())
    [item] = await house.rows(escalations, escalations.c.id == item_id)
    ticked = [row.id for row in await house.rows(concerns, concerns.c.escalation_id == item_id)]
    urgency = by_rank(item.urgency_rank)
    encounter = complete_encounter(urgency) if urgency in (Urgency.EMERGENCY, Urgency.URGENT) and item.patient_id else None
    closing = Closing(item.version, Disposition.ADVICE_GIVEN, "Legs up.", "", ticked, encounter, plan)
    await resolve_escalation(house.database, nora_of(house), item_id, closing, house.clock.now())


async def work(house: House, lane: Lane = Lane.ROUTINE) -> int:
    handlers = {FOLLOW_UP: bring_back, KIND: remind_of_attempts}
    return await do_due_work(house.database, handlers, lane, house.clock, "node")


async def closed_with(house: House, plan: Plan, person: Person | None = None, *, known: bool = True) -> UUID:
    item_id = await seed_item(house.database, person or house.clinic.chi, house.clock.now(), urgency=Urgency.SAME_DAY, known=known)
    await close(house, item_id, plan)
    return item_id


@pytest.mark.law(11)
async def test_a_follow_up_comes_back_as_an_item_when_it_is_due_and_ends_with_it(house: House) -> None:
    now = house.clock.now()
    first = await closed_with(house, Plan(What.CHECK_VALUE, now + DAY, "Her weight", Urgency.ROUTINE, mine=True))
    assert await work(house) == 0
    assert [(row.words, row.state) for row in await house.rows(follow_ups)] == [("Her weight", "planned")]
    house.clock.time = now + DAY
    assert await work(house) == 1
    [item] = await house.rows(escalations, escalations.c.state == "open")
    assert (item.patient_id, item.urgency_rank, item.summary) == (
        house.clinic.chi.id,
        Urgency.ROUTINE.rank,
        "Planned: look at a value again",
    )
    [planned] = await house.rows(follow_ups)
    assert (planned.state, planned.item_id, planned.escalation_id) == ("due", item.id, first)
    await close(house, item.id)
    [planned] = await house.rows(follow_ups)
    assert planned.state == "done"


async def test_a_follow_up_joins_the_item_that_is_open_and_never_lowers_it(house: House) -> None:
    now = house.clock.now()
    await closed_with(house, Plan(What.CALL, now + DAY))
    house.clock.time = now + DAY
    open_one = await seed_item(house.database, house.clinic.chi, house.clock.now(), urgency=Urgency.EMERGENCY)
    await work(house)
    [item] = await house.rows(escalations, escalations.c.state == "open")
    assert (item.id, item.urgency_rank) == (open_one, Urgency.EMERGENCY.rank)
    assert "follow_up.call" in {row.rule for row in await house.rows(concerns, concerns.c.escalation_id == open_one)}


@pytest.mark.law(2)
async def test_the_follow_up_of_an_unknown_sender_is_an_item_too(house: House) -> None:
    now = house.clock.now()
    asked = await closed_with(house, Plan(What.CALL, now + DAY, urgency=Urgency.SAME_DAY), house.clinic.fay, known=False)
    [first_item] = await house.rows(escalations, escalations.c.id == asked)
    house.clock.time = now + DAY
    await work(house)
    [item] = await house.rows(escalations, escalations.c.state == "open")
    assert (item.kind, item.phone_id, item.patient_id) == ("clinical", house.clinic.fay.phone_id, None)
    assert (item.urgency_rank, item.team_id) == (Urgency.SAME_DAY.rank, first_item.team_id)
    [planned] = await house.rows(follow_ups)
    assert (planned.state, planned.item_id) == ("due", item.id)


@pytest.mark.law(2)
async def test_the_follow_up_of_a_number_that_nobody_knows_stays_with_the_team_that_planned_it(house: House) -> None:
    """Another team is the organization's first one: what is nobody's goes there, a planned call does not."""
    now = house.clock.now()
    await house.text("+12025550177", "who is this?")
    async with house.database.transaction() as connection:
        await connection.execute(update(escalations).values(team_id=house.clinic.nora.team_ids[0]))
        first = (await connection.execute(select(teams).order_by(teams.c.id))).mappings().first()
        assert first is not None
        await connection.execute(insert(teams).values({**first, "id": UUID(int=1), "name": "The oldest"}))
    [asked] = await house.rows(escalations)
    await close(house, asked.id, Plan(What.CALL, now + DAY))
    house.clock.time = now + DAY
    await work(house)
    [item] = await house.rows(escalations, escalations.c.state == "open", escalations.c.phone_id == asked.phone_id)
    assert (item.kind, item.team_id) == ("clinical", asked.team_id)


@pytest.mark.law(2)
async def test_the_follow_up_of_a_number_that_is_one_patients_by_now_is_that_patients(house: House) -> None:
    now = house.clock.now()
    await closed_with(house, Plan(What.CALL, now + DAY), house.clinic.fay, known=False)
    async with house.database.transaction() as connection:
        other = patient_phones.c.patient_id == house.clinic.gus.id
        await connection.execute(update(patient_phones).where(other).values(ended_at=now, ended_why="staff"))
    house.clock.time = now + DAY
    await work(house)
    [item] = await house.rows(escalations, escalations.c.state == "open")
    assert (item.kind, item.patient_id) == ("clinical", house.clinic.fay.id)


async def test_a_follow_up_that_joins_a_numbers_open_item_opens_no_other(house: House) -> None:
    now = house.clock.now()
    await closed_with(house, Plan(What.CALL, now + DAY), house.clinic.fay, known=False)
    house.clock.time = now + DAY
    open_one = await seed_item(house.database, house.clinic.fay, house.clock.now(), urgency=Urgency.SAME_DAY, known=False)
    await work(house)
    [item] = await house.rows(escalations, escalations.c.state == "open")
    assert item.id == open_one


async def test_a_follow_up_that_comes_back_while_its_item_is_worked_on_waits_and_nobody_is_thrown_out(house: House) -> None:
    """Whoever works on an item holds its patient first and its follow-ups last: in the other order the two would wait for each other."""
    now = house.clock.now()
    await closed_with(house, Plan(What.CALL, now + DAY))
    house.clock.time = now + DAY
    async with house.database.transaction() as connection:
        await connection.execute(select(patients.c.id).where(patients.c.id == house.clinic.chi.id).with_for_update(key_share=True))
        coming = asyncio.create_task(work(house))
        await asyncio.sleep(0.3)
        await connection.execute(update(follow_ups).values(words="She asked for it"))
    assert await coming == 1
    [planned] = await house.rows(follow_ups)
    assert (planned.state, planned.words) == ("due", "She asked for it")


async def test_the_next_call_is_reminded_of_unless_it_was_made_or_the_item_closed(house: House) -> None:
    item_id = await seed_item(house.database, house.clinic.chi, house.clock.now(), urgency=Urgency.URGENT)
    nora = nora_of(house)
    await claim_escalation(house.database, nora, item_id, house.clock.now())

    async def tried() -> None:
        await log_attempt(house.database, nora, item_id, "no_answer", None, house.clock.now())

    async def reminders() -> list[int]:
        rows = await house.rows(escalation_events, escalation_events.c.what == KIND)
        return [row.detail["number"] for row in sorted(rows, key=lambda row: row.at)]

    await tried()
    [planned] = await house.rows(due_work, due_work.c.kind == KIND)
    assert (planned.due_at - house.clock.now(), planned.lane) == (timedelta(minutes=40), "emergency")
    house.clock.time += timedelta(minutes=40)
    assert await work(house, Lane.EMERGENCY) == 1
    assert await reminders() == [2]
    await tried()
    await tried()  # made before it was due: nobody is reminded of it
    house.clock.time += timedelta(hours=3)
    assert await work(house, Lane.EMERGENCY) == 1
    assert await reminders() == [2]


async def test_who_was_reached_before_something_new_came_is_called_and_reminded_of_again(house: House) -> None:
    item_id = await seed_item(house.database, house.clinic.chi, house.clock.now(), urgency=Urgency.URGENT)
    nora = nora_of(house)
    await claim_escalation(house.database, nora, item_id, house.clock.now())
    for outcome in ("no_answer", "reached_patient"):
        house.clock.time += timedelta(minutes=1)
        await log_attempt(house.database, nora, item_id, outcome, None, house.clock.now())
    house.clock.time += timedelta(hours=2)
    async with house.database.transaction() as connection:
        await connection.execute(update(concerns).values(raised_at=house.clock.now()))
    following = await log_attempt(house.database, nora, item_id, "no_answer", None, house.clock.now())
    assert following is not None
    assert following.number == 2
    house.clock.time += timedelta(minutes=40)
    await work(house, Lane.EMERGENCY)
    reminded = await house.rows(escalation_events, escalation_events.c.what == KIND)
    assert [(row.detail["number"], row.at) for row in reminded] == [(2, house.clock.now())]


async def test_an_emergency_is_closed_as_not_reached_when_calls_are_logged_or_the_note_says_why_not(house: House) -> None:
    item_id = await seed_item(house.database, house.clinic.chi, house.clock.now(), urgency=Urgency.EMERGENCY)
    nora, [concern] = nora_of(house), await house.rows(concerns, concerns.c.escalation_id == item_id)
    await claim_escalation(house.database, nora, item_id, house.clock.now())
    could_not = replace(
        complete_encounter(Urgency.EMERGENCY), spoke_to="nobody", disposition=Disposition.COULD_NOT_REACH, override="", override_words=""
    )

    async def resolved() -> None:
        [item] = await house.rows(escalations, escalations.c.id == item_id)
        closing = Closing(item.version, answered=[concern.id], encounter=could_not)
        await resolve_escalation(house.database, nora, item_id, closing, house.clock.now())

    with pytest.raises(Incomplete) as refused:
        await resolved()
    assert refused.value.fields == ("override",)
    await log_attempt(house.database, nora, item_id, "no_answer", None, house.clock.now())
    await resolved()
    [item] = await house.rows(escalations, escalations.c.id == item_id)
    assert item.disposition == "could_not_reach"


async def test_a_logged_call_keeps_the_claim_alive(house: House) -> None:
    item_id = await seed_item(house.database, house.clinic.chi, house.clock.now(), urgency=Urgency.EMERGENCY)
    nora = nora_of(house)
    await claim_escalation(house.database, nora, item_id, house.clock.now())
    house.clock.time += timedelta(minutes=2)
    await log_attempt(house.database, nora, item_id, "voicemail_left", house.clinic.chi.phone_id, house.clock.now())
    [item] = await house.rows(escalations, escalations.c.id == item_id)
    assert item.claimed_until == house.clock.now() + LEASE[Urgency.EMERGENCY]


async def test_a_patient_whose_record_is_gone_keeps_no_follow_up_of_others_back(house: House) -> None:
    now = house.clock.now()
    await closed_with(house, Plan(What.CALL, now + DAY), house.clinic.ana)
    await closed_with(house, Plan(What.CALL, now + DAY), house.clinic.chi)
    async with house.database.transaction() as connection:
        await connection.execute(update(patients).where(patients.c.id == house.clinic.ana.id).values(status="deceased"))
    house.clock.time = now + DAY
    await work(house)
    opened = await house.rows(escalations, escalations.c.state == "open")
    assert house.clinic.chi.id in {row.patient_id for row in opened}
    assert {row.state for row in await house.rows(follow_ups)} == {"due"}


async def test_a_follow_up_ends_with_its_item_when_several_are_closed_at_once_too(house: House) -> None:
    now = house.clock.now()
    await closed_with(house, Plan(What.CALL, now + DAY))
    house.clock.time = now + DAY
    await work(house)
    [item] = await house.rows(escalations, escalations.c.state == "open")
    wanted = Wanted(Many.RESOLVE, disposition=Disposition.ADVICE_GIVEN, note="Called her.")
    done = await work_many(house.database, nora_of(house), wanted, {item.id: item.version}, None, house.clock.now())
    assert done.done == 1
    [planned] = await house.rows(follow_ups)
    assert (planned.state, planned.ended_at) == ("done", house.clock.now())
    house.clock.time += timedelta(seconds=5)
    assert done.undo is not None
    assert await undo_step(house.database, nora_of(house), done.undo, house.clock.now()) == (1, 0)
    [planned] = await house.rows(follow_ups)
    assert (planned.state, planned.ended_at, planned.item_id) == ("due", None, item.id), "taken back, it is to be done again"


@pytest.mark.law(2)
async def test_a_wrong_number_is_in_doubt_for_all_who_are_reached_on_it_and_is_asked_nothing_more(house: House) -> None:
    fay, gus = house.clinic.fay, house.clinic.gus  # one phone
    await house.start_flow(gus)
    item_id = await seed_item(house.database, fay, house.clock.now(), urgency=Urgency.SAME_DAY)
    await log_attempt(house.database, nora_of(house), item_id, "no_answer", fay.phone_id, house.clock.now())
    assert [row for row in await house.rows(patient_phones) if row.doubted_at] == []
    await log_attempt(house.database, nora_of(house), item_id, "wrong_number", None, house.clock.now())
    doubted = {row.patient_id for row in await house.rows(patient_phones, patient_phones.c.doubted_at == house.clock.now())}
    assert doubted == {fay.id, gus.id}
    assert [row.status for row in await house.rows(flow_sessions)] == ["ended"]
    told = await house.rows(escalations, escalations.c.kind == "operational")
    assert {(row.patient_id, row.urgency_rank) for row in told} == {(fay.id, Urgency.SAME_DAY.rank), (gus.id, Urgency.SAME_DAY.rank)}
    trail = await house.rows(audit_events, audit_events.c.action == "number_doubted")
    assert {(row.patient_id, row.staff_id) for row in trail} == {(fay.id, house.clinic.nora.id), (gus.id, house.clinic.nora.id)}


async def test_a_wrong_number_of_several_has_to_be_named(house: House) -> None:
    ana, now = house.clinic.ana, house.clock.now()
    async with house.database.transaction() as connection:
        other = await seed_phone(connection, ana.organization_id, now, "+12025550141")
        link = {"organization_id": ana.organization_id, "patient_id": ana.id, "phone_id": other, "position": 1}
        await connection.execute(insert(patient_phones).values(id=new_id(now), **link))
    item_id = await seed_item(house.database, ana, now, urgency=Urgency.SAME_DAY)
    with pytest.raises(Refused, match="which number"):
        await log_attempt(house.database, nora_of(house), item_id, "wrong_number", None, now)
    await log_attempt(house.database, nora_of(house), item_id, "wrong_number", other, now)
    assert [row.phone_id for row in await house.rows(patient_phones, patient_phones.c.doubted_at == now)] == [other]
