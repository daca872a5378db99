"""A nurse has the service call: her telephone rings first, and no patient's rings unless she has pressed 1."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from service.actions.call_patient import call_patient
from service.actions.claim_escalation import claim_escalation
from service.actions.place_nurse_calls import place_nurse_calls
from service.actions.reconcile_nurse_calls import reconcile_nurse_calls
from service.actions.refusal import Held, NotFound, Refused
from service.db.audit import audit_events
from service.db.escalation import escalations
from service.db.item import item_mark
from service.db.nurse_calls import nurse_calls
from service.db.patient import phones
from service.db.staff import staff
from service.domain.staff import Role, Staff
from service.domain.urgency import Urgency
from service.telephony.port import OutgoingCall, RemoteCall
from tests.actions.house import content
from tests.calls.conftest import Telephones
from tests.seed import SENDER, Member, seed_item
from tests.stand_in_twilio.calls import PlacedCall

NORAS = "+12025550161"


def as_staff(house: Telephones, member: Member) -> Staff:
    return Staff(member.id, house.clinic.organization_id, member.name, Role.NURSE, member.team_ids)


@pytest.fixture
async def house(telephones: Telephones) -> Telephones:
    async with telephones.database.transaction() as connection:
        await connection.execute(update(staff).where(staff.c.id == telephones.clinic.nora.id).values(phone=NORAS))
    return telephones


async def held(house: Telephones, **more: Any) -> UUID:
    item_id = await seed_item(house.database, house.clinic.chi, house.clock.now(), **more)
    await claim_escalation(house.database, as_staff(house, house.clinic.nora), item_id, house.clock.now())
    return item_id


async def asked(house: Telephones, item_id: UUID, *, reason: str = "", phone_id: UUID | None = None) -> UUID:
    return await call_patient(
        house.database, content().law, as_staff(house, house.clinic.nora), item_id, phone_id, reason, house.clock.now()
    )


async def place(house: Telephones) -> int:
    assert house.telephone is not None
    return await place_nurse_calls(house.database, {"twilio": house.telephone}, house.clock)


async def rings(house: Telephones) -> PlacedCall:
    await asked(house, await held(house))
    assert await place(house) == 1
    return house.twilio.calls.newest


async def row(house: Telephones) -> Any:
    [only] = await house.rows(nurse_calls)
    return only


@pytest.mark.law(3)
async def test_the_nurse_s_telephone_rings_she_presses_1_and_the_patient_is_called_from_the_clinic_s_number(house: Telephones) -> None:
    call = await rings(house)
    assert (call.form["To"], call.form["From"]) == (NORAS, SENDER)
    heard = await call.pick_up()
    assert heard.text == "This is Rounds for Riverside Clinic. Press 1 to be put through."
    assert "Chi" not in heard.text
    heard = await call.press("1")
    assert heard.dialled == house.clinic.chi.number
    assert (heard.gather or {})["callerId"] == SENDER
    assert (await row(house)).stage == "joining"
    house.clock.time += timedelta(minutes=7)
    await call.dial_ends("completed")
    found = await row(house)
    assert (found.outcome, found.stage, found.joined_at) == ("joined", "over", house.clock.now())
    assert await place(house) == 0
    assert len(house.twilio.calls.placed) == 1


async def test_a_machine_at_the_nurse_s_end_calls_no_patient(house: Telephones) -> None:
    call = await rings(house)
    heard = await call.pick_up("machine_end_beep")
    assert heard.over
    assert not heard.dialled
    assert (await row(house)).outcome == "not_taken"


@pytest.mark.parametrize("key", ["2", ""])
async def test_without_a_1_nobody_is_called(house: Telephones, key: str) -> None:
    call = await rings(house)
    heard = await call.pick_up()
    for _ in range(2):
        if not heard.over:
            heard = await (call.press(key) if key else call.say_nothing())
    assert heard.over
    assert "Nobody is being called" in heard
    assert (await row(house)).outcome == "not_confirmed"


async def test_a_patient_who_does_not_answer_is_told_to_the_nurse(house: Telephones) -> None:
    call = await rings(house)
    await call.pick_up()
    await call.press("1")
    heard = await call.dial_ends("no-answer")
    assert "There was no answer." in heard
    assert (await row(house)).outcome == "no_answer"


async def test_a_nurse_who_does_not_pick_up_leaves_the_line_free_for_the_next_call(house: Telephones) -> None:
    item_id = await held(house)
    await asked(house, item_id)
    with pytest.raises(Refused, match="under way"):
        await asked(house, item_id)
    await place(house)
    await house.twilio.calls.newest.end("no-answer")
    assert (await row(house)).outcome == "not_taken"
    await asked(house, item_id)


async def test_never_to_a_number_that_is_not_safe_and_after_an_opt_out_only_with_a_reason(house: Telephones) -> None:
    item_id, now = await held(house), house.clock.now()

    async def set_phone(**values: Any) -> None:
        async with house.database.transaction() as connection:
            await connection.execute(update(phones).where(phones.c.id == house.clinic.chi.phone_id).values(**values))

    await set_phone(opted_out_at=now)
    with pytest.raises(Refused, match="write why"):
        await asked(house, item_id)
    await set_phone(unsafe_since=now)
    with pytest.raises(Refused, match="not safe"):
        await asked(house, item_id, reason="She asked me to.")
    await set_phone(unsafe_since=None)
    await asked(house, item_id, reason="She asked me to.")
    assert (await row(house)).reason == "She asked me to."


async def test_a_number_that_becomes_unsafe_while_the_nurse_s_telephone_rings_is_not_called(house: Telephones) -> None:
    call = await rings(house)
    await call.pick_up()
    async with house.database.transaction() as connection:
        await connection.execute(update(phones).where(phones.c.id == house.clinic.chi.phone_id).values(unsafe_since=house.clock.now()))
    heard = await call.press("1")
    assert not heard.dialled
    assert "Nobody is being called" in heard


@pytest.mark.parametrize(("urgency", "waits"), [(Urgency.EMERGENCY, False), (Urgency.URGENT, False), (Urgency.SAME_DAY, True)])
async def test_in_quiet_hours_a_call_that_can_wait_needs_a_reason(house: Telephones, urgency: Urgency, waits: bool) -> None:
    house.clock.time = house.clock.time.replace(hour=7) + timedelta(days=1)  # two in the morning where the patient is
    item_id = await held(house, urgency=urgency)
    async with house.database.transaction() as connection:
        await connection.execute(update(escalations).values(last_patient_event_at=None))
    if waits:
        with pytest.raises(Refused, match="quiet hours"):
            await asked(house, item_id)
    await asked(house, item_id, reason="She asked to be called tonight." if waits else "")
    assert len(await house.rows(nurse_calls)) == 1


async def test_an_item_that_says_do_not_call_meanwhile_calls_nobody(house: Telephones) -> None:
    call = await rings(house)
    await call.pick_up()
    async with house.database.transaction() as connection:
        await connection.execute(update(escalations).values(do_not_contact=True))
    heard = await call.press("1")
    assert not heard.dialled
    assert (await row(house)).outcome == "not_confirmed"


class PickedUpFirst:
    """A provider whose nurse has picked up before its own answer is here."""

    name = "twilio"

    def __init__(self, house: Telephones) -> None:
        self.house = house

    async def place_call(self, call: OutgoingCall) -> RemoteCall:
        assert self.house.telephone is not None
        placed = await self.house.telephone.place_call(call)
        await self.house.twilio.calls.newest.pick_up()
        return placed


@pytest.mark.law(6)
async def test_a_nurse_who_picks_up_before_the_provider_has_answered_is_not_forgotten_in_mid_call(house: Telephones) -> None:
    await asked(house, await held(house))
    await place_nurse_calls(house.database, {"twilio": PickedUpFirst(house)}, house.clock)  # type: ignore[dict-item]
    assert ((await row(house)).status, (await row(house)).stage) == ("talking", "asked")
    house.clock.time += timedelta(minutes=3)
    assert await place(house) == 0
    assert (await row(house)).stage == "asked"
    assert (await house.twilio.calls.newest.press("1")).dialled == house.clinic.chi.number


@pytest.mark.law(6)
async def test_calls_of_which_nothing_is_heard_end_as_the_table_of_statuses_says(house: Telephones) -> None:
    await rings(house)
    house.clock.time += timedelta(minutes=3)
    await place(house)
    assert ((await row(house)).status, (await row(house)).outcome, (await row(house)).stage) == ("failed", "unknown", "over")


async def test_a_lost_last_word_keeps_the_nurse_s_line_for_two_minutes_and_the_item_s_page_hears_of_the_end(house: Telephones) -> None:
    call = await rings(house)
    await call.pick_up()
    await call.press("1")
    item_id = (await row(house)).escalation_id

    async def mark() -> str | None:
        async with house.database.reading() as connection:
            return await item_mark(connection, as_staff(house, house.clinic.nora), item_id)

    async def look(**after: float) -> int:
        house.clock.time += timedelta(**after)
        return await reconcile_nurse_calls(house.database, {"twilio": house.telephone}, house.clock.now())  # type: ignore[dict-item]

    assert await look(minutes=5) == 0, "they talk"
    before, call.status = await mark(), "completed"
    with pytest.raises(Refused, match="under way"):
        await asked(house, item_id)
    assert await look() == 1
    assert ((await row(house)).status, (await row(house)).outcome) == ("ended", "unknown")
    assert await mark() != before
    await claim_escalation(house.database, as_staff(house, house.clinic.nora), item_id, house.clock.now())
    await asked(house, item_id)
    assert await look(minutes=1) == 0


async def test_only_who_holds_the_item_and_has_a_telephone_calls(house: Telephones) -> None:
    item_id, clinic = await held(house), house.clinic
    for member, refusal in ((clinic.omar, NotFound), (clinic.sol, Held)):
        with pytest.raises(refusal):
            await call_patient(house.database, content().law, as_staff(house, member), item_id, None, "", house.clock.now())
    with pytest.raises(Refused, match="one of the patient's numbers"):
        await asked(house, item_id, phone_id=clinic.ana.phone_id)
    async with house.database.transaction() as connection:
        await connection.execute(update(staff).values(phone=None))
    with pytest.raises(Refused, match="not on record"):
        await asked(house, item_id)
    assert not await house.rows(nurse_calls)


@pytest.mark.law(10)
async def test_a_call_is_audited_without_a_number(house: Telephones) -> None:
    await rings(house)
    [line] = await house.rows(audit_events, audit_events.c.action == "nurse_called")
    assert (line.staff_id, line.patient_id, line.detail) == (house.clinic.nora.id, house.clinic.chi.id, {})


async def test_a_call_that_waited_too_long_is_ended_and_rings_nowhere(house: Telephones) -> None:
    await asked(house, await held(house))
    house.clock.time += timedelta(minutes=3)
    assert await place(house) == 0
    assert ((await row(house)).status, house.twilio.calls.placed) == ("expired", [])


async def test_another_call_that_claims_to_be_this_one_is_told_nothing(house: Telephones) -> None:
    call = await rings(house)
    await call.pick_up()
    heard = await house.ring_nobody(call)
    assert not heard.text
    assert not heard.dialled
