"""Fetches texts whose webhook never arrived: a provider calls a few times and then gives up, its list does not forget.

The same path as a webhook, so that a text that did arrive is found by its id and changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from service.actions.knowledge import Knowledge
from service.actions.receive_reply import Receipt, receive_replies
from service.actions.recovered_in_part import tell_incomplete
from service.clock import Clock
from service.db import health, inbound
from service.db.database import Database
from service.telephony.port import InboundMessage, NotOffered, PermanentFailure, Provider, ProviderError, RemoteText

_log = structlog.get_logger(__name__)

JOB = "recover_replies"
OVERLAP = timedelta(minutes=10)
"""Looked at again in every round: a list may lag behind, and clocks differ."""
OVERLAP_OF_A_LAGGING_LIST = timedelta(hours=2)
"""The same for a provider whose list is not sure: it says nowhere how late a text may appear in it."""
LONGEST = timedelta(days=2)
PAGES = (100, 2_000, 20_000)
"""How many texts are read of a list; more only while it may hold more since then. The last is two days of a large clinic."""
AT_ONCE = 200
"""Texts taken in one commit."""


class NotRecovered(Exception):
    """A lost text was found and could not be stored: the round does not count, so that the next one looks at it again."""


async def recover_replies(
    database: Database, providers: Mapping[str, Provider], knowledge: Knowledge, clock: Clock, own_phones: Collection[str] = ()
) -> int:
    """One round: everything since the last round that ran to its end on any node, at most two days back; how many were new.

    Lists are asked for each of our own numbers, so that only what came in is read; the whole account's only where texts come in at a
    provider's pool. `own_phones`: numbers at which Rounds itself listens, whose texts nobody misses. Every provider that answers is
    asked for every number; then raises NotRecovered when a text could not be stored, and ProviderError when one could not be asked.
    """
    now = clock.now()
    async with database.reading() as connection:
        last = await health.last_run(connection, JOB)
        numbers = {name: await inbound.own_numbers(connection, name) for name in providers}
    found = 0
    failed: ProviderError | NotRecovered | None = None
    for name, provider in providers.items():
        overlap = OVERLAP if provider.list_is_sure else OVERLAP_OF_A_LAGGING_LIST
        since = max(now - LONGEST, (last or now - LONGEST) - overlap)
        for number in [None] if None in numbers[name] else numbers[name]:
            try:
                listed = await _list(provider, number, since)
                if len(listed) >= PAGES[-1]:
                    await tell_incomplete(database, name, len(listed), now)
                came_in = [text for text in listed if text.inbound and text.to not in own_phones]
                found += await _take(database, knowledge, clock, provider, came_in)
            except (PermanentFailure, NotRecovered) as error:  # this number's matter: patients write to the others too
                failed = failed or error
            except ProviderError as error:
                failed = failed or error
                break
    if found:
        _log.warning("replies_recovered", replies=found)
    if failed is not None:
        raise failed
    return found


async def _list(provider: Provider, number: str | None, since: datetime) -> Sequence[RemoteText]:
    """The provider's texts to this number since then, newest first: a long standstill is read to its beginning."""
    listed: Sequence[RemoteText] = ()
    try:
        for limit in PAGES:
            listed = await provider.list_texts(to=number, since=since, limit=limit)
            if len(listed) < limit:
                return listed
    except NotOffered:
        return ()
    except ProviderError as error:
        _log.warning("recover_not_possible", provider=provider.name, code=error.code)
        raise
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
