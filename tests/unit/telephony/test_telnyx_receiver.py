"""Telnyx's events in our words: every kind of event, every status, and what is missing or misshapen."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from service.domain.communication import Status
from service.telephony.port import Answer, DeliveryUpdate, InboundMessage, Incomplete, Payload, Receiver
from service.telephony.telnyx import TelnyxReceiver
from service.telephony.telnyx.statuses import STATUSES
from tests.stand_in_telnyx import Options
from tests.stand_in_telnyx.messages import event, payload
from tests.stand_in_twilio.store import Message

OPTIONS = Options()
ANA, CLINIC = "+12025550101", "+12025550190"


@pytest.fixture
def receiver() -> TelnyxReceiver:
    return TelnyxReceiver(
        messaging_profile_id=OPTIONS.messaging_profile_id, public_keys=[OPTIONS.public_key], account_sid=OPTIONS.account_sid
    )


def inbound(words: str = "183.4", /, **changed: Any) -> dict[str, Any]:
    """The payload of a message.received; `changed` replaces fields, None of them takes one away."""
    made = payload(
        Message("7a5f0b6e-0001", CLINIC, ANA, words, "inbound", "received", 1_800_000_000.0, media=changed.pop("photos", 0)), OPTIONS
    )
    return {name: value for name, value in {**made, **changed}.items() if value is not ...}


def outbound(status: str = "delivered", error_code: int | None = None, **changed: Any) -> dict[str, Any]:
    """The payload of a message.sent or message.finalized."""
    made = payload(Message("7a5f0b6e-0002", ANA, CLINIC, "Hello", "outbound-api", status, 1_800_000_000.0, error_code=error_code), OPTIONS)
    return {name: value for name, value in {**made, **changed}.items() if value is not ...}


def told(receiver: TelnyxReceiver, kind: str, body: Any, attempt: Any = None) -> list[InboundMessage | DeliveryUpdate]:
    return list(receiver.parse(Payload(document={"data": event(kind, body, 1_800_000_000.0), "meta": {"attempt": 1}}), attempt))


def message(receiver: TelnyxReceiver, body: dict[str, Any]) -> InboundMessage:
    [found] = told(receiver, "message.received", body)
    assert isinstance(found, InboundMessage)
    return found


def update(receiver: TelnyxReceiver, body: dict[str, Any], kind: str = "message.finalized", attempt: Any = None) -> DeliveryUpdate:
    [found] = told(receiver, kind, body, attempt)
    assert isinstance(found, DeliveryUpdate)
    return found


def test_the_receiver_fulfils_the_port(receiver: TelnyxReceiver) -> None:
    as_port: Receiver = receiver
    assert as_port.acknowledge(told(receiver, "message.received", inbound())) == Answer("text/plain", "", 200)


def test_a_received_message_is_told_whole(receiver: TelnyxReceiver) -> None:
    found = message(receiver, inbound("¿Qué? 👍\nmás"))
    assert (found.provider, found.account, found.pool) == ("telnyx", OPTIONS.messaging_profile_id, OPTIONS.messaging_profile_id)
    assert (found.provider_id, found.sender, found.recipient) == ("7a5f0b6e-0001", ANA, CLINIC)
    assert (found.body, found.media_count, found.opt_out_type) == ("¿Qué? 👍\nmás", 0, "")
    assert found.raw["event_type"] == "message.received"


def test_media_may_come_without_words(receiver: TelnyxReceiver) -> None:
    found = message(receiver, inbound("", photos=3, text=None))
    assert (found.body, found.media_count) == ("", 3)


@pytest.mark.parametrize("words", ["", " "])
def test_an_empty_text_is_a_text(receiver: TelnyxReceiver, words: str) -> None:
    assert message(receiver, inbound(words)).body == words


def test_words_of_a_rich_message_are_read(receiver: TelnyxReceiver) -> None:
    assert message(receiver, inbound(text=..., type="RCS", body={"text": "I have chest pain"})).body == "I have chest pain"


@pytest.mark.parametrize(
    ("given", "read"), [("STOP", "STOP"), ("START", "START"), ("HELP", "HELP"), ("stop", "STOP"), (None, ""), ("OTHER", ""), (7, "")]
)
def test_what_telnyx_has_answered_itself_is_told(receiver: TelnyxReceiver, given: Any, read: str) -> None:
    assert message(receiver, inbound("STOP", autoresponse_type=given)).opt_out_type == read


@pytest.mark.parametrize(
    "changed",
    [
        {"id": ...},
        {"id": ""},
        {"id": 7},
        {"id": "x" * 65},
        {"id": "a b"},
        {"from": ...},
        {"from": None},
        {"from": {"phone_number": ""}},
        {"from": {"phone_number": "+1" * 20}},
        {"from": [ANA]},
        {"to": []},
        {"to": CLINIC},
        {"to": [None]},
        {"to": [{"phone_number": 5}]},
        {"text": ...},
        {"text": None},
        {"text": 5},
        {"direction": "outbound"},
        {"messaging_profile_id": ...},
        {"messaging_profile_id": "another"},
    ],
)
def test_a_message_that_lacks_something_is_incomplete(receiver: TelnyxReceiver, changed: dict[str, Any]) -> None:
    with pytest.raises(Incomplete):
        told(receiver, "message.received", inbound(**changed))


@pytest.mark.parametrize(("word", "status"), STATUSES.items())
def test_every_status_has_a_word_of_ours(receiver: TelnyxReceiver, word: str, status: Status) -> None:
    attempt = uuid4()
    found = update(receiver, outbound(word), "message.sent", attempt)
    assert (found.status, found.provider_status, found.attempt_id) == (status, word, attempt)
    assert (found.provider_id, found.error_code, found.effect, found.retry_after_seconds) == ("7a5f0b6e-0002", "", "", None)


def test_a_delivery_that_is_never_confirmed_is_no_failure(receiver: TelnyxReceiver) -> None:
    assert update(receiver, outbound("delivery_unconfirmed")).status is Status.SENT


def test_an_unknown_status_is_kept_and_loud(receiver: TelnyxReceiver) -> None:
    with capture_logs() as logs:
        found = update(receiver, outbound("teleported"))
    assert (found.status, found.provider_status) == (None, "teleported")
    assert [log["status"] for log in logs] == ["teleported"]
    with capture_logs() as logs:
        update(receiver, outbound(f"to {ANA}"))
    assert [log["status"] for log in logs] == ["unreadable"]


@pytest.mark.parametrize(
    ("status", "code", "ours", "effect", "pause"),
    [
        ("delivery_failed", 40001, Status.UNDELIVERED, "not_mobile", None),
        ("delivery_failed", 40012, Status.UNDELIVERED, "invalid_number", None),
        ("delivery_failed", 40006, Status.UNDELIVERED, "", 7200.0),
        ("sending_failed", 40300, Status.FAILED, "opted_out", None),
        ("sending_failed", 40318, Status.FAILED, "", 60.0),
        ("delivery_failed", 40002, Status.UNDELIVERED, "filtered", None),
        ("sending_failed", 40016, Status.FAILED, "", 86_400.0),
    ],
)
def test_a_failed_text_tells_what_follows(
    receiver: TelnyxReceiver, status: str, code: int, ours: Status, effect: str, pause: float | None
) -> None:
    found = update(receiver, outbound(status, code))
    assert (found.status, found.error_code, found.effect, found.retry_after_seconds) == (ours, str(code), effect, pause)


def test_a_block_that_is_no_opt_out_silences_nobody(receiver: TelnyxReceiver) -> None:
    errors = [{"code": "40300", "title": "Invalid sender", "detail": "The from number is not assigned to a messaging profile"}]
    assert update(receiver, outbound("sending_failed", errors=errors)).effect == "configuration"
    assert update(receiver, outbound("sending_failed", errors=[{"code": "40300"}])).effect == "opted_out"


@pytest.mark.parametrize("errors", [[None], ["40300"], [{"code": None}], [{"code": ["x"]}], [{}], {"code": "40300"}, "40300"])
def test_errors_of_another_shape_are_no_crash(receiver: TelnyxReceiver, errors: Any) -> None:
    assert update(receiver, outbound("delivery_failed", errors=errors)).status is Status.UNDELIVERED


@pytest.mark.parametrize(
    "changed",
    [
        {"id": ...},
        {"to": []},
        {"to": [{}]},
        {"to": None},
        {"direction": "inbound"},
        {"messaging_profile_id": "another"},
        {"to": [{"status": 5}]},
    ],
)
def test_a_status_that_lacks_something_is_incomplete(receiver: TelnyxReceiver, changed: dict[str, Any]) -> None:
    with pytest.raises(Incomplete):
        told(receiver, "message.finalized", outbound(**changed))


def test_a_message_may_come_to_the_address_of_statuses(receiver: TelnyxReceiver) -> None:
    [found] = told(receiver, "message.received", inbound("I have chest pain"), uuid4())
    assert isinstance(found, InboundMessage)


@pytest.mark.parametrize("kind", ["message.link_click", "message.queued", "call.initiated", "10dlc.campaign.update", "MESSAGE.RECEIVED"])
def test_an_unknown_event_is_ignored_with_200(receiver: TelnyxReceiver, kind: str) -> None:
    with capture_logs() as logs:
        assert told(receiver, kind, inbound()) == []
    assert [log["event"] for log in logs] == ["provider event ignored"]
    assert receiver.acknowledge([]).status == 200


@pytest.mark.parametrize("document", [None, [], 5, "x", {}, {"data": None}, {"data": []}, {"data": {}}, {"data": {"event_type": 5}}])
def test_a_document_without_an_event_is_incomplete(receiver: TelnyxReceiver, document: Any) -> None:
    with pytest.raises(Incomplete):
        receiver.parse(Payload(document=document), None)


def test_a_form_tells_of_no_text(receiver: TelnyxReceiver) -> None:
    with pytest.raises(Incomplete):
        receiver.parse(Payload({"CallSid": "v3:x"}), None)
