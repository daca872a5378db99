"""Whether a check-in goes on by telephone: text, reminder, call, nurse for those who agreed to both; calls alone for those who
agreed to calls alone.

Steps inside others' transactions: they plan a call where a text, or a nurse's item, would have come next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.after_call import MOST_CALLS, PATIENCE
from service.actions.apply_events import apply_events
from service.db import call_lists, calls, outbox
from service.db.changes import Changes
from service.db.check_in import flow_sessions
from service.domain.call import OVER
from service.domain.communication import Purpose
from service.domain.event import Event, QuestionAsked, SilenceNoticed, TimedOut
from service.domain.patient import PatientContext, WaitingSession
from service.domain.reading import Channel
from service.engine import Flow, Session, resume


@dataclass(frozen=True, slots=True)
class Way:
    """How a patient may be reached for this conversation, and how often they have been called for it."""

    texts: bool
    calls: bool
    called: int = 0
    live: bool = False
    """A call for it is due, ringing or being held."""
    busy: bool = False
    """A call is, for whatever reason: a patient has one at a time."""

    @property
    def by_call_alone(self) -> bool:
        """The patient agreed to calls and not to texts."""
        return self.calls and not self.texts


NO_CALLS = Way(texts=True, calls=False)


async def ways(connection: AsyncConnection, contexts: Mapping[UUID, PatientContext], now: datetime) -> dict[UUID, Way]:
    """The way to each patient whose first number may be called; the others are left out. Three statements."""
    agreed = await outbox.consents_of(connection, list(contexts), [])
    found: dict[UUID, Way] = {}
    for id, context in contexts.items():
        if not context.phones:
            continue
        phone = context.phones[0]
        programme = context.session.programme if context.session is not None else ""
        by = {channel: any(consent.covers(phone.id, channel, programme, now) for consent, _ in agreed.get(id, [])) for channel in Channel}
        if by[Channel.VOICE] and phone.unsafe_since is None and phone.opted_out_at is None:
            found[id] = Way(by[Channel.SMS], True)
    sessions = {id: context.session.id for id, context in contexts.items() if id in found and context.session is not None}
    tried = await call_lists.of_session(connection, sessions.values())
    busy = await call_lists.under_way(connection, found) if found else set()
    for id, way in found.items():
        mine = tried[sessions[id]] if id in sessions else []
        called, live = max((call.number for call in mine), default=0), any(call.status not in OVER for call in mine)
        found[id] = replace(way, called=called, live=live, busy=id in busy)
    return found


def call_first(changes: Changes, context: PatientContext, waiting: WaitingSession) -> None:
    """The call that a check-in begins with, due now."""
    _plan(changes, context, waiting, Purpose.CHECK_IN, 1)


def call_instead(changes: Changes, context: PatientContext, flow: Flow, way: Way) -> PatientContext | None:
    """Plans a call where the time for an answer is over, and returns the patient as they stand; None when it is not a call's turn."""
    waiting = context.session
    if waiting is None or not way.calls:
        return None
    if way.live:
        return _wait(changes, context, waiting)
    session = Session.from_json(waiting.state)
    after, events = resume(flow, session, TimedOut(session.step, changes.now), context.facts(changes.now), changes.now)
    if any(isinstance(event, SilenceNoticed) for event in events):
        if way.by_call_alone or way.called:
            return None
        if not way.busy:
            _plan(changes, context, waiting, Purpose.REMINDER, 1)
        return _wait(changes, context, waiting)
    asked = [event for event in events if isinstance(event, QuestionAsked)]
    if not way.by_call_alone or not asked:
        return None
    if way.busy:
        return _wait(changes, context, waiting)
    return _asked_by_call(changes, context, waiting, after, events, asked[-1], way)


def _wait(changes: Changes, context: PatientContext, waiting: WaitingSession) -> PatientContext:
    """The call that is under way, or was just planned, has its time."""
    changes.update(flow_sessions, waiting.id, waits_until=changes.now + PATIENCE)
    return context


def _asked_by_call(
    changes: Changes,
    context: PatientContext,
    waiting: WaitingSession,
    session: Session,
    events: Sequence[Event],
    asked: QuestionAsked,
    way: Way,
) -> PatientContext:
    """The reminder, or the question that was waited for, is put by a call; after the last call silence counts at once."""
    due = asked.reminder == 0 or way.called < MOST_CALLS
    if not due:
        session = replace(session, wait_until=changes.now)
    aftermath = apply_events(changes, context, waiting, session, events)
    if due:
        _plan(changes, context, waiting, Purpose.RECHECK if asked.recheck else Purpose.CHECK_IN, way.called + 1)
    else:
        changes.update(flow_sessions, waiting.id, waits_until=changes.now)
    return aftermath.context


def _plan(changes: Changes, context: PatientContext, waiting: WaitingSession, purpose: Purpose, number: int) -> None:
    calls.plan(
        changes,
        organization_id=context.organization.id,
        patient_id=context.id,
        phone_id=waiting.phone_id,
        flow_session_id=waiting.id,
        programme=waiting.programme,
        purpose=purpose,
        number=number,
        due_at=changes.now,
        useful_until=waiting.check_in_useful_until if purpose is Purpose.CHECK_IN and number == 1 else None,
    )
