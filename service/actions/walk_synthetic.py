"""Walks the synthetic patient through texts, reading, triage, queue, page and call, station by station (safety rule 45).

Every step is a row and every mark is looked for in the tables that real patients' messages go through: the walk is begun by a
text in the routine lane, its answer is given at the provider, and the rest has to happen by itself.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.set_up_synthetic import SyntheticPhone, synthetic_patient_of
from service.clock import Clock
from service.db import parked, synthetic, synthetic_patient
from service.db.changes import Changes
from service.db.communication import outbound
from service.db.database import Database
from service.db.schema import new_id
from service.db.synthetic import Walk
from service.domain.communication import Purpose
from service.domain.synthetic import AWAY_AFTER, EVERY, STOPPED, WITHIN, Station, next_station, overdue
from service.telephony.port import ProviderError

_log = structlog.get_logger(__name__)

KEPT_FOR = timedelta(days=30)
JOB = "walk_synthetic"
"""Under this name its rounds stand among the heartbeats."""
WORDS = "Rounds checks itself: this is its synthetic patient's telephone. No answer is needed."
ANSWER = "I have chest pain and can't breathe"
"""Words that no reading may miss."""


async def walk_synthetic(database: Database, phone: SyntheticPhone, clock: Clock) -> str:
    """One round: begins a walk, or looks how far the one under way has come and gives its answer when it is time.

    What the round found: "" (nothing to do), "began", "under way", "passed", or "broken:<station>".
    """
    now = clock.now()
    async with database.transaction() as connection:
        walk = await synthetic.running(connection)
        if walk is not None:
            marks, item = await synthetic.passed(connection, walk)
            walk = replace(walk, escalation_id=item or walk.escalation_id, reached={**marks, **walk.reached})
            answers = Station.ARRIVED in walk.reached and Station.REPLIED not in walk.reached
            if answers:  # written before it is given, so that it is given once
                walk = replace(walk, reached={**walk.reached, Station.REPLIED: now})
            if walk.reply_id:
                await parked.take(connection, [(walk.provider, walk.reply_id)])  # words on it, which is nobody's text
            broken = STOPPED if now - walk.looked_at > AWAY_AFTER else overdue(walk.reached, walk.began_at, now)
            over = broken is not None or next_station(walk.reached) is None
            await synthetic.keep(connection, walk, now, ended_at=now if over else None, broken_at=broken or "")
            if over:
                changes = Changes(now)
                await synthetic_patient.close_items(connection, changes, walk.patient_id)
                await changes.write(connection)
        else:
            return "began" if await _begins(connection, phone, now) else ""
    if answers and not over:
        await _answer(database, phone, walk)
    if broken is not None:
        _log.error("synthetic_patient_broken", kind=broken)
    return f"broken:{broken}" if broken is not None else "passed" if over else "under way"


async def _begins(connection: AsyncConnection, phone: SyntheticPhone, now: datetime) -> bool:
    """Whether a walk was begun: there is none under way, and this quarter of an hour has none yet."""
    slot = int(now.timestamp() // EVERY.total_seconds())
    last = next(iter(await synthetic.newest(connection)), None)
    if last is not None and (last.slot >= slot or last.ended_at is None):
        return False
    patient = await synthetic_patient_of(connection, phone, now)
    if patient is None or patient.phone_id is None:
        return False
    changes = Changes(now)
    await synthetic_patient.close_items(connection, changes, patient.id)
    text_id = outbound(
        changes,
        organization_id=patient.organization_id,
        patient_id=patient.id,
        phone_id=patient.phone_id,
        body=WORDS,
        language="en",
        purpose=Purpose.NURSE,  # at any hour, with a reason, outside every cap: a prompt's ways, without its limits
        reason="synthetic patient",
        useful_until=now + WITHIN[Station.ASKED] * 2,
    )
    walk = Walk(new_id(now), patient.organization_id, slot, now, now, None, "", patient.id, text_id, None, "", "", "", {})
    if not await synthetic.begin(connection, walk):
        return False
    await changes.write(connection)
    await synthetic.forget(connection, now - KEPT_FOR)
    return True


async def _answer(database: Database, phone: SyntheticPhone, walk: Walk) -> None:
    """Sends the answer with no transaction open; one that fails is seen by its not coming in."""
    try:
        reply_id = await phone.says(walk.provider, walk.reply_to, ANSWER)
    except ProviderError as error:
        _log.warning("synthetic_answer_not_given", code=error.code)
        return
    async with database.transaction() as connection:
        await synthetic.replied(connection, walk.id, reply_id)
