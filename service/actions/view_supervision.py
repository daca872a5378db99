"""A supervisor's view of her teams, in about fifteen bounded statements; figures only, no patient is named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from uuid import UUID

from service.actions.refusal import NotFound
from service.db import alarms, hand_overs, rota, supervision
from service.db.alarms import Reading
from service.db.contexts import load_teams
from service.db.database import Database
from service.db.supervision import MOST_ITEMS, Handed, Load, RuleYield, Storm, Times, Waiting
from service.domain.ladder import Crew
from service.domain.rota import WARN_AHEAD, Duty, RotaRole
from service.domain.schedule import to_local, to_utc
from service.domain.self_report import percentile
from service.domain.staff import Permission, Staff
from service.domain.urgency import Urgency

USEFUL_SHARE = 0.5
"""At least half of what a rule raises should be acted on (docs: alarm fatigue); a rule below is looked at."""
ENOUGH = 10
"""Closed findings of a rule below which its share says nothing; own choice."""
BURST = 10
"""Findings of one rule within an hour that count as a storm; own choice."""


class Span(StrEnum):
    """The time that is looked at."""

    TODAY = "today"
    WEEK = "7"
    MONTH = "30"


@dataclass(frozen=True, slots=True)
class Pace:
    """How soon items of one urgency were taken and answered, in seconds (None: none was): median and 95th percentile; how many of
    those whose time has come were answered within it."""

    urgency: Urgency
    items: int
    taken_median: float | None
    taken_95: float | None
    contact_median: float | None
    contact_95: float | None
    judged: int
    kept: int


@dataclass(frozen=True, slots=True)
class OnCall:
    """Who is on call for a team now, by name, and its next time without anybody (None within a week: none)."""

    team_id: UUID
    team: str
    people: Mapping[RotaRole, tuple[str, ...]]
    has_rota: bool
    gap: Duty | None


@dataclass(frozen=True, slots=True)
class Supervision:
    """The whole page. `cut`: there were more items in this time than are read."""

    since: datetime
    teams: Mapping[UUID, str]
    waiting: Sequence[Waiting]
    pace: Sequence[Pace]
    cut: bool
    load: Sequence[Load]
    yields: Sequence[RuleYield]
    bursts: Sequence[tuple[str, int, datetime]]
    storms: Sequence[Storm]
    handed: Sequence[Handed]
    alarms: Sequence[Reading]
    lag: Mapping[str, timedelta]
    last_rounds: Mapping[str, datetime]
    on_call: Sequence[OnCall]
    unanswered: int
    zone: str


async def view_supervision(database: Database, staff: Staff, team_id: UUID | None, span: Span, now: datetime) -> Supervision:
    """The view of one of the supervisor's teams, of all of them with None. Raises NotFound for another's."""
    if not staff.may(Permission.SUPERVISE) or not staff.team_ids or (team_id is not None and team_id not in staff.team_ids):
        raise NotFound
    chosen = [team_id] if team_id is not None else sorted(staff.team_ids)
    async with database.reading() as connection:
        crews = await rota.crews(connection, staff.team_ids, now)
        teams = await load_teams(connection, set(staff.team_ids), now)
        zone = next(iter(teams.values())).organization.zone
        since = since_of(span, now, zone)
        midnight = since_of(Span.TODAY, now, zone)
        people = sorted({person for id in chosen for person in crews[id].people})
        found = await supervision.times(connection, chosen, since, now + timedelta(seconds=1))
        readings = [one for one in await alarms.read(connection, now) if one.organization_id in (None, staff.organization_id)]
        return Supervision(
            since,
            {id: team.name for id, team in sorted(teams.items(), key=lambda one: one[1].name)},
            await supervision.waiting(connection, staff.organization_id, chosen, now),
            [pace_of(urgency, found, now) for urgency in Urgency],
            len(found) >= MOST_ITEMS,
            await supervision.load(connection, chosen, people, midnight, now),
            await supervision.rule_yields(connection, chosen, since),
            bursts_of(await supervision.bursts(connection, chosen, now - timedelta(days=1))),
            [one for one in await supervision.storms(connection, staff.organization_id) if one.team_id in chosen],
            await supervision.handed(connection, staff.organization_id, since),
            [one for one in readings if one.on],
            {one.alarm.name: one.age for one in readings if one.alarm.name in LAGS},
            await supervision.last_rounds(connection),
            [_on_call(crews[id], now) for id in chosen],
            len(await hand_overs.unanswered(connection, chosen, 50)),
            zone,
        )


LAGS = ("work_emergency_late", "work_routine_late", "texts_emergency_late", "texts_routine_late", "pages_late")
"""The queues whose oldest row tells how far the scheduler is behind."""


def since_of(span: Span, now: datetime, zone: str) -> datetime:
    """Since when a span lasts: today since local midnight, the others to the day and hour."""
    if span is Span.TODAY:
        return to_utc(to_local(now, zone).date(), time(), zone)
    return now - timedelta(days=int(span.value))


def pace_of(urgency: Urgency, found: Sequence[Times], now: datetime) -> Pace:
    """The pace of one urgency. Judged is what was answered, and what was not although its time has come."""
    mine = [one for one in found if one.urgency is urgency]
    taken = sorted((one.taken_at - one.opened_at).total_seconds() for one in mine if one.taken_at is not None)
    contact = sorted((one.contact_at - one.opened_at).total_seconds() for one in mine if one.contact_at is not None)
    judged = [one for one in mine if one.contact_at is not None or one.due_at <= now]
    kept = sum(one.contact_at is not None and one.contact_at <= one.due_at for one in judged)
    middle, most = 0.5, 0.95
    return Pace(
        urgency,
        len(mine),
        percentile(taken, middle),
        percentile(taken, most),
        percentile(contact, middle),
        percentile(contact, most),
        len(judged),
        kept,
    )


def bursts_of(fired: Sequence[tuple[str, datetime]]) -> list[tuple[str, int, datetime]]:
    """(rule, how often, begin of the hour) of each rule that fired at least BURST times within a clock hour, the newest first."""
    hours = Counter((rule, at.replace(minute=0, second=0, microsecond=0)) for rule, at in fired)
    found = [(rule, many, hour) for (rule, hour), many in hours.items() if many >= BURST]
    return sorted(found, key=lambda one: one[2], reverse=True)[:20]


def _on_call(crew: Crew, now: datetime) -> OnCall:
    standing = crew.rota.at(now) if crew.rota is not None else {}
    names = {role: tuple(crew.people[id].name for id in ids if id in crew.people) for role, ids in standing.items()}
    return OnCall(crew.team_id, crew.name, names, crew.rota is not None, next(iter(crew.gaps(now, now + WARN_AHEAD)), None))
