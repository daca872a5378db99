"""Simulated phones: the same port, real signed HTTP to the service's own webhook paths."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from aiohttp import web

from service.domain.communication import Status
from service.telephony.handsets import Author, Phones, PhoneText, ReplyLost
from service.telephony.port import (
    DeliveryUpdate,
    InboundMessage,
    Incomplete,
    Payload,
    PermanentFailure,
    Provider,
    Receiver,
    SignatureRefused,
)
from service.telephony.simulator import Simulator, build
from service.telephony.simulator import phones as phones_module
from service.telephony.simulator.phones import SimulatedPhones, TooManyWatchers
from service.telephony.simulator.receiver import HEADER, SimulatorReceiver, sign
from tests.patience import PATIENCE_SECONDS
from tests.unit.telephony.conftest import ANA, BEN, a_text

SERVICE = "+12025550190"


class Service:
    """The service's side: verifies and keeps what the simulator posts."""

    def __init__(self) -> None:
        self.receiver: Receiver | None = None
        self.base = ""
        self.messages: list[InboundMessage] = []
        self.updates: list[DeliveryUpdate] = []
        self.answer = 200
        self.arrived = asyncio.Event()

    async def sms(self, request: web.Request) -> web.Response:
        [message] = self._receiver().parse(await self._payload(request), None)
        assert isinstance(message, InboundMessage)
        if self.answer == 200:
            self.messages.append(message)
        self.arrived.set()
        return web.Response(status=self.answer)

    async def status(self, request: web.Request) -> web.Response:
        [update] = self._receiver().parse(await self._payload(request), UUID(request.match_info["attempt_id"]))
        assert isinstance(update, DeliveryUpdate)
        if self.answer == 200:
            self.updates.append(update)
        self.arrived.set()
        return web.Response(status=204 if self.answer == 200 else self.answer)

    async def _payload(self, request: web.Request) -> Payload:
        url = "https://rounds.example" + request.raw_path
        return self._receiver().verify(url=url, headers=request.headers, body=await request.read())

    def _receiver(self) -> Receiver:
        assert self.receiver is not None
        return self.receiver

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():
                self.arrived.clear()
                await self.arrived.wait()


@asynccontextmanager
async def simulated() -> AsyncIterator[tuple[Simulator, Service]]:
    service = Service()
    app = web.Application()
    app.router.add_post("/webhooks/simulator/sms", service.sms)
    app.router.add_post("/webhooks/simulator/status/{attempt_id}", service.status)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    simulator = build(
        public_base_url="https://rounds.example",
        connect_to=f"http://127.0.0.1:{runner.addresses[0][1]}",
        sender=SERVICE,
        now=lambda: datetime.now(UTC),
        step_seconds=0.01,
    )
    service.receiver = simulator.receiver
    try:
        yield simulator, service
    finally:
        await simulator.provider.close()
        await runner.cleanup()


async def test_a_text_lies_on_the_phone_and_its_delivery_is_called_back() -> None:
    async with simulated() as (simulator, service):
        as_port: Provider = simulator.provider
        phones: Phones = simulator.phones
        text = a_text(ANA, body="What is your weight today?")
        accepted = await as_port.send_text(text)
        assert accepted.status is Status.ACCEPTED
        await service.until(lambda: len(service.updates) == 2)
        assert [update.status for update in service.updates] == [Status.SENT, Status.DELIVERED]
        assert {(update.attempt_id, update.provider_id) for update in service.updates} == {(text.attempt_id, accepted.provider_id)}
        [shown] = phones.conversation(ANA).texts
        assert (shown.author, shown.body, shown.state) == (Author.SERVICE, text.body, "delivered")


async def test_a_reply_typed_on_a_phone_arrives_at_the_webhook() -> None:
    async with simulated() as (simulator, service):
        body = "I skipped my water pill & my ankles are huge 👍"
        provider_id = await simulator.phones.reply(ANA, body)
        [message] = service.messages
        assert (message.sender, message.recipient, message.body, message.provider_id) == (ANA, SERVICE, body, provider_id)
        [shown] = simulator.phones.conversation(ANA).texts
        assert (shown.author, shown.body, shown.state) == (Author.PATIENT, body, "received")


async def test_a_reply_that_the_service_does_not_take_is_shown_as_lost() -> None:
    async with simulated() as (simulator, service):
        service.answer = 503
        with pytest.raises(ReplyLost):
            await simulator.phones.reply(ANA, "chest pain")
        assert simulator.phones.conversation(ANA).texts[0].state == "lost"


async def test_a_status_that_is_not_taken_at_first_comes_again() -> None:
    async with simulated() as (simulator, service):
        service.answer = 500
        await simulator.provider.send_text(a_text(ANA))
        await service.until(service.arrived.is_set)
        service.answer = 200
        await service.until(lambda: len(service.updates) == 2)
        assert [update.status for update in service.updates] == [Status.SENT, Status.DELIVERED]


async def test_a_text_to_a_phone_that_is_off_comes_back_undelivered() -> None:
    async with simulated() as (simulator, service):
        simulator.phones.switch(ANA, on=False)
        accepted = await simulator.provider.send_text(a_text(ANA))
        await service.until(lambda: len(service.updates) == 2)
        last = service.updates[-1]
        assert (last.status, last.error_code, last.effect) == (Status.UNDELIVERED, "simulator_switched_off", "")
        assert simulator.phones.conversation(ANA).texts[0].state == "undelivered"
        found = await simulator.provider.fetch_text(accepted.provider_id)
        assert found is not None
        assert found.status is Status.UNDELIVERED


@pytest.mark.parametrize("word", ["STOP", " stop ", "Unsubscribe", "QUIT"])
async def test_stop_blocks_like_a_carrier_until_start(word: str) -> None:
    async with simulated() as (simulator, service):
        await simulator.phones.reply(ANA, word)
        assert service.messages[0].opt_out_type == "STOP"
        with pytest.raises(PermanentFailure) as caught:
            await simulator.provider.send_text(a_text(ANA))
        assert caught.value.effect == "opted_out"
        await simulator.provider.send_text(a_text(BEN))
        await simulator.phones.reply(ANA, "start")
        assert service.messages[-1].opt_out_type == "START"
        await simulator.provider.send_text(a_text(ANA))
        authors = [text.author for text in simulator.phones.conversation(ANA).texts]
        assert authors == [Author.PATIENT, Author.CARRIER, Author.PATIENT, Author.CARRIER, Author.SERVICE]


async def test_yes_is_an_answer_unless_the_number_is_blocked() -> None:
    async with simulated() as (simulator, service):
        await simulator.phones.reply(ANA, "YES")
        assert service.messages[-1].opt_out_type == ""
        await simulator.phones.reply(ANA, "STOP")
        await simulator.phones.reply(ANA, "yes")
        assert service.messages[-1].opt_out_type == "START"
        assert not simulator.phones.conversation(ANA).blocked


async def test_stop_within_a_sentence_blocks_nothing() -> None:
    async with simulated() as (simulator, service):
        await simulator.phones.reply(ANA, "the pain won't stop")
        assert service.messages[0].opt_out_type == ""
        assert not simulator.phones.conversation(ANA).blocked


@pytest.mark.parametrize("text", ["", "  ", "x" * 1601])
async def test_an_empty_or_endless_reply_is_refused(text: str) -> None:
    async with simulated() as (simulator, _):
        with pytest.raises(ValueError, match="1600"):
            await simulator.phones.reply(ANA, text)


async def test_the_list_shows_both_directions_newest_first() -> None:
    async with simulated() as (simulator, _):
        await simulator.provider.send_text(a_text(ANA, body="one"))
        await simulator.phones.reply(ANA, "two")
        await simulator.provider.send_text(a_text(BEN, body="three"))
        since = datetime.now(UTC) - timedelta(minutes=1)
        found = await simulator.provider.list_texts(to=None, since=since)
        assert [(text.body, text.inbound) for text in found] == [("three", False), ("two", True), ("one", False)]
        assert [text.body for text in await simulator.provider.list_texts(to=ANA, since=since)] == ["one"]
        assert len(await simulator.provider.list_texts(to=None, since=since, limit=2)) == 2


async def test_a_watching_page_is_told_which_phones_have_changed() -> None:
    async with simulated() as (simulator, service):
        with simulator.phones.watch() as watcher:
            await simulator.provider.send_text(a_text(ANA))
            await simulator.provider.send_text(a_text(ANA))
            await simulator.provider.send_text(a_text(BEN))
            await service.until(lambda: len(service.updates) == 6)
            assert await asyncio.wait_for(watcher.changed(), PATIENCE_SECONDS) == {ANA, BEN}
            simulator.phones.switch(BEN, on=False)
            assert await asyncio.wait_for(watcher.changed(), PATIENCE_SECONDS) == {BEN}
        assert [conversation.number for conversation in simulator.phones.conversations()] == [BEN, ANA]


@pytest.mark.law(12)
def test_phones_texts_and_watchers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phones_module, "WATCHERS", 1)

    async def nowhere(number: str, text: str) -> str:
        return ""

    phones = SimulatedPhones(nowhere)
    at = datetime(2026, 11, 21, tzinfo=UTC)
    for number in range(600):
        phones.put(f"+1202555{number:04}", PhoneText("1", Author.SERVICE, "hello", at, "accepted"))
    for count in range(300):
        phones.put("+12025550599", PhoneText(str(count), Author.SERVICE, "hello", at, "accepted"))
    assert len(phones.conversations()) == phones_module.PHONES
    assert len(phones.conversation("+12025550599").texts) == phones_module.TEXTS_A_PHONE
    assert phones.conversation("+12025550000").texts == ()
    with phones.watch(), pytest.raises(TooManyWatchers), phones.watch():
        pass


def test_a_wrong_missing_or_moved_signature_is_refused() -> None:
    receiver = SimulatorReceiver("secret")
    url, body = "https://rounds.example/webhooks/simulator/sms", b"id=1&from=%2B12025550101&to=%2B12025550190&body=hi"
    good = sign("secret", url, body)
    assert receiver.verify(url=url, headers={HEADER: good}, body=body).form["body"] == "hi"
    for given_url, headers, given_body in [
        (url, {}, body),
        (url, {HEADER: ""}, body),
        (url, {HEADER: "é" + good[1:]}, body),
        (url, {HEADER: sign("other", url, body)}, body),
        (url + "?a=1", {HEADER: good}, body),
        (url, {HEADER: good}, body + b"!"),
    ]:
        with pytest.raises(SignatureRefused):
            receiver.verify(url=given_url, headers=headers, body=given_body)


def test_a_form_without_its_fields_is_incomplete() -> None:
    receiver = SimulatorReceiver("secret")
    whole = {"id": "1", "from": ANA, "to": SERVICE, "body": ""}
    assert len(receiver.parse(Payload(whole), None)) == 1
    lacking = [{name: value for name, value in whole.items() if name != missing} for missing in whole]
    for form in [*lacking, {"id": "1", "status": ""}, {"status": "sent"}]:
        with pytest.raises(Incomplete):
            receiver.parse(Payload(form), None)
