"""One provider as a site would set it up, its stand-in, and our webhooks with actions that keep what they are given."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer, unused_port

from service.actions.answer_called_number import CallIn
from service.actions.keep_unreadable import Unread
from service.content import load_script
from service.domain.call import CallInput, CallUpdate
from service.domain.prompt import HangUp, Prompt
from service.providers import Carrier, carriers
from service.settings import Settings
from service.telephony.port import DeliveryUpdate, InboundMessage, Payload, Receiver, VoiceReceiver
from service.webhooks import Calls, Turn, setup, setup_calls
from tests import stand_in_telnyx, stand_in_twilio
from tests.stand_in_twilio import StandIn

ANA, OURS = "+12025550101", "+12025550190"
KEY = base64.b64encode(b"k" * 32).decode()


@dataclass(frozen=True)
class Facts:
    """What a provider calls things: the stand-in's own kind of it, and codes of its error list."""

    stand_in: Callable[[], StandIn]
    opted_out: int
    landline: int
    invalid: int
    signature_header: str
    undelivered: str


PROVIDERS = {
    "twilio": Facts(lambda: StandIn(stand_in_twilio.Options()), 21610, 21614, 21211, "X-Twilio-Signature", "undelivered"),
    "signalwire": Facts(lambda: StandIn(stand_in_twilio.signalwire()), 21610, 21614, 21211, "X-SignalWire-Signature", "undelivered"),
    "telnyx": Facts(stand_in_telnyx.StandIn, 40300, 40001, 40310, "telnyx-signature-ed25519", "delivery_failed"),
}


@dataclass
class Request:
    """A webhook as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Wire:
    """A provider, its stand-in, and what our side was told."""

    facts: Facts
    stand_in: StandIn
    carrier: Carrier
    base: str
    messages: list[InboundMessage] = field(default_factory=list)
    updates: list[DeliveryUpdate] = field(default_factory=list)
    kept: list[tuple[str, Unread, str]] = field(default_factory=list)
    steps: list[CallInput] = field(default_factory=list)
    call_updates: list[CallUpdate] = field(default_factory=list)
    script: list[Prompt] = field(default_factory=list)
    """What is said at each turn; then the call is over."""
    failing: bool = False
    """No step can be answered."""
    came: list[Request] = field(default_factory=list)

    async def receive_replies(self, messages: Sequence[InboundMessage]) -> Sequence[object]:
        self.messages += messages
        return [None] * len(messages)

    async def keep(self, provider: str, kind: Unread, body: str) -> None:
        self.kept.append((provider, kind, body))

    async def receive_statuses(self, updates: Sequence[DeliveryUpdate]) -> Sequence[object]:
        self.updates += updates
        return [None] * len(updates)

    async def step(self, heard: CallInput) -> Turn:
        if self.failing:
            raise RuntimeError("the database is gone")
        self.steps.append(heard)
        said = self.script[heard.turn] if heard.turn < len(self.script) else Prompt((HangUp(),))
        return Turn(heard.turn + 1, said)

    async def call_status(self, update: CallUpdate) -> object:
        self.call_updates.append(update)
        return None

    async def called(self, call: CallIn) -> Prompt:
        return Prompt((HangUp(),))

    async def again(self, request: Request, **changed: str | None) -> int:
        """A webhook that came, again as it was or with other headers (None: without); the answer's status."""
        headers = request.headers | {name.replace("_", "-"): value for name, value in changed.items()}
        kept = {name: value for name, value in headers.items() if value is not None}
        async with ClientSession() as anybody, anybody.post(self.base + request.path, data=request.body, headers=kept) as answer:
            return answer.status


class Listening:
    """The provider's receiver, which keeps each webhook as it came."""

    def __init__(self, receiver: Receiver, wire: Wire) -> None:
        self.name, self.parse, self.acknowledge = receiver.name, receiver.parse, receiver.acknowledge
        self._receiver, self._wire = receiver, wire

    def verify(self, *, url: str, headers: Mapping[str, str], body: bytes) -> Payload:
        self._wire.came.append(Request(url.removeprefix(self._wire.base), dict(headers), body))
        return self._receiver.verify(url=url, headers=headers, body=body)


def set_up(stand_in: StandIn, base: str, *, dated: Callable[[datetime], None] = lambda at: None, **more: str) -> Carrier:
    """The provider as the settings put it together."""
    told = {"PUBLIC_BASE_URL": base, "ENCRYPTION_KEYS": f"k:{KEY}", "BLIND_INDEX_KEY": KEY, "MACHINE_DETECTION": "sync"}
    [carrier] = carriers(Settings.from_environment(told | stand_in.settings() | more), dated)
    return carrier


@pytest.fixture(params=PROVIDERS)
async def wire(request: pytest.FixtureRequest) -> AsyncIterator[Wire]:
    """One provider at a time."""
    facts = PROVIDERS[request.param]
    stand_in = facts.stand_in()
    stand_in.options.step_seconds = stand_in.options.retry_pause_seconds = 0.001
    port = unused_port()
    base = f"http://127.0.0.1:{port}"
    async with stand_in.running():
        carrier = set_up(stand_in, base)
        made = Wire(facts, stand_in, carrier, base)
        receiver, voice = Listening(carrier.receiver, made), carrier.voice
        assert voice is not None
        app = web.Application()
        setup(app, {receiver.name: receiver}, base, made.receive_replies, made.receive_statuses, made.keep)
        voices: dict[str, VoiceReceiver] = {voice.name: voice}
        setup_calls(app, Calls(voices, base, load_script(), step=made.step, status=made.call_status, called=made.called))
        async with TestServer(app, port=port):
            stand_in.options.sms_url = f"{base}/webhooks/{receiver.name}/sms"
            try:
                yield made
            finally:
                await stand_in.settled()
                await carrier.provider.close()
                if carrier.telephone is not None:
                    await carrier.telephone.close()
