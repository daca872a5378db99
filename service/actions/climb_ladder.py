"""Pages what the ladders ask for now: the first rung of a new item, the next of one that nobody has acknowledged.

A step in `do_due_work`'s transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.knowledge import Knowledge
from service.actions.page_again import Ask, Why, page_again
from service.db.changes import Changes
from service.db.due_work import Work

_STRONGER = (Why.AGAIN, Why.RUNG, Why.NEXT, Why.START)
"""Of several that are due together the last of these says most."""


async def climb_ladder(connection: AsyncConnection, knowledge: Knowledge, works: Sequence[Work], now: datetime) -> Mapping[Work, datetime]:
    """Pages where it is still needed, each item once; a rung that somebody has paged meanwhile is not paged twice."""
    asked: dict[UUID, Ask] = {}
    for work in works:
        why, known = Why(work.payload["why"]), asked.get(work.subject_id)
        ask = Ask(why, int(work.payload.get("rung", 0)), words=why is Why.AGAIN)
        strongest = ask if known is None else max(known, ask, key=lambda one: (_STRONGER.index(one.why), one.rung))
        asked[work.subject_id] = replace(strongest, words=ask.words or (known is not None and known.words))
    changes = Changes(now)
    await page_again(connection, changes, knowledge, asked)
    await changes.write(connection)
    return {}
