"""Places calls that are due: claim and judge in one transaction, call the provider in none, record in another.

Every call is a row before it is placed and is handed over at most once; its id stands in the path of all its webhooks, so
that an unknown outcome resolves by itself. A call that may not or cannot be placed gives the check-in back to the clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.after_call import give_back
from service.clock import Clock
from service.db import call_lists, calls, outbox
from service.db.call_lists import DueCall
from service.db.changes import Changes
from service.db.database import Database
from service.db.failures import is_outage
from service.domain.call import CallStatus
from service.domain.communication import Purpose
from service.domain.consent import Consent
from service.domain.patient import PatientStatus
from service.domain.reading import Channel
from service.domain.schedule import quiet_ends, to_local, to_utc
from service.domain.sending import Circumstances, Ruling, Verdict, may_send
from service.telephony.port import OutgoingCall, PermanentFailure, RemoteCall, Telephone, TransientFailure, UnknownOutcome

_log = structlog.get_logger(__name__)

MOST_HAND_OVERS = 3
"""Times a call is handed to a provider that says it has not processed it."""
AGAIN_AFTER = timedelta(minutes=1)
_MIDNIGHT = datetime.min.time()


@dataclass(frozen=True, slots=True)
class _Placing:
    due: DueCall
    telephone: Telephone
    sender: str


async def place_calls(database: Database, telephones: Mapping[str, Telephone], clock: Clock, node: str, *, limit: int = 10) -> int:
    """Places at most `limit` due calls side by side; how many were handed over."""
    async with database.transaction() as connection:
        changes = Changes(clock.now())
        placing = await _claim(connection, changes, telephones, node, limit)
        await changes.write(connection)
    await asyncio.gather(*(_place(database, one, clock) for one in placing))
    return len(placing)


async def _claim(
    connection: AsyncConnection, changes: Changes, telephones: Mapping[str, Telephone], node: str, limit: int
) -> list[_Placing]:
    now = changes.now
    waiting = await call_lists.due(connection, now, limit)
    if not waiting:
        return []
    patient_ids = {one.call.patient_id for one in waiting}
    consents = await outbox.consents_of(connection, patient_ids, [])
    earlier = await call_lists.placed_since(connection, patient_ids, now - timedelta(hours=26))
    numbers = await outbox.senders(connection, {one.call.organization_id for one in waiting})
    placing: list[_Placing] = []
    for one in waiting:
        ruling = _ruling(one, consents.get(one.call.patient_id, []), earlier.get(one.call.patient_id, []), now)
        found = _way_out(telephones, numbers, one)
        if ruling.verdict is Verdict.SEND and found is None:
            ruling = Ruling(Verdict.CANCEL, "no_telephone")
        if ruling.verdict is Verdict.HOLD:
            changes.update(calls.calls, one.call.id, due_at=ruling.until, reason=ruling.why)
        elif ruling.verdict is not Verdict.SEND or found is None:
            status = CallStatus.EXPIRED if ruling.verdict is Verdict.EXPIRE else CallStatus.CANCELLED
            calls.move(changes, one.call, status, "policy", reason=ruling.why)
            if not one.session_moved:
                give_back(changes, one.call)
        else:
            await calls.claim(connection, changes, one.call, found[0].name, node)
            placing.append(_Placing(one, *found))
    return placing


def _ruling(
    one: DueCall, owned: Sequence[tuple[Consent, int]], earlier: Sequence[tuple[UUID | None, str, datetime]], now: datetime
) -> Ruling:
    """Whether the call may be placed now: the rules of texts, for this channel, and what only a call needs."""
    call, after_safety_text = one.call, one.call.purpose is Purpose.SAFETY
    if one.heard_since if after_safety_text else not one.session_open or one.session_moved:
        return Ruling(Verdict.CANCEL, "answered_meanwhile")
    if not one.knows_who and not after_safety_text:  # it says nothing of health, and asks nobody who they are
        return Ruling(Verdict.CANCEL, "no_birth_date_or_code")
    if not one.clinic_number:
        return Ruling(Verdict.CANCEL, "no_clinic_number")
    covering = [(consent, per_day) for consent, per_day in owned if consent.covers(call.phone_id, Channel.VOICE, call.programme, now)]
    if after_safety_text and (one.opted_out_at is not None or not covering):  # a text may go without consent, a call may not
        return Ruling(Verdict.CANCEL, "opted_out" if one.opted_out_at is not None else "no_consent")
    day_began = to_utc(to_local(now, one.zone).date(), _MIDNIGHT, one.zone)
    others = {session_id for session_id, _, at in earlier if at >= day_began and session_id != call.flow_session_id}
    quiet_until = quiet_ends(now, one.zone, one.quiet_start, one.quiet_end)
    circumstances = Circumstances(
        purpose=call.purpose,
        phone_id=call.phone_id,
        channel=Channel.VOICE,
        programme=call.programme,
        created_at=call.created_at,
        useful_until=call.useful_until,
        consents=[consent for consent, _ in owned],
        unsafe_to_contact=one.unsafe_since is not None,
        opted_out_at=one.opted_out_at,
        patient_stopped=one.patient_status not in (PatientStatus.ACTIVE, PatientStatus.PAUSED),
        paused=one.patient_status == PatientStatus.PAUSED,
        quiet_until=quiet_until if quiet_until > now else None,
        sent_in_last_day=len(others),
        agreed_per_day=max((per_day for _, per_day in covering), default=1),
    )
    return may_send(circumstances, now)


def _way_out(
    telephones: Mapping[str, Telephone], numbers: Mapping[tuple[UUID, str], tuple[str, str]], one: DueCall
) -> tuple[Telephone, str] | None:
    """The provider and the number to call from: the organization's own where it is one that can call; else the provider's default."""
    name, sender = numbers.get((one.call.organization_id, "patients"), ("", ""))
    if name in telephones:
        return telephones[name], sender if sender.startswith("+") else ""
    return (next(iter(telephones.values())), "") if len(telephones) == 1 else None


async def _place(database: Database, one: _Placing, clock: Clock) -> None:
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
        if row is None:
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
