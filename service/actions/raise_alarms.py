"""Looks at every queue, opens an item for each that waits for too long, and closes it when that is over (law 2, law 11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from service.actions.shift_senders import GIVEN_UP
from service.db import alarm_items, alarms, health, items
from service.db.alarm_items import StandingItem
from service.db.alarms import ALARMS, Reading
from service.db.changes import Changes
from service.db.database import Database
from service.db.problems import Problem, report
from service.domain.urgency import Urgency

_log = structlog.get_logger(__name__)

JOB_SILENT = "job_silent"
STORM = frozenset({"texts_routine_late", "texts_unknown_long"})
"""What the outage of a provider brings with it: told by its one item, as long as that stands."""
STANDS_FOR = timedelta(minutes=5)
"""An item stands for so long at least: a queue that comes and goes around its limit opens one item and not many."""
_SILENT = "A part of the service has stopped working on every node."


async def raise_alarms(database: Database, limits: Mapping[str, timedelta], now: datetime) -> tuple[str, ...]:
    """One round: the names of the alarms that are on. `limits`: after how long without a finished round a job is silent.

    One item an alarm and organization; an emergency among them pages at once. What belongs to no organization is told to the one
    that was first on this database.
    """
    async with database.reading() as connection:
        readings = await alarms.read(connection, now)
        silent = await health.silent_jobs(connection, limits, now)
        known = await alarms.oldest_organization(connection)
        open_items = await alarm_items.standing(connection, _RULES)
        in_storm = {item.organization_id for item in await alarm_items.standing(connection, [GIVEN_UP])}
    wanted = {(problem.rule, problem.organization_id): problem for problem in _problems(readings, silent, known)}
    wanted = {place: problem for place, problem in wanted.items() if place[0] not in STORM or place[1] not in in_storm}
    on = tuple(dict.fromkeys(rule for rule, _ in wanted))
    over = [item for item in open_items if (item.rule, item.organization_id) not in wanted and item.opened_at <= now - STANDS_FOR]
    new = [problem for place, problem in wanted.items() if place not in {(item.rule, item.organization_id) for item in open_items}]
    if new or over:
        await _write(database, new, over, now)
    for name in on:
        _log.error("alarm", problem=name)
    return on


_RULES = frozenset({JOB_SILENT, *(alarm.name for alarm in ALARMS)})


def _problems(readings: Sequence[Reading], silent: Sequence[str], known: UUID | None) -> list[Problem]:
    found = []
    for reading in readings:
        organization_id = reading.organization_id or known
        if reading.on and organization_id is not None:
            alarm = reading.alarm
            detail = {"waiting": reading.many, "seconds": int(reading.age.total_seconds())}
            found.append(Problem(organization_id, alarm.name, alarm.meaning, alarm.urgency, detail=detail))
    if silent and known is not None:
        found.append(Problem(known, JOB_SILENT, _SILENT, Urgency.URGENT, detail={"jobs": " ".join(silent)[:200]}))
    return found


async def _write(database: Database, new: Sequence[Problem], over: Sequence[StandingItem], now: datetime) -> None:
    async with database.transaction() as connection:
        changes = Changes(now)
        await report(connection, changes, new, repeat=False)
        ending = {item.id for item in over}
        for item in await alarm_items.standing(connection, {item.rule for item in over}, lock=True) if over else []:
            if item.id in ending:
                alarm_items.close(changes, item)
        await changes.write(connection)
        loud = {problem.rule for problem in new if problem.urgency is Urgency.EMERGENCY}
        paging = Changes(now)
        for item in await alarm_items.standing(connection, loud) if loud else []:
            items.plan_paging(paging, item.organization_id, item.id, "start", item.urgency)
        await paging.write(connection)
