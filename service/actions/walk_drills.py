"""Drills: an invented patient writes words of danger to the real webhook, and the people who are on call now are paged for them.

Everything between is the service's own way: reading, triage, item, safety text, ladder, acknowledgement, and what the patient answers.
Each drill is a row with a due time; every round looks how far it has come. Software closes the item at the end, since nobody is ill.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from service.clock import Clock
from service.db import drill_patient, drills
from service.db.changes import Changes
from service.db.database import Database
from service.db.drills import Drill
from service.db.problems import Problem, report
from service.db.synthetic_patient import close_items
from service.domain.drill import Result, Station, missed, next_moment
from service.domain.urgency import Urgency
from service.engine.follow_through import STEP
from service.telephony.port import ProviderError

_log = structlog.get_logger(__name__)

Says = Callable[[str, str, str], Awaitable[str]]
"""(provider, our number, words) of the invented patient's telephone; raises what providers raise."""
WORDS = "I have chest pain and can't breathe"
"""Words that no reading may miss."""
ANSWER = "1"
"""To the safety text: 911 is called."""
AT_ONCE = 20
SAY_AGAIN = timedelta(seconds=8)
PUT_OFF = timedelta(minutes=30)
"""A team with a real emergency is not drilled; it is looked at again after this."""
RULE = "drill_failed"


@dataclass(frozen=True, slots=True)
class _Saying:
    drill: Drill
    words: str
    provider: str
    to: str


async def walk_drills(database: Database, says: Says, clock: Clock) -> int:
    """One round over what is due and under way; how many drills were looked at. Words are put in with no transaction open."""
    now = clock.now()
    saying: list[_Saying] = []
    async with database.transaction() as connection:
        changes = Changes(now)
        for plan in await drills.plans_due(connection, now, AT_ONCE):
            drills.plan(changes, plan.organization_id, plan.team_id, now, unannounced=True)
            due_at = next_moment(now, plan.zone, plan.every_days, plan.starts, plan.ends, random.random())
            await drills.next_at(connection, plan.id, due_at)
        await changes.write(connection)
    async with database.transaction() as connection:
        looked_at = await drills.open_ones(connection, now, AT_ONCE)
        for drill in looked_at:
            one = await (_begin if drill.began_at is None else _look)(connection, drill, now)
            if one is not None:
                saying.append(one)
    for one in saying:
        await _say(database, says, one, clock)
    return len(looked_at)


async def _begin(connection: AsyncConnection, drill: Drill, now: datetime) -> _Saying | None:
    """Begins it unless people have something better to do; its words are to be put in."""
    if await drills.another_runs(connection, drill) or await drills.emergency_waits(connection, drill.team_id, None):
        await drills.change(connection, drill.id, due_at=now + PUT_OFF)
        return None
    number = await drills.our_number(connection, drill.organization_id)
    if number is None:
        await _fail(connection, replace(drill, began_at=now), Station.SAID, now)
        return None
    changes = Changes(now)
    patient_id = await drill_patient.into_team(connection, changes, drill.organization_id, drill.team_id)
    await changes.write(connection)
    await _close(connection, patient_id, now)
    await drills.change(connection, drill.id, began_at=now, patient_id=patient_id)
    return _Saying(replace(drill, began_at=now, patient_id=patient_id), WORDS, *number)


async def _look(connection: AsyncConnection, drill: Drill, now: datetime) -> _Saying | None:
    """Writes what it has passed, and ends it when it has passed all or missed something.

    What the invented patient says is said again while nothing of it has come in: a process that died with it on its lips loses no drill,
    and words that are said twice join the same item.
    """
    marks, item_id, how = await drills.passed(connection, drill, f"{STEP}.")
    reached = {**marks, **drill.reached}
    if Station.RAISED in reached:
        reached.setdefault(Station.SAID, reached[Station.RAISED])
    values = {f"{station}_at": at for station, at in reached.items() if station not in drill.reached}
    words = ""
    if Station.SAID not in reached and now - (drill.began_at or now) > SAY_AGAIN:
        words = WORDS
    elif Station.HEARD in reached and Station.FOLLOWED not in reached:
        words = ANSWER
    if values or (item_id is not None and drill.escalation_id is None) or how != drill.acknowledged_how:
        await drills.change(connection, drill.id, escalation_id=item_id, acknowledged_how=how, **values)
    late = missed(reached, drill.began_at or now, now)
    if late is not None:
        await _fail(connection, drill, late, now)
        return None
    if len(reached) == len(Station):
        await drills.end(connection, drill, Result.PASSED, now)
        await _close(connection, drill.patient_id, now)
        return None
    number = await drills.our_number(connection, drill.organization_id) if words else None
    return _Saying(drill, words, *number) if number is not None else None


async def _fail(connection: AsyncConnection, drill: Drill, station: Station, now: datetime) -> None:
    await drills.end(connection, drill, Result.FAILED, now, missed=station)
    await _close(connection, drill.patient_id, now)
    reason = f'A drill of team "{drill.team}" failed: {_WORDS[station]} in time. Run `rounds drill list` and find out why.'
    detail = {"drill": str(drill.id), "missed": station.value}
    changes = Changes(now)
    await report(connection, changes, [Problem(drill.organization_id, RULE, reason, Urgency.URGENT, detail=detail)])
    await changes.write(connection)
    _log.error("drill_failed", missed=station.value)


_WORDS = {
    Station.SAID: "words of danger could not be put in",
    Station.RAISED: "words of danger opened no item",
    Station.ANSWERED: "no safety text was handed out",
    Station.HEARD: "no safety text reached the patient",
    Station.PAGED: "nobody was paged",
    Station.ACKNOWLEDGED: "nobody acknowledged the page",
    Station.FOLLOWED: "the patient's answer was not taken in",
}


async def _close(connection: AsyncConnection, patient_id: UUID | None, now: datetime) -> None:
    """No drill leaves an open item."""
    if patient_id is None:
        return
    changes = Changes(now)
    await close_items(connection, changes, patient_id)
    await changes.write(connection)


async def _say(database: Database, says: Says, one: _Saying, clock: Clock) -> None:
    """Puts the words in; what fails is seen by its not coming in."""
    try:
        await says(one.provider, one.to, one.words)
    except ProviderError as error:
        _log.warning("drill_words_not_taken", code=error.code)
        return
    if one.words == WORDS:
        async with database.transaction() as connection:
            await drills.change(connection, one.drill.id, said_at=clock.now())
