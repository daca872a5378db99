"""Drills: a row each with the time of every station, and how often each team is drilled unannounced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    Time,
    Uuid,
    func,
    literal,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.communication import attempts, communications
from service.db.database import insert_missing
from service.db.escalation import concerns, escalation_events, escalations, pages
from service.db.organization import organizations, sender_numbers, teams
from service.db.schema import Instant, id_column, metadata, new_id, organization_column, reference
from service.domain.communication import Direction, Purpose, Status
from service.domain.drill import Result, Station
from service.domain.escalation import Kind, State
from service.domain.urgency import Urgency

_RUNNING = text("ended_at IS NULL")

drills = Table(
    "drills",
    metadata,
    id_column(),
    organization_column(),
    reference("team_id", "teams"),
    Column("unannounced", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("began_at", Instant),
    Column("ended_at", Instant, doc="empty while it is due or under way"),
    Column("result", String(12), nullable=False, default="", doc="passed | failed"),
    Column("missed", String(16), nullable=False, default="", doc="the station that was not reached in time"),
    reference("patient_id", "patients", nullable=True),
    Column("communication_id", Uuid(), doc="the words of danger, as they came in"),
    reference("escalation_id", "escalations", nullable=True),
    Column("acknowledged_how", String(8), nullable=False, default="", doc="call | text | page"),
    *(Column(f"{station}_at", Instant) for station in Station),
    Index("ix_drills_due", "due_at", postgresql_where=_RUNNING, sqlite_where=_RUNNING),
    Index("ix_drills_team_id_due_at", "team_id", "due_at"),
)

drill_plans = Table(
    "drill_plans",
    metadata,
    id_column(),
    organization_column(),
    Column("team_id", Uuid(), ForeignKey("teams.id"), nullable=False, unique=True),
    Column("every_days", Integer, nullable=False, doc="about: the next one is due at a moment by chance on the day so many days later"),
    Column("starts", Time, nullable=False, doc="wall time in the organization's zone, from which a drill may begin"),
    Column("ends", Time, nullable=False, doc="and until which"),
    Column("created_at", Instant, nullable=False),
    Column("next_due_at", Instant, nullable=False, index=True),
)


@dataclass(frozen=True, slots=True)
class Drill:
    """A drill as it stands; `reached`: when it passed each station that it has passed."""

    id: UUID
    organization_id: UUID
    team_id: UUID
    team: str
    unannounced: bool
    due_at: datetime
    began_at: datetime | None
    ended_at: datetime | None
    result: str
    missed: str
    patient_id: UUID | None
    escalation_id: UUID | None
    acknowledged_how: str
    reached: Mapping[Station, datetime]


@dataclass(frozen=True, slots=True)
class DrillPlan:
    """How often a team is drilled, and when next."""

    id: UUID
    organization_id: UUID
    team_id: UUID
    every_days: int
    starts: time
    ends: time
    next_due_at: datetime
    zone: str


def plan(changes: Any, organization_id: UUID, team_id: UUID, due_at: datetime, *, unannounced: bool) -> UUID:
    """A drill that is due then; its id."""
    id = new_id(changes.now)
    row = {"id": id, "organization_id": organization_id, "team_id": team_id, "unannounced": unannounced, "due_at": due_at}
    changes.insert(drills, {**row, "created_at": changes.now})
    return id


async def get(connection: AsyncConnection, id: UUID) -> Drill | None:
    """One drill."""
    row = (await connection.execute(_WITH_TEAM.where(drills.c.id == id))).first()
    return None if row is None else _drill(row)


async def lately(connection: AsyncConnection, organization_id: UUID, limit: int) -> list[Drill]:
    """The organization's last drills, newest first."""
    statement = (
        _WITH_TEAM.where(drills.c.organization_id == organization_id).order_by(drills.c.due_at.desc(), drills.c.id.desc()).limit(limit)
    )
    return [_drill(row) for row in (await connection.execute(statement)).all()]


async def open_ones(connection: AsyncConnection, now: datetime, limit: int) -> list[Drill]:
    """Drills under way, and those whose time has come, oldest first; locked, those that others hold are passed over."""
    statement = (
        _WITH_TEAM.where(text("drills.ended_at IS NULL"), drills.c.due_at <= now).order_by(drills.c.due_at, drills.c.id).limit(limit)
    )
    rows = (await connection.execute(statement.with_for_update(skip_locked=True, key_share=True, of=drills))).all()
    return [_drill(row) for row in rows]


async def another_runs(connection: AsyncConnection, drill: Drill) -> bool:
    """Whether the organization has a drill under way already: its one invented patient is in one team at a time."""
    other = (drills.c.organization_id == drill.organization_id, drills.c.id != drill.id, drills.c.began_at.is_not(None))
    return bool(await connection.scalar(select(drills.c.id).where(text("drills.ended_at IS NULL"), *other).limit(1)))


async def emergency_waits(connection: AsyncConnection, team_id: UUID, patient_id: UUID | None) -> bool:
    """Whether the team has a real emergency that nobody has taken: people have something better to do than a drill."""
    mine = (escalations.c.team_id == team_id, escalations.c.urgency_rank == Urgency.EMERGENCY.rank, escalations.c.kind == Kind.CLINICAL)
    real = escalations.c.patient_id.is_distinct_from(patient_id)
    return bool(await connection.scalar(select(escalations.c.id).where(*mine, real, escalations.c.state == State.OPEN).limit(1)))


async def our_number(connection: AsyncConnection, organization_id: UUID) -> tuple[str, str] | None:
    """(provider, number) that patients of this organization write to; None when it has none."""
    statement = (
        select(sender_numbers.c.provider, sender_numbers.c.sender)
        .where(sender_numbers.c.organization_id == organization_id, sender_numbers.c.purpose == "patients")
        .order_by(sender_numbers.c.position, sender_numbers.c.id)
        .limit(1)
    )
    row = (await connection.execute(statement)).first()
    return None if row is None else (row.provider, row.sender)


async def change(connection: AsyncConnection, id: UUID, **values: Any) -> None:
    """Columns of one drill; lock it first."""
    await connection.execute(update(drills).where(drills.c.id == id).values(**values))


async def end(connection: AsyncConnection, drill: Drill, result: Result, now: datetime, *, missed: str = "") -> None:
    """How it ended; what it passed has been written before."""
    await change(connection, drill.id, ended_at=now, result=result, missed=missed)


async def passed(connection: AsyncConnection, drill: Drill, answers: str) -> tuple[dict[Station, datetime], UUID | None, str]:
    """The stations whose marks stand where those of every message stand, the item, and how it was acknowledged.

    `answers` begins the names of the rules for answers to the safety text.
    """
    if drill.began_at is None or drill.patient_id is None:
        return {}, None, ""
    since = literal(drill.began_at, Instant())
    mine = (escalations.c.patient_id == drill.patient_id, escalations.c.kind == Kind.CLINICAL, escalations.c.opened_at >= since)
    emergency = select(escalations).where(*mine, escalations.c.urgency_rank == Urgency.EMERGENCY.rank).order_by(escalations.c.opened_at)
    item = (await connection.execute(emergency.limit(1))).first()
    if item is None:
        return {}, None, ""
    found: dict[Station, datetime | None] = {Station.RAISED: item.opened_at}
    safety = (
        communications.c.escalation_id == item.id,
        communications.c.direction == Direction.OUT,
        communications.c.purpose == Purpose.SAFETY,
    )
    handed = select(func.min(attempts.c.ended_at)).join(communications, communications.c.id == attempts.c.communication_id)
    found[Station.ANSWERED] = await connection.scalar(handed.where(*safety, _handed(communications)))
    arrived = select(func.min(communications.c.status_at)).where(*safety, communications.c.status == Status.DELIVERED)
    found[Station.HEARD] = await connection.scalar(arrived)
    paged = select(func.min(attempts.c.ended_at)).join(pages, pages.c.id == attempts.c.page_id)
    found[Station.PAGED] = await connection.scalar(paged.where(pages.c.escalation_id == item.id, _handed(pages)))
    noted = select(escalation_events.c.at, escalation_events.c.detail).where(
        escalation_events.c.escalation_id == item.id, escalation_events.c.what.in_(["acknowledged", "claimed"])
    )
    first = (await connection.execute(noted.order_by(escalation_events.c.at).limit(1))).first()
    if first is not None:
        found[Station.ACKNOWLEDGED] = first.at
    told = select(func.min(concerns.c.raised_at)).where(
        concerns.c.escalation_id == item.id, concerns.c.rule.startswith(answers, autoescape=True)
    )
    found[Station.FOLLOWED] = await connection.scalar(told)
    how = str(first.detail.get("by", "page")) if first is not None else ""
    return {station: at for station, at in found.items() if at is not None}, item.id, how


def _handed(table: Table) -> ColumnElement[bool]:
    """Whether an attempt's text or page is with the provider: by its answer, or, where that was lost, by its later words."""
    doubted = attempts.c.outcome.in_(["unknown", "found"]) & table.c.status.in_([Status.ACCEPTED, Status.SENT, Status.DELIVERED])
    return or_(attempts.c.outcome == "accepted", doubted)


async def plans_due(connection: AsyncConnection, now: datetime, limit: int) -> list[DrillPlan]:
    """Plans whose next drill is due, locked; those that others hold are passed over."""
    statement = _PLANS.where(drill_plans.c.next_due_at <= now).order_by(drill_plans.c.next_due_at).limit(limit)
    return [
        DrillPlan(*row)
        for row in (await connection.execute(statement.with_for_update(skip_locked=True, key_share=True, of=drill_plans))).all()
    ]


async def set_plan(
    connection: AsyncConnection,
    organization_id: UUID,
    team_id: UUID,
    every_days: int,
    starts: time,
    ends: time,
    next_due_at: datetime,
    now: datetime,
) -> None:
    """The team's plan from now on."""
    values = {"every_days": every_days, "starts": starts, "ends": ends, "next_due_at": next_due_at}
    row = {"id": new_id(now), "organization_id": organization_id, "team_id": team_id, "created_at": now, **values}
    await connection.execute(insert_missing(drill_plans, connection, drill_plans.c.team_id), [row])
    await connection.execute(update(drill_plans).where(drill_plans.c.team_id == team_id).values(**values))


async def stop_plan(connection: AsyncConnection, team_id: UUID) -> None:
    """The team is drilled only when somebody asks for it."""
    await connection.execute(drill_plans.delete().where(drill_plans.c.team_id == team_id))


async def next_at(connection: AsyncConnection, plan_id: UUID, due_at: datetime) -> None:
    """When the plan's next drill is due."""
    await connection.execute(update(drill_plans).where(drill_plans.c.id == plan_id).values(next_due_at=due_at))


_WITH_TEAM = select(drills, teams.c.name.label("team")).join(teams, teams.c.id == drills.c.team_id)
_PLANS = select(
    drill_plans.c.id,
    drill_plans.c.organization_id,
    drill_plans.c.team_id,
    drill_plans.c.every_days,
    drill_plans.c.starts,
    drill_plans.c.ends,
    drill_plans.c.next_due_at,
    organizations.c.zone,
).join(organizations, organizations.c.id == drill_plans.c.organization_id)


def _drill(row: Row[Any]) -> Drill:
    return Drill(
        row.id,
        row.organization_id,
        row.team_id,
        row.team,
        bool(row.unannounced),
        row.due_at,
        row.began_at,
        row.ended_at,
        row.result,
        row.missed,
        row.patient_id,
        row.escalation_id,
        row.acknowledged_how,
        {station: getattr(row, f"{station}_at") for station in Station if getattr(row, f"{station}_at") is not None},
    )
