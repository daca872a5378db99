"""Relatives and carers write from their own number: within their scope they answer for the patient, beyond it a nurse reads them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert

from service.actions.follow_up_safety_texts import follow_up_safety_texts
from service.actions.time_out_sessions import time_out_sessions
from service.db.communication import communications
from service.db.escalation import concerns, escalation_events, escalations
from service.db.leases import FOLLOWED_UP
from service.db.observation import observations
from service.db.patient import consents, patients, phones, related_persons
from service.db.schema import new_id
from service.domain.related_person import Scope
from service.domain.urgency import by_rank
from tests.actions.house import House, content
from tests.actions.line import Line
from tests.seed import Person, seed_phone

DAUGHTER = "+12025550171"
EVERYTHING = (Scope.READINGS, Scope.SYMPTOMS)


@pytest.fixture
async def line(database_url: str) -> AsyncIterator[Line]:
    async with Line.serving(database_url) as line:
        yield line


async def relative(line: Line, person: Person, *scope: Scope, number: str = DAUGHTER, expires_on: date | None = None) -> UUID:
    """The patient's daughter with her own number and this scope."""
    async with line.database.transaction() as connection:
        known = [row.id for row in await line.rows(phones) if row.number == number]
        phone_id = known[0] if known else await seed_phone(connection, person.organization_id, line.now, number)
        id = new_id(line.now)
        whose = {"id": id, "organization_id": person.organization_id, "patient_id": person.id, "phone_id": phone_id}
        signed = {"signed_by": "The patient", "signed_on": line.now.date(), "expires_on": expires_on}
        await connection.execute(
            insert(related_persons).values(**whose, **signed, name="Dora Sample", relation="Daughter", scope=[one.value for one in scope])
        )
        if scope:
            given = {"organization_id": person.organization_id, "patient_id": person.id, "phone_id": phone_id, "channel": "sms"}
            rest = {
                "programme": "",
                "detail": False,
                "per_day": 0,
                "per_week": 0,
                "source": "related person",
                "wording_version": "relative",
            }
            await connection.execute(insert(consents).values(id=new_id(line.now), **given, **rest, given_at=line.now))
    return id


async def reasons(line: Line) -> list[str]:
    return [row.reason for row in await line.rows(concerns)]


async def kept(line: Line) -> set[tuple[UUID, str, float | None]]:
    return {(row.patient_id, row.name, row.value) for row in await line.rows(observations)}


async def test_a_daughter_within_her_scope_answers_the_check_in_and_it_is_tagged_as_hers(line: Line) -> None:
    chi = line.clinic.chi
    id = await relative(line, chi, *EVERYTHING)
    await line.start(chi)
    await line.says(DAUGHTER, "her weight is 158")
    assert (chi.id, "weight", 158.0) in await kept(line)
    [said] = await line.rows(communications, communications.c.direction == "in")
    assert (said.patient_id, said.related_person_id) == (chi.id, id)
    [patient] = await line.rows(patients, patients.c.id == chi.id)
    assert patient.last_inbound_at is None  # the patient has not been heard


async def test_a_symptom_of_the_patient_is_said_by_the_daughter(line: Line) -> None:
    chi = line.clinic.chi
    await relative(line, chi, *EVERYTHING)
    await line.says(DAUGHTER, "she can't breathe")
    [item] = await line.rows(escalations)
    assert (item.patient_id, by_rank(item.urgency_rank)) == (chi.id, "emergency")
    assert all(reason.startswith("Said by the daughter: ") for reason in await reasons(line))
    [text] = await line.send()
    assert (text.to, "911" in text.body) == (DAUGHTER, True)


@pytest.mark.parametrize("words", ["I have chest pain", "tengo dolor de pecho"])
async def test_a_first_person_is_the_relative_or_the_patient_and_is_not_guessed(line: Line, words: str) -> None:
    chi = line.clinic.chi
    await relative(line, chi, *EVERYTHING)
    await line.start(chi)
    await line.says(DAUGHTER, words)
    [item] = await line.rows(escalations)
    assert (item.patient_id, by_rank(item.urgency_rank)) == (chi.id, "emergency")
    assert all("of themself or of the patient, ask who" in reason for reason in await reasons(line))
    assert await kept(line) == set()
    assert any("911" in text.body for text in await line.send())


@pytest.mark.parametrize(
    ("scope", "expires"), [((), None), ((Scope.ALERT_EMERGENCY,), None), (EVERYTHING, -1)], ids=["nothing agreed", "alerts only", "expired"]
)
async def test_beyond_the_scope_a_nurse_reads_it_and_nothing_counts_as_the_patients(line: Line, scope: Any, expires: int | None) -> None:
    chi = line.clinic.chi
    until = None if expires is None else (line.now + timedelta(days=expires)).date()
    await relative(line, chi, *scope, expires_on=until)
    await line.start(chi)
    await line.says(DAUGHTER, "her weight is 158")
    assert await kept(line) == set()
    assert "The daughter wrote: read it" in await reasons(line)
    assert await line.send() == []


async def test_the_last_day_of_a_scope_still_counts(line: Line) -> None:
    chi = line.clinic.chi
    await relative(line, chi, *EVERYTHING, expires_on=line.now.date())
    await line.start(chi)
    await line.says(DAUGHTER, "158")
    assert (chi.id, "weight", 158.0) in await kept(line)


async def test_readings_alone_do_not_report_symptoms(line: Line) -> None:
    chi = line.clinic.chi
    await relative(line, chi, Scope.READINGS)
    await line.says(DAUGHTER, "she has some swelling in her ankles, weight 158")
    names = {name for _, name, _ in await kept(line)}
    assert "weight" in names
    assert not any("swelling" in name for name in names)


@pytest.mark.law(4)
@pytest.mark.parametrize("may_stop", [False, True])
async def test_a_relatives_stop_is_their_own_unless_it_was_agreed(line: Line, may_stop: bool) -> None:
    chi = line.clinic.chi
    await relative(line, chi, *EVERYTHING, *([Scope.MAY_STOP] if may_stop else []))
    await line.says(DAUGHTER, "STOP")
    ended = {row.revoked_at is not None for row in await line.rows(consents, consents.c.patient_id == chi.id)}
    assert ended == {may_stop}
    rules = {row.rule for row in await line.rows(concerns)}
    assert rules == {"machine.opt_out" if may_stop else "machine.related_opt_out"}


async def test_a_wrong_number_of_a_relative_takes_it_off_and_leaves_the_patient(line: Line) -> None:
    chi = line.clinic.chi
    id = await relative(line, chi, *EVERYTHING)
    await line.says(DAUGHTER, "you have the wrong number")
    [row] = await line.rows(related_persons, related_persons.c.id == id)
    assert row.ended_at is not None
    await line.says(DAUGHTER, "what is this about")
    assert [one.patient_id for one in await line.rows(communications, communications.c.direction == "in")] == [chi.id, None]
    assert any(row.revoked_at is None for row in await line.rows(consents, consents.c.patient_id == chi.id))


async def test_a_daughter_of_two_patients_is_asked_about_whom_she_writes(line: Line) -> None:
    ana, chi = line.clinic.ana, line.clinic.chi
    await relative(line, ana, *EVERYTHING)
    await relative(line, chi, *EVERYTHING)
    await line.says(DAUGHTER, "her weight is 158")
    [said] = await line.rows(communications, communications.c.direction == "in")
    assert said.patient_id is None
    assert any("1 for A., 2 for C." in row.body for row in await line.rows(communications, communications.c.direction == "out"))
    await line.says(DAUGHTER, "2")
    said = await line.rows(communications, communications.c.direction == "in")
    assert [row.patient_id for row in said] == [chi.id, chi.id]
    assert all(row.related_person_id is not None for row in said)


async def test_a_relative_never_answers_a_questionnaire_of_mood(line: Line) -> None:
    chi = line.clinic.chi
    await relative(line, chi, *EVERYTHING)
    clock: Any = line.clock
    await House(line.database, line.clinic, line.knowledge, clock).start_flow(chi, content().flows["depression/phq"])
    await line.says(DAUGHTER, "2")
    assert "The daughter wrote: read it" in await reasons(line)
    assert await kept(line) == set()


async def test_what_follows_on_a_daughters_answer_reaches_her(line: Line) -> None:
    chi = line.clinic.chi
    await relative(line, chi, *EVERYTHING)
    await line.start(chi)
    await line.says(DAUGHTER, "her weight is 158")
    assert {text.to for text in await line.send()} == {DAUGHTER}


async def test_no_drug_is_named_to_a_daughter_who_answers_though_the_patient_agreed_to_names_on_their_own_phone(line: Line) -> None:
    chi = line.clinic.chi
    await relative(line, chi, *EVERYTHING)
    for number, named in ((DAUGHTER, False), (chi.number, True)):
        await line.start(chi)
        asked = []
        for answer in ("158", "no", "no"):
            await line.says(number, answer)
            asked += [text.body for text in await line.send() if text.to == number]
        assert any("pill" in text or "medicine" in text for text in asked), asked
        assert any("water pill" in text for text in asked) is named, asked
        line.clock.forward(days=1)


async def test_a_relative_is_told_of_an_emergency_without_a_word_on_health(line: Line) -> None:
    chi = line.clinic.chi
    id = await relative(line, chi, Scope.ALERT_EMERGENCY)
    await line.says(chi.number, "I have chest pain")
    [text] = [text for text in await line.send() if text.to == DAUGHTER]
    assert "Chi" in text.body
    assert not any(word in text.body.lower() for word in ("chest", "pain", "heart", "nurse", "symptom"))
    [row] = await line.rows(communications, communications.c.purpose == "relative")
    assert row.related_person_id == id
    await line.says(chi.number, "it hurts a lot, chest pain")
    assert not [text for text in await line.send() if text.to == DAUGHTER]  # once an incident


@pytest.mark.parametrize("words", ["I want to kill myself", "my husband hits me", "he reads my phone, don't text back. I have chest pain"])
async def test_nobody_at_home_hears_of_despair_or_violence(line: Line, words: str) -> None:
    chi = line.clinic.chi
    await relative(line, chi, Scope.ALERT_EMERGENCY, Scope.ALERT_SILENCE)
    await line.says(chi.number, words)
    assert by_rank((await line.rows(escalations))[0].urgency_rank) == "emergency"
    assert not [text for text in await line.send() if text.to == DAUGHTER]


@pytest.mark.parametrize(("scope", "told"), [(Scope.ALERT_SILENCE, 1), (Scope.ALERT_EMERGENCY, 0), (Scope.READINGS, 0)])
async def test_a_relative_is_told_of_silence_only_within_the_scope(line: Line, scope: Scope, told: int) -> None:
    chi = line.clinic.chi
    await relative(line, chi, scope)
    await line.start(chi)
    heard = []
    for _ in range(36):
        line.clock.forward(minutes=15)
        await time_out_sessions(line.database, line.knowledge, line.now)
        heard += [text for text in await line.send() if text.to == DAUGHTER]
    assert len(heard) == told


@pytest.mark.law(4)
async def test_a_relative_who_has_stopped_is_told_nothing(line: Line) -> None:
    chi = line.clinic.chi
    await relative(line, chi, Scope.ALERT_EMERGENCY)
    await line.says(DAUGHTER, "STOP")
    await line.send()
    await line.says(chi.number, "I have chest pain")
    assert not [text for text in await line.send() if text.to == DAUGHTER]


@pytest.mark.law(4)
async def test_a_relative_who_stopped_for_the_patient_hears_that_once_and_nothing_after_the_patients_START(
    line: Line,
) -> None:
    chi = line.clinic.chi
    await relative(line, chi, *EVERYTHING, Scope.MAY_STOP, Scope.ALERT_EMERGENCY)
    await line.says(DAUGHTER, "STOP")
    await line.says(DAUGHTER, "stop")
    assert [text.to for text in await line.send()] == [DAUGHTER]
    assert [row.rule for row in await line.rows(concerns)].count("machine.opt_out") == 1
    await line.says(chi.number, "START")
    await line.send()
    await line.says(chi.number, "I have chest pain")
    assert DAUGHTER not in {text.to for text in await line.send()}


@pytest.mark.law(2)
async def test_START_of_a_relative_promises_no_check_ins_that_stay_ended_and_a_nurse_is_told(line: Line) -> None:
    chi = line.clinic.chi
    await relative(line, chi, *EVERYTHING, Scope.MAY_STOP)
    await line.says(DAUGHTER, "STOP")
    await line.send()
    await line.says(DAUGHTER, "START")
    assert await line.send() == []
    assert all(row.revoked_at is not None for row in await line.rows(consents, consents.c.patient_id == chi.id))
    assert "machine.related_opt_in" in {row.rule for row in await line.rows(concerns)}


@pytest.mark.law(4)
@pytest.mark.parametrize("words", ["don't text mom, he reads her phone", "he reads my phone, don't text back"])
async def test_a_daughter_who_says_that_a_phone_is_not_safe_freezes_hers_and_the_patients(line: Line, words: str) -> None:
    chi = line.clinic.chi
    await relative(line, chi, *EVERYTHING)
    await line.planned(chi)
    await line.says(DAUGHTER, words)
    await line.work()
    assert await line.send() == []
    unsafe = {row.number for row in await line.rows(phones) if row.unsafe_since is not None}
    assert unsafe == {DAUGHTER, chi.number}
    [item] = await line.rows(escalations, escalations.c.patient_id == chi.id)
    assert item.do_not_contact


@pytest.mark.law(4)
async def test_what_waits_for_a_relative_does_not_go_to_the_stranger_who_has_their_number(line: Line) -> None:
    chi = line.clinic.chi
    await relative(line, chi, Scope.ALERT_EMERGENCY)
    await line.says(chi.number, "I have chest pain")
    await line.says(DAUGHTER, "you have the wrong number")
    assert {text.to for text in await line.send()} == {chi.number}


async def calls_after(line: Line) -> str:
    """What the item says about the call after two and a half minutes of silence."""
    line.clock.forward(seconds=150)
    await follow_up_safety_texts(line.database, line.knowledge.follow_through, line.now)
    noted = await line.rows(escalation_events, escalation_events.c.what == FOLLOWED_UP)
    return noted[0].detail["call"] if noted else "not silent"


@pytest.mark.law(2)
@pytest.mark.parametrize("words", ["3", "ok on my way"])
async def test_a_relative_who_was_told_does_not_speak_for_a_patient_in_danger(line: Line, words: str) -> None:
    chi = line.clinic.chi
    await relative(line, chi, Scope.ALERT_EMERGENCY)
    await line.says(chi.number, "I have chest pain")
    await line.send()
    line.clock.forward(seconds=20)
    await line.says(DAUGHTER, words)
    assert not any(row.rule.startswith("safety.") for row in await line.rows(concerns))
    assert await calls_after(line) != "not silent"


async def test_a_daughter_whom_the_safety_text_went_to_answers_it_in_her_own_name(line: Line) -> None:
    chi = line.clinic.chi
    await relative(line, chi)
    await line.says(DAUGHTER, "she can't breathe")
    await line.send()
    line.clock.forward(seconds=20)
    await line.says(DAUGHTER, "1")
    [answer] = [row for row in await line.rows(concerns) if row.rule.startswith("safety.")]
    assert answer.reason.startswith("Said by the daughter: ")
    assert await calls_after(line) == "not silent"


async def test_silence_after_words_of_violence_is_told_to_nobody_at_home(line: Line) -> None:
    chi = line.clinic.chi
    await relative(line, chi, Scope.ALERT_SILENCE)
    await line.says(chi.number, "my husband hits me")
    await line.send()
    await line.start(chi)
    heard = []
    for _ in range(36):
        line.clock.forward(minutes=15)
        await time_out_sessions(line.database, line.knowledge, line.now)
        heard += [text.to for text in await line.send()]
    assert chi.number in heard
    assert DAUGHTER not in heard
