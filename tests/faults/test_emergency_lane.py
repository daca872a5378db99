"""A flood of routine texts and a slow carrier: an emergency's text does not stand in that queue."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from service.db.communication import communications
from tests.faults import SECONDS_A_TEST
from tests.faults.crowd import CHEST_PAIN
from tests.faults.flood import write_texts
from tests.faults.killer import tell
from tests.stand_in_twilio import StandIn
from tests.story.clinic import ON_CALL, invented, set_up
from tests.story.rows import opened, rows, until
from tests.story.served import Served

pytestmark = [pytest.mark.faults, pytest.mark.timeout(SECONDS_A_TEST)]
FLOOD = (600, 2000)
"""Sampled, full."""
SEND_RATE = 20
CARRIER_SECONDS = 0.5


@pytest.mark.law(1, 11)
async def test_an_emergency_passes_a_flood_of_routine_texts_and_a_slow_carrier(
    database_url: str, twilio: StandIn, tmp_path: Path, full_faults: bool
) -> None:
    began = time.monotonic()
    flood = FLOOD[full_faults]
    people = invented(40)
    twilio.options.answer_seconds = CARRIER_SECONDS
    async with opened(database_url) as database:
        clinic = await set_up(database, people)
        await write_texts(database, clinic, flood)
        node = Served(database_url, twilio, tmp_path, send_rate=SEND_RATE)
        twilio.options.sms_url = node.sms_url
        async with node.running():
            store = twilio.store
            await until(lambda: len(store.accepted) >= 2 * SEND_RATE)
            patient = people["Patient 7"]
            answer = await twilio.inbound(patient, CHEST_PAIN)
            assert answer is not None
            assert answer.status == 200
            before, at = len(store.accepted), time.monotonic()
            safety = await until(lambda: [m for m in store.accepted if m.to == patient and "911" in m.body])
            page = await until(lambda: [m for m in store.accepted if m.to == ON_CALL])
            seconds = time.monotonic() - at
            order = [message.sid for message in store.accepted]
            in_front = max(order.index(safety[0].sid), order.index(page[0].sid)) - before
            waiting = await rows(database, communications, communications.c.status == "due", communications.c.lane == "routine")
            assert len(waiting) > flood // 2, "the flood was over before the emergency came: this proves nothing"
            assert in_front <= 2 * SEND_RATE, "more than two seconds of routine texts stood in front of an emergency"
    figures: dict[str, object] = {
        "routine_texts_still_waiting": len(waiting),
        "texts_accepted_before_the_emergency's": max(0, in_front),
        "seconds_to_the_carrier": round(seconds, 2),
    }
    tell(f"emergency lane, {database_url.partition(':')[0]}", figures, began)
