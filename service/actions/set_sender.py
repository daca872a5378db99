"""Adds a number or sender pool to an organization, or changes what it may carry."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from service.actions.refusal import Refused
from service.db import audit, clinic, senders
from service.db.changes import Changes
from service.db.database import Database
from service.domain.sender import Use

LONGEST_SENDER = 64
MOST_SEGMENTS_PER_SECOND = 10_000
MOST_WEIGHT = 1000


@dataclass(frozen=True, slots=True)
class Limits:
    """What a sender may carry. None leaves what is set; 0 takes a rate or a cap of its own away again."""

    segments_per_second: float | None = None
    day_cap: int | None = None
    weight: int | None = None
    texts: bool | None = None
    calls: bool | None = None


async def set_sender(
    database: Database,
    organization_id: UUID,
    provider: str,
    sender: str,
    limits: Limits,
    now: datetime,
    *,
    uses: Collection[Use] = (),
    position: int | None = None,
) -> bool:
    """Sets a sender's limits and, where named, what it is used for and its place among those; True when it is new.

    Raises Refused for a sender that belongs to another organization, for limits out of bounds, and for a new one without a use.
    """
    if not 0 < len(sender) <= LONGEST_SENDER:
        raise Refused(
            "A sender is a number in E.164, a short code or a pool's id of at most {longest_sender} letters.", longest_sender=LONGEST_SENDER
        )
    if limits.segments_per_second is not None and not 0 <= limits.segments_per_second <= MOST_SEGMENTS_PER_SECOND:
        raise Refused(
            "Segments a second are a number from 0.01 to {most_segments_per_second}, or 0 for the default of its kind.",
            most_segments_per_second=MOST_SEGMENTS_PER_SECOND,
        )
    if limits.day_cap is not None and limits.day_cap < 0:
        raise Refused("The cap of a day is a number of segments, or 0 for none.")
    if limits.weight is not None and not 1 <= limits.weight <= MOST_WEIGHT:
        raise Refused("The weight is a number from 1 to {most_weight}.", most_weight=MOST_WEIGHT)
    async with database.transaction() as connection:
        owner = await clinic.sender_owner(connection, provider, sender)
        if owner not in (None, organization_id):
            raise Refused("Another organization sends from this number already: each needs its own.")
        if owner is None and not uses:
            raise Refused("The number is new here: say what it is used for (patients, emergency, pages).")
        changes = Changes(now)
        await senders.set_uses(connection, changes, organization_id, provider, sender, sorted(uses), position)
        id = await senders.row_of(connection, organization_id, provider, sender, now)
        values = {
            name: value or None if name in ("segments_per_second", "day_cap") else value
            for name, value in asdict(limits).items()
            if value is not None
        }
        if values:
            changes.update(senders.senders, id, **values)
        detail = {**values, "provider": provider, "uses": sorted(uses), **({} if position is None else {"position": position})}
        audit.record(changes, organization_id, "sender_set", object_kind="sender", object_id=id, detail=detail)
        await changes.write(connection)
    return owner is None
