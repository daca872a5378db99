"""Whether the service does its work: heartbeats of its jobs, and the queues' age alarms (law 11)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db import alarms
from service.db.alarms import Reading
from service.db.database import database_now, insert_missing, lease_end
from service.db.due_work import heartbeats
from service.domain.urgency import Urgency


@dataclass(frozen=True, slots=True)
class Health:
    """How a node does, in names for /healthz and for alerts. Every name has its page in deploy/runbook/."""

    problems: tuple[str, ...]
    """What makes it unhealthy: jobs of this node that are silent, and alarms that are an emergency."""
    alarms: tuple[str, ...] = ()
    """Every alarm that is on."""
    queues: tuple[Reading, ...] = ()
    silences: Mapping[str, timedelta | None] = field(default_factory=dict)
    """For how long each job has not run to its end; None: never."""

    @property
    def ok(self) -> bool:
        """True when nothing is wrong with the service. Work that waits for people is an alarm, but no reason to restart a node."""
        return not self.problems


async def beat(connection: AsyncConnection, node: str, runs: Mapping[str, datetime]) -> None:
    """Writes when each job of this node last ran to its end."""
    if not runs:
        return
    rows = [{"name": name, "node": node, "at": at} for name, at in runs.items()]
    statement = insert_missing(heartbeats, connection, heartbeats.c.name, heartbeats.c.node)
    await connection.execute(statement, rows)
    for name, at in runs.items():
        mine = (heartbeats.c.name == name) & (heartbeats.c.node == node)
        await connection.execute(heartbeats.update().where(mine).values(at=at))


CLOCK_WRONG, WEBHOOKS_REFUSED = "clock_wrong", "webhooks_refused"
MARKS = (CLOCK_WRONG, WEBHOOKS_REFUSED)
"""What a node says of itself, kept among the heartbeats while it is so; each is an alarm."""
MARKED_FOR = timedelta(minutes=5)
"""A mark that its node does not renew (it has gone) is dropped after this, by the database's clock."""


async def mark(connection: AsyncConnection, node: str, marks: Mapping[str, bool], now: datetime) -> None:
    """Sets or takes away this node's marks, and drops those that other nodes no longer renew."""
    clock = database_now(connection, now)
    mine = (heartbeats.c.node == node) & heartbeats.c.name.in_([name for name, on in marks.items() if not on])
    gone = heartbeats.c.name.in_(MARKS) & (heartbeats.c.at < lease_end(connection, now, -MARKED_FOR))
    await connection.execute(heartbeats.delete().where(mine | gone))
    for name in (name for name, on in marks.items() if on):
        row = {"name": name, "node": node, "at": clock}
        await connection.execute(insert_missing(heartbeats, connection, heartbeats.c.name, heartbeats.c.node).values(row))
        await connection.execute(heartbeats.update().where(heartbeats.c.name == name, heartbeats.c.node == node).values(at=clock))


async def last_run(connection: AsyncConnection, name: str) -> datetime | None:
    """When this job last ran to its end on any node, None when it never has."""
    at: datetime | None = (
        await connection.execute(select(func.max(heartbeats.c.at)).where(heartbeats.c.name == name))
    ).scalar_one_or_none()
    return at


async def forget_nodes(connection: AsyncConnection, before: datetime) -> None:
    """Drops the heartbeats of nodes that are long gone."""
    await connection.execute(heartbeats.delete().where(heartbeats.c.at < before))


async def newest_beats(connection: AsyncConnection, node: str | None = None) -> dict[str, datetime]:
    """When each job last ran to its end, on this node or on any."""
    newest = select(heartbeats.c.name, func.max(heartbeats.c.at).label("at")).group_by(heartbeats.c.name)
    if node is not None:
        newest = newest.where(heartbeats.c.node == node)
    return {row.name: row.at for row in (await connection.execute(newest)).all()}


async def silent_jobs(connection: AsyncConnection, limits: Mapping[str, timedelta], now: datetime) -> list[str]:
    """The jobs that no node has run to their end within their limits. One that never ran at all is not among them: nothing runs yet."""
    seen = await newest_beats(connection)
    return sorted(name for name, limit in limits.items() if name in seen and now - seen[name] > limit)


async def health(
    connection: AsyncConnection,
    now: datetime,
    limits: Mapping[str, timedelta],
    node: str | None = None,
    runs: Mapping[str, datetime] | None = None,
) -> Health:
    """Judges each job by its newest heartbeat (of this node, or of any) against its limit, and each queue by its age alarm.

    `runs` are rounds that the asking process knows of and has not written yet.
    """
    seen = await newest_beats(connection, node)
    for name, at in (runs or {}).items():
        seen[name] = max(at, seen.get(name, at))
    silences = {name: now - seen[name] if name in seen else None for name in limits}
    silent = [f"job_silent:{name}" for name, silence in silences.items() if silence is None or silence > limits[name]]
    queues = tuple(await alarms.read(connection, now))
    on = [reading.alarm for reading in queues if reading.on]
    grave = [alarm.name for alarm in on if alarm.urgency is Urgency.EMERGENCY]
    return Health(_once([*silent, *grave]), _once([alarm.name for alarm in on]), queues, silences)


def _once(names: Iterable[str]) -> tuple[str, ...]:
    """Each name once, in order."""
    return tuple(dict.fromkeys(names))


async def answers(connection: AsyncConnection) -> None:
    """Asks the database for nothing; raises when it does not answer."""
    await connection.execute(select(1))
