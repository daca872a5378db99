"""The demo's phones on the same webhook paths as a real provider."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer, unused_port

from service import webhooks
from service.domain.communication import Status
from service.telephony import simulator
from service.telephony.handsets import ReplyLost
from tests.patience import PATIENCE_SECONDS
from tests.unit.telephony.conftest import ANA, BEN, a_text
from tests.webhooks.conftest import Actions


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - a recording, without events
            await asyncio.sleep(0.005)


async def test_a_conversation_on_a_simulated_phone_takes_the_real_way(actions: Actions) -> None:
    port = unused_port()
    base = f"http://127.0.0.1:{port}"
    phones = simulator.build(public_base_url=base, sender="+12025550190", now=lambda: datetime.now(UTC), step_seconds=0.01)
    app = web.Application()
    webhooks.setup(app, {"simulator": phones.receiver}, base, actions.receive_replies, actions.receive_delivery_statuses, actions.keep)
    with pytest.raises(ReplyLost):
        await phones.phones.reply(BEN, "is anybody there?")
    async with TestServer(app, port=port), ClientSession() as stranger:
        text = a_text(ANA, body="Did you take your water pill?")
        await phones.provider.send_text(text)
        await until(lambda: len(actions.updates) == 2)
        assert [(update.status, update.attempt_id) for update in actions.updates] == [
            (Status.SENT, text.attempt_id),
            (Status.DELIVERED, text.attempt_id),
        ]
        await phones.phones.reply(ANA, "I skipped it\0 & my ankles are huge")
        assert [(message.provider, message.sender, message.body) for message in actions.messages] == [
            ("simulator", ANA, "I skipped it\ufffd & my ankles are huge")
        ]
        async with stranger.post(base + "/webhooks/simulator/sms", data={"id": "1", "from": ANA, "to": "x", "body": "forged"}) as answer:
            assert answer.status == 403
        assert len(actions.messages) == 1
    await phones.provider.close()
