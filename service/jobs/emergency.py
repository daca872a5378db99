"""The emergency lane: its own loop, woken at once, that never waits behind a routine batch (decisions 15)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog

from service.actions.do_due_work import do_due_work
from service.actions.send_communications import send_communications
from service.actions.send_pages import send_pages
from service.domain.communication import Lane
from service.jobs.work import Surroundings, handlers

_log = structlog.get_logger(__name__)

TOPIC = "outbox:emergency"
TICK_SECONDS = 1.0
"""The net below the wake-up: due rows are looked for this often anyway."""
PATIENTS, STAFF = "emergency_lane", "emergency_pages"


async def emergency_lane(around: Surroundings, ran: Callable[[str], None], stopping: asyncio.Event) -> None:
    """Runs until `stopping` is set and the round under way is done. Patients' safety texts and staff's pages go side by side,
    so that neither waits for the other.

    `ran` is told after each round that went through, for the watchdog. Whoever sets `stopping` wakes TOPIC too.
    """
    async with asyncio.TaskGroup() as group:
        group.create_task(_loop(around, PATIENTS, lambda: _texts(around), ran, stopping), name=PATIENTS)
        group.create_task(_loop(around, STAFF, lambda: _pages(around), ran, stopping), name=STAFF)


async def _texts(around: Surroundings) -> int:
    sent = await send_communications(
        around.database,
        around.providers,
        Lane.EMERGENCY,
        around.clock,
        around.node,
        limit=around.texts_per_second,
        concurrency=around.emergency_concurrency,
    )
    return sent.claimed


async def _pages(around: Surroundings) -> int:
    await do_due_work(around.database, handlers(around), Lane.EMERGENCY, around.clock, around.node, limit=100)
    return await send_pages(around.database, around.providers, around.knowledge, around.clock, around.node)


async def _loop(
    around: Surroundings,
    name: str,
    once: Callable[[], Awaitable[int]],
    ran: Callable[[str], None],
    stopping: asyncio.Event,
) -> None:
    with around.database.wakeups.listen(TOPIC) as woken:
        while not stopping.is_set():
            woken.clear()
            more = 0
            try:
                more = await once()
                ran(name)
            except Exception as error:  # whatever it was: this loop must not end, and the next tick tries again
                _log.error("job_failed", job=name, error=type(error).__name__)
            if not more and not stopping.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(woken.wait(), TICK_SECONDS)
