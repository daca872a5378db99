"""The queue page: open items of a member's teams in the one true order, page by page, as they are filtered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, Select, Uuid, and_, func, literal, or_, select, text, tuple_, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.check_in import enrollments
from service.db.database import among
from service.db.escalation import concerns, escalations
from service.db.escalation_claims import item_of, of_own_teams
from service.db.patient import patients
from service.db.patient_search import holding
from service.db.presence import present
from service.db.schema import Instant
from service.db.staff import staff as staff_table
from service.db.worries import Worry, standing
from service.domain.escalation import Concern, Escalation, Kind, State, by_words
from service.domain.staff import Staff
from service.domain.urgency import Urgency, by_rank

PAGE_SIZE = 50
MOST_BRANCHES = 12
"""Up to so many teams are read each along its own index and merged; beyond, the database sorts."""
MOST_CONCERNS = 2000
OPEN, CLAIMED = text("escalations.state <> 'resolved'"), text("escalations.state = 'claimed'")
SNOOZED, RESOLVED = text("escalations.state = 'snoozed'"), text("escalations.state = 'resolved'")
"""Written out and not as parameters: a plan that is kept for any value could not use the indexes of one state."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Tab(StrEnum):
    """The parts of the queue."""

    MINE = "mine"
    UNCLAIMED = "unclaimed"
    TEAM = "team"
    SNOOZED = "snoozed"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Filters:
    """What a page is narrowed to; all that is given must hold."""

    urgency: Urgency | None = None
    programme: str = ""
    kind: Kind | None = None
    waiting: timedelta | None = None
    """Nobody has answered the patient's last word for longer than this."""
    holder: UUID | None = None
    who: tuple[bytes, ...] = ()
    """Tokens of the search (`patient_search`)."""

    @property
    def any(self) -> bool:
        """True when the page is narrowed at all."""
        return self != Filters()


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One line of the queue. `name` is "" when nobody knows who it is; `concerns` counts them as the item's page groups them."""

    item: Escalation
    name: str
    birth_date: str
    record_number: str
    holder: str
    """Who holds it, has put it off, or has closed it."""
    concerns: int
    programmes: tuple[str, ...] = ()
    here: tuple[str, ...] = ()
    """Who else has its page open."""
    worry: Worry | None = None
    rule: str = ""
    """Of the concern that leads it."""
    words: bool = True
    """Somebody has said something; False for what the machine has noticed by itself."""


@dataclass(frozen=True, slots=True)
class QueuePage:
    """Rows in order and the cursor of the next page ("" on the last)."""

    rows: tuple[QueueRow, ...]
    next_cursor: str


@dataclass(frozen=True, slots=True)
class Looker:
    """Who looks at the queue and when, as statements take it: values, or the places of values that come later."""

    organization: Any
    staff: Any
    teams: Sequence[Any]
    now: Any
    day_began: Any

    @classmethod
    def of(cls, staff: Staff, now: datetime, day_began: datetime) -> Looker:
        """A member, now."""
        return cls(staff.organization_id, staff.id, staff.team_ids, now, day_began)


async def load_queue(
    connection: AsyncConnection, staff: Staff, tab: Tab, filters: Filters, cursor: str, now: datetime, day_began: datetime
) -> QueuePage:
    """A page of 50 items: urgency first, then time left, then the oldest; done ones by when they were closed, the last first.

    Six statements. An item whose claim has run out, or that was put off until now, counts as unclaimed at once, also before a job has
    put it back: nobody is working on it. ValueError for a cursor that is none.
    """
    ids = _page(staff, tab, filters, cursor, now, day_began).subquery()
    order = _done_order() if tab is Tab.DONE else _order()
    doer = escalations.c.resolved_by if tab is Tab.DONE else escalations.c.claimed_by
    wanted = (
        select(escalations, patients.c.name, patients.c.birth_date, patients.c.record_number, staff_table.c.name.label("holder"))
        .join(ids, ids.c.id == escalations.c.id)
        .outerjoin(patients, patients.c.id == escalations.c.patient_id)
        .outerjoin(staff_table, staff_table.c.id == doer)
        .order_by(*order)
    )
    found = (await connection.execute(wanted)).mappings().all()
    rows = await rows_of(connection, staff, found[:PAGE_SIZE], now)
    last = rows[-1].item if len(found) > PAGE_SIZE else None
    return QueuePage(rows, "" if last is None else _done_cursor(last) if tab is Tab.DONE else order_key(last))


async def load_rows(connection: AsyncConnection, staff: Staff, item_ids: Collection[UUID], now: datetime) -> tuple[QueueRow, ...]:
    """These items of the member's teams as lines of the queue, in order; others are left out."""
    wanted = (
        select(escalations, patients.c.name, patients.c.birth_date, patients.c.record_number, staff_table.c.name.label("holder"))
        .outerjoin(patients, patients.c.id == escalations.c.patient_id)
        .outerjoin(staff_table, staff_table.c.id == escalations.c.claimed_by)
        .where(of_own_teams(staff), among(connection, escalations.c.id, item_ids))
        .order_by(*_order())
        .limit(PAGE_SIZE)
    )
    return await rows_of(connection, staff, (await connection.execute(wanted)).mappings().all(), now)


async def rows_of(connection: AsyncConnection, staff: Staff, found: Sequence[Mapping[Any, Any]], now: datetime) -> tuple[QueueRow, ...]:
    """The lines of these rows, with what stands beside them; four statements for all."""
    items = [item_of(dict(row)) for row in found]
    people = {item.patient_id for item in items if item.patient_id is not None}
    groups = await _groups(connection, [item.id for item in items])
    programmes = await _programmes(connection, people)
    here = await present(connection, [item.id for item in items], now, but=staff.id)
    worried = await standing(connection, people, now)
    return tuple(
        QueueRow(
            item,
            row["name"] or "",
            row["birth_date"] or "",
            row["record_number"] or "",
            row["holder"] or "",
            len(groups[item.id]),
            programmes.get(item.patient_id, ()) if item.patient_id else (),
            tuple(name for _, name in here.get(item.id, ())),
            worried.get(item.patient_id) if item.patient_id else None,
            groups[item.id][0][0].rule if groups[item.id] else "",
            any(one.communication_id is not None for group in groups[item.id] for one in group),
        )
        for item, row in zip(items, found, strict=True)
    )


def order_key(item: Escalation) -> str:
    """Where an item stands in the one true order; also the cursor behind it."""
    return f"{item.urgency.rank}.{_microseconds(item.due_at)}.{_microseconds(item.opened_at)}.{item.id.hex}"


def free(now: Any) -> Any:
    """Nobody works on it, and nobody has put it off."""
    return or_(
        escalations.c.state == State.OPEN,
        and_(CLAIMED, escalations.c.claimed_until <= now),
        and_(SNOOZED, escalations.c.snoozed_until <= now),
    )


def in_tab(tab: Tab, looker: Looker) -> list[Any]:
    """The conditions of a part of the queue, besides that of the teams."""
    match tab:
        case Tab.MINE:
            return [CLAIMED, escalations.c.claimed_by == looker.staff, escalations.c.claimed_until > looker.now]
        case Tab.UNCLAIMED:
            return [OPEN, free(looker.now)]
        case Tab.TEAM:
            return [OPEN]
        case Tab.SNOOZED:
            return [SNOOZED, escalations.c.snoozed_until > looker.now]
        case Tab.DONE:
            return [RESOLVED, escalations.c.resolved_at >= looker.day_began]


def _page(staff: Staff, tab: Tab, filters: Filters, cursor: str, now: datetime, day_began: datetime) -> Select[Any]:
    """The ids of a page and of one more."""
    done = tab is Tab.DONE
    looker = Looker.of(staff, now, day_began)
    conditions = [*in_tab(tab, looker), *_narrowed(staff, filters, now)]
    if cursor:
        keys = (escalations.c.resolved_at, escalations.c.id) if done else _order()
        conditions.append(tuple_(*keys) < _before(cursor) if done else tuple_(*keys) > _after(cursor))
    return first_ones(looker, tab, conditions, PAGE_SIZE + 1)


def first_ones(looker: Looker, tab: Tab, conditions: Sequence[Any], most: int) -> Select[Any]:
    """The ids of the first items of the member's teams that fulfil these conditions, in the order of the tab."""
    done = tab is Tab.DONE
    order, keys = (_done_order(), [escalations.c.resolved_at, escalations.c.id]) if done else (_order(), list(_order()))
    wanted = select(*keys).where(escalations.c.organization_id == looker.organization, *conditions).order_by(*order).limit(most)
    if not looker.teams:
        return wanted.where(literal(False))
    if len(looker.teams) == 1:
        return wanted.where(escalations.c.team_id == looker.teams[0])
    if len(looker.teams) > MOST_BRANCHES or tab in (Tab.MINE, Tab.SNOOZED):
        return wanted.where(escalations.c.team_id.in_(looker.teams))
    # Each team's own first ones come along its index; a list of teams in one condition would have all of them read and sorted.
    branches = [wanted.where(escalations.c.team_id == team_id).subquery() for team_id in looker.teams]
    merged = union_all(*(select(*branch.c) for branch in branches)).subquery()
    by = [merged.c.resolved_at.desc(), merged.c.id.desc()] if done else [merged.c[column.name] for column in keys]
    return select(merged.c.id).order_by(*by).limit(most)


def _order() -> tuple[Any, ...]:
    return escalations.c.urgency_rank, escalations.c.due_at, escalations.c.opened_at, escalations.c.id


def _done_order() -> tuple[Any, ...]:
    return escalations.c.resolved_at.desc(), escalations.c.id.desc()


def _narrowed(staff: Staff, filters: Filters, now: datetime) -> list[Any]:
    found: list[Any] = []
    if filters.urgency is not None:
        found.append(escalations.c.urgency_rank == filters.urgency.rank)
    if filters.kind is not None:
        found.append(escalations.c.kind == filters.kind)
    if filters.waiting is not None:
        found.append(func.coalesce(escalations.c.last_patient_event_at, escalations.c.opened_at) <= now - filters.waiting)
    if filters.holder is not None:
        found += [escalations.c.claimed_by == filters.holder, escalations.c.state.in_([State.CLAIMED, State.SNOOZED])]
    if filters.programme:
        in_it = (enrollments.c.patient_id == escalations.c.patient_id) & (enrollments.c.programme == filters.programme)
        found.append(select(enrollments.c.id).where(in_it, enrollments.c.status.in_(["active", "paused"])).exists())
    if filters.who:
        found.append(escalations.c.patient_id.in_(holding(staff.organization_id, filters.who)))
    return found


async def _groups(connection: AsyncConnection, item_ids: Sequence[UUID]) -> dict[UUID, list[tuple[Concern, ...]]]:
    """The concerns of these items as their pages group them."""
    found: dict[UUID, list[Concern]] = defaultdict(list)
    columns = ("id", "escalation_id", "communication_id", "rule", "urgency_rank", "raised_at", "answered_at", "spans")
    wanted = select(*(concerns.c[name] for name in columns)).where(among(connection, concerns.c.escalation_id, item_ids))
    for row in (await connection.execute(wanted.order_by(concerns.c.urgency_rank, concerns.c.raised_at).limit(MOST_CONCERNS))).all():
        spans = tuple((int(start), int(end)) for start, end in row.spans)
        concern = Concern(
            row.id, row.rule, "", by_rank(row.urgency_rank), "", "", row.raised_at, row.communication_id, spans, row.answered_at
        )
        found[row.escalation_id].append(concern)
    return defaultdict(list, {id: by_words(mine) for id, mine in found.items()})


async def _programmes(connection: AsyncConnection, patient_ids: Collection[UUID]) -> dict[UUID, tuple[str, ...]]:
    found: dict[UUID, set[str]] = defaultdict(set)
    if patient_ids:
        running = enrollments.c.status.in_(["active", "paused"])
        wanted = select(enrollments.c.patient_id, enrollments.c.programme).where(
            among(connection, enrollments.c.patient_id, patient_ids), running
        )
        for row in (await connection.execute(wanted.limit(1000))).all():
            found[row.patient_id].add(row.programme)
    return {id: tuple(sorted(names)) for id, names in found.items()}


def _done_cursor(item: Escalation) -> str:
    return f"{_microseconds(item.resolved_at or _EPOCH)}.{item.id.hex}"


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)


def _instant(text: str) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=int(text))
    except OverflowError:
        raise ValueError("no instant") from None


def _after(cursor: str) -> Any:
    rank, due, opened, id_ = cursor.split(".")
    values = literal(int(rank) & 0x7F, Integer()), literal(_instant(due), Instant()), literal(_instant(opened), Instant())
    return tuple_(*values, literal(UUID(id_), Uuid()))


def _before(cursor: str) -> Any:
    at, id_ = cursor.split(".")
    return tuple_(literal(_instant(at), Instant()), literal(UUID(id_), Uuid()))
