"""The next contacts of a patient: what is planned and what waits, each with the ruling that it would get at its time, and why.

It holds no rule of its own: planned check-ins are asked as they are when they come due, texts and calls are judged as they are when
they leave. What changes until then (an answer, a pause, another message) may change the ruling too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.call_instead import NO_CALLS, ways
from service.actions.judge_contacts import Contact, Judge, to_first_phone
from service.actions.judge_texts import contact_of
from service.actions.own_patient import own_patient
from service.actions.place_calls import contact_of_call, ruling_on_call
from service.actions.start_check_ins import why_not_started
from service.db import audit, call_lists, consents, flows, next_contacts, outbox, planning
from service.db.call_lists import DueCall
from service.db.database import Database
from service.db.next_contacts import Refusal
from service.db.planning import DueCheckIn
from service.domain.communication import Purpose
from service.domain.contact_hours import ContactHours
from service.domain.contact_law import ContactLaw
from service.domain.patient import PatientContext
from service.domain.phone_number import masked_phone_number
from service.domain.reading import Channel
from service.domain.schedule import to_local
from service.domain.sending import Cap, Ruling, Verdict
from service.domain.staff import Staff

LATELY = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Next:
    """One contact that is planned or waits."""

    at: datetime
    """When it is due, now when that is over."""
    planned: bool
    """A check-in that nothing has been written for yet."""
    purpose: Purpose
    channel: Channel
    programme: str
    number: str
    """Masked."""
    sender: str
    ruling: Ruling


@dataclass(frozen=True, slots=True)
class NextContacts:
    """All that the page shows."""

    patient: PatientContext
    row: Any
    """State, wish and birth date as they are on record."""
    hours: ContactHours | None
    """The rules on the hours of the first number, None without a number."""
    caps: Sequence[Cap]
    """What check-ins are measured against today."""
    contacts: Sequence[Next]
    refused: Sequence[Refusal]
    consents: Sequence[Any]
    """As `db.consents.shown` gives them."""
    holidays: Sequence[tuple[date, str]]


async def view_next_contacts(database: Database, law: ContactLaw, staff: Staff, patient_id: UUID, now: datetime) -> NextContacts:
    """The page's content; the read is audited. Raises NotFound for other teams' patients."""
    async with database.transaction() as connection:
        context = await own_patient(connection, staff, patient_id, now)
        found = await _load(connection, law, context, now)
        await audit.leave(
            connection, staff.organization_id, now, "patient_viewed", staff_id=staff.id, patient_id=patient_id, object_kind="contacts"
        )
    return found


async def _load(connection: AsyncConnection, law: ContactLaw, context: PatientContext, now: datetime) -> NextContacts:
    texts = await outbox.load(connection, await next_contacts.waiting_texts(connection, context.id))
    due_calls = await call_lists.load(connection, await next_contacts.waiting_calls(connection, context.id))
    check_ins, refusals = await _check_ins(connection, context, now)
    by_call = (await ways(connection, {context.id: context}, now)).get(context.id, NO_CALLS).by_call_alone
    prompts = {one.id: _prompt(context, one, Channel.VOICE if by_call else Channel.SMS, now) for one in check_ins} if context.phones else {}
    any_prompt = _any_prompt(context, now)
    everything = [*map(contact_of, texts), *map(contact_of_call, due_calls), *prompts.values()]
    judge = await Judge.load(connection, law, [*everything, *([any_prompt] if any_prompt else [])], now)
    caps = judge.caps(any_prompt, now) if any_prompt else []
    waiting: list[tuple[datetime, bool, Contact, DueCall | None, str]] = []
    waiting += [(max(now, text.due_at), False, contact_of(text), None, "") for text in texts]
    waiting += [(max(now, call.call.due_at), False, contact_of_call(call), call, "") for call in due_calls]
    for one in check_ins:
        if one.id in prompts:
            waiting.append((max(now, one.due_at), True, prompts[one.id], None, refusals[one.id]))
    contacts: list[Next] = []
    numbers = {phone.id: phone.number for phone in context.phones}
    senders: dict[UUID, str] = {}
    for at, planned, contact, call, refusal in sorted(waiting, key=lambda each: each[0]):
        if refusal:
            ruling = Ruling(Verdict.CANCEL, refusal)
        else:
            ruling = judge.ruling(contact, at) if call is None else ruling_on_call(judge, call, at)
        number = masked_phone_number(numbers.get(contact.phone_id) or await next_contacts.number_of(connection, contact.phone_id))
        if contact.phone_id not in senders:
            senders[contact.phone_id] = await next_contacts.sender_of(connection, contact.organization_id, contact.phone_id)
        sender = senders[contact.phone_id]
        contacts.append(Next(at, planned, contact.purpose, contact.channel, contact.programme, number, sender, ruling))
    today = to_local(now, context.zone).date()
    return NextContacts(
        patient=context,
        row=await next_contacts.patient_row(connection, context.id),
        hours=judge.hours(any_prompt) if any_prompt else None,
        caps=caps,
        contacts=contacts,
        refused=await next_contacts.refused(connection, context.id, now - LATELY),
        consents=await consents.shown(connection, context.id),
        holidays=await next_contacts.coming_holidays(connection, context.organization.id, today, today + timedelta(days=30)),
    )


async def _check_ins(connection: AsyncConnection, context: PatientContext, now: datetime) -> tuple[list[DueCheckIn], dict[UUID, str]]:
    """The planned check-ins, soonest first, and why one would not be started ("" when it would)."""
    found = await planning.check_ins_to_start(connection, await next_contacts.planned(connection, context.id, now))
    demos = frozenset({context.organization.id} if context.organization.is_demo else ())
    runnable = await flows.newest_runnable(connection, [context.organization.id], drafts_too=demos)
    ordered = sorted(found.values(), key=lambda one: one.due_at)
    return ordered, {one.id: why_not_started(context, one, runnable.get((one.organization_id, one.programme, one.flow))) for one in ordered}


def _prompt(context: PatientContext, one: DueCheckIn, channel: Channel, now: datetime) -> Contact:
    """The first text, or the call, of a check-in that is planned."""
    prompt = to_first_phone(context, Purpose.CHECK_IN, now)
    return replace(prompt, channel=channel, programme=one.programme, useful_until=one.useful_until, key=one.id)


def _any_prompt(context: PatientContext, now: datetime) -> Contact | None:
    return to_first_phone(context, Purpose.CHECK_IN, now) if context.phones else None
