"""The loop by itself: what goes to its numbers comes back signed, in the name of the provider; everything else passes by."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from service.domain.call import AnsweredBy, CallStatus
from service.domain.communication import Status
from service.domain.prompt import Gather, HangUp, Prompt, Say
from service.telephony.loop import DetourProvider, DetourTelephone, Loop, LoopReceiver, LoopVoice, loop_key
from service.telephony.loop.receiver import HEADER, sign
from service.telephony.port import (
    Accepted,
    DeliveryUpdate,
    InboundMessage,
    Incomplete,
    OutgoingCall,
    OutgoingText,
    Payload,
    RemoteText,
    SignatureRefused,
    TransientFailure,
)

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
KEY = loop_key(b"i" * 32)
OURS, THEIRS, SOMEBODY = "+12025550100", "+12025550185", "+12025550101"
ID = UUID(int=7)


class Real:
    """A provider that counts what reaches it, and offers something of its own."""

    name, account, list_is_sure = "twilio", "AC1", False

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.closed = False

    async def send_text(self, text: OutgoingText) -> Accepted:
        self.sent.append(text.to)
        return Accepted("SM1", Status.ACCEPTED)

    async def list_texts(self, *, to: str | None, since: datetime, limit: int = 200) -> Sequence[RemoteText]:
        return [RemoteText("SM1", to or "", "", "", None, "", NOW)]

    async def fetch_text(self, provider_id: str) -> RemoteText | None:
        return RemoteText(provider_id, "", "", "", None, "", NOW)

    async def place_call(self, call: OutgoingCall) -> Any:
        self.sent.append(call.to)

    async def fetch_call(self, provider_id: str) -> Any:
        return provider_id

    async def close(self) -> None:
        self.closed = True


class Service:
    """Our own webhooks: verify, parse, remember; a call is asked for one key, then over."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.refuse = 0
        self.base = ""

    async def take(self, request: web.Request) -> web.Response:
        if self.refuse:
            self.refuse -= 1
            return web.Response(status=503)
        payload = LoopReceiver(KEY).verify(url=f"{self.base}{request.raw_path}", headers=request.headers, body=await request.read())
        parts = request.path.split("/")[3:]
        if parts[0] in ("sms", "status"):
            self.told += LoopReceiver(KEY).parse(payload, ID if parts[0] == "status" else None)
            return web.Response()
        if parts[-1] == "status":
            self.told.append(LoopVoice().parse_call_status(payload, ID))
            return web.Response(status=204)
        heard = LoopVoice().parse_call(payload, ID, int(parts[-1]))
        self.told.append(heard)
        say = Say("Press a key.", "en")
        prompt = Prompt((Gather((say,), "en", digits=1),)) if heard.turn == 0 else Prompt((say, HangUp()))
        answer = LoopVoice().render(prompt, f"{self.base}/webhooks/loop/voice/{ID}/1")
        return web.Response(text=answer.body, content_type=answer.content_type)


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    service, app = Service(), web.Application()
    app.router.add_post("/webhooks/loop/{rest:.*}", service.take)
    async with TestServer(app) as server:
        service.base = str(server.make_url("")).rstrip("/")
        yield service


@pytest.fixture
async def loop(service: Service) -> AsyncIterator[Loop]:
    loop = Loop(service.base, KEY, {THEIRS}, lambda: NOW)
    yield loop
    await loop.close()


async def test_a_text_to_the_loop_is_told_as_sent_comes_in_and_is_told_as_delivered(loop: Loop, service: Service) -> None:
    real: Any = Real()
    accepted = await DetourProvider(real, loop).send_text(OutgoingText(ID, THEIRS, "Hello", OURS))
    await loop.settled()
    assert real.sent == [], "it never met the carrier"
    sent, arrived, delivered = service.told
    assert isinstance(arrived, InboundMessage)
    assert (arrived.provider, arrived.account, arrived.sender, arrived.recipient, arrived.body) == ("twilio", "AC1", OURS, THEIRS, "Hello")
    assert [(word.status, word.provider_id, word.attempt_id) for word in (sent, delivered)] == [
        (Status.SENT, accepted.provider_id, ID),
        (Status.DELIVERED, accepted.provider_id, ID),
    ]


async def test_everything_else_is_the_providers_own(loop: Loop, service: Service) -> None:
    real: Any = Real()
    detour: Any = DetourProvider(real, loop)
    assert (await detour.send_text(OutgoingText(ID, SOMEBODY, "Hello"))).provider_id == "SM1"
    assert real.sent == [SOMEBODY]
    assert service.told == []
    assert [text.to for text in await detour.list_texts(to=SOMEBODY, since=NOW)] == [SOMEBODY]
    assert await detour.list_texts(to=THEIRS, since=NOW) == []
    assert (await detour.fetch_text("SM1")).provider_id == "SM1"
    assert await detour.fetch_text("LOOP1") is None
    assert (detour.name, detour.account, detour.list_is_sure) == ("twilio", "AC1", False)
    await detour.close()
    assert real.closed


async def test_a_call_to_the_loop_is_picked_up_presses_a_key_and_is_hung_up(loop: Loop, service: Service) -> None:
    real: Any = Real()
    telephone: Any = DetourTelephone(real, loop)
    placed = await telephone.place_call(OutgoingCall(ID, THEIRS))
    await loop.settled()
    assert (placed.status, placed.created_at) == (CallStatus.PLACED, NOW)
    assert real.sent == []
    began, first, second, ended = service.told
    assert (began.status, ended.status) == (CallStatus.TALKING, CallStatus.ENDED)
    assert (first.answered_by, first.pressed, second.pressed) == (AnsweredBy.PERSON, "", "3")
    assert {one.provider for one in service.told} == {"twilio"}
    assert await telephone.fetch_call(placed.provider_id) is None
    await telephone.place_call(OutgoingCall(ID, SOMEBODY))
    assert real.sent == [SOMEBODY]


async def test_a_webhook_that_is_not_taken_is_tried_again_and_what_never_comes_in_is_not_told_as_delivered(
    loop: Loop, service: Service
) -> None:
    real: Any = Real()
    service.refuse = 1
    await DetourProvider(real, loop).send_text(OutgoingText(ID, THEIRS, "Hello", OURS))
    await loop.settled()
    assert len(service.told) == 3
    service.told.clear()
    service.refuse = 6  # sent three times in vain, and the text three times
    await DetourProvider(real, loop).send_text(OutgoingText(ID, THEIRS, "Hello", OURS))
    await loop.settled()
    assert service.told == []


async def test_words_from_the_loop_come_in_by_the_webhook_or_fail_at_once(loop: Loop, service: Service) -> None:
    real: Any = Real()
    id = await loop.says(real, THEIRS, OURS, "I have chest pain")
    [message] = service.told
    assert (message.provider_id, message.sender, message.recipient) == (id, THEIRS, OURS)
    service.refuse = 1
    with pytest.raises(TransientFailure):
        await loop.says(real, THEIRS, OURS, "again")


@pytest.mark.parametrize("headers", [{}, {HEADER: ""}, {HEADER: "0" * 64}, {HEADER: "\udcff"}])
def test_a_request_that_the_loop_did_not_sign_is_refused(headers: Mapping[str, str]) -> None:
    with pytest.raises(SignatureRefused):
        LoopReceiver(KEY).verify(url="https://rounds.example/webhooks/loop/sms", headers=headers, body=b"id=1")


def test_a_signature_fits_one_address_one_body_and_one_key() -> None:
    url, body = "https://rounds.example/webhooks/loop/sms", b"for=twilio&id=1&status=sent"
    good = {HEADER: sign(KEY, url, body)}
    assert LoopReceiver(KEY).verify(url=url, headers=good, body=body).form["id"] == "1"
    for changed in ((f"{url}x", body, KEY), (url, body + b"&a=b", KEY), (url, body, loop_key(b"j" * 32))):
        with pytest.raises(SignatureRefused):
            LoopReceiver(changed[2]).verify(url=changed[0], headers=good, body=changed[1])


@pytest.mark.parametrize("form", [{}, {"id": "1"}, {"for": "twilio"}, {"for": "twilio", "id": "1", "from": OURS}])
def test_what_lacks_a_field_is_incomplete(form: dict[str, str]) -> None:
    with pytest.raises(Incomplete):
        LoopReceiver(KEY).parse(Payload(form), None)


def test_a_word_that_is_not_known_says_nothing() -> None:
    [word] = LoopReceiver(KEY).parse(Payload({"for": "twilio", "id": "1", "status": "odd"}), ID)
    assert isinstance(word, DeliveryUpdate)
    assert word.status is None


def test_a_prompt_travels_whole() -> None:
    answer = LoopVoice().render(Prompt((Say("Hello", "en"), HangUp())), "https://rounds.example/webhooks/loop/voice/x/1")
    assert json.loads(answer.body)["next"].endswith("/1")
