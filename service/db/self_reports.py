"""The weekly self-report: its frozen figures, and the sample of replies without action that nurses read again (safety rule 44)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Date, Index, String, Table, UniqueConstraint, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.communication import communications
from service.db.database import insert_missing
from service.db.organization import teams
from service.db.schema import Instant, Json, id_column, metadata, new_id, organization_column, reference
from service.domain.self_report import Verdict

_UNREAD = text("verdict = ''")

self_reports = Table(
    "self_reports",
    metadata,
    id_column(),
    organization_column(),
    Column("week", Date, nullable=False, doc="its Monday, in the organization's zone"),
    Column("made_at", Instant, nullable=False),
    Column("figures", Json, nullable=False, doc='{"all": domain.self_report.Figures, "<team id>": ...}: never changed afterwards'),
    UniqueConstraint("organization_id", "week"),
)

sampled_replies = Table(
    "sampled_replies",
    metadata,
    id_column(),
    organization_column(),
    reference("team_id", "teams"),
    reference("report_id", "self_reports", index=True),
    reference("patient_id", "patients"),
    reference("communication_id", "communications"),
    Column("verdict", String(12), nullable=False, default="", doc="right | missed; empty while nobody has read it"),
    reference("read_by", "staff", nullable=True),
    Column("read_at", Instant),
    Index("ix_sampled_replies_unread", "team_id", postgresql_where=_UNREAD, sqlite_where=_UNREAD),
)


@dataclass(frozen=True, slots=True)
class SelfReport:
    """A frozen report; `figures` by "all" and by team id."""

    id: UUID
    organization_id: UUID
    week: date
    made_at: datetime
    figures: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sampled:
    """A reply of the sample with its words."""

    id: UUID
    organization_id: UUID
    team_id: UUID
    patient_id: UUID
    communication_id: UUID
    words: str
    written_at: datetime
    verdict: str


async def made(connection: AsyncConnection, week: date, organization_ids: Collection[UUID]) -> set[UUID]:
    """Those of these organizations whose report of this week is there."""
    mine = (self_reports.c.week == week, self_reports.c.organization_id.in_(sorted(organization_ids)))
    return set(await connection.scalars(select(self_reports.c.organization_id).where(*mine)))


async def add(connection: AsyncConnection, organization_id: UUID, week: date, figures: Mapping[str, Any], now: datetime) -> UUID | None:
    """Freezes a week's figures; None when somebody has done so already."""
    id = new_id(now)
    row = {"id": id, "organization_id": organization_id, "week": week, "made_at": now, "figures": dict(figures)}
    statement = insert_missing(self_reports, connection, self_reports.c.organization_id, self_reports.c.week)
    written = await connection.execute(statement.values(row).returning(self_reports.c.id))
    return written.scalar()


async def add_sample(connection: AsyncConnection, report_id: UUID, organization_id: UUID, chosen: Sequence[Any], now: datetime) -> None:
    """The replies that nurses are asked to read: (communication id, patient id, team id) each."""
    rows = [
        {
            "id": new_id(now),
            "organization_id": organization_id,
            "team_id": team_id,
            "report_id": report_id,
            "patient_id": patient_id,
            "communication_id": communication_id,
            "verdict": "",
            "read_by": None,
            "read_at": None,
        }
        for communication_id, patient_id, team_id in chosen
    ]
    if rows:
        await connection.execute(sampled_replies.insert(), rows)


async def lately(connection: AsyncConnection, organization_id: UUID, limit: int) -> list[SelfReport]:
    """The last reports, newest first."""
    mine = select(self_reports).where(self_reports.c.organization_id == organization_id).order_by(self_reports.c.week.desc()).limit(limit)
    return [SelfReport(*row) for row in (await connection.execute(mine)).all()]


async def verdicts(connection: AsyncConnection, report_id: UUID, team_ids: Collection[UUID] | None) -> dict[str, int]:
    """How many replies of the sample were found right, missed, or are not read yet (""); of these teams, of all with None."""
    where = [sampled_replies.c.report_id == report_id]
    if team_ids is not None:
        where.append(sampled_replies.c.team_id.in_(sorted(team_ids)))
    statement = select(sampled_replies.c.verdict, func.count()).where(*where).group_by(sampled_replies.c.verdict)
    return {row[0]: row[1] for row in (await connection.execute(statement)).all()}


_SAMPLED = select(
    sampled_replies.c.id,
    sampled_replies.c.organization_id,
    sampled_replies.c.team_id,
    sampled_replies.c.patient_id,
    sampled_replies.c.communication_id,
    communications.c.body,
    communications.c.created_at,
    sampled_replies.c.verdict,
).join(communications, communications.c.id == sampled_replies.c.communication_id)


async def unread(connection: AsyncConnection, team_ids: Collection[UUID], limit: int) -> list[Sampled]:
    """Replies of these teams' patients that wait to be read, oldest sample first."""
    theirs = (text("sampled_replies.verdict = ''"), sampled_replies.c.team_id.in_(sorted(team_ids)))
    statement = _SAMPLED.where(*theirs).order_by(sampled_replies.c.id).limit(limit)
    return [Sampled(*row) for row in (await connection.execute(statement)).all()]


async def unread_count(connection: AsyncConnection, team_ids: Collection[UUID]) -> int:
    """How many replies of these teams' patients wait to be read."""
    theirs = (text("sampled_replies.verdict = ''"), sampled_replies.c.team_id.in_(sorted(team_ids)))
    return await connection.scalar(select(func.count()).select_from(sampled_replies).where(*theirs)) or 0


async def team_names(connection: AsyncConnection, team_ids: Collection[UUID]) -> dict[UUID, str]:
    """These teams by name."""
    statement = select(teams.c.id, teams.c.name).where(teams.c.id.in_(sorted(team_ids))).order_by(teams.c.name)
    return {row.id: row.name for row in (await connection.execute(statement)).all()}


async def get(connection: AsyncConnection, id: UUID) -> Sampled | None:
    """One reply of the sample."""
    row = (await connection.execute(_SAMPLED.where(sampled_replies.c.id == id))).first()
    return None if row is None else Sampled(*row)


async def lock(connection: AsyncConnection, id: UUID) -> str | None:
    """The verdict on a reply of the sample, locked; "" while nobody has read it."""
    return await connection.scalar(select(sampled_replies.c.verdict).where(sampled_replies.c.id == id).with_for_update(key_share=True))


async def judge(connection: AsyncConnection, id: UUID, verdict: Verdict, staff_id: UUID, now: datetime) -> None:
    """What the nurse who has read it found."""
    mine = (sampled_replies.c.id == id) & (sampled_replies.c.verdict == "")
    await connection.execute(update(sampled_replies).where(mine).values(verdict=verdict, read_by=staff_id, read_at=now))
