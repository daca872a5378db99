"""Twilio's webhooks: signature, account, and the form in our words. Pure over the request's parts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl
from uuid import UUID

import structlog

from service.telephony.port import DeliveryUpdate, InboundMessage, SignatureRefused
from service.telephony.twilio import codes, signature
from service.telephony.twilio.statuses import ours

_log = structlog.get_logger(__name__)

_MESSAGE_ID = re.compile(r"(?:SM|MM)[0-9a-fA-F]{32}", re.ASCII)
_ADDRESS = re.compile(r"\+[0-9]{5,15}|[0-9]{3,8}|[0-9A-Za-z &_+-]{1,11}", re.ASCII)
"""E.164, a short code, or a name of at most 11 characters."""

_POOL = re.compile(r"MG[0-9a-fA-F]{32}", re.ASCII)
_WORD = re.compile(r"[a-z_-]{1,30}", re.ASCII)
_OPT_OUT_TYPES = frozenset({"STOP", "START", "HELP"})
_MAXIMUM_FIELDS = 300
_LONGEST_STATUS = 30

EMPTY_RESPONSE = '<?xml version="1.0" encoding="UTF-8"?><Response/>'


class TwilioReceiver:
    """The port's Receiver for one account; two tokens are accepted while the account's token is being rotated."""

    name = "twilio"

    def __init__(self, *, account_sid: str, auth_tokens: Sequence[str]) -> None:
        """`auth_tokens`: the primary and, during rotation, the secondary token; raises ValueError when there is none."""
        self._account_sid = account_sid
        self._auth_tokens = tuple(token for token in auth_tokens if token)
        if not account_sid or not self._auth_tokens:
            raise ValueError("a Twilio account id and at least one auth token are needed")

    def verify(self, *, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        """The verified form, first value of a repeated name; empty for signed JSON. Raises SignatureRefused, always closed.

        `url` is the public address as Twilio was told it; `headers` must be case-insensitive or hold the canonical names.
        """
        given = headers.get(signature.HEADER, "")
        if not given:
            raise SignatureRefused("no signature")
        if headers.get(signature.SETTINGS_HEADER):
            raise SignatureRefused("signed with a key that is not configured")
        if _is_json(headers.get("Content-Type", "")):
            if not any(signature.json_is_signed(token, url, body, given) for token in self._auth_tokens):
                raise SignatureRefused("wrong signature")
            return {}
        try:
            pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=_MAXIMUM_FIELDS)
        except ValueError:
            raise SignatureRefused("not a form") from None
        if not any(signature.form_is_signed(token, url, pairs, given) for token in self._auth_tokens):
            raise SignatureRefused("wrong signature")
        if any(name == "AccountSid" and value != self._account_sid for name, value in pairs):
            raise SignatureRefused("foreign account")
        form = dict(reversed(pairs))
        if b"%00" in body or b"\0" in body:  # PostgreSQL stores no NUL, and no phone can type one
            form = {name.replace("\0", "\ufffd"): value.replace("\0", "\ufffd") for name, value in form.items()}
        return form

    def parse_message(self, form: Mapping[str, str]) -> InboundMessage | None:
        """The message, None when a required field is missing or misshapen.

        Shapes are checked because the signed string has no separators: a replay in which one parameter swallows the next
        still validates, and would otherwise come in under a message id that was never seen. A body may only be absent
        beside media.
        """
        provider_id, sender, recipient = form.get("MessageSid", ""), form.get("From", ""), form.get("To", "")
        media = form.get("NumMedia", "0") or "0"
        if form.get("AccountSid") != self._account_sid or not _MESSAGE_ID.fullmatch(provider_id):
            return None
        if not _ADDRESS.fullmatch(sender) or not _ADDRESS.fullmatch(recipient):
            return None
        if not (media.isascii() and media.isdigit() and len(media) <= 2) or ("Body" not in form and int(media) == 0):
            return None
        keyword, pool = form.get("OptOutType", "").upper(), form.get("MessagingServiceSid", "")
        return InboundMessage(
            provider=self.name,
            account=self._account_sid,
            provider_id=provider_id,
            sender=sender,
            recipient=recipient,
            body=form.get("Body", ""),
            media_count=int(media),
            opt_out_type=keyword if keyword in _OPT_OUT_TYPES else "",
            raw=form,
            pool=pool if _POOL.fullmatch(pool) else "",
        )

    def parse_status(self, form: Mapping[str, str], attempt_id: UUID | None) -> DeliveryUpdate | None:
        """The update, None when a required field is missing; an unknown status or code is kept and logged, never an error."""
        provider_id = form.get("MessageSid", "")
        provider_status = form.get("MessageStatus") or form.get("SmsStatus", "")
        if form.get("AccountSid") != self._account_sid or not _MESSAGE_ID.fullmatch(provider_id) or not provider_status:
            return None
        status = ours(provider_status)
        if status is None:
            word = provider_status if _WORD.fullmatch(provider_status) else "unreadable"
            _log.error("unknown provider status", provider=self.name, status=word)
        error_code = codes.shown(form.get("ErrorCode"))
        meaning = codes.classify(error_code) if error_code else None
        return DeliveryUpdate(
            provider=self.name,
            account=self._account_sid,
            provider_id=provider_id,
            status=status,
            provider_status=provider_status[:_LONGEST_STATUS],
            attempt_id=attempt_id,
            error_code=error_code,
            effect=meaning.effect if meaning else "",
            retry_after_seconds=codes.pause(meaning) if meaning else None,
        )

    def acknowledge(self) -> tuple[str, str]:
        """An empty TwiML document: anything else would be sent to the patient as a text, or is an error to Twilio."""
        return "text/xml", EMPTY_RESPONSE


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")
