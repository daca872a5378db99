"""Looks a week ahead for times at which nobody of a team would be on call: an item for each clinic, and a page while there is time."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import datetime, timedelta
from uuid import UUID

from service.db import alarm_items, items, rota
from service.db.changes import Changes
from service.db.database import Database
from service.db.organization import zones
from service.db.problems import Problem, report
from service.domain.ladder import Crew
from service.domain.rota import WARN_AHEAD, Duty
from service.domain.schedule import plain_time, to_local
from service.domain.urgency import Urgency

RULE = "coverage_gap"
SOON = timedelta(hours=24)
"""A gap that begins within this time is urgent: somebody is paged to fill it."""
MOST_NAMED = 3


async def notice_rota_gaps(database: Database, now: datetime) -> int:
    """Opens one item a clinic while its rotas have gaps within seven days, makes it urgent when one begins within a day, and closes it
    once they are filled; how many gaps there are."""
    async with database.reading() as connection:
        crews = await rota.crews(connection, await rota.team_ids(connection), now)
        local = await zones(connection, {crew.organization_id for crew in crews.values()})
    gaps: dict[UUID, list[tuple[Crew, Duty]]] = defaultdict(list)
    for crew in crews.values():
        gaps[crew.organization_id] += [(crew, gap) for gap in crew.gaps(now, now + WARN_AHEAD)]
        await asyncio.sleep(0)  # a team's week takes milliseconds: emergencies go between two of them
    async with database.transaction() as connection:
        changes = Changes(now)
        problems = [_problem(id, found, local[id], now) for id, found in gaps.items() if found]
        await report(connection, changes, problems, repeat=False)
        filled = {id for id, found in gaps.items() if not found}
        standing = await alarm_items.standing(connection, {RULE}, lock=True)
        for item in standing:
            if item.organization_id in filled:
                alarm_items.close(changes, item)
        await changes.write(connection)
        urgent = {problem.organization_id for problem in problems if problem.urgency is Urgency.URGENT}
        before = {item.id: item.urgency for item in standing}
        paging = Changes(now)
        for item in await alarm_items.standing(connection, {RULE}):
            if item.organization_id in urgent and before.get(item.id) is not Urgency.URGENT:
                items.change_item(paging, item.organization_id, item.id, urgency_rank=Urgency.URGENT.rank)
                items.plan_paging(paging, item.organization_id, item.id, "start", Urgency.URGENT)
        await paging.write(connection)
    return sum(len(found) for found in gaps.values())


def _problem(organization_id: UUID, gaps: list[tuple[Crew, Duty]], zone: str, now: datetime) -> Problem:
    gaps = sorted(gaps, key=lambda one: one[1].start)
    named = "; ".join(
        f"{crew.name}, {gap.role.value.replace('_', ' ')}: {_when(gap.start, zone)} to {_when(gap.end, zone)}"
        for crew, gap in gaps[:MOST_NAMED]
    )
    more = f" and {len(gaps) - MOST_NAMED} more" if len(gaps) > MOST_NAMED else ""
    soon = gaps[0][1].start - now < SOON
    reason = f"The rota has nobody who can be paged for: {named}{more}. Fill it on the rota page."
    return Problem(organization_id, RULE, reason, Urgency.URGENT if soon else Urgency.SAME_DAY, detail={"gaps": len(gaps)})


def _when(instant: datetime, zone: str) -> str:
    local = to_local(instant, zone)
    return f"{local:%a %b %d}, {plain_time(local)}"
