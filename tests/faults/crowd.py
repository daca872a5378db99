"""Patients at their phones: they answer what they are asked, in their own words, and write without being asked."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tests.stand_in_twilio import StandIn

CHEST_PAIN = "I have chest pain"
SKIPPED = "I skipped my water pill and my ankles are huge"
RED_FLAGS = (CHEST_PAIN, SKIPPED)
SCRIPTS = (
    ("182", "NO", "YES"),
    ("190", "no new swelling", "yes took it"),
    (SKIPPED, "1", "NO"),
    ("176", CHEST_PAIN, "2"),
    ("what is this", "181", "NO", "YES"),
)
UNASKED = (CHEST_PAIN, SKIPPED, "thank you", "call me please", "HELP")
STRANGERS = tuple(f"+197055501{n:02d}" for n in range(100)) + tuple(f"+197155501{n:02d}" for n in range(100))
"""Many, because an item lists 40 concerns and no more."""
OVERRIDES = "#rc=5&rp=all"
"""As the runbook registers the webhook: five retries, on any failure."""
RETRY_PAUSE_SECONDS = 1.5


class Crowd:
    """The patients behind these numbers. Each answers the first question and all that follows from a script of their own."""

    def __init__(self, twilio: StandIn, numbers: Sequence[str], chance: random.Random, *, unasked_every: float = 0.3) -> None:
        self._twilio = twilio
        self._numbers = list(numbers)
        self._chance = chance
        self._every = unasked_every
        self._scripts = {number: deque(SCRIPTS[place % len(SCRIPTS)]) for place, number in enumerate(numbers)}
        self._asked: dict[str, bool] = defaultdict(bool)
        self._read = 0
        self._talking: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def awake(self) -> AsyncIterator[None]:
        """While the block runs they write; afterwards what is on its way arrives, or is given up by the carrier."""
        tasks = [asyncio.create_task(self._answer()), asyncio.create_task(self._speak_up())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.gather(*self._talking)

    def say(self, number: str, words: str, after: float = 0.0) -> None:
        """Sends a text, delivered with the carrier's retries."""

        async def send() -> None:
            await asyncio.sleep(after)
            await self._twilio.inbound(number, words)

        task = asyncio.create_task(send())
        self._talking.add(task)
        task.add_done_callback(self._talking.discard)

    def anybody(self) -> str:
        """One of the patients."""
        return self._chance.choice(self._numbers)

    async def _answer(self) -> None:
        while True:
            texts = self._twilio.store.accepted
            for text in texts[self._read :]:
                script = self._scripts.get(text.to)
                if script is None:
                    continue
                self._asked[text.to] |= "weight" in text.body
                if script and self._asked[text.to]:
                    self.say(text.to, script.popleft(), after=self._chance.uniform(0.0, 0.5))
            self._read = len(texts)
            await asyncio.sleep(0.05)

    async def _speak_up(self) -> None:
        while True:
            await asyncio.sleep(self._chance.uniform(0, 2 * self._every))
            number = self._chance.choice(STRANGERS) if self._chance.random() < 0.1 else self.anybody()
            self.say(number, self._chance.choice(UNASKED))
