"""`rounds serve` begins while its database is away: callers hear whom to call, nothing is stored, and it comes up by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from service.db.communication import communications
from service.db.migrate import upgrade
from service.telephony.twilio.signature import sign
from tests.faults import SECONDS_A_TEST
from tests.faults.killer import tell
from tests.postgres import Server, run_to_end, running
from tests.stand_in_twilio import StandIn
from tests.story.clinic import CAST, set_up
from tests.story.rows import opened, rows, until
from tests.story.served import Served

pytestmark = [pytest.mark.faults, pytest.mark.timeout(SECONDS_A_TEST)]
FALLBACK = "/webhooks/twilio/voice/fallback/es/911/+12025550190"


@pytest.fixture
def own_postgres() -> Iterator[Server]:
    """A server that nobody else uses, so that it may be stopped."""
    with running(durable=True) as server:
        yield server


def a_call(twilio: StandIn, url: str) -> dict[str, Any]:
    """The request by which Twilio tells of somebody who calls our number."""
    call = {"CallSid": "CA" + "5" * 32, "AccountSid": twilio.options.account_sid, "Direction": "inbound", "CallStatus": "ringing"}
    form = {**call, "From": CAST["Chi Chen"], "To": twilio.options.numbers[0]}
    return {"data": form, "headers": {"X-Twilio-Signature": sign(twilio.options.auth_token, url, list(form.items()))}}


async def waiting(http: aiohttp.ClientSession, node: Served) -> None:
    """Until the node answers, without its database."""

    async def answering() -> bool:
        return (await said(http, "GET", node.base + "/readyz"))[0] == 503

    await until(answering)


async def said(http: aiohttp.ClientSession, method: str, url: str, more: Mapping[str, Any] | None = None) -> tuple[int, str]:
    """Status and text; 0 while nobody listens."""
    try:
        async with http.request(method, url, **(more or {})) as answer:
            return answer.status, await answer.text()
    except aiohttp.ClientConnectionError:
        return 0, ""


@pytest.mark.postgres
@pytest.mark.law(1, 2)
async def test_a_service_that_begins_before_its_database_tells_callers_whom_to_call_and_comes_up_by_itself(
    own_postgres: Server, twilio: StandIn, tmp_path: Path
) -> None:
    began = time.monotonic()
    url = own_postgres.create_database("story")
    run_to_end(lambda: upgrade(url))
    async with opened(url) as database:
        await set_up(database, CAST)
    node = Served(url, twilio, tmp_path)
    twilio.options.sms_url = node.sms_url  # nobody calls again: the text is fetched from the list
    await asyncio.to_thread(own_postgres.stop)
    try:
        async with aiohttp.ClientSession() as http:
            await node.spawn()
            await waiting(http, node)
            assert "the database cannot be reached" in node.log.read_text()
            assert (await said(http, "GET", node.base + "/healthz"))[1] == '{"ok": false, "problems": ["database"], "alarms": []}'
            status, document = await said(http, "POST", node.base + FALLBACK.replace("+1", ""))
            assert status == 200
            assert "al 9 1 1." in document
            assert "al 2 0 2, 5 5 5, 0 1 9 0." in document
            incoming = node.base + "/webhooks/twilio/voice/incoming"
            assert (await said(http, "POST", incoming))[0] == 403, "only the provider is answered"
            status, document = await said(http, "POST", incoming, a_call(twilio, incoming))
            assert (status, "call 9 1 1" in document, "al 9 1 1" in document) == (200, True, True), document
            assert (await said(http, "GET", node.base + "/queue"))[0] == 503
            refused = await twilio.inbound(CAST["Chi Chen"], "I have chest pain")
            assert refused is not None
            assert refused.status == 503
            assert node.alive
            await asyncio.to_thread(own_postgres.start)
            back = time.monotonic()
            await node.ready()
            up = time.monotonic() - back
        async with opened(url) as database:

            async def heard() -> bool:
                kept = await rows(database, communications, communications.c.direction == "in")
                return [row.body for row in kept] == ["I have chest pain"]

            await until(heard)
        assert await node.stop() == 0
    finally:
        if node.alive:
            await node.kill()
    tell("serve begins before PostgreSQL", {"seconds_from_its_return_to_the_service": round(up, 1)}, began)


@pytest.mark.postgres
async def test_a_service_that_waits_for_its_database_ends_when_it_is_told_to(own_postgres: Server, twilio: StandIn, tmp_path: Path) -> None:
    url = own_postgres.create_database("story")
    node = Served(url, twilio, tmp_path)
    await asyncio.to_thread(own_postgres.stop)
    try:
        async with aiohttp.ClientSession() as http:
            await node.spawn()
            await waiting(http, node)
        assert await node.stop() == 0
    finally:
        if node.alive:
            await node.kill()


@pytest.mark.postgres
async def test_a_database_that_comes_back_without_our_schema_ends_the_wait_with_what_to_do(
    own_postgres: Server, twilio: StandIn, tmp_path: Path
) -> None:
    url = own_postgres.create_database("story")
    node = Served(url, twilio, tmp_path)
    await asyncio.to_thread(own_postgres.stop)
    try:
        await node.spawn()
        await until(lambda: "database_awaited" in node.log.read_text())
        await asyncio.to_thread(own_postgres.start)
        await until(lambda: not node.alive)
    finally:
        await node.kill()
    assert "the database is empty, this release needs" in node.log.read_text()
