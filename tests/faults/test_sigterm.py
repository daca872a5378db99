"""SIGTERM, as a service manager sends it: what is under way comes to its end, nothing new begins, and the process is gone in time."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from service.db.communication import attempts, communications, inbound_ids
from service.db.database import Database
from service.db.due_work import due_work
from service.db.escalation import pages
from service.telephony.twilio.signature import sign
from tests.faults import SECONDS_A_TEST
from tests.faults.crowd import CHEST_PAIN
from tests.faults.flood import write_texts
from tests.faults.killer import tell
from tests.faults.ledger import attempt_of
from tests.faults.posting import inbound_form
from tests.stand_in_twilio import StandIn
from tests.story.clinic import NORA, PASSWORD, invented, set_up
from tests.story.nurse import Nurse
from tests.story.rows import opened, rows, until
from tests.story.served import Served

pytestmark = [pytest.mark.faults, pytest.mark.timeout(SECONDS_A_TEST)]
GONE_WITHIN_SECONDS = 15
CARRIER_SECONDS = 2.0
WAITING = 400
"""Texts that are due when the signal comes; at the carrier's pace they would take half a minute."""
AT_ONCE = 20
"""Texts that a node has under way at a time: a round may be between its claim and its calls when the signal comes."""
IN_FLIGHT = 30
"""Webhooks under way at that moment."""


@pytest.mark.law(1, 3)
async def test_sigterm_answers_what_came_in_records_what_went_out_and_begins_nothing_new(
    database_url: str, twilio: StandIn, tmp_path: Path
) -> None:
    began = time.monotonic()
    people = list(invented(60).values())
    twilio.options.callbacks = []
    twilio.options.answer_seconds = CARRIER_SECONDS
    async with opened(database_url) as database:
        clinic = await set_up(database, {f"Patient {place}": number for place, number in enumerate(people)})
        await write_texts(database, clinic, WAITING)
        node = Served(database_url, twilio, tmp_path)
        async with node.running(), aiohttp.ClientSession() as session, Nurse.at(node.base, NORA, PASSWORD) as nora:
            await nora.queue()
            live = await session.get(node.base + "/healthz")  # a connection that is kept alive and idle
            assert live.status in (200, 503)
            await until(lambda: len(twilio.store.accepted) >= 10)
            posts = [asyncio.create_task(_post(session, node, twilio, number, place)) for place, number in enumerate(people[:IN_FLIGHT])]
            await asyncio.sleep(0.05)  # some are being read, some wait for their batch
            handed_over, signalled = twilio.creates, time.monotonic()
            stopping = asyncio.create_task(node.stop())
            answers = await asyncio.gather(*posts)
            assert await stopping == 0
            seconds = time.monotonic() - signalled
        assert seconds < GONE_WITHIN_SECONDS, f"gone after {seconds:.1f} s"
        assert set(answers) <= {200, None}, Counter(answers)
        stored = {row.provider_id for row in await _all(database)}
        taken = {_sid(place) for place, status in enumerate(answers) if status == 200}
        assert taken, "no webhook was under way: this proves nothing"
        assert taken <= stored, "a webhook was answered and its text is not stored"
        assert stored <= taken, "a webhook was stored and never answered"
        held = [row for table in (communications, pages) for row in await rows(database, table, table.c.status == "claimed")]
        assert not held, f"{len(held)} claims were left behind"
        assert not await rows(database, due_work, due_work.c.state == "claimed")
        unknown = await rows(database, communications, communications.c.status == "unknown")
        assert not unknown, f"{len(unknown)} texts that the carrier has are in doubt"
        assert not await rows(database, attempts, attempts.c.ended_at.is_(None))
        accepted = {attempt_of(message) for message in twilio.store.accepted}
        sent = await rows(database, communications, communications.c.status == "accepted")
        paged = await rows(database, pages, pages.c.status == "accepted")
        assert {row.attempt_id for row in (*sent, *paged)} == accepted
        left = await rows(database, communications, communications.c.status == "due", communications.c.direction == "out")
        assert len(left) > WAITING // 2, "nearly everything had gone out before the signal: this proves nothing"
        assert twilio.creates - handed_over <= AT_ONCE, "new texts were handed over long after the signal"
    figures: dict[str, object] = {
        "seconds_until_it_was_gone": round(seconds, 1),
        "webhooks_answered": len(taken),
        "webhooks_refused_at_the_door": len(answers) - len(taken),
        "texts_recorded": len(sent),
        "texts_left_for_the_next": len(left),
    }
    tell(f"SIGTERM, {database_url.partition(':')[0]}", figures, began)


async def _post(session: aiohttp.ClientSession, node: Served, twilio: StandIn, number: str, place: int) -> int | None:
    """One webhook; None when the connection was refused or closed before anything was answered."""
    url = node.sms_url
    form = inbound_form(twilio.options, number, CHEST_PAIN, _sid(place))
    headers = {"X-Twilio-Signature": sign(twilio.options.auth_token, url, tuple(form.items()))}
    try:
        async with session.post(url, data=form, headers=headers) as answer:
            return answer.status
    except aiohttp.ClientError:
        return None


def _sid(place: int) -> str:
    return f"SM{place:032x}"


async def _all(database: Database) -> list[Any]:
    async with database.reading() as connection:
        return list((await connection.execute(inbound_ids.select())).all())
