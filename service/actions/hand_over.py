"""Hands claimed texts to their providers with no transaction open, and records each as soon as it is known what became of it."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from service.actions.claim_texts import Batch, Call
from service.actions.ledger import Ledger
from service.actions.record_words import record_words
from service.actions.settle_communications import Word
from service.clock import Clock
from service.db import claims
from service.db.database import Database
from service.db.phone_lines import LANDLINE
from service.domain.communication import Lane, Status
from service.domain.retry import GIVE_UP_AFTER, next_attempt_at
from service.telephony.port import OutgoingText, PermanentFailure, TransientFailure, UnknownOutcome

_log = structlog.get_logger(__name__)

STOP_CALLING_AFTER = claims.LEASE / 2
"""No call begins later than this after the claim: what was not begun goes back, still certain not to have been sent."""


async def hand_over(database: Database, batch: Batch, clock: Clock, concurrency: int, *, done: Callable[[], object] = lambda: None) -> None:
    """Calls the providers for a claimed batch, at most `concurrency` calls at a time, a number's texts in order.

    `done` is told of each text that needs its place no more. What is known is written at once, together with what has become known
    while the last writing was under way: a slow call holds back nobody's result.
    """
    ledger = Ledger(lambda words: record_words(database, words, clock.now()))
    by_phone: dict[UUID, list[Call]] = defaultdict(list)
    for call in batch.calls:
        by_phone[call.text.phone_id].append(call)
    gate = asyncio.Semaphore(concurrency)
    await ledger.hold(_in_order(batch.claimed_at, calls, clock, gate, ledger, done) for calls in by_phone.values())


async def _in_order(
    claimed_at: datetime, calls: Sequence[Call], clock: Clock, gate: asyncio.Semaphore, ledger: Ledger, done: Callable[[], object]
) -> None:
    begun = 0
    calling: Call | None = None
    try:
        for call in calls:
            async with gate:
                if clock.now() - claimed_at > STOP_CALLING_AFTER:
                    return
                begun += 1
                calling = call
                ledger.add(await _call(call, clock))
                calling = None
                done()
    except asyncio.CancelledError:
        if calling is not None:
            ledger.add(_word(calling, Status.UNKNOWN, "unknown", "stopped"))
            done()
        raise
    finally:
        for call in calls[begun:]:
            ledger.add(_word(call, Status.DUE, "transient", "not_called", due_at=clock.now()))
            done()


async def _call(call: Call, clock: Clock) -> Word:
    """One provider call and what it means; never a second one (law 3). None at all for a number that no text reaches."""
    if call.text.line == LANDLINE and call.text.lane is Lane.ROUTINE:
        return _word(call, Status.FAILED, "failed", LANDLINE, effect="not_mobile")
    text = OutgoingText(call.attempt_id, call.text.number, call.text.body, call.way.number, call.validity_seconds)
    try:
        accepted = await call.way.provider.send_text(text)
    except PermanentFailure as failure:
        if failure.effect != "configuration":
            return _word(call, Status.FAILED, "failed", failure.code, effect=failure.effect)
        if call.way.others:  # another sender's set-up may be right, and this one has certainly not taken it
            return _word(call, Status.DUE, "refused", failure.code, due_at=clock.now())
        return _word(call, Status.FAILED, "refused", failure.code, effect=failure.effect)
    except TransientFailure as failure:
        return _put_off(call, failure, clock.now())
    except UnknownOutcome as failure:
        return _word(call, Status.UNKNOWN, "unknown", failure.code)
    except Exception as error:  # a bug in a provider: the text may have left
        _log.error("provider_broke_its_promise", provider=call.way.name, error=type(error).__name__)
        return _word(call, Status.UNKNOWN, "unknown", type(error).__name__)
    return Word(
        call.text.id,
        accepted.status if accepted.status in _TAKEN else Status.ACCEPTED,
        "sender",
        attempt_id=call.attempt_id,
        outcome="accepted",
        provider=call.way.name,
        provider_id=accepted.provider_id,
        provider_status=accepted.status,
    )


def _put_off(call: Call, failure: TransientFailure, now: datetime) -> Word:
    """Not processed: an emergency goes by another sender at once where there is one, everything else is tried again later."""
    if call.text.lane is Lane.EMERGENCY and call.way.others:
        return _word(call, Status.DUE, "transient", failure.code, due_at=now)
    after = timedelta(seconds=failure.retry_after_seconds) if failure.retry_after_seconds is not None else None
    until = call.text.useful_until or call.text.created_at + GIVE_UP_AFTER
    due_at = next_attempt_at(call.text.attempts + 1, now, retry_after=after, jitter=random.random(), until=until)
    if due_at is None:
        return _word(call, Status.FAILED, "failed", failure.code, reason="attempts_exhausted")
    return _word(call, Status.DUE, "transient", failure.code, due_at=due_at)


_TAKEN = frozenset({Status.ACCEPTED, Status.SENT, Status.DELIVERED})


def _word(
    call: Call, status: Status, outcome: str, code: str, *, effect: str = "", reason: str = "", due_at: datetime | None = None
) -> Word:
    return Word(
        call.text.id,
        status,
        "sender",
        attempt_id=call.attempt_id,
        outcome=outcome,
        provider=call.way.name,
        error_code=code,
        effect=effect,
        reason=reason,
        due_at=due_at,
    )
