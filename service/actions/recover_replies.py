"""Fetches texts whose webhook never arrived: a provider calls a few times and then gives up, its list does not forget.

The same path as a webhook, so that a text that did arrive is found by its id and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog

from service.actions.knowledge import Knowledge
from service.actions.receive_reply import Receipt, receive_replies
from service.clock import Clock
from service.db import health, inbound
from service.db.database import Database
from service.telephony.port import InboundMessage, Provider, ProviderError, RemoteText

_log = structlog.get_logger(__name__)

JOB = "recover_replies"
OVERLAP = timedelta(minutes=10)
"""Looked at again in every round: a list may lag behind, and clocks differ."""
LONGEST = timedelta(days=2)
MOST = 1000


async def recover_replies(database: Database, providers: Mapping[str, Provider], knowledge: Knowledge, clock: Clock) -> int:
    """One round: everything since the last round that ran to its end on any node, at most two days back; how many were new."""
    now = clock.now()
    async with database.reading() as connection:
        last = await health.last_run(connection, JOB)
    since = max(now - LONGEST, (last or now - LONGEST) - OVERLAP)
    found = 0
    for provider in providers.values():
        try:
            listed = await provider.list_texts(to=None, since=since, limit=MOST)
        except ProviderError as error:
            _log.warning("recover_not_possible", provider=provider.name, code=error.code)
            raise
        if len(listed) >= MOST:
            _log.error("recover_incomplete", provider=provider.name, listed=len(listed))
        found += await _take(database, knowledge, clock, provider, [text for text in listed if text.inbound], now)
    if found:
        _log.warning("replies_recovered", replies=found)
    return found


async def _take(database: Database, knowledge: Knowledge, clock: Clock, provider: Provider, listed: list[RemoteText], now: datetime) -> int:
    async with database.reading() as connection:
        known = await inbound.known_ids(connection, provider.name, provider.account, [text.provider_id for text in listed])
    missing = [_message(provider, text) for text in reversed(listed) if text.provider_id not in known]
    if not missing:
        return 0
    receipts = await receive_replies(database, knowledge, clock, missing)
    return sum(receipt in (Receipt.STORED, Receipt.NOT_READ) for receipt in receipts)


def _message(provider: Provider, text: RemoteText) -> InboundMessage:
    raw = {"MessageSid": text.provider_id, "From": text.sender, "To": text.to, "Body": text.body, "RecoveredFrom": "list"}
    return InboundMessage(provider.name, provider.account, text.provider_id, text.sender, text.to, text.body, raw=raw)
