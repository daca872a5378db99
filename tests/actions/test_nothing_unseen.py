"""No text is lost on a person: what no rule understands, what a relative writes, what comes to nobody's queue."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update

from service.actions.raise_escalation import MAXIMUM_CONCERNS
from service.actions.receive_reply import Receipt, receive_replies
from service.db.communication import communications, inbound_events
from service.db.database import Database
from service.db.escalation import concerns, escalations
from service.db.observation import observations
from service.db.organization import organizations, sender_numbers
from service.db.patient import consents, patient_phones, phones, related_persons
from service.db.schema import new_id
from service.domain.urgency import by_rank
from service.telephony.port import InboundMessage
from tests.actions.house import House
from tests.seed import KEYRING, SENDER, Person

CARER = "+12025550160"
OTHERS = "+12025550180"


async def add(house: House, table: Any, **values: Any) -> None:
    async with house.database.transaction() as connection:
        await connection.execute(insert(table).values(id=new_id(house.clock.now()), **values))


async def carer_of(house: House, *people: Person) -> Any:
    """The phone of a carer of these patients, who has written before."""
    await house.text(CARER, "good morning")
    [phone] = [row for row in await house.rows(phones) if row.number == CARER]
    for person in people:
        values = {"organization_id": person.organization_id, "patient_id": person.id, "phone_id": phone.id}
        await add(house, related_persons, **values, name="Rosa", relation="daughter", scope=[])
    async with house.database.transaction() as connection:
        await connection.execute(update(escalations).values(state="resolved"))
    return phone.id


async def rules(house: House) -> list[str]:
    return [concern.rule for concern in await house.rows(concerns)]


@pytest.mark.law(2)
@pytest.mark.parametrize("words", ["worse", "I am not well", "please come", "hello?", "\U0001f198", "45", "yes", "his daughter here"])
async def test_words_outside_a_check_in_that_no_rule_takes_in_are_read_by_a_person(house: House, words: str) -> None:
    await house.text(house.clinic.ana.number, words)
    [item] = await house.rows(escalations)
    assert (by_rank(item.urgency_rank), item.patient_id) == ("same_day", house.clinic.ana.id)
    [concern] = await house.rows(concerns)
    assert concern.spans == [[0, len(words)]]


@pytest.mark.parametrize("words", ["ok thanks", "Thank you so much!", "I feel fine today", "\U0001f44d", 'Liked "How are you?"', "START"])
async def test_thanks_and_good_news_make_no_work(house: House, words: str) -> None:
    await house.text(house.clinic.ana.number, words)
    assert await house.rows(escalations) == []


async def test_an_answer_within_a_check_in_makes_no_work_either(house: House) -> None:
    await house.start_flow(house.clinic.chi)
    await house.text(house.clinic.chi.number, "180")
    assert "machine.not_read_yet" not in await rules(house)


@pytest.mark.law(1)
async def test_chest_pain_beside_words_of_an_automatic_answer_is_an_emergency(house: House) -> None:
    await house.text(house.clinic.ana.number, "I'm driving and I have chest pain")
    [item] = await house.rows(escalations)
    assert by_rank(item.urgency_rank) == "emergency"
    assert len(await house.sent("safety")) == 1


@pytest.mark.law(1)
async def test_a_red_flag_told_again_an_hour_later_is_answered_again(house: House) -> None:
    for number in (house.clinic.ana.number, "+12025550177"):
        await house.text(number, "I have chest pain")
        await house.text(number, "I have chest pain, please")
        assert len(await house.sent("safety")) == 1
        house.clock.time += timedelta(minutes=61)
        await house.text(number, "the chest pain is back")
        assert [text.reason for text in await house.sent("safety")] == ["emergency", "emergency"]
        async with house.database.transaction() as connection:
            await connection.execute(update(communications).where(communications.c.purpose == "safety").values(purpose="help"))


@pytest.mark.law(2)
async def test_what_a_carer_writes_is_read_and_never_taken_for_the_patients_own(house: House) -> None:
    ana = house.clinic.ana
    await carer_of(house, ana)
    await house.text(CARER, "she ate well")
    await house.text(CARER, "her weight is 180")
    said = [row.patient_id for row in await house.rows(communications, communications.c.direction == "in")][1:]
    assert said == [ana.id, ana.id]
    assert "machine.not_read_yet" in await rules(house)
    assert await house.rows(observations) == []


@pytest.mark.law(4)
async def test_a_carers_stop_ends_texts_to_the_carer_only_and_a_nurse_sees_it(house: House) -> None:
    phone_id = await carer_of(house, house.clinic.ana)
    await house.text(CARER, "STOP")
    [phone] = await house.rows(phones, phones.c.id == phone_id)
    assert phone.opted_out_at is not None
    assert "machine.related_opt_out" in await rules(house)
    assert all(row.revoked_at is None for row in await house.rows(consents, consents.c.patient_id == house.clinic.ana.id))
    await house.text(CARER, "START")
    [phone] = await house.rows(phones, phones.c.id == phone_id)
    assert phone.opted_out_at is None


async def test_a_carer_of_two_who_says_for_whom_stays_a_carer(house: House) -> None:
    await carer_of(house, house.clinic.ana, house.clinic.chi)
    await house.text(CARER, "her weight is 180, stop texting her")
    await house.text(CARER, "2")
    assert await house.rows(observations) == []
    assert all(row.revoked_at is None for row in await house.rows(consents, consents.c.patient_id == house.clinic.chi.id))


@pytest.mark.law(2)
async def test_a_number_is_a_name_only_as_the_answer_to_who_is_writing(house: House) -> None:
    fay, gus = house.clinic.fay, house.clinic.gus
    await house.text(fay.number, "my ankles are huge")
    await house.start_flow(gus)  # the check-in's question is what stands last on the phone now
    await house.text(fay.number, "2")
    said = await house.rows(communications, communications.c.direction == "in")
    assert [row.patient_id for row in said] == [None, None]
    await house.text(fay.number, "1")
    said = await house.rows(communications, communications.c.direction == "in")
    assert {row.patient_id for row in said} == {fay.id}


@pytest.mark.law(2)
async def test_a_second_number_after_the_name_was_said_is_not_swallowed(house: House) -> None:
    fay = house.clinic.fay
    await house.text(fay.number, "good evening")
    await house.text(fay.number, "1")
    async with house.database.transaction() as connection:
        await connection.execute(update(escalations).values(state="resolved"))
    await house.text(fay.number, "1")
    [item] = await house.rows(escalations, escalations.c.state != "resolved")
    assert item.patient_id == fay.id


@pytest.mark.law(4)
async def test_start_from_a_shared_phone_restores_no_consent_for_another_number(house: House) -> None:
    gus = house.clinic.gus
    await house.text("+12025550161", "good morning")
    [own] = [row for row in await house.rows(phones) if row.number == "+12025550161"]
    values = {"organization_id": gus.organization_id, "patient_id": gus.id, "phone_id": own.id}
    await add(house, patient_phones, **values, position=1)
    given = house.clock.now() - timedelta(days=9)
    more = {"channel": "sms", "programme": "", "detail": False, "per_day": 1, "source": "form", "wording_version": "1", "given_at": given}
    await add(house, consents, **values, **more)
    await house.text("+12025550161", "STOP")
    await house.text(gus.number, "START")  # of whom? asked, not guessed
    assert not any(row.revoked_at is None for row in await house.rows(consents, consents.c.patient_id == gus.id))
    await house.text(gus.number, "2")
    held = {row.phone_id: row.revoked_at is None for row in await house.rows(consents, consents.c.patient_id == gus.id)}
    assert held == {gus.phone_id: True, own.id: False}


@pytest.mark.parametrize("words", ["he passed away last night", "I'm driving, I'll text you later"])
async def test_a_death_or_a_machine_on_a_shared_phone_gets_no_answer_but_is_seen(house: House, words: str) -> None:
    await house.text(house.clinic.fay.number, words)
    assert await house.rows(communications, communications.c.direction == "out") == []
    assert len(await house.rows(escalations)) == 1


async def test_whatever_answers_without_end_is_not_asked_without_end(house: House) -> None:
    for turn in range(14):
        await house.text(house.clinic.fay.number, f"your parcel number {turn + 20} has left our shop")
    assert len(await house.sent("answer")) == 10
    assert len(await house.rows(communications, communications.c.direction == "in")) == 14


async def test_help_and_stop_from_a_shared_phone_get_their_own_answers(house: House) -> None:
    await house.text(house.clinic.fay.number, "HELP")
    await house.text(house.clinic.fay.number, "stop texting me")
    assert (len(await house.sent("help")), len(await house.sent("opt_out_confirmation"))) == (1, 1)
    assert "machine.opt_out" in await rules(house)


@pytest.mark.law(2)
async def test_a_text_to_an_organization_without_a_team_is_kept_and_fails_no_neighbour(house: House) -> None:
    now = house.clock.now()
    other = new_id(now)
    async with house.database.transaction() as connection:
        [own] = (await connection.execute(organizations.select())).mappings().all()
        await connection.execute(insert(organizations).values({**own, "id": other, "name": "Without a team"}))
        values = {"id": new_id(now), "organization_id": other, "provider": "twilio", "sender": OTHERS, "purpose": "patients"}
        await connection.execute(insert(sender_numbers).values(values))
    texts = [
        InboundMessage("twilio", "AC1", "SMlost", house.clinic.ana.number, OTHERS, "I have chest pain", 0, "", {"Body": "x"}),
        InboundMessage("twilio", "AC1", "SMours", house.clinic.chi.number, SENDER, "I have chest pain", 0, "", {"Body": "x"}),
    ]
    assert await receive_replies(house.database, house.knowledge, house.clock, texts) == [Receipt.NOT_OURS, Receipt.STORED]
    kept = await house.rows(inbound_events)
    assert sorted(event.failure for event in kept) == ["", "no team"]


@pytest.mark.law(2)
async def test_an_organization_that_sends_from_a_pool_is_known_by_the_pool(house: House) -> None:
    now, pool = house.clock.now(), "MG" + "a" * 32
    async with house.database.transaction() as connection:
        [own] = (await connection.execute(organizations.select())).mappings().all()
        await connection.execute(insert(organizations).values({**own, "id": new_id(now), "name": "Another clinic"}))
        await connection.execute(update(sender_numbers).values(sender=pool))
    text = InboundMessage("twilio", "AC1", "SMone", house.clinic.chi.number, OTHERS, "I have chest pain", pool=pool)
    assert await receive_replies(house.database, house.knowledge, house.clock, [text]) == [Receipt.STORED]
    [item] = await house.rows(escalations)
    assert item.patient_id == house.clinic.chi.id


async def test_an_outage_of_the_database_is_told_at_once_and_not_tried_for_every_message(house: House) -> None:
    gone = Database.open("postgresql+asyncpg://nobody@127.0.0.1:9/nowhere", KEYRING)
    text = InboundMessage("twilio", "AC1", "SMone", house.clinic.ana.number, SENDER, "hello", 0, "", {})
    with pytest.raises(ConnectionError):
        await receive_replies(gone, house.knowledge, house.clock, [text, text])
    await gone.close()


@pytest.mark.law(2)
async def test_texts_to_a_number_of_no_organization_are_told_to_every_clinic_once(house: House) -> None:
    now = house.clock.now()
    async with house.database.transaction() as connection:
        [own] = (await connection.execute(organizations.select())).mappings().all()
        await connection.execute(insert(organizations).values({**own, "id": new_id(now), "name": "Another clinic"}))
    for body in ("I have chest pain", "hello?"):
        assert await house.text(house.clinic.chi.number, body, to=OTHERS) is Receipt.NOT_OURS
    [item] = await house.rows(escalations)
    assert (item.kind, item.patient_id, item.organization_id) == ("operational", None, house.clinic.organization_id)
    assert len(await house.rows(inbound_events)) == 2


@pytest.mark.law(1, 12)
async def test_a_red_flag_of_another_kind_is_a_concern_however_long_the_items_list_is(house: House) -> None:
    await house.text(OTHERS, "I have chest pain")
    for _ in range(MAXIMUM_CONCERNS):
        await house.text(OTHERS, "call me please")
    full = len(await house.rows(concerns))
    assert full == MAXIMUM_CONCERNS
    await house.text(OTHERS, "I want to kill myself")
    assert (await rules(house))[full:] == ["self_harm_words"]
    await house.text(OTHERS, "call me please")
    assert len(await house.rows(communications, communications.c.direction == "in")) == MAXIMUM_CONCERNS + 3
    assert len(await house.rows(escalations)) == 1
