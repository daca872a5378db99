"""Ends what is too late to be useful: not sent late, but seen (a check-in that did not go out is no patient's silence)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.one_by_one import together_or_one_by_one
from service.actions.settle_communications import Word, settle_communications
from service.db import claims, due_work, planning
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
    async with database.reading() as connection:
        works = [work.id for work in await due_work.too_late(connection, now, limit)]
        forgotten = list(await planning.forgotten(connection, now, limit)) if net else []
        texts = await claims.too_late(connection, now, limit)
    done = 0

    async def works_together(ids: Sequence[UUID]) -> None:
        nonlocal done
        async with database.transaction() as connection:
            ending = await due_work.too_late(connection, now, limit, only=ids)
            await due_work.expire(connection, ending)
            late = [work.subject_id for work in ending if work.kind == planning.KIND]
            await _expire_check_ins(connection, await planning.still_planned(connection, late), now)
        done += len(ending)

    async def forgotten_together(ids: Sequence[UUID]) -> None:
        nonlocal done
        async with database.transaction() as connection:
            ending = await planning.forgotten(connection, now, limit, only=ids)
            await _expire_check_ins(connection, ending, now)
        done += len(ending)

    async def texts_together(ids: Sequence[UUID]) -> None:
        nonlocal done
        words = [Word(id, Status.EXPIRED, "policy", reason="too_late_to_be_useful") for id in ids]
        async with database.transaction() as connection:
            moved = await settle_communications(connection, words, now)
        done += sum(moved)

    # what cannot be ended even alone is overdue, and an alarm of its queue tells of it
    await together_or_one_by_one("late_work", works, works_together)
    await together_or_one_by_one("forgotten_check_ins", forgotten, forgotten_together)
    await together_or_one_by_one("late_texts", texts, texts_together)
    return done


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
