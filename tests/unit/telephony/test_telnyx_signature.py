"""Who is let in at Telnyx's webhooks: vectors made with a key of our own, and the rules of time."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from multidict import CIMultiDict

from service.telephony.port import Incomplete, Payload, SignatureRefused
from service.telephony.telnyx import TelnyxReceiver
from service.telephony.telnyx.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER, public_key
from tests.stand_in_telnyx import Options
from tests.stand_in_telnyx.signing import signed

OPTIONS = Options()
NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
STAMP = int(NOW.timestamp())
URL = "https://rounds.example/webhooks/telnyx/sms"
BODY = json.dumps({"data": {"event_type": "message.received", "payload": {"messaging_profile_id": OPTIONS.messaging_profile_id}}}).encode()
FORM = urlencode({"AccountSid": OPTIONS.account_sid, "CallSid": "v3:abc", "Digits": "", "From": "+12025550101"}).encode()
FORM_TYPE = "application/x-www-form-urlencoded"
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)

# RFC 8032, section 7.1, test 2: a key and a signature that were not made by this code.
RFC_KEY = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
RFC_SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


def receiver(*keys: str, at: datetime = NOW) -> TelnyxReceiver:
    return TelnyxReceiver(
        messaging_profile_id=OPTIONS.messaging_profile_id,
        public_keys=keys or [OPTIONS.public_key],
        account_sid=OPTIONS.account_sid,
        now=lambda: at,
    )


def verified(headers: dict[str, str], body: bytes = BODY, at: datetime = NOW) -> Payload:
    return receiver(at=at).verify(url=URL, headers=CIMultiDict(headers), body=body)


def refused(headers: dict[str, str], body: bytes = BODY, at: datetime = NOW) -> str:
    with pytest.raises(SignatureRefused) as caught:
        verified(headers, body, at)
    return str(caught.value)


def test_a_good_signature_over_json_is_let_in() -> None:
    assert verified(signed(OPTIONS.private_key, STAMP, BODY)) == Payload(document=json.loads(BODY), time_signed=True)


def test_a_good_signature_over_a_form_is_let_in_with_its_empty_fields() -> None:
    form = verified(signed(OPTIONS.private_key, STAMP, FORM, FORM_TYPE), FORM).form
    assert form == {"AccountSid": OPTIONS.account_sid, "CallSid": "v3:abc", "Digits": "", "From": "+12025550101"}


def test_the_signed_bytes_are_the_timestamp_a_bar_and_the_raw_body() -> None:
    key = OPTIONS.private_key
    for message in (BODY, f"{STAMP}".encode() + BODY, f"{STAMP}.".encode() + BODY, BODY + f"|{STAMP}".encode()):
        given = {SIGNATURE_HEADER: base64.b64encode(key.sign(message)).decode(), TIMESTAMP_HEADER: str(STAMP)}
        assert refused(given | {"content-type": "application/json"}) == "wrong signature"


def test_the_public_key_of_a_published_vector_is_read() -> None:
    vector = (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    public_key(base64.b64encode(RFC_KEY).decode()).verify(bytes.fromhex(vector), b"\x72")


def test_another_key_is_refused() -> None:
    assert refused(signed(OTHER_KEY, STAMP, BODY)) == "wrong signature"


def test_both_keys_are_accepted_while_they_are_changed() -> None:
    other = Options(seed=b"\x01" * 32).public_key
    both = receiver(OPTIONS.public_key, other)
    for key in (OPTIONS.private_key, OTHER_KEY):
        assert both.verify(url=URL, headers=CIMultiDict(signed(key, STAMP, BODY)), body=BODY).document


@pytest.mark.parametrize("seconds", [-300, -1, 0, 1, 300])
def test_a_timestamp_within_five_minutes_is_let_in(seconds: int) -> None:
    assert verified(signed(OPTIONS.private_key, STAMP + seconds, BODY)).document


@pytest.mark.parametrize("seconds", [-86_400, -301, 301, 86_400])
def test_an_old_or_future_timestamp_is_refused(seconds: int) -> None:
    assert refused(signed(OPTIONS.private_key, STAMP + seconds, BODY)) == "old signature"


def test_a_webhook_that_is_replayed_after_a_day_is_refused() -> None:
    captured = signed(OPTIONS.private_key, STAMP, BODY)
    assert verified(captured, at=NOW + timedelta(seconds=1)).document
    assert refused(captured, at=NOW + timedelta(days=1)) == "old signature"


def test_a_fresh_timestamp_on_an_old_signature_is_refused() -> None:
    old = signed(OPTIONS.private_key, STAMP - 86_400, BODY)
    assert refused(old | {TIMESTAMP_HEADER: str(STAMP)}) == "wrong signature"


@pytest.mark.parametrize("body", [BODY[:-1], BODY + b" ", BODY.replace(b"received", b"Received"), b"", b"{}"])
def test_a_changed_body_is_refused(body: bytes) -> None:
    assert refused(signed(OPTIONS.private_key, STAMP, BODY), body) == "wrong signature"


@pytest.mark.parametrize("missing", [SIGNATURE_HEADER, TIMESTAMP_HEADER])
@pytest.mark.parametrize("empty", [True, False])
def test_a_missing_header_is_refused(missing: str, empty: bool) -> None:
    headers = signed(OPTIONS.private_key, STAMP, BODY)
    if empty:
        headers[missing] = ""
    else:
        del headers[missing]
    assert refused(headers) == "no signature"


@pytest.mark.parametrize("stamp", ["yesterday", "-5", "1e9", "１７００００００００", "9" * 40, f"{STAMP}.5", f" {STAMP}"])
def test_a_timestamp_that_is_no_number_is_refused(stamp: str) -> None:
    headers = signed(OPTIONS.private_key, STAMP, BODY) | {TIMESTAMP_HEADER: stamp}
    assert refused(headers) == "no timestamp"


@pytest.mark.parametrize("given", ["!", "AAAA", "A" * 86 + "==", "A" * 4000, "ü", base64.b64encode(b"x" * 63).decode()])
def test_a_signature_that_is_none_is_refused(given: str) -> None:
    assert refused(signed(OPTIONS.private_key, STAMP, BODY) | {SIGNATURE_HEADER: given}) == "wrong signature"


def test_another_messaging_profile_is_refused() -> None:
    body = BODY.replace(OPTIONS.messaging_profile_id.encode(), b"00000000-0000-0000-0000-000000000000")
    assert refused(signed(OPTIONS.private_key, STAMP, body), body) == "foreign account"


def test_another_account_is_refused_in_a_form() -> None:
    body = FORM.replace(OPTIONS.account_sid.encode(), b"00000000-0000-0000-0000-000000000000")
    assert refused(signed(OPTIONS.private_key, STAMP, body, FORM_TYPE), body) == "foreign account"


@pytest.mark.parametrize(
    "body", [b"", b"not json", b'{"data": NaN}', b'{"data": ' * 3000, b"[" * 60_000, b'{"a": "\xff"}', b'{"a": 1' + b"0" * 5000 + b"}"]
)
def test_a_signed_body_that_is_no_json_is_nothing_that_can_be_read_and_no_crash(body: bytes) -> None:
    """It is the provider's all the same, so that it is kept (law 2)."""
    told = verified(signed(OPTIONS.private_key, STAMP, body), body)
    assert told == Payload(time_signed=True)
    with pytest.raises(Incomplete):
        receiver().parse(told, None)


def test_a_signed_form_that_is_none_is_nothing_that_can_be_read() -> None:
    body = b"&".join(b"a%d=1" % number for number in range(301))
    assert verified(signed(OPTIONS.private_key, STAMP, body, FORM_TYPE), body) == Payload(time_signed=True)


def test_what_a_database_cannot_store_is_replaced() -> None:
    body = b'{"a\\u0000": ["b\\u0000", {"c": "\\ud800 half"}], "n": 1e999}'
    document = verified(signed(OPTIONS.private_key, STAMP, body), body).document
    assert document == {"a\ufffd": ["b\ufffd", {"c": "? half"}], "n": "1e999"}
    form = verified(signed(OPTIONS.private_key, STAMP, b"Digits=1%00", FORM_TYPE), b"Digits=1%00").form
    assert form == {"Digits": "1\ufffd"}


@pytest.mark.parametrize("key", ["", "short", "A" * 44, base64.b64encode(b"x" * 31).decode(), base64.b64encode(b"x" * 33).decode()])
def test_a_wrong_public_key_is_refused_at_the_start(key: str) -> None:
    with pytest.raises(ValueError, match="public key"):
        TelnyxReceiver(messaging_profile_id="p", public_keys=[key])
