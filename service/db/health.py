"""Whether the service does its work: heartbeats of its jobs, and overdue work found by query (law 11)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.communication import communications
from service.db.database import insert_missing
from service.db.due_work import due_work, heartbeats
from service.db.escalation import pages
from service.db.unknown import count_unknown
from service.domain.communication import Lane

LATE = {Lane.EMERGENCY: timedelta(seconds=30), Lane.ROUTINE: timedelta(minutes=10)}
"""Texts, pages and work still waiting so long after their time are overdue (a routine batch may take its turn)."""


@dataclass(frozen=True, slots=True)
class Health:
    """What is wrong, in codes for /healthz and for alerts; nothing wrong is healthy."""

    problems: tuple[str, ...]
    overdue: Mapping[str, int] = field(default_factory=dict)
    unknown_texts: int = 0

    @property
    def ok(self) -> bool:
        """True when nothing is wrong. Unknown texts are listed, but do not make a node unhealthy."""
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


async def last_run(connection: AsyncConnection, name: str) -> datetime | None:
    """When this job last ran to its end on any node, None when it never has."""
    at: datetime | None = (
        await connection.execute(select(func.max(heartbeats.c.at)).where(heartbeats.c.name == name))
    ).scalar_one_or_none()
    return at


async def forget_nodes(connection: AsyncConnection, before: datetime) -> None:
    """Drops the heartbeats of nodes that are long gone."""
    await connection.execute(heartbeats.delete().where(heartbeats.c.at < before))


async def health(
    connection: AsyncConnection,
    now: datetime,
    limits: Mapping[str, timedelta],
    node: str | None = None,
    runs: Mapping[str, datetime] | None = None,
) -> Health:
    """Judges each job by its newest heartbeat (of this node, or of any) against its limit, and counts what is overdue.

    `runs` are rounds that the asking process knows of and has not written yet.
    """
    newest = select(heartbeats.c.name, func.max(heartbeats.c.at).label("at")).group_by(heartbeats.c.name)
    if node is not None:
        newest = newest.where(heartbeats.c.node == node)
    seen = {row.name: row.at for row in (await connection.execute(newest)).all()}
    for name, at in (runs or {}).items():
        seen[name] = max(at, seen.get(name, at))
    problems = [f"job_silent:{name}" for name, limit in limits.items() if name not in seen or now - seen[name] > limit]
    overdue = {}
    for lane, late in LATE.items():
        waiting = (
            text("communications.status IN ('due', 'held')"),
            communications.c.lane == lane,
            communications.c.due_at < now - late,
        )
        overdue[f"texts:{lane}"] = int(await connection.scalar(select(func.count()).select_from(communications).where(*waiting)) or 0)
        works = (text("due_work.state = 'due'"), due_work.c.lane == lane, due_work.c.due_at < now - late)
        overdue[f"work:{lane}"] = int(await connection.scalar(select(func.count()).select_from(due_work).where(*works)) or 0)
    paging = (text("pages.status = 'due'"), pages.c.due_at < now - LATE[Lane.EMERGENCY])
    overdue["pages"] = int(await connection.scalar(select(func.count()).select_from(pages).where(*paging)) or 0)
    problems += [f"overdue:{what}" for what, count in overdue.items() if count]
    return Health(tuple(problems), overdue, await count_unknown(connection))
