"""Every queue and its age alarm, in one table: what waits, for how long at most, how bad that is; found by query (law 11).

Each alarm's name is the rule of the item that it opens, its line in /healthz and in the metrics, and its page in deploy/runbook/.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Select, Table, TextClause, Uuid, func, literal, null, select, text, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.audit import audit_events
from service.db.calls import calls
from service.db.check_in import flow_sessions
from service.db.communication import communications, inbound_events, parked_statuses
from service.db.due_work import due_work, heartbeats
from service.db.escalation import escalations, pages
from service.db.organization import organizations, teams
from service.db.patient import patients
from service.db.pauses import pauses
from service.db.schema import Instant, first_id
from service.db.synthetic import synthetic_walks
from service.db.unknown import PAGES_MATTER_FOR
from service.domain.communication import Lane, Status
from service.domain.escalation import Kind, State
from service.domain.synthetic import LATE_AFTER, STOPPED
from service.domain.urgency import Urgency

Waiting = Callable[[datetime], Select[tuple[UUID | None, datetime | None, int]]]
"""now -> a statement of (organization, since when the oldest waits, how many wait), one row an organization."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One queue. `meaning` is the item's reason: plain words for whoever works the queue. Limits are own choices, see each."""

    name: str
    meaning: str
    limit: timedelta
    urgency: Urgency
    waiting: Waiting


@dataclass(frozen=True, slots=True)
class Reading:
    """How a queue of an organization stands (None: of nobody in particular): how many wait, and for how long the oldest has."""

    alarm: Alarm
    organization_id: UUID | None
    many: int
    age: timedelta

    @property
    def on(self) -> bool:
        """Whether the oldest has waited for longer than it should."""
        return self.age > self.alarm.limit


def _by_organization(table: Table, since: Column[datetime], *where: ColumnElement[bool] | TextClause) -> Waiting:
    """Rows that fulfil the conditions and whose instant `since` has passed."""

    def statement(now: datetime) -> Select[tuple[UUID | None, datetime | None, int]]:
        whose = table.c.organization_id if "organization_id" in table.c else null().cast(Uuid())
        found = select(whose, func.min(since), func.count()).where(since < literal(now, Instant()), *where)
        return found.group_by(table.c.organization_id) if "organization_id" in table.c else found

    return statement


def _failed_lately(now: datetime) -> Select[tuple[UUID | None, datetime | None, int]]:
    """What came in within a day and could not be read: it counts as waiting for that long, since nothing ever takes it up again."""
    lately = (inbound_events.c.id > first_id(now - timedelta(days=1)), inbound_events.c.received_at < literal(now, Instant()))
    failed = (inbound_events.c.failure != "", *lately)
    whose = inbound_events.c.organization_id
    return select(whose, func.min(inbound_events.c.received_at), func.count()).where(*failed).group_by(whose)


def _pages_in_doubt(now: datetime) -> Select[tuple[UUID | None, datetime | None, int]]:
    """Pages in doubt of the last day: the ladder has long climbed past one that is older, and nobody can do anything about it."""
    matters = (pages.c.status == Status.CLAIMED) | (pages.c.status_at > literal(now - PAGES_MATTER_FOR, Instant()))
    return _by_organization(pages, pages.c.status_at, _PAGE_IN_DOUBT, matters)(now)


def _late_turn(now: datetime) -> Select[tuple[UUID | None, datetime | None, int]]:
    """Pauses that should have begun or ended by now."""
    turn = func.coalesce(pauses.c.ends_at, pauses.c.begins_at)
    moment = literal(now, Instant())
    late = ((pauses.c.state == "planned") & (pauses.c.begins_at < moment)) | ((pauses.c.state == "on") & (pauses.c.ends_at < moment))
    oldest = func.min(turn, type_=Instant())
    return (
        select(pauses.c.organization_id, oldest, func.count())
        .where(text("pauses.state <> 'over'"), late)
        .group_by(pauses.c.organization_id)
    )


def _since_a_walk(now: datetime) -> Select[tuple[UUID | None, datetime | None, int]]:
    """Since when the synthetic patient has not set out; nothing while there is no such patient."""
    began = func.max(synthetic_walks.c.began_at)
    oldest = func.coalesce(began, func.min(patients.c.created_at), type_=Instant())
    whose = select(patients.c.organization_id, oldest, literal(1)).join(teams, teams.c.id == patients.c.team_id)
    found = whose.outerjoin(synthetic_walks, synthetic_walks.c.patient_id == patients.c.id).where(patients.c.synthetic, teams.c.synthetic)
    return found.group_by(patients.c.organization_id)


def _broken_walk(now: datetime) -> Select[tuple[UUID | None, datetime | None, int]]:
    """The last walk, when it did not go through; one that was broken off because the service stopped says nothing."""
    last = select(func.max(synthetic_walks.c.slot)).where(synthetic_walks.c.ended_at.is_not(None)).scalar_subquery()
    broken = (synthetic_walks.c.slot == last, synthetic_walks.c.broken_at.not_in(["", STOPPED]))
    return select(synthetic_walks.c.organization_id, synthetic_walks.c.ended_at, literal(1)).where(*broken)


def _marked(name: str) -> Waiting:
    """Nodes that say this of themselves. Since when, no clock among them can be trusted to tell: a minute stands for it."""

    def statement(now: datetime) -> Select[tuple[UUID | None, datetime | None, int]]:
        nobodys: ColumnElement[Any] = null().cast(Uuid())
        since: ColumnElement[Any] = literal(now - timedelta(minutes=1), Instant())
        return select(nobodys, func.min(since), func.count()).where(heartbeats.c.name == name)

    return statement


_DUE_TEXTS = text("communications.status IN ('due', 'held')")
_HANDED_OVER = text("communications.status IN ('claimed', 'unknown')")
_UNKNOWN_STILL = (communications.c.status == Status.UNKNOWN, communications.c.given_up_at.is_(None))
_NOT_FINAL = text("communications.status IN ('accepted', 'sent')")
_OVER_AND_KEPT = text(  # as its index is written
    "communications.redaction IN ('', 'due') AND communications.status IN ('delivered', 'undelivered', 'failed', 'received')"
)
_DUE_WORK = text("due_work.state = 'due'")
_CALL_IN_DOUBT = text("calls.status IN ('claimed', 'placed', 'talking', 'unknown')")
_PAGE_IN_DOUBT = text("pages.status IN ('claimed', 'unknown')")
_OPEN_ITEM = (escalations.c.state != State.RESOLVED, escalations.c.kind == Kind.CLINICAL)
_PRESSING = escalations.c.urgency_rank <= Urgency.URGENT.rank

ALARMS: tuple[Alarm, ...] = (
    Alarm(
        "texts_emergency_late",
        "Safety texts to patients have been waiting to be sent for too long.",
        timedelta(seconds=30),  # they leave within 10 s (safety rule 37)
        Urgency.EMERGENCY,
        _by_organization(communications, communications.c.due_at, _DUE_TEXTS, communications.c.lane == Lane.EMERGENCY),
    ),
    Alarm(
        "texts_routine_late",
        "Texts to patients have been waiting to be sent for too long.",
        timedelta(minutes=10),  # a routine batch may take its turn
        Urgency.URGENT,
        _by_organization(communications, communications.c.due_at, _DUE_TEXTS, communications.c.lane == Lane.ROUTINE),
    ),
    Alarm(
        "texts_claimed_long",
        "Texts are held by a sender that does not come back for them.",
        timedelta(minutes=5),  # a claim lasts two minutes, the sweep runs every five seconds
        Urgency.URGENT,
        _by_organization(communications, communications.c.status_at, _HANDED_OVER, communications.c.status == Status.CLAIMED),
    ),
    Alarm(
        "texts_unknown_long",
        "It is not known whether some texts have reached the provider, and it could not be found out: look at them by hand.",
        timedelta(hours=1),  # the provider's list decides after ten minutes; given up, and an item, after three days
        Urgency.SAME_DAY,
        _by_organization(communications, communications.c.status_at, _HANDED_OVER, *_UNKNOWN_STILL),
    ),
    Alarm(
        "texts_not_final_long",
        "The provider has not said for days whether some texts have arrived, and nobody has given them up.",
        timedelta(days=4),  # asked about from twelve hours on, given up after three days
        Urgency.ROUTINE,
        _by_organization(communications, communications.c.status_at, _NOT_FINAL, communications.c.given_up_at.is_(None)),
    ),
    Alarm(
        "pages_late",
        "Pages to staff have been waiting to be sent for too long.",
        timedelta(seconds=30),  # safety rule 19: within 60 s
        Urgency.EMERGENCY,
        _by_organization(pages, pages.c.due_at, text("pages.status = 'due'")),
    ),
    Alarm(
        "pages_in_doubt",
        "It is not known whether pages to staff have gone out.",
        timedelta(minutes=10),  # the provider's list decides after five minutes; the ladder climbs meanwhile
        Urgency.URGENT,
        _pages_in_doubt,
    ),
    Alarm(
        "work_emergency_late",
        "Steps of emergencies (the next page, the next look) are overdue.",
        timedelta(seconds=30),
        Urgency.EMERGENCY,
        _by_organization(due_work, due_work.c.due_at, _DUE_WORK, due_work.c.lane == Lane.EMERGENCY),
    ),
    Alarm(
        "work_routine_late",
        "Planned work, such as check-ins, is overdue.",
        timedelta(minutes=10),
        Urgency.URGENT,
        _by_organization(due_work, due_work.c.due_at, _DUE_WORK, due_work.c.lane == Lane.ROUTINE),
    ),
    Alarm(
        "work_claimed_long",
        "Work is held by a process that does not finish it.",
        timedelta(minutes=5),  # by its lease, which ends a minute after the claim
        Urgency.URGENT,
        _by_organization(due_work, due_work.c.lease_until, text("due_work.state = 'claimed'")),
    ),
    Alarm(
        "conversations_late",
        "Patients who have not answered are not being reminded or noticed.",
        timedelta(minutes=10),
        Urgency.URGENT,
        _by_organization(flow_sessions, flow_sessions.c.waits_until, text("flow_sessions.status = 'waiting'")),
    ),
    Alarm(
        "calls_late",
        "Calls to patients have been waiting to be placed for too long.",
        timedelta(minutes=10),
        Urgency.URGENT,
        _by_organization(calls, calls.c.due_at, text("calls.status = 'due'")),
    ),
    Alarm(
        "calls_in_doubt",
        "It is not known how calls to patients have ended.",
        timedelta(minutes=45),  # a call lasts 15 minutes and is asked about after 20
        Urgency.SAME_DAY,
        _by_organization(calls, calls.c.status_at, _CALL_IN_DOUBT),
    ),
    Alarm(
        "statuses_unclaimed",
        "The provider reports on texts that Rounds does not know.",
        timedelta(hours=6),
        Urgency.ROUTINE,
        _by_organization(parked_statuses, parked_statuses.c.at),
    ),
    Alarm(
        "replies_not_read",
        "Messages of patients came in that could not be understood by the program: each has its own item. The fault needs to be found.",
        timedelta(),
        Urgency.SAME_DAY,
        _failed_lately,
    ),
    Alarm(
        "items_past_due",
        "Emergencies or urgent items have stood past their time.",
        timedelta(minutes=15),
        Urgency.URGENT,
        _by_organization(escalations, escalations.c.due_at, *_OPEN_ITEM, _PRESSING),
    ),
    Alarm(
        "items_past_due_other",
        "Items of the queue have stood past their time for a day.",
        timedelta(days=1),
        Urgency.SAME_DAY,
        _by_organization(escalations, escalations.c.due_at, *_OPEN_ITEM, ~_PRESSING),
    ),
    Alarm(
        "pauses_late",
        "Pauses of check-ins have not begun or ended when they should.",
        timedelta(minutes=15),
        Urgency.SAME_DAY,
        _late_turn,
    ),
    Alarm(
        "audit_not_sealed",
        "The audit trail is not being sealed.",
        timedelta(minutes=15),  # it is sealed every minute
        Urgency.SAME_DAY,
        _by_organization(audit_events, audit_events.c.at, audit_events.c.sequence.is_(None)),
    ),
    Alarm(
        "redactions_late",
        "Words of patients should have been emptied at the provider by now, and still stand there.",
        timedelta(hours=1),
        Urgency.SAME_DAY,
        _by_organization(communications, communications.c.redact_at, _OVER_AND_KEPT, communications.c.redaction == "due"),
    ),
    Alarm(
        "clock_wrong",
        "The clock of a machine that runs Rounds is wrong: what is due is done too early or too late. Set the clock.",
        timedelta(),  # it is a minute off by then
        Urgency.URGENT,
        _marked("clock_wrong"),
    ),
    Alarm(
        "webhooks_refused",
        "Messages that a provider has signed are refused as too old or too new: replies of patients do not come in. Set the clock.",
        timedelta(),  # three in a row
        Urgency.EMERGENCY,
        _marked("webhooks_refused"),
    ),
    Alarm(
        "synthetic_patient_broken",
        "The synthetic patient did not come through: somewhere between a text, a reply, the queue, a page and a call the way is broken.",
        timedelta(),
        Urgency.EMERGENCY,
        _broken_walk,
    ),
    Alarm(
        "synthetic_patient_late",
        "The synthetic patient has not set out: nothing says that messages still come through.",
        LATE_AFTER,
        Urgency.EMERGENCY,
        _since_a_walk,
    ),
)
BY_NAME = {alarm.name: alarm for alarm in ALARMS}


async def read(connection: AsyncConnection, now: datetime) -> list[Reading]:
    """How every queue stands, in the order of the table and in one statement; a queue in which nothing waits has one reading of zero."""
    parts = [
        select(literal(place).label("place"), *(part.c[at] for at in (0, 1, 2)))
        for place, part in enumerate(alarm.waiting(now).subquery() for alarm in ALARMS)
    ]
    found: dict[int, list[Reading]] = {}
    for place, organization_id, oldest, many in (await connection.execute(union_all(*parts))).all():
        if many:
            found.setdefault(place, []).append(Reading(ALARMS[place], organization_id, many, now - oldest))
    nothing = timedelta()
    return [reading for place, alarm in enumerate(ALARMS) for reading in found.get(place, [Reading(alarm, None, 0, nothing)])]


async def oldest_organization(connection: AsyncConnection) -> UUID | None:
    """The organization that was first on this database, to whom is told what belongs to none; None when there is none yet."""
    return await connection.scalar(select(organizations.c.id).order_by(organizations.c.created_at, organizations.c.id).limit(1))
