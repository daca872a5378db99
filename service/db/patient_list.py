"""The list of the patients of a member's teams, those put on record last first, in pages that a key continues."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.check_in import enrollments
from service.db.escalation import escalations
from service.db.organization import teams
from service.db.patient import patients
from service.db.patient_search import holding
from service.domain.escalation import Kind, State
from service.domain.staff import Staff

PAGE = 50


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which patients: "" and None are: all of them."""

    programme: str = ""
    status: str = ""
    team_id: UUID | None = None
    who: tuple[bytes, ...] | None = None
    """Only those who have all these tokens of the search (`patient_search`); nobody has none."""
    before: UUID | None = None
    """The last one of the page before."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of the list."""

    patients: tuple[Row[Any], ...]
    """id, name, birth_date, language, zone, status, last_inbound_at, team."""
    programmes: Mapping[UUID, tuple[str, ...]]
    """Those that run, by patient."""
    open_items: Mapping[UUID, Row[Any]]
    """The open clinical item (id, urgency_rank, due_at), by patient."""
    older: UUID | None
    """The key of the next page, None on the last."""


async def load(connection: AsyncConnection, staff: Staff, wanted: Wanted) -> Listed:
    """A page of 50; three statements."""
    c = patients.c
    statement: Select[Any] = (
        select(c.id, c.name, c.birth_date, c.record_number, c.language, c.zone, c.status, c.last_inbound_at, teams.c.name.label("team"))
        .join(teams, teams.c.id == c.team_id)
        .where(
            c.organization_id == staff.organization_id, c.team_id.in_(staff.team_ids), c.merged_into_id.is_(None), c.synthetic.is_(False)
        )
    )
    if wanted.programme:
        runs = select(enrollments.c.id).where(
            enrollments.c.patient_id == c.id, enrollments.c.status == "active", enrollments.c.programme == wanted.programme
        )
        statement = statement.where(runs.exists())
    if wanted.status:
        statement = statement.where(c.status == wanted.status)
    if wanted.team_id is not None:
        statement = statement.where(c.team_id == wanted.team_id)
    if wanted.who is not None:
        statement = statement.where(c.id.in_(holding(staff.organization_id, wanted.who)) if wanted.who else literal(False))
    if wanted.before is not None:
        statement = statement.where(c.id < wanted.before)
    rows = list((await connection.execute(statement.order_by(c.id.desc()).limit(PAGE + 1))).all())
    shown = rows[:PAGE]
    more = len(rows) > PAGE
    ids = [row.id for row in shown]
    return Listed(tuple(shown), await _programmes(connection, ids), await _items(connection, ids), shown[-1].id if more else None)


async def programmes_of_teams(connection: AsyncConnection, staff: Staff) -> list[str]:
    """The programmes in which somebody of these teams is now, in order; at most 100."""
    statement = (
        select(enrollments.c.programme)
        .join(patients, patients.c.id == enrollments.c.patient_id)
        .where(
            patients.c.organization_id == staff.organization_id, patients.c.team_id.in_(staff.team_ids), enrollments.c.status == "active"
        )
        .distinct()
        .order_by(enrollments.c.programme)
        .limit(100)
    )
    return list((await connection.scalars(statement)).all())


async def teams_of(connection: AsyncConnection, organization_id: UUID) -> list[tuple[UUID, str]]:
    """The teams of an organization by name, without the one of the synthetic patient."""
    statement = select(teams.c.id, teams.c.name).where(teams.c.organization_id == organization_id, teams.c.synthetic.is_(False))
    return [(row.id, row.name) for row in (await connection.execute(statement.order_by(teams.c.name).limit(200))).all()]


async def _programmes(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, tuple[str, ...]]:
    statement = (
        select(enrollments.c.patient_id, enrollments.c.programme)
        .where(enrollments.c.patient_id.in_(ids), enrollments.c.status == "active")
        .distinct()
        .order_by(enrollments.c.programme)
        .limit(20 * PAGE)
    )
    found: dict[UUID, list[str]] = defaultdict(list)
    for row in (await connection.execute(statement)).all():
        found[row.patient_id].append(row.programme)
    return {id: tuple(names) for id, names in found.items()}


async def _items(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, Row[Any]]:
    statement: Select[Any] = select(escalations.c.id, escalations.c.patient_id, escalations.c.urgency_rank, escalations.c.due_at).where(
        escalations.c.patient_id.in_(ids), escalations.c.state != State.RESOLVED, escalations.c.kind == Kind.CLINICAL
    )
    return {row.patient_id: row for row in (await connection.execute(statement.limit(PAGE))).all()}
