"""What a batch of hundreds needs of the database module: long wake-ups, rows by id, rows that are new; on both databases."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event, select

from service.db.communication import inbound_ids
from service.db.database import LONGEST_PAYLOAD, Database, among, insert_new, notify
from service.db.patient import patients
from tests.patience import PATIENCE_SECONDS
from tests.seed import KEYRING, seed_clinic

NOW = datetime(2026, 3, 4, 15, 0, tzinfo=UTC)
KEY = (inbound_ids.c.provider, inbound_ids.c.account, inbound_ids.c.provider_id)


async def test_a_wake_up_longer_than_postgresql_takes_reaches_every_listener(database_url: str) -> None:
    topics = [f"patient:{uuid4()}" for _ in range(500)]
    assert len(" ".join(topics)) > 2 * LONGEST_PAYLOAD
    here, there = Database.open(database_url, KEYRING), Database.open(database_url, KEYRING)
    listens = there if there.is_postgresql else here
    try:
        async with listens.listening():
            with listens.wakeups.listen("ready") as ready:
                while not ready.is_set():  # until LISTEN is there
                    async with here.transaction() as connection:
                        await notify(connection, "ready")
                    await asyncio.sleep(0.01)
            with listens.wakeups.listen(topics[0]) as first, listens.wakeups.listen(topics[-1]) as last:
                async with here.transaction() as connection:
                    await notify(connection, *topics)
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await first.wait()
                    await last.wait()
    finally:
        await here.close()
        await there.close()


async def test_rows_are_found_by_any_number_of_ids(database_url: str) -> None:
    database = Database.open(database_url, KEYRING)
    try:
        clinic = await seed_clinic(database, NOW)
        wanted = {clinic.ana.id, clinic.ben.id}
        async with database.reading() as connection:
            for ids, expected in (([*wanted, uuid4()], wanted), ([], set())):
                found: list[UUID] = list(
                    (await connection.scalars(select(patients.c.id).where(among(connection, patients.c.id, ids)))).all()
                )
                assert set(found) == expected
    finally:
        await database.close()


async def test_only_rows_that_were_not_there_are_inserted_and_told(database_url: str) -> None:
    database = Database.open(database_url, KEYRING)
    try:
        async with database.transaction() as connection:
            assert [row.provider_id for row in await insert_new(connection, inbound_ids, _rows("SM1", "SM2"), KEY, KEY)] == ["SM1", "SM2"]
            assert [row.provider_id for row in await insert_new(connection, inbound_ids, _rows("SM2", "SM3"), KEY, KEY)] == ["SM3"]
            assert await insert_new(connection, inbound_ids, [], KEY, KEY) == []
            kept = (await connection.execute(select(inbound_ids).order_by(inbound_ids.c.provider_id))).all()
        assert [(row.provider_id, row.received_at) for row in kept] == [("SM1", NOW), ("SM2", NOW), ("SM3", NOW)]
    finally:
        await database.close()


@pytest.mark.postgres
async def test_the_statement_is_the_same_for_one_id_and_for_many(postgres_url: str) -> None:
    database = Database.open(postgres_url, KEYRING)
    texts: set[str] = set()
    event.listen(database.engine.sync_engine, "before_cursor_execute", lambda _c, _k, statement, *_: texts.add(statement))
    try:
        async with database.reading() as connection:
            for count in (1, 2, 300):
                await connection.execute(select(patients.c.id).where(among(connection, patients.c.id, [uuid4() for _ in range(count)])))
    finally:
        await database.close()
    assert len(texts) == 1


def _rows(*ids: str) -> list[dict[str, object]]:
    return [{"provider": "twilio", "account": "AC1", "provider_id": id, "event_id": uuid4(), "received_at": NOW} for id in ids]
