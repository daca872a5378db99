"""A number that is somebody else's, may be, or is stopped at the provider: it gets nothing more, and the patient's care goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update

from service.actions.notice_unconfirmed import notice_unconfirmed
from service.actions.obey import LONG_SILENCE
from service.actions.place_calls import place_calls
from service.actions.receive_reply import receive_replies
from service.db.calls import calls, plan
from service.db.changes import Changes
from service.db.check_in import check_ins, enrollments, flow_sessions
from service.db.communication import communications
from service.db.contexts import load_contexts
from service.db.escalation import concerns, escalations
from service.db.patient import consents, patient_phones, patients, phones
from service.domain.communication import Purpose
from service.domain.urgency import by_rank
from service.telephony.port import InboundMessage, OutgoingText, PermanentFailure
from tests.actions.line import Line
from tests.seed import SENDER, Person

OTHER = "+12025550161"
STRANGER = "+12025550177"


@pytest.fixture
async def line(database_url: str) -> AsyncIterator[Line]:
    async with Line.serving(database_url) as line:
        yield line


async def rules(line: Line, *where: Any) -> set[str]:
    return {row.rule for row in await line.rows(concerns, *where)}


async def holds(line: Line, person: Person) -> set[Any]:
    """Phones for which a consent of this patient holds."""
    return {row.phone_id for row in await line.rows(consents, consents.c.patient_id == person.id) if row.revoked_at is None}


def refuses(code: str, effect: str) -> Any:
    def behave(text: OutgoingText) -> None:
        raise PermanentFailure(code, "refused", effect)

    return behave


@pytest.mark.law(4)
@pytest.mark.parametrize("words", ["wrong number", "this is not Chi", "I got this number new", "número equivocado"])
async def test_a_wrong_number_stops_everything_on_it_and_the_patient_keeps_the_others(line: Line, words: str) -> None:
    chi = line.clinic.chi
    other = await line.second_phone(chi, OTHER)
    await line.planned(chi)
    await line.work()
    await line.send()
    await line.text(chi, "more", Purpose.ANSWER)
    await line.says(chi.number, words)
    assert await line.send() == []
    assert await holds(line, chi) == {other}
    [link] = await line.rows(patient_phones, patient_phones.c.phone_id == chi.phone_id)
    assert link.ended_why == "wrong_number"
    assert [row.status for row in await line.rows(flow_sessions)] == ["ended"]
    [item] = await line.rows(escalations, escalations.c.kind == "clinical")
    assert (item.patient_id, by_rank(item.urgency_rank)) == (chi.id, "same_day")
    assert {row.status for row in await line.rows(enrollments)} == {"active"}
    async with line.database.transaction() as connection:
        context = (await load_contexts(connection, [chi.id], line.now))[chi.id]
    assert [phone.number for phone in context.phones] == [OTHER]
    assert [phone.number for phone in context.former_phones] == [chi.number]


@pytest.mark.law(4)
@pytest.mark.parametrize("at_once", [True, False])
async def test_a_stranger_who_says_wrong_number_and_stop_ends_their_own_texts_not_the_patients_care(line: Line, at_once: bool) -> None:
    chi = line.clinic.chi
    other = await line.second_phone(chi, OTHER)
    await line.enroll(chi)
    if at_once:
        await line.says(chi.number, "wrong number, stop texting me")
    else:
        await line.says(chi.number, "wrong number")
        await line.says(chi.number, "STOP")
    assert [text.to for text in await line.send()] == [chi.number]  # one confirmation, to the stranger
    assert await holds(line, chi) == {other}
    assert {row.status for row in await line.rows(enrollments)} == {"active"}
    [number] = await line.rows(phones, phones.c.id == chi.phone_id)
    assert number.opted_out_at is not None
    assert "machine.opt_out" not in await rules(line, concerns.c.escalation_id.in_(await items_of(line, chi)))


async def items_of(line: Line, person: Person) -> list[Any]:
    return [row.id for row in await line.rows(escalations, escalations.c.patient_id == person.id)]


async def test_a_number_used_again_by_a_stranger_is_never_the_patients_and_danger_from_it_acts(line: Line) -> None:
    chi = line.clinic.chi
    await line.says(chi.number, "wrong number")
    await line.says(chi.number, "my weight is 200")
    await line.says(chi.number, "I have chest pain")
    said = await line.rows(communications, communications.c.direction == "in")
    assert [row.patient_id for row in said] == [chi.id, None, None]
    [item] = await line.rows(escalations, escalations.c.patient_id.is_(None))
    assert (by_rank(item.urgency_rank), item.phone_id, item.team_id) == ("emergency", chi.phone_id, chi.team_id)
    told = await line.rows(concerns, concerns.c.escalation_id == item.id)
    assert any("taken off a patient's record" in row.reason for row in told)
    assert any("911" in text.body for text in await line.send())


async def test_a_text_in_the_same_batch_as_the_wrong_number_is_the_strangers(line: Line) -> None:

    chi = line.clinic.chi
    texts = [
        InboundMessage("twilio", "AC1", f"SM{n}", chi.number, SENDER, body, 0, "", {}) for n, body in enumerate(("wrong number", "STOP"))
    ]
    await receive_replies(line.database, line.knowledge, line.clock, texts)
    said = await line.rows(communications, communications.c.direction == "in")
    assert [row.patient_id for row in said] == [chi.id, None]


async def test_a_patient_without_another_number_is_not_asked_and_their_team_is_told(line: Line) -> None:
    chi = line.clinic.chi
    await line.says(chi.number, "wrong number")
    await line.planned(chi)
    await line.work()
    [check_in] = await line.rows(check_ins, check_ins.c.due_at <= line.now)
    assert check_in.status == "cancelled"
    assert "no_phone" in await rules(line)
    assert await line.send() == []


async def test_somebody_else_on_a_number_silent_for_long_is_a_doubt_that_only_staff_lifts(line: Line) -> None:
    chi = line.clinic.chi
    await line.set(patients, chi.id, last_inbound_at=line.now - LONG_SILENCE)
    await line.says(chi.number, "this is her daughter, she is fine")
    assert "machine.number_in_doubt" in await rules(line)
    await line.says(chi.number, "hello?")
    [link] = await line.rows(patient_phones, patient_phones.c.phone_id == chi.phone_id)
    assert link.doubted_at is not None
    await line.planned(chi)
    await line.work()
    assert [row.status for row in await line.rows(check_ins, check_ins.c.due_at <= line.now)] == ["cancelled"]


@pytest.mark.law(4)
@pytest.mark.parametrize("silent_days", [44, 45])
async def test_start_from_a_number_silent_for_long_is_a_doubt_too(line: Line, silent_days: int) -> None:
    """Whoever got the number from the carrier may have written it: nothing of the patient's goes there before staff has asked."""
    chi = line.clinic.chi
    await line.says(chi.number, "STOP")
    await line.send()
    await line.set(patients, chi.id, last_inbound_at=line.now - timedelta(days=silent_days))
    await line.says(chi.number, "START")
    in_doubt = silent_days >= LONG_SILENCE.days
    [link] = await line.rows(patient_phones, patient_phones.c.phone_id == chi.phone_id)
    assert (link.doubted_at is not None) is in_doubt
    assert ("machine.number_in_doubt" in await rules(line)) is in_doubt
    assert ["welcome back" in text.body for text in await line.send()] == ([] if in_doubt else [True])


@pytest.mark.law(1)
@pytest.mark.parametrize("sender", ["whatsapp:+12025550101", "ana@mail.example"])
async def test_danger_from_an_odd_sender_is_kept_and_seen_by_a_person(line: Line, sender: str) -> None:
    await line.says(sender, "I have chest pain and cannot breathe")
    [item] = await line.rows(escalations)
    assert item.urgency_rank == 0
    [kept] = await line.rows(communications, communications.c.direction == "in")
    assert kept.body == "I have chest pain and cannot breathe"
    await line.send()


async def test_a_daughter_on_the_phone_of_a_patient_who_wrote_lately_is_no_doubt(line: Line) -> None:
    chi = line.clinic.chi
    await line.set(patients, chi.id, last_inbound_at=line.now - timedelta(days=1))
    await line.says(chi.number, "this is her daughter, she is fine")
    assert "machine.number_in_doubt" not in await rules(line)


@pytest.mark.law(4)
@pytest.mark.parametrize("later", [False, True])
async def test_a_block_at_the_provider_ends_everything_like_a_stop(line: Line, later: bool) -> None:
    chi = line.clinic.chi
    await line.second_phone(chi, OTHER)
    await line.says(chi.number, "good morning")
    await line.send()
    await line.enroll(chi)
    await line.start(chi)
    if later:
        await line.text(chi, "before", Purpose.CHECK_IN)
        await line.send()
        await line.provider_says(line.provider.kept[0].provider_id, "failed", "21610")
    else:
        line.provider.behave = refuses("21610", "opted_out")
        await line.text(chi, "before", Purpose.CHECK_IN)
        await line.send()
    assert await holds(line, chi) == set()
    assert {row.status for row in await line.rows(enrollments)} == {"opted_out"}
    assert {row.status for row in await line.rows(flow_sessions)} == {"ended"}
    told = [row for row in await line.rows(concerns) if row.rule == "opted_out_at_provider"]
    assert len(told) == 1
    line.provider.behave = lambda text: None
    await line.text(chi, "after", Purpose.CHECK_IN)
    assert await line.send() == []
    await line.says(chi.number, "START", opt_out_type="START")
    await line.text(chi, "again", Purpose.CHECK_IN)
    assert [text.body for text in await line.send()] != []


async def test_a_block_on_the_confirmation_of_a_stop_opens_no_item_of_its_own(line: Line) -> None:
    chi = line.clinic.chi
    line.provider.behave = refuses("21610", "opted_out")
    await line.says(chi.number, "stop texting me")
    await line.send()
    assert [row.status for row in await line.rows(communications, communications.c.direction == "out")] == ["failed"]
    [item] = await line.rows(escalations)
    assert (item.patient_id, item.kind) == (chi.id, "clinical")
    assert await rules(line) == {"machine.opt_out"}


@pytest.mark.parametrize(("code", "effect"), [("21610", "opted_out"), ("30005", "recycled")])
async def test_a_block_from_a_number_that_never_wrote_is_a_doubt_whose_it_is(line: Line, code: str, effect: str) -> None:
    ana = line.clinic.ana
    other = await line.second_phone(ana, OTHER)
    line.provider.behave = refuses(code, effect)
    await line.text(ana, "before", Purpose.CHECK_IN)
    await line.send()
    assert await holds(line, ana) == {ana.phone_id, other}
    [link] = await line.rows(patient_phones, patient_phones.c.phone_id == ana.phone_id)
    assert link.doubted_at is not None
    assert "number_in_doubt" in await rules(line)
    async with line.database.transaction() as connection:
        context = (await load_contexts(connection, [ana.id], line.now))[ana.id]
    assert [phone.number for phone in context.phones] == [OTHER, ana.number]  # the other number is the one to use now


@pytest.mark.parametrize("first", [True, False])
async def test_a_reply_from_either_phone_is_the_patients_and_a_stop_on_one_ends_both(line: Line, first: bool) -> None:
    chi = line.clinic.chi
    other = await line.second_phone(chi, OTHER)
    await line.says(OTHER if first else chi.number, "good morning")
    assert [row.patient_id for row in await line.rows(communications, communications.c.direction == "in")] == [chi.id]
    await line.send()
    await line.says(OTHER if first else chi.number, "STOP")
    await line.send()
    for phone_id in (chi.phone_id, other):
        await line.text(chi, "after", Purpose.CHECK_IN, phone_id=phone_id)
    assert await line.send() == []
    assert await holds(line, chi) == set()


async def test_check_ins_go_to_the_first_number_that_has_a_consent(line: Line) -> None:
    chi = line.clinic.chi
    await line.second_phone(chi, OTHER)
    async with line.database.transaction() as connection:
        await connection.execute(
            update(consents).where(consents.c.phone_id == chi.phone_id).values(revoked_at=line.now, revoked_why="staff")
        )
    await line.planned(chi)
    await line.work()
    assert [text.to for text in await line.send()] == [OTHER]


async def test_an_unknown_sender_who_stopped_hears_nothing_but_help_and_danger(line: Line) -> None:
    await line.says(STRANGER, "STOP")
    assert len(await line.send()) == 1
    line.clock.forward(days=2)
    await line.says(STRANGER, "who are you")
    assert await line.send() == []
    await line.says(STRANGER, "HELP")
    assert len(await line.send()) == 1
    await line.says(STRANGER, "I can't breathe")
    assert any("911" in text.body for text in await line.send())


@pytest.mark.parametrize("sender", ["72345", "RIVERSIDE", "anonymous", "+266696687", ""])
async def test_short_codes_names_and_withheld_numbers_are_kept_and_never_answered(line: Line, sender: str) -> None:
    await line.says(sender or "unknown", "Your parcel has arrived")
    assert await line.send() == []
    assert len(await line.rows(escalations)) == 1


async def test_two_machines_that_answer_each_other_come_to_an_end(line: Line) -> None:
    sent = 0
    for turn in range(40):
        await line.says(STRANGER, f"Oakwood Plumbing has your request number {turn} on its list")
        sent += len(await line.send())
        line.clock.forward(minutes=1)
    assert sent == 1
    assert len(await line.rows(communications, communications.c.direction == "in")) == 40


@pytest.mark.law(4)
@pytest.mark.parametrize("purpose", [Purpose.SAFETY, Purpose.CHECK_IN, Purpose.REMINDER])
async def test_a_number_that_is_not_safe_gets_no_text_and_no_call(line: Line, purpose: Purpose) -> None:
    eva = line.clinic.eva
    await line.says(eva.number, "he reads my phone, don't text or call me back")
    for each in (purpose, Purpose.NURSE, Purpose.OPT_OUT_CONFIRMATION, Purpose.HELP):
        await line.text(eva, "later", each)
    async with line.database.transaction() as connection:
        changes = Changes(line.now)
        whose: dict[str, Any] = {
            "organization_id": eva.organization_id,
            "patient_id": eva.id,
            "phone_id": eva.phone_id,
            "flow_session_id": None,
        }
        plan(changes, **whose, programme="", purpose=purpose, number=1, due_at=line.now, useful_until=None)
        await changes.write(connection)
    assert await line.send() == []
    await place_calls(line.database, {}, line.clock, "node-1", line.knowledge.law)
    [call] = await line.rows(calls)
    assert call.status == "cancelled"
    assert purpose is not Purpose.SAFETY or call.reason == "unsafe_to_contact"
    assert all(row.do_not_contact for row in await line.rows(escalations, escalations.c.kind == "clinical"))


async def test_a_landline_that_is_not_safe_is_not_called_in_place_of_the_text(line: Line) -> None:
    chi = line.clinic.chi
    async with line.database.transaction() as connection:
        given = {"organization_id": chi.organization_id, "patient_id": chi.id, "phone_id": chi.phone_id, "channel": "voice"}
        rest = {"programme": "", "detail": False, "per_day": 1, "source": "form", "wording_version": "1", "given_at": line.now}
        await connection.execute(insert(consents).values(id=chi.id, **given, **rest))
    await line.planned(chi)
    await line.work()

    async def unsafe_meanwhile(text: OutgoingText) -> None:
        await line.says(chi.number, "don't text me here, my husband checks my phone")

    line.provider.during = unsafe_meanwhile
    line.provider.behave = refuses("21614", "not_mobile")
    await line.send()
    await place_calls(line.database, {}, line.clock, "node-1", line.knowledge.law)
    assert {row.status for row in await line.rows(calls)} <= {"cancelled"}


async def test_a_doubted_number_stays_unconfirmed_in_the_daily_look(line: Line) -> None:
    chi = line.clinic.chi
    await line.enroll(chi, created_at=line.now - timedelta(days=3))
    await line.says(chi.number, "wrong number")
    await notice_unconfirmed(line.database, line.knowledge, line.now)
    assert "machine.wrong_number" in await rules(line)
