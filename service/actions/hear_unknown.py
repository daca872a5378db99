"""A text from a number that is nobody's, or that several patients share: triaged like any other, attributed to nobody.

A step inside receive_reply's transaction. Two patients on one phone are asked who is writing, never guessed; an unknown
sender gets one neutral answer a day without a word about health; a red flag gets the safety text all the same.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from service.actions.hear_reply import CONFIRMED_WITHIN
from service.actions.heard import MACHINE, Heard
from service.actions.heed_number import heed_number
from service.actions.knowledge import Knowledge
from service.actions.nobody import Nobody
from service.actions.obey import asked_to_stop
from service.actions.raise_escalation import Whose, raise_escalation
from service.actions.safety_answers import asked_for_safety, may_say_again, owes_safety_answer
from service.actions.shared_phone import choices_text
from service.db import audit, communication, items, patient, promises
from service.db.changes import Changes
from service.domain.communication import Lane, Purpose
from service.domain.decision import Fired
from service.domain.escalation import Reached
from service.domain.facts import Facts
from service.domain.patient import must_hear_of_closing, surroundings
from service.domain.phone_number import is_telephone_number
from service.domain.reading import FindingKind, Reading, Reply
from service.domain.urgency import Urgency
from service.engine.session import finding_to_json
from service.replies import read
from service.triage import decide

NEUTRAL_EVERY = timedelta(days=1)
IDENTITY_WITHIN = timedelta(hours=12)
"""How long the question "who is writing?" stays open."""


MOST_ASKED = 10
"""Texts of one item after which "who is writing?" is not asked again: what answers so often may be a machine. A nurse sees all."""
_SHARED = "machine.shared_phone"


def hear_unknown(changes: Changes, knowledge: Knowledge, nobody: Nobody, heard: Heard) -> tuple[Nobody, UUID]:
    """The phone as it stands after this text, and the id of the communication that keeps it."""
    now, organization = changes.now, nobody.team.organization
    language = nobody.candidates[0].language if nobody.candidates else "en"
    after = knowledge.follow_through
    question = after.asked if asked_for_safety(after, nobody.item, heard.received_at) else None
    reading = read(knowledge.lexicon, Reply(heard.body, language), question)
    language = reading.language or language
    facts = Facts(language=language, **surroundings(nobody.team, language, organization.zone, now))
    decision = decide(knowledge.tables, reading.findings, facts, now, question)
    communication_id = communication.inbound(
        changes,
        organization_id=organization.id,
        patient_id=None,
        phone_id=heard.phone.id,
        body=heard.body,
        language=language,
        provider=heard.provider,
        provider_id=heard.provider_id,
        reading={
            "lexicon": reading.lexicon_version,
            "missing": reading.missing,
            "findings": [finding_to_json(finding) for finding in reading.findings],
        },
        received_at=heard.received_at,
    )
    audit.record(changes, organization.id, "reply_received", actor="patient", object_kind="communication", object_id=communication_id)
    choice = after.answered(reading) if question is not None else None
    stops = asked_to_stop(reading, heard)
    stopped = nobody.phone.opted_out_at is not None
    nobody = heed_number(changes, nobody, reading, communication_id, stops=stops)
    unsafe = nobody.phone.unsafe_since is not None
    fired = [*decision.fired, *([choice] if choice else []), *([_STOPPED] if stops and not stopped else []), _unattributed(nobody)]
    closed = bool(nobody.candidates) and must_hear_of_closing(nobody.team, nobody.item, now)
    whose = Whose(nobody.team, nobody.item, None, heard.phone.id, do_not_contact=unsafe)
    item = raise_escalation(changes, whose, fired, communication_id=communication_id)
    nobody = replace(nobody, item=item)
    key = decision.answer if decision.urgency is Urgency.EMERGENCY else ""
    if unsafe and decision.urgency is Urgency.EMERGENCY:
        items.change_item(changes, organization.id, item.id, reached=Reached.NOT_REACHED)
    elif not unsafe and (key or not any(reading.has(kind) for kind in _UNANSWERED)):
        if reading.has(FindingKind.HELP):
            heard = replace(heard, keyword=heard.keyword or "HELP")
        if not key and choice is None and not _may_answer(reading, heard, stops=stops, stopped=stopped):
            return nobody, communication_id
        nobody = _answer(
            changes,
            knowledge,
            nobody,
            heard,
            facts,
            key,
            choice,
            communication_id,
            stops=stops,
            starts=stopped and reading.has(FindingKind.OPT_IN),
            closed=closed,
        )
    return nobody, communication_id


def _may_answer(reading: Reading, heard: Heard, *, stops: bool, stopped: bool) -> bool:
    """After STOP nothing but the answer to HELP; a stranger on a wrong number hears of nobody's care; START ends both."""
    if reading.has(FindingKind.OPT_IN) or heard.keyword == "HELP":
        return True
    return (stops and not stopped) or not (stopped or stops or reading.has(FindingKind.WRONG_NUMBER))


_UNANSWERED = (FindingKind.DECEASED, FindingKind.HOSPICE, FindingKind.TAPBACK, FindingKind.AUTO_REPLY)
"""Death gets no cheerful text (decisions 4), and a machine none at all: two that answer each other never end."""
_STOPPED = Fired(
    "machine.opt_out",
    MACHINE,
    Urgency.SAME_DAY,
    "Asked to stop the messages to this phone: monitoring by it has ended",
    "Rounds safety rule 13: leaving holds for all channels at once, and a nurse is told",
)


def _unattributed(nobody: Nobody) -> Fired:
    """The machine's own reason for the item: every text is seen by a person (safety rule 10)."""
    shared = bool(nobody.candidates)
    reason = "A shared phone: who wrote is not known yet" if shared else "A text from a number that belongs to no patient"
    if nobody.was_a_patients and not shared:
        reason = "A text from a number that was taken off a patient's record as somebody else's: make sure of it"
    rule = _SHARED if shared else "machine.unknown_sender"
    return Fired(rule, MACHINE, Urgency.SAME_DAY, reason, "Rounds safety rule 10: what no rule takes in whole is seen by a person")


def _answer(
    changes: Changes,
    knowledge: Knowledge,
    nobody: Nobody,
    heard: Heard,
    facts: Facts,
    safety: str,
    choice: Fired | None,
    communication_id: UUID,
    *,
    stops: bool,
    starts: bool,
    closed: bool,
) -> Nobody:
    item = nobody.item
    if item is None:
        return nobody
    item_id = item.id

    def say(text: str, purpose: Purpose, lane: Lane = Lane.ROUTINE, reason: str = "", useful_until: datetime | None = None) -> None:
        id = communication.outbound(
            changes,
            organization_id=nobody.team.organization.id,
            patient_id=None,
            phone_id=heard.phone.id,
            body=text,
            language=facts.language,
            purpose=purpose,
            lane=lane,
            reason=reason,
            in_reply_to=communication_id,
            useful_until=useful_until,
            escalation_id=item_id,
        )
        whose: Any = {"patient_id": None, "phone_id": heard.phone.id, "escalation_id": item_id}
        promises.note(changes, nobody.team, text, id, language=facts.language, zone="", **whose)

    wording = knowledge.wording
    if safety:
        if may_say_again(knowledge.follow_through, item, safety, changes.now):
            say(wording.for_patient(safety, facts, Urgency.EMERGENCY), Purpose.SAFETY, Lane.EMERGENCY, safety)
            items.change_item(changes, nobody.team.organization.id, item.id, reached=Reached.ON_ITS_WAY)
            item = item.with_safety_text(safety, heard.phone.id, changes.now)
            if closed:
                say(wording.for_patient("out_of_hours", facts, Urgency.EMERGENCY), Purpose.ANSWER, Lane.EMERGENCY)
        return replace(nobody, item=item)
    if choice is not None:
        key, text = knowledge.follow_through.reply(wording, choice, facts)
        say(text, Purpose.SAFETY, Lane.EMERGENCY, key)
        return nobody
    if (heard.keyword and heard.provider_answered) or not is_telephone_number(heard.phone.number):
        return nobody
    if stops:
        text = wording.for_patient("opt_out_confirmation", facts)
        say(text, Purpose.OPT_OUT_CONFIRMATION, useful_until=changes.now + CONFIRMED_WITHIN)
        return nobody
    if starts and nobody.candidates:
        say(wording.for_patient("opt_in_confirmation", facts), Purpose.OPT_IN_CONFIRMATION)
        return nobody
    if heard.keyword == "HELP":
        say(wording.for_patient("help", facts), Purpose.HELP)
        return nobody
    if nobody.candidates and owes_safety_answer(knowledge.follow_through, item, changes.now):
        return nobody  # two questions that are both answered by a number would be one too many; a nurse is on it
    if nobody.candidates and sum(rule == _SHARED for rule, _ in item.concerns) > MOST_ASKED:
        return nobody
    if nobody.candidates:
        if closed:
            say(wording.for_patient("out_of_hours", facts, item.urgency), Purpose.ANSWER)
        choices = choices_text(nobody.candidates, facts.language)
        say(wording.for_patient("shared_phone_question", facts, choices=choices), Purpose.ANSWER)
        return nobody
    answered = heard.phone.neutral_answer_at
    if answered is None or changes.now - answered >= NEUTRAL_EVERY:
        say(wording.for_patient("neutral_unknown_sender", facts), Purpose.NEUTRAL)
        patient.set_phone(changes, heard.phone.id, neutral_answer_at=changes.now)
        return replace(nobody, phone=replace(nobody.phone, neutral_answer_at=changes.now))
    return nobody
