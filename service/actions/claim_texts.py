"""Claims due texts of one lane: their turn, their ruling (law 4), their way out and its tokens, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.judge_texts import judge_texts
from service.actions.record_words import record_words
from service.actions.settle_communications import Word, settle_communications
from service.actions.way_out import NoWay, Want, Way, find_ways, room
from service.db import claims, outbox, senders
from service.db.changes import Changes
from service.db.claims import Claim
from service.db.database import Database
from service.db.failures import is_outage
from service.db.outbox import Outgoing
from service.db.problems import Problem, report
from service.db.schema import new_id
from service.domain.communication import Lane, Status
from service.domain.contact_law import ContactLaw
from service.domain.segments import count_segments, introduced
from service.domain.sender import Use
from service.domain.sending import Verdict
from service.domain.urgency import Urgency
from service.telephony.port import Provider

_log = structlog.get_logger(__name__)

DAY_CAP = "day_cap"


@dataclass(frozen=True, slots=True)
class Call:
    """A claimed text and how it leaves."""

    text: Outgoing
    attempt_id: UUID
    way: Way[Provider]
    validity_seconds: int | None


@dataclass(slots=True)
class Batch:
    """What was claimed, and what policy refused instead."""

    claimed_at: datetime
    calls: list[Call] = field(default_factory=list)
    refusals: list[Word] = field(default_factory=list)
    refused: int = 0
    """How many of the refusals moved their text: those are not claimed again."""


@dataclass(frozen=True, slots=True)
class Claiming:
    """What claiming works with."""

    database: Database
    providers: Mapping[str, Provider]
    law: ContactLaw
    node: str
    default_rate: float | None = None


async def claim_texts(around: Claiming, lane: Lane, now: datetime, limit: int) -> Batch:
    """At most `limit` texts of a lane, claimed and committed; refusals are recorded too.

    Routine texts are claimed as far as their senders have room, organization by organization, so that one with a long queue stands in
    nobody's way. Texts of the emergency lane are claimed whatever the buckets hold.
    """
    whole = Batch(now)
    if lane is Lane.EMERGENCY:
        _add(whole, await _claim(around, lane, None, now, limit, frozenset()))
    else:
        for organization_id, most, full in await _turns(around, now):
            left = limit - len(whole.calls) - len(whole.refusals)
            if left <= 0:
                break
            _add(whole, await _claim(around, lane, organization_id, now, min(left, most), full))
    whole.refused = await record_words(around.database, whole.refusals, now)
    return whole


def _add(whole: Batch, more: Batch) -> None:
    whole.calls += more.calls
    whole.refusals += more.refusals


async def _turns(around: Claiming, now: datetime) -> list[tuple[UUID, int, frozenset[UUID]]]:
    """(organization, how many texts it has room for, its full senders), those with the most room first. A full day is told of once."""
    async with around.database.reading() as connection:
        waiting = await claims.organizations_waiting(connection, Lane.ROUTINE, now)
    if not waiting:
        return []
    async with around.database.transaction() as connection:
        rooms = await room(connection, around.providers, waiting, now, default_rate=around.default_rate)
        changes = Changes(now)
        reason = "The carrier's limit for today is reached: routine texts wait until midnight Pacific time; emergencies go."
        problems = [Problem(id, DAY_CAP, reason, Urgency.SAME_DAY) for id, one in rooms.items() if one.capped]
        await report(connection, changes, problems, repeat=False)
        await changes.write(connection)
    open_ones = [(id, one.segments, one.full) for id, one in rooms.items() if one.segments > 0]
    return sorted(open_ones, key=lambda turn: -turn[1])


async def _claim(around: Claiming, lane: Lane, organization_id: UUID | None, now: datetime, limit: int, full: frozenset[UUID]) -> Batch:
    """When the batch fails, its texts are taken one by one and the bad one is set aside."""
    ids: list[UUID] = []
    try:
        async with around.database.transaction() as connection:
            if organization_id is None:
                ids = await claims.urgent_ids(connection, now, limit)
            else:
                ids = await claims.routine_ids(connection, organization_id, now, limit, full=full)
            return await _judge_and_claim(around, connection, lane, ids, now)
    except Exception as error:
        if not ids or is_outage(error):
            raise
        _log.error("outbox_batch_failed", lane=lane, texts=len(ids), error=type(error).__name__)
    whole = Batch(now)
    for id in ids:
        try:
            async with around.database.transaction() as connection:
                if id in await claims.still_due(connection, id):
                    _add(whole, await _judge_and_claim(around, connection, lane, [id], now))
        except Exception as error:
            if is_outage(error):
                raise
            _log.error("outbox_text_set_aside", communication_id=str(id), error=type(error).__name__)
            await _set_aside(around.database, id, type(error).__name__, now)
    return whole


async def _judge_and_claim(around: Claiming, connection: AsyncConnection, lane: Lane, ids: Sequence[UUID], now: datetime) -> Batch:
    batch = Batch(now)
    if not ids:
        return batch
    texts = await outbox.load(connection, ids)
    leaving: list[tuple[Outgoing, int | None]] = []
    for one, ruling, validity in await judge_texts(connection, around.law, texts, now):
        match ruling.verdict:
            case Verdict.HOLD:
                batch.refusals.append(Word(one.id, Status.HELD, "policy", reason=ruling.why, due_at=ruling.until))
            case Verdict.CANCEL:
                batch.refusals.append(Word(one.id, Status.CANCELLED, "policy", reason=ruling.why))
            case Verdict.EXPIRE:
                batch.refusals.append(Word(one.id, Status.EXPIRED, "policy", reason=ruling.why))
            case Verdict.SEND:
                leaving.append((one, validity))
    use = Use.EMERGENCY if lane is Lane.EMERGENCY else Use.PATIENTS
    known = await senders.known_to(connection, [one.phone_id for one, _ in leaving])
    again = [one.id for one, _ in leaving if one.attempts]
    tried = await senders.tried_by(connection, again, busy_too=lane is Lane.EMERGENCY) if again else {}
    wants = [
        Want(
            one.organization_id,
            use,
            one.phone_id,
            count_segments(one.body).count or 1,
            known.get(one.phone_id),
            frozenset(tried.get(one.id, ())),
        )
        for one, _ in leaving
    ]
    ways = await find_ways(connection, around.providers, wants, now, default_rate=around.default_rate)
    claimed: list[Claim] = []
    met: dict[UUID, tuple[UUID, UUID]] = {}
    introduced_ones: dict[UUID, str] = {}
    waits: set[UUID] = set()  # a number whose first text waits keeps the order of the others
    for (one, validity), way in zip(leaving, ways, strict=True):
        if way is NoWay.NO_SENDER:
            batch.refusals.append(Word(one.id, Status.CANCELLED, "sender", reason=way, effect="configuration"))
        elif isinstance(way, NoWay) or one.phone_id in waits:
            waits.add(one.phone_id)
        else:
            attempt_id, text = new_id(now), _from_whom(one, way, known.get(one.phone_id))
            claimed.append(Claim(text, attempt_id, way.name, way.sender_id))
            batch.calls.append(Call(text, attempt_id, way, validity))
            if text.body != one.body:
                introduced_ones[one.id] = text.body
            if use is Use.PATIENTS and known.get(one.phone_id) != way.sender_id:
                met[one.phone_id] = (one.organization_id, way.sender_id)
    await claims.rewrite(connection, introduced_ones)
    await claims.mark_claimed(connection, claimed, now, around.node)
    await senders.make_known(connection, met, now)
    return batch


def _from_whom(one: Outgoing, way: Way[Provider], known: UUID | None) -> Outgoing:
    """An emergency's text by a number that its receiver does not know says whose it is."""
    stranger = way.dedicated and known != way.sender_id
    return replace(one, body=introduced(one.body, one.clinic)) if stranger else one


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
            await claims.cancel_unreadable(connection, changes, id)
            await changes.write(connection)
