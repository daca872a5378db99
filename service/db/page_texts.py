"""Whose number has answered a page by text, and which items it was paged for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.encryption import keyring_of
from service.db.escalation import escalations, pages
from service.db.staff import staff
from service.domain.communication import Status
from service.domain.escalation import State
from service.domain.ladder import PageChannel
from service.domain.staff import Role, Staff

MOST_ITEMS = 50
_TAKEN = (Status.ACCEPTED, Status.SENT, Status.DELIVERED)
"""The provider has the page."""
_LEFT = (Status.CLAIMED, Status.UNKNOWN, *_TAKEN)
"""A page may have reached her before the provider's word on it has reached us."""


@dataclass(frozen=True, slots=True)
class Paged:
    """Who answers a page by text, and what she can mean."""

    member: Staff
    waiting: list[UUID]
    """The items that she was paged for and that still wait, oldest first: none when somebody else was quicker, or when the patient has
    gone to another team since, which has to be paged itself."""
    clear: bool
    """Whether her words can only be about the one that waits: it is the only one, and the provider took its page, or took no other."""


async def paged_by_text(connection: AsyncConnection, organization_id: UUID, number: str, since: datetime) -> Paged | None:
    """The one member of staff who has this number, and what she was paged for by text since then.

    None when the number is nobody's, or several people's, or she was not paged.
    """
    index = keyring_of(connection).blind_index(organization_id, number)
    known = select(staff).where(staff.c.organization_id == organization_id, staff.c.phone_index == index, staff.c.disabled_at.is_(None))
    members = (await connection.execute(known.limit(2))).all()
    if len(members) != 1:
        return None
    taken = func.max(case((pages.c.status.in_(_TAKEN), 1), else_=0)).label("taken")
    theirs = func.max(case((pages.c.team_id == escalations.c.team_id, 1), else_=0)).label("theirs")
    paged_for = (
        select(escalations.c.id, escalations.c.state, escalations.c.acknowledged_at, taken, theirs)
        .join(pages, pages.c.escalation_id == escalations.c.id)
        .where(
            pages.c.staff_id == members[0].id,
            pages.c.channel == PageChannel.TEXT,
            pages.c.status.in_(_LEFT),
            pages.c.created_at > since,
        )
        .group_by(escalations.c.id, escalations.c.state, escalations.c.acknowledged_at)
        .order_by(escalations.c.id.desc())
        .limit(MOST_ITEMS)
    )
    items = (await connection.execute(paged_for)).all()
    if not items:
        return None
    waiting = [item for item in items if item.theirs and item.state != State.RESOLVED and item.acknowledged_at is None]
    clear = len(waiting) == 1 and bool(waiting[0].taken or not any(item.taken for item in items))
    row = members[0]
    return Paged(Staff(row.id, row.organization_id, row.name, Role(row.role), ()), sorted(item.id for item in waiting), clear)
