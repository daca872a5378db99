"""Compares this node's clock with the database's and with what it noticed, and notes for all to see when it is wrong."""

from __future__ import annotations

import structlog

from service.clock import Clock
from service.db import health
from service.db.database import Database, clock_of
from service.domain.clock_signs import ClockSigns

_log = structlog.get_logger(__name__)

DATABASE = "database"


async def judge_clock(database: Database, clock: Clock, signs: ClockSigns, node: str) -> tuple[str, ...]:
    """One round: the marks (`health.MARKS`) that this node has now; the alarms of the same names read them.

    A node with a wrong clock reads the alarms with that clock too: the marks are kept and dropped by the database's.
    """
    async with database.reading() as connection:
        asked_at = clock.now()
        told = await clock_of(connection)
        now = clock.now()
    if told is not None:
        signs.compare(DATABASE, told, asked_at + (now - asked_at) / 2)
    apart = signs.apart(now)
    wrong = {health.CLOCK_WRONG: apart is not None, health.WEBHOOKS_REFUSED: signs.refuses(now)}
    async with database.transaction() as connection:
        await health.mark(connection, node, wrong, now)
    if apart is not None:
        _log.error("clock_wrong", seconds=int(apart.total_seconds()))
    return tuple(name for name, on in wrong.items() if on)
