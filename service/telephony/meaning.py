"""What a provider's error code means: which of the three failures it is, and what follows from it. Each provider has one table of these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import structlog

from service.telephony.port import PermanentFailure, ProviderError, TransientFailure, UnknownOutcome

_log = structlog.get_logger(__name__)

HOUR = 3600.0
DAY = 24 * HOUR

USUAL_PAUSE_SECONDS = 60.0
"""Before a new attempt after a final callback with a transient code that names no pause of its own."""

LONGEST_CODE = 6


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


def permanent(effect: str, words: str) -> Meaning:
    """A code that is never retried."""
    return Meaning(Kind.PERMANENT, effect, words)


def transient(words: str, retry_after_seconds: float | None = None) -> Meaning:
    """A code after which a new attempt is sensible."""
    return Meaning(Kind.TRANSIENT, "", words, retry_after_seconds)


_TOO_MANY = transient("too many requests, not processed")
_BY_HTTP_STATUS: Mapping[int, Meaning] = {
    401: permanent("configuration", "the credentials are refused"),
    403: permanent("configuration", "the account may not do this"),
    404: permanent("configuration", "the account or address does not exist"),
    405: permanent("configuration", "the address is not the provider's"),
    407: permanent("configuration", "a proxy refuses the connection"),
    408: Meaning(Kind.UNKNOWN, "", "the provider timed out"),
    409: Meaning(Kind.UNKNOWN, "", "the same request is under way"),
}
"""For answers without a code of their own (or with one that only repeats the HTTP status)."""

_UNKNOWN_CODE = permanent("", "a code that Rounds does not know")


def classify(table: Mapping[int, Meaning], provider: str, code: int | str | None, http_status: int | None = None) -> Meaning:
    """The meaning of a code from an HTTP error (`http_status` given) or from a callback (None).

    HTTP 5xx is always an unknown outcome and 429 always "not processed", whatever code the body names. A code that is
    not in the provider's table is logged and taken as permanent: it is never retried by guess.
    """
    number = as_number(code)
    if http_status is not None and http_status >= 500:
        known = table.get(number) if number is not None else None
        return Meaning(Kind.UNKNOWN, "", known.words if known else "the provider had an internal error")
    if http_status == 429:
        return _TOO_MANY
    if number is not None and number in table:
        return table[number]
    if http_status is not None and http_status < 400:
        return Meaning(Kind.UNKNOWN, "", "the provider's answer was not understood")
    if http_status is not None and http_status in _BY_HTTP_STATUS and number in (None, http_status):
        return _BY_HTTP_STATUS[http_status]
    _log.error("unknown provider code", provider=provider, code=shown(code), http_status=http_status)
    return _UNKNOWN_CODE


def failed(meaning: Meaning, code: str, retry_after_seconds: float | None = None) -> ProviderError:
    """The exception; `retry_after_seconds` (a Retry-After header) wins over the table's own pause."""
    if meaning.kind is Kind.UNKNOWN:
        return UnknownOutcome(code, meaning.words)
    if meaning.kind is Kind.TRANSIENT:
        seconds = retry_after_seconds if retry_after_seconds is not None else meaning.retry_after_seconds
        return TransientFailure(code, meaning.words, seconds)
    return PermanentFailure(code, meaning.words, meaning.effect)


def pause(meaning: Meaning) -> float | None:
    """Seconds before a new attempt makes sense after a final callback, None when the code forbids one."""
    return (meaning.retry_after_seconds or USUAL_PAUSE_SECONDS) if meaning.kind is Kind.TRANSIENT else None


def as_number(code: int | str | None) -> int | None:
    """A code of digits and of a plausible length, None for anything else."""
    text = str(code).strip() if code is not None else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= LONGEST_CODE else None


def shown(code: int | str | None) -> str:
    """The code as it may stand in logs and rows: its digits, else `unreadable`, "" for no code."""
    if code in (None, "", 0, "0"):
        return ""
    number = as_number(code)
    return "unreadable" if number is None else str(number)
