"""How many items each part of the queue holds, and the mark by which an open page knows that something has changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Uuid, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.escalation import escalations
from service.db.queue import OPEN, Looker, Tab, first_ones, in_tab
from service.db.schema import Instant
from service.db.staff import staff as staff_table
from service.db.staff import staff_teams
from service.domain.staff import Staff
from service.domain.urgency import Urgency

MOST_COUNTED = 100
"""Counts stop here: "99+" says as much as the exact number, and costs no scan of a flood."""
MOST_MEMBERS = 200
WINDOW = timedelta(minutes=5)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Unclaimed items of a member's teams that ask for somebody at once, as the page's title and its sound tell of them."""

    emergencies: int
    urgent: int


async def count_tabs(connection: AsyncConnection, staff: Staff, now: datetime, day_began: datetime) -> tuple[Mapping[Tab, int], Waiting]:
    """How many items each tab holds, each at most 100; and of the unclaimed ones how many are emergencies and urgent. One statement."""
    values = {"organization": staff.organization_id, "staff": staff.id, "now": now, "day_began": day_began}
    teams = {f"team_{n}": team_id for n, team_id in enumerate(staff.team_ids)}
    row = (await connection.execute(_counting(len(teams)), values | teams)).one()
    return dict(zip(Tab, row[:-2], strict=True)), Waiting(*row[-2:])


@cache
def _counting(teams: int) -> Select[Any]:
    """The statement for a member of so many teams: made once, because making it takes longer than the database does."""
    looker = Looker(
        bindparam("organization", type_=Uuid()),
        bindparam("staff", type_=Uuid()),
        [bindparam(f"team_{n}", type_=Uuid()) for n in range(teams)],
        bindparam("now", type_=Instant()),
        bindparam("day_began", type_=Instant()),
    )

    def counted(tab: Tab, *more: Any) -> Any:
        few = first_ones(looker, tab, [*in_tab(tab, looker), *more], MOST_COUNTED).subquery()
        return select(func.count()).select_from(few).scalar_subquery()

    sharp = [counted(Tab.UNCLAIMED, escalations.c.urgency_rank == urgency.rank) for urgency in (Urgency.EMERGENCY, Urgency.URGENT)]
    return select(*(counted(tab) for tab in Tab), *sharp)


async def queue_mark(connection: AsyncConnection, staff: Staff, now: datetime) -> str:
    """A text that changes whenever an item of these teams does: the net below the wake-ups.

    Made of what was touched in the last five to ten minutes, so that it costs the same however many items are open; commits that come
    late, or from a node whose clock is behind, are seen as well. Every five minutes it may change though nothing has.
    """
    edge = now - (now - _EPOCH) % WINDOW - WINDOW
    lately = (escalations.c.organization_id == staff.organization_id) & escalations.c.team_id.in_(staff.team_ids)
    wanted = select(func.count(), func.coalesce(func.sum(escalations.c.version), 0), func.max(escalations.c.touched_at))
    row = (await connection.execute(wanted.where(lately, escalations.c.touched_at >= edge))).one()
    return f"{row[0]}.{row[1]}.{(row[2] - _EPOCH) // timedelta(microseconds=1) if row[2] else 0}"


async def touched_since(connection: AsyncConnection, staff: Staff, since: datetime, limit: int) -> list[tuple[UUID, int]]:
    """(id, version) of the open items of these teams that were touched since then, at most `limit`, the last touched first."""
    lately = (escalations.c.organization_id == staff.organization_id) & escalations.c.team_id.in_(staff.team_ids)
    wanted = (
        select(escalations.c.id, escalations.c.version)
        .where(lately, escalations.c.touched_at >= since, OPEN)
        .order_by(escalations.c.touched_at.desc())
        .limit(limit)
    )
    return [(row.id, row.version) for row in (await connection.execute(wanted)).all()]


async def members(connection: AsyncConnection, staff: Staff) -> list[tuple[UUID, str]]:
    """Who may hold an item of these teams, as (id, name) by name."""
    wanted = (
        select(staff_table.c.id, staff_table.c.name)
        .join(staff_teams, staff_teams.c.staff_id == staff_table.c.id)
        .where(staff_teams.c.team_id.in_(staff.team_ids), staff_table.c.disabled_at.is_(None))
        .distinct()
        .limit(MOST_MEMBERS)
    )
    return sorted(((row.id, row.name) for row in (await connection.execute(wanted)).all()), key=lambda one: one[1].casefold())
