"""Whose fault an error is, as both databases really raise it: a row that does not fit is no outage."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from service.db.database import Database
from service.db.failures import is_outage
from tests.seed import KEYRING


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database.open(database_url, KEYRING)
    yield opened
    await opened.close()


@pytest.mark.law(12)
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO heartbeats (name, node, at) VALUES ('a', NULL, CURRENT_TIMESTAMP)",
        "SELECT missing FROM heartbeats",
        "INSERT INTO heartbeats (name, node, at) VALUES (CAST('{long}' AS VARCHAR(80)), 'n', CURRENT_TIMESTAMP)",
        "SELECT 1 / 0",
    ],
    ids=["no value", "no column", "too long", "no number"],
)
async def test_what_is_wrong_with_a_row_or_a_statement_is_no_outage(database: Database, statement: str) -> None:
    if not database.is_postgresql and "NULL" not in statement:
        pytest.skip("SQLite takes it, or calls it by the same name as a busy file")
    with pytest.raises(SQLAlchemyError) as raised:
        async with database.transaction() as connection:
            await connection.execute(text(statement.replace("{long}", "x" * 80)))
    assert not is_outage(raised.value)


@pytest.mark.law(12)
async def test_a_value_that_the_driver_will_not_send_is_no_outage(database: Database) -> None:
    if not database.is_postgresql:
        pytest.skip("SQLite takes it")
    with pytest.raises(SQLAlchemyError) as raised:
        async with database.transaction() as connection:
            await connection.execute(text("SELECT CAST(:n AS INTEGER)"), {"n": 2**40})
    assert not is_outage(raised.value)


async def test_a_database_that_is_not_there_is_an_outage() -> None:
    gone = Database.open("postgresql+asyncpg://nobody@127.0.0.1:9/nowhere", KEYRING)
    with pytest.raises(ConnectionError) as raised:
        async with gone.reading():
            pass
    assert is_outage(raised.value)
    await gone.close()
