"""The one table of Twilio's error codes: what kind of failure, what follows from it, and what it means in plain words.

A code arrives in the HTTP error of a create or later as ErrorCode of a status callback; both read this table. Source: Twilio's
error dictionary as checked in November 2026. A code that is not here is loud: it is logged as `unknown provider code`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import structlog

from service.telephony.port import PermanentFailure, ProviderError, TransientFailure, UnknownOutcome

_log = structlog.get_logger(__name__)

HOUR = 3600.0
DAY = 24 * HOUR


class Kind(StrEnum):
    """The three ways a provider call fails (one per subclass of ProviderError)."""

    PERMANENT = "permanent"
    TRANSIENT = "transient"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Meaning:
    """One row: `effect` as PermanentFailure.effect; `retry_after_seconds` where the code asks for more than the usual backoff."""

    kind: Kind
    effect: str
    words: str
    retry_after_seconds: float | None = None


def _permanent(effect: str, words: str) -> Meaning:
    return Meaning(Kind.PERMANENT, effect, words)


def _transient(words: str, retry_after_seconds: float | None = None) -> Meaning:
    return Meaning(Kind.TRANSIENT, "", words, retry_after_seconds)


CODES: dict[int, Meaning] = {
    # Not processed: again after a pause.
    20429: _transient("too many requests, not processed"),
    21611: _transient("the sender's queue is full"),
    30001: _transient("the queue overflowed"),
    30017: _transient("the carrier's network is congested"),
    30022: _transient("the sender's rate limit was exceeded"),
    30410: _transient("the carrier timed out"),
    63010: _transient("the channel had an internal error"),
    63012: _transient("the channel's provider had an internal error"),
    63018: _transient("the channel's rate limit was exceeded"),
    30023: _transient("the daily limit of this sender is reached", DAY),
    30027: _transient("the carrier's daily limit is reached", DAY),
    # A few more tries hours apart, then another channel.
    30003: _transient("the handset is switched off or out of reach", 2 * HOUR),
    30008: _transient("the carrier gave no reason", 2 * HOUR),
    # Perhaps processed: look before sending again.
    20500: Meaning(Kind.UNKNOWN, "", "the provider had an internal error"),
    20503: Meaning(Kind.UNKNOWN, "", "the provider was unavailable"),
    # The number.
    21211: _permanent("invalid_number", "the number is not valid"),
    21217: _permanent("invalid_number", "the number is not valid"),
    21401: _permanent("invalid_number", "the number is not valid"),
    21421: _permanent("invalid_number", "the number is not valid"),
    21604: _permanent("invalid_number", "the recipient's number is missing"),
    21612: _permanent("not_mobile", "no route for texts from this sender to this number"),
    21614: _permanent("not_mobile", "the number cannot receive texts"),
    30006: _permanent("not_mobile", "a landline or a carrier that cannot be reached"),
    21214: _permanent("invalid_number", "the number cannot be called"),
    21216: _permanent("configuration", "this account may not call the number"),
    21210: _permanent("configuration", "the number to call from is not ours or not verified"),
    30005: _permanent("recycled", "the handset is unknown: the number may have a new owner"),
    # The person's own no.
    21610: _permanent("opted_out", "the recipient has opted out at the provider"),
    30004: _permanent("", "the text was blocked"),
    63033: _permanent("", "the recipient has blocked this sender"),
    # The text.
    30007: _permanent("filtered", "filtered by the carrier"),
    21602: _permanent("content", "the text is empty"),
    21617: _permanent("content", "the text is too long"),
    21619: _permanent("content", "the text has neither body nor media"),
    21620: _permanent("content", "the media address is not valid"),
    21623: _permanent("content", "too many media files"),
    30019: _permanent("content", "the content is too large for the carrier"),
    30036: _permanent("", "the validity period ended before delivery"),
    # Our set-up: stop and alert.
    20003: _permanent("configuration", "the credentials are refused"),
    20005: _permanent("configuration", "the account is not active"),
    20404: _permanent("configuration", "the account or address does not exist"),
    21212: _permanent("configuration", "the sender is not valid"),
    21215: _permanent("configuration", "the region is not permitted for this account"),
    21219: _permanent("configuration", "a trial account may only reach verified numbers"),
    21408: _permanent("configuration", "texts to this region are not permitted"),
    21603: _permanent("configuration", "the sender is missing"),
    21606: _permanent("configuration", "the sender cannot send texts or is not ours"),
    21608: _permanent("configuration", "a trial account may only reach verified numbers"),
    21609: _permanent("configuration", "the status callback address is not valid"),
    21701: _permanent("configuration", "the messaging service does not exist"),
    21703: _permanent("configuration", "the messaging service has no senders"),
    21704: _permanent("configuration", "the messaging service has no senders"),
    21705: _permanent("configuration", "the messaging service is not valid"),
    30002: _permanent("configuration", "the account is suspended"),
    30018: _permanent("configuration", "the destination requires a registered sender"),
    30024: _permanent("configuration", "the sender is not registered at the carrier"),
    30032: _permanent("configuration", "the toll-free number is not verified"),
    30034: _permanent("configuration", "the number is not registered for A2P traffic"),
    30035: _permanent("configuration", "the number is still being set up"),
}

_BY_HTTP_STATUS: dict[int, Meaning] = {
    401: _permanent("configuration", "the credentials are refused"),
    403: _permanent("configuration", "the account may not do this"),
    404: _permanent("configuration", "the account or address does not exist"),
    405: _permanent("configuration", "the address is not the provider's"),
    407: _permanent("configuration", "a proxy refuses the connection"),
    408: Meaning(Kind.UNKNOWN, "", "the provider timed out"),
    429: _transient("too many requests, not processed"),
}
"""For answers without a code of their own (the library then repeats the HTTP status as the code)."""

USUAL_PAUSE_SECONDS = 60.0
"""Before a new attempt after a final callback with a transient code that names no pause of its own."""

_UNKNOWN_CODE = _permanent("", "a code that Rounds does not know")


def classify(code: int | str | None, http_status: int | None = None) -> Meaning:
    """The meaning of a code from an HTTP error (`http_status` given) or from a callback (None).

    HTTP 5xx is always an unknown outcome and 429 always "not processed", whatever code the body names. A code that is
    not in the table is logged and taken as permanent: it is never retried by guess.
    """
    number = _as_number(code)
    if http_status is not None and http_status >= 500:
        known = CODES.get(number) if number is not None else None
        return Meaning(Kind.UNKNOWN, "", known.words if known else "the provider had an internal error")
    if http_status == 429:
        return CODES[20429]
    if number is not None and number in CODES:
        return CODES[number]
    if http_status is not None and http_status < 400:
        return Meaning(Kind.UNKNOWN, "", "the provider's answer was not understood")
    if http_status is not None and http_status in _BY_HTTP_STATUS and number in (None, http_status):
        return _BY_HTTP_STATUS[http_status]
    _log.error("unknown provider code", provider="twilio", code=shown(code), http_status=http_status)
    return _UNKNOWN_CODE


def failure(code: int | str | None, http_status: int | None = None, retry_after_seconds: float | None = None) -> ProviderError:
    """The exception for a code; `retry_after_seconds` (a Retry-After header) wins over the table's own pause."""
    meaning = classify(code, http_status)
    text = shown(code) or (f"http_{http_status}" if http_status is not None else "none")
    if meaning.kind is Kind.UNKNOWN:
        return UnknownOutcome(text, meaning.words)
    if meaning.kind is Kind.TRANSIENT:
        seconds = retry_after_seconds if retry_after_seconds is not None else meaning.retry_after_seconds
        return TransientFailure(text, meaning.words, seconds)
    return PermanentFailure(text, meaning.words, meaning.effect)


def pause(meaning: Meaning) -> float | None:
    """Seconds before a new attempt makes sense after a final callback, None when the code forbids one."""
    return (meaning.retry_after_seconds or USUAL_PAUSE_SECONDS) if meaning.kind is Kind.TRANSIENT else None


def shown(code: int | str | None) -> str:
    """The code as it may stand in logs and rows: digits of a plausible length, else `unreadable`, "" for no code."""
    if code in (None, "", 0, "0"):
        return ""
    number = _as_number(code)
    return "unreadable" if number is None else str(number)


def _as_number(code: int | str | None) -> int | None:
    text = str(code).strip() if code is not None else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else None
