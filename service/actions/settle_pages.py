"""Writes what became of pages to staff; a page that fails is seen on its item and the next person is paged at once.

A step inside others' transactions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.knowledge import Knowledge
from service.actions.page_again import Why, asking, page_again
from service.actions.settle_communications import Word, overtaken
from service.db import due_work, items, outcomes, pages
from service.db.changes import Changes
from service.db.escalation import pages as table
from service.db.pages import KnownPage, Standing
from service.domain.communication import Lane, Status, transition
from service.domain.ladder import PageChannel
from service.domain.urgency import Urgency

_NOT_ARRIVED = frozenset({Status.FAILED, Status.UNDELIVERED})
PASSED_ON = "declined"
"""The code of a page that its receiver has passed on to the next person."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=7), timedelta(minutes=4)
"""Own choices: a carrier that answers nothing sensible is asked again within seconds, and not for ever."""
NOT_THEIRS = frozenset({"no_telephone", "no_sender_number"})
"""Codes that say nothing about the person: the service itself has no way to call, or to send."""


async def settle_pages(connection: AsyncConnection, knowledge: Knowledge, words: Sequence[Word], now: datetime) -> list[bool]:
    """Applies each word, forward only; `Word.communication_id` is the page's id. True for those that changed something."""
    if not words:
        return []
    known = await pages.lock(connection, [word.communication_id for word in words])
    waiting = await overtaken(connection, words)
    changes = Changes(now)
    applied: list[bool] = []
    failed: list[tuple[KnownPage, str]] = []
    doubted: list[KnownPage] = []
    ends: list[dict[str, Any]] = []
    for word in [*words, *waiting]:
        before = known.get(word.communication_id)
        fenced = before is not None and word.source == "sender" and word.attempt_id not in (None, before.attempt_id)  # claimed anew since
        moves = before is not None and not fenced and transition(before.status, word.status)
        applied.append(moves)
        if word.outcome and word.attempt_id is not None:
            ends.append(
                {
                    "id": word.attempt_id,
                    "outcome": word.outcome,
                    "provider_id": word.provider_id or None,
                    "error_code": word.error_code[:32],
                }
            )
        if before is None or not moves:
            continue
        values: dict[str, Any] = {"status": word.status, "status_at": now, "claimed_by": None, "lease_until": None}
        if word.provider_id:
            values |= {"provider": word.provider, "provider_id": word.provider_id}
        if word.error_code:
            values["error_code"] = word.error_code[:32]
        if word.due_at is not None:
            values["due_at"] = word.due_at
        changes.update(table, before.id, **values)
        known[before.id] = replace(before, status=word.status)
        if word.status is Status.DELIVERED:
            items.add_event(changes, before.organization_id, before.escalation_id, "page_delivered", {"step": before.step})
        if word.status is Status.UNKNOWN or word.status in _NOT_ARRIVED:
            detail: dict[str, object] = {"step": before.step, "status": word.status, "code": word.error_code}
            items.add_event(changes, before.organization_id, before.escalation_id, "page_failed", detail)
            changes.wake(f"queue:{before.organization_id}")
        if word.status in _NOT_ARRIVED:
            failed.append((before, word.error_code))
        elif word.status is Status.UNKNOWN:
            doubted.append(before)
    await outcomes.end_attempts(connection, ends, now)
    await changes.write(connection)
    if failed or doubted:
        more = Changes(now)
        standing = await pages.standings(connection, [page.escalation_id for page in (*(page for page, _ in failed), *doubted)])
        unsure = {
            page.escalation_id for page in doubted if page.escalation_id in standing and _nobody_surely(standing[page.escalation_id], page)
        }
        await due_work.add(connection, [_again_soon(standing[id], now) for id in sorted(unsure)])
        passed = {
            page.escalation_id
            for page, code in failed
            if page.escalation_id in standing and _next(standing[page.escalation_id], page, code)
        }
        await page_again(connection, more, knowledge, asking(passed))
        await more.write(connection)
    return applied[: len(words)]


def _nobody_surely(standing: Standing, page: KnownPage) -> bool:
    """Whether it is certain of no page of the last rung that it has left: nobody may know of the item."""
    return _of_last_rung(standing, page) and all(other.status in _NOT_ARRIVED or other.status is Status.UNKNOWN for other in standing.last)


def _of_last_rung(standing: Standing, page: KnownPage) -> bool:
    """A page without a rung (about a promise) moves no ladder, also not one that has paged nobody yet."""
    return page.rung == standing.rung and page.rung != pages.NO_RUNG


def _again_soon(standing: Standing, now: datetime) -> dict[str, Any]:
    """The same people once more, by new pages: to be paged twice harms nobody. The pauses double, up to the ladder's own minutes."""
    pause = min(FIRST_PAUSE * 2 ** min(len(standing.last) // 2, 5), LONGEST_PAUSE)
    return due_work.row(
        standing.organization_id,
        f"page:{standing.escalation_id}:unsure:{standing.step}",
        "page_ladder",
        standing.escalation_id,
        now + pause,
        now,
        lane=Lane.EMERGENCY if standing.urgency.rank <= Urgency.URGENT.rank else Lane.ROUTINE,
        payload={"why": Why.AGAIN},
    )


def _next(standing: Standing, page: KnownPage, code: str) -> bool:
    """Whether the next rung is paged at once, since this page has not arrived.

    Not when a later rung has been paged already, and not while the same rung's other channel or person may still be reached: but who
    does not answer a call, or passes it on, is not waited for. Once round the ladder its minutes hold, so that wrong numbers do not
    page without end.
    """
    if not _of_last_rung(standing, page):
        return False
    if code == PASSED_ON:
        return True
    if not standing.first_round:
        return False
    if page.channel is PageChannel.CALL and code not in NOT_THEIRS:
        return True
    return all(other.status in _NOT_ARRIVED for other in standing.last if other.created_at >= page.created_at)
