"""What the stand-in remembers, and its append-only journal."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any


@dataclass
class Message:
    """One text in either direction, with Twilio's own field values."""

    sid: str
    to: str
    sender: str | None
    body: str
    direction: str  # outbound-api | outbound-reply | inbound
    status: str
    created: float
    sent: float | None = None
    error_code: int | None = None
    service: str | None = None
    status_callback: str = ""
    validity_seconds: int | None = None
    media: int = 0
    final: float | None = None

    def as_json(self, account_sid: str, prefix: str = "") -> dict[str, Any]:
        """As the API shows it."""
        return {
            "sid": self.sid,
            "account_sid": account_sid,
            "api_version": "2010-04-01",
            "to": self.to,
            "from": self.sender,
            "body": self.body,
            "status": self.status,
            "direction": self.direction,
            "num_segments": "0"
            if self.service and self.sender is None
            else str(1 + (len(self.body) - 1) // 153 if len(self.body) > 160 else 1),
            "num_media": str(self.media),
            "error_code": self.error_code,
            "error_message": None,
            "messaging_service_sid": self.service,
            "price": None,
            "price_unit": "USD",
            "date_created": _rfc2822(self.created),
            "date_updated": _rfc2822(self.created),
            "date_sent": _rfc2822(self.sent) if self.sent is not None else None,
            "uri": f"{prefix}/2010-04-01/Accounts/{account_sid}/Messages/{self.sid}.json",
            "subresource_uris": {},
        }


@dataclass(frozen=True)
class WebhookTry:
    """One HTTP request to the service: `status` None when no answer came."""

    sid: str
    kind: str  # sms | status
    url: str
    status: int | None
    body: str


class Store:
    """Messages by id, blocked pairs, webhook tries; each change is one line of the journal."""

    def __init__(self, journal: Path | None = None) -> None:
        self.messages: dict[str, Message] = {}
        self.blocked: set[tuple[str, str]] = set()
        self.tries: list[WebhookTry] = []
        self.refused: Counter[str] = Counter()
        self._journal = journal
        if journal is not None and journal.exists():
            self._replay(journal)

    @property
    def accepted(self) -> list[Message]:
        """All that was accepted by the API, in order: the measure of "sends nothing twice"."""
        return [message for message in self.messages.values() if message.direction == "outbound-api"]

    @property
    def inbound(self) -> list[Message]:
        """All that patients have sent, in order."""
        return [message for message in self.messages.values() if message.direction == "inbound"]

    def add(self, message: Message) -> Message:
        self.messages[message.sid] = message
        self._write("message", **asdict(message))
        return message

    def move(self, message: Message, status: str, error_code: int | None = None) -> None:
        message.status, message.error_code = status, error_code
        if status in ("delivered", "undelivered", "failed"):
            message.final = now()
        if status in ("sent", "delivered", "undelivered") and message.sent is None:
            message.sent = now()
        self._write("status", sid=message.sid, status=status, error_code=error_code, sent=message.sent, final=message.final)

    def redact(self, message: Message) -> None:
        message.body = ""
        self._write("redacted", sid=message.sid)

    def block(self, pair: tuple[str, str], *, blocked: bool) -> None:
        (self.blocked.add if blocked else self.blocked.discard)(pair)
        self._write("block", pair=list(pair), blocked=blocked)

    def note_try(self, attempt: WebhookTry) -> None:
        self.tries.append(attempt)
        self._write("webhook", **asdict(attempt))

    def _write(self, event: str, **what: object) -> None:
        if self._journal is not None:
            with self._journal.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"event": event, **what}) + "\n")

    def _replay(self, journal: Path) -> None:
        for line in journal.read_text(encoding="utf-8").splitlines():
            what = json.loads(line)
            match what.pop("event"):
                case "message":
                    self.messages[what["sid"]] = Message(**what)
                case "status":
                    message = self.messages[what["sid"]]
                    message.status, message.error_code = what["status"], what["error_code"]
                    message.sent, message.final = what["sent"], what["final"]
                case "redacted":
                    self.messages[what["sid"]].body = ""
                case "block":
                    pair = (what["pair"][0], what["pair"][1])
                    (self.blocked.add if what["blocked"] else self.blocked.discard)(pair)
                case "webhook":
                    self.tries.append(WebhookTry(**what))


def now() -> float:
    return datetime.now(UTC).timestamp()


def _rfc2822(instant: float) -> str:
    return format_datetime(datetime.fromtimestamp(int(instant), UTC))
