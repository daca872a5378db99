"""Who is on call and who is paged next: shifts, overrides, ladders and further numbers of teams."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Date, Index, Integer, SmallInteger, String, Table, Time, UniqueConstraint, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.changes import Changes
from service.db.encryption import Encrypted, forgiving
from service.db.organization import organizations, teams
from service.db.schema import Instant, Json, id_column, metadata, new_id, organization_column, reference
from service.db.staff import staff, staff_teams
from service.domain.ladder import Crew, Ladder, Person
from service.domain.rota import MOST_OVERRIDES, MOST_SHIFTS, Override, OverrideKind, Rota, RotaRole, RotaShift
from service.domain.staff import PAGED, Role
from service.domain.urgency import Urgency, by_rank

MOST_PEOPLE = 500
LOOK_BACK = timedelta(days=2)
RAN_OUT = timedelta(days=60)
"""For so long after its last day a pattern that nobody has renewed is a gap; then the team counts as one without a rota."""

rota_shifts = Table(
    "rota_shifts",
    metadata,
    id_column(),
    organization_column(),
    reference("team_id", "teams", index=True),
    Column("role", String(16), nullable=False, doc="on_call | backup | supervisor"),
    reference("staff_id", "staff"),
    Column("weekday", Integer, nullable=False, doc="0 Monday .. 6 Sunday, on which it begins"),
    Column("starts", Time, nullable=False, doc="wall time in the organization's zone"),
    Column("ends", Time, nullable=False, doc="exclusive; at or before `starts`: on the next day"),
    Column("valid_from", Date, nullable=False, doc="first date on which it may begin"),
    Column("valid_until", Date, doc="last date on which it may begin; none: until further notice"),
    Column("created_at", Instant, nullable=False),
)

rota_overrides = Table(
    "rota_overrides",
    metadata,
    id_column(),
    organization_column(),
    reference("team_id", "teams"),
    Column("kind", String(8), nullable=False, doc="cover | swap | sick"),
    Column("role", String(16), nullable=False, default="", doc='the role that is taken where nobody is replaced, else ""'),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    reference("from_staff_id", "staff", nullable=True),
    reference("to_staff_id", "staff", nullable=True),
    reference("created_by", "staff", nullable=True),
    Column("created_at", Instant, nullable=False),
    Column("cancelled_at", Instant),
    reference("cancelled_by", "staff", nullable=True),
    Index("ix_rota_overrides_team_id_ends_at", "team_id", "ends_at"),
)

page_numbers = Table(
    "page_numbers",
    metadata,
    id_column(),
    organization_column(),
    reference("team_id", "teams"),
    Column("name", String(100), nullable=False, doc="such as: answering service"),
    Column("phone", Encrypted("page_numbers.phone"), nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("team_id", "name"),
)

ladders = Table(
    "ladders",
    metadata,
    id_column(),
    organization_column(),
    reference("team_id", "teams"),
    Column("urgency_rank", SmallInteger, nullable=False),
    Column("rungs", Json, nullable=False, doc="domain.ladder.Ladder.to_json"),
    reference("changed_by", "staff", nullable=True),
    Column("changed_at", Instant, nullable=False),
    UniqueConstraint("team_id", "urgency_rank"),
)


async def crews(connection: AsyncConnection, team_ids: Iterable[UUID], now: datetime, *, since: datetime | None = None) -> dict[UUID, Crew]:
    """Whom these teams can page, with rota and ladders; overrides that were over before `since` (two days ago) are left out."""
    ids = sorted(set(team_ids))
    if not ids:
        return {}
    since = since or now - LOOK_BACK
    named = (teams.c.id, teams.c.organization_id, teams.c.name, forgiving(teams.c.on_call_phone), organizations.c.zone)
    owners = select(*named).join(organizations, organizations.c.id == teams.c.organization_id)
    rows = (await connection.execute(owners.where(teams.c.id.in_(ids)).order_by(teams.c.id))).all()
    people = await _people(connection, ids)
    shifts: dict[UUID, list[RotaShift]] = defaultdict(list)
    pattern = (
        select(rota_shifts)
        .where(
            rota_shifts.c.team_id.in_(ids), or_(rota_shifts.c.valid_until.is_(None), rota_shifts.c.valid_until >= since.date() - RAN_OUT)
        )
        .order_by(rota_shifts.c.created_at, rota_shifts.c.id)
        .limit(MOST_SHIFTS * len(ids))
    )
    for row in (await connection.execute(pattern)).all():
        shifts[row.team_id].append(_shift(row))
    overrides: dict[UUID, list[Override]] = defaultdict(list)
    changed = (
        select(rota_overrides)
        .where(rota_overrides.c.team_id.in_(ids), rota_overrides.c.ends_at > since, rota_overrides.c.cancelled_at.is_(None))
        .order_by(rota_overrides.c.created_at, rota_overrides.c.id)
        .limit(MOST_OVERRIDES * len(ids))
    )
    for row in (await connection.execute(changed)).all():
        overrides[row.team_id].append(override_of(row))
    numbers: dict[UUID, dict[UUID, tuple[str, str]]] = defaultdict(dict)
    further = select(page_numbers.c.id, page_numbers.c.team_id, page_numbers.c.name, forgiving(page_numbers.c.phone))
    for row in (await connection.execute(further.where(page_numbers.c.team_id.in_(ids)))).all():
        numbers[row.team_id][row.id] = (row.name, row.phone or "")
    rungs: dict[UUID, dict[Urgency, Ladder]] = defaultdict(dict)
    for row in (await connection.execute(select(ladders).where(ladders.c.team_id.in_(ids)))).all():
        rungs[row.team_id][by_rank(row.urgency_rank)] = Ladder.from_json(row.rungs)
    return {
        row.id: Crew(
            row.id,
            row.organization_id,
            row.name,
            row.on_call_phone or "",
            Rota(row.zone, tuple(shifts[row.id]), tuple(overrides[row.id])) if shifts[row.id] or overrides[row.id] else None,
            people.get(row.id, {}),
            numbers.get(row.id, {}),
            rungs.get(row.id, {}),
        )
        for row in rows
    }


async def _people(connection: AsyncConnection, team_ids: Collection[UUID]) -> dict[UUID, dict[UUID, Person]]:
    """Those of each team who can act on an item: nurses and supervisors who are not disabled. A number that cannot be read is none."""
    statement = (
        select(staff_teams.c.team_id, staff.c.id, forgiving(staff.c.name), forgiving(staff.c.phone), staff.c.paged_by, staff.c.role)
        .join(staff, staff.c.id == staff_teams.c.staff_id)
        .where(staff_teams.c.team_id.in_(team_ids), staff.c.disabled_at.is_(None), staff.c.role.in_(sorted(PAGED)))
        .limit(MOST_PEOPLE * len(team_ids))
    )
    found: dict[UUID, dict[UUID, Person]] = defaultdict(dict)
    for row in (await connection.execute(statement)).all():
        found[row.team_id][row.id] = Person(row.id, row.name or _UNREADABLE, row.phone or "", row.paged_by, row.role == Role.SUPERVISOR)
    return found


_UNREADABLE = "somebody whose name cannot be read"


def _shift(row: Any) -> RotaShift:
    return RotaShift(RotaRole(row.role), row.staff_id, row.weekday, row.starts, row.ends, row.valid_from, row.valid_until, row.id)


def override_of(row: Any) -> Override:
    """The domain's view of a row of `rota_overrides`."""
    return Override(
        OverrideKind(row.kind),
        row.starts_at,
        row.ends_at,
        row.from_staff_id,
        row.to_staff_id,
        RotaRole(row.role) if row.role else None,
        row.id,
    )


async def team_ids(connection: AsyncConnection, organization_id: UUID | None = None) -> list[UUID]:
    """The teams of an organization, of all of them with None; at most 2,000. Without the synthetic patient's, which nobody is in."""
    statement = select(teams.c.id).where(~teams.c.synthetic).order_by(teams.c.id).limit(2_000)
    return list(
        await connection.scalars(statement if organization_id is None else statement.where(teams.c.organization_id == organization_id))
    )


async def lock_team(connection: AsyncConnection, team_id: UUID) -> bool:
    """Locks a team's row, so that two changes of its rota or ladder are judged one after the other; False for no such team."""
    return await connection.scalar(select(teams.c.id).where(teams.c.id == team_id).with_for_update(key_share=True)) is not None


def add_shift(changes: Changes, crew: Crew, shift: RotaShift) -> UUID:
    """One more weekly duty; its id."""
    id = new_id(changes.now)
    row = {
        "id": id,
        "organization_id": crew.organization_id,
        "team_id": crew.team_id,
        "role": shift.role,
        "staff_id": shift.staff_id,
        "weekday": shift.weekday,
        "starts": shift.start,
        "ends": shift.end,
        "valid_from": shift.valid_from,
        "valid_until": shift.valid_until,
        "created_at": changes.now,
    }
    changes.insert(rota_shifts, row)
    return id


def add_override(changes: Changes, crew: Crew, override: Override, staff_id: UUID | None) -> UUID:
    """One more override, made by this member of staff; its id."""
    id = new_id(changes.now)
    row = {
        "id": id,
        "organization_id": crew.organization_id,
        "team_id": crew.team_id,
        "kind": override.kind,
        "role": override.role or "",
        "starts_at": override.starts_at,
        "ends_at": override.ends_at,
        "from_staff_id": override.from_id,
        "to_staff_id": override.to_id,
        "created_by": staff_id,
        "created_at": changes.now,
    }
    changes.insert(rota_overrides, row)
    return id


async def cancel_override(connection: AsyncConnection, team_id: UUID, id: UUID, staff_id: UUID, now: datetime) -> bool:
    """Takes an override back; False when there is none to take back."""
    mine = (rota_overrides.c.id == id) & (rota_overrides.c.team_id == team_id) & rota_overrides.c.cancelled_at.is_(None)
    changed = await connection.execute(update(rota_overrides).where(mine).values(cancelled_at=now, cancelled_by=staff_id))
    return changed.rowcount == 1


async def end_shifts(connection: AsyncConnection, team_id: UUID, ids: Collection[UUID], last_day: date) -> None:
    """The last local date on which these weekly duties may begin."""
    mine = rota_shifts.c.id.in_(sorted(ids)) & (rota_shifts.c.team_id == team_id)
    await connection.execute(update(rota_shifts).where(mine).values(valid_until=last_day))


async def set_ladder(
    connection: AsyncConnection, crew: Crew, urgency: Urgency, ladder: Ladder, staff_id: UUID | None, now: datetime
) -> None:
    """Replaces a team's ladder for an urgency; items that climb already keep the one they began with."""
    await connection.execute(delete(ladders).where(ladders.c.team_id == crew.team_id, ladders.c.urgency_rank == urgency.rank))
    row = {
        "id": new_id(now),
        "organization_id": crew.organization_id,
        "team_id": crew.team_id,
        "urgency_rank": urgency.rank,
        "rungs": ladder.to_json(),
        "changed_by": staff_id,
        "changed_at": now,
    }
    await connection.execute(ladders.insert().values(row))


def add_number(changes: Changes, crew: Crew, name: str, phone: str) -> UUID:
    """One more number that rungs may name; its id."""
    id = new_id(changes.now)
    row = {
        "id": id,
        "organization_id": crew.organization_id,
        "team_id": crew.team_id,
        "name": name,
        "phone": phone,
        "created_at": changes.now,
    }
    changes.insert(page_numbers, row)
    return id
