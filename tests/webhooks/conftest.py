"""Our webhooks on loopback behind a public https address, with a stand-in Twilio and actions that keep what they are given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, unused_port

from service import webhooks
from service.actions.keep_unreadable import Unread
from service.telephony.port import DeliveryUpdate, InboundMessage
from service.telephony.twilio import TwilioReceiver
from tests.stand_in_twilio import Options, StandIn

PUBLIC = "https://rounds.example"
"""What the provider was told; the server itself listens elsewhere, as behind a proxy that ends TLS."""


@dataclass
class Actions:
    """Plain functions in the place of the two actions."""

    messages: list[InboundMessage] = field(default_factory=list)
    updates: list[DeliveryUpdate] = field(default_factory=list)
    kept: list[tuple[str, Unread, str]] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    committed: asyncio.Event = field(default_factory=asyncio.Event)
    fail_on: str = ""
    """Body of the message that cannot be stored; `*` breaks the whole list."""

    async def receive_replies(self, messages: Sequence[InboundMessage]) -> Sequence[object]:
        await self.committed.wait()
        if self.fail_on == "*":
            raise RuntimeError("database is gone")
        self.batches.append(len(messages))
        self.messages += [message for message in messages if not self.fail_on or message.body != self.fail_on]
        return [RuntimeError("bad row") if self.fail_on and message.body == self.fail_on else message.provider_id for message in messages]

    async def keep(self, provider: str, kind: Unread, body: str) -> None:
        if self.fail_on == "*":
            raise RuntimeError("database is gone")
        self.kept.append((provider, kind, body))

    async def receive_delivery_statuses(self, updates: Sequence[DeliveryUpdate]) -> Sequence[object]:
        self.updates += updates
        return [None] * len(updates)


@pytest.fixture
def actions() -> Actions:
    made = Actions()
    made.committed.set()
    return made


@pytest.fixture
async def client(actions: Actions) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    """Speaks to our webhooks as anybody on the internet can."""
    options = Options()
    receiver = TwilioReceiver(account_sid=options.account_sid, auth_tokens=[options.auth_token])
    app = web.Application()
    webhooks.setup(app, {receiver.name: receiver}, PUBLIC + "/", actions.receive_replies, actions.receive_delivery_statuses, actions.keep)
    async with TestClient(TestServer(app)) as made:
        yield made


@pytest.fixture
async def direct(actions: Actions) -> AsyncIterator[StandIn]:
    """A stand-in Twilio whose inbound texts go to our webhooks, which know their own address as the public one."""
    stand_in = StandIn(Options())
    receiver = TwilioReceiver(account_sid=stand_in.options.account_sid, auth_tokens=[stand_in.options.auth_token])
    port = unused_port()
    base = f"http://127.0.0.1:{port}"
    app = web.Application()
    webhooks.setup(app, {receiver.name: receiver}, base, actions.receive_replies, actions.receive_delivery_statuses, actions.keep)
    async with TestServer(app, port=port), stand_in.running():
        stand_in.options.sms_url = f"{base}/webhooks/twilio/sms#rc=3&rp=all"
        yield stand_in
