"""Frees what its holder no longer works on: items of nurses who are gone, due work and sends of processes that died."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from service.actions.do_due_work import failed_work
from service.actions.knowledge import Knowledge
from service.actions.page_again import page_again
from service.actions.settle_communications import Word, settle_communications
from service.actions.settle_pages import settle_pages
from service.db import due_work, leases, outbox, pages
from service.db.changes import Changes
from service.db.database import Database
from service.db.escalation import escalations
from service.db.problems import report
from service.domain.communication import Status
from service.domain.coverage import EMERGENCY_TARGET
from service.domain.escalation import State
from service.domain.urgency import Urgency

SEEN_FOR = EMERGENCY_TARGET
"""To acknowledge is not to claim (decisions 16): an emergency that was seen and that nobody has taken by then is paged again."""


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
    pool, and an emergency pages again; so does one that was acknowledged a quarter of an hour ago and not claimed.
    """
    async with database.transaction() as connection:
        lost = await outbox.lost_claims(connection, now, limit)
        await settle_communications(
            connection,
            [Word(id, Status.UNKNOWN, "sender", attempt_id=attempt, outcome="unknown", error_code="lost") for id, attempt in lost],
            now,
        )
    async with database.transaction() as connection:
        lost_pages = await pages.lost_claims(connection, now, limit)
        await settle_pages(
            connection,
            knowledge,
            [Word(id, Status.UNKNOWN, "sender", attempt_id=attempt, outcome="unknown", error_code="lost") for id, attempt in lost_pages],
            now,
        )
    async with database.transaction() as connection:
        changes = Changes(now)
        works = await due_work.leases_over(connection, now, limit)
        dead = [work for work in works if work.attempts >= due_work.MAXIMUM_ATTEMPTS]
        await due_work.settle(connection, dead, "failed", failure="holder_lost")
        await due_work.settle(connection, [work for work in works if work not in dead], "due", failure="holder_lost")
        await report(connection, changes, [failed_work(work, "holder_lost") for work in dead])
        await changes.write(connection)
    items = await _release_items(database, knowledge, now, limit)
    return Released(items, len(works), len(lost), len(lost_pages))


async def _release_items(database: Database, knowledge: Knowledge, now: datetime, limit: int) -> int:
    async with database.transaction() as connection:
        changes = Changes(now)
        lapsed = await leases.lapsed_claims(connection, now, limit)
        for item in lapsed:
            values = {"state": State.OPEN, "claimed_by": None, "claimed_at": None, "claimed_until": None}
            if item.urgency is Urgency.EMERGENCY:
                # Whoever had seen it is not working on it: it counts as unseen, and paging begins again.
                values |= {"acknowledged_at": None, "acknowledged_by": None}
            changes.update(escalations, item.id, **values)
            detail: dict[str, object] = {"claimed_by": str(item.claimed_by)}
            pages.item_event(changes, item.organization_id, item.id, "lease_expired", detail)
            changes.wake(f"queue:{item.organization_id}")
        idle = await leases.seen_and_not_taken(connection, now - SEEN_FOR, limit)
        for item in idle:
            changes.update(escalations, item.id, acknowledged_at=None, acknowledged_by=None)
            pages.item_event(changes, item.organization_id, item.id, "not_taken", {"seen_by": str(item.claimed_by)})
            changes.wake(f"queue:{item.organization_id}")
        await changes.write(connection)
        again = Changes(now)
        await page_again(connection, again, knowledge, [item.id for item in [*lapsed, *idle] if item.urgency is Urgency.EMERGENCY])
        await again.write(connection)
    return len(lapsed) + len(idle)
