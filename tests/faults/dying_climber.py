"""`python -m tests.faults.dying_climber < plan.json`: processes that climb an item's ladder and are killed on the way.

Each child is forked and does one round of the emergency lane at the time that the plan names: first it frees what dead children held,
then it claims what is due and climbs. It kills itself (SIGKILL) as told: `claimed` (it holds the work and has done nothing), `written`
(the pages are written, nothing is committed), `committed` (all is done), or lives. The parent prints how many died.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.climb_ladder import climb_ladder
from service.actions.do_due_work import do_due_work
from service.actions.knowledge import Knowledge
from service.actions.release_leases import release_leases
from service.db.database import Database
from service.db.due_work import Work
from service.db.tables import metadata
from service.domain.communication import Lane
from tests.actions.house import content
from tests.faults.ledger import let_leases_end
from tests.seed import KEYRING

NOBODY_DIES = "nobody"


class At:
    """A clock that stands."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def climb(database_url: str, knowledge: Knowledge, now: datetime, death: str, node: str) -> None:
    """One child's life."""
    database = Database.open(database_url, KEYRING)
    await let_leases_end(database, now=now)
    await release_leases(database, knowledge, now)

    async def handle(connection: AsyncConnection, works: Sequence[Work], at: datetime) -> Mapping[Work, datetime]:
        if death == "claimed":
            die()
        done = await climb_ladder(connection, knowledge, works, at)
        if death == "written":
            die()
        return done

    await do_due_work(database, {"page_ladder": handle}, Lane.EMERGENCY, At(now), node)
    if death == "committed":
        die()
    await database.close()


def main() -> None:
    """Forks the children one after the other."""
    assert "pages" in metadata.tables  # all tables are known before the first child writes to one
    made = content()
    unread: Any = None
    knowledge = Knowledge(unread, unread, made.wording, "http://localhost:8080", made.follow_through, made.opening, made.law)
    told = json.load(sys.stdin)
    died = 0
    for number, (now, death) in enumerate(told["rounds"]):
        child = os.fork()
        if child == 0:
            asyncio.run(climb(told["database_url"], knowledge, datetime.fromisoformat(now), death, f"child-{number}"))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            died += os.WTERMSIG(status) == signal.SIGKILL
        elif status:
            raise SystemExit(f"child {number} failed by itself")
    print(died)


if __name__ == "__main__":
    main()
