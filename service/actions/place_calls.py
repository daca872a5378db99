"""Places calls that are due: claim and judge in one transaction, call the provider in none, record in another.

Every call is a row before it is placed and is handed over at most once; its id stands in the path of all its webhooks, so
that an unknown outcome resolves by itself. A call that may not or cannot be placed gives the check-in back to the clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.after_call import give_back
from service.actions.judge_contacts import Contact, Judge
from service.actions.way_out import NoWay, Want, find_ways
from service.clock import Clock
from service.db import call_lists, calls
from service.db.call_lists import DueCall
from service.db.changes import Changes
from service.db.database import Database
from service.db.failures import is_outage
from service.domain.call import CallStatus
from service.domain.communication import Purpose
from service.domain.contact_law import ContactLaw
from service.domain.reading import Channel
from service.domain.sender import Use
from service.domain.sending import Ruling, Verdict
from service.telephony.port import OutgoingCall, PermanentFailure, RemoteCall, Telephone, TransientFailure, UnknownOutcome

_log = structlog.get_logger(__name__)

MOST_HAND_OVERS = 3
"""Times a call is handed to a provider that says it has not processed it."""
AGAIN_AFTER = timedelta(minutes=1)
STOP_CALLING_AFTER = calls.LEASE / 2
"""No call is placed later than this after its claim: whoever was frozen in between gives it back, certain not to have placed it."""


@dataclass(frozen=True, slots=True)
class _Placing:
    due: DueCall
    telephone: Telephone
    sender: str
    claimed_at: datetime


async def place_calls(
    database: Database,
    telephones: Mapping[str, Telephone],
    clock: Clock,
    node: str,
    law: ContactLaw,
    *,
    limit: int = 10,
    purposes: Collection[Purpose] = frozenset(Purpose),
    began: Callable[[int, int], object] = lambda claimed, refused: None,
    done: Callable[[], object] = lambda: None,
) -> int:
    """Places at most `limit` due calls for these purposes side by side; how many were handed over.

    `began` is told how many were claimed as soon as that is committed, `done` of each that has been handed over and recorded: nobody's
    call has to wait for another one's slow hand-over.
    """
    async with database.transaction() as connection:
        changes = Changes(clock.now())
        waiting = await call_lists.due(connection, changes.now, limit, purposes)
        placing = await _claim(connection, changes, telephones, node, law, waiting)
        await changes.write(connection)
    began(len(placing), 0)
    await asyncio.gather(*(_place(database, one, clock, done) for one in placing))
    return len(placing)


async def _claim(
    connection: AsyncConnection,
    changes: Changes,
    telephones: Mapping[str, Telephone],
    node: str,
    law: ContactLaw,
    waiting: Sequence[DueCall],
) -> list[_Placing]:
    now = changes.now
    if not waiting:
        return []
    judge = await Judge.load(connection, law, [contact_of_call(one) for one in waiting], now)
    wants = [Want(one.call.organization_id, Use.PATIENTS, one.call.phone_id) for one in waiting]
    ways = await find_ways(connection, telephones, wants, now)
    placing: list[_Placing] = []
    for one, way in zip(waiting, ways, strict=True):
        ruling = ruling_on_call(judge, one, now)
        if ruling.verdict is Verdict.SEND and isinstance(way, NoWay):
            ruling = Ruling(Verdict.CANCEL, "no_telephone")
        if ruling.verdict is Verdict.HOLD:
            changes.update(calls.calls, one.call.id, due_at=ruling.until, reason=ruling.why)
        elif ruling.verdict is not Verdict.SEND or isinstance(way, NoWay):
            status = CallStatus.EXPIRED if ruling.verdict is Verdict.EXPIRE else CallStatus.CANCELLED
            calls.move(changes, one.call, status, "policy", reason=ruling.why)
            if not one.session_moved:
                give_back(changes, one.call)
        else:
            await calls.claim(connection, changes, one.call, way.name, node)
            placing.append(_Placing(one, way.provider, way.number if way.number.startswith("+") else "", now))
    return placing


def ruling_on_call(judge: Judge, one: DueCall, now: datetime) -> Ruling:
    """Whether the call may be placed now: the rules of texts, for this channel, and what only a call needs."""
    call, after_safety_text = one.call, one.call.purpose is Purpose.SAFETY
    if one.heard_since if after_safety_text else not one.session_open or one.session_moved:
        return Ruling(Verdict.CANCEL, "answered_meanwhile")
    if not one.knows_who and not after_safety_text:  # it says nothing of health, and asks nobody who they are
        return Ruling(Verdict.CANCEL, "no_birth_date_or_code")
    if not one.clinic_number:
        return Ruling(Verdict.CANCEL, "no_clinic_number")
    if after_safety_text:  # a text may go without consent, a call may not
        agreed = any(c.covers(call.phone_id, Channel.VOICE, call.programme, now) for c in judge.consents.get(call.patient_id, []))
        if one.opted_out_at is not None or not agreed:
            return Ruling(Verdict.CANCEL, "opted_out" if one.opted_out_at is not None else "no_consent")
    return judge.ruling(contact_of_call(one), now)


def contact_of_call(one: DueCall) -> Contact:
    """A call as the ruling sees it."""
    call = one.call
    return Contact(
        organization_id=call.organization_id,
        patient_id=call.patient_id,
        phone_id=call.phone_id,
        purpose=call.purpose,
        channel=Channel.VOICE,
        programme=call.programme,
        created_at=call.created_at,
        useful_until=call.useful_until,
        zone=one.zone,
        quiet_start=one.quiet_start,
        quiet_end=one.quiet_end,
        unsafe=one.unsafe_since is not None,
        opted_out_at=one.opted_out_at,
        patient_status=one.patient_status,
        key=one.check_in_id or call.flow_session_id,
    )


async def _place(database: Database, one: _Placing, clock: Clock, done: Callable[[], object]) -> None:
    try:
        await _hand_over(database, one, clock)
    finally:
        done()


async def _hand_over(database: Database, one: _Placing, clock: Clock) -> None:
    """One provider call, and what became of it in one more transaction; a claim that cannot be settled runs out by its lease."""
    due = one.due
    call = OutgoingCall(
        call_id=due.call.id,
        to=due.phone_number,
        sender=one.sender,
        language=due.language if due.language in ("en", "es") else "en",
        emergency_number=due.emergency_number,
        clinic_number=due.clinic_number,
    )
    placed: RemoteCall | None = None
    status, reason, again = CallStatus.PLACED, "", False
    if clock.now() - one.claimed_at > STOP_CALLING_AFTER:
        await _settle(database, due, CallStatus.DUE, "not_called", None, clock.now())
        return
    try:
        placed = await one.telephone.place_call(call)
    except PermanentFailure as failure:
        status, reason = CallStatus.FAILED, failure.effect or failure.code
    except TransientFailure as failure:
        again = due.call.attempts + 1 < MOST_HAND_OVERS
        status, reason = (CallStatus.DUE if again else CallStatus.FAILED), failure.code
    except UnknownOutcome as failure:
        status, reason = CallStatus.UNKNOWN, failure.code
    except asyncio.CancelledError:
        await asyncio.shield(_settle(database, due, CallStatus.UNKNOWN, "stopped", None, clock.now()))
        raise
    except Exception as error:  # a bug in a provider: it may be ringing
        _log.error("provider_broke_its_promise", provider=one.telephone.name, error=type(error).__name__)
        status, reason = CallStatus.UNKNOWN, type(error).__name__
    try:
        await asyncio.shield(_settle(database, due, status, reason, placed, clock.now()))
    except Exception as error:
        _log.error("call_not_recorded", call_id=str(due.call.id), error=type(error).__name__)
        if is_outage(error):
            raise


async def _settle(database: Database, due: DueCall, status: CallStatus, reason: str, placed: RemoteCall | None, now: datetime) -> None:
    async with database.transaction() as connection:
        await calls.lock_patient(connection, due.call.patient_id)
        row = await calls.lock(connection, due.call.id)
        if row is None or row.attempts != due.call.attempts + 1:  # claimed anew since: the number of the attempt is the fence
            return
        changes = Changes(now)
        values: dict[str, Any] = {}
        if placed is not None and row.provider_id is None:
            values["provider_id"] = placed.provider_id
        if status is CallStatus.DUE:
            values["due_at"] = now + AGAIN_AFTER * (row.attempts or 1)
        if not calls.move(changes, row, status, "service", reason=reason, **values) and values.get("provider_id"):
            changes.update(calls.calls, row.id, provider_id=values["provider_id"])  # its first webhook came before this answer
        if status is CallStatus.FAILED and row.status is CallStatus.CLAIMED:
            give_back(changes, row)
        await changes.write(connection)
