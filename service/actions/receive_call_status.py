"""Receives a provider's words on calls: forward only, and what the end of a call leads to.

Hang-up in mid-flow keeps what was answered (it was judged answer by answer) and hands the rest to a nurse.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.after_call import NOT_REACHED, call_again, give_back
from service.actions.apply_events import apply_events, queue_text
from service.actions.heard import MACHINE
from service.actions.heed_unreached import heed_unreached
from service.actions.knowledge import Knowledge
from service.actions.raise_escalation import Whose, raise_escalation
from service.actions.safety_answers import owes_an_answer
from service.db import calls, items, spoken
from service.db.calls import CallRow
from service.db.changes import Changes
from service.db.check_in import check_ins
from service.db.contexts import load_contexts
from service.db.database import Database
from service.domain.call import OVER, AnsweredBy, CallUpdate, call_transition
from service.domain.communication import Lane, Purpose
from service.domain.decision import Fired
from service.domain.escalation import Reached
from service.domain.event import Stopped
from service.domain.patient import PatientContext
from service.domain.urgency import Urgency
from service.engine import Flow, Session, resume
from service.engine.branches import may_come, told
from service.engine.call import Call
from service.engine.follow_through import FLOW_TEXT
from service.engine.spoken import open_question

_log = structlog.get_logger(__name__)

_MACHINES = frozenset({AnsweredBy.MACHINE.value, AnsweredBy.FAX.value})


async def receive_call_status(
    database: Database, knowledge: Knowledge, update: CallUpdate, now: datetime, *, source: str = "provider"
) -> bool:
    """Whether the word changed anything; a late or unknown one is kept as history only, and a repeated one once."""
    async with database.transaction() as connection:
        whose = await calls.patient_of(connection, update.call_id)
        if whose is None or update.status is None:
            _log.info("call_status_ignored", provider=update.provider, known=whose is not None)
            return False
        context = (await load_contexts(connection, [whose[0]], now))[whose[0]]
        row = await calls.lock(connection, update.call_id)
        if row is None or row.provider != update.provider or row.provider_id not in (None, update.provider_id or None):
            _log.warning("foreign_call", provider=update.provider)
            return False
        late = not call_transition(row.status, update.status)
        if late and await calls.is_told(connection, row, update.status, source, update.provider_status):
            return False
        ended, after = Changes(now), Changes(now)
        values = {"provider_id": update.provider_id} if row.provider_id is None and update.provider_id else {}
        if update.answered_by is not None and not row.answered_by:
            values["answered_by"] = update.answered_by.value
        if not calls.move(ended, row, update.status, source, provider_status=update.provider_status, **values):
            await ended.write(connection)
            return False
        if update.status in OVER:
            row = replace(row, status=update.status, answered_by=values.get("answered_by", row.answered_by))
            await _over(connection, after, knowledge, context, row)
        await ended.write(connection)  # first: a patient has one live call at most
        await after.write(connection)
    return True


async def _over(connection: AsyncConnection, changes: Changes, knowledge: Knowledge, context: PatientContext, row: CallRow) -> None:
    """The end of a call: what it owed, what it left open, and who goes on."""
    changes.wake(f"patient:{context.id}")
    call = Call.from_json(row.state) if row.state is not None else None
    if call is not None and call.owed:
        _send_what_was_owed(changes, knowledge, context, row, call)
    if row.purpose is Purpose.SAFETY and context.item is not None and owes_an_answer(context.item):
        detail = {"status": row.status, "answered_by": row.answered_by}
        items.add_event(changes, context.organization.id, context.item.id, "safety_call_unanswered", detail)
        await heed_unreached(connection, changes, [context.item.id])
    waiting = context.session
    if waiting is None or waiting.id != row.flow_session_id:
        return
    if call is None or not call.identified or row.answered_by in _MACHINES:
        if row.status not in NOT_REACHED or not call_again(changes, row):
            give_back(changes, row)
        return
    flow = (await knowledge.flows(connection, [waiting.flow_version_id]))[waiting.flow_version_id]
    if open_question(flow, Session.from_json(waiting.state)) is not None:
        _cut_off(changes, context, flow)


def _cut_off(changes: Changes, context: PatientContext, flow: Flow) -> None:
    """Hung up half-way: the conversation ends, its answers stand, and a nurse sees what was not asked."""
    waiting = context.session
    if waiting is None:
        return
    session = Session.from_json(waiting.state)
    facts = context.facts(changes.now).before(session.started_at)
    known = told(flow, session, facts, changes.now)
    to_come = [step for step in flow.questions if may_come(flow, step, session, known)]
    left = [step.ask[flow.language("en")].plain for step in to_come]
    after, events = resume(flow, session, Stopped("hung_up", changes.now), facts, changes.now)
    aftermath = apply_events(changes, context, waiting, after, events)
    if waiting.check_in_id is not None:
        changes.update(check_ins, waiting.check_in_id, status="partly")
    urgency = Urgency.SAME_DAY if context.high_risk else Urgency.ROUTINE
    reason = f"The call ended before the check-in did. Not answered: {' / '.join(left)}"
    fired = Fired(
        f"{MACHINE}.call_cut_off", MACHINE, urgency, reason[:300], "Rounds safety rule 35: hanging up keeps and judges what was said"
    )
    raise_escalation(changes, Whose.patient(aftermath.context), [*aftermath.fired, fired])


def _send_what_was_owed(changes: Changes, knowledge: Knowledge, context: PatientContext, row: CallRow, call: Call) -> None:
    """A safety answer was being said when the line ended: whether it was heard is not known, so it goes as a text too."""
    if call.spoken:
        spoken.was_heard(changes, row, UUID(call.spoken), heard=False)
    item = context.item
    if item is None:
        return
    facts = replace(context.facts(changes.now), language=call.language)
    key = "emergency" if call.owed == FLOW_TEXT or call.owed not in knowledge.wording.texts else call.owed
    queue_text(
        changes,
        context,
        context.session,
        knowledge.wording.for_patient(key, facts, Urgency.EMERGENCY),
        Purpose.SAFETY,
        lane=Lane.EMERGENCY,
        phone_id=row.phone_id,
        reason=key,
        escalation_id=item.id,
    )
    items.change_item(changes, context.organization.id, item.id, reached=Reached.ON_ITS_WAY)
