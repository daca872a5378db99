"""SignalWire: Twilio's interface under an address of its own, with UUIDs for ids and its own signing key.

Texts, calls, TwiML (there cXML or LaML) and webhooks are those of `service.telephony.twilio`; only what stands in DIALECT differs.
A picture message stays `sent`: no carrier reports on its arrival. A status callback that fails is repeated twice, without being asked;
an inbound text is not, but goes to the fallback address. Source: the OpenAPI file "Compatibility API" 1.0.0 in SignalWire's
documentation, as of November 2026, and the pages beside it.
"""

from __future__ import annotations

import hmac
import re

from service.telephony.signalwire.codes import CODES
from service.telephony.twilio.dialect import Dialect

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


def json_is_signed(key: str, url: str, body: bytes, signature: str) -> bool:
    """Whether a JSON body is signed: the hexadecimal HMAC-SHA1 of the URL and the raw body."""
    expected = hmac.digest(key.encode(), url.encode() + body, "sha1").hex()
    return hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace"))


DIALECT = Dialect(
    name="signalwire",
    title="SignalWire",
    signature_header="X-SignalWire-Signature",
    json_is_signed=json_is_signed,
    account_id=_UUID,
    message_id=_UUID,
    call_id=_UUID,
    pool_id=_UUID,
    codes=CODES,
    not_finished=frozenset({10000, 20009}),
    call_is_over=frozenset({10000, 21220}),
    overrides="",
    limits_calls=False,
)
