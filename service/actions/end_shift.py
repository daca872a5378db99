"""A nurse ends her shift: not with an emergency or urgent item in her hands; the rest goes back to the pool (safety rule 27)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.refusal import NotFound, Refused
from service.actions.release_escalation import release_escalation
from service.db import audit, hand_over_lists
from service.db.database import Database
from service.db.hand_over_lists import HeldItem
from service.domain.hand_over import MOST_LINES, goes_back, keeps_from_leaving
from service.domain.staff import Permission, Staff


@dataclass(frozen=True, slots=True)
class Left:
    """`blocked_by`: what must be closed or accepted by somebody first, then nothing was changed; `given_back`: items that returned."""

    blocked_by: tuple[HeldItem, ...] = ()
    given_back: int = 0


async def end_shift(database: Database, staff: Staff, now: datetime) -> Left:
    """Ends it, or says what stands in the way. Same-day and routine items that nobody was asked to take over go back to the pool; those
    that somebody was asked for stay with the giver until they are accepted or their claim runs out; those that are put off sleep on."""
    if not staff.may(Permission.WORK_QUEUE):
        raise NotFound
    async with database.reading() as connection:
        held, asleep = await _of(connection, staff, now)
    if blocked := _blocking([*held, *asleep]):
        return Left(blocked)
    back = {item.id for item in goes_back(item.held for item in held)}
    given_back = 0
    for item in held:
        if item.id in back:
            try:
                await release_escalation(database, staff, item.id, now, why="shift_end")
            except (NotFound, Refused):
                continue  # closed or gone elsewhere meanwhile
            given_back += 1
    async with database.transaction() as connection:
        if blocked := _blocking([one for some in await _of(connection, staff, now) for one in some]):
            return Left(blocked, given_back)
        await audit.leave(connection, staff.organization_id, now, "shift_ended", staff_id=staff.id)
    return Left((), given_back)


async def _of(connection: AsyncConnection, staff: Staff, now: datetime) -> tuple[list[HeldItem], list[HeldItem]]:
    """What they hold, and what they have put off: nothing pressing sleeps for as long as a day."""
    held = await hand_over_lists.held_by(connection, staff, now, MOST_LINES)
    return held, await hand_over_lists.put_off_by(connection, staff, now + timedelta(days=1), MOST_LINES)


def _blocking(held: list[HeldItem]) -> tuple[HeldItem, ...]:
    pressing = {item.id for item in keeps_from_leaving(item.held for item in held)}
    return tuple(item for item in held if item.id in pressing)
