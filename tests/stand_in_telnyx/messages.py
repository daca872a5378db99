"""A text as Telnyx shows it: in answers, in events, and in detail records."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from tests.stand_in_telnyx.faults import TITLES
from tests.stand_in_telnyx.options import Options
from tests.stand_in_twilio.store import Message

FINAL = frozenset({"delivered", "delivery_failed", "sending_failed", "delivery_unconfirmed", "expired"})
_RECORDED = {
    "delivered": "delivered",
    "received": "received",
    "delivery_failed": "failed",
    "sending_failed": "gw_reject",
    "delivery_unconfirmed": "dlr_unconfirmed",
    "expired": "gw_timeout",
}
"""Detail records know final statuses only."""
_BREAKS = 153


def new_id() -> str:
    return str(uuid.uuid4())


def payload(message: Message, options: Options, status: str = "", error_code: int | None = None) -> dict[str, Any]:
    """The message resource; `status` for an event that tells of an earlier or later state than the stored one."""
    inbound = message.direction == "inbound"
    status, error_code = status or message.status, error_code if status else message.error_code
    errors = [] if error_code is None else [{"code": str(error_code), "title": TITLES.get(error_code, "Error"), "detail": "No."}]
    recipient = {"phone_number": message.to, "carrier": "", "line_type": "Wireless", "status": "webhook_delivered" if inbound else status}
    media = [
        {"url": f"https://media.example/{n}", "content_type": "image/jpeg", "size": 1, "hash_sha256": "0"} for n in range(message.media)
    ]
    found = {
        "record_type": "message",
        "direction": "inbound" if inbound else "outbound",
        "id": message.sid,
        "type": "MMS" if message.media else "SMS",
        "organization_id": options.account_sid,
        "messaging_profile_id": options.messaging_profile_id,
        "from": {"phone_number": message.sender, "carrier": "", "line_type": "Wireless"} | ({"status": "received"} if inbound else {}),
        "to": [recipient],
        "cc": [],
        "text": message.body,
        "subject": None,
        "media": media,
        "webhook_url": message.status_callback or options.sms_url or None,
        "webhook_failover_url": message.status_callback or options.fallback_url or None,
        "encoding": "GSM-7",
        "parts": 1 + (len(message.body) - 1) // _BREAKS if len(message.body) > 160 else 1,
        "tags": [],
        "cost": None,
        "received_at": iso(message.created),
        "sent_at": iso(message.sent) if message.sent is not None else None,
        "completed_at": iso(message.sent) if status in FINAL and message.sent is not None else None,
        "valid_until": None,
        "errors": errors,
    }
    return found | ({"autoresponse_type": None} if inbound else {})


def event(kind: str, body: dict[str, Any], at: float) -> dict[str, Any]:
    """The `data` of a webhook."""
    return {"record_type": "event", "id": new_id(), "event_type": kind, "occurred_at": iso(at), "payload": body}


def record(message: Message, options: Options) -> dict[str, Any]:
    """The detail record: no words, and a status of its own vocabulary."""
    return {
        "record_type": "message_detail_record",
        "uuid": message.sid,
        "user_id": options.account_sid,
        "profile_id": options.messaging_profile_id,
        "direction": "inbound" if message.direction == "inbound" else "outbound",
        "cld": message.to,
        "cli": message.sender,
        "created_at": iso(message.created),
        "updated_at": iso(message.sent or message.created),
        "message_type": "MMS" if message.media else "SMS",
        "status": _RECORDED.get(message.status),
        "parts": 1,
        "errors": [] if message.error_code is None else [str(message.error_code)],
    }


def iso(instant: float) -> str:
    return datetime.fromtimestamp(instant, UTC).isoformat(timespec="milliseconds")
