"""Words on texts that no row of ours bears the id of yet: kept for a while, taken up when the provider's answer arrives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.communication import parked_statuses
from service.db.database import insert_missing
from service.db.schema import new_id
from service.domain.communication import Status

MOST_PARKED = 10_000
KEPT_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Parked:
    """A provider's word that waits for its text."""

    provider: str
    provider_id: str
    provider_status: str
    status: Status
    error_code: str
    effect: str
    retry_after_seconds: float | None
    at: datetime


async def park(connection: AsyncConnection, words: Sequence[Parked]) -> bool:
    """Keeps these words; False when too many are kept already and they are dropped (the caller says so loudly)."""
    if not words:
        return True
    if (await connection.scalar(select(func.count()).select_from(parked_statuses)) or 0) + len(words) > MOST_PARKED:
        return False
    table = parked_statuses
    statement = insert_missing(table, connection, table.c.provider, table.c.provider_id, table.c.provider_status)
    rows = [
        {
            "id": new_id(word.at),
            "provider": word.provider,
            "provider_id": word.provider_id[:64],
            "provider_status": word.provider_status[:32],
            "status": word.status,
            "error_code": word.error_code[:32],
            "effect": word.effect[:32],
            "retry_after_seconds": word.retry_after_seconds,
            "at": word.at,
        }
        for word in words
    ]
    await connection.execute(statement, rows)
    return True


async def take(connection: AsyncConnection, keys: Iterable[tuple[str, str]]) -> list[Parked]:
    """The parked words on these (provider, its id), oldest first, and no longer parked."""
    wanted = sorted(set(keys))
    if not wanted:
        return []
    table = parked_statuses
    statement = delete(table).where(tuple_(table.c.provider, table.c.provider_id).in_(wanted)).returning(*table.c)
    rows = sorted((await connection.execute(statement)).all(), key=lambda row: (row.at, row.id))
    return [
        Parked(
            row.provider,
            row.provider_id,
            row.provider_status,
            Status(row.status),
            row.error_code,
            row.effect,
            row.retry_after_seconds,
            row.at,
        )
        for row in rows
    ]


async def forget_old(connection: AsyncConnection, now: datetime) -> int:
    """Drops words that nobody asked for within a day (texts of another system on the same account); how many."""
    statement = delete(parked_statuses).where(parked_statuses.c.at < now - KEPT_FOR).returning(parked_statuses.c.id)
    return len((await connection.execute(statement)).all())
