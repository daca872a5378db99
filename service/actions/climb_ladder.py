"""The next page of an emergency that nobody has acknowledged in five minutes. A step in `do_due_work`'s transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.knowledge import Knowledge
from service.actions.page_again import page_again
from service.db.changes import Changes
from service.db.due_work import Work


async def climb_ladder(connection: AsyncConnection, knowledge: Knowledge, works: Sequence[Work], now: datetime) -> Mapping[Work, datetime]:
    """Pages again where it is still needed; a step that somebody has paged meanwhile is not paged twice."""
    steps: dict[object, int] = {}
    for work in works:
        steps[work.subject_id] = max(int(work.payload.get("step", 0)), steps.get(work.subject_id, 0))
    changes = Changes(now)
    ids = sorted({work.subject_id for work in works})
    await page_again(connection, changes, knowledge, ids, unless_at={id: steps[id] for id in ids})
    await changes.write(connection)
    return {}
