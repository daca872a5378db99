"""Fetches texts whose webhook never arrived: a provider calls a few times and then gives up, its list does not forget.

The same path as a webhook, so that a text that did arrive is found by its id and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
USUAL = 1_000
"""Texts read in a round, in both directions; when there may be more, at most MOST are."""
MOST = 20_000
"""Two days of a large clinic; a list that is longer is loud."""
AT_ONCE = 200
"""Texts taken in one commit."""


class NotRecovered(Exception):
    """A lost text was found and could not be stored: the round does not count, so that the next one looks at it again."""


async def recover_replies(database: Database, providers: Mapping[str, Provider], knowledge: Knowledge, clock: Clock) -> int:
    """One round: everything since the last round that ran to its end on any node, at most two days back; how many were new.

    Raises NotRecovered when a text could not be stored, and ProviderError when the provider cannot be asked.
    """
    now = clock.now()
    async with database.reading() as connection:
        last = await health.last_run(connection, JOB)
    since = max(now - LONGEST, (last or now - LONGEST) - OVERLAP)
    found = 0
    for provider in providers.values():
        listed = await _list(provider, since)
        found += await _take(database, knowledge, clock, provider, [text for text in listed if text.inbound])
    if found:
        _log.warning("replies_recovered", replies=found)
    return found


async def _list(provider: Provider, since: datetime) -> Sequence[RemoteText]:
    """The provider's texts since then, newest first: a long standstill is read to its beginning."""
    listed: Sequence[RemoteText] = ()
    try:
        for limit in (USUAL, MOST):
            listed = await provider.list_texts(to=None, since=since, limit=limit)
            if len(listed) < limit:
                return listed
    except ProviderError as error:
        _log.warning("recover_not_possible", provider=provider.name, code=error.code)
        raise
    _log.error("recover_incomplete", provider=provider.name, listed=len(listed))
    return listed


async def _take(database: Database, knowledge: Knowledge, clock: Clock, provider: Provider, listed: Sequence[RemoteText]) -> int:
    async with database.reading() as connection:
        known = await inbound.known_ids(connection, provider.name, provider.account, [text.provider_id for text in listed])
    missing = [_message(provider, text) for text in reversed(listed) if text.provider_id not in known]
    taken = lost = 0
    for start in range(0, len(missing), AT_ONCE):
        receipts = await receive_replies(database, knowledge, clock, missing[start : start + AT_ONCE])
        taken += sum(receipt in (Receipt.STORED, Receipt.NOT_READ) for receipt in receipts)
        lost += sum(isinstance(receipt, Exception) for receipt in receipts)
    if lost:
        raise NotRecovered(f"{lost} of {len(missing)} texts")
    return taken


def _message(provider: Provider, text: RemoteText) -> InboundMessage:
    raw = {"MessageSid": text.provider_id, "From": text.sender, "To": text.to, "Body": text.body, "RecoveredFrom": "list"}
    return InboundMessage(provider.name, provider.account, text.provider_id, text.sender, text.to, text.body, raw=raw)
