"""X-Twilio-Signature: the published vectors, the library as oracle, and a fuzzed corpus."""

from __future__ import annotations

import random
from urllib.parse import urlsplit

import pytest
from multidict import MultiDict
from twilio.request_validator import RequestValidator

from service.telephony.twilio.signature import form_is_signed, json_is_signed, sign

TOKEN = "12345"
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
HTTP = URL.replace("https", "http")
P = [
    ("CallSid", "CA1234567890ABCDE"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
    ("Caller", "+14158675309"),
]
CONFERENCE = [*P, ("Reason", "Participant"), ("ReasonConferenceEnded", "test")]
USER_PASS = URL.replace("mycompany", "user:pass@mycompany")
USER = URL.replace("mycompany", "user@mycompany")
JSON_BODY = b'{"property": "value", "boolean": true}'
JSON_HASH = "bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
EMPTY_HASH = "bodySHA256=44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

FORMS = [
    ("the documented example", URL, P, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
    ("https with a port in our URL", URL.replace(".com", ".com:1234"), P, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
    ("http with a port", HTTP.replace(".com", ".com:1234"), P, "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
    ("https signed with 443", URL, P, "kvajT1Ptam85bY51eRf/AJRuM3w="),
    ("http signed with 80", HTTP, P, "0ZXoZLH/DfblKGATFgpif+LLRf4="),
    (
        "a repeated name",
        URL,
        [("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234"), ("Digits", "1234")],
        "IK+Dwps556ElfBT0I3Rgjkr1wJU=",
    ),
    ("user and password", USER_PASS, P, "CukzLTc1tT5dXEDIHm/tKBanW10="),
    ("user only", USER, P, "2YRLlVAflCqxaNicjMpJcSTgzSs="),
    ("user and password signed with 443", USER_PASS, P, "ZQFR1PTIZXF2MXB8ZnKCvnnA+rI="),
    (
        "two addresses of one binding",
        URL,
        [("MessagingBinding.Address", "+1325xxxxxxx"), ("MessagingBinding.Address", "+1415xxxxxxx")],
        "83O6e2vORAoJHUNzJjDWN1jz+BA=",
    ),
    ("a name that begins another", URL, CONFERENCE, "vOEb5UThFn24KEfnOFLQY2AE5FY="),
    ("the same over http", HTTP, CONFERENCE, "n2xBNyzSW7rfYStDtOFiFMv7qNo="),
    ("form fields that look like JSON", URL, [("property", "value"), ("boolean", "true")], "NBdBDr/T/lgjI+tlgpXjKZQZs/k="),
    ("an encoded apostrophe in the query", URL + "&Body=It%27s+amazing", P, "TfZzewPq8wqrGlMfyAud8+/IvJ0="),
]

JSONS = [
    ("a body with its hash in the query", f"{URL}&{JSON_HASH}", JSON_BODY, "a9nBmqA0ju/hNViExpshrM61xv4="),
    ("the hash as the only query", f"https://mycompany.com/myapp.php?{JSON_HASH}", JSON_BODY, "y77kIzt2vzLz71DgmJGsen2scGs="),
    ("an empty object", f"{URL}&{EMPTY_HASH}", b"{}", "Ldidvp12m26NI7eqEvxnEpkd9Hc="),
]


@pytest.mark.parametrize(("url", "parameters", "signature"), [row[1:] for row in FORMS], ids=[row[0] for row in FORMS])
def test_a_published_form_vector_is_accepted(url: str, parameters: list[tuple[str, str]], signature: str) -> None:
    assert form_is_signed(TOKEN, url, parameters, signature)
    assert not form_is_signed(TOKEN, url, [*parameters, ("Extra", "")], signature)
    assert not form_is_signed(TOKEN + "6", url, parameters, signature)
    assert not form_is_signed(TOKEN, url.replace("foo=1", "foo=2"), parameters, signature)


@pytest.mark.parametrize(("url", "body", "signature"), [row[1:] for row in JSONS], ids=[row[0] for row in JSONS])
def test_a_published_json_vector_is_accepted(url: str, body: bytes, signature: str) -> None:
    assert json_is_signed(TOKEN, url, body, signature)
    assert not json_is_signed(TOKEN, url, body + b" ", signature)
    assert not json_is_signed(TOKEN, url.replace("bodySHA256", "other"), body, signature)


def test_the_published_wrong_signature_is_refused() -> None:
    assert not form_is_signed(TOKEN, URL, CONFERENCE, "95+Bu0JVPi0r/SsESZCVf0dWAjw=")


def test_the_order_of_the_query_is_part_of_what_is_signed() -> None:
    assert not form_is_signed(TOKEN, "https://mycompany.com/myapp.php?bar=2&foo=1", P, "RSOYDt4T1cUTdK1PDd93/VVr8B8=")


def test_the_order_of_the_form_is_not() -> None:
    assert form_is_signed(TOKEN, URL, P[::-1], "RSOYDt4T1cUTdK1PDd93/VVr8B8=")


@pytest.mark.parametrize("signature", ["", " ", "é", "\udc80", "A" * 10_000, "RSOYDt4T1cUTdK1PDd93/VVr8B8", "rsoydt4t1cutdk1pdd93/vvr8b8="])
def test_a_signature_of_another_shape_is_refused_without_an_error(signature: str) -> None:
    assert not form_is_signed(TOKEN, URL, P, signature)
    assert not json_is_signed(TOKEN, f"{URL}&{JSON_HASH}", JSON_BODY, signature)


def test_ours_and_the_librarys_verdict_agree_on_five_thousand_forms() -> None:
    """Half of the signatures are true ones, over a URL with, without or with another port; half are spoilt in one place."""
    chance = random.Random(20261121)
    validator = RequestValidator(TOKEN)  # type: ignore[no-untyped-call]
    verdicts = {True: 0, False: 0}
    for _ in range(5_000):
        url = chance.choice(["https", "http"]) + "://rounds.example" + chance.choice(["", ":8443", ":443", ":80"]) + _path(chance)
        parameters = [(_word(chance), _word(chance)) for _ in range(chance.randrange(0, 12))]
        parameters += chance.sample(parameters, min(len(parameters), chance.randrange(0, 3)))
        signed_url = chance.choice([url, url, _with_port(url), url.replace(":8443", "")])
        given = sign(TOKEN, signed_url, parameters)
        seen = list(parameters)
        match chance.randrange(8):
            case 0:
                given = given[:-2] + chance.choice("ABCDEF") + "="
            case 1 if seen:
                name, value = seen.pop(chance.randrange(len(seen)))
                seen.append((name, value + "x"))
            case 2 if seen:
                seen.pop(chance.randrange(len(seen)))
            case 3:
                url += "&z=1"
        expected = bool(validator.validate(url, MultiDict(seen), given))  # type: ignore[no-untyped-call]
        assert form_is_signed(TOKEN, url, seen, given) is expected
        verdicts[expected] += 1
    assert min(verdicts.values()) > 1_000


def test_random_bytes_never_pass_and_never_raise() -> None:
    chance = random.Random(7)
    for _ in range(3_000):
        signature = "".join(chance.choices("ABCabc019+/= \x00é", k=chance.randrange(0, 40)))
        assert not form_is_signed(TOKEN, URL, P, signature)


def _word(chance: random.Random) -> str:
    return "".join(chance.choices("abcXYZ019+ &=%'\"<>é中👍\n", k=chance.randrange(0, 8)))


def _path(chance: random.Random) -> str:
    return chance.choice(["/webhooks/twilio/sms", "/a%2bb%20c?q=%27x%27&y=+", "/?b=2&a=1", "/x"])


def _with_port(url: str) -> str:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts._replace(netloc=f"{parts.hostname}:{port}").geturl()
