"""Open clinical items as a reply finds them: what has been raised, paged and said on them; their rows are locked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.communication import communications
from service.db.database import among
from service.db.escalation import concerns, escalations, pages
from service.domain.communication import Purpose
from service.domain.escalation import SAFETY_ANSWER, Kind, Reached, State
from service.domain.patient import OpenItem
from service.domain.urgency import Urgency, by_rank


async def load_patient_items(connection: AsyncConnection, patient_ids: Collection[UUID]) -> dict[UUID, OpenItem]:
    """The open item of each of these patients that has one."""
    return await _open_items(connection, among(connection, escalations.c.patient_id, patient_ids), "patient_id")


async def load_phone_items(connection: AsyncConnection, phone_ids: Collection[UUID]) -> dict[UUID, OpenItem]:
    """Open items that hang on a phone number because no patient is known, by phone."""
    return await _open_items(
        connection, and_(among(connection, escalations.c.phone_id, phone_ids), escalations.c.patient_id.is_(None)), "phone_id"
    )


async def _open_items(connection: AsyncConnection, whose: Any, key: str) -> dict[UUID, OpenItem]:
    statement = (
        select(escalations)
        .where(whose, escalations.c.state != State.RESOLVED, escalations.c.kind == Kind.CLINICAL)
        .order_by(escalations.c.id)
        .with_for_update(key_share=True)
    )
    rows = (await connection.execute(statement)).all()
    if not rows:
        return {}
    ids = [row.id for row in rows]
    raised = await _by_item(
        connection,
        select(concerns.c.escalation_id, concerns.c.rule, concerns.c.communication_id, concerns.c.raised_at).where(
            among(connection, concerns.c.escalation_id, ids)
        ),
    )
    paged = (
        select(pages.c.escalation_id, func.max(pages.c.created_at))
        .where(among(connection, pages.c.escalation_id, ids))
        .group_by(pages.c.escalation_id)
    )
    paged_at: dict[UUID, datetime] = {row[0]: row[1] for row in (await connection.execute(paged)).all()}
    safety = await _by_item(
        connection,
        select(communications.c.escalation_id, communications.c.reason, communications.c.phone_id, communications.c.created_at)
        .where(among(connection, communications.c.escalation_id, ids), communications.c.purpose == Purpose.SAFETY)
        .order_by(communications.c.created_at),
    )
    return {
        getattr(row, key): OpenItem(
            id=row.id,
            urgency=by_rank(row.urgency_rank),
            due_at=row.due_at,
            state=row.state,
            reached=Reached(row.reached),
            acknowledged=row.acknowledged_at is not None,
            paged_at=paged_at.get(row.id),
            concerns=tuple((one.rule, str(one.communication_id or "")) for one in raised[row.id]),
            safety_texts=tuple(one.reason for one in safety[row.id]),
            safety_phones=frozenset(one.phone_id for one in safety[row.id]),
            safety_text_at=safety[row.id][-1].created_at if safety[row.id] else None,
            safety_answer_at=max((one.raised_at for one in raised[row.id] if one.rule.startswith(SAFETY_ANSWER)), default=None),
            concern_at=max((one.raised_at for one in raised[row.id]), default=None),
        )
        for row in rows
    }


async def _by_item(connection: AsyncConnection, statement: Select[Any]) -> dict[UUID, list[Row[Any]]]:
    found: dict[UUID, list[Row[Any]]] = defaultdict(list)
    for row in (await connection.execute(statement)).all():
        found[row.escalation_id].append(row)
    return found


@dataclass(frozen=True, slots=True)
class Unheld:
    """An open item of any kind that nobody works on just now, though somebody has seen it; `asleep`: they have put it off."""

    id: UUID
    organization_id: UUID
    urgency: Urgency
    asleep: bool


async def in_nobodys_hands(connection: AsyncConnection, ids: Collection[UUID]) -> list[Unheld]:
    """Those of these items that are put off, and those emergencies and urgent ones that were acknowledged and not claimed; locked in id
    order."""
    seen = (escalations.c.state == State.OPEN) & escalations.c.acknowledged_at.is_not(None)
    pressing = escalations.c.urgency_rank <= Urgency.URGENT.rank
    statement = (
        select(escalations.c.id, escalations.c.organization_id, escalations.c.urgency_rank, escalations.c.state)
        .where(among(connection, escalations.c.id, ids), or_(escalations.c.state == State.SNOOZED, seen & pressing))
        .order_by(escalations.c.id)
        .with_for_update(key_share=True)
    )
    rows = (await connection.execute(statement)).all()
    return [Unheld(row.id, row.organization_id, by_rank(row.urgency_rank), row.state == State.SNOOZED) for row in rows]
