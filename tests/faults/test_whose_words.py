"""Fault test 30: two patients on one phone, and a number used again by a stranger. Nothing is attributed silently, a nurse has an item.

Random conversations from the provider's webhook on; an oracle knows who really held the phone. The full count runs more of them.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from service.actions.hear_unknown import IDENTITY_WITHIN
from service.actions.raise_escalation import MAXIMUM_CONCERNS
from service.db.check_in import flow_sessions
from service.db.communication import communications
from service.db.escalation import concerns, escalation_events, escalations
from service.db.observation import observations
from service.domain.urgency import by_rank
from tests.actions.line import Line
from tests.faults import FULL_COUNTS, SECONDS_A_TEST

pytestmark = [pytest.mark.faults, pytest.mark.timeout(SECONDS_A_TEST)]
TURNS = 400 if FULL_COUNTS else 60
ORDINARY = ("good morning", "my weight is {n}", "{n}", "yes", "no", "a bit tired today", "took my pills", "ok", "can someone call me")
DANGER = ("I have chest pain", "I can't breathe", "I want to kill myself")
NAMES = ("1", "2", "Fay", "this is Gus", "2 for G.")


@pytest.fixture
async def line(database_url: str) -> AsyncIterator[Line]:
    async with Line.serving(database_url) as line:
        yield line


async def said(line: Line) -> list[Any]:
    return await line.rows(communications, communications.c.direction == "in")


async def flagged(line: Line) -> set[UUID | None]:
    """The texts that stand on an item: as a concern, or as a line of the history of one that lists no more."""
    listed = await line.rows(concerns)
    found = {row.communication_id for row in listed}
    for item_id, count in Counter(row.escalation_id for row in listed).items():
        if count >= MAXIMUM_CONCERNS:
            [item] = await line.rows(escalations, escalations.c.id == item_id)
            heard = await line.rows(escalation_events, escalation_events.c.escalation_id == item_id, escalation_events.c.what == "message")
            noted = {event.at for event in heard if event.at <= item.last_patient_event_at}
            whose = (communications.c.direction == "in", communications.c.patient_id == item.patient_id)
            found |= {row.id for row in await line.rows(communications, *whose) if row.created_at in noted}
    return found


async def test_two_patients_on_one_phone_are_never_mixed_up(line: Line, chance: random.Random) -> None:
    fay, gus = line.clinic.fay, line.clinic.gus
    who = {"1": fay.id, "2": gus.id, "Fay": fay.id, "this is Gus": gus.id, "2 for G.": gus.id}
    told: UUID | None = None  # who has said last that they are writing, while it counts
    until = line.now
    for _ in range(TURNS):
        line.clock.forward(minutes=chance.choice((1, 1, 2, 5, 20, 70)))
        kind = chance.random()
        before = {row.id for row in await said(line)}
        asked = await asks(line)
        if kind < 0.15 and not [row for row in await line.rows(flow_sessions) if row.status == "waiting"]:
            await line.start(chance.choice((fay, gus)))
            [open_one] = [row for row in await line.rows(flow_sessions) if row.status == "waiting"] or [None]
            told = told if open_one is None or open_one.patient_id == told else None
            continue
        words = chance.choice(NAMES if kind < 0.45 else DANGER if kind < 0.55 else ORDINARY).replace("{n}", str(chance.randint(140, 190)))
        await line.says(fay.number, words)
        new = [row for row in await said(line) if row.id not in before]
        if words in who and (asked or words not in ("1", "2")):
            told, until = who[words], line.now
        for row in new:
            assert row.patient_id is None or (row.patient_id == told and (line.now - until).total_seconds() < 3600), words
        unknown = {row.id for row in new if row.patient_id is None}
        assert unknown <= await flagged(line), words
        if words in DANGER:
            items = await line.rows(escalations, escalations.c.state != "resolved")
            assert any(by_rank(item.urgency_rank) == "emergency" for item in items), words
        if chance.random() < 0.1:
            async with line.database.transaction() as connection:
                await connection.execute(update(escalations).values(state="resolved"))
                await connection.execute(update(flow_sessions).values(status="ended", waits_until=None))
    assert {fay.id, gus.id} & {row.patient_id for row in await said(line)}, "somebody has said who they are"
    kept = await line.rows(observations)
    texts = {row.id: row.patient_id for row in await said(line)}
    assert all(texts[row.communication_id] == row.patient_id for row in kept if row.communication_id is not None)
    open_sessions = await line.rows(flow_sessions, flow_sessions.c.status == "waiting")
    assert len(open_sessions) <= 1


async def asks(line: Line) -> bool:
    """Whether "who is writing?" is the last thing that went to the phone in its hours, and a text waits for it.

    What was held back is not seen.
    """
    lately = communications.c.created_at > line.now - IDENTITY_WITHIN
    rows = await line.rows(communications, communications.c.phone_id == line.clinic.fay.phone_id, lately)
    out = [row for row in rows if row.direction == "out" and row.status not in ("held", "cancelled", "expired", "failed")]
    return bool(out) and "who is writing" in out[-1].body and any(row.direction == "in" and row.patient_id is None for row in rows)


@pytest.mark.parametrize("told", ["wrong number", "this is not Chi", "I got this number new"])
async def test_a_number_used_again_by_a_stranger_is_never_the_patients_again(line: Line, chance: random.Random, told: str) -> None:
    chi = line.clinic.chi
    await line.start(chi)
    await line.says(chi.number, told)
    [kept] = await said(line)
    assert kept.id in await flagged(line)
    for turn in range(TURNS // 6):
        line.clock.forward(minutes=chance.choice((1, 30, 600)))
        await line.says(
            chi.number, chance.choice((*ORDINARY, *DANGER, "STOP", "START", "HELP", "YES", "1")).replace("{n}", str(150 + turn))
        )
        await line.work()
    rest = (await said(line))[1:]
    assert len(rest) == TURNS // 6
    assert {row.patient_id for row in rest} == {None}
    assert {row.id for row in rest} <= await flagged(line)
    worst = {row.rule for row in await line.rows(concerns) if by_rank(row.urgency_rank) == "emergency"}
    assert len(worst) >= len({row.body for row in rest} & {*DANGER}), "a kind of danger is no concern"
    assert await line.rows(observations) == []
    assert not [text for text in await line.send() if "weight" in text.body.lower()]
