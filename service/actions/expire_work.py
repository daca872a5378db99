"""Ends what is too late to be useful: not sent late, but seen (a check-in that did not go out is no patient's silence)."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.settle_communications import Word, settle_communications
from service.db import due_work, outbox, planning
from service.db.changes import Changes
from service.db.check_in import check_ins
from service.db.database import Database
from service.db.problems import Problem, report
from service.domain.communication import Status
from service.domain.urgency import Urgency


async def expire_work(database: Database, now: datetime, *, limit: int = 500, net: bool = False) -> int:
    """Expires due work with its check-ins, and waiting texts, whose use is over, at most `limit` of each; how many.

    With `net` it also looks for check-ins whose due work failed or was lost (law 2).
    """
    async with database.transaction() as connection:
        works = await due_work.too_late(connection, now, limit)
        await due_work.expire(connection, works)
        late = {work.subject_id: work.organization_id for work in works if work.kind == planning.KIND}
        count = len(works)
        await _expire_check_ins(connection, await planning.still_planned(connection, late), now)
    if net:
        async with database.transaction() as connection:
            forgotten = await planning.forgotten(connection, now, limit)
            await _expire_check_ins(connection, forgotten, now)
            count += len(forgotten)
    async with database.transaction() as connection:
        texts = await outbox.too_late(connection, now, limit)
        words = [Word(id, Status.EXPIRED, "policy", reason="too_late_to_be_useful") for id in texts]
        count += sum(await settle_communications(connection, words, now))
    return count


async def _expire_check_ins(connection: AsyncConnection, ids: dict[UUID, UUID], now: datetime) -> None:
    changes = Changes(now)
    for id in ids:
        changes.update(check_ins, id, status="expired", ended_at=now)
    reason = "Check-ins could not be sent in time and were left out: these patients were not asked."
    problems = [
        Problem(organization_id, "check_ins_expired", reason, Urgency.SAME_DAY, detail={"check_ins": count})
        for organization_id, count in Counter(ids.values()).items()
    ]
    await report(connection, changes, problems)
    await changes.write(connection)
