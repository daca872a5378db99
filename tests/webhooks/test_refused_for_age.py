"""A signed webhook that is refused for its age is counted: a wrong clock here must not go unnoticed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from service import webhooks
from service.telephony.telnyx import TelnyxReceiver
from tests.stand_in_telnyx import Options
from tests.stand_in_telnyx.signing import signed
from tests.webhooks.conftest import PUBLIC, Actions

OPTIONS, OTHER = Options(), Options(seed=b"\x01" * 32)
NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
EVENT = {"data": {"event_type": "message.sending", "payload": {"messaging_profile_id": OPTIONS.messaging_profile_id}}}


@pytest.fixture
def told() -> list[bool]:
    return []


@pytest.fixture
async def client(actions: Actions, told: list[bool]) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    receiver = TelnyxReceiver(messaging_profile_id=OPTIONS.messaging_profile_id, public_keys=[OPTIONS.public_key], now=lambda: NOW)
    app = web.Application()
    webhooks.setup(app, {"telnyx": receiver}, PUBLIC, actions.receive_replies, actions.receive_delivery_statuses, actions.keep, told.append)
    async with TestClient(TestServer(app)) as made:
        yield made


async def post(client: TestClient[web.Request, web.Application], by: Options, seconds: int) -> int:
    body = json.dumps(EVENT).encode()
    headers = signed(by.private_key, int((NOW + timedelta(seconds=seconds)).timestamp()), body)
    return (await client.post("/webhooks/telnyx/sms", data=body, headers=headers)).status


async def test_each_signed_request_tells_whether_its_time_was_near(
    client: TestClient[web.Request, web.Application], told: list[bool]
) -> None:
    assert [await post(client, OPTIONS, seconds) for seconds in (0, -301, 301, 299)] == [200, 403, 403, 200]
    assert told == [True, False, False, True]


async def test_a_stranger_cannot_make_the_clock_look_wrong(client: TestClient[web.Request, web.Application], told: list[bool]) -> None:
    assert [await post(client, OTHER, seconds) for seconds in (-3600, 0)] == [403, 403]
    assert told == []
