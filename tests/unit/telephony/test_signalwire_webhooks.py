"""What SignalWire sends us and what it is told to say, held against what it publishes.

Source: the OpenAPI file "Compatibility API" 1.0.0 of SignalWire's documentation and its pages "Messaging overview", "Gather", "Say" and
"Dial", as of November 2026. The file calls the callbacks JSON, the pages a form: both are read.
"""

from __future__ import annotations

import hmac
import json
import xml.etree.ElementTree as ET
from urllib.parse import urlencode

import pytest

from service.domain.prompt import Connect, Gather, HangUp, Prompt, Say
from service.telephony.port import DeliveryUpdate, InboundMessage
from service.telephony.signalwire import DIALECT
from service.telephony.twilio import TwilioReceiver, TwilioVoice
from service.telephony.twilio.signature import sign
from service.telephony.twilio.statuses import ours
from tests.stand_in_twilio.options import signalwire
from tests.unit.telephony.conftest import ANA, PUBLIC
from tests.unit.telephony.test_signalwire import JSON_BODY

ATTRIBUTES = {
    "Gather": "action actionOnEmptyResult enhanced finishOnKey hints input language method numDigits partialResultCallback "
    "partialResultCallbackMethod profanityFilter speechModel speechTimeout timeout",
    "Say": "language loop voice",
    "prosody": "volume pitch rate",
    "Dial": "action answerOnBridge callerId callerName hangupOnStar method record ringTone timeLimit timeout trim",
    "Redirect": "method",
    "Hangup": "",
    "Response": "",
}


def received(form: dict[str, str | int], *, as_json: bool = False) -> InboundMessage | DeliveryUpdate:
    options = signalwire()
    receiver = TwilioReceiver(account_sid=options.account_sid, auth_tokens=[options.signing_key], dialect=DIALECT)
    url = f"{PUBLIC}/webhooks/signalwire/sms"
    if as_json:
        body, kind = json.dumps(form).encode(), "application/json"
        signature = json_signature(options.signing_key, url, body)
    else:
        plain = {name: str(value) for name, value in form.items()}
        body, kind = urlencode(plain).encode(), "application/x-www-form-urlencoded"
        signature = sign(options.signing_key, url, list(plain.items()))
    headers = {"X-SignalWire-Signature": signature, "Content-Type": kind}
    [told] = receiver.parse(receiver.verify(url=url, headers=headers, body=body), None)
    return told


def json_signature(key: str, url: str, body: bytes) -> str:
    return hmac.digest(key.encode(), url.encode() + body, "sha1").hex()


COMMON: dict[str, str | int] = {
    "MessageSid": "0a059168-ead0-41af-9d1f-343dae832527",
    "AccountSid": signalwire().account_sid,
    "From": ANA,
    "To": "+12025550190",
    "Body": "183.4",
    "NumMedia": 0,
}


def test_a_text_with_no_more_than_the_published_fields_is_a_message() -> None:
    told = received(COMMON)
    assert isinstance(told, InboundMessage)
    assert (told.body, told.media_count, told.sender) == ("183.4", 0, ANA)


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("word", ["sent", "delivered", "undelivered", "failed", "initiated", "queued", "sending"])
def test_a_status_with_the_published_fields_is_a_status_as_a_form_and_as_json(word: str, as_json: bool) -> None:
    told = received(COMMON | {"MessageStatus": word, "NumSegments": 1, "ErrorCode": "30005"}, as_json=as_json)
    assert isinstance(told, DeliveryUpdate)
    assert (told.provider_status, told.status, told.error_code, told.effect) == (word, ours(word), "30005", "recycled")


@pytest.mark.parametrize("body", [JSON_BODY, b"[]", b"7", b'{"AccountSid":', b'{"AccountSid": {"a": 1}}', b"[" * 100_000])
def test_json_that_is_no_form_has_no_fields_of_one(body: bytes) -> None:
    options = signalwire()
    receiver = TwilioReceiver(account_sid=options.account_sid, auth_tokens=[options.signing_key], dialect=DIALECT)
    headers = {"X-SignalWire-Signature": json_signature(options.signing_key, PUBLIC, body), "Content-Type": "application/json"}
    assert "AccountSid" not in receiver.verify(url=PUBLIC, headers=headers, body=body).form


def test_what_is_said_uses_published_verbs_and_attributes_alone() -> None:
    voice = TwilioVoice(account_sid=signalwire().account_sid, dialect=DIALECT)
    says = (Say("How are you?", "en"), Say("¿Cómo está?", "es", slow=True))
    parts = (*says, Gather(says, "es", digits=4, hints=("libras", "kilos")), Connect("+12025550198", 25, "+12025550190"), HangUp())
    document = ET.fromstring(voice.render(Prompt(parts), f"{PUBLIC}/next").body)
    for verb in document.iter():
        assert set(verb.attrib) <= set(ATTRIBUTES[verb.tag].split()), verb.tag
    assert {verb.tag for verb in document.iter()} == ATTRIBUTES.keys()
    dial = document.find("Dial")
    assert dial is not None
    assert int(dial.attrib["timeLimit"]) <= 3600, "no call is given a longest time when it is placed"
    assert 5 <= int(dial.attrib["timeout"]) <= 600
