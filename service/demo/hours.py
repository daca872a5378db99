"""Lets the hours pass in which a patient does not answer: a visitor has minutes, silence counts in hours."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from service.db import clinic, talk
from service.db.calls import calls
from service.db.changes import Changes
from service.db.check_in import flow_sessions
from service.db.database import Database
from service.engine import Session


async def let_hours_pass(database: Database, number: str, now: datetime) -> bool:
    """Moves what waits for this number back in time until the wait is over; the service's own jobs do the rest. False: nothing waits.

    What follows a question in this way: the reminder, a call, a second call, a nurse's item.
    """
    async with database.transaction() as connection:
        changes = Changes(now)
        for organization in await clinic.list_organizations(connection):
            planned = await talk.planned_calls(connection, organization.id, number)
            for call_id in planned:
                changes.update(calls, call_id, due_at=now)
            for session_id, state in [] if planned else await talk.waiting_sessions(connection, organization.id, number):
                changes.update(flow_sessions, session_id, waits_until=now, state=_earlier(Session.from_json(state), now).to_json())
        await changes.write(connection)
    return bool(changes.updated)


def _earlier(session: Session, now: datetime) -> Session:
    """The session as if it had been waiting for as long as it was to wait."""
    if session.wait_until is None or session.wait_until <= now:
        return session
    asked_at = session.asked_at - (session.wait_until - now) if session.asked_at is not None else None
    return replace(session, asked_at=asked_at, wait_until=now)
