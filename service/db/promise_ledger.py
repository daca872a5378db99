"""The ledger of promises: each sentence that told a patient when a nurse would answer, and what became of it; page by page."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.patient import patients
from service.db.promises import promises
from service.db.schema import first_id
from service.domain.patient import initials
from service.domain.promise import PromiseState
from service.domain.urgency import Urgency, by_rank

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Line:
    """One promise: to whom (initials), by which words, made, due, and how it stands. `renews`: it took another one's place."""

    id: UUID
    item_id: UUID | None
    patient_id: UUID | None
    initials: str
    words: str
    urgency: Urgency
    made_at: datetime
    due_at: datetime
    state: PromiseState
    state_at: datetime
    warned_at: datetime | None
    renews: bool


async def ledger(
    connection: AsyncConnection, team_ids: Collection[UUID], organization_id: UUID, state: PromiseState | None, before: UUID | None
) -> tuple[list[Line], UUID | None]:
    """A page of these teams' promises, the newest first, in one state or (None) in any; and from where the next page goes on.

    Ids are ordered by when a promise was made. Those to invented patients are left out.
    """
    where = [promises.c.organization_id == organization_id, promises.c.team_id.in_(sorted(team_ids)), patients.c.synthetic.is_not(True)]
    if state is not None:
        where.append(promises.c.state == state)
    if before is not None:
        where.append(promises.c.id < before)
    statement = (
        select(promises, patients.c.name)
        .outerjoin(patients, patients.c.id == promises.c.patient_id)
        .where(*where)
        .order_by(promises.c.id.desc())
        .limit(PAGE_SIZE + 1)
    )
    rows = (await connection.execute(statement)).all()
    lines = [
        Line(
            row.id,
            row.escalation_id,
            row.patient_id,
            initials(row.name or ""),
            row.words,
            by_rank(row.urgency_rank),
            row.made_at,
            row.due_at,
            PromiseState(row.state),
            row.state_at,
            row.warned_at,
            row.renews is not None,
        )
        for row in rows[:PAGE_SIZE]
    ]
    return lines, lines[-1].id if len(rows) > PAGE_SIZE else None


async def counts(
    connection: AsyncConnection, team_ids: Collection[UUID], organization_id: UUID, since: datetime
) -> dict[PromiseState, int]:
    """How many promises of these teams were made since then, by state."""
    statement = (
        select(promises.c.state, func.count())
        .outerjoin(patients, patients.c.id == promises.c.patient_id)
        .where(
            promises.c.id >= first_id(since),
            promises.c.organization_id == organization_id,
            promises.c.team_id.in_(sorted(team_ids)),
            patients.c.synthetic.is_not(True),
        )
        .group_by(promises.c.state)
    )
    return {PromiseState(row[0]): row[1] for row in (await connection.execute(statement)).all()}
