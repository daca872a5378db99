"""What a shift leaves behind: the items in hand, and what was put off, planned or promised for the hours to come."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.escalation import escalations
from service.db.escalation_claims import in_reach
from service.db.follow_ups import follow_ups
from service.db.hand_overs import hand_overs
from service.db.patient import patients
from service.db.promises import promises
from service.db.staff import staff as staff_table
from service.domain.escalation import State
from service.domain.hand_over import WAITING, Held
from service.domain.promise import PromiseState
from service.domain.staff import Staff
from service.domain.urgency import Urgency, by_rank


@dataclass(frozen=True, slots=True)
class HeldItem:
    """An item in somebody's hands, with what a line about it is prefilled from. `offered_to` is "" for nobody."""

    id: UUID
    team_id: UUID
    patient_id: UUID | None
    urgency: Urgency
    summary: str
    opened_at: datetime
    due_at: datetime
    wakes_at: datetime | None
    """Of one that they have put off: when it comes back; None for one that they hold."""
    patient: str
    birth_date: str
    hand_over_id: UUID | None
    offered_to: str

    @property
    def held(self) -> Held:
        """As the rules of leaving see it."""
        return Held(self.id, self.urgency, self.offered_to)


@dataclass(frozen=True, slots=True)
class Planned:
    """Something that is due in the hours to come: about whom, what, and when. `item_id`: where it can be looked up."""

    patient_id: UUID | None
    item_id: UUID | None
    patient: str
    words: str
    due_at: datetime


async def held_by(connection: AsyncConnection, staff: Staff, now: datetime, limit: int) -> list[HeldItem]:
    """The open items that this member of staff holds, the most dangerous first; a claim that has run out holds nothing, nor does one on an
    item of a team that they have left."""
    held = (text("escalations.state = 'claimed'"), escalations.c.state == State.CLAIMED, escalations.c.claimed_until > now)
    order = (escalations.c.urgency_rank, escalations.c.due_at, escalations.c.id)
    return await _in_hands(connection, staff, held, order, limit)


async def put_off_by(connection: AsyncConnection, staff: Staff, until: datetime, limit: int) -> list[HeldItem]:
    """The items that this member of staff has put off and that come back by then, the most dangerous and first first."""
    asleep = (text("escalations.state = 'snoozed'"), escalations.c.state == State.SNOOZED, escalations.c.snoozed_until <= until)
    order = (escalations.c.urgency_rank, escalations.c.snoozed_until, escalations.c.id)
    return await _in_hands(connection, staff, asleep, order, limit)


async def _in_hands(connection: AsyncConnection, staff: Staff, where: Sequence[Any], order: Sequence[Any], limit: int) -> list[HeldItem]:
    offer = and_(hand_overs.c.escalation_id == escalations.c.id, or_(*(hand_overs.c.state == state for state in WAITING)))
    statement = (
        select(
            escalations.c.id,
            escalations.c.team_id,
            escalations.c.patient_id,
            escalations.c.urgency_rank,
            escalations.c.summary,
            escalations.c.opened_at,
            escalations.c.due_at,
            escalations.c.snoozed_until,
            patients.c.name,
            patients.c.birth_date,
            hand_overs.c.id.label("hand_over_id"),
            staff_table.c.name.label("offered_to"),
        )
        .outerjoin(patients, patients.c.id == escalations.c.patient_id)
        .outerjoin(hand_overs, offer)
        .outerjoin(staff_table, staff_table.c.id == hand_overs.c.receiver_id)
        .where(in_reach(staff), escalations.c.claimed_by == staff.id, *where)
        .order_by(*order)
        .limit(limit)
    )
    return [
        HeldItem(
            row.id,
            row.team_id,
            row.patient_id,
            by_rank(row.urgency_rank),
            row.summary,
            row.opened_at,
            row.due_at,
            row.snoozed_until,
            row.name or "",
            row.birth_date or "",
            row.hand_over_id,
            row.offered_to or "",
        )
        for row in (await connection.execute(statement)).all()
    ]


async def planned(connection: AsyncConnection, team_ids: Collection[UUID], until: datetime, limit: int) -> list[Planned]:
    """Follow-ups of these teams that are due by then, the first first."""
    statement = (
        select(
            follow_ups.c.patient_id, follow_ups.c.escalation_id, patients.c.name, follow_ups.c.what, follow_ups.c.words, follow_ups.c.due_at
        )
        .outerjoin(patients, patients.c.id == follow_ups.c.patient_id)
        .where(
            text("follow_ups.state IN ('planned', 'due')"),
            follow_ups.c.state == "planned",
            follow_ups.c.team_id.in_(sorted(team_ids)),
            follow_ups.c.due_at <= until,
        )
        .order_by(follow_ups.c.due_at, follow_ups.c.id)
        .limit(limit)
    )
    return [
        Planned(row.patient_id, row.escalation_id, row.name or "", row.words or row.what.replace("_", " "), row.due_at)
        for row in (await connection.execute(statement)).all()
    ]


async def promised(connection: AsyncConnection, team_ids: Collection[UUID], until: datetime, limit: int) -> list[Planned]:
    """What patients of these teams were told and nobody has kept yet, due by then, the first first."""
    statement = (
        select(promises.c.patient_id, promises.c.escalation_id, patients.c.name, promises.c.words, promises.c.due_at)
        .outerjoin(patients, patients.c.id == promises.c.patient_id)
        .where(
            text("promises.state = 'open'"),
            promises.c.state == PromiseState.OPEN,
            promises.c.team_id.in_(sorted(team_ids)),
            promises.c.due_at <= until,
            patients.c.synthetic.is_not(True),
        )
        .order_by(promises.c.due_at, promises.c.id)
        .limit(limit)
    )
    rows = (await connection.execute(statement)).all()
    return [Planned(row.patient_id, row.escalation_id, row.name or "", row.words, row.due_at) for row in rows]


async def names(connection: AsyncConnection, patient_ids: Collection[UUID]) -> dict[UUID, tuple[str, str]]:
    """(name, birth date or "") of these patients."""
    if not patient_ids:
        return {}
    statement = select(patients.c.id, patients.c.name, patients.c.birth_date).where(patients.c.id.in_(sorted(patient_ids)))
    return {row.id: (row.name, row.birth_date or "") for row in (await connection.execute(statement)).all()}
