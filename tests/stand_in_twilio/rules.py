"""Which creates Twilio refuses, and with what code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from tests.stand_in_twilio.options import Options
from tests.stand_in_twilio.store import Store

MAGIC_TO = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}
MAGIC_FROM = {"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}
MAGIC_GOOD_FROM = "+15005550006"

STOP = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "END", "QUIT", "CANCEL", "REVOKE", "OPTOUT"})
START = frozenset({"START", "YES", "UNSTOP"})
HELP = frozenset({"HELP", "INFO"})

_E164 = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)


def refusal(form: Mapping[str, str], options: Options, store: Store) -> int | None:
    """The error code for a create, None when it is accepted."""
    to, sender, service, body = form.get("To", ""), form.get("From", ""), form.get("MessagingServiceSid", ""), form.get("Body", "")
    if not to:
        return 21604
    if not sender and not service:
        return 21603
    if not body and "MediaUrl" not in form:
        return 21602
    if len(body) > 1600:
        return 21617
    if to in MAGIC_TO:
        return MAGIC_TO[to]
    if not _E164.fullmatch(to):
        return 21211
    if service and service not in options.services:
        return 21701
    if sender in MAGIC_FROM:
        return MAGIC_FROM[sender]
    if sender and sender not in own_numbers(options):
        return 21606
    return _wrong_option(form) or (21610 if (scope(sender, service, options), to) in store.blocked else None)


def _wrong_option(form: Mapping[str, str]) -> int | None:
    callback = form.get("StatusCallback")
    if callback is not None:
        parts = urlsplit(callback)
        if parts.scheme not in ("http", "https") or not parts.hostname or "_" in parts.hostname:
            return 21609
    validity = form.get("ValidityPeriod")
    if validity is not None and not (validity.isdigit() and 1 <= int(validity) <= 36_000):
        return 20001
    return None


def own_numbers(options: Options) -> list[str]:
    """Every number of the account."""
    return [*options.numbers, MAGIC_GOOD_FROM, *(number for pool in options.services.values() for number in pool)]


def scope(number: str, service: str, options: Options) -> str:
    """What an opt-out binds: the whole messaging service, or the one number."""
    if service:
        return service
    return next((sid for sid, pool in options.services.items() if number in pool), number)
