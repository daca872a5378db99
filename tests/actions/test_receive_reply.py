"""One message on its way in, on SQLite and on PostgreSQL: what stands in the database once the webhook may be answered."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from service.actions.judge_texts import judge_texts
from service.actions.receive_reply import Receipt, receive_replies
from service.db import claims, outbox
from service.db.check_in import flow_sessions
from service.db.communication import communications, inbound_events
from service.db.escalation import concerns, escalation_events, escalations, pages
from service.db.observation import observations
from service.db.organization import sender_numbers
from service.db.patient import consents, phones
from service.db.schema import new_id
from service.db.senders import known_senders, senders
from service.domain.urgency import by_rank
from service.telephony.port import InboundMessage
from tests.actions.house import NIGHT, House
from tests.seed import SENDER


@pytest.mark.law(1)
async def test_a_red_flag_is_an_emergency_item_with_a_safety_text_and_a_page_once_the_action_returns(house: House) -> None:
    chi = house.clinic.chi
    assert await house.text(chi.number, "I have chest pain") is Receipt.STORED
    [item] = await house.rows(escalations)
    assert (by_rank(item.urgency_rank), item.patient_id, item.state) == ("emergency", chi.id, "open")
    assert item.reached == "on_its_way"
    [safety] = await house.sent("safety")
    assert (safety.lane, safety.status, safety.escalation_id) == ("emergency", "due", item.id)
    assert "911" in safety.body
    [page] = await house.paged()
    assert (page.status, page.step, page.phone) == ("due", 0, "+12025550191")
    assert "Chi" not in page.body
    assert "chest" not in page.body
    assert str(item.id) in page.body


@pytest.mark.law(1)
async def test_a_red_flag_in_answer_to_any_question_is_not_lost_in_the_flow(house: House) -> None:
    await house.start_flow(house.clinic.chi)
    await house.text(house.clinic.chi.number, "I have chest pain")
    [item] = await house.rows(escalations)
    assert by_rank(item.urgency_rank) == "emergency"
    [session] = await house.rows(flow_sessions)
    assert session.status == "ended"
    assert len(await house.sent("answer")) == 0


@pytest.mark.law(1)
async def test_a_red_flag_after_an_earlier_stop_still_raises_and_answers(house: House) -> None:
    chi = house.clinic.chi
    await house.text(chi.number, "STOP")
    await house.text(chi.number, "I have chest pain")
    [item] = await house.rows(escalations)
    assert by_rank(item.urgency_rank) == "emergency"
    assert len(await house.sent("safety")) == 1


@pytest.mark.law(1)
async def test_a_red_flag_from_an_unknown_number_hangs_on_the_phone(house: House) -> None:
    await house.text("+12025550177", "I have chest pain")
    [item] = await house.rows(escalations)
    assert (by_rank(item.urgency_rank), item.patient_id) == ("emergency", None)
    assert item.phone_id is not None
    [safety] = await house.sent("safety")
    assert safety.phone_id == item.phone_id
    assert await house.sent("neutral") == []
    assert len(await house.paged()) == 1


async def test_a_missed_pill_and_swelling_are_found_with_the_words_that_say_so(house: House) -> None:
    await house.start_flow(house.clinic.chi)
    words = "I skipped my water pill and my ankles are huge"
    await house.text(house.clinic.chi.number, words)
    [item] = await house.rows(escalations)
    assert by_rank(item.urgency_rank) == "urgent"
    quoted = {words[start:end] for concern in await house.rows(concerns) for start, end in concern.spans}
    assert any("ankles" in quote for quote in quoted), quoted
    assert any("pill" in quote or "skipped" in quote for quote in quoted), quoted
    kept = {(one.kind, one.name) for one in await house.rows(observations)}
    assert {("symptom", "leg_swelling"), ("medication", "missed")} <= kept


@pytest.mark.law(3)
async def test_a_repeated_webhook_changes_nothing_and_gets_the_same_answer(house: House) -> None:
    chi = house.clinic.chi
    assert await house.text(chi.number, "I have chest pain", provider_id="SMone") is Receipt.STORED
    before = [len(await house.rows(table)) for table in (communications, escalations, concerns, pages, inbound_events)]
    assert await house.text(chi.number, "I have chest pain", provider_id="SMone") is Receipt.DUPLICATE
    twice = await house.texts((chi.number, "hello"), (chi.number, "hello"), provider_id="SMtwo")
    assert twice == [Receipt.STORED, Receipt.DUPLICATE]
    after = [len(await house.rows(table)) for table in (communications, escalations, concerns, pages, inbound_events)]
    assert after[1] == before[1]
    assert after[3] == before[3]
    assert after[4] == before[4] + 1


@pytest.mark.law(2)
async def test_a_reply_that_cannot_be_read_becomes_work_for_a_nurse(house: House) -> None:
    house.knowledge.lexicon = object()  # type: ignore[assignment]  # any bug in the parser looks like this
    assert await house.text(house.clinic.ana.number, "hello") is Receipt.NOT_READ
    [item] = await house.rows(escalations)
    assert by_rank(item.urgency_rank) == "urgent"
    [event] = await house.rows(inbound_events)
    assert event.failure != ""
    [kept] = await house.rows(communications, communications.c.direction == "in")
    assert kept.body == "hello"


@pytest.mark.law(1)
async def test_a_check_in_that_fails_keeps_no_red_flag_back(house: House) -> None:
    chi = house.clinic.chi
    await house.start_flow(chi)
    async with house.database.transaction() as connection:  # any bug in the engine looks like this
        await connection.execute(update(flow_sessions).values(state={"flow": "heart_failure/daily"}))
    assert await house.text(chi.number, "180 and I have crushing chest pain") is Receipt.STORED
    assert await house.text(chi.number, "hello") is Receipt.STORED
    told = [row.rule for row in await house.rows(concerns)]
    assert "chest_pain" in told
    assert told.count("machine.not_taken_in") == 2
    [item] = await house.rows(escalations)
    assert by_rank(item.urgency_rank) == "emergency"
    assert len(await house.sent("safety")) == 1


@pytest.mark.law(12)
async def test_one_message_that_cannot_be_written_does_not_fail_its_neighbours(house: House) -> None:
    ana, chi = house.clinic.ana, house.clinic.chi
    endless = "9" * 80  # longer than the column of provider ids: PostgreSQL refuses the row
    messages = [
        InboundMessage("twilio", "AC1", "SMa", ana.number, SENDER, "fine", 0, "", {}),
        InboundMessage("twilio", "AC1", endless, chi.number, SENDER, "hello", 0, "", {}),
        InboundMessage("twilio", "AC1", "SMc", chi.number, SENDER, "I have chest pain", 0, "", {}),
    ]
    first, second, third = await receive_replies(house.database, house.knowledge, house.clock, messages)
    assert first is Receipt.STORED
    assert third is Receipt.STORED
    assert isinstance(second, Exception) or not house.database.is_postgresql
    assert any(by_rank(item.urgency_rank) == "emergency" for item in await house.rows(escalations))


async def test_there_is_one_open_item_a_patient_and_worse_news_raises_it(house: House) -> None:
    ana = house.clinic.ana
    await house.text(ana.number, "can you call me please")
    [item] = await house.rows(escalations)
    first_due, version, first_summary = item.due_at, item.version, item.summary
    assert by_rank(item.urgency_rank) == "same_day"
    await house.texts((ana.number, "now I have chest pain"), (ana.number, "hurry"))
    [item] = await house.rows(escalations)
    assert by_rank(item.urgency_rank) == "emergency"
    assert item.due_at < first_due
    assert item.version > version
    assert item.summary != first_summary
    assert "chest pain" in item.summary.lower(), "the queue shows the danger, not what came before it"
    told = [event.what for event in await house.rows(escalation_events)]
    assert told[0] == "opened"
    assert "raised" in told
    assert len(await house.paged()) == 1


@pytest.mark.law(8)
async def test_milder_news_never_lowers_an_item(house: House) -> None:
    ana = house.clinic.ana
    await house.text(ana.number, "I have chest pain")
    await house.text(ana.number, "all good now thanks")
    await house.text(ana.number, "3")
    [item] = await house.rows(escalations)
    assert by_rank(item.urgency_rank) == "emergency"
    assert item.state == "open"
    assert len(await house.sent("safety")) == 2  # the safety text, and the answer to "3"


async def test_the_answer_to_the_safety_text_is_told_to_the_nurse(house: House) -> None:
    ana = house.clinic.ana
    await house.text(ana.number, "I have chest pain")
    house.clock.time += timedelta(minutes=2)
    await house.text(ana.number, "2")
    rules = {concern.rule for concern in await house.rows(concerns)}
    assert "safety.cannot" in rules


@pytest.mark.law(4)
async def test_stop_ends_contact_on_every_number_at_once_and_says_so_once(house: House) -> None:
    await house.start_flow(house.clinic.chi)
    await house.text(house.clinic.chi.number, "stop texting me")
    chi = house.clinic.chi
    assert all(one.revoked_at is not None for one in await house.rows(consents, consents.c.patient_id == chi.id))
    [phone] = await house.rows(phones, phones.c.id == chi.phone_id)
    assert phone.opted_out_at is not None
    [session] = await house.rows(flow_sessions)
    assert session.status == "ended"
    assert len(await house.sent("opt_out_confirmation")) == 1
    [item] = await house.rows(escalations)
    assert by_rank(item.urgency_rank) == "same_day"


async def test_a_stop_that_the_provider_answered_gets_no_second_answer(house: House) -> None:
    await house.text(house.clinic.chi.number, "STOP", opt_out_type="STOP")
    assert await house.sent("opt_out_confirmation") == []
    [phone] = await house.rows(phones, phones.c.id == house.clinic.chi.phone_id)
    assert phone.opted_out_at is not None


async def test_start_restores_what_stop_took_and_a_bare_yes_does_not(house: House) -> None:
    chi = house.clinic.chi
    await house.text(chi.number, "STOP")
    await house.text(chi.number, "YES")
    assert all(one.revoked_at is not None for one in await house.rows(consents, consents.c.patient_id == chi.id))
    await house.text(chi.number, "START")
    assert any(one.revoked_at is None for one in await house.rows(consents, consents.c.patient_id == chi.id))
    [phone] = await house.rows(phones, phones.c.id == chi.phone_id)
    assert phone.opted_out_at is None


async def test_stop_with_a_red_flag_does_both_and_the_safety_text_is_the_confirmation(house: House) -> None:
    await house.text(house.clinic.chi.number, "stop texting me, I have chest pain")
    [item] = await house.rows(escalations)
    assert by_rank(item.urgency_rank) == "emergency"
    assert len(await house.sent("safety")) == 1
    assert await house.sent("opt_out_confirmation") == []


async def test_help_is_answered_and_opens_an_item(house: House) -> None:
    await house.text(house.clinic.ana.number, "HELP")
    assert len(await house.sent("help")) == 1
    assert len(await house.rows(escalations)) == 1


async def test_an_unknown_sender_gets_one_neutral_answer_a_day_and_is_seen_by_a_nurse(house: House) -> None:
    await house.text("+12025550177", "hello who is this")
    await house.text("+12025550177", "hello?")
    assert len(await house.sent("neutral")) == 1
    [item] = await house.rows(escalations)
    assert item.patient_id is None
    house.clock.time += timedelta(days=1, minutes=1)
    await house.text("+12025550177", "hello again")
    assert len(await house.sent("neutral")) == 2


async def test_a_short_code_gets_no_answer_at_all(house: House) -> None:
    await house.text("72345", "Your code is 12345")
    assert await house.rows(communications, communications.c.direction == "out") == []


async def test_two_patients_on_one_phone_are_asked_and_never_guessed(house: House) -> None:
    fay, gus = house.clinic.fay, house.clinic.gus
    await house.text(fay.number, "I have chest pain")
    [kept] = await house.rows(communications, communications.c.direction == "in")
    assert kept.patient_id is None
    [item] = await house.rows(escalations)
    assert (by_rank(item.urgency_rank), item.patient_id) == ("emergency", None)
    await house.text(fay.number, "1")  # the answer to the safety text, not a name
    await house.text(fay.number, "my weight is 180")
    [question] = await house.sent("answer")
    assert "1 for F." in question.body
    assert "2 for G." in question.body
    await house.text(fay.number, "2")
    said = await house.rows(communications, communications.c.direction == "in")
    assert [one.patient_id for one in said] == [gus.id] * 4
    [item] = await house.rows(escalations)
    assert item.patient_id == gus.id
    assert {one.patient_id for one in await house.rows(observations)} == {gus.id}


async def test_a_number_that_is_not_safe_is_frozen_and_gets_no_text(house: House) -> None:
    await house.text(house.clinic.ana.number, "he reads my phone, don't text back. I have chest pain")
    [phone] = await house.rows(phones, phones.c.id == house.clinic.ana.phone_id)
    assert phone.unsafe_since is not None
    [item] = await house.rows(escalations)
    assert item.do_not_contact
    assert item.reached == "not_reached"
    assert await house.rows(communications, communications.c.direction == "out") == []


async def test_out_of_hours_the_patient_is_told_at_once_with_the_number_to_call(house: House) -> None:
    house.clock.time = NIGHT
    await house.text(house.clinic.ana.number, "can someone call me please")
    out = await house.rows(communications, communications.c.direction == "out")
    assert len(out) == 1
    assert "+12025550199" in out[0].body


async def test_the_only_organization_takes_a_text_to_any_number(house: House) -> None:
    receipt = await house.text(house.clinic.ana.number, "hello", to="+12025550188")
    assert receipt is Receipt.STORED
    assert len(await house.rows(inbound_events)) == 1


async def test_a_batch_of_many_patients_takes_few_statements(house: House) -> None:
    from sqlalchemy import event

    statements: list[str] = []
    event.listen(house.database.engine.sync_engine, "before_cursor_execute", lambda c, cur, statement, *rest: statements.append(statement))
    people = [house.clinic.ana, house.clinic.ben, house.clinic.chi]
    await house.texts(*[(person.number, "I feel fine today") for person in people for _ in range(5)])
    assert len(statements) < 40, len(statements)
    async with house.database.reading() as connection:
        assert await connection.scalar(select(func.count()).select_from(communications)) >= 15


async def test_a_picture_without_words_is_seen_by_a_nurse(house: House) -> None:
    message = InboundMessage("twilio", "AC1", "MMone", house.clinic.ana.number, SENDER, "", 1, "", {})
    assert await receive_replies(house.database, house.knowledge, house.clock, [message]) == [Receipt.STORED]
    rules = {concern.rule for concern in await house.rows(concerns)}
    assert "machine.media" in rules


@pytest.mark.law(4)
async def test_the_question_who_writes_needs_a_consent_for_the_phone_and_an_answer_any_programme(house: House) -> None:
    await house.text(house.clinic.fay.number, "good morning")
    await house.text(house.clinic.chi.number, "can somebody call me please")
    async with house.database.transaction() as connection:
        await connection.execute(update(consents).where(consents.c.patient_id == house.clinic.chi.id).values(programme="heart_failure"))
        due = await claims.routine_ids(connection, house.clinic.organization_id, house.clock.now(), 10)
        rulings = await judge_texts(connection, house.knowledge.law, await outbox.load(connection, due), house.clock.now())
    assert len(rulings) >= 1
    assert {ruling.verdict for _, ruling, _ in rulings} == {"send"}
    async with house.database.transaction() as connection:
        await connection.execute(update(consents).values(revoked_at=house.clock.now()))
        rulings = await judge_texts(connection, house.knowledge.law, await outbox.load(connection, due), house.clock.now())
    assert [ruling.why for _, ruling, _ in rulings] == ["no_consent"] * len(rulings)


async def test_who_writes_to_another_of_our_numbers_is_answered_from_that_one(house: House) -> None:
    second, ids = "+12025550150", {}
    now, owner = house.clock.now(), house.clinic.organization_id
    async with house.database.transaction() as connection:
        for sender, use in ((second, "patients"), ("+12025550151", "pages")):
            ids[sender] = new_id(now)
            named = {"organization_id": owner, "provider": "twilio", "sender": sender}
            await connection.execute(insert(sender_numbers).values(id=new_id(now), purpose=use, position=1, **named))
            await connection.execute(insert(senders).values(id=ids[sender], kind="long_code", created_at=now, **named))
    [first] = await house.rows(senders, senders.c.sender == SENDER)

    async def known() -> list[Any]:
        async with house.database.reading() as connection:
            return list((await connection.scalars(select(known_senders.c.sender_id))).all())

    for to, expected in ((second, ids[second]), (second, ids[second]), ("+12025550151", ids[second]), (SENDER, first.id)):
        await house.text(house.clinic.ana.number, "Thank you", to=to)
        assert await known() == [expected]
