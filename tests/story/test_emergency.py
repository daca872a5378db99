"""Chest pain, told in any place: the item stands before the webhook is answered, and says whether an answer reached the patient."""

from __future__ import annotations

from functools import partial

import pytest

from service.db.escalation import concerns, escalations, pages
from tests.story.clinic import CAST, NORA, ON_CALL, PASSWORD
from tests.story.conftest import House
from tests.story.nurse import Nurse, words
from tests.story.rows import rows, until

ANA, BEN, DOV = CAST["Ana Alvarez"], CAST["Ben Brooks"], CAST["Dov Dayan"]
STRANGER = "+12025550150"
WORDS = "I have chest pain"


@pytest.mark.law(1, 2, 4)
async def test_an_emergency_is_answered_and_paged_and_its_item_says_whether_the_answer_arrived(house: House) -> None:
    twilio = house.twilio
    twilio.outcomes[BEN] = ("undelivered", 30003)
    await until(lambda: all(any("weight" in text for text in house.texts_to(number)) for number in (ANA, BEN, DOV)))
    stop = await twilio.inbound(DOV, "STOP")
    assert stop is not None
    assert stop.status == 200

    before_stop = house.texts_to(DOV)

    for raised, number in enumerate((ANA, BEN, DOV, STRANGER), start=1):
        answer = await twilio.inbound(number, WORDS)
        assert answer is not None
        assert answer.status == 200
        items = await rows(house.database, escalations, escalations.c.kind == "clinical", escalations.c.urgency_rank == 0)
        assert len(items) == raised, "the item stands when the webhook is answered"

    for number in (ANA, BEN, STRANGER):
        await until(partial(_answered, house, number))
    await until(lambda: twilio.store.refused["21610"])
    await until(lambda: _paged(house))
    assert not any("chest" in text or "Alvarez" in text for text in house.texts_to(ON_CALL))

    async with Nurse.at(house.served.base, NORA, PASSWORD) as nora:
        await until(lambda: _says(nora, "Ana Alvarez", "An automatic answer has reached the patient's phone."))
        await until(lambda: _says(nora, "Ben Brooks", "No answer has reached the patient: call."))
        await until(lambda: _says(nora, "Dov Dayan", "No answer has reached the patient: call."))
        await until(lambda: _says(nora, "Unknown sender", "An automatic answer has reached the patient's phone."))
        flagged = {row for row in (await nora.queue()).values() if "No answer has reached the patient" in row}
        assert len(flagged) == 2

    assert house.texts_to(DOV) == before_stop, "something left for him after STOP"
    assert twilio.store.refused["21610"] == 1, "one attempt after STOP, and no more"
    safety = [concern for concern in await rows(house.database, concerns) if concern.urgency_rank == 0]
    assert len({concern.escalation_id for concern in safety}) == 4


def _answered(house: House, number: str) -> bool:
    """True when the carrier has the safety text to this number."""
    return any("911" in text and "nurse" in text for text in house.texts_to(number))


async def _paged(house: House) -> bool:
    """True when every emergency's first page by text has been delivered to the number on call."""
    first = await rows(house.database, pages, pages.c.rung == 0, pages.c.channel == "text")
    linked = " ".join(house.texts_to(ON_CALL))
    return len(first) == 4 and {page.status for page in first} == {"delivered"} and all(str(page.escalation_id) in linked for page in first)


async def _says(nora: Nurse, name: str, sentence: str) -> bool:
    """True when this person's most urgent item says so."""
    found = [item_id for item_id, row in (await nora.queue()).items() if name in row and "Emergency" in row]
    assert len(found) == 1, f"{name}: {len(found)} emergencies"
    return sentence in words(await nora.page(f"/items/{found[0]}"))
