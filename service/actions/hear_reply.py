"""Hears one text of one known patient and answers it: a step inside receive_reply's transaction, without I/O."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from service.actions.apply_events import Aftermath, queue_text
from service.actions.heard import Heard
from service.actions.knowledge import Knowledge
from service.actions.obey import asked_to_stop
from service.actions.pause_check_ins import RESTS
from service.actions.safety_answers import may_say_again
from service.actions.stop_contact import has_stopped, opted_out
from service.actions.understand import answers_to_danger, understand
from service.db import items
from service.db.changes import Changes
from service.domain.communication import Lane, Purpose
from service.domain.decision import Decision, Fired
from service.domain.escalation import Reached
from service.domain.facts import Facts
from service.domain.patient import PatientContext
from service.domain.reading import FindingKind, Reading
from service.domain.segments import joined
from service.domain.urgency import Urgency
from service.domain.wording import Wording
from service.engine import Flow
from service.engine.follow_through import FLOW_TEXT

CONFIRMED_WITHIN = timedelta(minutes=5)
"""An opt-out is confirmed so soon or not at all (decisions 10; 47 CFR 64.1200(a)(12))."""
CRISIS = "crisis"
"""Key of the answer to somebody who may hurt themselves."""


def hear_reply(
    changes: Changes, knowledge: Knowledge, context: PatientContext, flow: Flow | None, heard: Heard
) -> tuple[PatientContext, UUID]:
    """The patient as they stand after this text and its answer, and the id of the communication that keeps it."""
    stopped = opted_out(context, heard.phone)
    live_call = context.session is not None and context.session.live_call
    one = understand(changes, knowledge, context, flow, heard)
    aftermath = replace(one.aftermath, texts=answers_to_danger(one.aftermath)) if live_call else one.aftermath
    context = _answer(
        changes, knowledge, one.context, one.facts, heard, one.reading, one.decision, aftermath, one.communication_id, one.closed,
        one.followed, stopped,
    )  # fmt: skip
    changes.wake(f"patient:{context.id}")
    return context, one.communication_id


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
    stopped: bool,
) -> PatientContext:
    """Queues what the patient hears: at most one safety text an incident, then the keyword's answer, then the flow's.

    `stopped`: the messages had ended before this text. They are not confirmed as ended twice.
    """
    item = context.item
    ended = reading.has(FindingKind.DECEASED) or reading.has(FindingKind.HOSPICE)
    if reading.has(FindingKind.UNSAFE_TO_CONTACT) or (ended and decision.answer != CRISIS):  # who mourns may need the crisis line
        if item is not None and decision.urgency is Urgency.EMERGENCY:
            items.change_item(changes, context.organization.id, item.id, reached=Reached.NOT_REACHED)
        return context

    def say(text: str, purpose: Purpose, lane: Lane = Lane.ROUTINE, reason: str = "", useful_until: datetime | None = None) -> None:
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
            useful_until=useful_until,
            escalation_id=item.id if item is not None and purpose is Purpose.SAFETY else None,
        )

    wording = knowledge.wording
    if item is not None and (safety := _safety_text(wording, decision, aftermath, facts)):
        key, text = safety
        if may_say_again(knowledge.follow_through, item, key, changes.now):
            say(text, Purpose.SAFETY, Lane.EMERGENCY, key)
            items.change_item(changes, context.organization.id, item.id, reached=Reached.ON_ITS_WAY)
            context = replace(context, item=item.with_safety_text(key, heard.phone.id, changes.now))
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
    if asked_to_stop(reading, heard):
        if not stopped:
            text = wording.for_patient("opt_out_confirmation", facts)
            say(text, Purpose.OPT_OUT_CONFIRMATION, useful_until=changes.now + CONFIRMED_WITHIN)
        return context
    if reading.has(FindingKind.OPT_IN):
        if heard.by_related_person and has_stopped(context):
            return context  # the patient's messages stay ended: START came from somebody else's phone
        if heard.phone.id in context.doubted_phones:
            return context  # it may be somebody else's by now: no welcome to them, and no check-ins before a nurse has asked
        say(wording.for_patient("opt_in_confirmation", facts), Purpose.OPT_IN_CONFIRMATION)
        return context
    if reading.has(FindingKind.HELP):
        say(wording.for_patient("help", facts), Purpose.HELP)
        return context
    if reading.has(FindingKind.WRONG_NUMBER) or reading.has(FindingKind.AUTO_REPLY) or stopped:
        return context
    if heard.by_related_person and not heard.answers:
        return context  # not the patient, and nothing agreed on what may be written to them: a nurse answers
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


def _safety_text(wording: Wording, decision: Decision, aftermath: Aftermath, facts: Facts) -> tuple[str, str] | None:
    """(key, text) of the safety text for an emergency: the universal table's, else the flow's own; None when there is none."""
    if decision.urgency is Urgency.EMERGENCY and decision.answer:
        return decision.answer, wording.for_patient(decision.answer, facts, Urgency.EMERGENCY)
    if aftermath.safety and aftermath.texts and any(one.urgency is Urgency.EMERGENCY for one in aftermath.fired):
        return FLOW_TEXT, aftermath.texts[0]
    return None
