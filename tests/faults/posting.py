"""A provider that does not give up: signed webhooks to any of several nodes, again and again until one answers with success."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import aiohttp

from service.telephony.twilio.signature import sign
from tests.stand_in_twilio import Options
from tests.story.served import Served

AT_ONCE = 16
"""Webhooks under way at the same time."""
PAUSE_SECONDS = 0.2
"""Before a webhook that was not taken is tried again."""
ANSWER_SECONDS = 15.0
"""As long as a provider waits."""


def inbound_form(options: Options, sender: str, body: str, sid: str) -> dict[str, str]:
    """The form of one text that came in."""
    return {
        "MessageSid": sid,
        "SmsSid": sid,
        "SmsMessageSid": sid,
        "AccountSid": options.account_sid,
        "ApiVersion": "2010-04-01",
        "From": sender,
        "To": options.numbers[0],
        "Body": body,
        "NumMedia": "0",
        "NumSegments": "1",
        "SmsStatus": "received",
    }


def status_form(options: Options, to: str, sid: str, status: str) -> dict[str, str]:
    """The form of one word on a text that went out."""
    return {
        "MessageSid": sid,
        "SmsSid": sid,
        "AccountSid": options.account_sid,
        "ApiVersion": "2010-04-01",
        "From": options.numbers[0],
        "To": to,
        "MessageStatus": status,
        "SmsStatus": status,
    }


def status_path(attempt_id: UUID) -> str:
    """Where words on this attempt go."""
    return f"/webhooks/twilio/status/{attempt_id}"


class Poster:
    """Carries webhooks; `answers` counts what came back, "none" where nobody was there."""

    def __init__(self, nodes: Sequence[Served], options: Options, chance: random.Random) -> None:
        self._nodes = nodes
        self._options = options
        self._chance = chance
        self._session: aiohttp.ClientSession | None = None
        self.answers: Counter[str] = Counter()
        self.taken = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Poster]:
        """While the block runs it can carry."""
        connector = aiohttp.TCPConnector(limit=2 * AT_ONCE)
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS)) as self._session:
            yield self

    async def carry(self, webhooks: Iterable[tuple[str, Mapping[str, str]]], seen: Callable[[int], None] | None = None) -> None:
        """Delivers all (path, form) in this order, some at a time; `seen` is told how many were taken so far."""
        waiting = iter(webhooks)

        async def one_after_the_other() -> None:
            for path, form in waiting:
                await self._until_taken(path, form)
                self.taken += 1
                if seen is not None:
                    seen(self.taken)

        await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))

    async def _until_taken(self, path: str, form: Mapping[str, str]) -> None:
        while True:
            node = self._chance.choice(self._nodes)
            status = await self._once(node.base + path, form)
            self.answers[str(status or "none")] += 1
            if status is not None and 200 <= status < 300:
                return
            await asyncio.sleep(PAUSE_SECONDS)

    async def _once(self, url: str, form: Mapping[str, str]) -> int | None:
        assert self._session is not None
        headers = {"X-Twilio-Signature": sign(self._options.auth_token, url, tuple(form.items()))}
        try:
            async with self._session.post(url, data=dict(form), headers=headers) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None
