"""What moves with a patient to another team: open items back in the pool, follow-ups, hand-overs that are offered no more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db import items
from service.db.changes import Changes
from service.db.escalation import escalations, pages
from service.db.follow_ups import follow_ups
from service.db.hand_overs import hand_overs
from service.db.organization import teams
from service.db.patient import patients
from service.db.staff import staff, staff_teams
from service.domain.communication import Status
from service.domain.escalation import State, transition
from service.domain.hand_over import WAITING, HandOverState
from service.domain.staff import PAGED
from service.domain.urgency import Urgency, by_rank


async def team_to_move_to(connection: AsyncConnection, organization_id: UUID, team_id: UUID) -> tuple[str, int] | None:
    """Name of a team of this organization and how many of its members may judge; None for no such team."""
    members = (
        select(func.count())
        .select_from(staff_teams.join(staff, staff.c.id == staff_teams.c.staff_id))
        .where(staff_teams.c.team_id == teams.c.id, staff.c.disabled_at.is_(None), staff.c.role.in_(list(PAGED)))
        .scalar_subquery()
    )
    mine = (teams.c.id == team_id, teams.c.organization_id == organization_id, teams.c.synthetic.is_(False))
    row = (await connection.execute(select(teams.c.name, members.label("members")).where(*mine))).first()
    return (row.name, row.members) if row is not None else None


async def move(connection: AsyncConnection, changes: Changes, patient_id: UUID, team_id: UUID, staff_id: UUID) -> int:
    """Everything of a patient (locked) that belongs to a team is the other team's from now on; how many open items that are.

    An item that somebody holds or has put off is open again, as unseen: the ladder of the other team begins for it.
    """
    open_items = await _open_items(connection, patient_id)
    for row in open_items:
        if State(row.state) is not State.OPEN and not transition(State(row.state), State.OPEN):
            raise ValueError(f"an item that is {row.state} cannot be opened")
        free: dict[str, Any] = {"state": State.OPEN, "claimed_by": None, "claimed_at": None, "claimed_until": None, "snoozed_until": None}
        unseen: dict[str, Any] = {"acknowledged_by": None, "acknowledged_at": None, "ladder": None}
        changes.update(escalations, row.id, team_id=team_id, **free, **unseen, touched_at=changes.now)
        detail = {"from": str(row.team_id), "to": str(team_id)}
        items.add_event(changes, row.organization_id, row.id, "transferred", detail, staff_id)
        if by_rank(row.urgency_rank) is not Urgency.ROUTINE:
            items.plan_paging(changes, row.organization_id, row.id, "start", by_rank(row.urgency_rank))
    ids = [row.id for row in open_items]
    due = pages.c.escalation_id.in_(ids) & (pages.c.status == Status.DUE)
    changes.also(update(pages).where(due).values(status=Status.CANCELLED, status_at=changes.now))
    planned = (follow_ups.c.patient_id == patient_id) & follow_ups.c.state.in_(["planned", "due"])
    changes.also(update(follow_ups).where(planned).values(team_id=team_id, for_staff_id=None))
    offered = (hand_overs.c.patient_id == patient_id) | hand_overs.c.escalation_id.in_(ids)
    void = {"state": HandOverState.VOID, "answered_at": changes.now, "answered_by": staff_id}
    changes.also(update(hand_overs).where(offered, hand_overs.c.state.in_(WAITING)).values(void))
    changes.update(patients, patient_id, team_id=team_id)
    return len(ids)


async def _open_items(connection: AsyncConnection, patient_id: UUID) -> Sequence[Row[Any]]:
    c = escalations.c
    mine: Select[Any] = select(c.id, c.organization_id, c.team_id, c.state, c.urgency_rank).where(
        c.patient_id == patient_id, c.state != State.RESOLVED
    )
    return list((await connection.execute(mine.order_by(c.id).limit(100).with_for_update(key_share=True))).all())
