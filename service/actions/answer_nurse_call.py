"""One step of a call that joins a nurse and a patient: committed first, then answered with what is said or whom it is put through to."""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.receive_call_input import SILENCE, Spoken
from service.actions.way_out import Want, Way, find_ways
from service.clock import Clock
from service.db import joined_calls
from service.db.database import Database, notify
from service.db.joined_calls import Joined
from service.domain.call import OVER, AnsweredBy, CallInput, CallStatus, CallUpdate
from service.domain.nurse_call import NurseCall, Outcome, Said, Stage, hung_up, step
from service.domain.prompt import Connect, Gather, HangUp, Prompt, Say
from service.domain.script import Script
from service.domain.sender import Use

_log = structlog.get_logger(__name__)

_MACHINES = frozenset({AnsweredBy.MACHINE, AnsweredBy.FAX})
_NOBODY = frozenset({CallStatus.UNANSWERED, CallStatus.ENGAGED, CallStatus.FAILED})
SECONDS_FOR_A_KEY = 8
RING_SECONDS = 45


async def answer_nurse_call(database: Database, script: Script, clock: Clock, heard: CallInput) -> Spoken:
    """What is said next, after the commit; a call that is not ours, or is over, hears nothing. A repeated request changes nothing.

    The patient's number is asked for its safety once more at the moment of joining.
    """
    async with database.transaction() as connection:
        now = clock.now()
        seen = await joined_calls.look(connection, heard.call_id)
        if seen is None or _foreign(seen, heard.provider, heard.provider_id):
            _log.warning("foreign_nurse_call", provider=heard.provider, known=seen is not None)
            return Spoken(heard.turn, SILENCE)
        if seen.call.over or heard.turn != seen.call.turn:
            return Spoken(seen.call.turn, SILENCE if seen.call.over else await _prompt(connection, script, seen, _open(seen.call), now))
        machine = heard.answered_by in _MACHINES
        call, said = step(seen.call, pressed=heard.pressed, machine=machine, connected=heard.connected)
        if call.stage is Stage.JOINING and seen.unsafe:
            call, said = NurseCall(Stage.OVER, call.turn, Outcome.NOT_CONFIRMED), Said.GOODBYE
        prompt = await _prompt(connection, script, seen, said, now)
        await joined_calls.keep(connection, seen, call, heard.provider_id, now)
        await notify(connection, f"queue:{seen.organization_id}")
    return Spoken(call.turn, prompt)


async def receive_nurse_call_status(database: Database, update: CallUpdate, now: datetime) -> bool:
    """A provider's word on the nurse's side; whether it ended the call. A late, repeated or foreign one changes nothing."""
    async with database.transaction() as connection:
        seen = await joined_calls.look(connection, update.call_id)
        if seen is None or _foreign(seen, update.provider, update.provider_id) or seen.call.over or update.status not in OVER:
            return False
        call = hung_up(seen.call)
        if update.status in _NOBODY and seen.call.stage is Stage.RINGING:
            call = NurseCall(Stage.OVER, call.turn, Outcome.FAILED if update.status is CallStatus.FAILED else Outcome.NOT_TAKEN)
        await joined_calls.keep(connection, seen, call, update.provider_id, now)
        await notify(connection, f"queue:{seen.organization_id}")
    return True


def _foreign(seen: Joined, provider: str, provider_id: str) -> bool:
    return seen.provider != provider or seen.provider_id not in (None, "", provider_id)


def _open(call: NurseCall) -> Said:
    """What stands open at this stage: a repeated request hears it again."""
    return {Stage.ASKED: Said.PRESS, Stage.JOINING: Said.JOINING}.get(call.stage, Said.NOTHING)


async def _prompt(connection: AsyncConnection, script: Script, seen: Joined, said: Said, now: datetime) -> Prompt:
    if said is Said.NOTHING:
        return SILENCE
    says = (Say(script.neutral(said, seen.language, clinic=seen.organization), seen.language),)
    if said is Said.PRESS:
        return Prompt((Gather(says, seen.language, digits=1, speech=False, seconds=SECONDS_FOR_A_KEY),))
    if said is Said.JOINING:
        [way] = await find_ways(connection, {seen.provider: None}, [Want(seen.organization_id, Use.PATIENTS, seen.phone_id)], now)
        caller = way.number if isinstance(way, Way) and way.number.startswith("+") else ""
        return Prompt((*says, Connect(seen.patient_number, RING_SECONDS, caller)))
    return Prompt((*says, HangUp()))
