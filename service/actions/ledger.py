"""Calls to providers side by side, and what became of each on its way into the database: a slow call holds back nobody's result."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence

from service.actions.settle_communications import Word


class Ledger:
    """`write` is given what has become known since it was last called, and is never called twice at a time."""

    def __init__(self, write: Callable[[Sequence[Word]], Awaitable[object]]) -> None:
        self._write = write
        self._words: list[Word] = []
        self._news = asyncio.Event()
        self._closed = False

    def add(self, word: Word) -> None:
        """Notes what became of one call."""
        self._words.append(word)
        self._news.set()

    async def hold(self, calls: Iterable[Coroutine[None, None, None]]) -> None:
        """Runs these, which add their words, to their end, and writes all of them; also when it is cancelled, as they are then."""
        recorder = asyncio.create_task(self._record())
        tasks = [asyncio.create_task(call) for call in calls]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            # What is known is kept, the rest stays claimed until its lease is over.
            self._closed = True
            self._news.set()
            await asyncio.shield(recorder)

    async def _record(self) -> None:
        while self._words or not self._closed:
            await self._news.wait()
            self._news.clear()
            words, self._words = self._words, []
            await self._write(words)
            if self._closed:
                self._news.set()
