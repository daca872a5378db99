"""Frees what its holder no longer works on: items of nurses who are gone, due work and sends of processes that died."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.actions.do_due_work import failed_work
from service.actions.knowledge import Knowledge
from service.actions.one_by_one import together_or_one_by_one
from service.actions.page_again import asking, page_again
from service.actions.settle_communications import Word, settle_communications
from service.actions.settle_pages import settle_pages
from service.db import due_work, items, leases, presence
from service.db.changes import Changes
from service.db.communication import communications
from service.db.database import Database
from service.db.escalation import escalations, pages
from service.db.items import WOKEN
from service.db.leases import Lapsed
from service.db.problems import report
from service.domain.communication import Status
from service.domain.coverage import EMERGENCY_TARGET, URGENT_TARGET
from service.domain.urgency import Urgency

SEEN_FOR = {Urgency.EMERGENCY: EMERGENCY_TARGET, Urgency.URGENT: URGENT_TARGET / 2}
"""To acknowledge is not to claim (decisions 16): an item that was seen and that nobody has taken by then goes on up its ladder."""


@dataclass(frozen=True, slots=True)
class Released:
    """What one sweep freed."""

    items: int = 0
    works: int = 0
    texts: int = 0
    pages: int = 0


async def release_leases(database: Database, knowledge: Knowledge, now: datetime, *, limit: int = 500) -> Released:
    """One sweep over leases that are over, at most `limit` of each kind.

    A send whose process died becomes `unknown`: the provider may have the text, so that it is looked up and never sent
    again blindly (law 3). Due work runs again: its effect and its end are one commit. A nurse's item goes back to the
    pool and on up its ladder, and an emergency or urgent one pages the next person at once; so does one that was acknowledged for as long
    as `SEEN_FOR` and not claimed.
    What was put off until now is open again, as if nobody had seen it.
    """
    async with database.reading() as connection:
        lost = dict(await leases.lost_claims(connection, communications, now, limit))
        lost_pages = dict(await leases.lost_claims(connection, pages, now, limit))

    async def texts_together(ids: Sequence[UUID]) -> None:
        async with database.transaction() as connection:
            await settle_communications(connection, [_lost(id, lost[id]) for id in ids], now)

    async def pages_together(ids: Sequence[UUID]) -> None:
        async with database.transaction() as connection:
            await settle_pages(connection, knowledge, [_lost(id, lost_pages[id]) for id in ids], now)

    # what cannot be settled even alone stays claimed, work too: an alarm of its queue tells of it
    await together_or_one_by_one("lost_texts", list(lost), texts_together)
    await together_or_one_by_one("lost_pages", list(lost_pages), pages_together)
    try:
        items = await _release_items(database, knowledge, now, limit)
    finally:
        works = await _release_work(database, now, limit)
    return Released(items, works, len(lost), len(lost_pages))


async def _release_work(database: Database, now: datetime, limit: int) -> int:
    """How much work was found."""
    async with database.reading() as connection:
        found = await due_work.leases_over(connection, now, limit)

    async def together(ids: Sequence[UUID]) -> None:
        async with database.transaction() as connection:
            changes = Changes(now)
            works = await due_work.lock_over(connection, now, ids)
            dead = [work for work in works if work.attempts >= due_work.MAXIMUM_ATTEMPTS]
            await due_work.settle(connection, dead, "failed", failure="holder_lost")
            await due_work.settle(connection, [work for work in works if work not in dead], "due", failure="holder_lost")
            await report(connection, changes, [failed_work(work, "holder_lost") for work in dead])
            await changes.write(connection)

    await together_or_one_by_one("lost_work", found, together)
    return len(found)


def _lost(id: UUID, attempt_id: UUID) -> Word:
    return Word(id, Status.UNKNOWN, "sender", attempt_id=attempt_id, outcome="unknown", error_code="lost")


async def _release_items(database: Database, knowledge: Knowledge, now: datetime, limit: int) -> int:
    """How many items were found. One for which nobody can be paged is free all the same: the watchdog's net pages for it."""
    seen_before = {urgency: now - after for urgency, after in SEEN_FOR.items()}
    async with database.reading() as connection:
        found = await leases.given_up_items(connection, now, seen_before, limit)

    async def together(ids: Sequence[UUID], *, page: bool = True) -> None:
        async with database.transaction() as connection:
            changes = Changes(now)
            pressing = _free(changes, await leases.lapsed_claims(connection, now, ids))
            pressing += _unseen(changes, await leases.seen_and_not_taken(connection, seen_before, ids))
            pressing += _woken(changes, await leases.slept_enough(connection, now, ids))
            await changes.write(connection)
            again = Changes(now)
            if page:
                await page_again(connection, again, knowledge, asking(pressing))
            await again.write(connection)

    async def set_aside(id: UUID, _failure: str) -> None:
        await together([id], page=False)

    await together_or_one_by_one("lapsed_claims", found, together, set_aside)
    async with database.transaction() as connection:
        await presence.forget_gone(connection, now)
    return len(found)


def _free(changes: Changes, lapsed: Sequence[Lapsed]) -> list[UUID]:
    """Gives the items back to the pool, as if nobody had seen them; those with a ladder, which goes on."""
    for item in lapsed:
        changes.update(escalations, item.id, **WOKEN, claimed_at=None, claimed_until=None)
        items.add_event(changes, item.organization_id, item.id, "lease_expired", {"claimed_by": str(item.claimed_by)})
        changes.wake(f"queue:{item.organization_id}")
    return [item.id for item in lapsed if item.urgency is not Urgency.ROUTINE]


def _unseen(changes: Changes, idle: Sequence[Lapsed]) -> list[UUID]:
    for item in idle:
        changes.update(escalations, item.id, acknowledged_at=None, acknowledged_by=None)
        items.add_event(changes, item.organization_id, item.id, "not_taken", {"seen_by": str(item.claimed_by)})
        changes.wake(f"queue:{item.organization_id}")
    return [item.id for item in idle]


def _woken(changes: Changes, slept: Sequence[Lapsed]) -> list[UUID]:
    for item in slept:
        changes.update(escalations, item.id, **WOKEN)
        items.add_event(changes, item.organization_id, item.id, "woken", {"put_off_by": str(item.claimed_by)})
        changes.wake(f"queue:{item.organization_id}")
    return [item.id for item in slept]
