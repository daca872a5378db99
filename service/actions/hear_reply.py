"""Understands one text of one known patient: read, triage, record, carry the conversation on, raise, answer.

A step inside receive_reply's transaction, without I/O: everything it wants stands in `Changes` afterwards. Opt-out and
triage come before and regardless of any flow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from service.actions.apply_events import Aftermath, apply_events, joined, queue_text
from service.actions.knowledge import Knowledge
from service.actions.pause_check_ins import RESTS, heed_whereabouts
from service.actions.raise_escalation import Whose, notice_message, raise_escalation
from service.actions.safety_answers import asked_for_safety, may_say_again, owes_safety_answer
from service.actions.start_rechecks import plan_recheck
from service.actions.stop_contact import forget_number, freeze_number, opt_in, opt_out, stop_patient
from service.db import audit, check_in, communication, items, observation, patient
from service.db.changes import Changes
from service.domain.communication import Lane, Purpose
from service.domain.decision import Decision, Fired
from service.domain.escalation import Reached
from service.domain.event import MessageSaid, ReplyRead
from service.domain.facts import Facts
from service.domain.patient import PatientContext, PatientStatus, Phone, WaitingSession, must_hear_of_closing
from service.domain.reading import Channel, FindingKind, Question, Reading, Reply
from service.domain.urgency import Urgency
from service.domain.wording import Wording
from service.engine import Flow, Session, late_answer, late_question, question_of, resume
from service.engine.follow_through import FLOW_TEXT, FollowThrough
from service.engine.opening import NUMBER_QUESTION, is_a_stranger
from service.engine.session import finding_to_json
from service.engine.steps import AskStep
from service.replies import is_pleasantry, read
from service.triage import amount_of, decide

CRISIS = "crisis"
"""Key of the answer to somebody who may hurt themselves."""
MACHINE = "machine"
"""Version of the rules below: items the machine opens for its own reasons (decisions 2)."""
LIMIT_NOT_READ = "limit_not_read"
"""Told once on an item, not at every text: a personal limit that the rules had to leave out."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A text as it arrived, or words (or keys that stand for them) as they were said on the telephone."""

    body: str
    phone: Phone
    provider: str
    provider_id: str
    received_at: datetime
    provider_answered: bool = False
    """The provider has replied to a keyword itself (OptOutType): no text of ours on top."""
    keyword: str = ""
    """STOP | START | HELP as the provider understood it, else ""."""
    media_count: int = 0
    by_related_person: bool = False
    communication_id: UUID | None = None
    """Set when the text is already kept and is only now known to be this patient's (shared phone)."""
    channel: Channel = Channel.SMS
    question: Question | None = None
    """What was asked on the telephone; a text finds its question itself."""
    stranger: bool = False
    """Said on the telephone before the identity check: red flags count, nothing is recorded as the patient's."""


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


def hear_reply(
    changes: Changes, knowledge: Knowledge, context: PatientContext, flow: Flow | None, heard: Heard
) -> tuple[PatientContext, UUID]:
    """The patient as they stand after this text and its answer, and the id of the communication that keeps it."""
    live_call = context.session is not None and context.session.live_call
    one = understand(changes, knowledge, context, flow, heard)
    aftermath = replace(one.aftermath, texts=_answers_to_danger(one.aftermath)) if live_call else one.aftermath
    context = _answer(
        changes, knowledge, one.context, one.facts, heard, one.reading, one.decision, aftermath, one.communication_id, one.closed,
        one.followed,
    )  # fmt: skip
    changes.wake(f"patient:{context.id}")
    return context, one.communication_id


def _answers_to_danger(aftermath: Aftermath) -> tuple[str, ...]:
    """What goes by text while the check-in is held on the telephone; the call's next step speaks the rest (decisions 19)."""
    return tuple(event.text for event in aftermath.events if isinstance(event, MessageSaid) and event.safety)


def understand(changes: Changes, knowledge: Knowledge, context: PatientContext, flow: Flow | None, heard: Heard) -> Understood:
    """Reads, triages, records, carries the conversation on (with a flow) and raises; answers nothing yet."""
    before = context
    facts = context.facts(changes.now)
    question, reading = _read(knowledge, context, flow, heard, facts)
    decision = decide(knowledge.tables, reading.findings, facts, changes.now, question)
    stranger = is_a_stranger(reading, asked=question is NUMBER_QUESTION)
    communication_id = _keep(changes, context, heard, reading, stranger)
    followed = knowledge.follow_through.answered(reading) if question is knowledge.follow_through.asked else None
    late = _may_be_late(context, heard) if followed is None else None  # an answer to the safety text answers nothing else
    conversation = flow if followed is None else None
    aftermath = _converse(changes, context, conversation, late, heard, reading, decision, facts, communication_id)
    context = aftermath.context
    observation.record(
        changes,
        organization_id=context.organization.id,
        patient_id=context.id,
        findings=[] if heard.by_related_person or heard.stranger else [f for f in reading.findings if f not in aftermath.recorded],
        communication_id=communication_id,
        check_in_id=context.session.check_in_id if context.session else None,
        taken_at=heard.received_at,
    )
    context, machine = _obey(changes, context, heard, reading, stranger)
    if not (heard.by_related_person or heard.stranger or stranger):
        context, told = heed_whereabouts(changes, context, reading, communication_id)
        machine += told
        if any(one.rule == RESTS for one in told):
            aftermath = replace(aftermath, texts=_answers_to_danger(aftermath))  # nothing more is asked of somebody in the hospital
    fired = _once([*decision.fired, *aftermath.fired, *machine, *([followed] if followed else [])])
    unanswered = _may_be_late(before, heard) is not None and context.late is not None
    came_home = before.pause is not None and context.pause is None
    if not fired and not _consumed(knowledge, context, heard, reading, question, unanswered=unanswered, came_home=came_home):
        fired = [_unread(heard)]
    if not _was_a_recheck(before, flow):
        plan_recheck(changes, context, fired, communication_id)
    earlier = context.item
    if followed is not None and earlier is not None and (followed.rule, str(communication_id)) in earlier.concerns:
        followed = None  # a text from a shared phone that had its answer before we knew whose it is
    if fired:
        item = raise_escalation(
            changes,
            knowledge,
            Whose.patient(context),
            fired,
            communication_id=communication_id,
            facts=known(facts),
        )
        context = replace(context, item=item)
    elif earlier is not None:
        context = replace(context, item=notice_message(changes, knowledge, Whose.patient(context), earlier))
    news = context.item is not None and (earlier is None or context.item.urgency.rank < earlier.urgency.rank)
    closed = not facts.staffed and (news or (bool(fired) and must_hear_of_closing(context.team, earlier, changes.now)))
    if decision.urgency is Urgency.EMERGENCY and reading.language != context.language:
        facts = replace(context, language=reading.language).facts(changes.now)  # in danger, in the words that they chose
    return Understood(context, communication_id, facts, reading, decision, aftermath, tuple(fired), closed, followed)


def _read(knowledge: Knowledge, context: PatientContext, flow: Flow | None, heard: Heard, facts: Facts) -> tuple[Question | None, Reading]:
    """The question that the words answer, and what they say in its light.

    While a safety re-check is waited for, the safety text may still have no answer: a bare 1, 2 or 3 is one, and nothing measured.
    """
    reply = Reply(heard.body, context.language, heard.channel, facts.first_name)
    asks_both = context.session is not None and flow is not None and flow.kind == "recheck" and heard.channel is Channel.SMS
    after = knowledge.follow_through
    if asks_both and owes_safety_answer(after, context.item, heard.received_at):
        reading = read(knowledge.lexicon, reply, after.asked)
        if after.answered(reading) is not None:
            return after.asked, reading
    question = _question(after, context, flow, heard)
    return question, read(knowledge.lexicon, reply, question)


def _was_a_recheck(context: PatientContext, flow: Flow | None) -> bool:
    """Whether the words answer a safety re-check that had been asked: no other one follows on it."""
    if context.session is None or flow is None:
        return False
    step = flow.step(Session.from_json(context.session.state).step)
    return isinstance(step, AskStep) and step.recheck


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


_HEEDED = (FindingKind.OPT_IN, FindingKind.TAPBACK, FindingKind.AUTO_REPLY)


def _unread(heard: Heard) -> Fired:
    """Every text that no rule has taken in is read by a person (safety rule 10): "worse", a lone number, a late "yes"."""
    who = "A relative or carer wrote" if heard.by_related_person else "Wrote outside any check-in"
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
        "limits": [[limit.name, limit.amount, limit.unit, limit.loosens] for limit in facts.limits],
        "history": [[past.measure, past.value, past.value_2, past.taken_at.isoformat()] for past in facts.history],
        "doses": [[dose.status, sorted(dose.drugs), dose.taken_at.isoformat()] for dose in facts.doses],
        "symptoms": [[symptom.name, symptom.at.isoformat()] for symptom in facts.symptoms],
        "recorded": [[kept.name, kept.answer, kept.value, kept.at.isoformat()] for kept in facts.recorded],
        "day": facts.day,
        "silent_check_ins": facts.silent_check_ins,
        "minutes_until_unstaffed": facts.minutes_until_unstaffed,
    }


def _question(after: FollowThrough, context: PatientContext, flow: Flow | None, heard: Heard) -> Question | None:
    if heard.channel is Channel.VOICE:
        return heard.question
    if context.session is not None and flow is not None and not heard.by_related_person:
        return question_of(flow, Session.from_json(context.session.state))
    if asked_for_safety(after, context.item, heard.received_at):
        return after.asked
    if _may_be_late(context, heard) is not None and (late := _late_question(context, flow, heard)) is not None:
        return late
    return NUMBER_QUESTION if heard.phone.id in context.unconfirmed_phones and not heard.by_related_person else None


def _may_be_late(context: PatientContext, heard: Heard) -> WaitingSession | None:
    """The conversation that was given up and may be answered now: by text, by the patient, while no other is under way."""
    answerable = context.session is None and heard.channel is Channel.SMS and not heard.by_related_person
    return context.late if answerable else None


def _late_question(context: PatientContext, flow: Flow | None, heard: Heard) -> Question | None:
    if context.late is None or flow is None:
        return None
    return late_question(flow, Session.from_json(context.late.state), heard.received_at)


def _keep(changes: Changes, context: PatientContext, heard: Heard, reading: Reading, stranger: bool) -> UUID:
    """The communication's row (law 2: whatever it says, it is kept), the proof that the number works, the audit line."""
    kept = {
        "lexicon": reading.lexicon_version,
        "missing": reading.missing,
        "findings": [finding_to_json(finding) for finding in reading.findings],
    }
    if heard.communication_id is not None:
        communication.attribute(changes, heard.communication_id, context.id, kept)
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
        )
    patient.heard_from(changes, context, None if stranger or heard.stranger else heard.phone.id)
    audit.record(
        changes,
        context.organization.id,
        "reply_received",
        actor="patient",
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
    if flow is None or heard.by_related_person or (waiting is None and late is None):
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


_TOLD_TO_A_NURSE = "Rounds safety rules 3, 10, 13 and 43: what a patient decides or tells binds the machine at once, and a nurse looks"


def _obey(changes: Changes, context: PatientContext, heard: Heard, reading: Reading, stranger: bool) -> tuple[PatientContext, list[Fired]]:
    """Wishes and facts that bind the machine at once, before any next send; each asks a nurse to look."""
    fired: list[Fired] = []

    def flag(rule: str, reason: str, kind: FindingKind | None = None) -> None:
        spans = tuple(finding.span for finding in reading.findings if finding.kind is kind)
        fired.append(Fired(f"machine.{rule}", MACHINE, Urgency.SAME_DAY, reason, _TOLD_TO_A_NURSE, spans))

    known_to_be = {rule for rule, _ in context.item.concerns} if context.item else set()
    odd = [limit.name for limit in context.limits if amount_of(limit) is None]
    if odd and f"machine.{LIMIT_NOT_READ}" not in known_to_be:
        flag(LIMIT_NOT_READ, f"A personal limit has a unit that is not known and does not count: {', '.join(odd)}. Write it anew")
    if heard.media_count:
        flag("media", "Sent a picture or recording, which is not shown here: ask what it shows", FindingKind.UNCLEAR)
    if reading.has(FindingKind.UNSAFE_TO_CONTACT):
        context = freeze_number(changes, context, heard.phone)
        flag("unsafe_to_contact", "Not safe to contact on this number: do not call or text it", FindingKind.UNSAFE_TO_CONTACT)
    stops, starts = reading.has(FindingKind.OPT_OUT) or heard.keyword == "STOP", reading.has(FindingKind.OPT_IN) or heard.keyword == "START"
    if stops and heard.by_related_person:
        patient.set_phone(changes, heard.phone.id, opted_out_at=changes.now)  # their own number; the patient has not asked for it
        flag("related_opt_out", "A relative or carer wants no more texts on their number", FindingKind.OPT_OUT)
    elif stops:
        context = opt_out(changes, context)
        flag("opt_out", "Asked to stop the messages: monitoring has ended, clarify what is wanted", FindingKind.OPT_OUT)
    if starts and heard.by_related_person:
        patient.set_phone(changes, heard.phone.id, opted_out_at=None)
    elif starts:
        context = opt_in(changes, context)
    for kind, status in ((FindingKind.DECEASED, PatientStatus.DECEASED), (FindingKind.HOSPICE, PatientStatus.HOSPICE)):
        if reading.has(kind):
            context = stop_patient(changes, context, status)
            flag(status.value, f"Reported: {status.value}. Check-ins have stopped", kind)
    if stranger and not heard.by_related_person:
        context = forget_number(changes, context, heard.phone)
        flag("wrong_number", "The number belongs to somebody else: find the right one", FindingKind.WRONG_NUMBER)
    return context, fired


def _once(fired: Sequence[Fired]) -> list[Fired]:
    """Each rule once, its most urgent firing."""
    best: dict[str, Fired] = {}
    for one in fired:
        if one.rule not in best or one.urgency.rank < best[one.rule].urgency.rank:
            best[one.rule] = one
    return list(best.values())


def _safety_text(wording: Wording, decision: Decision, aftermath: Aftermath, facts: Facts) -> tuple[str, str] | None:
    """(key, text) of the safety text for an emergency: the universal table's, else the flow's own; None when there is none."""
    if decision.urgency is Urgency.EMERGENCY and decision.answer:
        return decision.answer, wording.for_patient(decision.answer, facts, Urgency.EMERGENCY)
    if aftermath.safety and aftermath.texts and any(one.urgency is Urgency.EMERGENCY for one in aftermath.fired):
        return FLOW_TEXT, aftermath.texts[0]
    return None


def _answer(
    changes: Changes,
    knowledge: Knowledge,
    context: PatientContext,
    facts: Facts,
    heard: Heard,
    reading: Reading,
    decision: Decision,
    aftermath: Aftermath,
    communication_id: UUID,
    closed: bool,
    choice: Fired | None,
) -> PatientContext:
    """Queues what the patient hears: at most one safety text an incident, then the keyword's answer, then the flow's."""
    item = context.item
    ended = reading.has(FindingKind.DECEASED) or reading.has(FindingKind.HOSPICE)
    if reading.has(FindingKind.UNSAFE_TO_CONTACT) or (ended and decision.answer != CRISIS):  # who mourns may need the crisis line
        if item is not None and decision.urgency is Urgency.EMERGENCY:
            items.change_item(changes, context.organization.id, item.id, reached=Reached.NOT_REACHED)
        return context

    def say(text: str, purpose: Purpose, lane: Lane = Lane.ROUTINE, reason: str = "") -> None:
        queue_text(
            changes,
            context,
            context.session,
            text,
            purpose,
            lane=lane,
            phone_id=heard.phone.id,
            reason=reason,
            in_reply_to=communication_id,
            escalation_id=item.id if item is not None and purpose is Purpose.SAFETY else None,
        )

    wording = knowledge.wording
    if item is not None and (safety := _safety_text(wording, decision, aftermath, facts)):
        key, text = safety
        if may_say_again(knowledge.follow_through, item, key, changes.now):
            say(text, Purpose.SAFETY, Lane.EMERGENCY, key)
            items.change_item(changes, context.organization.id, item.id, reached=Reached.ON_ITS_WAY)
            item = replace(item, safety_texts=(*item.safety_texts, key), safety_text_at=changes.now, reached=Reached.ON_ITS_WAY)
            context = replace(context, item=item)
            if closed:
                say(wording.for_patient("out_of_hours", facts, Urgency.EMERGENCY), Purpose.ANSWER, Lane.EMERGENCY)
        return context
    if choice is not None:
        key, text = knowledge.follow_through.reply(wording, choice, facts)
        say(text, Purpose.SAFETY, Lane.EMERGENCY, key)
        return context
    if heard.keyword and heard.provider_answered:
        return context
    rests = any(rule == RESTS and of == str(communication_id) for rule, of in item.concerns) if item else False
    if reading.has(FindingKind.OPT_OUT) or heard.keyword == "STOP":
        say(wording.for_patient("opt_out_confirmation", facts), Purpose.OPT_OUT_CONFIRMATION)
        return context
    if reading.has(FindingKind.OPT_IN):
        say(wording.for_patient("opt_in_confirmation", facts), Purpose.OPT_IN_CONFIRMATION)
        return context
    if reading.has(FindingKind.HELP):
        say(wording.for_patient("help", facts), Purpose.HELP)
        return context
    if reading.has(FindingKind.WRONG_NUMBER) or reading.has(FindingKind.AUTO_REPLY):
        return context
    texts = [*aftermath.texts, *([wording.for_patient("paused_hospital", facts, Urgency.SAME_DAY)] if rests else [])]
    if decision.answer and not aftermath.safety:
        texts = (
            joined([wording.for_patient(decision.answer, facts, decision.urgency)], texts[0]) + texts[1:]
            if texts
            else [wording.for_patient(decision.answer, facts, decision.urgency)]
        )
    if closed and not any(facts.after_hours_number and facts.after_hours_number in text for text in texts):
        texts = [wording.for_patient("out_of_hours", facts, decision.urgency or Urgency.SAME_DAY), *texts]
    lane = Lane.EMERGENCY if decision.urgency is Urgency.URGENT or aftermath.safety else Lane.ROUTINE
    for text in texts:
        say(text, Purpose.ANSWER, lane)
    return context
