"""Moves the shares of senders by how they do (`domain.failover`): every step is audited, and a sender that is given up is an item."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from service.db import alarm_items, audit, senders
from service.db.changes import Changes
from service.db.database import Database
from service.db.problems import Problem, report
from service.domain.failover import WINDOW, shift
from service.domain.urgency import Urgency

_log = structlog.get_logger(__name__)

GIVEN_UP = "provider_given_up"
BACKLOG = timedelta(minutes=10)
"""Routine texts that are later than this are still the outage's."""
_REASON = "A telephony provider takes hardly any texts: they go by another sender where there is one, else routine texts wait."


async def shift_senders(database: Database, now: datetime) -> int:
    """One round over the senders that were used in the last two minutes; how many shares moved.

    However long an outage lasts and however many texts wait for its end, it is one item for the organization; it is closed when no
    sender is given up any more and what waited has gone out.
    """
    moved = 0
    async with database.transaction() as connection:
        changes = Changes(now)
        problems = []
        for one in await senders.judged(connection, now, WINDOW):
            step = shift(one.standing, one.signals, now)
            if step is None or not await senders.move_share(connection, one, step, now):
                continue
            moved += 1
            detail = {"provider": one.provider, "from": one.standing.share, "to": step.share, "why": step.why}
            audit.record(changes, one.organization_id, "sender_shifted", object_kind="sender", object_id=one.id, detail=detail)
            _log.warning("sender_shifted", sender_id=str(one.id), provider=one.provider, share=step.share, why=step.why)
            if step.given_up:
                detail = {"provider": one.provider, "why": step.why}
                problems.append(Problem(one.organization_id, GIVEN_UP, _REASON, Urgency.URGENT, detail=detail))
        await report(connection, changes, problems)
        if standing := await alarm_items.standing(connection, [GIVEN_UP], lock=True):
            still = await senders.given_up(connection, now - BACKLOG)
            for item in standing:
                if item.organization_id not in still and item.opened_at < now:
                    alarm_items.close(changes, item)
        await changes.write(connection)
    return moved
