"""What is done for a text that did not arrive: once more later, the check-in by telephone, or nothing (then a nurse gets an item).

A step inside the transaction that settles the text. Only a final status, or the provider's own list that never had it, leads here:
a text whose outcome is unknown is never sent a second time (law 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.after_call import MOST_CALLS, PATIENCE
from service.db import call_lists, calls, outbox, outcomes
from service.db.changes import Changes
from service.db.check_in import flow_sessions
from service.db.outcomes import Known, WaitingFor
from service.domain.communication import Purpose, Status
from service.domain.reading import Channel
from service.domain.retry import NEVER_HAD_AGAIN, again_at

PROVIDER_NEVER_HAD_IT = "provider_never_had_it"
"""Why a text is known not to have been processed: the provider's complete list lacks it."""
VALIDITY_OVER = "validity_over"
"""The effect of a failure that says that the time it was given to arrive was over."""
SOON = timedelta(minutes=5)
ANSWERS_ARE_USEFUL_FOR = timedelta(hours=1)
"""An answer that leaves later than this after it was written answers nothing any more."""
_PLANNED = frozenset({Purpose.CHECK_IN, Purpose.REMINDER, Purpose.OPENING, Purpose.NURSE})
_ASKED = frozenset({Purpose.CHECK_IN, Purpose.REMINDER, Purpose.ANSWER, Purpose.RECHECK})
_BY_TELEPHONE = frozenset({"not_mobile", "filtered"})


async def other_way(
    connection: AsyncConnection, changes: Changes, failed: Sequence[tuple[Known, str, str, timedelta | None]]
) -> dict[UUID, str]:
    """For texts that have failed, each with the reason, the effect of its code and the pause that the provider names: what follows.

    Text -> `again` (a row of its own is due later) or `call` (its check-in goes on by telephone); those left out need a person.
    A safety text is never among them: its item and its call follow it up.
    """
    candidates = [one for one in failed if one[0].purpose is not Purpose.SAFETY and one[0].status in (Status.FAILED, Status.UNDELIVERED)]
    if not candidates:
        return {}
    sessions = await outcomes.waiting_sessions(connection, [one.flow_session_id for one, *_ in candidates if one.flow_session_id])
    found: dict[UUID, str] = {}
    callable_ones: list[Known] = []
    for one, reason, effect, pause in candidates:
        session = sessions.get(one.flow_session_id) if one.flow_session_id is not None else None
        if one.flow_session_id is not None and session is None and one.purpose in _ASKED:
            continue  # the conversation is over
        due_at = _again(one, reason, effect, pause, changes.now)
        if due_at is not None:
            await outcomes.write_again(connection, changes, one.id, due_at)
            if session is not None and session.waits_until is not None:
                changes.update(flow_sessions, session.id, waits_until=due_at + (session.waits_until - one.created_at))
            found[one.id] = "again"
        elif session is not None and one.purpose in _ASKED and (effect in _BY_TELEPHONE or pause is not None):
            callable_ones.append(one)
    return found | await _call(connection, changes, callable_ones, sessions)


def _again(one: Known, reason: str, effect: str, pause: timedelta | None, now: datetime) -> datetime | None:
    """When this text is sent anew, None when it is not."""
    until = one.useful_until
    if one.purpose not in _PLANNED:
        until = min(until or one.created_at + ANSWERS_ARE_USEFUL_FOR, one.created_at + ANSWERS_ARE_USEFUL_FOR)
    if reason == PROVIDER_NEVER_HAD_IT:
        return again_at(one.again, now, timedelta(), created_at=one.created_at, useful_until=until, most=NEVER_HAD_AGAIN)
    if effect == VALIDITY_OVER:
        pause = timedelta()
    if pause is None or (one.purpose not in _PLANNED and pause > SOON):
        return None
    return again_at(one.again, now, pause, created_at=one.created_at, useful_until=until)


async def _call(connection: AsyncConnection, changes: Changes, texts: Sequence[Known], sessions: dict[UUID, WaitingFor]) -> dict[UUID, str]:
    """The check-in goes on by telephone where the patient has agreed to calls on this number."""
    whose = {one.patient_id for one in texts if one.patient_id is not None}
    if not whose:
        return {}
    agreed = await outbox.consents_of(connection, whose, [])
    tried = await call_lists.of_session(connection, [one.flow_session_id for one in texts if one.flow_session_id is not None])
    busy = await call_lists.under_way(connection, whose)
    found: dict[UUID, str] = {}
    for one in texts:
        if one.patient_id is None or one.flow_session_id is None or one.patient_id in busy:
            continue
        session = sessions[one.flow_session_id]
        consents = [consent for consent, _ in agreed.get(one.patient_id, [])]
        number = 1 + max((call.number for call in tried[one.flow_session_id]), default=0)
        if (
            number > MOST_CALLS
            or not session.may_contact
            or not any(c.covers(one.phone_id, Channel.VOICE, session.programme, changes.now) for c in consents)
        ):
            continue
        calls.plan(
            changes,
            organization_id=one.organization_id,
            patient_id=one.patient_id,
            phone_id=one.phone_id,
            flow_session_id=one.flow_session_id,
            programme=session.programme,
            purpose=Purpose.REMINDER,
            number=number,
            due_at=changes.now,
            useful_until=one.useful_until,
        )
        changes.update(flow_sessions, one.flow_session_id, waits_until=changes.now + PATIENCE)
        busy.add(one.patient_id)
        found[one.id] = "call"
    return found
