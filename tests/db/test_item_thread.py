"""The item's page with a long thread: as many statements as with a short one, each by an index, and quick."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from statistics import quantiles
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, insert, text

from service.db.communication import communications
from service.db.database import Database
from service.db.escalation import escalation_events, notes
from service.db.item import load_item
from service.db.nurse_calls import call_attempts
from service.db.schema import new_id
from service.db.thread import Entry, Key, load
from service.domain.staff import Role, Staff
from tests.seed import KEYRING, Clinic, seed_clinic, seed_item
from tests.web.conftest import NOW

ENTRIES = int(os.environ.get("ROUNDS_THREAD_ENTRIES", "10000"))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database.open(database_url, KEYRING)
    yield opened
    await opened.close()


@pytest.fixture
async def clinic(database: Database) -> Clinic:
    return await seed_clinic(database, NOW - timedelta(days=400))


def nora_of(clinic: Clinic) -> Staff:
    return Staff(clinic.nora.id, clinic.organization_id, clinic.nora.name, Role.NURSE, clinic.nora.team_ids)


async def fill(database: Database, clinic: Clinic, item_id: UUID, entries: int) -> None:
    """So many texts, notes, attempts and events of Chi's, a quarter of an hour apart."""
    common = {"organization_id": clinic.organization_id, "patient_id": clinic.chi.id}
    rows: dict[Any, list[dict[str, Any]]] = {communications: [], notes: [], call_attempts: [], escalation_events: []}
    for number in range(entries):
        at = NOW - timedelta(minutes=15 * (number + 1))
        id = {"id": new_id(at)}
        match number % 8:
            case 5:
                rows[notes].append({**id, **common, "author_id": clinic.nora.id, "body": "seen", "created_at": at})
            case 6:
                row = {"escalation_id": item_id, "staff_id": clinic.nora.id, "outcome": "no_answer", "at": at}
                rows[call_attempts].append({**id, **common, **row})
            case 7:
                row = {"organization_id": clinic.organization_id, "escalation_id": item_id, "at": at, "what": "paged", "detail": {}}
                rows[escalation_events].append({**id, **row})
            case _:
                row = {"phone_id": clinic.chi.phone_id, "direction": "in", "channel": "sms", "purpose": "reply", "lane": "routine"}
                rows[communications].append(
                    {**id, **common, **row, "status": "received", "body": "fine", "created_at": at, "status_at": at}
                )
    async with database.transaction() as connection:
        for table, many in rows.items():
            for first in range(0, len(many), 1000):
                await connection.execute(insert(table), many[first : first + 1000])
    if database.is_postgresql:
        async with database.transaction() as connection:
            await connection.execute(text("ANALYZE"))


async def statements(database: Database, clinic: Clinic, item_id: UUID) -> list[str]:
    seen: list[str] = []

    def note(_c: Any, _k: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    try:
        async with database.reading() as connection:
            assert await load_item(connection, nora_of(clinic), item_id, NOW) is not None
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)
    return seen


async def test_a_long_thread_takes_no_more_statements_and_little_time(database: Database, clinic: Clinic) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    await fill(database, clinic, item_id, 80)
    short = await statements(database, clinic, item_id)
    await fill(database, clinic, item_id, ENTRIES)
    long = await statements(database, clinic, item_id)
    assert len(long) == len(short) <= 50, len(long)
    times = []
    async with database.reading() as connection:
        for _ in range(21):
            began = time.perf_counter()
            await load_item(connection, nora_of(clinic), item_id, NOW)
            times.append((time.perf_counter() - began) * 1000)
    print(
        f"item page, {ENTRIES} entries, {connection.dialect.name}: p50 {sorted(times)[10]:.0f} ms, p95 {quantiles(times, n=20)[-1]:.0f} ms"
    )


async def test_every_source_of_the_thread_is_read_by_its_index(database: Database, clinic: Clinic) -> None:
    if not database.is_postgresql:
        pytest.skip("the plan of PostgreSQL")
    item_id = await seed_item(database, clinic.chi, NOW)
    await fill(database, clinic, item_id, 4000)
    seen: list[tuple[str, Any]] = []

    def note(_c: Any, _k: Any, statement: str, parameters: Any, *_: Any) -> None:
        seen.append((statement, parameters))

    async with database.reading() as connection:
        found = await load_item(connection, nora_of(clinic), item_id, NOW)
        assert found is not None
        event.listen(database.engine.sync_engine, "before_cursor_execute", note)
        await load(connection, found.item, Key(NOW - timedelta(days=10), item_id))
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)
        statement, parameters = seen[0]
        plan = "\n".join(row[0] for row in await connection.exec_driver_sql(f"EXPLAIN {statement}", parameters))
    assert "UNION" in statement.upper()
    for index in ("ix_communications_patient_id_created_at", "ix_notes_patient_id_created_at", "ix_escalation_events_escalation_id_at"):
        assert index in plan, plan
    assert "Seq Scan on communications" not in plan, plan


async def test_pages_of_the_thread_hold_every_entry_once_and_in_order(database: Database, clinic: Clinic) -> None:
    item_id = await seed_item(database, clinic.chi, NOW)
    await fill(database, clinic, item_id, 100)
    async with database.reading() as connection:
        found = await load_item(connection, nora_of(clinic), item_id, NOW)
        assert found is not None
        lines, key, pages = list(found.thread.lines), found.thread.older, 1
        while key is not None:
            assert Key.parse(str(key)) == key
            page = await load(connection, found.item, key)
            lines, key, pages = [*page.lines, *lines], page.older, pages + 1
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    assert len({line.id for line in lines}) == len(lines) == 102
    assert {line.entry for line in lines} == {Entry.SAID, Entry.NOTE, Entry.ATTEMPT, Entry.EVENT}
    assert pages == 3
