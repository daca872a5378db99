"""Whose number has answered a page by text, and which items it was paged for."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.encryption import keyring_of
from service.db.escalation import escalations, pages
from service.db.staff import staff
from service.domain.communication import Status
from service.domain.escalation import State
from service.domain.ladder import PageChannel
from service.domain.staff import Role, Staff

MOST_ITEMS = 50
_LEFT = (Status.CLAIMED, Status.UNKNOWN, Status.ACCEPTED, Status.SENT, Status.DELIVERED)
"""A page may have reached her before the provider's word on it has reached us."""


async def waiting_for(connection: AsyncConnection, organization_id: UUID, number: str, since: datetime) -> tuple[Staff, list[UUID]] | None:
    """The one member of staff who has this number, and those items that she was paged for by text since then and that still wait, oldest
    first: none when somebody else was quicker, or when the patient has gone to another team since, which has to be paged itself.

    None when the number is nobody's, or several people's, or she was not paged.
    """
    index = keyring_of(connection).blind_index(organization_id, number)
    known = select(staff).where(staff.c.organization_id == organization_id, staff.c.phone_index == index, staff.c.disabled_at.is_(None))
    members = (await connection.execute(known.limit(2))).all()
    if len(members) != 1:
        return None
    paged_for = (
        select(
            escalations.c.id, escalations.c.state, escalations.c.acknowledged_at, (pages.c.team_id == escalations.c.team_id).label("theirs")
        )
        .join(pages, pages.c.escalation_id == escalations.c.id)
        .where(
            pages.c.staff_id == members[0].id,
            pages.c.channel == PageChannel.TEXT,
            pages.c.status.in_(_LEFT),
            pages.c.created_at > since,
        )
        .distinct()
        .order_by(escalations.c.id.desc())
        .limit(MOST_ITEMS)
    )
    items = (await connection.execute(paged_for)).all()
    if not items:
        return None
    waiting = sorted(item.id for item in items if item.theirs and item.state != State.RESOLVED and item.acknowledged_at is None)
    row = members[0]
    return Staff(row.id, row.organization_id, row.name, Role(row.role), ()), waiting
