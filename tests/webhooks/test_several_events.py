"""A provider that tells of several texts at once, in one JSON document, to one address: what Bandwidth does, in a small made-up dialect."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from service import webhooks
from service.domain.communication import Status
from service.telephony.port import Answer, DeliveryUpdate, InboundMessage, Incomplete, Payload, SignatureRefused
from service.webhooks import routes
from tests.webhooks.conftest import PUBLIC, Actions

Client = TestClient[web.Request, web.Application]
PATH = "/webhooks/many/sms"


class Many:
    """A receiver of arrays; a header with a word is its whole signature."""

    name = "many"

    def verify(self, *, url: str, headers: Mapping[str, str], body: bytes) -> Payload:
        if headers.get("X-Word") != "sesame":
            raise SignatureRefused("wrong signature")
        return Payload(document=json.loads(body))

    def parse(self, payload: Payload, attempt_id: UUID | None) -> Sequence[InboundMessage | DeliveryUpdate]:
        whole = [event for event in payload.document if "id" in event]
        if payload.document and not whole:
            raise Incomplete
        return [told for event in whole if (told := self._event(event)) is not None]

    def _event(self, event: Mapping[str, Any]) -> InboundMessage | DeliveryUpdate | None:
        match event["kind"]:
            case "received":
                return InboundMessage(self.name, "A", event["id"], "+12025550101", "+12025550190", event["text"], raw=event)
            case "delivered":
                return DeliveryUpdate(self.name, "A", event["id"], Status.DELIVERED, "delivered")
        return None

    def acknowledge(self, events: Sequence[InboundMessage | DeliveryUpdate]) -> Answer:
        return Answer("application/json", json.dumps({"taken": len(events)}), 202)


@pytest.fixture
async def many(actions: Actions) -> AsyncIterator[Client]:
    app = web.Application()
    webhooks.setup(app, {"many": Many()}, PUBLIC, actions.receive_replies, actions.receive_delivery_statuses, actions.keep)
    async with TestClient(TestServer(app)) as made:
        yield made


async def post(client: Client, *events: Mapping[str, Any], word: str = "sesame") -> ClientResponse:
    return await client.post(PATH, data=json.dumps(events), headers={"X-Word": word, "Content-Type": "application/json"})


def received(text: str, id: str = "") -> dict[str, str]:
    return {"kind": "received", "id": id or f"m-{text}", "text": text}


async def test_messages_and_statuses_in_one_request_each_reach_their_action_in_order(many: Client, actions: Actions) -> None:
    answer = await post(many, received("one"), {"kind": "delivered", "id": "t-1"}, received("two"), received("three"))
    assert (answer.status, await answer.json()) == (202, {"taken": 4})
    assert [message.body for message in actions.messages] == ["one", "two", "three"]
    assert [(update.provider_id, update.status) for update in actions.updates] == [("t-1", Status.DELIVERED)]
    assert actions.messages[0].raw == received("one")


async def test_what_concerns_no_text_is_taken_and_handed_to_nobody(many: Client, actions: Actions) -> None:
    for events in ([], [{"kind": "number ordered", "id": "x"}]):
        answer = await post(many, *events)
        assert (answer.status, await answer.json()) == (202, {"taken": 0})
    assert (actions.messages, actions.updates) == ([], [])


@pytest.mark.law(1)
async def test_it_is_answered_only_after_all_are_committed(many: Client, actions: Actions) -> None:
    actions.committed.clear()
    waiting = asyncio.create_task(post(many, {"kind": "delivered", "id": "t-1"}, received("chest pain")))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    actions.committed.set()
    assert (await waiting).status == 202


@pytest.mark.law(2)
async def test_one_that_cannot_be_stored_makes_the_provider_come_again_and_keeps_no_other_back(many: Client, actions: Actions) -> None:
    actions.fail_on = "bad"
    assert (await post(many, received("good"), received("bad"), received("better"))).status == 500
    assert [message.body for message in actions.messages] == ["good", "better"]
    actions.fail_on = ""
    assert (await post(many, received("good"), received("bad"), received("better"))).status == 202
    assert {message.provider_id for message in actions.messages} == {"m-good", "m-bad", "m-better"}


@pytest.mark.law(12)
async def test_an_event_without_what_it_must_have_keeps_no_other_back_and_alone_is_a_calm_400(many: Client, actions: Actions) -> None:
    assert (await post(many, received("one"), {"kind": "received"})).status == 202
    assert [message.body for message in actions.messages] == ["one"]
    assert (await post(many, {"kind": "received"})).status == 400
    assert len(actions.messages) == 1


async def test_too_many_at_once_are_refused(many: Client, actions: Actions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "MOST_EVENTS", 3)
    assert (await post(many, *(received(str(number)) for number in range(4)))).status == 413
    assert actions.messages == []
    assert (await post(many, *(received(str(number)) for number in range(3)))).status == 202


async def test_without_the_word_nothing_is_read(many: Client, actions: Actions) -> None:
    assert (await post(many, received("one"), word="guess")).status == 403
    assert actions.messages == []
