"""What a supervisor looks at: what waits, how soon it was taken and answered, who carries what, which rules are acted on, what arrives.

Each is one statement, bounded by the teams that are asked for and by when a row was made (ids are ordered by time), newest first.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import String, and_, case, cast, func, literal, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.communication import attempts
from service.db.due_work import heartbeats
from service.db.escalation import concerns, escalation_events, escalations
from service.db.patient import patients
from service.db.promises import ANSWERS
from service.db.schema import Instant, first_id
from service.db.senders import senders
from service.db.staff import staff
from service.db.time_log import time_entries
from service.domain.escalation import Disposition, Kind, State
from service.domain.urgency import Urgency, by_rank

MOST_ITEMS = 20_000
"""Items whose times are read: the newest of the time asked for."""
MOST_TRIES = 50_000
"""Hand-overs to providers that are counted: the newest of the time asked for."""
MOST_ROWS = 200
TAKEN = ("acknowledged", "claimed")
"""Lines of an item's history by which somebody has taken note of it."""
CONTACT = tuple(sorted({*ANSWERS, "call_attempt"}))
"""Lines by which a nurse has turned to the patient: wrote, logged a call or a note, closed it."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits of one urgency: how many, of them in nobody's hands, put off, past their time, and since when the oldest does."""

    urgency: Urgency
    many: int
    free: int
    snoozed: int
    late: int
    oldest: datetime | None


async def waiting(connection: AsyncConnection, organization_id: UUID, team_ids: Collection[UUID], now: datetime) -> list[Waiting]:
    """The open items of these teams by urgency, every urgency once."""
    held = (escalations.c.state == State.CLAIMED) & (escalations.c.claimed_until > now)
    statement = (
        select(
            escalations.c.urgency_rank,
            func.count(),
            func.count(case((~held & (escalations.c.state != State.SNOOZED), 1))),
            func.count(case((escalations.c.state == State.SNOOZED, 1))),
            func.count(case((escalations.c.due_at < literal(now, Instant()), 1))),
            func.min(escalations.c.opened_at),
        )
        .where(
            text("escalations.state <> 'resolved'"),
            escalations.c.organization_id == organization_id,
            escalations.c.team_id.in_(sorted(team_ids)),
            escalations.c.kind == Kind.CLINICAL,
        )
        .group_by(escalations.c.urgency_rank)
    )
    found = {row[0]: Waiting(by_rank(row[0]), *row[1:]) for row in (await connection.execute(statement)).all()}
    return [found.get(urgency.rank, Waiting(urgency, 0, 0, 0, 0, None)) for urgency in Urgency]


@dataclass(frozen=True, slots=True)
class Times:
    """How an item went: when it was opened, due, first taken note of, and first answered (None: not yet)."""

    item_id: UUID
    team_id: UUID
    urgency: Urgency
    opened_at: datetime
    due_at: datetime
    taken_at: datetime | None
    contact_at: datetime | None
    language: str


async def times(
    connection: AsyncConnection, team_ids: Collection[UUID], since: datetime, until: datetime, limit: int = MOST_ITEMS
) -> list[Times]:
    """The clinical items of these teams that were opened in this time, the newest first; invented patients' are left out.

    The urgency is the highest that the item has had: who lowered it does not shorten its promise.
    """
    items = (
        select(
            escalations.c.id,
            escalations.c.team_id,
            func.coalesce(escalations.c.lowered_from, escalations.c.urgency_rank).label("rank"),
            escalations.c.opened_at,
            escalations.c.due_at,
            func.coalesce(patients.c.language, "").label("language"),
        )
        .outerjoin(patients, patients.c.id == escalations.c.patient_id)
        .where(
            escalations.c.id >= first_id(since),
            escalations.c.id < first_id(until),
            escalations.c.team_id.in_(sorted(team_ids)),
            escalations.c.kind == Kind.CLINICAL,
            patients.c.synthetic.is_not(True),
        )
        .order_by(escalations.c.id.desc())
        .limit(limit)
        .subquery()
    )
    taken = case((escalation_events.c.what.in_(TAKEN), escalation_events.c.at))
    contact = case((escalation_events.c.what.in_(CONTACT), escalation_events.c.at))
    told = and_(
        escalation_events.c.escalation_id == items.c.id,
        escalation_events.c.staff_id.is_not(None),
        or_(escalation_events.c.what.in_(TAKEN), escalation_events.c.what.in_(CONTACT)),
    )
    statement = (
        select(*items.c, func.min(taken, type_=Instant()), func.min(contact, type_=Instant()))
        .select_from(items.outerjoin(escalation_events, told))
        .group_by(*items.c)
        .order_by(items.c.id.desc())
    )
    return [
        Times(row[0], row[1], by_rank(row[2]), row[3], row[4], row[6], row[7], row[5])
        for row in (await connection.execute(statement)).all()
    ]


@dataclass(frozen=True, slots=True)
class Load:
    """What one member of staff carries: items held now, of them emergency or urgent, closed and minutes written down in the time."""

    staff_id: UUID
    name: str
    held: int
    pressing: int
    closed: int
    minutes: int


async def load(
    connection: AsyncConnection, team_ids: Collection[UUID], people: Collection[UUID], since: datetime, now: datetime
) -> list[Load]:
    """These people with what they hold in these teams now, and what they have closed and written down since then."""
    teams = sorted(team_ids)
    held = (
        select(
            escalations.c.claimed_by.label("who"),
            func.count().label("held"),
            func.count(case((escalations.c.urgency_rank <= Urgency.URGENT.rank, 1))).label("pressing"),
        )
        .where(
            text("escalations.state = 'claimed'"),
            escalations.c.state == State.CLAIMED,
            escalations.c.claimed_until > now,
            escalations.c.team_id.in_(teams),
        )
        .group_by(escalations.c.claimed_by)
        .subquery()
    )
    closed = (
        select(escalation_events.c.staff_id.label("who"), func.count().label("closed"))
        .join(escalations, escalations.c.id == escalation_events.c.escalation_id)
        .where(
            escalation_events.c.id >= first_id(since),
            escalation_events.c.what == "resolved",
            escalation_events.c.staff_id.is_not(None),
            escalations.c.team_id.in_(teams),
        )
        .group_by(escalation_events.c.staff_id)
        .subquery()
    )
    spent = (
        select(time_entries.c.staff_id.label("who"), func.sum(time_entries.c.seconds).label("seconds"))
        .where(time_entries.c.staff_id.in_(sorted(people)), time_entries.c.last_at >= since, time_entries.c.struck_at.is_(None))
        .group_by(time_entries.c.staff_id)
        .subquery()
    )
    statement = (
        select(staff.c.id, staff.c.name, held.c.held, held.c.pressing, closed.c.closed, spent.c.seconds)
        .outerjoin(held, held.c.who == staff.c.id)
        .outerjoin(closed, closed.c.who == staff.c.id)
        .outerjoin(spent, spent.c.who == staff.c.id)
        .where(staff.c.id.in_(sorted(people)))
        .limit(MOST_ROWS)
    )
    found = [
        Load(row.id, row.name, row.held or 0, row.pressing or 0, row.closed or 0, round((row.seconds or 0) / 60))
        for row in (await connection.execute(statement)).all()
    ]
    return sorted(found, key=lambda one: (-one.pressing, -one.held, one.name))


@dataclass(frozen=True, slots=True)
class RuleYield:
    """What became of a rule's findings: how often it fired, of how many the item is closed, how many were acted on, how many were
    marked as of no use, and the newest item."""

    rule: str
    fired: int
    closed: int
    acted_on: int
    dismissed: int
    item_id: UUID


async def rule_yields(connection: AsyncConnection, team_ids: Collection[UUID], since: datetime) -> list[RuleYield]:
    """The rules that fired for these teams' patients since then, the most frequent first.

    Acted on: the item was closed with a decision other than that nothing was needed, and nobody marked the finding as of no use.
    """
    closed = escalations.c.state == State.RESOLVED
    of_use = concerns.c.useful.is_not(False)
    acted_on = and_(closed, escalations.c.disposition != Disposition.NO_ACTION_NEEDED, of_use)
    fired = (
        select(
            concerns.c.rule,
            func.count().label("fired"),
            func.count(case((closed, 1))),
            func.count(case((acted_on, 1))),
            func.count(case((concerns.c.useful.is_(False), 1))),
            func.max(cast(concerns.c.escalation_id, String)),
        )
        .join(escalations, escalations.c.id == concerns.c.escalation_id)
        .outerjoin(patients, patients.c.id == escalations.c.patient_id)
        .where(
            concerns.c.id >= first_id(since),
            escalations.c.team_id.in_(sorted(team_ids)),
            escalations.c.kind == Kind.CLINICAL,
            patients.c.synthetic.is_not(True),
        )
        .group_by(concerns.c.rule)
        .order_by(func.count().desc(), concerns.c.rule)
        .limit(MOST_ROWS)
    )
    return [RuleYield(row[0], row[1], row[2], row[3], row[4], UUID(row[5])) for row in (await connection.execute(fired)).all()]


@dataclass(frozen=True, slots=True)
class Storm:
    """An open operational item: its rule, how often it was reported, since when."""

    item_id: UUID
    rule: str
    summary: str
    urgency: Urgency
    opened_at: datetime
    team_id: UUID


async def storms(connection: AsyncConnection, organization_id: UUID) -> list[Storm]:
    """The operational items that are open, the most urgent and oldest first: each gathers all that was reported of its kind."""
    statement = (
        select(
            escalations.c.id,
            func.min(concerns.c.rule),
            escalations.c.summary,
            escalations.c.urgency_rank,
            escalations.c.opened_at,
            escalations.c.team_id,
        )
        .join(concerns, concerns.c.escalation_id == escalations.c.id)
        .where(
            text("escalations.state <> 'resolved'"),
            escalations.c.organization_id == organization_id,
            escalations.c.kind == Kind.OPERATIONAL,
        )
        .group_by(escalations.c.id, escalations.c.summary, escalations.c.urgency_rank, escalations.c.opened_at, escalations.c.team_id)
        .order_by(escalations.c.urgency_rank, escalations.c.opened_at)
        .limit(50)
    )
    return [Storm(row[0], row[1], row[2], by_rank(row[3]), row[4], row[5]) for row in (await connection.execute(statement)).all()]


@dataclass(frozen=True, slots=True)
class Handed:
    """How many texts and pages a provider was handed with this result; `code` is its error code, "" for none."""

    provider: str
    outcome: str
    code: str
    many: int


async def handed(connection: AsyncConnection, organization_id: UUID, since: datetime) -> list[Handed]:
    """What became of the newest hand-overs to providers since then, by provider, result and error code, the most frequent first."""
    newest = (
        select(attempts.c.sender_id, attempts.c.outcome, attempts.c.error_code)
        .where(attempts.c.id >= first_id(since), attempts.c.organization_id == organization_id)
        .order_by(attempts.c.id.desc())
        .limit(MOST_TRIES)
        .subquery()
    )
    provider = func.coalesce(senders.c.provider, "")
    statement = (
        select(provider, newest.c.outcome, newest.c.error_code, func.count())
        .select_from(newest.outerjoin(senders, senders.c.id == newest.c.sender_id))
        .group_by(provider, newest.c.outcome, newest.c.error_code)
        .order_by(func.count().desc(), provider)
        .limit(MOST_ROWS)
    )
    return [Handed(*row) for row in (await connection.execute(statement)).all()]


async def last_rounds(connection: AsyncConnection) -> dict[str, datetime]:
    """When each job last ran to its end, on whichever node."""
    statement = select(heartbeats.c.name, func.max(heartbeats.c.at)).group_by(heartbeats.c.name).limit(MOST_ROWS)
    return {row[0]: row[1] for row in (await connection.execute(statement)).all()}


async def bursts(
    connection: AsyncConnection, team_ids: Collection[UUID], since: datetime, limit: int = MOST_ITEMS
) -> Sequence[tuple[str, datetime]]:
    """(rule, instant) of what fired since then for these teams' patients, the newest first: to see what came in a storm."""
    statement = (
        select(concerns.c.rule, concerns.c.raised_at)
        .join(escalations, escalations.c.id == concerns.c.escalation_id)
        .where(concerns.c.id >= first_id(since), escalations.c.team_id.in_(sorted(team_ids)), escalations.c.kind == Kind.CLINICAL)
        .order_by(concerns.c.id.desc())
        .limit(limit)
    )
    return [(row[0], row[1]) for row in (await connection.execute(statement)).all()]
