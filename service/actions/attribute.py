"""Whose words a text is: the one patient's whose number it came from, or nobody's until a person or the sender has said so.

A step inside receive_reply's transaction. What is dangerous acts first, whoever wrote it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.desk import Desk
from service.actions.hear_reply import hear_reply
from service.actions.hear_unknown import IDENTITY_WITHIN, hear_unknown
from service.actions.heard import MACHINE, Heard
from service.actions.knowledge import Knowledge
from service.actions.proxy import weigh
from service.actions.raise_escalation import Whose, raise_escalation
from service.actions.safety_answers import owes_safety_answer
from service.actions.shared_phone import SPEAKS_FOR, choices_text, chosen
from service.db import communication, inbound, items, numbers
from service.db.changes import Changes
from service.domain.decision import Fired
from service.domain.patient import PatientContext, Phone
from service.domain.reading import FindingKind, Reply
from service.domain.urgency import Urgency
from service.domain.wording import LANGUAGES
from service.replies import read
from service.telephony.port import InboundMessage

_log = structlog.get_logger(__name__)

_OF_THE_NUMBER = (FindingKind.OPT_OUT, FindingKind.WRONG_NUMBER, FindingKind.UNSAFE_TO_CONTACT)
"""These concern a shared number and everybody on it, whoever answers from it just now; so does START where the number was stopped."""


async def attribute(
    connection: AsyncConnection,
    changes: Changes,
    knowledge: Knowledge,
    desk: Desk,
    organization_id: UUID,
    phone: Phone,
    message: InboundMessage,
) -> UUID:
    """One message, attributed to whom it surely belongs and heard; returns the communication that keeps it."""
    heard = as_heard(knowledge, changes, phone, message)
    owners = desk.owners[phone.id]
    if len(owners.candidates) == 1:
        return _one_patient(changes, knowledge, desk, owners.candidates[0], heard)
    if len(owners.candidates) > 1:
        known = await _speaker(connection, changes, knowledge, desk, heard)
        if known is not None:
            return known
    nobody, communication_id = hear_unknown(changes, knowledge, desk.nobody(organization_id, phone), heard)
    desk.keep(organization_id, message.sender, nobody)
    return communication_id


def as_heard(knowledge: Knowledge, changes: Changes, phone: Phone, message: InboundMessage) -> Heard:
    """A text as it is heard. A provider takes YES for START; our consent is restored by START alone (decisions 12)."""
    keyword = message.opt_out_type.upper()
    lifted = keyword == "START" and not read(knowledge.lexicon, Reply(message.body), None).has(FindingKind.OPT_IN)
    return Heard(
        body=message.body,
        phone=phone,
        provider=message.provider,
        provider_id=message.provider_id,
        received_at=changes.now,
        provider_answered=bool(keyword) and not lifted,
        keyword="" if lifted else keyword,
        unblocked=lifted,
        media_count=message.media_count,
    )


async def _speaker(connection: AsyncConnection, changes: Changes, knowledge: Knowledge, desk: Desk, heard: Heard) -> UUID | None:
    """On a shared phone: hears the text as that of whoever has said who they are; None when nobody has."""
    phone, people = heard.phone, [desk.contexts[id] for id in desk.owners[heard.phone.id].candidates]
    if heard.keyword or _of_the_number(knowledge, heard):
        return None
    owes = owes_safety_answer(knowledge.follow_through, desk.phone_items.get(phone.id), changes.now)  # a 2 is "I can't or I'm alone" then
    named = any(sign.isalpha() for sign in heard.body)  # "this is Gus" says so at any time; a bare number only where it was asked for
    if (named or not owes) and (who := chosen(knowledge.lexicon, heard.body, people)) is not None:
        offered = [choices_text(people, language) for language in LANGUAGES]
        waiting = await inbound.waiting_for_identity(connection, phone.id, changes.now, IDENTITY_WITHIN, offered)
        if waiting is not None or named:
            return _identified(changes, knowledge, desk, who.id, heard, waiting or [])
    bound = phone.answering(changes.now)
    if owes or bound is None or bound not in desk.contexts or bound not in desk.owners[phone.id].candidates:
        return None
    return _one_patient(changes, knowledge, desk, bound, replace(heard, shared=True))


def _of_the_number(knowledge: Knowledge, heard: Heard) -> bool:
    reading = read(knowledge.lexicon, Reply(heard.body), None)
    starts = heard.phone.opted_out_at is not None and reading.has(FindingKind.OPT_IN)
    return starts or any(reading.has(kind) for kind in _OF_THE_NUMBER)


def _one_patient(changes: Changes, knowledge: Knowledge, desk: Desk, patient_id: UUID, heard: Heard) -> UUID:
    before = desk.contexts[patient_id]
    heard = replace(heard, related=desk.owners[heard.phone.id].speaker(patient_id))
    flow = desk.flows.get(before.conversation.flow_version_id) if before.conversation else None
    one = Changes(changes.now)
    try:
        context, communication_id = hear_reply(one, knowledge, before, flow, weigh(knowledge, before, flow, heard))
    except Exception as error:
        if flow is None:
            raise
        _log.error("check_in_failed_at_a_reply", error=type(error).__name__)
        one = Changes(changes.now)  # what is dangerous does not wait for the check-in (law 1): heard once more, without it
        context, communication_id = hear_reply(one, knowledge, before, None, weigh(knowledge, before, None, heard))
        item = raise_escalation(one, Whose.patient(context), [_NOT_TAKEN_IN], communication_id=communication_id)
        context = replace(context, item=item)
    changes.merge(one)
    desk.contexts[patient_id] = context
    desk.forget_former(context)
    return communication_id


_NOT_TAKEN_IN = Fired(
    "machine.not_taken_in",
    MACHINE,
    Urgency.URGENT,
    "The check-in failed at this text and waits: read it now",
    "Rounds safety rule 8: what fails loses nothing, and a nurse is told",
)


def _identified(
    changes: Changes, knowledge: Knowledge, desk: Desk, patient_id: UUID, heard: Heard, waiting: Sequence[inbound.Pending]
) -> UUID:
    """The answer to "who is writing?": the texts that waited are heard as that patient's, in order; the item moves along.

    For an hour what comes from this phone is theirs; then it is asked again.
    """
    context = desk.contexts[patient_id]
    item = desk.phone_items.get(heard.phone.id)
    if item is not None and context.item is None:
        items.change_item(changes, context.organization.id, item.id, patient_id=patient_id)
        items.add_event(changes, context.organization.id, item.id, "attributed", {})
        desk.contexts[patient_id] = replace(context, item=item)
        del desk.phone_items[heard.phone.id]
    phone = replace(heard.phone, answering_id=patient_id, answering_until=changes.now + SPEAKS_FOR)
    numbers.answers_until(changes, phone.id, phone.answering_id, phone.answering_until)
    desk.phones[context.organization.id, phone.number] = phone
    for text in waiting:
        heard_then = replace(heard, phone=phone, body=text.body, received_at=text.received_at, communication_id=text.communication_id)
        _one_patient(changes, knowledge, desk, patient_id, heard_then)
    speaker = desk.owners[phone.id].speaker(patient_id)
    return communication.inbound(
        changes,
        organization_id=context.organization.id,
        patient_id=patient_id,
        phone_id=phone.id,
        body=heard.body,
        language=context.language,
        provider=heard.provider,
        provider_id=heard.provider_id,
        reading={"lexicon": "", "missing": "", "findings": []},
        received_at=heard.received_at,
        related_person_id=speaker.id if speaker is not None else None,
    )


def keep_unread(changes: Changes, desk: Desk, organization_id: UUID, phone: Phone, message: InboundMessage) -> UUID:
    """Reading failed: the words are kept and a nurse reads them soon, since nobody knows yet what they say (law 2)."""
    owners = desk.owners[phone.id]
    context: PatientContext | None = desk.contexts[owners.candidates[0]] if len(owners.candidates) == 1 else None
    speaker = owners.speaker(context.id) if context is not None else None
    nobody = desk.nobody(organization_id, phone)
    communication_id = communication.inbound(
        changes,
        organization_id=organization_id,
        patient_id=context.id if context else None,
        phone_id=phone.id,
        body=message.body,
        language=context.language if context else "en",
        provider=message.provider,
        provider_id=message.provider_id,
        reading=None,
        received_at=changes.now,
        related_person_id=speaker.id if speaker is not None else None,
    )
    fired = Fired(
        "machine.not_read",
        MACHINE,
        Urgency.URGENT,
        "A text could not be read by the machine: read it now",
        "Rounds safety rule 8: what fails loses nothing, and a nurse is told",
    )
    whose = Whose.patient(context) if context else Whose(nobody.team, nobody.item, None, phone.id)
    item = raise_escalation(changes, whose, [fired], communication_id=communication_id)
    if context:
        desk.contexts[context.id] = replace(context, item=item)
    else:
        desk.phone_items[phone.id] = item
    return communication_id
