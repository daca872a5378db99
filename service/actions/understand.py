"""Understands the words of a known patient: reads, triages, records, carries the conversation on, raises; answers nothing.

A step inside others' transactions, without I/O: everything it wants stands in `Changes` afterwards. Opt-out and triage come
before and regardless of any flow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from service.actions.alert_relatives import NEVER_OF, alert_relatives
from service.actions.apply_events import Aftermath, apply_events
from service.actions.heard import MACHINE, Heard, answers_a_recheck, may_be_late, question_and_reading
from service.actions.knowledge import Knowledge
from service.actions.obey import obey
from service.actions.pause_check_ins import RESTS, heed_whereabouts
from service.actions.proxy import recorded, told_by
from service.actions.raise_escalation import Whose, notice_message, raise_escalation
from service.actions.start_rechecks import plan_recheck
from service.db import audit, check_in, communication, observation, patient
from service.db.changes import Changes
from service.domain.decision import Decision, Fired
from service.domain.event import MessageSaid, ReplyRead
from service.domain.facts import Facts
from service.domain.patient import PatientContext, WaitingSession, must_hear_of_closing
from service.domain.reading import FindingKind, Question, Reading, Reply
from service.domain.related_person import Scope
from service.domain.urgency import Urgency
from service.engine import Flow, Session, late_answer, resume
from service.engine.opening import NUMBER_QUESTION, is_a_stranger
from service.engine.session import finding_to_json
from service.replies import is_pleasantry
from service.triage import decide

SHARP = (Urgency.EMERGENCY, Urgency.URGENT)
_HEEDED = (FindingKind.OPT_IN, FindingKind.TAPBACK, FindingKind.AUTO_REPLY)


@dataclass(frozen=True, slots=True)
class Understood:
    """What was made of a patient's words, before anything is answered; all of it stands in the changes."""

    context: PatientContext
    communication_id: UUID
    facts: Facts
    reading: Reading
    decision: Decision
    aftermath: Aftermath
    fired: tuple[Fired, ...]
    closed: bool
    """The patient has to be told that nobody is on duty."""
    followed: Fired | None
    """The answer to the safety question, when this was one."""


def understand(changes: Changes, knowledge: Knowledge, context: PatientContext, flow: Flow | None, heard: Heard) -> Understood:
    """Reads, triages, records, carries the conversation on (with a flow) and raises; answers nothing yet."""
    before = context
    facts = context.facts(changes.now)
    if heard.by_related_person:
        facts = replace(facts, detail_consent=False)  # names of drugs and diseases were agreed to for the patient's own number
    question, reading = question_and_reading(knowledge, context, flow, heard, facts)
    decision = decide(knowledge.tables, reading.findings, facts, changes.now, question)
    stranger = is_a_stranger(reading, asked=question is NUMBER_QUESTION)
    communication_id = _keep(changes, context, heard, reading, stranger)
    followed = knowledge.follow_through.answered(reading) if question is knowledge.follow_through.asked else None
    late = may_be_late(context, heard) if followed is None else None  # an answer to the safety text answers nothing else
    conversation = flow if followed is None else None
    aftermath = _converse(changes, context, conversation, late, heard, reading, decision, facts, communication_id)
    context = aftermath.context
    observation.record(
        changes,
        organization_id=context.organization.id,
        patient_id=context.id,
        findings=[] if heard.stranger else [f for f in recorded(context, heard, reading.findings) if f not in aftermath.recorded],
        communication_id=communication_id,
        check_in_id=context.session.check_in_id if context.session else None,
        taken_at=heard.received_at,
    )
    context, machine = obey(changes, context, heard, reading, stranger)
    if not (heard.by_related_person or heard.stranger or stranger):
        context, told = heed_whereabouts(changes, context, reading, communication_id)
        machine += told
        if any(one.rule == RESTS for one in told):
            aftermath = replace(aftermath, texts=answers_to_danger(aftermath))  # nothing more is asked of somebody in the hospital
    fired = _once([*told_by(heard, [*decision.fired, *aftermath.fired]), *machine, *told_by(heard, [followed] if followed else [])])
    if heard.shared and decision.urgency in SHARP:
        fired.append(_ON_A_SHARED_PHONE)
    unanswered = may_be_late(before, heard) is not None and context.late is not None
    came_home = before.pause is not None and context.pause is None
    accepted = (*decision.known, *aftermath.known)
    if accepted:
        record_known(changes, context, communication_id, accepted)
    if (
        not fired
        and not accepted
        and not _consumed(knowledge, context, heard, reading, question, unanswered=unanswered, came_home=came_home)
    ):
        fired = [_unread(heard)]
    if not answers_a_recheck(before, flow):
        plan_recheck(changes, context, fired, communication_id)
    earlier = context.item
    if followed is not None and earlier is not None and (followed.rule, str(communication_id)) in earlier.concerns:
        followed = None  # a text from a shared phone that had its answer before we knew whose it is
    if fired:
        item = raise_escalation(
            changes,
            Whose.patient(context),
            fired,
            communication_id=communication_id,
            facts=known(facts),
        )
        context = replace(context, item=item)
    elif earlier is not None:
        context = replace(context, item=notice_message(changes, Whose.patient(context), earlier))
    news = context.item is not None and (earlier is None or context.item.urgency.rank < earlier.urgency.rank)
    if news and context.item is not None and context.item.urgency is Urgency.EMERGENCY and _may_be_told(decision, reading):
        alert_relatives(changes, knowledge.wording, context, Scope.ALERT_EMERGENCY, heard_on=heard.phone.id)
    closed = not facts.staffed and (news or (bool(fired) and must_hear_of_closing(context.team, earlier, changes.now)))
    if decision.urgency is Urgency.EMERGENCY and reading.language != context.language:
        facts = replace(context, language=reading.language).facts(changes.now)  # in danger, in the words that they chose
    return Understood(context, communication_id, facts, reading, decision, aftermath, tuple(fired), closed, followed)


def record_known(changes: Changes, context: PatientContext, communication_id: UUID, known: Sequence[Fired]) -> None:
    """What a nurse has accepted for a while was told again: it stands in the record and, with until when, in the trail; nothing is
    raised.
    """
    rules = sorted({one.rule for one in known})
    until = {one.rule: one.until.isoformat() for one in context.known if one.until is not None}
    audit.record(
        changes,
        context.organization.id,
        "known_finding_told",
        patient_id=context.id,
        object_kind="communication",
        object_id=communication_id,
        detail={"rules": rules, "until": [until.get(rule, "") for rule in rules]},
    )


def _may_be_told(decision: Decision, reading: Reading) -> bool:
    """Whether an emergency is one that relatives may hear of: never despair, violence, or what is not understood."""
    return not any(rule.answer in NEVER_OF for rule in decision.fired) and not reading.has(FindingKind.UNSAFE_TO_CONTACT)


def answers_to_danger(aftermath: Aftermath) -> tuple[str, ...]:
    """What goes by text while the check-in is held on the telephone; the call's next step speaks the rest (decisions 19)."""
    return tuple(event.text for event in aftermath.events if isinstance(event, MessageSaid) and event.safety)


def _consumed(
    knowledge: Knowledge,
    context: PatientContext,
    heard: Heard,
    reading: Reading,
    question: Question | None,
    *,
    unanswered: bool,
    came_home: bool,
) -> bool:
    """Whether a text that no rule fired on needs no person: a check-in took it in, a keyword was heeded, or it only says thanks.

    `unanswered`: it came late and does not answer the question that was given up. `came_home`: it has ended a pause.
    """
    of_ours = question is knowledge.follow_through.asked or question is NUMBER_QUESTION
    in_a_check_in = question is not None and not of_ours and not unanswered
    in_a_check_in = in_a_check_in or (question is NUMBER_QUESTION and reading.has(FindingKind.ANSWER))
    heeded = any(reading.has(kind) for kind in _HEEDED) or bool(heard.keyword) or came_home
    return in_a_check_in or heeded or is_pleasantry(knowledge.lexicon, Reply(heard.body, context.language))


_ON_A_SHARED_PHONE = Fired(
    "machine.shared_phone_speaker",
    MACHINE,
    Urgency.SAME_DAY,
    "From a shared phone: whoever has it now may not be the one who answered before. Ask whom this is about",
    "Rounds: two patients on one phone are asked, never guessed",
)


def _unread(heard: Heard) -> Fired:
    """Every text that no rule has taken in is read by a person (safety rule 10): "worse", a lone number, a late "yes"."""
    who = f"{heard.related.called.capitalize()} wrote" if heard.related is not None else "Wrote outside any check-in"
    spans = ((0, len(heard.body)),) if heard.body else ()
    return Fired(
        "machine.not_read_yet",
        MACHINE,
        Urgency.SAME_DAY,
        f"{who}: read it",
        "Rounds safety rule 10: what no rule takes in whole is seen by a person",
        spans,
    )


def known(facts: Facts) -> dict[str, Any]:
    """The facts as kept with a concern, so that the decision can be run again (safety rule 38); no name, no number."""
    return {
        "conditions": sorted(facts.conditions),
        "medications": list(facts.medications),
        "high_alert": facts.high_alert,
        "high_risk": facts.high_risk,
        "staffed": facts.staffed,
        "known": [[one.rule, one.urgency, one.side, one.amount, one.level] for one in facts.known],
        "limits": [[limit.name, limit.amount, limit.unit, limit.loosens] for limit in facts.limits],
        "history": [[past.measure, past.value, past.value_2, past.taken_at.isoformat()] for past in facts.history],
        "doses": [[dose.status, sorted(dose.drugs), dose.taken_at.isoformat()] for dose in facts.doses],
        "symptoms": [[symptom.name, symptom.at.isoformat()] for symptom in facts.symptoms],
        "recorded": [[kept.name, kept.answer, kept.value, kept.at.isoformat()] for kept in facts.recorded],
        "day": facts.day,
        "silent_check_ins": facts.silent_check_ins,
        "minutes_until_unstaffed": facts.minutes_until_unstaffed,
    }


def _keep(changes: Changes, context: PatientContext, heard: Heard, reading: Reading, stranger: bool) -> UUID:
    """The communication's row (law 2: whatever it says, it is kept), the proof that the number works, the audit line."""
    kept = {
        "lexicon": reading.lexicon_version,
        "missing": reading.missing,
        "findings": [finding_to_json(finding) for finding in reading.findings],
    }
    if heard.communication_id is not None:
        communication.attribute(changes, heard.communication_id, context.id, kept, heard.related.id if heard.related else None)
        id = heard.communication_id
    else:
        session = context.session
        id = communication.inbound(
            changes,
            organization_id=context.organization.id,
            patient_id=context.id,
            phone_id=heard.phone.id,
            body=heard.body,
            language=reading.language,
            provider=heard.provider,
            provider_id=heard.provider_id,
            reading=kept,
            received_at=heard.received_at,
            flow_session_id=session.id if session else None,
            check_in_id=session.check_in_id if session else None,
            channel=heard.channel,
            related_person_id=heard.related.id if heard.related else None,
        )
    if not heard.by_related_person:
        patient.heard_from(changes, context, None if stranger or heard.stranger else heard.phone.id)
    audit.record(
        changes,
        context.organization.id,
        "reply_received",
        actor="related_person" if heard.by_related_person else "patient",
        patient_id=context.id,
        object_kind="communication",
        object_id=id,
    )
    return id


def _converse(
    changes: Changes,
    context: PatientContext,
    flow: Flow | None,
    late: WaitingSession | None,
    heard: Heard,
    reading: Reading,
    decision: Decision,
    facts: Facts,
    communication_id: UUID,
) -> Aftermath:
    """Carries the open conversation on, or puts a late answer to the question that was given up.

    An emergency ends the questions: what was answered is kept, nothing more is asked.
    """
    waiting = context.session
    if flow is None or not heard.answers or (waiting is None and late is None):
        return Aftermath(context)
    heard_as = ReplyRead(reading.findings, reading.missing, heard.received_at, decision.urgency, bool(decision.answer))
    if waiting is not None:
        session, events = resume(flow, Session.from_json(waiting.state), heard_as, facts, changes.now)
        aftermath = apply_events(changes, context, waiting, session, events, communication_id=communication_id)
    elif late is not None and (turn := late_answer(flow, Session.from_json(late.state), heard_as, facts, heard.received_at)) is not None:
        aftermath = apply_events(changes, replace(context, late=None), late, *turn, communication_id=communication_id)
        if late.check_in_id is not None:
            check_in.answered_late(changes, late.check_in_id)
    else:
        return Aftermath(context)
    return replace(aftermath, texts=()) if decision.urgency is Urgency.EMERGENCY else aftermath


def _once(fired: Sequence[Fired]) -> list[Fired]:
    """Each rule once, its most urgent firing."""
    best: dict[str, Fired] = {}
    for one in fired:
        if one.rule not in best or one.urgency.rank < best[one.rule].urgency.rank:
            best[one.rule] = one
    return list(best.values())
