"""A clock for the synthetic patient's walk, which would take minutes by a clock on the wall."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta

TIMES = 15
"""So much faster than a clock on the wall: a walk takes a quarter of a minute. The jobs tick as always."""
TURN_SECONDS = 0.05


class QuickClock:
    """Stands at `begins` until it runs. It goes on by the event loop's own turns: while a busy machine keeps the service from
    working, no time passes for it either."""

    def __init__(self, begins: datetime) -> None:
        self._now = begins

    def now(self) -> datetime:
        return self._now

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(TURN_SECONDS)
            self._now += timedelta(seconds=TURN_SECONDS * TIMES)
