"""The heart failure check-in as a telephone call, in both languages: TwiML walked by a callee, over HTTP, on both databases."""

from __future__ import annotations

from uuid import UUID

import pytest

from service.db.calls import calls
from service.db.check_in import flow_sessions
from service.db.communication import communications, inbound_events
from service.db.escalation import concerns, escalations
from service.db.observation import observations
from service.db.patient import consents, patients
from service.domain.call import CallInput
from service.engine.call import digits_of
from tests.actions.house import NIGHT, content
from tests.calls.conftest import Telephones
from tests.seed import Person

HEALTH_WORDS = ("weight", "breath", "pill", "medicine", "swell", "peso", "respira", "diurético", "medicina", "hinchad")


async def rules_of(house: Telephones, person: Person) -> set[str]:
    rows = await house.rows(escalations, escalations.c.patient_id == person.id)
    ids = {row.id for row in rows}
    return {row.rule for row in await house.rows(concerns) if row.escalation_id in ids}


@pytest.fixture(params=["en", "es"])
async def patient(request: pytest.FixtureRequest, telephones: Telephones) -> Person:
    """Chi in English, who agreed to texts and calls; Eva in Spanish, who agreed to calls alone."""
    if request.param == "es":
        return telephones.clinic.eva
    await telephones.agree_to_calls(telephones.clinic.chi)
    return telephones.clinic.chi


async def test_a_check_in_by_keys(telephones: Telephones, patient: Person) -> None:
    call = await telephones.ring(patient)
    said = await call.pick_up()
    assert "Riverside Clinic" in said
    assert not any(word in said.text.lower() for word in HEALTH_WORDS), "no word of health before the identity check"
    said = await call.press("1950")
    assert any(word in said.text.lower() for word in ("weight", "pesa"))
    said = await call.press("180*4#")
    assert any(word in said.text.lower() for word in ("breathe", "respira"))
    said = await call.press("2")
    assert any(word in said.text.lower() for word in ("water pill", "diurético"))
    said = await call.press("1")
    assert said.over
    assert call.answers == [200] * 5
    [row] = await telephones.call_rows()
    assert (row.status, row.answered_by, row.provider_id) == ("ended", "person", call.sid)
    [weight] = await telephones.rows(observations, observations.c.name == "weight")
    assert weight.value == 180.4
    [session] = await telephones.rows(flow_sessions)
    assert (session.status, session.state["outcome"]) == ("ended", "completed")
    assert not any(rule.startswith("machine.call") for rule in await rules_of(telephones, patient))


async def test_a_check_in_by_speech(telephones: Telephones, patient: Person) -> None:
    spanish = patient.language == "es"
    call = await telephones.ring(patient)
    await call.pick_up()
    said = await call.speak("mil novecientos cincuenta" if spanish else "nineteen fifty")
    assert any(word in said.text.lower() for word in ("weight", "pesa"))
    said = await call.speak("ciento ochenta libras" if spanish else "one hundred eighty pounds")
    assert any(word in said.text.lower() for word in ("breathe", "respira"))
    said = await call.speak("no, nada de eso" if spanish else "no, none of that")
    assert any(word in said.text.lower() for word in ("water pill", "diurético"))
    said = await call.speak("sí" if spanish else "yes I did")
    assert said.over
    said_by_patient = await telephones.rows(communications, communications.c.direction == "in")
    assert {row.channel for row in said_by_patient} == {"voice"}
    [session] = await telephones.rows(flow_sessions)
    assert session.state["outcome"] == "completed"


@pytest.mark.law(1)
async def test_an_emergency_told_by_voice_is_committed_while_the_call_goes_on(telephones: Telephones, patient: Person) -> None:
    call, _ = await telephones.identified(patient)
    said = await call.speak("me duele mucho el pecho" if patient.language == "es" else "I have bad chest pain", confidence=0.2)
    assert "9 1 1" in said
    assert not said.over
    [item] = await telephones.rows(escalations, escalations.c.patient_id == patient.id)
    assert (item.urgency_rank, item.reached) == (0, "on_its_way")
    said = await call.press("1")
    assert said.over
    [item] = await telephones.rows(escalations, escalations.c.patient_id == patient.id)
    assert item.reached == "delivered", "the caller answered: they have heard it"
    assert "safety.called" in await rules_of(telephones, patient)


async def test_the_hospital_told_by_voice_ends_the_questions_and_check_ins_rest(telephones: Telephones, patient: Person) -> None:
    call, _ = await telephones.identified(patient)
    said = await call.speak("estoy internada en el hospital" if patient.language == "es" else "I'm in the hospital")
    assert said.over
    assert ("siga en el hospital" if patient.language == "es" else "while you are in the hospital") in said.text
    [row] = await telephones.rows(patients, patients.c.id == patient.id)
    assert row.status == "paused"
    assert "machine.in_hospital" in await rules_of(telephones, patient)
    [session] = await telephones.rows(flow_sessions)
    assert session.status == "ended"
    await call.hang_up()
    assert not any(rule.startswith("machine.call") for rule in await rules_of(telephones, patient))


async def test_a_red_flag_before_the_identity_check_counts(telephones: Telephones, patient: Person) -> None:
    call = await telephones.ring(patient)
    await call.pick_up()
    said = await call.speak("no puedo respirar, ayuda" if patient.language == "es" else "she can't breathe, help")
    assert "9 1 1" in said
    [item] = await telephones.rows(escalations, escalations.c.patient_id == patient.id)
    assert item.urgency_rank == 0
    assert "machine.said_before_identity" in await rules_of(telephones, patient)
    assert not await telephones.rows(observations), "nobody knows whose symptoms they are"


async def test_hanging_up_in_mid_emergency_sends_the_safety_text_too(telephones: Telephones) -> None:
    await telephones.agree_to_calls(telephones.clinic.chi)
    call, _ = await telephones.identified(telephones.clinic.chi)
    await call.speak("I have chest pain and I am sweating")
    await call.hang_up()
    [spoken, text] = await telephones.sent("safety")
    assert (spoken.channel, spoken.status) == ("voice", "undelivered")
    assert (text.channel, text.status, text.lane) == ("sms", "due", "emergency")
    assert "911" in text.body


async def test_hanging_up_half_way_keeps_and_judges_what_was_said(telephones: Telephones, patient: Person) -> None:
    call, _ = await telephones.identified(patient)
    await call.press("180#")
    said = await call.speak("me falta el aire más que ayer" if patient.language == "es" else "I am more short of breath than yesterday")
    assert not said.over
    await call.hang_up()
    rules = await rules_of(telephones, patient)
    assert {"heart_failure/daily.breathing_swelling.breathing_worse", "machine.call_cut_off"} <= rules
    [session] = await telephones.rows(flow_sessions)
    assert (session.status, session.state["outcome"]) == ("ended", "stopped")
    assert [row.value for row in await telephones.rows(observations, observations.c.name == "weight")] == [180.0]


async def test_a_machine_hears_the_clinic_and_its_number_only(telephones: Telephones, patient: Person) -> None:
    call = await telephones.ring(patient)
    said = await call.pick_up(by="machine_end_beep")
    assert said.over
    assert "Riverside Clinic" in said
    assert "2 0 2, 5 5 5, 0 1 9 0" in said
    assert not any(word in said.text for word in (patient.name, patient.name.split()[0]))
    assert not any(word in said.text.lower() for word in HEALTH_WORDS)
    [row] = await telephones.call_rows()
    assert (row.status, row.answered_by) == ("ended", "machine")
    [session] = await telephones.rows(flow_sessions)
    assert session.status == "waiting", "nobody has answered anything"


async def test_a_fax_hears_nothing(telephones: Telephones) -> None:
    call = await telephones.ring(telephones.clinic.eva)
    said = await call.pick_up(by="fax")
    assert said.over
    assert said.texts == []


async def test_a_wrong_birth_year_twice_ends_neutrally_and_a_nurse_looks(telephones: Telephones, patient: Person) -> None:
    call = await telephones.ring(patient)
    await call.pick_up()
    said = await call.press("1949")
    assert not said.over
    said = await call.press("1951")
    assert said.over
    assert not any(word in said.text.lower() for word in HEALTH_WORDS)
    assert "machine.call_not_identified" in await rules_of(telephones, patient)


async def test_a_code_stands_in_for_the_birth_year(telephones: Telephones) -> None:
    eva = telephones.clinic.eva
    async with telephones.database.transaction() as connection:
        await connection.execute(patients.update().where(patients.c.id == eva.id).values(call_pin="482913"))
    call = await telephones.ring(eva)
    said = await call.pick_up()
    assert "clave" in said
    assert not (await call.press("1950#")).over
    assert "pesa" in await call.press("482913")


async def test_key_0_puts_through_to_the_clinic_and_says_when_a_nurse_calls_if_nobody_answers(
    telephones: Telephones, patient: Person
) -> None:
    call, _ = await telephones.identified(patient)
    said = await call.press("0")
    assert said.dialled == "+12025550190"
    said = await call.dial_ends("no-answer")
    assert any(word in said.text.lower() for word in ("a nurse will call you", "una enfermera le llama"))
    assert any(word in said.text.lower() for word in ("weight", "pesa")), "the check-in goes on"
    assert "machine.wants_person" in await rules_of(telephones, patient)


async def test_key_0_at_night_says_so_at_once(telephones: Telephones) -> None:
    call, _ = await telephones.identified(telephones.clinic.eva)
    telephones.clock.time = NIGHT
    said = await call.press("0")
    assert not said.dialled
    assert "Una enfermera le llama" in said


async def test_key_9_ends_calls_once_it_is_confirmed(telephones: Telephones, patient: Person) -> None:
    call = await telephones.ring(patient)
    await call.pick_up()
    said = await call.press("9")
    assert not said.over
    assert all(row.revoked_at is None for row in await telephones.rows(consents, consents.c.patient_id == patient.id))
    said = await call.press("9")
    assert said.over
    assert "9 1 1" in said
    assert all(row.revoked_at is not None for row in await telephones.rows(consents, consents.c.patient_id == patient.id))
    assert "machine.opt_out" in await rules_of(telephones, patient)


async def test_key_9_by_mistake_goes_back_to_the_question(telephones: Telephones) -> None:
    call, _ = await telephones.identified(telephones.clinic.eva)
    await call.press("9#")
    said = await call.press("2")
    assert "pesa" in said
    assert all(row.revoked_at is None for row in await telephones.rows(consents, consents.c.patient_id == telephones.clinic.eva.id))


@pytest.mark.parametrize("key", ["*#", "8#"])
async def test_the_question_is_repeated(telephones: Telephones, key: str) -> None:
    call, asked = await telephones.identified(telephones.clinic.eva)
    assert (await call.press(key)).texts == asked.texts
    assert (await call.speak("repita por favor")).texts == asked.texts


@pytest.mark.law(3, 11)
async def test_a_restart_between_two_steps_changes_nothing(telephones: Telephones, patient: Person) -> None:
    call, _ = await telephones.identified(patient)
    await call.press("180#")
    await telephones.restart()
    said = await call.press("2")
    await telephones.restart()
    assert any(word in said.text.lower() for word in ("water pill", "diurético"))
    assert (await call.press("1")).over
    [session] = await telephones.rows(flow_sessions)
    assert session.state["outcome"] == "completed"


async def test_a_repeated_request_is_applied_once(telephones: Telephones) -> None:
    call, _ = await telephones.identified(telephones.clinic.eva)
    said = await call.press("180#")
    assert (await call.once_more()).texts == said.texts
    assert len(await telephones.rows(observations, observations.c.name == "weight")) == 1
    assert len([row for row in await telephones.rows(inbound_events) if row.kind == "call"]) == 3


async def test_words_that_were_not_heard_surely_are_read_back_first(telephones: Telephones) -> None:
    await telephones.agree_to_calls(telephones.clinic.chi)
    call, _ = await telephones.identified(telephones.clinic.chi)
    said = await call.speak("one eighty", confidence=None)
    assert "We heard one eighty" in said
    assert not await telephones.rows(observations)
    said = await call.press("2")
    assert "weight" in said
    await call.speak("one eighty one", confidence=0.3)
    said = await call.press("1")
    assert "breathe" in said
    assert [row.value for row in await telephones.rows(observations, observations.c.name == "weight")] == [181.0]


async def test_a_value_that_calls_a_nurse_is_read_back_after_it_did(telephones: Telephones) -> None:
    chi = telephones.clinic.chi
    await telephones.agree_to_calls(chi)
    call, _ = await telephones.identified(chi)
    await call.press("180#")
    await call.hang_up()
    telephones.clock.time = telephones.clock.time.replace(day=24)
    call, _ = await telephones.identified(chi)
    said = await call.press("184#")
    assert "We heard 184" in said
    rules = await rules_of(telephones, chi)
    assert "weight_gain_24h" in rules, "asking again never delays the alarm"
    said = await call.press("2")
    assert "weight" in said
    said = await call.press("181#")
    assert "breathe" in said
    assert "machine.value_corrected" in await rules_of(telephones, chi)


async def test_silence_goes_the_way_of_an_answer_that_was_not_understood(telephones: Telephones) -> None:
    eva = telephones.clinic.eva
    call, _ = await telephones.identified(eva)
    assert "pesa" in await call.say_nothing()
    said = await call.say_nothing()
    assert any(word in said.text.lower() for word in ("respira",)), "on to the next question"
    assert "heart_failure/daily.weight.not_understood" in await rules_of(telephones, eva)
    await call.say_nothing()
    assert (await call.say_nothing()).over, "nobody is there"
    assert "machine.call_cut_off" in await rules_of(telephones, eva)


async def test_a_text_during_the_call_is_answered_by_the_call(telephones: Telephones) -> None:
    chi = telephones.clinic.chi
    await telephones.agree_to_calls(chi)
    call, _ = await telephones.identified(chi)
    before = len(await telephones.rows(communications, communications.c.channel == "sms", communications.c.direction == "out"))
    await telephones.text(chi.number, "181")
    assert len(await telephones.rows(communications, communications.c.channel == "sms", communications.c.direction == "out")) == before
    said = await call.press("2#")
    assert "we have your text" in said
    assert "breathe" in said
    assert [row.value for row in await telephones.rows(observations, observations.c.name == "weight")] == [181.0]


async def test_a_foreign_call_id_hears_nothing(telephones: Telephones) -> None:
    call = await telephones.ring(telephones.clinic.eva)
    stranger = await telephones.ring_nobody(call)
    assert stranger.over
    assert stranger.texts == []
    [row] = await telephones.rows(calls)
    assert row.provider_id == call.sid


@pytest.mark.parametrize(
    ("words", "language"),
    [
        ("nineteen fifty", "en"),
        ("1950", "en"),
        ("one nine five zero", "en"),
        ("I was born in 1950", "en"),
        ("mil novecientos cincuenta", "es"),
        ("1950", "es"),
        ("uno nueve cinco cero", "es"),
        ("nací en mil novecientos cincuenta", "es"),
    ],
)
def test_a_birth_year_as_people_say_it(words: str, language: str) -> None:
    heard = CallInput("twilio", "AC", "CA", UUID(int=1), 1, spoken=words)
    assert digits_of(heard, content().lexicon, language) == "1950"
