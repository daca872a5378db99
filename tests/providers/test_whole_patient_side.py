"""The whole patient side through each provider, by text and by voice: from the scheduled minute of a check-in to the nurse's item
with the patient's own words, the safety answer that reached the patient, and the page handed to the nurse on call.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from service.db.calls import calls
from service.db.check_in import check_ins
from service.db.communication import communications
from service.db.escalation import escalations, pages
from service.db.patient import patients
from tests.providers.conftest import ANA, EVA, House
from tests.stand_in_twilio.calls import Heard, PlacedCall
from tests.story.clinic import NORA, PASSWORD
from tests.story.nurse import Nurse, marks, part, words
from tests.story.rows import rows, until

WORDS = "I have chest pain and my left arm is numb"
SPOKEN = "I have bad chest pain"
OPTED_OUT = {"twilio": "21610", "signalwire": "21610", "telnyx": "40300"}
"""What each provider answers to a text to somebody who has opted out."""


@pytest.mark.law(1, 2, 11)
async def test_the_whole_patient_side_by_text_and_by_voice_through_each_provider(
    house: House, record_property: Callable[[str, object], None]
) -> None:
    await _by_voice(house)
    record_property("seconds_to_safety_text_and_page", await _by_text(house))


@pytest.mark.law(2, 3, 4)
async def test_lost_answers_voicemail_and_stop_through_each_provider(house_on_sqlite: House) -> None:
    await _lost_answers(house_on_sqlite)
    await _voicemail(house_on_sqlite)
    await _after_stop(house_on_sqlite)


async def _by_text(house: House) -> tuple[float, float]:
    """Ana, who gets texts. Seconds from her words to the safety text and to the first page at the carrier."""
    await until(lambda: any("weight" in text for text in house.texts_to(ANA)))
    assert (await _check_in(house, ANA)).status == "started"
    pages_before = len(house.pages())
    await until(lambda: _status_of(house, "weight", "delivered"))

    reading = await house.phones.inbound(ANA, "182.5")
    assert reading is not None
    assert reading.status == 200
    await until(lambda: len([text for text in house.texts_to(ANA) if "?" in text]) >= 2)  # the next question

    before = house.texts_to(ANA)
    sent_at = time.perf_counter()
    answer = await house.phones.inbound(ANA, WORDS)
    assert answer is not None
    assert 200 <= (answer.status or 0) < 300
    [item] = await _emergencies(house, ANA)  # committed before the webhook was answered
    again = await house.phones.inbound(ANA, WORDS, sid=answer.sid)  # the provider's repetition changes nothing
    assert again is not None
    assert again.status == 200

    [safety] = await until(lambda: house.texts_to(ANA)[len(before) :])
    assert "911" in safety
    safety_seconds = time.perf_counter() - sent_at
    await until(lambda: len(house.pages()) > pages_before)
    page_seconds = time.perf_counter() - sent_at
    await until(lambda: _status_of(house, safety, "delivered"))
    await until(lambda: _page_delivered(house, item.id))
    assert not any("chest" in page or "Alvarez" in page for page in house.pages())
    assert house.texts_to(ANA) == [*before, safety], "one safety text for one incident"

    async with Nurse.at(house.served.base, NORA, PASSWORD) as nora:
        assert await nora.item_of("Ana Alvarez") == str(item.id)
        page = await until(lambda: _says(nora, item.id, "An automatic answer has reached the patient's phone."))
        assert "chest pain" in " ".join(marks(part(page, "conversation")))
        assert WORDS in words(part(page, "conversation"))
    assert len(await _emergencies(house, ANA)) == 1
    assert house.phones.creates == len(house.phones.store.accepted), "every request was accepted, and none was sent twice"
    return round(safety_seconds, 2), round(page_seconds, 2)


async def _by_voice(house: House) -> None:
    """Eva, who gets calls."""
    call: PlacedCall = await until(lambda: _ringing(house))
    assert house.texts_to(EVA) == [], "she has agreed to calls alone"
    said = await call.pick_up()
    assert "Riverside Clinic" in said
    assert "weight" not in said.text.lower(), "no word of health before the identity check"
    said = await call.press("1950")
    assert "weight" in said.text.lower()
    said = await call.press("182*5#")
    assert "breath" in said.text.lower()

    said = await call.speak(SPOKEN, confidence=0.4)  # unsure hearing is no reason to wait
    assert "9 1 1" in said, "the safety answer is spoken at once"
    [item] = await _emergencies(house, EVA)  # committed before it was spoken
    await until(house.pages)
    assert not any("chest" in page or "Estrada" in page for page in house.pages())
    said = await _to_the_end(call, said)
    assert said.over
    assert set(call.answers) == {200}
    await until(lambda: _page_delivered(house, item.id))

    [row] = await until(lambda: _calls_over(house))
    assert (row.status, row.answered_by, row.provider, row.provider_id) == ("ended", "person", house.phones.options.name, call.sid)
    async with Nurse.at(house.served.base, NORA, PASSWORD) as nora:
        assert await nora.item_of("Eva Estrada") == str(item.id)
        page = await nora.page(f"/items/{item.id}")
        assert "chest pain" in " ".join(marks(part(page, "conversation")))
        assert SPOKEN in words(part(page, "conversation"))
    [item] = await _emergencies(house, EVA)
    assert item.reached == "delivered", "she has answered: she has heard it"
    assert house.calls_to(EVA) == [call], "the patient was called once"
    said_by_her = await rows(
        house.database, communications, communications.c.direction == "in", communications.c.patient_id == item.patient_id
    )
    assert {one.channel for one in said_by_her} == {"voice"}


async def _lost_answers(house: House) -> None:
    """The provider has accepted what it never answered for: its own callbacks tell so, and nothing is sent twice."""
    await until(lambda: any("weight" in text for text in house.texts_to(ANA)) and house.calls_to(EVA))
    await until(lambda: _all_delivered(house))
    sent = house.texts_to(ANA)
    assert len(sent) == len(set(sent)) == house.phones.creates
    assert len(house.calls_to(EVA)) == 1


async def _voicemail(house: House) -> None:
    """A machine takes Eva's call."""
    call: PlacedCall = await until(lambda: _ringing(house))
    said = await call.pick_up(by="machine_end_beep")
    assert said.over
    assert not any(word in said.text.lower() for word in ("weight", "breath", "heart", "pill"))
    [row] = await until(lambda: _calls_over(house))
    assert row.answered_by == "machine"


async def _after_stop(house: House) -> None:
    """Ana opts out, and then has chest pain."""
    await until(lambda: any("weight" in text for text in house.texts_to(ANA)))
    await until(lambda: _status_of(house, "weight", "delivered"))
    stop = await house.phones.inbound(ANA, "STOP")
    assert stop is not None
    assert stop.status == 200
    before = house.texts_to(ANA)

    answer = await house.phones.inbound(ANA, WORDS)
    assert answer is not None
    assert answer.status == 200
    [item] = await _emergencies(house, ANA)  # heard after an opt-out too
    await until(lambda: house.phones.store.refused[OPTED_OUT[house.phones.options.name]])
    await until(house.pages)
    async with Nurse.at(house.served.base, NORA, PASSWORD) as nora:
        await until(lambda: _says(nora, item.id, "No answer has reached the patient: call."))
    assert house.texts_to(ANA) == before
    [safety] = await rows(
        house.database, communications, communications.c.purpose == "safety", communications.c.patient_id == item.patient_id
    )
    assert safety.attempts == 1, "one attempt at the safety text, and no more"


async def _patient(house: House, number: str) -> Any:
    """Who has this number: the clinic's patients are in the order of their record numbers."""
    [record] = [record for record, owned in house.clinic.patients if owned == number]
    [found] = [patient for patient in await rows(house.database, patients) if patient.record_number == record]
    return found


async def _check_in(house: House, number: str) -> Any:
    """Their first check-in."""
    return (await rows(house.database, check_ins, check_ins.c.patient_id == (await _patient(house, number)).id))[0]


async def _emergencies(house: House, number: str) -> list[Any]:
    """Their items of the highest urgency."""
    patient = await _patient(house, number)
    return await rows(house.database, escalations, escalations.c.patient_id == patient.id, escalations.c.urgency_rank == 0)


async def _status_of(house: House, what: str, status: str) -> bool:
    """True when the texts to Ana with these words in them have this status, by the provider's own word."""
    sent = [message.sid for message in house.phones.store.accepted if message.to == ANA and what in message.body]
    found = await rows(house.database, communications, communications.c.provider_id.in_(sent))
    return bool(sent) and len(found) == len(sent) and {one.status for one in found} == {status}


async def _all_delivered(house: House) -> bool:
    """True when every text that was written is delivered, by the provider's own word."""
    out = await rows(house.database, communications, communications.c.direction == "out", communications.c.channel == "sms")
    return bool(out) and {one.status for one in out} == {"delivered"}


async def _page_delivered(house: House, item_id: object) -> bool:
    """True when a page of the item has been delivered to the nurse on call."""
    return any(page.status == "delivered" for page in await rows(house.database, pages, pages.c.escalation_id == item_id))


async def _says(nora: Nurse, item_id: object, sentence: str) -> str:
    """The item's page once it says so, "" before."""
    page = await nora.page(f"/items/{item_id}")
    return page if sentence in words(page) else ""


def _ringing(house: House) -> PlacedCall | None:
    return next(iter(house.calls_to(EVA)), None)


async def _to_the_end(call: PlacedCall, said: Heard) -> Heard:
    """Answers each further question with 1 until the call is over."""
    for _ in range(10):
        if said.over:
            break
        said = await call.press("1")
    return said


async def _calls_over(house: House) -> list[Any]:
    return await rows(house.database, calls, calls.c.status == "ended")
