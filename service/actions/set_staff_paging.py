"""Where and how a member of staff is paged, and the PIN that a call asks them for."""

from __future__ import annotations

import asyncio
from datetime import datetime
from itertools import pairwise

from service.actions.passwords import hash_password
from service.actions.refusal import Refused
from service.db import audit, rota, staff
from service.db.database import Database
from service.domain.ladder import DEFAULTS, could_end_with_nobody
from service.domain.staff import PAGED, Staff

PAGED_BY = ("text", "call", "both")
PIN_DIGITS = (4, 8)


async def set_staff_paging(
    database: Database, member: Staff, *, phone: str | None, paged_by: str, pin: str | None, now: datetime, by: Staff | None = None
) -> None:
    """Writes number (E.164; None: none) and way of paging, and the PIN unless it is None. `by` is who does it, None at the command line.

    Raises Refused for somebody who works no items, for a PIN that is not four to eight digits or easily guessed, and when taking a number
    away would leave a team's ladder without an end.
    """
    if member.role not in PAGED:
        raise Refused("Only nurses and supervisors are paged.")
    if paged_by not in PAGED_BY:
        raise Refused("Say how they want to be paged: text, call or both.")
    if pin is not None and (why := why_not_pin(pin)):
        raise Refused(why)
    pin_hash = await asyncio.to_thread(hash_password, pin) if pin is not None else None
    async with database.transaction() as connection:
        await staff.set_paging(connection, member, phone=phone, paged_by=paged_by)
        if pin_hash is not None:
            await staff.set_pin(connection, member, pin_hash)
        for crew in (await rota.crews(connection, member.team_ids, now)).values():
            for urgency in DEFAULTS:
                if why := could_end_with_nobody(crew, urgency):
                    raise Refused("Not changed: {why}.", why=why)
        who = by.id if by is not None else None
        detail = {"has_phone": phone is not None, "paged_by": paged_by, "new_pin": pin is not None}
        await audit.leave(
            connection,
            member.organization_id,
            now,
            "staff_paging_set",
            object_kind="staff",
            object_id=member.id,
            detail=detail,
            staff_id=who,
        )


def why_not_pin(pin: str) -> str:
    """What is wrong with a PIN, "" when nothing is."""
    shortest, longest = PIN_DIGITS
    if not (pin.isascii() and pin.isdigit() and shortest <= len(pin) <= longest):
        return f"A PIN has {shortest} to {longest} digits."
    steps = {(int(after) - int(before)) % 10 for before, after in pairwise(pin)}
    return "This PIN is too easily guessed: choose other digits." if steps in ({0}, {1}, {9}) else ""
