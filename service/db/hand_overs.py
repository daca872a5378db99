"""Hand-overs: a line each for an item or a patient that a nurse gives to another, and what became of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Index, ScalarSelect, SmallInteger, String, Table, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.alarm_items import StandingItem
from service.db.changes import Changes
from service.db.encryption import Encrypted
from service.db.escalation import concerns, escalations
from service.db.patient import patients
from service.db.schema import Instant, id_column, metadata, new_id, organization_column, reference
from service.db.staff import staff
from service.domain.escalation import Kind, State
from service.domain.hand_over import WAITING, HandOverState, Ipass
from service.domain.staff import Staff
from service.domain.urgency import Urgency, by_rank

UNANSWERED = "hand_over_unanswered"
"""The rule of the operational item about a line that nobody has answered in time."""
_WAITING = text("state IN ('offered', 'overdue')")
_WAITING_ITEM = text("state IN ('offered', 'overdue') AND escalation_id IS NOT NULL")

hand_overs = Table(
    "hand_overs",
    metadata,
    id_column(),
    organization_column(),
    reference("team_id", "teams"),
    reference("escalation_id", "escalations", nullable=True),
    reference("patient_id", "patients", nullable=True),
    reference("giver_id", "staff"),
    reference("receiver_id", "staff"),
    Column("state", String(10), nullable=False, doc="offered | overdue | accepted | declined | withdrawn | void"),
    Column("urgency_rank", SmallInteger, nullable=False, doc="how ill, when it was offered"),
    Column("summary", Encrypted("hand_overs.summary"), nullable=False),
    Column("actions", Encrypted("hand_overs.actions"), nullable=False),
    Column("contingency", Encrypted("hand_overs.contingency"), nullable=False),
    Column("offered_at", Instant, nullable=False),
    Column("answer_by", Instant, nullable=False),
    Column("answered_at", Instant, doc="when it was accepted, declined, taken back or found void"),
    reference("answered_by", "staff", nullable=True),
    Column("reason", Encrypted("hand_overs.reason"), doc="why it was declined"),
    Index("ix_hand_overs_waiting", "receiver_id", postgresql_where=_WAITING, sqlite_where=_WAITING),
    Index("ix_hand_overs_giver_id_offered_at", "giver_id", "offered_at"),
    Index("ix_hand_overs_team_id_offered_at", "team_id", "offered_at"),
    Index("uq_hand_overs_waiting_item", "escalation_id", unique=True, postgresql_where=_WAITING_ITEM, sqlite_where=_WAITING_ITEM),
)


@dataclass(frozen=True, slots=True)
class HandOver:
    """A line as it stands. `patient` is "" when nobody knows who it is; `reason` says why it was declined."""

    id: UUID
    organization_id: UUID
    team_id: UUID
    item_id: UUID | None
    patient_id: UUID | None
    giver_id: UUID
    giver: str
    receiver_id: UUID
    receiver: str
    state: HandOverState
    urgency: Urgency
    words: Ipass
    offered_at: datetime
    answer_by: datetime
    answered_at: datetime | None
    reason: str
    patient: str
    birth_date: str


def add(
    changes: Changes,
    *,
    organization_id: UUID,
    team_id: UUID,
    item_id: UUID | None,
    patient_id: UUID | None,
    giver_id: UUID,
    receiver_id: UUID,
    urgency: Urgency,
    words: Ipass,
    answer_by: datetime,
) -> UUID:
    """One more line, offered now; its id."""
    id = new_id(changes.now)
    row = {
        "id": id,
        "organization_id": organization_id,
        "team_id": team_id,
        "escalation_id": item_id,
        "patient_id": patient_id,
        "giver_id": giver_id,
        "receiver_id": receiver_id,
        "state": HandOverState.OFFERED,
        "urgency_rank": urgency.rank,
        "summary": words.summary,
        "actions": words.actions,
        "contingency": words.contingency,
        "offered_at": changes.now,
        "answer_by": answer_by,
    }
    changes.insert(hand_overs, row)
    return id


_giver, _receiver = staff.alias("giver"), staff.alias("receiver")
_LINES = (
    select(
        hand_overs,
        _giver.c.name.label("giver"),
        _receiver.c.name.label("receiver"),
        patients.c.name.label("patient"),
        patients.c.birth_date,
    )
    .join(_giver, _giver.c.id == hand_overs.c.giver_id)
    .join(_receiver, _receiver.c.id == hand_overs.c.receiver_id)
    .outerjoin(patients, patients.c.id == hand_overs.c.patient_id)
)


def _line(row: Any) -> HandOver:
    return HandOver(
        row.id,
        row.organization_id,
        row.team_id,
        row.escalation_id,
        row.patient_id,
        row.giver_id,
        row.giver,
        row.receiver_id,
        row.receiver,
        HandOverState(row.state),
        by_rank(row.urgency_rank),
        Ipass(row.summary, row.actions, row.contingency),
        row.offered_at,
        row.answer_by,
        row.answered_at,
        row.reason or "",
        row.patient or "",
        row.birth_date or "",
    )


async def waiting_for(connection: AsyncConnection, receiver: Staff, limit: int) -> list[HandOver]:
    """What this member of staff has been asked to take over and has not answered, the most dangerous and oldest first."""
    mine = (_WAITING_LINE, hand_overs.c.receiver_id == receiver.id, _of_teams(receiver))
    return await _found(connection, mine, (hand_overs.c.urgency_rank, hand_overs.c.offered_at, hand_overs.c.id), limit)


def asked_of(staff_id: ColumnElement[Any]) -> ScalarSelect[int]:
    """A column: how many lines wait for an answer of this member of staff."""
    mine = select(func.count()).where(_WAITING_LINE, hand_overs.c.receiver_id == staff_id)
    return mine.correlate_except(hand_overs).scalar_subquery()


async def given_by(connection: AsyncConnection, giver: Staff, since: datetime, limit: int) -> list[HandOver]:
    """What this member of staff has offered since then, newest first."""
    mine = (hand_overs.c.giver_id == giver.id, hand_overs.c.offered_at >= since, _of_teams(giver))
    return await _found(connection, mine, (hand_overs.c.offered_at.desc(), hand_overs.c.id.desc()), limit)


def _of_teams(one: Staff) -> ColumnElement[bool]:
    """What is said of a team's patients is not for whoever has left the team."""
    return hand_overs.c.team_id.in_(one.team_ids)


async def unanswered(connection: AsyncConnection, team_ids: Collection[UUID], limit: int) -> list[HandOver]:
    """What nobody in these teams has answered in time, the most dangerous and oldest first."""
    theirs = (hand_overs.c.team_id.in_(sorted(team_ids)), text("hand_overs.state IN ('offered', 'overdue')"))
    overdue = (*theirs, hand_overs.c.state == HandOverState.OVERDUE)
    return await _found(connection, overdue, (hand_overs.c.urgency_rank, hand_overs.c.offered_at, hand_overs.c.id), limit)


_WAITING_LINE = text("hand_overs.state IN ('offered', 'overdue')")


async def _found(connection: AsyncConnection, where: Sequence[Any], order: Sequence[Any], limit: int) -> list[HandOver]:
    statement = _LINES.where(*where).order_by(*order).limit(limit)
    return [_line(row) for row in (await connection.execute(statement)).all()]


async def get(connection: AsyncConnection, id: UUID) -> HandOver | None:
    """One line."""
    row = (await connection.execute(_LINES.where(hand_overs.c.id == id))).first()
    return None if row is None else _line(row)


async def lock(connection: AsyncConnection, id: UUID) -> HandOver | None:
    """One line, locked; lock its item first."""
    await connection.execute(select(hand_overs.c.id).where(hand_overs.c.id == id).with_for_update(key_share=True))
    return await get(connection, id)


async def waiting_of_item(connection: AsyncConnection, item_id: UUID) -> UUID | None:
    """The line by which this item is offered to somebody who has not answered; None for none."""
    mine = (_WAITING_LINE, hand_overs.c.escalation_id == item_id)
    return await connection.scalar(select(hand_overs.c.id).where(*mine))


async def waiting_of_patient(connection: AsyncConnection, giver_id: UUID, patient_id: UUID) -> UUID | None:
    """The line without an item by which the giver has offered this patient."""
    mine = (_WAITING_LINE, hand_overs.c.giver_id == giver_id, hand_overs.c.patient_id == patient_id, hand_overs.c.escalation_id.is_(None))
    return await connection.scalar(select(hand_overs.c.id).where(*mine).limit(1))


async def settle(
    connection: AsyncConnection, id: UUID, state: HandOverState, now: datetime, *, staff_id: UUID | None = None, reason: str = ""
) -> bool:
    """What became of a line that still waits; False when it waits no more."""
    values: dict[str, Any] = {"state": state}
    if state not in WAITING:
        values |= {"answered_at": now, "answered_by": staff_id, "reason": reason or None}
    changed = await connection.execute(update(hand_overs).where(hand_overs.c.id == id, hand_overs.c.state.in_(WAITING)).values(**values))
    return changed.rowcount == 1


async def team_of_patient(connection: AsyncConnection, organization_id: UUID, patient_id: UUID) -> UUID | None:
    """The team whose patient this is; None for nobody of this organization."""
    mine = (patients.c.id == patient_id, patients.c.organization_id == organization_id)
    return await connection.scalar(select(patients.c.team_id).where(*mine))


async def overdue_of(connection: AsyncConnection, giver_id: UUID, team_id: UUID) -> int:
    """How many lines of this giver in this team nobody has answered in time."""
    theirs = (_WAITING_LINE, hand_overs.c.giver_id == giver_id, hand_overs.c.team_id == team_id)
    counted = select(func.count()).where(*theirs, hand_overs.c.state == HandOverState.OVERDUE)
    return await connection.scalar(counted) or 0


def about(line: HandOver) -> str:
    """What one item gathers: the lines of one giver in one team."""
    return f"{line.giver_id} {line.team_id}"


async def problems_of(connection: AsyncConnection, line: HandOver) -> list[StandingItem]:
    """The open operational items that say that this giver's lines are not answered, locked; also one that is this line's alone."""
    statement = (
        select(
            escalations.c.id,
            escalations.c.organization_id,
            concerns.c.rule,
            concerns.c.facts,
            escalations.c.urgency_rank,
            escalations.c.opened_at,
        )
        .join(concerns, concerns.c.escalation_id == escalations.c.id)
        .where(
            escalations.c.organization_id == line.organization_id,
            escalations.c.kind == Kind.OPERATIONAL,
            escalations.c.state != State.RESOLVED,
            concerns.c.rule == UNANSWERED,
        )
        .order_by(escalations.c.id)
        .with_for_update(key_share=True, of=escalations)
    )
    rows = (await connection.execute(statement)).all()
    return [
        StandingItem(row.id, row.organization_id, row.rule, by_rank(row.urgency_rank), row.opened_at)
        for row in rows
        if row.facts.get("about") == about(line) or ("about" not in row.facts and row.facts.get("hand_over") == str(line.id))
    ]
