"""What is on its way out: claimed continuously into free places, so that a slow call holds back only itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog

_log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 0.2
"""What is not urgent waits so long for a quarter of its places to be free, and is claimed together."""
FULL_SECONDS = 1.0


Began = Callable[[int, int], object]
"""Told once a round's claims are committed: how many will be handed over, and how many more were refused for good."""
Done = Callable[[], object]
"""Told of each hand-over that is over."""
Send = Callable[[int, Began, Done], Awaitable[object]]
"""One round of a sending action: claims at most so many, hands them over, and returns when all of that is over."""


class Outflow:
    """As many places as hand-overs may be under way at once, and the action that fills them."""

    def __init__(self, send: Send, places: int, *, patient: bool = False) -> None:
        self._send, self._places, self._patient = send, places, patient
        self._taken = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._freed = asyncio.Event()

    async def round(self) -> int:
        """Claims into the free places and begins to hand over; how many were claimed or refused. Does not wait for their end."""
        if self._patient:
            await self._free(max(1, self._places // 4), PATIENCE_SECONDS)
        await self._free(1, FULL_SECONDS)
        free = self._places - self._taken
        if free <= 0:
            return 0
        begun: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._one_round(free, begun))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await begun

    async def drain(self) -> None:
        """Waits for every call under way; when it is cancelled they are, and what they knew is recorded first."""
        try:
            while self._tasks:
                await asyncio.wait(self._tasks)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _one_round(self, free: int, begun: asyncio.Future[int]) -> None:
        held = 0

        def began(claimed: int, refused: int) -> None:
            nonlocal held
            held = claimed
            self._taken += claimed
            if not begun.done():
                begun.set_result(claimed + refused)

        def done() -> None:
            nonlocal held
            if held:
                held -= 1
                self._give_back(1)

        try:
            await self._send(free, began, done)
        except Exception as error:
            if begun.done():
                _log.error("outflow_failed", error=type(error).__name__)
            else:
                begun.set_exception(error)
        finally:
            self._give_back(held)
            if not begun.done():
                begun.set_result(0)

    async def _free(self, wanted: int, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._places - self._taken < wanted:
                    self._freed.clear()
                    await self._freed.wait()

    def _give_back(self, places: int) -> None:
        self._taken -= places
        self._freed.set()
