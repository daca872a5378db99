"""What differs between the providers that speak Twilio's interface: names, shapes of ids, and how a webhook is signed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from service.telephony import meaning
from service.telephony.meaning import Meaning
from service.telephony.port import ProviderError
from service.telephony.twilio import signature
from service.telephony.twilio.codes import CODES


@dataclass(frozen=True, slots=True)
class Dialect:
    """One provider's variant. Ids are matched in whole, and only to refuse what is none: they are opaque everywhere else."""

    name: str
    """As in our webhooks' paths and in rows."""
    title: str
    """As people write it."""
    signature_header: str
    json_is_signed: Callable[[str, str, bytes, str], bool]
    """(key, url, body, signature) of a JSON webhook; forms are signed alike by all of them."""
    account_id: re.Pattern[str]
    message_id: re.Pattern[str]
    call_id: re.Pattern[str]
    pool_id: re.Pattern[str]
    codes: Mapping[int, Meaning]
    """What its error codes mean."""
    not_finished: frozenset[int]
    """Codes that refuse to empty a text because it is still under way."""
    call_is_over: frozenset[int]
    """Codes that refuse to send a call on because it is no longer live."""
    overrides: str
    """Stands behind the addresses of webhooks, as a fragment: how often one that has failed is repeated; "" where it cannot be said."""
    limits_calls: bool
    """Whether a call can be given its longest time when it is placed (else only what it is connected to has one)."""

    def meaning(self, code: int | str | None, http_status: int | None = None) -> Meaning:
        """The meaning of a code from an HTTP error (`http_status` given) or from a callback (None); see `meaning.classify`."""
        return meaning.classify(self.codes, self.name, code, http_status)

    def failure(self, code: int | str | None, http_status: int | None = None, retry_after_seconds: float | None = None) -> ProviderError:
        """The exception for a code; `retry_after_seconds` (a Retry-After header) wins over the table's own pause."""
        text = meaning.shown(code) or (f"http_{http_status}" if http_status is not None else "none")
        return meaning.failed(self.meaning(code, http_status), text, retry_after_seconds)


TWILIO = Dialect(
    name="twilio",
    title="Twilio",
    signature_header=signature.HEADER,
    json_is_signed=signature.json_is_signed,
    account_id=re.compile(r"AC[0-9a-fA-F]{32}", re.ASCII),
    message_id=re.compile(r"(?:SM|MM)[0-9a-fA-F]{32}", re.ASCII),
    call_id=re.compile(r"CA[0-9a-fA-F]{32}", re.ASCII),
    pool_id=re.compile(r"MG[0-9a-fA-F]{32}", re.ASCII),
    codes=CODES,
    not_finished=frozenset({20009}),
    call_is_over=frozenset({21220}),
    overrides="#rc=3&rp=all",  # three retries, on any failure (by default it is one, on connection failure only)
    limits_calls=True,
)
