"""Texts whose words are to be emptied at the provider: which, when, and what became of it. Our own copy stays."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.communication import communications
from service.db.database import among, skip_locked

_OVER = text(
    "communications.redaction IN ('', 'due') AND communications.status IN ('delivered', 'undelivered', 'failed', 'received') "
    "AND communications.channel = 'sms' AND communications.provider_id IS NOT NULL"
)
"""In the words of the index: texts whose way is over and whose words are still there."""


@dataclass(frozen=True, slots=True)
class Redaction:
    """One text whose words the provider still has. `since` is the end of its way."""

    communication_id: UUID
    organization_id: UUID
    provider: str
    provider_id: str
    since: datetime


async def plan(connection: AsyncConnection, providers: Collection[str], now: datetime, after: timedelta, limit: int) -> int:
    """Gives a due time to texts that have none yet: so long after the end of their way; how many got one."""
    new = (
        select(communications.c.id)
        .where(
            _OVER,
            communications.c.redact_at.is_(None),
            among(connection, communications.c.provider, sorted(providers)),
        )
        .limit(limit)
    )
    ids = list((await connection.scalars(skip_locked(new))).all())
    if ids:
        due = update(communications).where(among(connection, communications.c.id, ids))
        await connection.execute(due.values(redaction="due", redact_at=now + after))
    return len(ids)


async def claim(connection: AsyncConnection, providers: Collection[str], now: datetime, until: datetime, limit: int) -> list[Redaction]:
    """At most `limit` texts whose time has come, the oldest first; nobody else gets them before `until`."""
    columns = (
        communications.c.id,
        communications.c.organization_id,
        communications.c.provider,
        communications.c.provider_id,
        communications.c.status_at,
    )
    waiting = (
        select(*columns)
        .where(_OVER, communications.c.redact_at <= now, among(connection, communications.c.provider, sorted(providers)))
        .order_by(communications.c.redact_at)
        .limit(limit)
    )
    found = [Redaction(*row) for row in (await connection.execute(skip_locked(waiting))).all()]
    if found:
        taken = update(communications).where(among(connection, communications.c.id, [one.communication_id for one in found]))
        await connection.execute(taken.values(redact_at=until))
    return found


async def settle(
    connection: AsyncConnection, done: Sequence[UUID], given_up: Sequence[UUID], later: Sequence[tuple[UUID, datetime]]
) -> None:
    """Keeps what became of each: emptied, given up, or again at that time."""
    for ids, word in ((done, "done"), (given_up, "given_up")):
        if ids:
            await connection.execute(update(communications).where(among(connection, communications.c.id, ids)).values(redaction=word))
    for id, at in later:
        await connection.execute(update(communications).where(communications.c.id == id).values(redact_at=at))
