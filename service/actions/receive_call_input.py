"""Receives one step of a live call: committed first, then answered with what is said next (law 1, decisions 19).

Stateless between two steps: where the call stands is in the database, so that a restart in mid-call goes on, on any node. A
repeated request changes nothing and hears the open prompt; so does a late one, but what it tells for the first time is not lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.answer_call import Line
from service.actions.apply_events import note_promise
from service.actions.hear_reply import hear_reply
from service.actions.heard import MACHINE, Heard
from service.actions.hold_call import pick_up, take_step
from service.actions.knowledge import Knowledge
from service.actions.raise_escalation import Whose, raise_escalation
from service.clock import Clock
from service.db import calls, inbound, items, spoken
from service.db.calls import CallRow
from service.db.changes import Changes
from service.db.contexts import load_contexts
from service.db.database import Database
from service.db.failures import is_contention, is_outage
from service.db.schema import new_id
from service.domain.call import AnsweredBy, CallInput, CallStatus, CallUpdate
from service.domain.communication import Purpose
from service.domain.decision import Fired
from service.domain.escalation import Reached
from service.domain.facts import Facts
from service.domain.patient import PatientContext, Phone
from service.domain.prompt import Gather, HangUp, Prompt, Say
from service.domain.reading import Channel
from service.domain.script import Script
from service.domain.urgency import Urgency
from service.engine.call import Call, Stage
from service.telephony.port import ProviderError, Telephone

_log = structlog.get_logger(__name__)

PAUSES_SECONDS = (0.01, 0.05, 0.2)
SILENCE = Prompt((HangUp(),))
MACHINES = frozenset({AnsweredBy.MACHINE, AnsweredBy.FAX})


@dataclass(frozen=True, slots=True)
class Spoken:
    """What is said next, and the number of that prompt: the answer to it comes with this number."""

    turn: int
    prompt: Prompt


async def receive_call_input(database: Database, knowledge: Knowledge, script: Script, clock: Clock, heard: CallInput) -> Spoken:
    """The next prompt of the call, after the commit. A call that we do not know, or another's, hears nothing and ends.

    When hearing fails the input is stored all the same, a nurse gets an item, and the caller is told so. Raises when the
    database cannot be asked: the provider then reads out the fallback document.
    """
    for pause_seconds in (*PAUSES_SECONDS, None):
        try:
            return await _receive(database, knowledge, script, clock, heard)
        except Exception as error:
            if is_outage(error) and not is_contention(error):
                raise
            if not is_contention(error) or pause_seconds is None:
                _log.error("call_step_failed", error=type(error).__name__)
                return await _receive(database, knowledge, script, clock, heard, failure=type(error).__name__)
        await asyncio.sleep(pause_seconds)
    raise AssertionError("unreachable")


async def receive_machine(
    database: Database, knowledge: Knowledge, script: Script, telephones: Mapping[str, Telephone], clock: Clock, update: CallUpdate
) -> bool:
    """The provider's word on who has picked up, which came by itself: whether a live call was turned into voicemail.

    It may come after answers or after the end. A call in which anybody has shown who they are, has answered, or is owed a safety
    answer is a person's, whatever the machine says. The call is sent on after the commit; if that fails, its next step hears it.
    """
    async with database.transaction() as connection:
        whose = await calls.patient_of(connection, update.call_id)
        if whose is None or update.answered_by is None:
            return False
        context = (await load_contexts(connection, [whose[0]], clock.now()))[whose[0]]
        row = await calls.lock(connection, update.call_id)
        if row is None or row.provider_id not in (None, update.provider_id) or row.provider != update.provider or row.answered_by:
            return False
        changes = Changes(clock.now())
        changes.update(calls.calls, row.id, answered_by=update.answered_by.value)
        call = Call.from_json(row.state) if row.state is not None else None
        person = call is None or call.identified or call.answered or call.owed or call.stage not in (Stage.IDENTITY, Stage.SAFETY)
        if person or call is None or row.status is not CallStatus.TALKING or update.answered_by not in MACHINES:
            await changes.write(connection)
            return False
        heard = CallInput(update.provider, update.account, update.provider_id, row.id, call.turn, answered_by=update.answered_by)
        opened = Prompt.from_json(row.prompt) if row.prompt is not None else SILENCE
        said = await _step(connection, changes, knowledge, script, context, row, call, opened, heard, whose[1:], machine=True)
        changes.wake(f"patient:{context.id}")
        await changes.write(connection)
    try:
        return await telephones[update.provider].go_on(update.provider_id, update.call_id, said.turn)
    except (ProviderError, KeyError) as error:
        _log.warning("call_not_sent_on", provider=update.provider, error=type(error).__name__)
        return False


async def _receive(
    database: Database, knowledge: Knowledge, script: Script, clock: Clock, heard: CallInput, *, failure: str = ""
) -> Spoken:
    now = clock.now()
    async with database.transaction() as connection:
        whose = await calls.patient_of(connection, heard.call_id)
        if whose is None:
            _log.warning("unknown_call", provider=heard.provider)
            return Spoken(heard.turn, SILENCE)
        patient_id, birth_year, pin = whose
        context = (await load_contexts(connection, [patient_id], now))[patient_id]
        row = await calls.lock(connection, heard.call_id)
        if row is None or row.provider_id not in (None, heard.provider_id) or row.provider != heard.provider:
            _log.warning("foreign_call", provider=heard.provider)
            return Spoken(heard.turn, SILENCE)
        call = Call.from_json(row.state) if row.state is not None else Call(context.language)
        opened = Prompt.from_json(row.prompt) if row.prompt is not None else SILENCE
        over = row.status not in (CallStatus.CLAIMED, CallStatus.PLACED, CallStatus.TALKING, CallStatus.UNKNOWN)
        changes = Changes(now)
        if over or call.stage is Stage.OVER or heard.turn != call.turn or (heard.turn == 0 and row.state is not None):
            told = bool(heard.spoken or heard.pressed)
            if told and await _keep_raw(connection, heard, context.organization.id, changes, failure):
                _too_late(changes, knowledge, context, row, call, heard, failure)
                await changes.write(connection)
            return Spoken(call.turn, opened)
        if row.answered_by and heard.answered_by is None and row.state is None:  # it was told before the first step
            heard = replace(heard, answered_by=AnsweredBy(row.answered_by))
        _talking(changes, row, heard)
        _heard_out(changes, context, row, call, answered=bool(heard.pressed or heard.spoken))
        if failure:
            said = _failed(changes, script, context, row, call)
        else:
            said = await _step(connection, changes, knowledge, script, context, row, call, opened, heard, (birth_year, pin))
        await _keep_raw(connection, heard, context.organization.id, changes, failure)
        changes.wake(f"patient:{patient_id}")
        await changes.write(connection)
    return said


async def _step(
    connection: AsyncConnection,
    changes: Changes,
    knowledge: Knowledge,
    script: Script,
    context: PatientContext,
    row: CallRow,
    call: Call,
    opened: Prompt,
    heard: CallInput,
    identity: tuple[str, str],
    *,
    machine: bool = False,
) -> Spoken:
    waiting = context.session if context.session is not None and context.session.id == row.flow_session_id else None
    flow = (await knowledge.flows(connection, [waiting.flow_version_id])).get(waiting.flow_version_id) if waiting else None
    language = flow.language(context.language) if flow is not None else context.language
    fresh = row.state is None
    line = Line(
        changes=changes,
        knowledge=knowledge,
        script=script,
        context=context if waiting is not None else replace(context, session=None),
        flow=flow,
        phone=_phone(context, row),
        heard=heard,
        call=Call(language if language in ("en", "es") else "en") if fresh else replace(call, spoken="", owed=""),
        prompt=opened,
        number=row.number,
        purpose=row.purpose,
        birth_year=identity[0],
        pin=identity[1],
    )
    prompt = pick_up(line) if fresh or machine else take_step(line)
    return _said(changes, context, row, line, prompt)


def _said(changes: Changes, context: PatientContext, row: CallRow, line: Line, prompt: Prompt) -> Spoken:
    """Keeps what is said, and where the call stands now."""
    owed = line.call.owed
    session = context.session
    body = " ".join(say.text for say in _says(prompt))
    communication_id = ""
    if body:
        kept = spoken.keep(
            changes,
            row,
            body,
            line.call.language,
            Purpose.SAFETY if owed else Purpose.ANSWER,
            check_in_id=session.check_in_id if session else None,
            escalation_id=line.context.item.id if owed and line.context.item is not None else None,
            reason=owed,
        )
        note_promise(changes, line.context, body, kept, row.phone_id)
        communication_id = str(kept)
    call = replace(line.call, turn=line.call.turn + 1, spoken=communication_id)
    calls.save(changes, row.id, call.to_json(), prompt.to_json())
    return Spoken(call.turn, prompt)


def _says(prompt: Prompt) -> list[Say]:
    found: list[Say] = []
    for part in prompt.parts:
        if isinstance(part, Say):
            found.append(part)
        elif isinstance(part, Gather):
            found += part.says
    return found


def _talking(changes: Changes, row: CallRow, heard: CallInput) -> None:
    values = {"answered_by": heard.answered_by.value} if heard.answered_by is not None else {}
    if row.provider_id is None:
        values["provider_id"] = heard.provider_id
    if row.status is not CallStatus.TALKING:
        calls.move(changes, row, CallStatus.TALKING, "provider", **values)
    elif values:
        changes.update(calls.calls, row.id, **values)


def _heard_out(changes: Changes, context: PatientContext, row: CallRow, call: Call, *, answered: bool) -> None:
    """This step proves that the line stood while the last prompt was said; an answer, that somebody was there."""
    if call.spoken:
        spoken.was_heard(changes, row, UUID(call.spoken), heard=True)
    reached = call.owed or (answered and row.purpose is Purpose.SAFETY)
    if reached and context.item is not None:
        items.change_item(changes, context.organization.id, context.item.id, reached=Reached.DELIVERED)


def _too_late(
    changes: Changes, knowledge: Knowledge, context: PatientContext, row: CallRow, call: Call, heard: CallInput, failure: str
) -> None:
    """Words of a step that was never heard, told when the call has gone on without them or is over: they count as a text's would,
    and what is said to them goes by text. Keys answer nothing any more: a nurse asks."""
    if heard.spoken and not failure:
        words = Heard(
            heard.spoken,
            _phone(context, row),
            heard.provider,
            heard.step_id,
            changes.now,
            channel=Channel.VOICE,
            stranger=not call.identified,
        )
        hear_reply(changes, knowledge, context, None, words)
        return
    urgency = Urgency.URGENT if context.high_risk or failure else Urgency.SAME_DAY
    reason = "What was said or pressed on the telephone came too late to be heard: call back"
    fired = Fired(
        "machine.call_heard_late", MACHINE, urgency, reason, "Rounds safety rule 8: what fails loses nothing, and a nurse is told"
    )
    raise_escalation(changes, Whose.patient(context), [fired])


def _phone(context: PatientContext, row: CallRow) -> Phone:
    return next(phone for phone in (*context.phones, *context.former_phones) if phone.id == row.phone_id)


def _failed(changes: Changes, script: Script, context: PatientContext, row: CallRow, call: Call) -> Spoken:
    """Hearing failed: a nurse is told at once, and so is the caller (law 2)."""
    reason = "What was said on the telephone could not be heard by the machine: call now"
    fired = Fired(
        "machine.call_failed", MACHINE, Urgency.URGENT, reason, "Rounds safety rule 8: what fails loses nothing, and a nurse is told"
    )
    raise_escalation(changes, Whose.patient(context), [fired])
    facts = Facts(language=call.language, clinic=context.organization.name, emergency_number=context.organization.emergency_number)
    prompt = Prompt((Say(script.say("failed", facts), call.language), HangUp()))
    over = replace(call, stage=Stage.OVER, turn=call.turn + 1, spoken="", owed="")
    calls.save(changes, row.id, over.to_json(), prompt.to_json())
    return Spoken(over.turn, prompt)


async def _keep_raw(connection: AsyncConnection, heard: CallInput, organization_id: UUID, changes: Changes, failure: str) -> bool:
    """The provider's form, verbatim; each step once (law 3): False when it was kept before."""
    id = new_id(changes.now)
    if not await inbound.first_seen(connection, [(heard.provider, heard.account, heard.step_id, id)], changes.now):
        return False
    event = inbound.raw_event(id, organization_id, heard.provider, heard.step_id, heard.raw, changes.now, failure)
    await inbound.store_raw(connection, [{**event, "kind": "call"}])
    return True
