"""Receives patients' texts: what is waiting is taken together, one transaction, a few statements, one commit.

Raw event (unique provider id) -> lock phone and patient -> read, triage, opt-out, flow -> write -> commit -> answer the
provider. If reading or the engine fails, the raw event is stored all the same and a nurse gets a work item.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.hear_reply import hear_reply
from service.actions.hear_unknown import IDENTITY_WITHIN, Nobody, chosen, hear_unknown
from service.actions.heard import MACHINE, Heard
from service.actions.knowledge import Knowledge
from service.actions.raise_escalation import Whose, raise_escalation
from service.actions.safety_answers import owes_safety_answer
from service.clock import Clock
from service.db import clinic, communication, inbound, items
from service.db.changes import Changes
from service.db.contexts import load_contexts, load_phone_items, load_teams
from service.db.database import Database
from service.db.escalation_claims import lock_open_items
from service.db.failures import is_contention, is_outage
from service.db.inbound import Owners
from service.db.problems import Problem, report
from service.db.schema import new_id
from service.domain.decision import Fired
from service.domain.patient import OpenItem, PatientContext, Phone, Team
from service.domain.urgency import Urgency
from service.engine import Flow
from service.telephony.port import InboundMessage

_log = structlog.get_logger(__name__)

PAUSES_SECONDS = (0.01, 0.05, 0.2)
"""Before a batch that met another transaction is tried again."""


class Receipt(StrEnum):
    """What became of one message."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    NOT_READ = "not_read"  # stored, reading failed, a nurse looks
    NOT_OURS = "not_ours"  # stored raw: the number it came to belongs to no organization, or to one without a team


async def receive_replies(
    database: Database, knowledge: Knowledge, clock: Clock, messages: Sequence[InboundMessage]
) -> list[Receipt | Exception]:
    """One entry a message, in order, after the commit; an exception means that nothing of it was stored.

    A batch that fails is taken apart and retried one message at a time, in order, so that one bad message cannot fail
    its neighbours; a single one that fails again is stored raw with a work item, without reading it. When the database
    cannot be asked at all nothing is tried again here: the provider calls again, and its list is read later.
    """
    now = clock.now()
    try:
        return [*await _patiently(database, knowledge, now, messages)]
    except Exception as error:
        _log.error("receive_replies_failed", error=type(error).__name__, messages=len(messages))
        if is_outage(error) and not is_contention(error):
            raise
        if is_outage(error):
            return [error] * len(messages)
    return [await _alone(database, knowledge, now, message) for message in messages]


async def _alone(database: Database, knowledge: Knowledge, now: datetime, message: InboundMessage) -> Receipt | Exception:
    try:
        return (await _patiently(database, knowledge, now, [message]))[0]
    except Exception as error:
        _log.error("reply_not_stored", error=type(error).__name__)
        if is_outage(error):
            return error
    try:
        return (await _patiently(database, knowledge, now, [message], blindly=True))[0]
    except Exception as error:
        _log.error("reply_not_stored_raw", error=type(error).__name__)
        return error


async def _patiently(
    database: Database, knowledge: Knowledge, now: datetime, messages: Sequence[InboundMessage], *, blindly: bool = False
) -> list[Receipt]:
    """`_receive`, again when another transaction was in the way: that says nothing about the messages."""
    for pause_seconds in PAUSES_SECONDS:
        try:
            return await _receive(database, knowledge, now, messages, blindly=blindly)
        except Exception as error:
            if not is_contention(error):
                raise
        await asyncio.sleep(pause_seconds)
    return await _receive(database, knowledge, now, messages, blindly=blindly)


@dataclass(slots=True)
class _Desk:
    """Everything a batch needs, loaded once; contexts move on as messages are folded in, in order of arrival."""

    phones: dict[tuple[UUID, str], Phone]
    owners: dict[UUID, Owners]
    contexts: dict[UUID, PatientContext]
    phone_items: dict[UUID, OpenItem]
    teams: dict[UUID, Team]
    flows: dict[UUID, Flow]

    def has_queue(self, organization_id: UUID, phone: Phone) -> bool:
        """Whether somebody would see what comes from this phone: a patient's team, else the organization's first."""
        owners = self.owners[phone.id]
        return bool(owners.patients or owners.related_to) or organization_id in self.teams

    def nobody(self, organization_id: UUID, phone: Phone, candidates: Sequence[UUID]) -> Nobody:
        """The phone as one without a known patient."""
        people = tuple(self.contexts[id] for id in candidates)
        team = people[0].team if people else self.teams[organization_id]
        return Nobody(phone, team, people, self.phone_items.get(phone.id))


async def _receive(
    database: Database, knowledge: Knowledge, now: datetime, messages: Sequence[InboundMessage], *, blindly: bool = False
) -> list[Receipt]:
    receipts = [Receipt.DUPLICATE] * len(messages)
    async with database.transaction() as connection:
        organization_of = await _organizations(connection, messages)
        event_ids = [new_id(now) for _ in messages]
        keys = [(m.provider, m.account, m.provider_id) for m in messages]
        unseen = await inbound.first_seen(connection, [(*key, id) for key, id in dict(zip(keys, event_ids, strict=True)).items()], now)
        fresh: list[int] = []
        for index, key in enumerate(keys):
            if key in unseen:
                unseen.discard(key)
                fresh.append(index)
        if not fresh:
            return receipts
        raw = []
        places = ((organization_of(messages[i]), messages[i].sender) for i in fresh)
        senders = list(dict.fromkeys((id, sender) for id, sender in places if id is not None))
        desk = await _load(connection, knowledge, senders, now)
        changes = Changes(now)
        for index in fresh:
            message = messages[index]
            organization_id = organization_of(message)
            failure = ""
            communication_id: UUID | None = None
            phone = desk.phones[organization_id, message.sender] if organization_id is not None else None
            if organization_id is None or phone is None:
                receipts[index], failure = Receipt.NOT_OURS, _NOBODYS
                _log.error("reply_to_unknown_recipient", provider=message.provider)
            elif not desk.has_queue(organization_id, phone):
                receipts[index], failure = Receipt.NOT_OURS, "no team"
                _log.error("reply_without_a_queue", provider=message.provider)
            else:
                receipts[index] = Receipt.STORED
                await asyncio.sleep(0)  # reading one takes up to some hundredths of a second: others have their turn between
                try:
                    if blindly:
                        raise RuntimeError("its batch could not be written")
                    one = Changes(now)
                    communication_id = await _hear(connection, one, knowledge, desk, organization_id, phone, message)
                except Exception as error:
                    receipts[index], failure = Receipt.NOT_READ, type(error).__name__
                    _log.error("reply_not_read", error=failure)
                    one = Changes(now)
                    communication_id = _keep_unread(one, knowledge, desk, organization_id, phone, message)
                changes.merge(one)
            event = inbound.raw_event(event_ids[index], organization_id, message.provider, message.provider_id, message.raw, now, failure)
            raw.append({**event, "communication_id": communication_id})
        await inbound.store_raw(connection, raw)
        if any(event["failure"] == _NOBODYS for event in raw):
            # Whose it is cannot be told, so each clinic is: its patients may be writing to a number that nobody set up (law 2).
            everyone = [one.id for one in await clinic.list_organizations(connection)]
            problems = [Problem(id, "unknown_recipient", _SET_UP, Urgency.SAME_DAY) for id in everyone]
            await report(connection, changes, problems, repeat=False)
        await changes.write(connection)
    return receipts


_NOBODYS = "unknown recipient"
_SET_UP = "A text came to a number that belongs to no organization here and was shown to nobody: check which number patients text to."


async def _organizations(connection: AsyncConnection, messages: Sequence[InboundMessage]) -> Callable[[InboundMessage], UUID | None]:
    """Whose a message is: by the number that it came to, else by the sender pool of that number."""
    found: dict[tuple[str, str], UUID] = {}
    for provider in {message.provider for message in messages}:
        of_provider = [message for message in messages if message.provider == provider]
        senders = {name for message in of_provider for name in (message.recipient, message.pool) if name}
        found |= {(provider, name): id for name, id in (await inbound.organizations_of(connection, provider, senders)).items()}
    return lambda message: found.get((message.provider, message.recipient)) or found.get((message.provider, message.pool))


async def _load(connection: AsyncConnection, knowledge: Knowledge, senders: Sequence[tuple[UUID, str]], now: datetime) -> _Desk:
    if not senders:
        return _Desk({}, {}, {}, {}, {}, {})
    phones = await inbound.phones_of(connection, senders, now)
    owners = await inbound.owners_of(connection, [phone.id for phone in phones.values()])
    people = {id for one in owners.values() for id in (*one.patients, *one.related_to)}
    unowned = [phone.id for phone in phones.values() if len(owners[phone.id].patients or owners[phone.id].related_to) != 1]
    if people and unowned:  # two statements below lock items: together they must keep to the order of all who lock several
        await lock_open_items(connection, people, unowned)
    contexts = await load_contexts(connection, list(people), now)
    phone_items = await load_phone_items(connection, unowned) if unowned else {}
    teams: dict[UUID, Team] = {}
    for organization_id in {organization_id for organization_id, _ in senders} if unowned else ():
        team_id = await inbound.default_team(connection, organization_id)
        if team_id is not None:
            teams[organization_id] = (await load_teams(connection, {team_id}, now))[team_id]
    flows = await knowledge.flows(connection, [one.conversation.flow_version_id for one in contexts.values() if one.conversation])
    return _Desk(phones, owners, contexts, phone_items, teams, flows)


async def _hear(
    connection: AsyncConnection,
    changes: Changes,
    knowledge: Knowledge,
    desk: _Desk,
    organization_id: UUID,
    phone: Phone,
    message: InboundMessage,
) -> UUID:
    """One message, attributed to whom it surely belongs; returns the communication that keeps it."""
    heard = Heard(
        body=message.body,
        phone=phone,
        provider=message.provider,
        provider_id=message.provider_id,
        received_at=changes.now,
        provider_answered=bool(message.opt_out_type),
        keyword=message.opt_out_type.upper(),
        media_count=message.media_count,
    )
    owners = desk.owners[phone.id]
    candidates = owners.patients or owners.related_to
    if len(candidates) == 1:
        return _one_patient(changes, knowledge, desk, candidates[0], replace(heard, by_related_person=not owners.patients))
    item = desk.phone_items.get(phone.id)
    owes = owes_safety_answer(knowledge.follow_through, item, changes.now)  # a 2 is "I can't or I'm alone" then, and nobody's name
    if len(candidates) > 1 and not owes and (who := chosen(message.body, [desk.contexts[id] for id in candidates])) is not None:
        waiting = await inbound.waiting_for_identity(connection, phone.id, changes.now, IDENTITY_WITHIN)
        if waiting is not None:
            return _identified(changes, knowledge, desk, who.id, replace(heard, by_related_person=not owners.patients), waiting)
    nobody, communication_id = hear_unknown(changes, knowledge, desk.nobody(organization_id, phone, candidates), heard)
    if nobody.item is not None:
        desk.phone_items[phone.id] = nobody.item
    desk.phones[organization_id, message.sender] = nobody.phone
    return communication_id


def _one_patient(changes: Changes, knowledge: Knowledge, desk: _Desk, patient_id: UUID, heard: Heard) -> UUID:
    before = desk.contexts[patient_id]
    flow = desk.flows.get(before.conversation.flow_version_id) if before.conversation else None
    one = Changes(changes.now)
    try:
        context, communication_id = hear_reply(one, knowledge, before, flow, heard)
    except Exception as error:
        if flow is None:
            raise
        _log.error("check_in_failed_at_a_reply", error=type(error).__name__)
        one = Changes(changes.now)  # what is dangerous does not wait for the check-in (law 1): heard once more, without it
        context, communication_id = hear_reply(one, knowledge, before, None, heard)
        item = raise_escalation(one, knowledge, Whose.patient(context), [_NOT_TAKEN_IN], communication_id=communication_id)
        context = replace(context, item=item)
    changes.merge(one)
    desk.contexts[patient_id] = context
    return communication_id


_NOT_TAKEN_IN = Fired(
    "machine.not_taken_in",
    MACHINE,
    Urgency.URGENT,
    "The check-in failed at this text and waits: read it now",
    "Rounds safety rule 8: what fails loses nothing, and a nurse is told",
)


def _identified(
    changes: Changes, knowledge: Knowledge, desk: _Desk, patient_id: UUID, heard: Heard, waiting: Sequence[inbound.Pending]
) -> UUID:
    """The answer to "who is writing?": the texts that waited are heard as that patient's, in order; the item moves along."""
    context = desk.contexts[patient_id]
    item = desk.phone_items.get(heard.phone.id)
    if item is not None and context.item is None:
        items.change_item(changes, context.organization.id, item.id, patient_id=patient_id)
        items.add_event(changes, context.organization.id, item.id, "attributed", {})
        desk.contexts[patient_id] = replace(context, item=item)
        del desk.phone_items[heard.phone.id]
    for text in waiting:
        _one_patient(
            changes,
            knowledge,
            desk,
            patient_id,
            replace(heard, body=text.body, received_at=text.received_at, communication_id=text.communication_id),
        )
    return communication.inbound(
        changes,
        organization_id=context.organization.id,
        patient_id=patient_id,
        phone_id=heard.phone.id,
        body=heard.body,
        language=context.language,
        provider=heard.provider,
        provider_id=heard.provider_id,
        reading={"lexicon": "", "missing": "", "findings": []},
        received_at=heard.received_at,
    )


def _keep_unread(
    changes: Changes, knowledge: Knowledge, desk: _Desk, organization_id: UUID, phone: Phone, message: InboundMessage
) -> UUID | None:
    """Reading failed: the words are kept and a nurse reads them soon, since nobody knows yet what they say (law 2)."""
    owners = desk.owners[phone.id]
    patients = owners.patients or owners.related_to
    context = desk.contexts[patients[0]] if len(patients) == 1 else None
    nobody = desk.nobody(organization_id, phone, patients)
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
    )
    fired = Fired(
        "machine.not_read",
        MACHINE,
        Urgency.URGENT,
        "A text could not be read by the machine: read it now",
        "Rounds safety rule 8: what fails loses nothing, and a nurse is told",
    )
    whose = Whose.patient(context) if context else Whose(nobody.team, nobody.item, None, phone.id)
    item = raise_escalation(changes, knowledge, whose, [fired], communication_id=communication_id)
    if context:
        desk.contexts[context.id] = replace(context, item=item)
    else:
        desk.phone_items[phone.id] = item
    return communication_id
