"""A node of the service for the bench of the queue, in a process of its own: serves the pages, and lets a new item arrive when told to."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from uuid import UUID

from aiohttp import web
from sqlalchemy import update

from service.clock import SystemClock
from service.db.database import Database, notify
from service.db.escalation import escalations
from service.domain.urgency import Urgency
from tests.seed import KEYRING, Person, seed_item
from tests.web.conftest import make_app


async def arrive(database: Database, person: Person) -> dict[str, object]:
    """A new item of this person, told as the service tells of one: its id, and the moment after its commit on the machine's own watch."""
    async with database.transaction() as connection:  # there is one open item a patient
        await connection.execute(update(escalations).values(state="resolved", resolved_at=escalations.c.opened_at))
    item_id = await seed_item(database, person, datetime.now(UTC), urgency=Urgency.URGENT)
    at = time.monotonic()
    async with database.transaction() as connection:
        await notify(connection, f"queue:{person.organization_id}")
    return {"id": str(item_id), "at": at}


def told_of(person: Person) -> dict[str, str]:
    """What a node must know of a person, as JSON takes it."""
    return {name: str(value) for name, value in asdict(person).items()}


def person_of(told: dict[str, str]) -> Person:
    """The person that `told_of` wrote."""
    ids = {name: UUID(told[name]) for name in ("id", "organization_id", "team_id", "phone_id")}
    return Person(**ids, name=told["name"], number=told["number"], language=told["language"])


async def main() -> None:
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    told = json.loads(await lines.readline())
    database = Database.open(told["database_url"], KEYRING)
    runner = web.AppRunner(make_app(database, SystemClock()), access_log=None)
    async with database.listening():
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
        print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
        while line := await lines.readline():
            print(json.dumps(await arrive(database, person_of(json.loads(line)))), flush=True)
        await runner.cleanup()
    await database.close()


if __name__ == "__main__":
    asyncio.run(main())
