"""kill -9 in the middle of a send: the next process knows at once what was held, and sends nothing twice."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from service.db.communication import communications
from tests.faults import SECONDS_A_TEST
from tests.faults.crowd import OVERRIDES
from tests.faults.killer import tell
from tests.stand_in_twilio import StandIn
from tests.story.clinic import CAST, set_up
from tests.story.rows import opened, rows, until
from tests.story.served import Served

pytestmark = [pytest.mark.faults, pytest.mark.timeout(SECONDS_A_TEST)]
AT_ONCE_SECONDS = 90.0
"""A process is up in about five, on a busy machine later; a lease lasts two minutes."""


@pytest.mark.law(3)
async def test_a_text_in_hand_at_the_kill_is_looked_up_by_the_next_process_without_waiting_for_its_lease(
    sqlite_url: str, twilio: StandIn, tmp_path: Path
) -> None:
    began = time.monotonic()
    async with opened(sqlite_url) as database:
        await set_up(database, CAST)
        node = Served(sqlite_url, twilio, tmp_path)
        twilio.options.sms_url = node.sms_url + OVERRIDES
        twilio.options.answer_seconds = 30.0
        twilio.options.step_seconds = 60.0  # no callback: only the list can tell
        try:
            await node.start()
            await twilio.inbound(CAST["Chi Chen"], "I have chest pain")

            async def handed_over() -> bool:
                return any(row.status == "claimed" for row in await rows(database, communications, communications.c.purpose == "safety"))

            await until(handed_over)
            await until(lambda: _true(bool(twilio.store.accepted)))
            await node.kill()
            twilio.options.answer_seconds = 0.0
            killed = time.monotonic()
            await node.start()

            async def known() -> bool:
                [text] = await rows(database, communications, communications.c.purpose == "safety")
                return bool(text.status != "claimed")

            await until(known, AT_ONCE_SECONDS)
            freed = time.monotonic() - killed
            assert await node.stop() == 0
        finally:
            if node.alive:
                await node.kill()
    safety = [one for one in twilio.store.accepted if one.to == CAST["Chi Chen"]]
    assert len(safety) == 1, "the text was handed over twice"
    tell("kill -9 in mid-send, SQLite", {"seconds_until_it_was_known_to_be_in_doubt": round(freed, 1)}, began)


async def _true(value: bool) -> bool:
    await asyncio.sleep(0)
    return value
