"""Ten thousand routine texts wait for a sender of one segment a second, and the carrier is slow: no emergency waits with them."""

from __future__ import annotations

import asyncio
import statistics
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
FLOOD, EMERGENCIES = (600, 10_000), (5, 200)
"""Sampled, full."""
SEND_RATE = 1
CARRIER_SECONDS = 0.5
APART_SECONDS = 0.7
MOST_IN_FRONT = 3
"""Routine texts that the carrier takes between a cry for help and its answer: one a second, and those on their way."""


@pytest.mark.law(1, 11)
async def test_an_emergency_passes_ten_thousand_texts_of_a_slow_sender(
    database_url: str, twilio: StandIn, tmp_path: Path, full_faults: bool
) -> None:
    began = time.monotonic()
    flood, emergencies = FLOOD[full_faults], EMERGENCIES[full_faults]
    people = invented(emergencies + 40)
    twilio.options.answer_seconds = CARRIER_SECONDS
    async with opened(database_url) as database:
        clinic = await set_up(database, people)
        await write_texts(database, clinic, flood)
        node = Served(database_url, twilio, tmp_path, send_rate=SEND_RATE)
        twilio.options.sms_url = node.sms_url
        async with node.running():
            store = twilio.store
            await until(lambda: len(store.accepted) >= 3)
            waited: list[float] = []
            in_front: list[int] = []

            async def cry(patient: str) -> None:
                at, before = time.monotonic(), len(store.accepted)
                answer = await twilio.inbound(patient, CHEST_PAIN)
                assert answer is not None
                assert answer.status == 200
                safety = await until(lambda: [m for m in store.accepted if m.to == patient and "911" in m.body])
                waited.append(time.monotonic() - at)
                passed = store.accepted[before : store.accepted.index(safety[0])]
                in_front.append(sum("How are you" in message.body for message in passed))

            async with asyncio.TaskGroup() as group:
                for number in range(emergencies):
                    group.create_task(cry(people[f"Patient {number}"]))
                    await asyncio.sleep(APART_SECONDS)
            pages = await until(lambda: [m for m in store.accepted if m.to == ON_CALL])
            waiting = await rows(database, communications, communications.c.status == "due", communications.c.lane == "routine")
            assert len(waiting) > flood // 2, "the flood was over before the emergencies came: this proves nothing"
            assert max(in_front) <= MOST_IN_FRONT, "routine texts stood in front of an emergency"
    waited.sort()
    figures: dict[str, object] = {
        "emergencies": emergencies,
        "routine_texts_still_waiting": len(waiting),
        "most_routine_texts_in_front": max(in_front),
        "pages": len(pages),
        "seconds_to_the_carrier_p50": round(statistics.median(waited), 2),
        "seconds_to_the_carrier_p99": round(waited[min(len(waited) - 1, int(len(waited) * 0.99))], 2),
        "seconds_to_the_carrier_most": round(waited[-1], 2),
    }
    tell(f"emergency lane, {database_url.partition(':')[0]}", figures, began)
