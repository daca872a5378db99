"""(b) Due check-ins: claimed, a conversation each with its first question in the outbox, committed; beside a bare claim of as many rows."""

from __future__ import annotations

import time

from sqlalchemy import text

from service.actions.do_due_work import do_due_work
from service.actions.knowledge import Knowledge
from service.actions.start_check_ins import start_check_ins
from service.db.database import Database
from service.domain.communication import Lane
from tests.bench.clock import BenchClock
from tests.bench.cohort import Cohort
from tests.bench.results import Row, Timed

BATCH = 500


def row(name: str, cohort: Cohort) -> Row:
    """The row that `repeat` fills."""
    return Row("due check-ins started", name, note=f"{cohort.each} a repetition, batches of at most {BATCH}")


async def repeat(row: Row, database: Database, knowledge: Knowledge, cohort: Cohort, wave: int) -> None:
    """One repetition: a wave of check-ins, then the bare claim."""
    row.real.append(await _start(database, knowledge, cohort, wave))
    row.bare.append(await _claim(database, wave, cohort.each))


async def _start(database: Database, knowledge: Knowledge, cohort: Cohort, wave: int) -> Timed:
    clock = BenchClock(cohort.due(wave))
    handlers = {"start_check_in": lambda connection, works, now: start_check_ins(connection, knowledge, works, now)}
    begun = time.perf_counter()
    done = 0
    while more := await do_due_work(database, handlers, Lane.ROUTINE, clock, "bench", limit=BATCH):
        done += more
    taken = time.perf_counter() - begun
    if done != cohort.each:
        raise RuntimeError(f"{done} check-ins were due, not {cohort.each}")
    return Timed(done, taken)


async def _claim(database: Database, wave: int, count: int) -> Timed:
    """The same number of rows claimed in batches and marked done: two statements and two commits a batch, nothing else."""
    rows = [{"id": wave * count + each, "due_at": wave, "state": "due", "payload": "{}"} for each in range(count)]
    async with database.transaction() as connection:
        await connection.execute(text("INSERT INTO bench_due (id, due_at, state, payload) VALUES (:id, :due_at, :state, :payload)"), rows)
    skip = "FOR UPDATE SKIP LOCKED" if database.is_postgresql else ""
    due = f"SELECT id FROM bench_due WHERE state = 'due' ORDER BY due_at LIMIT {BATCH} {skip}"
    claim = text(f"UPDATE bench_due SET state = 'claimed' WHERE id IN ({due}) RETURNING id, payload")
    settle = text("UPDATE bench_due SET state = 'done' WHERE state = 'claimed' AND id BETWEEN :first AND :last")
    begun = time.perf_counter()
    done = 0
    while True:
        async with database.transaction() as connection:
            taken = [row.id for row in await connection.execute(claim)]
        if not taken:
            break
        async with database.transaction() as connection:
            await connection.execute(settle, {"first": min(taken), "last": max(taken)})
        done += len(taken)
    return Timed(done, time.perf_counter() - begun)
