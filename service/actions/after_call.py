"""What follows when a call is over or could not be placed: a second call, the check-in's own clock, or a nurse.

Steps inside others' transactions.
"""

from __future__ import annotations

from datetime import timedelta

from service.db import calls
from service.db.calls import CallRow
from service.db.changes import Changes
from service.db.check_in import flow_sessions
from service.domain.call import CallStatus
from service.domain.communication import Purpose

MOST_CALLS = 2
"""Calls for one check-in."""
SECOND_CALL_AFTER = timedelta(minutes=15)
PATIENCE = timedelta(minutes=45)
"""How long a check-in waits for its planned call before its silence counts after all, whatever became of the call."""
NOT_REACHED = frozenset({CallStatus.UNANSWERED, CallStatus.ENGAGED})


def give_back(changes: Changes, call: CallRow) -> None:
    """The check-in that this call stood in for goes on by its own clock: silence counts now. A check-in that is asked by
    calls alone keeps its times."""
    if call.purpose is Purpose.REMINDER:
        calls.let_silence_count(changes, call)


def call_again(changes: Changes, call: CallRow) -> bool:
    """A second call a little later for one that nobody picked up; whether there is one.

    To be written after the first call's end: a patient has one live call at most.
    """
    due_at = changes.now + SECOND_CALL_AFTER
    if call.purpose is not Purpose.REMINDER or call.number >= MOST_CALLS or call.flow_session_id is None:
        return False
    if call.useful_until is not None and due_at >= call.useful_until:
        return False
    calls.plan(
        changes,
        organization_id=call.organization_id,
        patient_id=call.patient_id,
        phone_id=call.phone_id,
        flow_session_id=call.flow_session_id,
        programme=call.programme,
        purpose=call.purpose,
        number=call.number + 1,
        due_at=due_at,
        useful_until=call.useful_until,
    )
    changes.update(flow_sessions, call.flow_session_id, waits_until=due_at + PATIENCE)
    return True
