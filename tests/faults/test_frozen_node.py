"""A node freezes with a claim in its hands and wakes when its lease is long over: the other node does not send again, nor does it."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from service.actions.do_due_work import do_due_work
from service.actions.plan_check_ins import plan_check_ins
from service.actions.release_leases import release_leases
from service.actions.start_check_ins import start_check_ins
from service.clock import SystemClock
from service.db.check_in import check_ins
from service.db.communication import communication_statuses, communications
from service.db.database import Database
from service.db.due_work import due_work
from service.domain.communication import Lane
from tests.calls.conftest import known
from tests.faults import SECONDS_A_TEST
from tests.faults.crowd import CHEST_PAIN
from tests.faults.killer import tell
from tests.faults.ledger import attempt_of, let_leases_end
from tests.stand_in_twilio import StandIn
from tests.story import warm
from tests.story.clinic import enroll, invented, set_up
from tests.story.rows import opened, rows, until
from tests.story.served import Served

pytestmark = [pytest.mark.faults, pytest.mark.timeout(SECONDS_A_TEST)]
FREEZES = (1, 6)
HOLDERS = (1, 5)
"""Sampled, full."""
FROZEN_SECONDS = (1.0, 30.0)
"""Sampled, full; its lease ends meanwhile."""
RECONCILED_SECONDS = 180
"""The reconciler asks each minute."""
CARRIER_SECONDS = 3.0
"""Long enough to see the claim and to freeze its holder before the answer comes."""


@pytest.mark.postgres
@pytest.mark.law(3)
async def test_fault_7_a_node_frozen_for_30_s_with_a_text_in_its_hands_neither_sends_again_nor_undoes_what_was_found(
    durable_postgres_url: str, twilio: StandIn, tmp_path: Path, chance: random.Random, full_faults: bool
) -> None:
    began = time.monotonic()
    freezes = FREEZES[full_faults]
    people = invented(freezes)
    twilio.options.answer_seconds = CARRIER_SECONDS
    twilio.options.callbacks = []
    nodes = [Served(durable_postgres_url, twilio, tmp_path, name=name) for name in ("north", "south")]
    async with opened(durable_postgres_url) as database:
        await set_up(database, people)
        try:
            for node in nodes:
                await node.start()
            for number in people.values():
                twilio.options.sms_url = chance.choice(nodes).sms_url
                answer = await twilio.inbound(number, CHEST_PAIN)
                assert answer is not None
                assert answer.status == 200
                claimed = await until(partial(_safety, database, number, twilio, "claimed"))
                frozen = next(node for node in nodes if str(node.pid) in claimed.claimed_by)
                frozen.signal(signal.SIGSTOP)
                stopped = time.monotonic()
                await let_leases_end(database)
                await until(partial(_safety, database, number, twilio, "unknown"))
                await asyncio.sleep(max(0.0, FROZEN_SECONDS[full_faults] - (time.monotonic() - stopped)))
                frozen.signal(signal.SIGCONT)
                # After a long freeze the carrier's answer is lost: the text is found in the carrier's list, each minute.
                await until(partial(_safety, database, number, twilio, "accepted"), RECONCILED_SECONDS)
            for node in nodes:
                assert node.alive
                assert await node.stop() == 0
        finally:
            for node in nodes:
                if node.alive:
                    await node.kill()
        accepted = Counter(attempt_of(message) for message in twilio.store.accepted)
        assert set(accepted.values()) == {1}
        assert Counter(message.to for message in twilio.store.accepted if message.to in people.values()) == Counter(people.values())
        doubted = {
            row.communication_id for row in await rows(database, communication_statuses, communication_statuses.c.status == "unknown")
        }
        assert len(doubted) == freezes
    tell("a node frozen with a claim in its hands", {"freezes": freezes, "sent again": 0}, began)


@pytest.fixture(params=[pytest.param("postgresql", marks=pytest.mark.postgres), "sqlite"])
def kind_and_url(request: pytest.FixtureRequest) -> tuple[str, str]:
    return request.param, request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "durable_postgres_url")


@pytest.mark.law(3, 12)
async def test_fault_7_work_that_a_process_frozen_for_30_s_commits_too_late_is_refused_and_done_once(
    kind_and_url: tuple[str, str], full_faults: bool
) -> None:
    began = time.monotonic()
    kind, url = kind_and_url
    holders = HOLDERS[full_faults]
    people = invented(holders)
    answers: Counter[str] = Counter()
    async with opened(url) as database:
        clinic = await set_up(database, people)
        await enroll(database, clinic, [record for record, _ in clinic.patients], first_in=timedelta(minutes=30))
        knowledge = known()
        await plan_check_ins(database, knowledge, datetime.now(UTC))
        first_of_each = {row.patient_id: row for row in reversed(await rows(database, check_ins))}  # a second one would end the first
        for planned in list(first_of_each.values())[:holders]:
            await _let_be_due(database, planned.id)
            process = await warm.start("tests.faults.holder")
            try:
                process.stdin.write(json.dumps({"database_url": url}).encode() + b"\n")
                assert await process.stdout.readline() == b"holding\n"
                process.send_signal(signal.SIGSTOP)
                if kind == "sqlite":  # one process serves SQLite: it is frozen with its claim, and holds no lock on the file
                    await asyncio.sleep(0.2)
                await let_leases_end(database)
                await release_leases(database, knowledge, datetime.now(UTC))
                kinds: Any = {"start_check_in": lambda connection, works, now: start_check_ins(connection, knowledge, works, now)}
                assert await do_due_work(database, kinds, Lane.ROUTINE, SystemClock(), "other") == 1
                await asyncio.sleep(FROZEN_SECONDS[full_faults])
                process.send_signal(signal.SIGCONT)
                process.stdin.write(b"go on\n")
                answers[(await process.stdout.readline()).decode().strip()] += 1
                assert await process.wait() == 0
            finally:
                process.send_signal(signal.SIGKILL)
                await process.wait()
            [work] = await rows(database, due_work, due_work.c.subject_id == planned.id)
            assert (work.state, work.fence, work.attempts) == ("done", 2, 2)
        assert answers == {"refused": holders}, answers
        asked = await rows(database, communications, communications.c.purpose == "check_in")
        assert Counter(row.check_in_id for row in asked) == Counter(
            row.id for row in await rows(database, check_ins, check_ins.c.status == "started")
        )
        assert len(asked) == holders, "a check-in was begun twice"
    tell(
        f"fault 7, work in the hands of a frozen process, {kind}",
        {"freezes": holders, "late commits refused": holders, "doubled": 0},
        began,
    )


async def _let_be_due(database: Database, check_in_id: UUID) -> None:
    now = datetime.now(UTC)
    async with database.transaction() as connection:
        await connection.execute(update(check_ins).where(check_ins.c.id == check_in_id).values(due_at=now))
        await connection.execute(update(due_work).where(due_work.c.subject_id == check_in_id).values(due_at=now))


async def _safety(database: Database, number: str, twilio: StandIn, status: str) -> Any:
    """The safety text to this number once the carrier has it and our row stands so; None before."""
    sent = [message for message in twilio.store.accepted if message.to == number]
    if not sent:
        return None
    texts = await rows(database, communications, communications.c.attempt_id == attempt_of(sent[0]), communications.c.status == status)
    return texts[0] if texts else None
