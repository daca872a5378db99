"""Sends what is due in one lane: claim and judge in one transaction, call the provider in none, record in another.

Every attempt is a row before its call, and is called at most once. A process that dies in between leaves a claim whose
lease runs out: the text becomes `unknown`, is looked up at the provider, and is never sent again blindly (law 3).
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.judge_texts import judge_texts, validity_seconds
from service.actions.settle_communications import Word, settle_communications
from service.clock import Clock
from service.db import outbox
from service.db.changes import Changes
from service.db.database import Database
from service.db.failures import is_outage
from service.db.outbox import Outgoing
from service.db.schema import new_id
from service.domain.communication import Lane, Status
from service.domain.retry import next_attempt_at
from service.domain.sending import Verdict
from service.telephony.port import OutgoingText, PermanentFailure, Provider, TransientFailure, UnknownOutcome

_log = structlog.get_logger(__name__)

STOP_CALLING_AFTER = outbox.LEASE / 2
"""No call begins later than this after the claim: what was not begun goes back, still certain not to have been sent."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What one round did; `claimed` texts were handed over, `refused` ones held, expired or cancelled by policy."""

    claimed: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class _Call:
    text: Outgoing
    attempt_id: UUID
    provider: Provider
    sender: str
    validity_seconds: int | None


@dataclass(slots=True)
class _Batch:
    claimed_at: datetime
    calls: list[_Call] = field(default_factory=list)
    refusals: list[Word] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)


async def send_communications(
    database: Database,
    providers: Mapping[str, Provider],
    lane: Lane,
    clock: Clock,
    node: str,
    *,
    limit: int = 100,
    concurrency: int = 20,
) -> Sent:
    """Hands over at most `limit` due texts of a lane, at most `concurrency` calls at a time; a number's texts in order.

    `limit` should be about one second of the provider's rate, so that its own queue never stands in front (decisions 15).
    """
    batch = await _claim(database, providers, lane, clock.now(), node, limit)
    if batch.refusals:
        await _record(database, batch.refusals, clock.now())
    if batch.calls:
        try:
            await _hand_over(batch, clock, concurrency)
        finally:
            # Also when we are being stopped: what is known is kept, the rest stays claimed until its lease is over.
            await asyncio.shield(_record(database, batch.words, clock.now()))
    return Sent(len(batch.calls), len(batch.refusals))


async def _claim(database: Database, providers: Mapping[str, Provider], lane: Lane, now: datetime, node: str, limit: int) -> _Batch:
    """The claimed batch, committed. When the batch fails, its texts are taken one by one and the bad one is set aside."""
    ids: list[UUID] = []
    try:
        async with database.transaction() as connection:
            ids = await outbox.due_ids(connection, lane, now, limit)
            return await _judge_and_claim(connection, providers, ids, now, node)
    except Exception as error:
        if not ids or is_outage(error):
            raise
        _log.error("outbox_batch_failed", lane=lane, texts=len(ids), error=type(error).__name__)
    whole = _Batch(now)
    for id in ids:
        try:
            async with database.transaction() as connection:
                if id in await outbox.still_due(connection, id):
                    one = await _judge_and_claim(connection, providers, [id], now, node)
                    whole.calls += one.calls
                    whole.refusals += one.refusals
        except Exception as error:
            if is_outage(error):
                raise
            _log.error("outbox_text_set_aside", communication_id=str(id), error=type(error).__name__)
            await _set_aside(database, id, type(error).__name__, now)
    return whole


async def _set_aside(database: Database, id: UUID, failure: str, now: datetime) -> None:
    """Cancels a text that cannot be read or judged, with a work item, so that it holds nobody up (law 12)."""
    word = Word(id, Status.CANCELLED, "sender", reason="unreadable", error_code=failure)
    try:
        async with database.transaction() as connection:
            await settle_communications(connection, [word], now)
    except Exception as error:
        if is_outage(error):
            raise
        _log.error("unreadable_text_cancelled", communication_id=str(id), error=type(error).__name__)
        async with database.transaction() as connection:
            changes = Changes(now)
            await outbox.cancel_unreadable(connection, changes, id)
            await changes.write(connection)


async def _judge_and_claim(
    connection: AsyncConnection, providers: Mapping[str, Provider], ids: Sequence[UUID], now: datetime, node: str
) -> _Batch:
    batch = _Batch(now)
    if not ids:
        return batch
    texts = await outbox.load(connection, ids)
    numbers = await outbox.senders(connection, {one.organization_id for one in texts})
    claims: list[tuple[Outgoing, UUID, str]] = []
    for one, ruling in await judge_texts(connection, texts, now):
        match ruling.verdict:
            case Verdict.HOLD:
                batch.refusals.append(Word(one.id, Status.HELD, "policy", reason=ruling.why, due_at=ruling.until))
                continue
            case Verdict.CANCEL:
                batch.refusals.append(Word(one.id, Status.CANCELLED, "policy", reason=ruling.why))
                continue
            case Verdict.EXPIRE:
                batch.refusals.append(Word(one.id, Status.EXPIRED, "policy", reason=ruling.why))
                continue
        found = _way_out(providers, numbers, one)
        if found is None:
            batch.refusals.append(Word(one.id, Status.CANCELLED, "sender", reason="no_sender_number", effect="configuration"))
            continue
        provider, sender = found
        attempt_id = new_id(now)
        claims.append((one, attempt_id, provider.name))
        batch.calls.append(_Call(one, attempt_id, provider, sender, validity_seconds(one, now)))
    await outbox.mark_claimed(connection, claims, now, node)
    return batch


def _way_out(
    providers: Mapping[str, Provider], numbers: Mapping[tuple[UUID, str], tuple[str, str]], one: Outgoing
) -> tuple[Provider, str] | None:
    """The provider and the sender number: the emergency lane's own when one is set; a lone provider's default else."""
    purposes = ("emergency", "patients") if one.lane is Lane.EMERGENCY else ("patients",)
    for purpose in purposes:
        name, sender = numbers.get((one.organization_id, purpose), ("", ""))
        if name in providers:
            return providers[name], sender
    return (next(iter(providers.values())), "") if len(providers) == 1 else None


async def _hand_over(batch: _Batch, clock: Clock, concurrency: int) -> None:
    """Calls the providers, adding a word for each text to the batch as it becomes known."""
    by_phone: dict[UUID, list[_Call]] = defaultdict(list)
    for call in batch.calls:
        by_phone[call.text.phone_id].append(call)
    gate = asyncio.Semaphore(concurrency)
    tasks = [asyncio.create_task(_in_order(batch, calls, clock, gate)) for calls in by_phone.values()]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _in_order(batch: _Batch, calls: Sequence[_Call], clock: Clock, gate: asyncio.Semaphore) -> None:
    begun = 0
    calling: _Call | None = None
    try:
        for call in calls:
            async with gate:
                if clock.now() - batch.claimed_at > STOP_CALLING_AFTER:
                    return
                begun += 1
                calling = call
                batch.words.append(await _call(call, clock))
                calling = None
    except asyncio.CancelledError:
        if calling is not None:
            batch.words.append(_word(calling, Status.UNKNOWN, "unknown", "stopped"))
        raise
    finally:
        for call in calls[begun:]:
            batch.words.append(_word(call, Status.DUE, "transient", "not_called", due_at=clock.now()))


async def _call(call: _Call, clock: Clock) -> Word:
    """One provider call and what it means; never a second one (law 3)."""
    text = OutgoingText(call.attempt_id, call.text.number, call.text.body, call.sender, call.validity_seconds)
    try:
        accepted = await call.provider.send_text(text)
    except PermanentFailure as failure:
        return _word(call, Status.FAILED, "failed", failure.code, effect=failure.effect)
    except TransientFailure as failure:
        now = clock.now()
        after = timedelta(seconds=failure.retry_after_seconds) if failure.retry_after_seconds is not None else None
        due_at = next_attempt_at(call.text.attempts + 1, now, retry_after=after, jitter=random.random())
        if due_at is None:
            return _word(call, Status.FAILED, "failed", failure.code, reason="attempts_exhausted")
        return _word(call, Status.DUE, "transient", failure.code, due_at=due_at)
    except UnknownOutcome as failure:
        return _word(call, Status.UNKNOWN, "unknown", failure.code)
    except Exception as error:  # a bug in a provider: the text may have left
        _log.error("provider_broke_its_promise", provider=call.provider.name, error=type(error).__name__)
        return _word(call, Status.UNKNOWN, "unknown", type(error).__name__)
    return Word(
        call.text.id,
        accepted.status if accepted.status in _TAKEN else Status.ACCEPTED,
        "sender",
        attempt_id=call.attempt_id,
        outcome="accepted",
        provider=call.provider.name,
        provider_id=accepted.provider_id,
        provider_status=accepted.status,
    )


_TAKEN = frozenset({Status.ACCEPTED, Status.SENT, Status.DELIVERED})


def _word(
    call: _Call, status: Status, outcome: str, code: str, *, effect: str = "", reason: str = "", due_at: datetime | None = None
) -> Word:
    return Word(
        call.text.id,
        status,
        "sender",
        attempt_id=call.attempt_id,
        outcome=outcome,
        provider=call.provider.name,
        error_code=code,
        effect=effect,
        reason=reason,
        due_at=due_at,
    )


async def _record(database: Database, words: Sequence[Word], now: datetime) -> None:
    """Writes results in one commit; when that fails, one by one, and a result that cannot be written leaves its claim."""
    if not words:
        return
    try:
        async with database.transaction() as connection:
            await settle_communications(connection, words, now)
        return
    except Exception as error:
        _log.error("results_batch_failed", texts=len(words), error=type(error).__name__)
    for word in words:
        try:
            async with database.transaction() as connection:
                await settle_communications(connection, [word], now)
        except Exception as error:
            _log.error("result_not_recorded", communication_id=str(word.communication_id), error=type(error).__name__)
