"""Receives patients' texts: what is waiting is taken together, one transaction, a few statements, one commit.

Raw event (unique provider id) -> lock phone and patient -> read, triage, opt-out, flow -> write -> commit -> answer the
provider. If reading or the engine fails, the raw event is stored all the same and a nurse gets a work item.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.answer_page_by_text import answer_page_by_text, may_answer_page
from service.actions.attribute import attribute, keep_unread
from service.actions.desk import Desk, load_desk
from service.actions.knowledge import Knowledge
from service.clock import Clock
from service.db import clinic, inbound
from service.db.changes import Changes
from service.db.database import Database
from service.db.failures import is_contention, is_outage
from service.db.problems import Problem, report
from service.db.schema import new_id
from service.db.senders import written_to
from service.domain.patient import Phone
from service.domain.urgency import Urgency
from service.telephony.port import InboundMessage

_log = structlog.get_logger(__name__)

PAUSES_SECONDS = (0.01, 0.05, 0.2)
"""Before a batch that met another transaction is tried again."""


class Receipt(StrEnum):
    """What became of one message."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    NOT_READ = "not_read"  # stored, reading failed, a nurse looks
    OF_STAFF = "of_staff"  # stored raw: a nurse has answered the page that she was sent
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
        heard: dict[UUID, tuple[UUID, str, Sequence[str]]] = {}
        places = ((organization_of(messages[i]), messages[i].sender) for i in fresh)
        senders = list(dict.fromkeys((id, sender) for id, sender in places if id is not None))
        desk = await load_desk(connection, knowledge, senders, now)
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
            elif await _answers_page(connection, desk, organization_id, phone, message, now):
                receipts[index] = Receipt.OF_STAFF
            else:
                receipts[index] = Receipt.STORED
                heard[phone.id] = (organization_id, message.provider, [name for name in (message.recipient, message.pool) if name])
                await asyncio.sleep(0)  # reading one takes up to some hundredths of a second: others have their turn between
                try:
                    if blindly:
                        raise RuntimeError("its batch could not be written")
                    one = Changes(now)
                    communication_id = await attribute(connection, one, knowledge, desk, organization_id, phone, message)
                except Exception as error:
                    receipts[index], failure = Receipt.NOT_READ, type(error).__name__
                    _log.error("reply_not_read", error=failure)
                    one = Changes(now)
                    communication_id = keep_unread(one, desk, organization_id, phone, message)
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
        await written_to(connection, heard, now)  # last: who sends locks texts before the number that a phone knows, too
    return receipts


async def _answers_page(
    connection: AsyncConnection, desk: Desk, organization_id: UUID, phone: Phone, message: InboundMessage, now: datetime
) -> bool:
    """Whether a member of staff has answered a page, from a number that has never been a patient's or a relative's."""
    owners = desk.owners[phone.id]
    if owners.candidates or owners.former or not may_answer_page(message.body):
        return False
    return await answer_page_by_text(connection, organization_id, message.sender, now)


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
