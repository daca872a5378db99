"""One step of a call that pages staff: committed first, then answered with what is said next.

Stateless between two steps, as calls to patients are: a restart in mid-call goes on, on any node; a repeated or late request
changes nothing and hears the open prompt. What follows from the call goes through `settle_pages`, as with any page.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime

import structlog
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.knowledge import Knowledge
from service.actions.note_acknowledged import note_acknowledged
from service.actions.receive_call_input import SILENCE, Spoken
from service.actions.settle_communications import Word
from service.actions.settle_pages import settle_pages
from service.clock import Clock
from service.db import items, page_calls, pages
from service.db.changes import Changes
from service.db.database import Database
from service.db.page_calls import Seen
from service.domain.call import AnsweredBy, CallInput
from service.domain.communication import Status
from service.domain.page_call import LISTENS, LOCKED_FOR, NOT_REACHED, Outcome, PageCall, Said, Stage, hear_key, hear_pin, pick_up
from service.domain.prompt import Gather, HangUp, Prompt, Say
from service.domain.script import Script
from service.domain.urgency import Urgency

_log = structlog.get_logger(__name__)

_MACHINES = frozenset({AnsweredBy.MACHINE, AnsweredBy.FAX})
_LIVE = frozenset({Status.CLAIMED, Status.ACCEPTED, Status.SENT, Status.UNKNOWN})
LANGUAGE = "en"
"""Staff are spoken to in the language of the staff pages."""
SECONDS_FOR_A_KEY = 8
_turns = asyncio.Semaphore(2)
"""A PIN takes about 115 ms of a core and 64 MiB to check, as a password does."""


async def answer_page_call(database: Database, knowledge: Knowledge, script: Script, clock: Clock, heard: CallInput) -> Spoken:
    """What is said next, after the commit. A call that we do not know, or another's, hears nothing and ends.

    Raises when the database cannot be asked: the provider then reads out the fallback document, and the ladder goes on by its minutes.
    """
    async with database.reading() as connection:
        before = await page_calls.look(connection, heard.call_id)
    if before is None or before.provider != heard.provider or before.provider_id not in (None, "", heard.provider_id):
        _log.warning("foreign_page_call", provider=heard.provider, known=before is not None)
        return Spoken(heard.turn, SILENCE)
    right = await _pin_fits(before, heard, clock.now())
    async with database.transaction() as connection:
        now = clock.now()
        await pages.lock(connection, [before.id])
        seen = await page_calls.look(connection, before.id)
        if seen is None or seen.provider_id not in (None, "", heard.provider_id):
            return Spoken(heard.turn, SILENCE)
        if seen.call.over or seen.status not in _LIVE or heard.turn != seen.call.turn or (heard.turn == 0 and seen.begun):
            return Spoken(seen.call.turn, seen.prompt or SILENCE)
        call, said = _step(seen, heard, now, right=right)
        prompt = _prompt(script, seen, said)
        answered_by = heard.answered_by.value if heard.answered_by is not None else ""
        await page_calls.keep(connection, seen, heard.provider, heard.provider_id, call, prompt, answered_by, now)
        await _follow(connection, knowledge, seen, call, heard, now)
    return Spoken(call.turn, prompt)


async def _pin_fits(seen: Seen, heard: CallInput, now: datetime) -> bool:
    """Whether the open prompt asks for a PIN and this is the right one; checked while no transaction is open."""
    whom = seen.whom
    if whom is None or not whom.pin_hash or not heard.pressed or _locked(seen, now):
        return False
    if seen.call.stage is not Stage.PIN or not seen.begun or heard.turn != seen.call.turn:
        return False
    async with _turns:
        return await asyncio.to_thread(_verify, whom.pin_hash, heard.pressed)


def _verify(pin_hash: str, pin: str) -> bool:
    try:
        return PasswordHasher().verify(pin_hash, pin)
    except (VerificationError, InvalidHashError):
        return False


def _locked(seen: Seen, now: datetime) -> bool:
    return seen.whom is not None and seen.whom.pin_locked_at is not None and now < seen.whom.pin_locked_at + LOCKED_FOR


def _step(seen: Seen, heard: CallInput, now: datetime, *, right: bool) -> tuple[PageCall, Said]:
    has_pin = seen.whom is not None and bool(seen.whom.pin_hash)
    machine = heard.answered_by in _MACHINES
    if not seen.begun:
        return pick_up(seen.call, machine=machine, waits=seen.waits, has_pin=has_pin, locked=_locked(seen, now))
    if seen.call.stage is Stage.PIN:
        return hear_pin(seen.call, heard.pressed, right=right)
    return hear_key(seen.call, heard.pressed, waits=seen.waits)


def _prompt(script: Script, seen: Seen, said: Said) -> Prompt:
    """The words, and the keys that are waited for after them."""

    def say(*keys: str, slow: bool = False) -> tuple[Say, ...]:
        texts = (script.neutral(key, LANGUAGE, clinic=seen.organization) for key in keys)
        return tuple(Say(text, LANGUAGE, slow=slow) for text in texts)

    if said not in LISTENS:
        return Prompt((*say(said), HangUp()))
    if said in (Said.ASK_PIN, Said.PIN_AGAIN):
        return Prompt((Gather(say(said, slow=seen.begun), LANGUAGE, speech=False),))
    what = {Urgency.EMERGENCY: "page_emergency", Urgency.URGENT: "page_urgent"}.get(seen.urgency, "page_same_day")
    before = ["page_not_heard"] if said is Said.NOT_HEARD else []
    drill = ["page_drill"] if seen.drill else []
    return Prompt((Gather(say(*before, *drill, what, "page_keys"), LANGUAGE, digits=1, speech=False, seconds=SECONDS_FOR_A_KEY),))


async def _follow(connection: AsyncConnection, knowledge: Knowledge, seen: Seen, call: PageCall, heard: CallInput, now: datetime) -> None:
    """What a step leads to besides the next words: the PIN's count, the item's acknowledgement, the next person."""
    whom = seen.whom
    asked_for_pin = seen.begun and seen.call.stage is Stage.PIN and bool(heard.pressed)
    if whom is not None and asked_for_pin:
        refused = call.outcome is Outcome.PIN_REFUSED
        await page_calls.note_pin(connection, whom.staff.id, now, right=call.stage is Stage.MESSAGE, lock=refused)
    if whom is not None and call.outcome is Outcome.ACKNOWLEDGED:
        await note_acknowledged(connection, whom.staff, seen.item_id, now, how="call")
    changes = Changes(now)
    if call.outcome is not Outcome.NONE and call.outcome not in (Outcome.TOLD, Outcome.ACKNOWLEDGED):
        detail: dict[str, object] = {"step": seen.step, "outcome": call.outcome.value}
        if whom is not None:
            detail["staff_id"] = str(whom.staff.id)
        items.add_event(changes, seen.organization_id, seen.item_id, "page_call", detail)
    await changes.write(connection)
    await settle_pages(connection, knowledge, [outcome_of(seen, call, heard.provider, heard.provider_id)], now)


def outcome_of(seen: Seen, call: PageCall, provider: str, provider_id: str, *, code: str = "") -> Word:
    """What the call says of its page: it rings or is being held, it has reached the person, or it has not."""
    status = Status.ACCEPTED
    if call.outcome in NOT_REACHED:
        status, code = Status.UNDELIVERED, code or call.outcome.value
    elif call.over:
        status = Status.DELIVERED
    return Word(seen.id, status, "callback", provider=provider, provider_id=provider_id, error_code=code)


def hung_up(call: PageCall) -> PageCall:
    """The line has ended before the call did: who gave no PIN was not reached, who heard the sentence has been told."""
    if call.over:
        return call
    outcome = Outcome.TOLD if call.stage is Stage.MESSAGE else Outcome.NO_PIN
    return replace(call, stage=Stage.OVER, outcome=outcome)
