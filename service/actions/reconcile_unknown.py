"""Looks up texts and pages whose end is not known in the provider's own list; never sends one again (law 3)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

import structlog

from service.actions.ask_about_texts import GIVEN_UP_AFTER, given_up
from service.actions.knowledge import Knowledge
from service.actions.other_way import PROVIDER_NEVER_HAD_IT
from service.actions.settle_communications import Word, settle_communications
from service.actions.settle_pages import settle_pages
from service.db import parked, unknown
from service.db.changes import Changes
from service.db.database import Database
from service.db.problems import report
from service.db.unknown import Doubtful
from service.domain.communication import Status
from service.telephony.port import NotOffered, PermanentFailure, Provider, ProviderError, RemoteText

_log = structlog.get_logger(__name__)

PAGE_GRACE = timedelta(minutes=5)
"""A provider's list may lag. A page that it still lacks after this goes to the next person, which does no harm if it was there."""
TEXT_GRACE = timedelta(minutes=10)
"""The same for a text, whose words then go anew. Own choice: longer, since no provider says how far its list lags, and the callback
on the attempt has had its time too."""
EARLIER = timedelta(minutes=2)
"""Clocks differ: the same words are looked for from this long before the attempt."""
LATER = timedelta(minutes=15)
"""The same words to the same number later than this are another text."""
MOST_NUMBERS = 50
LIST_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What one round did; `open` ones stay unknown until the provider can be asked, or a callback names them."""

    found: int = 0
    missing: int = 0
    open: int = 0


async def reconcile_unknown(database: Database, providers: Mapping[str, Provider], knowledge: Knowledge, now: datetime) -> Reconciled:
    """One round: at most 50 numbers are looked up, with no transaction open; pages first, then those not asked about for longest.

    What the provider's list has takes its id and status. What a complete list lacks after its grace has failed: a text goes anew or
    becomes a work item, a page goes to the next person. The list is complete when it is shorter than what was asked for and the
    provider says that its list is sure; it clears no text while it shows one to the same number of about that time that is none of
    ours (an account that redacts bodies or writes before them). What stays unknown for an hour is an alarm (`texts_unknown_long`,
    `pages_in_doubt`); a text that stays so for three days is given up, and an item.
    """
    async with database.reading() as connection:
        doubtful = await unknown.in_doubt(connection, now, 2 * LIST_LIMIT)
    by_number: dict[tuple[str, str], list[Doubtful]] = defaultdict(list)
    for one in doubtful:
        if one.provider in providers:
            by_number[one.provider, one.number].append(one)
    words: list[Word] = []
    asked = [one for one in doubtful if one.provider not in providers]
    away: set[str] = set()
    for (name, number), texts in islice(by_number.items(), MOST_NUMBERS):
        if name in away:
            continue
        provider = providers[name]
        asked += texts
        since = min(one.began for one in texts) - LATER
        try:
            listed = await provider.list_texts(to=number, since=since, limit=LIST_LIMIT)
        except NotOffered:
            continue
        except ProviderError as error:
            _log.warning("reconcile_not_possible", provider=name, code=error.code)
            if not isinstance(error, PermanentFailure):  # that one is about this number alone
                away.add(name)
            continue
        async with database.reading() as connection:
            ours = await unknown.claimed_provider_ids(connection, name, [remote.provider_id for remote in listed])
        complete = len(listed) < LIST_LIMIT and provider.list_is_sure
        words += _compare(texts, [remote for remote in listed if not remote.inbound and not remote.automatic], ours, complete, now)
    pages = {one.id for one in doubtful if one.is_page}
    await _write_texts(
        database,
        [word for word in words if word.communication_id not in pages],
        [one for one in asked if not one.is_page],
        now,
    )
    if paged := [word for word in words if word.communication_id in pages]:
        async with database.transaction() as connection:  # on their own: texts lock patients before items, pages lock items alone
            await settle_pages(connection, knowledge, paged, now)
    missing = sum(word.reason == PROVIDER_NEVER_HAD_IT for word in words)
    return Reconciled(len(words) - missing, missing, len(doubtful) - len(words))


async def _write_texts(database: Database, words: Sequence[Word], asked: Sequence[Doubtful], now: datetime) -> None:
    decided = {word.communication_id for word in words}
    hopeless = [one for one in asked if one.id not in decided and one.began <= now - GIVEN_UP_AFTER]
    async with database.transaction() as connection:
        await settle_communications(connection, words, now)
        await unknown.asked(connection, [one.id for one in asked if one.id not in decided], now)
        await unknown.give_up(connection, [one.id for one in hopeless], now)
        changes = Changes(now)
        await report(connection, changes, given_up([one.organization_id for one in hopeless]))
        await changes.write(connection)
        await parked.forget_old(connection, now)


def _compare(texts: Sequence[Doubtful], listed: Sequence[RemoteText], ours: set[str], complete: bool, now: datetime) -> list[Word]:
    """A word for each text that the list decides: by its words and time, each entry of the list once."""
    free = sorted((remote for remote in listed if remote.provider_id not in ours), key=lambda remote: remote.created_at)
    words, lacking = [], []
    for one in sorted(texts, key=lambda text: text.began):
        remote = next((r for r in free if r.body == one.body and one.began - EARLIER <= r.created_at <= one.began + LATER), None)
        if remote is not None:
            free.remove(remote)
            words.append(_word(one, remote, remote.status or Status.ACCEPTED))
        elif complete:
            lacking.append(one)
    return words + [_never_had(one) for one in lacking if _surely_lacks(one, free, now)]


def _surely_lacks(one: Doubtful, unexplained: Sequence[RemoteText], now: datetime) -> bool:
    """Whether a complete list without this text says that the provider never had it."""
    if one.is_page:
        return now - one.began >= PAGE_GRACE
    return now - one.began >= TEXT_GRACE and not any(abs(remote.created_at - one.began) <= LATER for remote in unexplained)


def _never_had(one: Doubtful) -> Word:
    return Word(
        one.id,
        Status.FAILED,
        "reconcile",
        attempt_id=one.attempt_id,
        outcome="failed",
        provider=one.provider,
        reason=PROVIDER_NEVER_HAD_IT,
    )


def _word(one: Doubtful, remote: RemoteText, status: Status) -> Word:
    return Word(
        one.id,
        status,
        "reconcile",
        attempt_id=one.attempt_id,
        outcome="accepted",
        provider=one.provider,
        provider_id=remote.provider_id,
        provider_status=remote.provider_status,
        error_code=remote.error_code,
    )
