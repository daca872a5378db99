"""Does what is due: claims work of a lane, hands it to the handler of its kind, and ends the claim in the same commit.

A batch that fails is retried one by one; what fails alone is put back, and after five attempts it is set aside as failed
and becomes a work item (laws 2 and 12). A holder that lost its lease cannot commit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from service.clock import Clock
from service.db import due_work
from service.db.changes import Changes
from service.db.database import Database
from service.db.due_work import LostLease, Work
from service.db.failures import is_outage
from service.db.problems import Problem, report
from service.domain.communication import Lane
from service.domain.urgency import Urgency

_log = structlog.get_logger(__name__)

Handler = Callable[[AsyncConnection, Sequence[Work], datetime], Awaitable[Mapping[Work, datetime]]]
"""Does a list of work in the caller's transaction; answers which of it is to be due again, and when (nothing: all is done)."""

RETRY_AFTER = timedelta(seconds=15)
"""Times the number of attempts."""


class UnknownKind(LookupError):
    """No handler knows this kind of work."""


async def do_due_work(database: Database, handlers: Mapping[str, Handler], lane: Lane, clock: Clock, node: str, *, limit: int = 500) -> int:
    """Claims at most `limit` pieces of work and does them; how many were claimed. An outage of the database raises."""
    now = clock.now()
    async with database.transaction() as connection:
        works = await due_work.claim(connection, lane, now, node, limit)
    by_kind: dict[str, list[Work]] = defaultdict(list)
    for work in works:
        by_kind[work.kind].append(work)
    for kind, same in by_kind.items():
        await _do(database, handlers.get(kind), same, clock)
    return len(works) + await _do_suspects(database, handlers, lane, clock, node, limit)


async def _do_suspects(database: Database, handlers: Mapping[str, Handler], lane: Lane, clock: Clock, node: str, limit: int) -> int:
    """Work whose holders have died or failed before, one claim each: a piece that kills its holder is given up alone (law 12)."""
    for done in range(limit):
        async with database.transaction() as connection:
            works = await due_work.claim(connection, lane, clock.now(), node, 1, suspects=True)
        if not works:
            return done
        await _do(database, handlers.get(works[0].kind), works, clock)
    return limit


async def _do(database: Database, handler: Handler | None, works: Sequence[Work], clock: Clock) -> None:
    try:
        await _commit(database, handler, works, clock.now())
        return
    except LostLease:
        _log.warning("lease_lost", kind=works[0].kind, works=len(works))
    except Exception as error:
        if is_outage(error):
            raise
        _log.error("due_work_failed", kind=works[0].kind, works=len(works), error=type(error).__name__)
        if len(works) == 1:
            await _set_aside(database, works[0], type(error).__name__, clock.now())
            return
    if len(works) > 1:
        for work in works:
            await _do(database, handler, [work], clock)


async def _commit(database: Database, handler: Handler | None, works: Sequence[Work], now: datetime) -> None:
    if handler is None:
        raise UnknownKind(works[0].kind)
    async with database.transaction() as connection:
        again = await handler(connection, works, now)
        for due_at in sorted(set(again.values())):
            later = [work for work in works if again.get(work) == due_at]
            await due_work.settle(connection, later, "due", due_at=due_at)
        await due_work.settle(connection, [work for work in works if work not in again], "done")


async def _set_aside(database: Database, work: Work, failure: str, now: datetime) -> None:
    """Puts failed work back for a while, or for good with a work item when it has failed too often or nobody knows its kind."""
    try:
        async with database.transaction() as connection:
            if work.attempts < due_work.MAXIMUM_ATTEMPTS and failure != UnknownKind.__name__:
                await due_work.settle(connection, [work], "due", failure=failure, due_at=now + RETRY_AFTER * work.attempts)
                return
            await due_work.settle(connection, [work], "failed", failure=failure)
            changes = Changes(now)
            await report(connection, changes, [failed_work(work, failure)])
            await changes.write(connection)
    except LostLease:
        _log.warning("lease_lost", kind=work.kind, works=1)


def failed_work(work: Work, failure: str) -> Problem:
    """The work item for due work that is given up."""
    urgent = work.lane == Lane.EMERGENCY
    reason = f"Something that was due could not be done ({work.kind.replace('_', ' ')}): look at it by hand."
    detail = {"key": work.key, "kind": work.kind, "failure": failure}
    return Problem(work.organization_id, "work_failed", reason, Urgency.URGENT if urgent else Urgency.SAME_DAY, detail=detail)
