"""SignalWire: what differs from Twilio, which is little. The published vector is of SignalWire's own libraries."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from service.domain.communication import Status
from service.telephony import signalwire
from service.telephony.port import DeliveryUpdate, InboundMessage, Incomplete, SignatureRefused
from service.telephony.twilio import TwilioReceiver
from service.telephony.twilio.signature import sign

KEY, JSON_URL = "PSKtest1234567890abcdef", "https://example.ngrok.io/webhook"
JSON_BODY = b'{"event":"call.state","params":{"call_id":"abc-123","state":"answered"}}'
JSON_SIGNATURE = "c3c08c1fefaf9ee198a100d5906765a6f394bf0f"
PROJECT = "0f3d7c52-8f3a-4d36-9a6b-3c1f5b2e7a10"
SID = "0a059168-ead0-41af-9d1f-343dae832527"
URL = "https://rounds.example/webhooks/signalwire/sms"
RECEIVER = TwilioReceiver(account_sid=PROJECT, auth_tokens=[KEY], dialect=signalwire.DIALECT)
MESSAGE = {
    "MessageSid": SID,
    "SmsSid": SID,
    "AccountSid": PROJECT,
    "From": "+12025550101",
    "To": "+12025550190",
    "Body": "183.4",
    "NumMedia": "0",
    "NumSegments": "1",
    "MessageStatus": "received",
}
"""The fields of SignalWire's inbound webhook; its status callbacks carry the body too."""


def take(form: dict[str, str], *, header: str = "X-SignalWire-Signature", key: str = KEY) -> InboundMessage | DeliveryUpdate:
    headers = {header: sign(key, URL, list(form.items()))}
    [told] = RECEIVER.parse(RECEIVER.verify(url=URL, headers=headers, body=urlencode(form).encode()), None)
    return told


def test_a_message_with_a_uuid_is_a_message() -> None:
    told = take(MESSAGE)
    assert isinstance(told, InboundMessage)
    assert (told.provider, told.account, told.provider_id, told.body) == ("signalwire", PROJECT, SID, "183.4")


@pytest.mark.parametrize(
    ("word", "status"),
    [("sent", Status.SENT), ("delivered", Status.DELIVERED), ("undelivered", Status.UNDELIVERED), ("queued", Status.ACCEPTED)],
)
def test_a_status_with_the_texts_body_is_a_status(word: str, status: Status) -> None:
    told = take(MESSAGE | {"MessageStatus": word, "Body": "How is your weight?"})
    assert isinstance(told, DeliveryUpdate)
    assert (told.provider_id, told.status) == (SID, status)


@pytest.mark.parametrize("header", ["X-Twilio-Signature", "X-Signature"])
def test_the_header_of_another_provider_proves_nothing(header: str) -> None:
    with pytest.raises(SignatureRefused, match="no signature"):
        take(MESSAGE, header=header)


def test_the_api_token_signs_nothing() -> None:
    with pytest.raises(SignatureRefused, match="wrong signature"):
        take(MESSAGE, key="PTtoken")


def test_an_id_of_twilios_shape_is_none() -> None:
    receiver = TwilioReceiver(account_sid="AC" + "0" * 32, auth_tokens=[KEY], dialect=signalwire.DIALECT)
    form = MESSAGE | {"AccountSid": "AC" + "0" * 32, "MessageSid": "SM" + "0" * 32}
    headers = {"X-SignalWire-Signature": sign(KEY, URL, list(form.items()))}
    payload = receiver.verify(url=URL, headers=headers, body=urlencode(form).encode())
    with pytest.raises(Incomplete):
        receiver.parse(payload, None)


def test_json_is_signed_with_its_body() -> None:
    assert signalwire.json_is_signed(KEY, JSON_URL, JSON_BODY, JSON_SIGNATURE)
    for key, url, body, signature in (
        (KEY + "0", JSON_URL, JSON_BODY, JSON_SIGNATURE),
        (KEY, JSON_URL + "/", JSON_BODY, JSON_SIGNATURE),
        (KEY, JSON_URL, JSON_BODY + b" ", JSON_SIGNATURE),
        (KEY, JSON_URL, JSON_BODY, JSON_SIGNATURE[:-1] + "0"),
        (KEY, JSON_URL, JSON_BODY, ""),
        (KEY, JSON_URL, JSON_BODY, "é\udc80"),
    ):
        assert not signalwire.json_is_signed(key, url, body, signature)
    headers = {"X-SignalWire-Signature": JSON_SIGNATURE, "Content-Type": "application/json"}
    assert RECEIVER.verify(url=JSON_URL, headers=headers, body=JSON_BODY).form == {"event": "call.state"}
