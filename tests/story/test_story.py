"""The main job, end to end: a check-in goes out, the patient's own words come back, a nurse finds, answers and closes the item."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest

from service.db.check_in import check_ins
from service.db.communication import communications
from service.db.escalation import escalations
from tests.encounters import as_form, complete_encounter
from tests.story.clinic import CAST, NORA, ON_CALL, PASSWORD
from tests.story.conftest import House
from tests.story.nurse import Nurse, marks, part, words
from tests.story.rows import rows, until

CHI = CAST["Chi Chen"]
WORDS = "I skipped my water pill and my ankles are huge"


@pytest.mark.law(1, 11)
async def test_a_check_in_leads_to_words_to_an_item_to_an_answer_and_to_its_end(
    house: House, record_property: Callable[[str, object], None]
) -> None:
    twilio = house.twilio
    await until(lambda: any("weight" in text for text in house.texts_to(CHI)))

    sent_at = time.perf_counter()
    answer = await twilio.inbound(CHI, WORDS)
    assert answer is not None
    assert answer.status == 200
    async with Nurse.at(house.served.base, NORA, PASSWORD) as nora:
        signed_in = time.perf_counter()
        item = await nora.item_of("Chi Chen")  # committed before the webhook was answered: the first look finds it
        seconds = time.perf_counter() - sent_at
        record_property("seconds_from_text_to_queue", round(seconds, 3))
        print(f"\nfrom the patient's text to the queue page: {seconds:.3f} s, signing in included ({signed_in - sent_at:.3f} s)")
        page = await nora.page(f"/items/{item}")
        reasons = [words(found) for found in re.findall(r"<h3>(.*?)</h3>", part(page, "why"))]
        assert any("medic" in reason.lower() or "pill" in reason.lower() or "dose" in reason.lower() for reason in reasons), reasons
        assert any("swell" in reason.lower() for reason in reasons), reasons
        highlighted = " ".join(marks(part(page, "conversation")))
        assert "skipped my water pill" in highlighted
        assert "ankles are huge" in highlighted

        assert await nora.submit(f"/items/{item}", f"/items/{item}/claim", {}) == 303
        assert item not in await nora.queue()
        assert item in await nora.queue("mine")
        text = "Hello, this is Nora. I am calling you in ten minutes."
        assert await nora.submit(f"/items/{item}", f"/items/{item}/reply", {"text": text, "reason": "", "phone": ""}) == 303
        await until(lambda: text in house.texts_to(CHI))
        note = "Took it at noon after all. Weighs 182 lb."
        assert await nora.submit(f"/items/{item}", f"/items/{item}/note", {"note": note}) == 303

        page = await until(lambda: _delivered(nora, item, text))
        assert note in words(part(page, "conversation"))
        version = re.search(r'id="version" value="(\d+)"', page)
        concerns = re.findall(r'name="answered" value="([0-9a-f -]+)"', page)
        assert version is not None
        assert len(concerns) >= 2
        signed = complete_encounter(disposition="prescriber_informed")
        closing = [("version", version[1]), *(("answered", one) for one in concerns), *as_form(signed)]
        assert await nora.submit(f"/items/{item}", f"/items/{item}/resolve", closing) == 303
        assert item not in await nora.queue("team")

    [closed] = await rows(house.database, escalations, escalations.c.kind == "clinical")
    assert (closed.state, closed.disposition) == ("resolved", "prescriber_informed")
    await until(lambda: _all_delivered(house))
    assert twilio.creates == len(twilio.store.accepted)
    started = [one for one in await rows(house.database, check_ins) if one.status != "planned"]
    assert len(started) == len(CAST)


async def _delivered(nora: Nurse, item: str, text: str) -> str:
    """The item's page once it says that this text was delivered, "" before."""
    page = await nora.page(f"/items/{item}")
    said = [found for found in part(page, "conversation").split("<li ") if text in words(found)]
    return page if len(said) == 1 and "delivered" in words(said[0]) else ""


async def _all_delivered(house: House) -> bool:
    """True when everything that was written to patients has gone out and its delivery has come back."""
    out = await rows(house.database, communications, communications.c.direction == "out")
    accepted = [text for text in house.twilio.store.accepted if text.to != ON_CALL]
    return len(out) == len(accepted) and {one.status for one in out} == {"delivered"}
