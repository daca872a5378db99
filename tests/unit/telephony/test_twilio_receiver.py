"""Twilio's forms in our words, and who is let in."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from urllib.parse import urlencode
from uuid import UUID, uuid4

import pytest
from multidict import CIMultiDict
from structlog.testing import capture_logs

from service.domain.communication import Status, transition
from service.telephony.port import Answer, DeliveryUpdate, InboundMessage, Incomplete, Payload, Receiver, SignatureRefused
from service.telephony.twilio import TwilioReceiver
from service.telephony.twilio.signature import sign
from service.telephony.twilio.statuses import STATUSES

ACCOUNT = "AC" + "0" * 32
TOKEN, NEXT_TOKEN = "token-in-use", "token-to-come"
URL = "https://rounds.example/webhooks/twilio/sms"
SID = "SM" + "a1" * 16
ANA = "+12025550101"
MESSAGE = {
    "MessageSid": SID,
    "SmsSid": SID,
    "SmsMessageSid": SID,
    "AccountSid": ACCOUNT,
    "ApiVersion": "2010-04-01",
    "From": ANA,
    "To": "+12025550190",
    "Body": "183.4",
    "NumMedia": "0",
    "NumSegments": "1",
    "SmsStatus": "received",
    "FromCity": "",
}
STATUS = {"MessageSid": SID, "AccountSid": ACCOUNT, "MessageStatus": "delivered", "To": ANA, "From": "+12025550190"}


@pytest.fixture
def receiver() -> TwilioReceiver:
    return TwilioReceiver(account_sid=ACCOUNT, auth_tokens=[TOKEN, NEXT_TOKEN])


def signed(form: dict[str, str], *, token: str = TOKEN, url: str = URL) -> tuple[bytes, CIMultiDict[str]]:
    return urlencode(form).encode(), CIMultiDict({"X-Twilio-Signature": sign(token, url, list(form.items()))})


def message_of(receiver: TwilioReceiver, form: Mapping[str, str]) -> InboundMessage | None:
    """The message that a verified form tells of, None when it lacks something."""
    try:
        [told] = receiver.parse(Payload(form), None)
    except Incomplete:
        return None
    assert isinstance(told, InboundMessage)
    return told


def update_of(receiver: TwilioReceiver, form: Mapping[str, str], attempt: UUID | None = None) -> DeliveryUpdate | None:
    """The status that a verified form tells of, None when it lacks something."""
    try:
        [told] = receiver.parse(Payload(form), attempt)
    except Incomplete:
        return None
    assert isinstance(told, DeliveryUpdate)
    return told


def test_the_receiver_fulfils_the_port(receiver: TwilioReceiver) -> None:
    as_port: Receiver = receiver
    told = as_port.parse(Payload(MESSAGE), None)
    assert as_port.acknowledge(told) == Answer("text/xml", '<?xml version="1.0" encoding="UTF-8"?><Response/>')
    assert as_port.acknowledge(as_port.parse(Payload(STATUS), None)) == Answer(status=204)


@pytest.mark.parametrize("token", [TOKEN, NEXT_TOKEN])
def test_both_tokens_are_accepted_during_a_rotation(receiver: TwilioReceiver, token: str) -> None:
    body, headers = signed(MESSAGE, token=token)
    assert receiver.verify(url=URL, headers=headers, body=body).form == MESSAGE


def test_a_header_name_in_small_letters_is_the_same_header(receiver: TwilioReceiver) -> None:
    body, headers = signed(MESSAGE)
    assert receiver.verify(url=URL, headers=CIMultiDict({"x-twilio-signature": headers["X-Twilio-Signature"]}), body=body).form


@pytest.mark.parametrize(
    ("url", "why"),
    [(URL.replace("https", "http"), "scheme"), (URL + "?a=1", "query"), (URL + "/", "slash"), (URL.replace("rounds.", "other."), "host")],
    ids=lambda value: value if len(value) < 10 else "",
)
def test_a_signature_for_another_address_is_refused(receiver: TwilioReceiver, url: str, why: str) -> None:
    body, headers = signed(MESSAGE, url=url)
    with pytest.raises(SignatureRefused, match="wrong signature"):
        receiver.verify(url=URL, headers=headers, body=body)


def test_a_missing_signature_is_refused(receiver: TwilioReceiver) -> None:
    with pytest.raises(SignatureRefused, match="no signature"):
        receiver.verify(url=URL, headers={}, body=urlencode(MESSAGE).encode())


def test_a_signature_by_an_unknown_token_is_refused(receiver: TwilioReceiver) -> None:
    body, headers = signed(MESSAGE, token="somebody-else")
    with pytest.raises(SignatureRefused):
        receiver.verify(url=URL, headers=headers, body=body)


def test_a_foreign_account_is_refused_though_signed(receiver: TwilioReceiver) -> None:
    body, headers = signed(MESSAGE | {"AccountSid": "AC" + "9" * 32})
    with pytest.raises(SignatureRefused, match="foreign account"):
        receiver.verify(url=URL, headers=headers, body=body)


def test_a_second_account_behind_our_own_is_refused_too(receiver: TwilioReceiver) -> None:
    pairs = [*MESSAGE.items(), ("AccountSid", "AC" + "9" * 32)]
    headers = {"X-Twilio-Signature": sign(TOKEN, URL, pairs)}
    with pytest.raises(SignatureRefused, match="foreign account"):
        receiver.verify(url=URL, headers=headers, body=urlencode(pairs).encode())


def test_a_signature_by_a_key_that_is_not_configured_is_refused(receiver: TwilioReceiver) -> None:
    body, headers = signed(MESSAGE)
    headers["X-Twilio-Webhooks-Signature-Settings"] = "key=webhooks_1,algorithm=HMAC_SHA256"
    with pytest.raises(SignatureRefused, match="not configured"):
        receiver.verify(url=URL, headers=headers, body=body)


def test_json_without_its_hash_in_the_address_is_refused(receiver: TwilioReceiver) -> None:
    headers = {"X-Twilio-Signature": sign(TOKEN, URL), "Content-Type": "application/json; charset=utf-8"}
    with pytest.raises(SignatureRefused):
        receiver.verify(url=URL, headers=headers, body=b'{"Body": "hi"}')


def test_signed_json_is_let_in_but_is_no_message(receiver: TwilioReceiver) -> None:
    url = URL + "?bodySHA256=44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    headers = {"X-Twilio-Signature": sign(TOKEN, url), "Content-Type": "application/json"}
    with pytest.raises(Incomplete):
        receiver.parse(receiver.verify(url=url, headers=headers, body=b"{}"), None)


@pytest.mark.parametrize("body", [b"\xff\xfe", b"&".join(b"a%d=1" % number for number in range(400)), b"Body=%ff"])
def test_a_body_that_is_no_form_is_refused_without_an_error(receiver: TwilioReceiver, body: bytes) -> None:
    with pytest.raises(SignatureRefused, match="not a form"):
        receiver.verify(url=URL, headers={"X-Twilio-Signature": "x"}, body=body)


def test_a_receiver_without_a_token_is_a_wrong_setting() -> None:
    for account, tokens in (("", [TOKEN]), (ACCOUNT, []), (ACCOUNT, [""])):
        with pytest.raises(ValueError, match="at least one auth token"):
            TwilioReceiver(account_sid=account, auth_tokens=tokens)


def test_a_message_in_our_words(receiver: TwilioReceiver) -> None:
    message = message_of(receiver, MESSAGE)
    assert message is not None
    assert (message.provider, message.account, message.provider_id) == ("twilio", ACCOUNT, SID)
    assert (message.sender, message.recipient, message.body, message.media_count) == (ANA, "+12025550190", "183.4", 0)
    assert message.raw == MESSAGE


@pytest.mark.parametrize(
    "body",
    ["", "  ", "👍", "１８３", "1.", "STOP", "a" * 1600, "x" * 4000, "two\nlines", "¿Sí?", "&=+%", "<Response/>"],
    ids=lambda body: body[:8],
)
def test_a_body_comes_in_as_it_was_typed(receiver: TwilioReceiver, body: str) -> None:
    raw, headers = signed(MESSAGE | {"Body": body})
    message = message_of(receiver, receiver.verify(url=URL, headers=headers, body=raw).form)
    assert message is not None
    assert message.body == body


def test_a_nul_that_postgresql_cannot_store_is_replaced(receiver: TwilioReceiver) -> None:
    raw, headers = signed(MESSAGE | {"Body": "a\0b"})
    message = message_of(receiver, receiver.verify(url=URL, headers=headers, body=raw).form)
    assert message is not None
    assert message.body == "a\ufffdb"
    assert "\0" not in "".join(message.raw.values())


def test_a_picture_without_words_is_a_message(receiver: TwilioReceiver) -> None:
    form = {name: value for name, value in MESSAGE.items() if name != "Body"}
    message = message_of(receiver, form | {"NumMedia": "2", "MessageSid": "MM" + "0" * 32})
    assert message is not None
    assert (message.body, message.media_count) == ("", 2)


@pytest.mark.parametrize("missing", ["MessageSid", "From", "To", "Body", "AccountSid"])
def test_a_message_without_a_required_field_is_none(receiver: TwilioReceiver, missing: str) -> None:
    assert message_of(receiver, {name: value for name, value in MESSAGE.items() if name != missing}) is None


@pytest.mark.parametrize("sender", ["73822", "ROUNDS", "Joe & Co", "+12025550101", "whatsapp:+12025550101", "ana@mail.example"])
def test_a_short_code_or_a_name_is_a_sender_too(receiver: TwilioReceiver, sender: str) -> None:
    message = message_of(receiver, MESSAGE | {"From": sender})
    assert message is not None
    assert message.sender == sender


def test_a_text_by_another_channel_is_the_clinics_all_the_same(receiver: TwilioReceiver) -> None:
    message = message_of(receiver, MESSAGE | {"From": "whatsapp:+12025550101", "To": "whatsapp:+12025550190"})
    assert message is not None
    assert (message.sender, message.recipient) == ("whatsapp:+12025550101", "+12025550190")


@pytest.mark.law(3)
def test_a_replay_in_which_one_field_swallows_the_next_is_no_new_message(receiver: TwilioReceiver) -> None:
    """The signed string has no separators: each of these carries a true signature of the first message."""
    _, headers = signed(MESSAGE)
    names = sorted(MESSAGE)
    ids = set()
    for swallower, swallowed in pairwise(names):
        form = {name: value for name, value in MESSAGE.items() if name != swallowed}
        form[swallower] = MESSAGE[swallower] + swallowed + MESSAGE[swallowed]
        raw = urlencode(form).encode()
        if swallower == "AccountSid":
            with pytest.raises(SignatureRefused, match="foreign account"):
                receiver.verify(url=URL, headers=headers, body=raw)
            continue
        message = message_of(receiver, receiver.verify(url=URL, headers=headers, body=raw).form)
        if message is not None:
            ids.add(message.provider_id)
            assert (message.sender, message.recipient) == (ANA, "+12025550190")
    assert ids <= {SID}


@pytest.mark.parametrize(("given", "read"), [("STOP", "STOP"), ("start", "START"), ("HELP", "HELP"), ("", ""), ("OTHER", "")])
def test_the_providers_own_opt_out_word_is_told(receiver: TwilioReceiver, given: str, read: str) -> None:
    message = message_of(receiver, MESSAGE | {"OptOutType": given})
    assert message is not None
    assert message.opt_out_type == read


@pytest.mark.parametrize("media", ["x", "-1", "999", "١"])
def test_a_count_of_media_that_is_none_is_misshapen(receiver: TwilioReceiver, media: str) -> None:
    assert message_of(receiver, MESSAGE | {"NumMedia": media}) is None


def test_a_status_in_our_words(receiver: TwilioReceiver) -> None:
    attempt = uuid4()
    update = update_of(receiver, STATUS, attempt)
    assert update is not None
    assert (update.status, update.provider_status, update.attempt_id, update.error_code) == (Status.DELIVERED, "delivered", attempt, "")


@pytest.mark.parametrize(
    ("code", "effect", "again"),
    [("21610", "opted_out", None), ("30003", "", 7200.0), ("30005", "recycled", None), ("30007", "filtered", None), ("30001", "", 60.0)],
)
def test_an_error_code_in_a_callback_means_the_same_as_in_an_answer(
    receiver: TwilioReceiver, code: str, effect: str, again: float | None
) -> None:
    update = update_of(receiver, STATUS | {"MessageStatus": "undelivered", "ErrorCode": code})
    assert update is not None
    assert (update.status, update.error_code, update.effect, update.retry_after_seconds) == (Status.UNDELIVERED, code, effect, again)


def test_an_unknown_status_or_code_is_kept_and_loud(receiver: TwilioReceiver) -> None:
    with capture_logs() as logs:
        update = update_of(receiver, STATUS | {"MessageStatus": "teleported", "ErrorCode": "64999"})
    assert update is not None
    assert (update.status, update.provider_status, update.error_code) == (None, "teleported", "64999")
    assert [log["event"] for log in logs] == ["unknown provider status", "unknown provider code"]
    assert logs[0]["status"] == "teleported"


@pytest.mark.law(10)
def test_a_status_that_is_no_word_is_not_logged(receiver: TwilioReceiver) -> None:
    with capture_logs() as logs:
        update = update_of(receiver, STATUS | {"MessageStatus": "sent to +12025550101 by Ana, who said chest pain"})
    assert update is not None
    assert update.status is None
    assert len(update.provider_status) == 30
    assert [log["status"] for log in logs] == ["unreadable"]


def test_the_first_of_a_repeated_field_counts(receiver: TwilioReceiver) -> None:
    pairs = [*MESSAGE.items(), ("Body", "the second"), ("From", "+12025550102")]
    headers = {"X-Twilio-Signature": sign(TOKEN, URL, pairs)}
    form = receiver.verify(url=URL, headers=headers, body=urlencode(pairs).encode()).form
    assert (form["Body"], form["From"]) == ("183.4", ANA)


@pytest.mark.parametrize("missing", ["MessageSid", "MessageStatus", "AccountSid"])
def test_a_status_without_a_required_field_is_none(receiver: TwilioReceiver, missing: str) -> None:
    assert update_of(receiver, {name: value for name, value in STATUS.items() if name != missing}) is None


def test_the_old_name_of_the_status_field_is_read_too(receiver: TwilioReceiver) -> None:
    form = {name: value for name, value in STATUS.items() if name != "MessageStatus"} | {"SmsStatus": "sent"}
    update = update_of(receiver, form)
    assert update is not None
    assert update.status is Status.SENT


def test_every_status_of_twilio_resolves_an_unknown_outcome_or_is_inbound() -> None:
    outbound = set(STATUSES) - {"receiving", "received"}
    for word in outbound:
        status = STATUSES[word]
        assert status is not None
        assert transition(Status.UNKNOWN, status)


def test_statuses_move_only_forward_in_any_order() -> None:
    current = Status.CLAIMED
    for word in ("delivered", "sent", "queued", "sending", "read"):
        status = STATUSES[word]
        assert status is not None
        current = status if transition(current, status) else current
    assert current is Status.DELIVERED


@pytest.mark.parametrize(("given", "read"), [("MG" + "a1" * 16, "MG" + "a1" * 16), ("", ""), ("MGshort", ""), ("+12025550100", "")])
def test_the_pool_that_a_number_belongs_to_is_read_when_it_is_one(receiver: TwilioReceiver, given: str, read: str) -> None:
    message = message_of(receiver, MESSAGE | {"MessagingServiceSid": given})
    assert message is not None
    assert message.pool == read
