"""Receives providers' words on our texts and pages: by our attempt id, else by the provider's id, forward only.

Callbacks come late, twice, out of order, and before the provider has answered our own call. What cannot be matched yet
is parked and taken up when the answer arrives.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.knowledge import Knowledge
from service.actions.settle_communications import Word, settle_communications
from service.actions.settle_pages import settle_pages
from service.db import alarms, outcomes, parked
from service.db.changes import Changes
from service.db.database import Database
from service.db.failures import is_contention, is_outage
from service.db.problems import Problem, report
from service.domain.communication import Status
from service.domain.urgency import Urgency
from service.telephony.port import DeliveryUpdate

_log = structlog.get_logger(__name__)


class Outcome(StrEnum):
    """What a delivery update led to; every one of them is answered with success."""

    APPLIED = "applied"
    KEPT = "kept"  # came too late or twice: history only
    IGNORED = "ignored"  # says nothing new (queued, sending)
    PARKED = "parked"  # nobody's yet
    DROPPED = "dropped"  # nobody's, and too many are parked


async def receive_delivery_statuses(
    database: Database, knowledge: Knowledge, updates: Sequence[DeliveryUpdate], now: datetime
) -> list[Outcome | Exception]:
    """One outcome for each update, in order; one transaction for all texts, one for all pages. When it fails, each is tried alone.

    An exception in the list is that update's own (it is not stored). An outage of the database raises.
    """
    try:
        return [*await _together(database, knowledge, updates, now)]
    except Exception as error:
        if is_outage(error) and not is_contention(error):
            raise
        _log.error("status_batch_failed", updates=len(updates), error=type(error).__name__)
    outcomes: list[Outcome | Exception] = []
    for update in updates:
        try:
            outcomes += await _together(database, knowledge, [update], now)
        except Exception as error:
            if is_outage(error):
                raise
            _log.error("status_not_stored", provider=update.provider, error=type(error).__name__)
            outcomes.append(error)
    return outcomes


async def _together(database: Database, knowledge: Knowledge, updates: Sequence[DeliveryUpdate], now: datetime) -> list[Outcome]:
    outcomes = [Outcome.IGNORED] * len(updates)
    telling = [(place, update) for place, update in enumerate(updates) if update.status is not None]
    if not telling:
        return outcomes
    room = True
    async with database.transaction() as connection:
        texts, pages, nobodys = await _match(connection, telling, now)
        for place, moved in zip(texts, await settle_communications(connection, list(texts.values()), now), strict=True):
            outcomes[place] = Outcome.APPLIED if moved else Outcome.KEPT
        if nobodys:
            room = await parked.park(connection, list(nobodys.values()))
            for place in nobodys:
                outcomes[place] = Outcome.PARKED if room else Outcome.DROPPED
    if pages:
        # On their own: texts lock patients before items, pages lock items alone.
        async with database.transaction() as connection:
            for place, moved in zip(pages, await settle_pages(connection, knowledge, list(pages.values()), now), strict=True):
                outcomes[place] = Outcome.APPLIED if moved else Outcome.KEPT
    if not room:
        _log.error("statuses_dropped", updates=len(nobodys))
        await _tell(database, now)
    return outcomes


async def _tell(database: Database, now: datetime) -> None:
    """That words were dropped is an item of the organization that was first on this database: they belong to none."""
    async with database.transaction() as connection:
        organization_id = await alarms.oldest_organization(connection)
        changes = Changes(now)
        if organization_id is not None:
            reason = "The provider reports on so many texts that Rounds does not know that some of its words could not be kept."
            await report(connection, changes, [Problem(organization_id, "statuses_dropped", reason, Urgency.SAME_DAY)], repeat=False)
        await changes.write(connection)


async def _match(
    connection: AsyncConnection, telling: Sequence[tuple[int, DeliveryUpdate]], now: datetime
) -> tuple[dict[int, Word], dict[int, Word], dict[int, parked.Parked]]:
    by_attempt = await outcomes.by_attempts(connection, {u.attempt_id for _, u in telling if u.attempt_id is not None})
    unmatched = [(u.provider, u.provider_id) for _, u in telling if u.attempt_id not in by_attempt]
    by_id = await outcomes.by_provider_ids(connection, unmatched, now)
    texts: dict[int, Word] = {}
    pages: dict[int, Word] = {}
    nobodys: dict[int, parked.Parked] = {}
    for place, update in telling:
        if update.status is None:
            continue
        target = by_attempt.get(update.attempt_id) if update.attempt_id is not None else None
        target = target or by_id.get((update.provider, update.provider_id))
        if target is not None and target.page_id is not None:
            pages[place] = _word(update, update.status, target.page_id)
            continue
        if target is not None and target.communication_id is not None:
            texts[place] = _word(update, update.status, target.communication_id)
        else:
            nobodys[place] = parked.Parked(
                update.provider,
                update.provider_id,
                update.provider_status,
                update.status,
                update.error_code,
                update.effect,
                update.retry_after_seconds,
                now,
            )
    return texts, pages, nobodys


def _word(update: DeliveryUpdate, status: Status, id: UUID) -> Word:
    return Word(
        id,
        status,
        "callback",
        attempt_id=update.attempt_id,
        provider=update.provider,
        provider_id=update.provider_id,
        provider_status=update.provider_status,
        error_code=update.error_code,
        effect=update.effect,
        retry_after=None if update.retry_after_seconds is None else timedelta(seconds=update.retry_after_seconds),
    )
