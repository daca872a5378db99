"""Looks up texts whose end is not known in the provider's own list; never sends one again (law 3)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from service.actions.settle_communications import Word, settle_communications
from service.db import parked, unknown
from service.db.changes import Changes
from service.db.database import Database
from service.db.problems import Problem, report
from service.db.unknown import Doubtful
from service.domain.communication import Status
from service.domain.urgency import Urgency
from service.telephony.port import Provider, ProviderError, RemoteText

_log = structlog.get_logger(__name__)

GRACE = timedelta(minutes=5)
"""A provider's list may lag: only a text that it still lacks after this was never there."""
EARLIER = timedelta(minutes=2)
"""Clocks differ: the list is read from this long before the attempt."""
LATER = timedelta(minutes=15)
"""The same words to the same number later than this are another text."""
NOT_FINAL_FOR = timedelta(hours=12)
"""Texts that are not final by then are looked up too (the provider's advice)."""
UNRESOLVED_AFTER = timedelta(hours=1)
MOST_NUMBERS = 50
LIST_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What one round did; `open` texts stay unknown until the provider can be asked, or its list is sure."""

    found: int = 0
    missing: int = 0
    open: int = 0


async def reconcile_unknown(database: Database, providers: Mapping[str, Provider], now: datetime, *, not_final: bool = False) -> Reconciled:
    """One round: at most 50 numbers are looked up, with no transaction open. `not_final` adds those silent for 12 hours.

    A text that the provider's list has takes its id and status. One that a complete list lacks after five minutes has
    failed, which is a work item; the list is complete when it is shorter than what was asked for.
    """
    async with database.reading() as connection:
        doubtful = await unknown.in_doubt(connection, now, NOT_FINAL_FOR if not_final else None, 2 * LIST_LIMIT)
    by_number: dict[tuple[str, str], list[Doubtful]] = defaultdict(list)
    for one in doubtful:
        by_number[one.provider, one.number].append(one)
    words: list[Word] = []
    for (name, number), texts in list(by_number.items())[:MOST_NUMBERS]:
        provider = providers.get(name)
        if provider is None:
            continue
        since = min(one.started_at or one.status_at for one in texts) - EARLIER
        try:
            listed = await provider.list_texts(to=number, since=since, limit=LIST_LIMIT)
        except ProviderError as error:
            _log.warning("reconcile_not_possible", provider=name, code=error.code)
            continue
        async with database.reading() as connection:
            ours = await unknown.claimed_provider_ids(connection, name, [remote.provider_id for remote in listed])
        words += _compare(texts, [remote for remote in listed if not remote.inbound], ours, len(listed) < LIST_LIMIT, now)
    async with database.transaction() as connection:
        await settle_communications(connection, words, now)
        await parked.forget_old(connection, now)
        settled = {word.communication_id for word in words}
        left = [one for one in doubtful if one.status is Status.UNKNOWN and one.id not in settled]
        changes = Changes(now)
        reason = "It is not known whether some texts have reached the provider, and it cannot be asked: look at them by hand."
        stuck = {one.organization_id for one in left if one.status_at < now - UNRESOLVED_AFTER}
        await report(connection, changes, [Problem(id, "texts_unknown", reason, Urgency.SAME_DAY) for id in stuck], repeat=False)
        await changes.write(connection)
    missing = sum(word.status is Status.FAILED and word.reason == _NEVER for word in words)
    return Reconciled(len(words) - missing, missing, len(left))


_NEVER = "provider_never_had_it"


def _compare(texts: Sequence[Doubtful], listed: Sequence[RemoteText], ours: set[str], complete: bool, now: datetime) -> list[Word]:
    """A word for each text that the list decides: by its id when we know it, else by its words and time, each entry once."""
    free = sorted((remote for remote in listed if remote.provider_id not in ours), key=lambda remote: remote.created_at)
    by_id = {remote.provider_id: remote for remote in listed}
    words = []
    for one in sorted(texts, key=lambda text: text.started_at or text.status_at):
        if one.provider_id:
            remote = by_id.get(one.provider_id)
            if remote is not None and remote.status not in (None, one.status):
                words.append(_word(one, remote, remote.status or one.status))
            continue
        began = one.started_at or one.status_at
        remote = next((r for r in free if r.body == one.body and began - EARLIER <= r.created_at <= began + LATER), None)
        if remote is not None:
            free.remove(remote)
            words.append(_word(one, remote, remote.status or Status.ACCEPTED))
        elif complete and one.status is Status.UNKNOWN and now - began >= GRACE:
            words.append(
                Word(one.id, Status.FAILED, "reconcile", attempt_id=one.attempt_id, outcome="failed", provider=one.provider, reason=_NEVER)
            )
    return words


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
