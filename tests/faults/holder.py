"""`python -m tests.faults.holder < settings.json`: claims one due check-in, and waits before it begins it.

It prints "holding", goes on when a line comes in, and prints what became of it: "done" or "refused". The claim, the handler and the end
of the claim are the service's own; only the wait is put in between.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime
from typing import Any

import structlog

from service.actions.do_due_work import do_due_work
from service.actions.start_check_ins import start_check_ins
from service.db.database import Database
from service.domain.communication import Lane
from tests.calls.conftest import known
from tests.story.served import KEYRING


class Waiting:
    """A clock that is looked at for the second time between the claim and the transaction that does the work: there it waits."""

    def __init__(self) -> None:
        self._looks = 0

    def now(self) -> datetime:
        self._looks += 1
        if self._looks == 2:
            print("holding", flush=True)
            sys.stdin.readline()
        return datetime.now(UTC)


async def main(told: dict[str, Any]) -> None:
    """Holds one piece of work."""
    database = Database.open(told["database_url"], KEYRING)
    complaints: list[str] = []

    def note(_logger: object, _name: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
        complaints.append(str(event["event"]))
        raise structlog.DropEvent

    structlog.configure(processors=[note])
    handlers: Any = {"start_check_in": lambda connection, works, now: start_check_ins(connection, known(), works, now)}
    await do_due_work(database, handlers, Lane.ROUTINE, Waiting(), "frozen", limit=1)
    await database.close()
    print("refused" if "lease_lost" in complaints else ", ".join(complaints) or "done", flush=True)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.stdin.readline())))
