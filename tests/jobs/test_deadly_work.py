"""Work that its holders die of is given up alone: what was only claimed beside it is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest

from service.actions.do_due_work import do_due_work
from service.actions.release_leases import release_leases
from service.db import due_work as due_works
from service.db.due_work import MAXIMUM_ATTEMPTS, Work, due_work
from service.db.escalation import escalations
from service.domain.communication import Lane
from tests.jobs.world import World


class Death(BaseException):
    """Stands for kill -9: no code of ours gets a chance to handle it."""


@pytest.mark.law(12)
async def test_work_that_kills_its_holders_takes_nothing_else_with_it(world: World) -> None:
    now = world.now
    rows = [due_works.row(world.clinic.organization_id, f"test:{n}", "good", world.clinic.ana.id, now, now) for n in range(20)]
    async with world.database.transaction() as connection:
        await due_works.add(connection, rows)
    deadly = "test:7"
    claimed_together: list[int] = []

    async def handle(_connection: Any, works: Sequence[Work], _now: datetime) -> Mapping[Work, datetime]:
        if any(one.key == deadly for one in works):
            claimed_together.append(len(works))
            raise Death
        return {}

    for _ in range(MAXIMUM_ATTEMPTS + 1):
        try:
            await do_due_work(world.database, {"good": handle}, Lane.ROUTINE, world.clock, "node-1")
        except Death:
            await world.lose_leases(due_work)
            await release_leases(world.database, world.knowledge, world.now)
        world.clock.forward(minutes=5)
    states = {row.key: row.state for row in await world.rows(due_work)}
    assert claimed_together == [20, 20, 1, 1, 1]
    assert states == {row["key"]: "failed" if row["key"] == deadly else "done" for row in rows}
    assert len(await world.rows(escalations)) == 1
