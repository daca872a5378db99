"""Twilio's webhooks: signature, account, and the form in our words. Pure over the request's parts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl
from uuid import UUID

import structlog

from service.telephony.meaning import pause, shown
from service.telephony.port import Answer, DeliveryUpdate, InboundMessage, Incomplete, Payload, SignatureRefused
from service.telephony.twilio import signature
from service.telephony.twilio.dialect import TWILIO, Dialect
from service.telephony.twilio.statuses import ours

_log = structlog.get_logger(__name__)

_ADDRESS = re.compile(
    r"\+[0-9]{5,15}|[0-9]{3,8}|[0-9A-Za-z &_+-]{1,11}|[a-z]{2,12}:\+?[0-9]{5,20}|[0-9A-Za-z][0-9A-Za-z._%+-]{0,63}@[0-9A-Za-z.-]{1,190}",
    re.ASCII,
)
"""E.164, a short code, a name of at most 11 characters; another channel's address (`whatsapp:+1...`), a gateway's e-mail address."""

_CHANNEL = re.compile(r"^[a-z]{2,12}:", re.ASCII)
"""Stands before our own number too, which is the clinic's by any channel."""
_WORD = re.compile(r"[a-z_-]{1,30}", re.ASCII)
_OPT_OUT_TYPES = frozenset({"STOP", "START", "HELP"})
_INBOUND = frozenset({"received", "receiving"})
_OF_MESSAGES = frozenset({"Body", "NumMedia"})
_OF_CALLS_TO_US = frozenset({"CallToken", "StirVerstat"})
_MAXIMUM_FIELDS = 300
_LONGEST_STATUS = 30

EMPTY_RESPONSE = '<?xml version="1.0" encoding="UTF-8"?><Response/>'


class TwilioReceiver:
    """The port's Receiver for one account; two keys are accepted while the account's token is being rotated."""

    def __init__(self, *, account_sid: str, auth_tokens: Sequence[str], dialect: Dialect = TWILIO) -> None:
        """`auth_tokens`: what signs, the primary and, during rotation, the secondary one; raises ValueError when there is none."""
        self.name = dialect.name
        self._dialect = dialect
        self._account_sid = account_sid
        self._auth_tokens = tuple(token for token in auth_tokens if token)
        if not account_sid or not self._auth_tokens:
            raise ValueError(f"the id of a {dialect.title} account and at least one auth token are needed")

    def verify(self, *, url: str, headers: Mapping[str, str], body: bytes) -> Payload:
        """The verified form, first value of a repeated name; of a JSON document its plain fields. Raises SignatureRefused, always closed.

        `url` is the public address as the provider was told it; `headers` must be case-insensitive or hold the canonical names.
        """
        given = headers.get(self._dialect.signature_header, "")
        if not given:
            raise SignatureRefused("no signature")
        if headers.get(signature.SETTINGS_HEADER):
            raise SignatureRefused("signed with a key that is not configured")
        if _is_json(headers.get("Content-Type", "")):
            if not any(self._dialect.json_is_signed(token, url, body, given) for token in self._auth_tokens):
                raise SignatureRefused("wrong signature")
            pairs = _plain_fields(body)
        else:
            try:
                pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=_MAXIMUM_FIELDS)
            except ValueError:
                raise SignatureRefused("not a form") from None
            if not self._is_signed(url, pairs, given):
                raise SignatureRefused("wrong signature")
        if any(name == "AccountSid" and value != self._account_sid for name, value in pairs):
            raise SignatureRefused("foreign account")
        form = dict(reversed(pairs))
        if any("\0" in name + value for name, value in pairs):  # PostgreSQL stores no NUL, and no phone can type one
            form = {name.replace("\0", "\ufffd"): value.replace("\0", "\ufffd") for name, value in form.items()}
        return Payload(form)

    def _is_signed(self, url: str, pairs: Sequence[tuple[str, str]], given: str) -> bool:
        """Whether all that came is signed; of a call to us, also without the two fields that the signer may have left out."""
        if any(signature.form_is_signed(token, url, pairs, given) for token in self._auth_tokens):
            return True
        signed = [pair for pair in pairs if pair[0] not in _OF_CALLS_TO_US]
        if len(signed) == len(pairs) or ("Direction", "inbound") not in pairs:
            return False
        return any(signature.form_is_signed(token, url, signed, given) for token in self._auth_tokens)

    def parse(self, payload: Payload, attempt_id: UUID | None) -> Sequence[InboundMessage | DeliveryUpdate]:
        """One message or one status, whichever address it came to. Raises Incomplete.

        A message says that it was received. One that says nothing of the kind is a message all the same when it has a body and
        no status of ours: better a needless refusal than a patient's words taken for a status.
        """
        form = payload.form
        if {form.get("MessageStatus"), form.get("SmsStatus")} & _INBOUND or ("MessageStatus" not in form and _OF_MESSAGES & form.keys()):
            return [self._message(form)]
        return [self._update(form, attempt_id)]

    def acknowledge(self, events: Sequence[InboundMessage | DeliveryUpdate]) -> Answer:
        """An empty TwiML document for a message: anything else would be sent to the patient as a text, or is an error to Twilio."""
        if any(isinstance(event, InboundMessage) for event in events):
            return Answer("text/xml", EMPTY_RESPONSE)
        return Answer(status=204)

    def _message(self, form: Mapping[str, str]) -> InboundMessage:
        """The message; Incomplete when a required field is missing or misshapen.

        Shapes are checked because the signed string has no separators: a replay in which one parameter swallows the next
        still validates, and would otherwise come in under a message id that was never seen. A body may only be absent
        beside media.
        """
        provider_id, sender, recipient = form.get("MessageSid", ""), form.get("From", ""), form.get("To", "")
        media = form.get("NumMedia", "0") or "0"
        if form.get("AccountSid") != self._account_sid or not self._dialect.message_id.fullmatch(provider_id):
            raise Incomplete
        if not _ADDRESS.fullmatch(sender) or not _ADDRESS.fullmatch(recipient):
            raise Incomplete
        if not (media.isascii() and media.isdigit() and len(media) <= 2) or ("Body" not in form and int(media) == 0):
            raise Incomplete
        keyword, pool = form.get("OptOutType", "").upper(), form.get("MessagingServiceSid", "")
        return InboundMessage(
            provider=self.name,
            account=self._account_sid,
            provider_id=provider_id,
            sender=sender,
            recipient=_CHANNEL.sub("", recipient),
            body=form.get("Body", ""),
            media_count=int(media),
            opt_out_type=keyword if keyword in _OPT_OUT_TYPES else "",
            raw=form,
            pool=pool if self._dialect.pool_id.fullmatch(pool) else "",
        )

    def _update(self, form: Mapping[str, str], attempt_id: UUID | None) -> DeliveryUpdate:
        """The update; Incomplete when a required field is missing; an unknown status or code is kept and logged, never an error."""
        provider_id = form.get("MessageSid", "")
        provider_status = form.get("MessageStatus") or form.get("SmsStatus", "")
        if form.get("AccountSid") != self._account_sid or not self._dialect.message_id.fullmatch(provider_id) or not provider_status:
            raise Incomplete
        status = ours(provider_status)
        if status is None:
            word = provider_status if _WORD.fullmatch(provider_status) else "unreadable"
            _log.error("unknown provider status", provider=self.name, status=word)
        error_code = shown(form.get("ErrorCode"))
        meaning = self._dialect.meaning(error_code) if error_code else None
        return DeliveryUpdate(
            provider=self.name,
            account=self._account_sid,
            provider_id=provider_id,
            status=status,
            provider_status=provider_status[:_LONGEST_STATUS],
            attempt_id=attempt_id,
            error_code=error_code,
            effect=meaning.effect if meaning else "",
            retry_after_seconds=pause(meaning) if meaning else None,
        )


def _plain_fields(body: bytes) -> list[tuple[str, str]]:
    """Name and value of a JSON object's fields that are text or numbers, as a form would write them; of anything else nothing."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return []
    fields = list(told.items())[:_MAXIMUM_FIELDS] if isinstance(told, dict) else []
    return [(name, str(value)) for name, value in fields if isinstance(value, str | int | float) and not isinstance(value, bool)]


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")
