"""Texts out: Telnyx's messages API v2."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from service.domain.communication import Status
from service.telephony.exchange import TIMEOUT_SECONDS, USABLE_CONNECTIONS, Dated
from service.telephony.meaning import shown
from service.telephony.port import Accepted, Line, OutgoingText, RemoteText, TransientFailure, UnknownOutcome
from service.telephony.telnyx import codes
from service.telephony.telnyx.api import Api
from service.telephony.telnyx.shapes import an_id, first, instant, items, table, text
from service.telephony.telnyx.statuses import REFUSED, ours

LINES = {"mobile": Line.MOBILE, "fixed line": Line.LANDLINE, "voip": Line.VOIP}
"""Of Telnyx's types of numbers those that say whether a text arrives; "fixed line or mobile" does not."""

_PAGE = 50
_AT_ONCE = 5
"""Bodies of listed texts fetched together."""
_REMEMBERED = 5_000
"""Inbound texts of which a second list asks no more: they do not change."""


class TelnyxProvider:
    """The port's Provider for one messaging profile of a Telnyx account.

    What Telnyx has no word for: a text cannot be given a validity (`validity_seconds` is not sent; Telnyx drops by itself what its
    queue has held too long), and there is no list of messages. Its detail records say which texts there are, without their words
    and some time after the fact, so `list_is_sure` is False: what the list shows is true, what it lacks may still be there.
    """

    name = "telnyx"
    list_is_sure = False

    def __init__(
        self,
        *,
        api_key: str,
        messaging_profile_id: str,
        sender: str = "",
        public_base_url: str,
        api_base: str = "",
        connections: int = USABLE_CONNECTIONS,
        timeout_seconds: float = TIMEOUT_SECONDS,
        dated: Dated = lambda at: None,
    ) -> None:
        """Opens nothing yet. `sender` "" means the profile's number pool; `public_base_url` is where Telnyx reaches us; `dated` is told
        what time its answers say it is.

        Raises ValueError without an API key or a profile.
        """
        if not api_key or not messaging_profile_id:
            raise ValueError("a Telnyx API key and a messaging profile's id are needed")
        self.account = messaging_profile_id
        self._sender = sender
        self._callbacks = f"{public_base_url.rstrip('/')}/webhooks/{self.name}/status"
        self._came_in: OrderedDict[str, RemoteText] = OrderedDict()
        self._api = Api(api_key=api_key, api_base=api_base, connections=connections, timeout_seconds=timeout_seconds, dated=dated)

    async def send_text(self, text: OutgoingText) -> Accepted:
        """Hands one text to Telnyx in one call; see the port. A cancelled call is an unknown outcome too.

        The attempt's id is the Idempotency-Key as well: a request that a network delivers twice makes one text. Its status comes
        to the path with that id, three times and then three times more (the failover address is the same one).
        """
        sender = text.sender or self._sender
        callback = f"{self._callbacks}/{text.attempt_id}"
        body: dict[str, Any] = {
            "to": text.to,
            "text": text.body,
            "type": "SMS",
            "messaging_profile_id": self.account,
            "webhook_url": callback,
            "webhook_failover_url": callback,
            "use_profile_webhooks": False,
        }
        if sender:
            body["from"] = sender
        document = await self._api.create("/messages", body, headers={"Idempotency-Key": str(text.attempt_id)})
        made = table(document.get("data"))
        recipient = first(made.get("to"))
        if recipient.get("phone_number") != text.to:
            raise UnknownOutcome("foreign_answer", "the provider answered for another number")
        provider_id = an_id(made.get("id"))
        if not provider_id:
            raise UnknownOutcome("unreadable_answer", "the provider's answer has no id")
        status = _word(recipient)
        if status in REFUSED:
            raise codes.failure(items(made.get("errors")))
        parts = made.get("parts")
        return Accepted(provider_id, ours(status) or Status.ACCEPTED, parts if isinstance(parts, int) and parts > 0 else None)

    async def list_texts(self, *, to: str | None, since: datetime, limit: int = 200) -> Sequence[RemoteText]:
        """The profile's texts in both directions created since `since` (aware) that Telnyx has recorded, newest first.

        Two steps: the detail records tell which, one request each tells the words and the present state; records whose text is gone
        (Telnyx keeps it about ten days) are left out. At most `limit` are read. Raises TransientFailure or PermanentFailure.
        """
        wanted = [record for record in await self._records(to, since, limit) if an_id(record.get("uuid"))]
        found: list[RemoteText] = []
        for start in range(0, len(wanted), _AT_ONCE):
            fetched = await asyncio.gather(*(self._listed(record["uuid"]) for record in wanted[start : start + _AT_ONCE]))
            found += [remote for remote in fetched if remote is not None and remote.created_at >= since]
        return sorted(found, key=lambda remote: remote.created_at, reverse=True)

    async def _listed(self, provider_id: str) -> RemoteText | None:
        known = self._came_in.get(provider_id)
        if known is not None:
            return known
        remote = await self.fetch_text(provider_id)
        if remote is not None and remote.inbound:
            self._came_in[provider_id] = remote
            if len(self._came_in) > _REMEMBERED:
                self._came_in.popitem(last=False)
        return remote

    async def _records(self, to: str | None, since: datetime, limit: int) -> list[dict[str, Any]]:
        params = {
            "filter[record_type]": "messaging",
            "filter[profile_id]": self.account,
            "filter[created_at][gte]": since.isoformat().replace("+00:00", "Z"),
            "sort": "-created_at",
        } | ({"filter[cld]": to} if to else {})
        records: list[dict[str, Any]] = []
        for number in range(1, 2 + limit // _PAGE):
            page = await self._api.read("/detail_records", params | {"page[number]": str(number), "page[size]": str(_PAGE)})
            if page is None:
                raise TransientFailure("unreadable_answer", "the provider has no detail records")
            data = [table(record) for record in items(page.get("data"))]
            records += data
            if len(data) < _PAGE:
                break
        return records[:limit]

    async def fetch_text(self, provider_id: str) -> RemoteText | None:
        """One text as Telnyx knows it now, None when it does not; raises TransientFailure or PermanentFailure."""
        document = await self._api.read(f"/messages/{quote(provider_id, safe='')}")
        return None if document is None else _remote(table(document.get("data")))

    async def look_up(self, number: str) -> Line:
        """What kind of line a number is (Number Lookup, paid for each number); see the port."""
        found = await self._api.read(f"/number_lookup/{quote(number, safe='')}", {"type": "carrier"})
        carrier = table(table((found or {}).get("data")).get("carrier"))
        return LINES.get(text(carrier.get("type")), Line.UNKNOWN)

    async def close(self) -> None:
        """Frees the connections."""
        await self._api.close()


def _word(recipient: dict[str, Any]) -> str:
    return text(recipient.get("status"))


def _remote(message: dict[str, Any]) -> RemoteText | None:
    """A text in our words, None when it lacks what makes it usable."""
    provider_id = an_id(message.get("id"))
    inbound = message.get("direction") == "inbound"
    created = instant(message.get("received_at")) or instant(message.get("sent_at")) or instant(message.get("completed_at"))
    if not provider_id or created is None:
        return None
    recipient, sender = first(message.get("to")), table(message.get("from"))
    status = "received" if inbound else _word(recipient)
    return RemoteText(
        provider_id=provider_id,
        to=text(recipient.get("phone_number")),
        sender=text(sender.get("phone_number")),
        body=text(message.get("text")),
        status=ours(status),
        provider_status=status[:30],
        created_at=created,
        inbound=inbound,
        error_code=shown(text(first(message.get("errors")).get("code"))),
    )
