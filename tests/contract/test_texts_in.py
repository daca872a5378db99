"""Texts in and words on ours, through our webhooks: as they were typed, by whoever has signed them and by nobody else."""

from __future__ import annotations

import asyncio

import pytest

from service.domain.communication import Status, transition
from service.telephony.port import LONGEST_ID
from tests.contract.conftest import ANA, OURS, Wire
from tests.contract.test_texts_out import text

pytestmark = pytest.mark.contract


@pytest.mark.parametrize(
    "body",
    ["183.4", "1.", "１８３", "  ", "👍", "two\nlines", "¿Sí? <Response/> &=+%", "a" * 1600, "I have chest pain. " * 60],
    ids=range(9),
)
async def test_a_text_comes_in_as_it_was_typed(wire: Wire, body: str) -> None:
    answer = await wire.stand_in.inbound(ANA, body)
    assert answer is not None
    assert answer.status == 200
    [message] = wire.messages
    assert (message.sender, message.recipient, message.body, message.media_count) == (ANA, OURS, body, 0)
    assert (message.provider, message.account) == (wire.carrier.provider.name, wire.carrier.provider.account)
    assert 0 < len(message.provider_id) <= LONGEST_ID
    assert ANA in str(message.raw)


async def test_a_picture_without_words_and_an_empty_text_are_messages(wire: Wire) -> None:
    for media in (2, 0):
        answer = await wire.stand_in.inbound(ANA, "", media=media)
        assert answer is not None
        assert answer.status == 200
    assert [(message.body, message.media_count) for message in wire.messages] == [("", 2), ("", 0)]


@pytest.mark.law(3)
async def test_a_message_that_comes_again_has_the_id_that_it_had(wire: Wire) -> None:
    one = _an_id(wire)
    await asyncio.gather(*(wire.stand_in.inbound(ANA, "183", sid=one) for _ in range(3)))
    assert len(wire.messages) == 3
    assert len({message.provider_id for message in wire.messages}) == 1


@pytest.mark.parametrize(("body", "kind"), [("STOP", "STOP"), ("START", "START"), ("HELP", "HELP"), ("stop it hurts", "")])
async def test_the_providers_own_answer_to_a_keyword_is_told(wire: Wire, body: str, kind: str) -> None:
    told = "" if wire.carrier.provider.name == "signalwire" else kind  # its webhook has no field for it
    await wire.stand_in.inbound(ANA, body)
    assert [message.opt_out_type for message in wire.messages] == [told]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("before_response", [False, True])
async def test_words_on_a_text_find_it_in_any_order_twice_and_before_the_answer(wire: Wire, reverse: bool, before_response: bool) -> None:
    options = wire.stand_in.options
    options.reverse, options.before_response, options.duplicate = reverse, before_response, 2
    outgoing = text()
    accepted = await wire.carrier.provider.send_text(outgoing)
    await wire.stand_in.settled()
    assert {(update.attempt_id, update.provider_id) for update in wire.updates} == {(outgoing.attempt_id, accepted.provider_id)}
    said = [update.status for update in wire.updates]
    assert sorted(str(status) for status in said) == ["delivered", "delivered", "sent", "sent"]
    current = Status.CLAIMED
    for status in said:
        assert status is not None
        current = status if transition(current, status) else current
    assert current is Status.DELIVERED


@pytest.mark.parametrize("why", ["opted_out", "landline"])
async def test_a_text_that_did_not_arrive_says_what_follows_from_it(wire: Wire, why: str) -> None:
    wire.stand_in.outcomes[ANA] = (wire.facts.undelivered, getattr(wire.facts, why))
    await wire.carrier.provider.send_text(text())
    await wire.stand_in.settled()
    last = wire.updates[-1]
    assert last.status in (Status.UNDELIVERED, Status.FAILED)
    assert last.error_code == str(getattr(wire.facts, why))
    assert last.effect == {"opted_out": "opted_out", "landline": "not_mobile"}[why]
    assert last.retry_after_seconds is None


async def test_an_unknown_status_and_an_unknown_text_are_answered_calmly(wire: Wire) -> None:
    await wire.carrier.provider.send_text(text())
    await wire.stand_in.settled()
    wire.updates.clear()
    [sent] = wire.stand_in.store.accepted
    answers = [await wire.stand_in.call_back(sent, "delivered", sid=_an_id(wire)), await wire.stand_in.call_back(sent, "teleported")]
    assert all(answer is not None and answer.status in (200, 204) for answer in answers)
    assert [update.status for update in wire.updates] == [Status.DELIVERED, None]


@pytest.mark.law(3)
async def test_a_webhook_that_is_not_the_providers_is_refused_and_told_to_nobody(wire: Wire) -> None:
    await wire.stand_in.inbound(ANA, "chest pain")
    await wire.carrier.provider.send_text(text())
    await wire.stand_in.settled()
    captured = list(wire.came)
    assert {request.path.split("/")[3] for request in captured} == {"sms", "status"}
    wire.messages.clear()
    wire.updates.clear()
    header = wire.facts.signature_header
    for request in captured:
        [given] = [value for name, value in request.headers.items() if name.lower() == header.lower()]
        kept = {name: value for name, value in request.headers.items() if name.lower() != header.lower()}
        forged = given[:-6] + ("AAAAA=" if given[-6:] != "AAAAA=" else "BBBBB=")
        request.headers.clear()
        request.headers.update(kept)
        for signature in (None, "", "x" * 5_000, forged):
            assert await wire.again(request, **{header.replace("-", "_"): signature}) == 403, f"{request.path} {signature}"
        request.body = request.body.replace(b"pain", b"gain").replace(b"delivered", b"deliwered").replace(b"sent", b"cent")
        assert await wire.again(request, **{header.replace("-", "_"): given}) == 403, f"{request.path}, another body"
    assert (wire.messages, wire.updates) == ([], [])


@pytest.mark.law(3)
async def test_a_replay_a_second_later_is_the_same_event(wire: Wire) -> None:
    await wire.stand_in.inbound(ANA, "183")
    await asyncio.sleep(1)
    [request] = wire.came
    assert await wire.again(request) == 200
    first, second = wire.messages
    assert first == second


async def test_another_account_of_the_provider_is_refused_though_signed(wire: Wire) -> None:
    options = wire.stand_in.options
    other = wire.facts.stand_in().options
    name = "messaging_profile_id" if hasattr(options, "messaging_profile_id") else "account_sid"
    setattr(options, name, getattr(other, name)[:-2] + "99")
    answer = await wire.stand_in.inbound(ANA, "chest pain")
    assert answer is not None
    assert answer.status == 403
    assert wire.messages == []


async def test_a_body_that_is_too_large_is_refused(wire: Wire) -> None:
    await wire.stand_in.inbound(ANA, "183")
    [request] = wire.came
    request.body += b"x" * 70_000
    wire.messages.clear()
    assert await wire.again(request, Content_Length=None) == 413
    assert wire.messages == []


def _an_id(wire: Wire) -> str:
    """An id as the provider makes them, of no text that it has."""
    return wire.stand_in.options.new_id("SM")[:-3] + "abc"
