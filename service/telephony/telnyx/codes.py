"""The one table of Telnyx's error codes: what kind of failure, what follows from it, and what it means in plain words.

A code arrives in the HTTP error of a create or later among the errors of a `message.finalized`; both read this table. Source:
Telnyx's reference of messaging error codes and its general API errors, as checked in November 2026. A code that is not here is
loud: it is logged as `unknown provider code`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from service.telephony import meaning
from service.telephony.meaning import DAY, HOUR, Kind, Meaning, permanent, transient
from service.telephony.port import ProviderError

CODES: dict[int, Meaning] = {
    # Not processed: again after a pause.
    10011: transient("too many requests, not processed"),
    40011: transient("the rate limit towards the carrier was exceeded"),
    40018: transient("the carrier's limit of parts a minute was exceeded"),
    40318: transient("the sender's queue is full"),
    40016: transient("the carrier's daily limit is reached", DAY),
    # A few more tries hours apart, then another channel.
    40004: transient("the recipient's carrier gave no reason", 2 * HOUR),
    40006: transient("the recipient's carrier is out of reach", 2 * HOUR),
    # Perhaps processed: look before sending again.
    10007: Meaning(Kind.UNKNOWN, "", "the provider had an internal error"),
    10008: Meaning(Kind.UNKNOWN, "", "the provider timed out"),
    # The number.
    10002: permanent("invalid_number", "the number is not valid"),
    10016: permanent("invalid_number", "the number is not in international form"),
    40012: permanent("invalid_number", "the number is not valid"),
    40310: permanent("invalid_number", "the number is not valid"),
    40001: permanent("not_mobile", "a landline, or a number that no text reaches"),
    40301: permanent("not_mobile", "the number cannot receive texts"),
    40319: permanent("not_mobile", "no route for texts from this sender to this number"),
    # The person's own no.
    40300: permanent("opted_out", "the recipient has opted out at the provider"),
    # The text.
    40002: permanent("filtered", "filtered by the carrier"),
    40015: permanent("filtered", "filtered by the provider"),
    40017: permanent("filtered", "filtered by the carrier"),
    40322: permanent("filtered", "blocked for its content"),
    40009: permanent("content", "the text is not valid"),
    40302: permanent("content", "the text is too large"),
    40304: permanent("content", "text and media do not go together"),
    40316: permanent("content", "the text has neither body nor media"),
    40317: permanent("content", "the media are not valid"),
    40328: permanent("content", "the text is too long"),
    10004: permanent("content", "a required parameter is missing"),
    10015: permanent("content", "the request was not understood"),
    # The way there.
    40005: permanent("validity_over", "the text expired on its way"),
    40014: permanent("validity_over", "the text expired in the provider's queue"),
    40008: permanent("", "the carrier did not take the text"),
    # Our set-up: stop and alert.
    10001: permanent("configuration", "the sender is not active"),
    10003: permanent("configuration", "the webhook's address is not valid"),
    10005: permanent("configuration", "the address or resource does not exist"),
    10006: permanent("configuration", "an id is not valid"),
    10009: permanent("configuration", "the credentials are refused"),
    10010: permanent("configuration", "the account may not do this"),
    20002: permanent("configuration", "the API key is revoked"),
    20006: permanent("configuration", "the access token has expired"),
    20012: permanent("configuration", "the account is not active"),
    20013: permanent("configuration", "the account is blocked"),
    20014: permanent("configuration", "the account is not verified"),
    20015: permanent("configuration", "the account lacks this feature"),
    20016: permanent("configuration", "the account is not verified far enough"),
    20017: permanent("configuration", "the account is not verified far enough"),
    20100: permanent("configuration", "the account has no funds"),
    40003: permanent("configuration", "the carrier has blocked the sender for good"),
    40010: permanent("configuration", "the sender is not registered for A2P traffic"),
    40013: permanent("configuration", "the sender is not valid"),
    40100: permanent("configuration", "the sender cannot send texts"),
    40150: permanent("configuration", "the toll-free sender is not registered"),
    40151: permanent("configuration", "the sender is still with another provider"),
    40305: permanent("configuration", "the sender is not on the messaging profile"),
    40306: permanent("configuration", "the profile has no alphanumeric sender"),
    40308: permanent("configuration", "the sender cannot send media"),
    40309: permanent("configuration", "texts to this region are not permitted"),
    40311: permanent("configuration", "the messaging profile's secret is wrong"),
    40312: permanent("configuration", "the messaging profile is disabled"),
    40313: permanent("configuration", "the messaging profile's secret is missing"),
    40314: permanent("configuration", "texts are disabled for the account"),
    40315: permanent("configuration", "the provider has taken the sender out of use for its bad delivery"),
    40320: permanent("configuration", "the sender is still being set up"),
    40321: permanent("configuration", "the messaging profile has no usable sender"),
    40329: permanent("configuration", "the toll-free number is not verified"),
    # Calls.
    90018: permanent("", "the call is over"),
}

_OPTED_OUT = 40300
_NOT_A_STOP = permanent("configuration", "blocked by a rule that is no opt-out")
_WORDS_OF_A_STOP = ("stop", "opt", "block rule")


def classify(errors: Sequence[Any], http_status: int | None = None) -> tuple[str, Meaning]:
    """(code as it may be shown, meaning) of the first of Telnyx's errors, with the answer's HTTP status or None for a callback.

    40300 stands for an opt-out only where its words say so or say nothing: Telnyx also reports other blocks under it.
    """
    first = errors[0] if errors and isinstance(errors[0], dict) else {}
    code = first.get("code")
    code = code if isinstance(code, int | str) else None
    found = meaning.classify(CODES, "telnyx", code, http_status)
    if found is CODES[_OPTED_OUT]:
        words = f"{first.get('title') or ''} {first.get('detail') or ''}".strip().lower()
        if words and not any(word in words for word in _WORDS_OF_A_STOP):
            found = _NOT_A_STOP
    return meaning.shown(code) or (f"http_{http_status}" if http_status is not None else "none"), found


def failure(errors: Sequence[Any], http_status: int | None = None, retry_after_seconds: float | None = None) -> ProviderError:
    """The exception for Telnyx's errors; `retry_after_seconds` (a Retry-After header) wins over the table's own pause."""
    code, found = classify(errors, http_status)
    return meaning.failed(found, code, retry_after_seconds)
