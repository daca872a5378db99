"""`python -m tests.faults.dying_sender TIMES < settings.json`: processes that die between the carrier's yes and our commit.

Each child is forked, claims one text, hands it over by the real twilio library, and sends itself SIGKILL as soon as the carrier has
accepted it. The parent prints how many died so.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from service.actions.send_communications import send_communications
from service.clock import SystemClock
from service.content import load_contact_law
from service.db.database import Database
from service.db.tables import metadata
from service.domain.communication import Lane
from service.telephony.port import Accepted, OutgoingText, RemoteText
from service.telephony.twilio import TwilioProvider
from tests.story.served import KEYRING

RATE = 1_000.0
"""Segments a second: more than the children need."""


class LastWords:
    """The real provider; whoever it answers does not live to hear it."""

    def __init__(self, provider: TwilioProvider) -> None:
        self._provider = provider
        self.name, self.account, self.list_is_sure = provider.name, provider.account, provider.list_is_sure

    async def send_text(self, text: OutgoingText) -> Accepted:
        await self._provider.send_text(text)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("still alive")

    async def list_texts(self, *, to: str | None, since: datetime, limit: int = 200) -> Sequence[RemoteText]:
        return await self._provider.list_texts(to=to, since=since, limit=limit)

    async def fetch_text(self, provider_id: str) -> RemoteText | None:
        return await self._provider.fetch_text(provider_id)

    async def close(self) -> None:
        await self._provider.close()


async def send_one(database_url: str, twilio: dict[str, Any], node: str) -> None:
    """Claims one due text and hands it over; does not return when there was one."""
    provider = LastWords(TwilioProvider(**twilio))
    database = Database.open(database_url, KEYRING)
    await send_communications(
        database, {provider.name: provider}, Lane.ROUTINE, SystemClock(), node, load_contact_law(), limit=1, default_rate=RATE
    )


def main() -> None:
    """Forks the children one after the other."""
    assert "communications" in metadata.tables  # all tables are known before the first child writes to one
    told = json.load(sys.stdin)
    died = 0
    for number in range(int(sys.argv[1])):
        child = os.fork()
        if child == 0:
            asyncio.run(send_one(told["database_url"], told["twilio"], f"child-{number}"))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        died += os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    print(died)


if __name__ == "__main__":
    main()
