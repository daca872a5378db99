"""Telnyx's webhooks: signature, account, and the event in our words. Pure over the request's parts and the time."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, NoReturn
from urllib.parse import parse_qsl
from uuid import UUID

import structlog

from service.telephony.meaning import pause
from service.telephony.port import Answer, DeliveryUpdate, InboundMessage, Incomplete, Payload, SignatureRefused
from service.telephony.telnyx import codes, signature
from service.telephony.telnyx.shapes import address, an_id, first, items, table, text
from service.telephony.telnyx.statuses import ours

_log = structlog.get_logger(__name__)

RECEIVED = "message.received"
STATUS_EVENTS = frozenset({"message.sent", "message.finalized"})
_OPT_OUT_TYPES = frozenset({"STOP", "START", "HELP"})
_WORD = re.compile(r"[a-z0-9._-]{1,40}", re.ASCII)
_STATUS = re.compile(r"[a-z_-]{1,30}", re.ASCII)
_MAXIMUM_FIELDS = 300
_MOST_MEDIA = 99


class TelnyxReceiver:
    """The port's Receiver for one messaging profile and one account; two keys are accepted while they are changed.

    Which webhook tells of what stands in it: a message and a status may come to either address.
    """

    name = "telnyx"

    def __init__(
        self, *, messaging_profile_id: str, public_keys: Sequence[str], account_sid: str = "", now: Callable[[], datetime] | None = None
    ) -> None:
        """`public_keys`: base64 as Telnyx's portal shows them; `account_sid` "" when there are no calls; `now` tells the time (aware),
        without it the machine does. Raises ValueError.
        """
        self._profile = messaging_profile_id
        self._account_sid = account_sid
        self._keys = tuple(signature.public_key(key) for key in public_keys if key)
        self._now = now or partial(datetime.now, UTC)
        if not messaging_profile_id or not self._keys:
            raise ValueError("a Telnyx messaging profile and at least one public key are needed")

    def verify(self, *, url: str, headers: Mapping[str, str], body: bytes) -> Payload:
        """The verified JSON document, or form of a call; nothing of what is signed and is neither. Raises SignatureRefused, always closed.

        `headers` must be case-insensitive or hold lower-case names. `url` is not part of what Telnyx signs.
        """
        signature.check(self._keys, headers, body, self._now())
        if _is_json(headers.get("content-type", "") or headers.get("Content-Type", "")):
            try:
                document = _document(body)
            except (ValueError, RecursionError):
                return Payload(time_signed=True)
            profile = table(table(table(document).get("data")).get("payload")).get("messaging_profile_id")
            if profile not in (None, self._profile):
                raise SignatureRefused("foreign account")
            return Payload(document=document, time_signed=True)
        try:
            pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=_MAXIMUM_FIELDS)
        except ValueError:
            return Payload(time_signed=True)
        if any(name == "AccountSid" and value != self._account_sid for name, value in pairs):
            raise SignatureRefused("foreign account")
        return Payload({_storable(name): _storable(value) for name, value in reversed(pairs)}, time_signed=True)

    def parse(self, payload: Payload, attempt_id: UUID | None) -> Sequence[InboundMessage | DeliveryUpdate]:
        """The message or status of the event; nothing for an event of another kind, which is logged. Raises Incomplete."""
        data = table(table(payload.document).get("data"))
        event = text(data.get("event_type"))
        if event == RECEIVED:
            return [self._message(data)]
        if event in STATUS_EVENTS:
            return [self._update(table(data.get("payload")), attempt_id)]
        if not event:
            raise Incomplete
        _log.info("provider event ignored", provider=self.name, kind=event if _WORD.fullmatch(event) else "unreadable")
        return []

    def acknowledge(self, events: Sequence[InboundMessage | DeliveryUpdate]) -> Answer:
        """200 and nothing else: Telnyx reads the status only."""
        return Answer()

    def _message(self, data: dict[str, Any]) -> InboundMessage:
        """The message; Incomplete when a required field is missing or misshapen. Words may only be absent beside media."""
        payload = table(data.get("payload"))
        provider_id, sender = an_id(payload.get("id")), address(table(payload.get("from")).get("phone_number"))
        recipient = address(first(payload.get("to")).get("phone_number"))
        words, media = _words(payload), len(items(payload.get("media")))
        if payload.get("direction", "inbound") != "inbound" or payload.get("messaging_profile_id") != self._profile:
            raise Incomplete
        if not provider_id or not sender or not recipient or (words is None and not media):
            raise Incomplete
        keyword = text(payload.get("autoresponse_type")).upper()
        return InboundMessage(
            provider=self.name,
            account=self._profile,
            provider_id=provider_id,
            sender=sender,
            recipient=recipient,
            body=words or "",
            media_count=min(media, _MOST_MEDIA),
            opt_out_type=keyword if keyword in _OPT_OUT_TYPES else "",
            raw=data,
            pool=self._profile,
        )

    def _update(self, payload: dict[str, Any], attempt_id: UUID | None) -> DeliveryUpdate:
        """The update; Incomplete when a required field is missing; an unknown status or code is kept and logged, never an error."""
        provider_id, provider_status = an_id(payload.get("id")), text(first(payload.get("to")).get("status"))
        if payload.get("direction", "outbound") != "outbound" or payload.get("messaging_profile_id") != self._profile:
            raise Incomplete
        if not provider_id or not provider_status:
            raise Incomplete
        status = ours(provider_status)
        if status is None:
            word = provider_status if _STATUS.fullmatch(provider_status) else "unreadable"
            _log.error("unknown provider status", provider=self.name, status=word)
        errors = items(payload.get("errors"))
        error_code, meaning = codes.classify(errors) if errors else ("", None)
        return DeliveryUpdate(
            provider=self.name,
            account=self._profile,
            provider_id=provider_id,
            status=status,
            provider_status=provider_status[:30],
            attempt_id=attempt_id,
            error_code=error_code,
            effect=meaning.effect if meaning else "",
            retry_after_seconds=pause(meaning) if meaning else None,
        )


def _words(payload: dict[str, Any]) -> str | None:
    """What was written: `text` of SMS and MMS, the body of RCS; None where there is neither."""
    for given in (payload.get("text"), table(payload.get("body")).get("text")):
        if isinstance(given, str):
            return given
    return None


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def _document(body: bytes) -> Any:
    """The parsed body, of finite numbers and storable text. ValueError or RecursionError for what is no JSON."""
    return _clean(json.loads(body.decode("utf-8"), parse_constant=_no_number, parse_float=str))


def _no_number(word: str) -> NoReturn:
    raise ValueError(word)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _storable(value)
    if isinstance(value, dict):
        return {_storable(name): _clean(part) for name, part in value.items()}
    return [_clean(part) for part in value] if isinstance(value, list) else value


def _storable(words: str) -> str:
    """Without NUL, which PostgreSQL does not store, and without halves of characters, which no encoding holds."""
    return words.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8") if not words.isprintable() else words
