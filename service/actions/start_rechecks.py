"""Begins safety re-checks: a danger that is to be measured again is asked about after its wait (decisions 8).

A red flag names the re-check; the reply that raised it plans one as due work, in its own transaction. It begins when no other
conversation is under way, waits from the reply on, and then goes its way as any conversation does: asked at any hour, read and
judged as ever, and without an answer in time a more urgent concern. What keeps it from being asked is told to the nurse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.apply_events import begin, proceed
from service.actions.knowledge import Knowledge
from service.actions.raise_escalation import Whose, raise_escalation
from service.db import flows, items, outbox, planning
from service.db.changes import Changes
from service.db.check_in import check_ins
from service.db.contexts import load_contexts
from service.db.due_work import Work
from service.domain.communication import Lane
from service.domain.consent import Consent
from service.domain.decision import Fired
from service.domain.event import Stopped
from service.domain.patient import PatientContext, PatientStatus, WaitingSession
from service.domain.urgency import Urgency
from service.engine import Flow, Session
from service.engine.steps import AskStep, WaitStep

KIND = "start_recheck"
QUIET_FOR = timedelta(minutes=5)
"""A conversation in which nothing has moved for so long gives way to a re-check whose time has come."""
LONGEST_PUT_OFF = timedelta(minutes=15)
"""After its time a re-check waits at most so long for a conversation that still moves."""
OF_USE_FOR = timedelta(hours=2)
"""A re-check that could not begin for so long (an outage) is not asked any more: a nurse is told."""
LOOK_AGAIN = timedelta(minutes=1)
_SOURCE = "Rounds default: a re-check that is due is asked, or a nurse is told that it was not"
_GONE = frozenset({PatientStatus.DECEASED, PatientStatus.HOSPICE, PatientStatus.LEFT})
"""Nothing is asked of them any more, and no nurse needs to be told so."""


@dataclass(frozen=True, slots=True)
class _Planned:
    """A re-check that a reply has led to."""

    flow: str
    urgency: Urgency
    told_at: datetime


def plan_recheck(changes: Changes, context: PatientContext, fired: Sequence[Fired], communication_id: UUID) -> None:
    """The re-check that the most urgent of these rules names, due at once: it begins with its wait. Nothing where none names one."""
    first = min((one for one in fired if one.recheck), key=lambda one: one.urgency.rank, default=None)
    if first is None or context.status in _GONE:
        return
    items.due_row(
        changes,
        context.organization.id,
        key=f"recheck:{communication_id}",
        kind=KIND,
        lane=Lane.ROUTINE,
        subject_id=context.id,
        due_at=changes.now,
        payload={"flow": first.recheck, "urgency": first.urgency.value, "told_at": changes.now.isoformat()},
    )


async def start_rechecks(
    connection: AsyncConnection, knowledge: Knowledge, works: Sequence[Work], now: datetime
) -> Mapping[Work, datetime]:
    """Begins the re-checks of these pieces of work; answers which are put off, and until when."""
    contexts = await load_contexts(connection, [work.subject_id for work in works], now)
    organizations = {context.organization.id: context.organization for context in contexts.values()}
    demos = frozenset(id for id, organization in organizations.items() if organization.is_demo)
    runnable = await flows.newest_runnable(connection, organizations, drafts_too=demos)
    sessions = [context.session for context in contexts.values() if context.session is not None]
    versions = {(id, f"{programme}/{flow}"): version for (id, programme, flow), version in runnable.items()}
    wanted = {versions[key] for work in works if (key := (work.organization_id, str(work.payload["flow"]))) in versions}
    known = await knowledge.flows(connection, wanted | {session.flow_version_id for session in sessions})
    agreed = await outbox.consents_of(connection, list(contexts), [])
    waits = await planning.session_waits(connection, list(contexts))
    ended, changes = Changes(now), Changes(now)
    again: dict[Work, datetime] = {}
    begun: set[UUID] = set()
    for work in works:
        context = contexts.get(work.subject_id)
        if context is None or context.status in _GONE:
            continue
        if context.id in begun:  # one at a time: the next round knows whether the first asks for this one too
            again[work] = now + LOOK_AGAIN
            continue
        planned = _planned(work)
        version = versions.get((context.organization.id, planned.flow))
        if refusal := _refusal(context, [consent for consent, _ in agreed.get(context.id, [])], version, planned, now):
            contexts[context.id] = _not_asked(changes, context, planned, refusal)
            continue
        if version is None:
            raise LookupError("a re-check without a version was not refused")
        flow = known[version]
        if context.session is not None:
            under_way = known[context.session.flow_version_id]
            if _asks_for_it(under_way, flow):
                continue
            measuring = _measures_again(under_way, context.session)
            if until := _put_off(context, waits[context.id][1], planned.told_at + _first_wait(flow), now, measuring=measuring):
                again[work] = until
                continue
            if measuring:  # neither silence may be lost: that one goes on, and a person asks for this one
                contexts[context.id] = _not_asked(changes, context, planned, "another value is being measured again")
                continue
            context = _gives_way(ended, knowledge, context, under_way)
        contexts[context.id] = begin(
            changes,
            knowledge,
            context,
            flow=flow,
            flow_version_id=version,
            enrollment=None,
            check_in_id=None,
            useful_until=None,
            led_by=planned.urgency,
            since=planned.told_at,
        )
        begun.add(context.id)
        changes.wake(f"patient:{context.id}")
    await ended.write(connection)  # first: a patient has one waiting conversation at most
    await changes.write(connection)
    return again


def _planned(work: Work) -> _Planned:
    payload = work.payload
    return _Planned(str(payload["flow"]), Urgency(payload["urgency"]), datetime.fromisoformat(payload["told_at"]))


def _refusal(context: PatientContext, consents: Sequence[Consent], version: UUID | None, planned: _Planned, now: datetime) -> str:
    """Why nothing is asked, in a nurse's words; "" when it is. Check-ins that rest keep no re-check back: it follows what was just told."""
    if not context.phones:
        return "no telephone number is known"
    phone = context.phones[0]
    if phone.unsafe_since is not None:
        return "the number is not safe to contact"
    agreed = any(consent.covers(phone.id, consent.channel, "", now) for consent in consents)
    if phone.opted_out_at is not None or not agreed:
        return "the patient gets no messages"
    if phone.id in context.unconfirmed_phones:
        return "the number has never been confirmed"
    if version is None:
        return f"no clinician has approved {planned.flow}"
    return "the service was down when it was due" if now - planned.told_at > OF_USE_FOR else ""


def _not_asked(changes: Changes, context: PatientContext, planned: _Planned, why: str) -> PatientContext:
    reason = f"Nobody asks the patient to measure again: {why}. Ask for it yourself"
    fired = Fired("machine.recheck_not_asked", "1", planned.urgency, reason, _SOURCE)
    return replace(context, item=raise_escalation(changes, Whose.patient(context), [fired]))


def _asks_for_it(under_way: Flow, recheck: Flow) -> bool:
    """Whether the conversation under way has a safety re-check of its own for the same."""
    wanted = {step.expects for step in recheck.questions}
    return any(step.recheck and step.expects in wanted for step in under_way.questions)


def _first_wait(flow: Flow) -> timedelta:
    first = flow.steps[0]
    return timedelta(minutes=first.wait) if isinstance(first, WaitStep) else timedelta()


def _measures_again(under_way: Flow, session: WaitingSession) -> bool:
    """Whether the conversation under way waits for a safety re-check, or for the answer to one."""
    step = under_way.step(Session.from_json(session.state).step)
    return isinstance(step, WaitStep) or (isinstance(step, AskStep) and step.recheck)


def _put_off(context: PatientContext, moved_at: datetime, due_at: datetime, now: datetime, *, measuring: bool) -> datetime | None:
    """Until when the re-check leaves the conversation under way alone; None when it has waited long enough."""
    if now < due_at:
        return min(due_at, now + LOOK_AGAIN)
    live = context.session is not None and context.session.live_call
    moving = live or measuring or now - moved_at < QUIET_FOR
    return now + LOOK_AGAIN if moving and now < due_at + LONGEST_PUT_OFF else None


def _gives_way(ended: Changes, knowledge: Knowledge, context: PatientContext, flow: Flow) -> PatientContext:
    """Ends the conversation under way; a nurse is told that its last questions are open."""
    session = context.session
    if session is None:
        return context
    context = proceed(ended, knowledge, context, flow, Stopped("recheck", ended.now))
    if session.check_in_id is not None:
        ended.update(check_ins, session.check_in_id, status="partly")
    reason = "The check-in gave way to a safety re-check: its last questions are not answered"
    item = raise_escalation(ended, Whose.patient(context), [Fired("machine.check_in_cut_short", "1", Urgency.ROUTINE, reason, _SOURCE)])
    return replace(context, item=item, session=None)
