"""Asks providers about texts whose end they have not told, or have told in two ways; gives up visibly after some days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from service.actions.settle_communications import Word, settle_communications
from service.db import unknown
from service.db.changes import Changes
from service.db.database import Database
from service.db.problems import Problem, report
from service.db.unknown import Silent
from service.domain.communication import FINAL
from service.domain.urgency import Urgency
from service.telephony.port import NotOffered, Provider, ProviderError, RemoteText

_log = structlog.get_logger(__name__)

SILENT_FOR = timedelta(hours=12)
"""Texts that are not final by then are asked about (the providers' advice), and so often from then on."""
GIVEN_UP_AFTER = timedelta(days=3)
"""Own choice: no provider tells the end of a text later than that; some routes never tell it at all."""
TWO_WORDS_WITHIN = timedelta(days=1)
A_ROUND = 100
"""Requests to providers in a round, one after the other."""
GIVEN_UP = "texts_given_up"


@dataclass(frozen=True, slots=True)
class Asked:
    """What one round did."""

    settled: int = 0
    given_up: int = 0


async def ask_about_texts(database: Database, providers: Mapping[str, Provider], now: datetime) -> Asked:
    """One round: at most 100 texts are asked about by their id, with no transaction open; those told in two ways first.

    What the provider says now is settled like any other word: a text that it takes back after it called it delivered stays as it is
    (law 6) and is an item. A text whose end is not told for three days is given up: one item an organization counts them.
    """
    async with database.reading() as connection:
        doubled = await unknown.told_both_ways(connection, now, TWO_WORDS_WITHIN, A_ROUND)
        silent = await unknown.not_final(connection, now, SILENT_FOR, A_ROUND - len(doubled))
    answers: list[tuple[Silent, RemoteText | None]] = []
    away: set[str] = set()
    for one in [*doubled, *silent]:
        provider = providers.get(one.provider)
        if provider is None or one.provider in away:
            continue
        try:
            answers.append((one, await provider.fetch_text(one.provider_id)))
        except NotOffered:
            answers.append((one, None))
        except ProviderError as error:
            _log.warning("text_not_fetched", provider=one.provider, code=error.code)
            away.add(one.provider)
    return await _write(database, answers, now) if answers else Asked()


async def _write(database: Database, answers: Sequence[tuple[Silent, RemoteText | None]], now: datetime) -> Asked:
    words = [_word(one, remote) for one, remote in answers if remote is not None and remote.status not in (None, one.status)]
    told = {word.communication_id for word in words}
    old = now - GIVEN_UP_AFTER
    hopeless = [one for one, _ in answers if one.status not in FINAL and one.status_at <= old and one.id not in told]
    async with database.transaction() as connection:
        applied = await settle_communications(connection, words, now)
        await unknown.asked(connection, [one.id for one, _ in answers], now)
        await unknown.give_up(connection, [one.id for one in hopeless], now)
        changes = Changes(now)
        await report(connection, changes, given_up([one.organization_id for one in hopeless]))
        await changes.write(connection)
    if hopeless:
        _log.warning("texts_given_up", texts=len(hopeless))
    return Asked(sum(applied), len(hopeless))


def given_up(whose: Sequence[UUID]) -> list[Problem]:
    """One problem for each organization; `whose` names the organization of every text that was given up."""
    reason = "The provider has never said whether some texts have arrived. Nobody asks any more: they may or may not have been read."
    return [Problem(id, GIVEN_UP, reason, Urgency.ROUTINE, detail={"texts": many}) for id, many in sorted(Counter(whose).items())]


def _word(one: Silent, remote: RemoteText) -> Word:
    return Word(
        one.id,
        remote.status or one.status,
        "reconcile",
        provider=one.provider,
        provider_id=remote.provider_id,
        provider_status=remote.provider_status,
        error_code=remote.error_code,
    )
