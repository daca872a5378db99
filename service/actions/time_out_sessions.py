"""Carries conversations on whose patient has not answered in time: a reminder, a call, then silence as an item (decisions 9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from service.actions.apply_events import proceed
from service.actions.call_instead import NO_CALLS, call_instead, ways
from service.actions.knowledge import Knowledge
from service.actions.one_by_one import together_or_one_by_one
from service.actions.stop_contact import end_conversation
from service.db import leases, planning, worries
from service.db.changes import Changes
from service.db.check_in import flow_sessions
from service.db.contexts import load_contexts
from service.db.database import Database
from service.db.problems import Problem, report
from service.domain.event import TimedOut
from service.domain.patient import PatientStatus
from service.domain.urgency import Urgency
from service.engine import Session

LOOKS_BACK = timedelta(days=30)
"""How far back emergencies are looked for: no flow may let one make silence count sooner for longer."""
LOOK_AGAIN = timedelta(minutes=15)
"""A conversation that could not be carried on is looked at again after this; a work item says so at once."""


async def time_out_sessions(database: Database, knowledge: Knowledge, now: datetime, *, limit: int = 200) -> int:
    """Times out at most `limit` conversations in one commit; how many were looked at. A failed batch is done one by one."""
    async with database.reading() as connection:
        patient_ids = await planning.sessions_timed_out(connection, now, limit)
    if not patient_ids:
        return 0

    async def together(ids: Sequence[UUID]) -> None:
        await _together(database, knowledge, ids, now)

    async def set_aside(patient_id: UUID, failure: str) -> None:
        await _set_aside(database, patient_id, failure, now)

    await together_or_one_by_one("time_outs", patient_ids, together, set_aside)
    return len(patient_ids)


async def _together(database: Database, knowledge: Knowledge, patient_ids: Sequence[UUID], now: datetime) -> None:
    async with database.transaction() as connection:
        contexts = await load_contexts(connection, patient_ids, now)
        emergencies = await leases.last_emergencies(connection, contexts, now - LOOKS_BACK)
        worried = await worries.pressed_at(connection, list(contexts), now)
        waits = await planning.session_waits(connection, patient_ids)
        reached = await ways(connection, contexts, now)
        sessions = [context.session for context in contexts.values() if context.session is not None]
        conversations = await knowledge.flows(connection, {session.flow_version_id for session in sessions})
        changes = Changes(now)
        for id, context in contexts.items():
            told_at = now if id in worried else emergencies.get(id)
            context = replace(context, emergency_at=told_at)  # silence after an emergency, or while a nurse worries, counts sooner
            until, _ = waits.get(id, (None, now))
            session = context.session
            if session is None or until is None or until > now:
                continue  # answered, stopped or timed out meanwhile
            flow = conversations[session.flow_version_id]
            if context.status is PatientStatus.PAUSED and session.check_in_id is not None:
                end_conversation(changes, context)  # nobody counts as silent while check-ins rest
                changes.wake(f"patient:{id}")
                continue
            if call_instead(changes, context, flow, reached.get(id, NO_CALLS)) is not None:
                changes.wake(f"patient:{id}")
                continue
            step = Session.from_json(session.state).step
            after = proceed(changes, knowledge, context, flow, TimedOut(step, now))
            written = changes.updated.get(flow_sessions, {}).get(session.id, {})
            if after.session is not None and written.get("waits_until") is None:
                changes.update(flow_sessions, session.id, waits_until=now + LOOK_AGAIN)
            changes.wake(f"patient:{id}")
        await changes.write(connection)


async def _set_aside(database: Database, patient_id: UUID, failure: str, now: datetime) -> None:
    async with database.transaction() as connection:
        contexts = await load_contexts(connection, [patient_id], now)
        context = contexts.get(patient_id)
        if context is None or context.session is None:
            return
        changes = Changes(now)
        changes.update(flow_sessions, context.session.id, waits_until=now + LOOK_AGAIN)
        reason = "A conversation could not be carried on: the patient has not been reminded."
        problem = Problem(
            context.organization.id,
            "conversation_failed",
            reason,
            Urgency.SAME_DAY,
            patient_id=patient_id,
            detail={"failure": failure},
        )
        await report(connection, changes, [problem], repeat=False)
        await changes.write(connection)
