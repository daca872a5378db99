"""Acts on what the engine says has happened: one handler an event type, rows gathered in `Changes`.

A step inside others' transactions. `begin` starts a conversation, `proceed` carries one on after a timeout or a stop;
a reply goes through `receive_reply`, which triages it as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from service.actions.alert_relatives import alert_relatives
from service.actions.change_cadence import NOT_PLANNED, change_cadence
from service.actions.knowledge import Knowledge
from service.actions.pause_check_ins import agreed
from service.actions.raise_escalation import Whose, raise_escalation
from service.actions.shared_phone import for_whom
from service.db import check_in, communication, numbers, observation, promises
from service.db.changes import Changes
from service.domain.communication import Lane, Purpose
from service.domain.decision import Fired
from service.domain.event import (
    AnswerKept,
    CadenceQuickened,
    EducationGiven,
    Event,
    FollowUpPlanned,
    KnownFindingTold,
    MessageSaid,
    ObservationRecorded,
    PauseAgreed,
    QuestionAsked,
    RedFlagFound,
    Resume,
    SessionEnded,
    SilenceNoticed,
    WaitSet,
)
from service.domain.patient import Enrollment, PatientContext, WaitingSession
from service.domain.reading import Finding
from service.domain.related_person import Scope
from service.domain.segments import joined
from service.domain.urgency import Urgency
from service.engine import Flow, Session, Status, resume, start
from service.engine.proceed import RECHECK_WAIT


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What one turn of a conversation has led to, before any text is queued."""

    context: PatientContext
    texts: tuple[str, ...] = ()
    """Joined as they will be sent: a safety answer and the next question are one text."""
    safety: bool = False
    """True when one of the texts answers a red flag."""
    reminder: bool = False
    recheck: bool = False
    """True when a safety re-check is asked: its text waits for no quiet hours (decisions 8)."""
    fired: tuple[Fired, ...] = ()
    known: tuple[Fired, ...] = ()
    """Red flags of what a nurse has accepted for a while."""
    recorded: tuple[Finding, ...] = ()
    events: tuple[Event, ...] = ()
    """What the engine said, in order: a voice words it in its own way."""


def begin(
    changes: Changes,
    knowledge: Knowledge,
    context: PatientContext,
    *,
    flow: Flow,
    flow_version_id: UUID,
    enrollment: Enrollment | None,
    check_in_id: UUID | None,
    useful_until: datetime | None,
    by_call: bool = False,
    led_by: Urgency | None = None,
    since: datetime | None = None,
) -> PatientContext:
    """Starts a conversation: the session's row and the first question, due now (`by_call`: a call asks it). The patient needs a phone.

    `led_by` and `since` are a safety re-check's, as in `engine.start`.
    """
    facts = context.facts(changes.now, enrollment.id if enrollment else None)
    session, events = start(flow, facts, changes.now, led_by=led_by, since=since)
    if context.late is not None:
        check_in.forget_late(changes, context.late.id)
        context = replace(context, late=None)
    waiting = WaitingSession(
        id=check_in.add_session(
            changes,
            organization_id=context.organization.id,
            patient_id=context.id,
            phone_id=context.phones[0].id,
            enrollment_id=enrollment.id if enrollment else None,
            check_in_id=check_in_id,
            flow_version_id=flow_version_id,
        ),
        flow_version_id=flow_version_id,
        phone_id=context.phones[0].id,
        state={},
        started_at=changes.now,
        check_in_id=check_in_id,
        enrollment_id=enrollment.id if enrollment else None,
        programme=enrollment.programme if enrollment else flow.key.partition("/")[0],
        check_in_useful_until=useful_until,
    )
    if any(one.id == waiting.phone_id and one.answering_id not in (None, context.id) for one in context.phones):
        numbers.answers_until(changes, waiting.phone_id, None, None)  # what comes next may be this patient's: it is asked anew
    aftermath = apply_events(changes, replace(context, session=waiting), waiting, session, events)
    for text in () if by_call else for_whom(knowledge.wording, context, waiting.phone_id, aftermath.texts):
        queue_text(changes, aftermath.context, waiting, text, Purpose.CHECK_IN, useful_until=useful_until)
    return _raised(changes, aftermath)


def proceed(changes: Changes, knowledge: Knowledge, context: PatientContext, flow: Flow, event: Resume) -> PatientContext:
    """Carries the waiting conversation on after a timeout or a stop: reminder, silence as an item, or the end."""
    waiting = context.session
    if waiting is None:
        return context
    facts = context.facts(changes.now).before(waiting.started_at)
    session, events = resume(flow, Session.from_json(waiting.state), event, facts, changes.now)
    aftermath = apply_events(changes, context, waiting, session, events)
    purpose = Purpose.RECHECK if aftermath.recheck else Purpose.REMINDER if aftermath.reminder else Purpose.ANSWER
    useful_until = changes.now + RECHECK_WAIT if aftermath.recheck else waiting.check_in_useful_until
    for text in for_whom(knowledge.wording, context, waiting.phone_id, aftermath.texts):
        queue_text(changes, context, waiting, text, purpose, useful_until=useful_until)
    if any(isinstance(event, SilenceNoticed) for event in aftermath.events):
        alert_relatives(changes, knowledge.wording, context, Scope.ALERT_SILENCE)
    return _raised(changes, aftermath)


def _raised(changes: Changes, aftermath: Aftermath) -> PatientContext:
    """The patient with the item that the turn's red flags have led to."""
    context = aftermath.context
    if not aftermath.fired:
        return context
    return replace(context, item=raise_escalation(changes, Whose.patient(context), aftermath.fired))


def apply_events(
    changes: Changes,
    context: PatientContext,
    waiting: WaitingSession,
    session: Session,
    events: Sequence[Event],
    *,
    communication_id: UUID | None = None,
) -> Aftermath:
    """Records observations and the session; gathers texts and red flags for the caller. An unknown event raises TypeError."""
    texts: list[str] = []
    fired: list[Fired] = []
    known: list[Fired] = []
    recorded: list[Finding] = []
    safety = reminder = recheck = False
    ended = session.status is Status.ENDED
    whose: dict[str, Any] = {
        "organization_id": context.organization.id,
        "patient_id": context.id,
        "check_in_id": waiting.check_in_id,
    }
    until: datetime | None = None
    for event in events:
        match event:
            case QuestionAsked():
                texts = joined(texts, event.text)
                reminder = reminder or event.reminder > 0
                recheck = recheck or event.recheck
            case MessageSaid():
                texts = joined(texts, event.text)
                safety = safety or event.safety
            case ObservationRecorded():
                recorded.append(event.finding)
            case RedFlagFound() | SilenceNoticed():
                fired.append(event.fired)
            case KnownFindingTold():
                known.append(event.fired)
            case AnswerKept():
                observation.keep_answer(changes, name=event.name, finding=event.finding, **whose)
            case EducationGiven():
                observation.keep_lesson(changes, topic=event.topic, name=event.name, **whose)
            case FollowUpPlanned() | CadenceQuickened():
                try:
                    context = change_cadence(changes, context, waiting.enrollment_id, event)
                except ValueError:  # one line of dates must not keep the reply's red flags from being raised
                    fired.append(NOT_PLANNED)
            case PauseAgreed():
                context = agreed(changes, context, event, communication_id)
            case WaitSet():
                until = event.until
            case SessionEnded():
                until = event.late_until
                if waiting.check_in_id is not None:
                    check_in.end_check_in(changes, waiting.check_in_id, event.status)
            case _:
                raise TypeError(f"no handler for {type(event).__name__}")
    observation.record(changes, findings=recorded, communication_id=communication_id, **whose)
    state: dict[str, Any] = session.to_json()
    check_in.save_session(changes, waiting.id, state, until, ended=ended)
    following = None if ended else replace(waiting, state=state)
    return Aftermath(
        context=replace(context, session=following),
        texts=tuple(texts),
        safety=safety,
        reminder=reminder,
        recheck=recheck,
        fired=tuple(fired),
        known=tuple(known),
        recorded=tuple(recorded),
        events=tuple(events),
    )


def queue_text(
    changes: Changes,
    context: PatientContext,
    waiting: WaitingSession | None,
    text: str,
    purpose: Purpose,
    *,
    lane: Lane = Lane.ROUTINE,
    phone_id: UUID | None = None,
    reason: str = "",
    in_reply_to: UUID | None = None,
    escalation_id: UUID | None = None,
    useful_until: datetime | None = None,
) -> UUID:
    """A text to the patient, due now: to the phone they wrote from, else to the conversation's. A promise in it is written down."""
    to = phone_id or (waiting.phone_id if waiting else context.phones[0].id)
    id = communication.outbound(
        changes,
        organization_id=context.organization.id,
        patient_id=context.id,
        phone_id=to,
        body=text,
        language=context.language,
        purpose=purpose,
        lane=lane,
        programme=waiting.programme if waiting else "",
        reason=reason,
        in_reply_to=in_reply_to,
        check_in_id=waiting.check_in_id if waiting else None,
        flow_session_id=waiting.id if waiting else None,
        escalation_id=escalation_id,
        useful_until=useful_until,
    )
    if purpose not in ASKING:
        note_promise(changes, context, text, id, to)
    return id


ASKING = frozenset({Purpose.CHECK_IN, Purpose.REMINDER, Purpose.OPENING})
"""Texts that ask something of the patient: they promise nothing."""


def note_promise(changes: Changes, context: PatientContext, said: str, communication_id: UUID, phone_id: UUID) -> None:
    """Writes down when a nurse will answer, if these words to the patient say so (decisions 7)."""
    promises.note(
        changes,
        context.team,
        said,
        communication_id,
        language=context.language,
        zone=context.zone,
        patient_id=context.id,
        phone_id=phone_id,
        escalation_id=context.item.id if context.item is not None else None,
        urgency=context.item.urgency if context.item is not None else None,
    )
