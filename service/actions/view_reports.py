"""The weekly self-reports that a supervisor may read, and the sample's next reply for a nurse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.actions.refusal import NotFound
from service.db import audit, self_reports
from service.db.database import Database
from service.db.self_reports import Sampled, SelfReport
from service.domain.staff import Permission, Staff

MOST_WEEKS = 60


@dataclass(frozen=True, slots=True)
class Reports:
    """`chosen` is the report that is looked at (None: there is none yet), of a team or (None) of the whole organization."""

    weeks: Sequence[SelfReport]
    chosen: SelfReport | None
    teams: Mapping[UUID, str]
    team_id: UUID | None
    verdicts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Sample:
    """The reply to read next (None: all are read), without its patient's name: the words alone are judged. `left`: how many wait."""

    reply: Sampled | None
    left: int


async def view_reports(database: Database, staff: Staff, team_id: UUID | None, week: str) -> Reports:
    """The newest report, or that of this week (ISO date of its Monday). Raises NotFound for another's team and a week without one."""
    if not staff.may(Permission.SUPERVISE) or (team_id is not None and team_id not in staff.team_ids):
        raise NotFound
    async with database.reading() as connection:
        names = await self_reports.team_names(connection, staff.team_ids)
        weeks = await self_reports.lately(connection, staff.organization_id, MOST_WEEKS)
        chosen = next((one for one in weeks if not week or one.week.isoformat() == week), None)
        if week and chosen is None:
            raise NotFound
        only = [team_id] if team_id is not None else None
        verdicts = await self_reports.verdicts(connection, chosen.id, only) if chosen is not None else {}
    return Reports(weeks, chosen, names, team_id, verdicts)


async def view_sample(database: Database, staff: Staff, now: datetime) -> Sample:
    """The next reply of the viewer's teams that nobody has read again, audited as a read of its patient's record."""
    if not staff.may(Permission.ASSESS):
        raise NotFound
    async with database.transaction() as connection:
        waiting = await self_reports.unread(connection, staff.team_ids, 1)
        left = await self_reports.unread_count(connection, staff.team_ids)
        for one in waiting:
            await audit.leave(
                connection,
                staff.organization_id,
                now,
                "patient_viewed",
                staff_id=staff.id,
                patient_id=one.patient_id,
                object_kind="sampled_reply",
                object_id=one.id,
            )
    return Sample(waiting[0] if waiting else None, left)
