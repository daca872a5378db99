"""Starts check-ins that are due: a conversation each, its first question in the outbox. A step in `do_due_work`'s transaction.

A patient who is paused, gone or without a number gets none; yesterday's unanswered conversation gives way to today's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.apply_events import begin, proceed
from service.actions.call_instead import NO_CALLS, call_first, ways
from service.actions.knowledge import Knowledge
from service.actions.raise_escalation import Whose, raise_escalation
from service.db import communication, contact, flows, planning
from service.db.changes import Changes
from service.db.check_in import check_ins
from service.db.contexts import load_contexts
from service.db.due_work import Work, due_work
from service.db.patient import patients as patients_table
from service.db.planning import DueCheckIn
from service.db.problems import Problem, report
from service.domain.communication import Purpose
from service.domain.decision import Fired
from service.domain.event import Stopped
from service.domain.patient import Enrollment, PatientContext, PatientStatus
from service.domain.schedule import to_utc
from service.domain.urgency import Urgency
from service.engine import Flow

LIVE_FOR = timedelta(minutes=60)
"""A conversation that moved within this time is not cut off by another programme's check-in: that one waits."""
WAIT_FOR_OTHER = timedelta(minutes=15)
PHONE_IN_USE = "phone_in_use"
"""Why a check-in waits: another patient's conversation is open on the phone that both share."""
PAUSED = "paused"
"""Why a check-in rests, and its status then: neither sent nor missed."""


async def start_check_ins(
    connection: AsyncConnection, knowledge: Knowledge, works: Sequence[Work], now: datetime
) -> Mapping[Work, datetime]:
    """Starts the check-ins of these pieces of work; answers which are put off, and until when."""
    patients = await planning.patients_of(connection, [work.subject_id for work in works])
    await planning.lock_shared_phones(connection, set(patients.values()))
    contexts = await load_contexts(connection, list(patients.values()), now)
    due = await planning.check_ins_to_start(connection, [work.subject_id for work in works])
    versions, conversations = await _flows(connection, knowledge, contexts, due)
    waits = await planning.session_waits(connection, list(contexts))
    reached = await ways(connection, contexts, now)
    in_use = await planning.phones_in_use(connection, {one.phones[0].id for one in contexts.values() if shares(one)})
    free = await contact.without_check_ins(connection, {id: (one.organization.id, one.zone) for id, one in contexts.items()}, now)
    to_be_told = await contact.not_told_since(connection, contexts, now - knowledge.opening.again_after)
    ended, changes = Changes(now), Changes(now)
    again: dict[Work, datetime] = {}
    problems: list[Problem] = []
    started: set[UUID] = set()
    for work in works:
        one = due.get(work.subject_id)
        if one is None or one.status != "planned":
            continue
        context = contexts[one.patient_id]
        moved = _moved(work, one, now)
        if moved is not None:
            again[work] = moved
            changes.update(check_ins, one.id, due_at=moved, useful_until=moved + (one.useful_until - one.due_at))
            changes.update(due_work, work.id, useful_until=moved + (one.useful_until - one.due_at))
            continue
        version = versions.get((one.organization_id, one.programme, one.flow))
        refusal = why_not_started(context, one, version) or ("holiday" if one.patient_id in free else "")
        if refusal:
            changes.update(check_ins, one.id, status="paused" if refusal == PAUSED else "cancelled", ended_at=now, held_why=refusal[:40])
            if refusal in _PROBLEMS:
                whose = None if refusal == "flow_not_approved" else one.patient_id  # one item of the clinic, not one for each patient
                problems.append(Problem(one.organization_id, refusal, _PROBLEMS[refusal], Urgency.SAME_DAY, patient_id=whose))
            continue
        way = reached.get(one.patient_id, NO_CALLS)
        in_a_call = way.by_call_alone and way.busy and not way.live  # a call for another reason, such as after a safety text
        busy = one.patient_id in started or in_a_call or _is_live(context, one, waits, now)
        others = shares(context) and bool(in_use.get(context.phones[0].id, set()) - {one.patient_id})
        if (busy or others) and now + WAIT_FOR_OTHER < one.useful_until:
            again[work] = now + WAIT_FOR_OTHER
            if others:
                changes.update(check_ins, one.id, held_why=PHONE_IN_USE)
            continue
        if others:  # never two conversations on one phone: nobody could tell whose the answers are
            changes.update(check_ins, one.id, status="expired", ended_at=now, held_why=PHONE_IN_USE)
            problems.append(
                Problem(one.organization_id, PHONE_IN_USE, _PROBLEMS[PHONE_IN_USE], Urgency.SAME_DAY, patient_id=one.patient_id)
            )
            continue
        if one.patient_id in started:
            changes.update(check_ins, one.id, status="expired", ended_at=now)
            continue
        if context.session is not None:
            context = _superseded(ended, knowledge, context, conversations)
        if version is None:
            raise LookupError("a check-in without a flow version was not refused")
        if one.patient_id in to_be_told and not way.by_call_alone:
            _told_again(changes, knowledge, context, one)
        context = begin(
            changes,
            knowledge,
            context,
            flow=conversations[version],
            flow_version_id=version,
            enrollment=Enrollment(one.enrollment_id, one.programme, one.flow, one.high_risk),
            check_in_id=one.id,
            useful_until=one.useful_until,
            by_call=way.by_call_alone,
        )
        if way.by_call_alone and context.session is not None:
            call_first(changes, context, context.session)
        if shares(context):
            in_use.setdefault(context.phones[0].id, set()).add(one.patient_id)
        changes.update(check_ins, one.id, status="started", started_at=now, held_why=None)
        changes.wake(f"patient:{one.patient_id}")
        started.add(one.patient_id)
    await report(connection, changes, problems, repeat=False)
    await ended.write(connection)  # first: a patient has one waiting conversation at most
    await changes.write(connection)
    return again


def _told_again(changes: Changes, knowledge: Knowledge, context: PatientContext, one: DueCheckIn) -> None:
    """What the texts are not for, once a month, before the question (clinical duty: an emergency must not wait for a nurse)."""
    for text in knowledge.opening.repeated(knowledge.wording, context.facts(changes.now)):
        communication.outbound(
            changes,
            organization_id=one.organization_id,
            patient_id=context.id,
            phone_id=context.phones[0].id,
            body=text,
            language=context.language,
            purpose=Purpose.OPENING,
            programme=one.programme,
            useful_until=one.useful_until,
        )
    changes.update(patients_table, context.id, disclaimed_at=changes.now)


def shares(context: PatientContext) -> bool:
    """Whether check-ins of this patient go to a phone that others share."""
    return bool(context.phones) and context.phones[0].id in context.shared_phones


_PROBLEMS = {
    PHONE_IN_USE: "A check-in could not be asked: the phone that the patient shares was busy with another patient's all the time.",
    "no_phone": "A patient is enrolled in check-ins but has no telephone number.",
    "flow_not_approved": "Check-ins were due whose flow has no clinician's approval that stands: they were not sent.",
}


async def _flows(
    connection: AsyncConnection, knowledge: Knowledge, contexts: Mapping[UUID, PatientContext], due: Mapping[UUID, DueCheckIn]
) -> tuple[Mapping[tuple[UUID, str, str], UUID], Mapping[UUID, Flow]]:
    """The newest version that may run, by (organization, programme, flow), and those in use by id."""
    organization_ids = {one.organization_id for one in due.values()}
    demos = frozenset(one.organization_id for one in due.values() if one.is_demo)
    versions = await flows.newest_runnable(connection, organization_ids, drafts_too=demos)
    wanted = {one.flow_version_id for one in (context.session for context in contexts.values()) if one is not None}
    places = {(one.organization_id, one.programme, one.flow) for one in due.values()}
    wanted |= {version for place, version in versions.items() if place in places}
    return versions, await knowledge.flows(connection, wanted)


def _moved(work: Work, one: DueCheckIn, now: datetime) -> datetime | None:
    """The later time when the patient's zone has changed since planning and the hour is yet to come there."""
    if work.payload.get("zone", one.zone) == one.zone:
        return None
    due_at = to_utc(one.local_date, one.wall_time, one.zone)
    return due_at if due_at > now else None


def why_not_started(context: PatientContext, one: DueCheckIn, version: UUID | None) -> str:
    """Why this check-in is not started, "" when it is."""
    if context.status is PatientStatus.PAUSED:
        return PAUSED
    if context.status is not PatientStatus.ACTIVE:
        return "patient_stopped"
    if one.enrollment_status != "active":
        return "enrollment_stopped"
    if one.local_date > one.stops_on:
        return "programme_over"  # the last day was moved forward after the check-in was planned
    if not context.phones:
        return "no_phone"
    if context.phones[0].id in context.unconfirmed_phones:
        return "number_not_confirmed"  # no health question to a number that may be a stranger's (safety rule 3)
    if version is None:
        return "flow_not_approved"
    return ""


def _is_live(context: PatientContext, one: DueCheckIn, waits: Mapping[UUID, tuple[datetime | None, datetime]], now: datetime) -> bool:
    """True while a conversation of another enrollment is under way; one's own older one gives way."""
    session = context.session
    if session is None or session.enrollment_id == one.enrollment_id:
        return False
    return context.id in waits and now - waits[context.id][1] < LIVE_FOR


def _superseded(ended: Changes, knowledge: Knowledge, context: PatientContext, conversations: Mapping[UUID, Flow]) -> PatientContext:
    """Ends the older conversation; that it stayed unanswered until the next one was due is told, not forgotten."""
    session = context.session
    if session is None:
        return context
    context = proceed(ended, knowledge, context, conversations[session.flow_version_id], Stopped("superseded", ended.now))
    if session.check_in_id is not None:
        ended.update(check_ins, session.check_in_id, status="silent")
    fired = Fired(
        rule="machine.check_in_unanswered",
        version="1",
        urgency=Urgency.SAME_DAY if context.high_risk else Urgency.ROUTINE,
        reason="The check-in before this one was never finished",
        source="Rounds safety rule 26: silence becomes an item, sooner at high risk",
    )
    item = raise_escalation(ended, Whose.patient(context), [fired])
    return replace(context, item=item, session=None)
