"""Keys are rotated by putting a new one in front; a start with keys that do not fit is refused before anything is answered."""

from __future__ import annotations

import asyncio
import base64
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from service.db.communication import communications
from service.db.database import Database
from service.db.encryption import Keyring, KeyringError, new_key
from service.db.inbound import phones_of
from service.db.key_check import check_keys
from service.db.organization import organizations
from service.db.patient import patients, phones
from tests.commands.conftest import program, settings_for
from tests.seed import Clinic, seed_clinic, seed_item

NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)
OLD, NEW, INDEX = f"old:{new_key()}", f"new:{new_key()}", base64.b64encode(b"i" * 32).decode()
"""The index key is the one that the seed writes numbers with."""


async def _fill(url: str, keys: str = OLD, index: str = INDEX) -> Clinic:
    database = Database.open(url, Keyring.parse(keys, index))
    clinic = await seed_clinic(database, NOW)
    await seed_item(database, clinic.chi, NOW)
    await database.close()
    return clinic


async def test_after_a_new_key_is_put_in_front_everything_is_still_read_and_new_rows_use_it(database_url: str) -> None:
    clinic = await _fill(database_url)
    database = Database.open(database_url, Keyring.parse(f"{NEW},{OLD}", INDEX))
    stranger = "+12025550177"
    async with database.transaction() as connection:
        found = await phones_of(connection, [(clinic.organization_id, clinic.chi.number), (clinic.organization_id, stranger)], NOW)
        assert found[clinic.organization_id, clinic.chi.number].id == clinic.chi.phone_id
        assert await connection.scalar(select(patients.c.name).where(patients.c.id == clinic.chi.id)) == clinic.chi.name
    async with database.reading() as connection:
        await check_keys(connection)
        known = found[clinic.organization_id, stranger].id
        raw = (await connection.exec_driver_sql("select number from phones order by id desc limit 1")).scalar_one()
        assert await connection.scalar(select(phones.c.number).where(phones.c.id == known)) == stranger
    assert bytes(raw)[1:4] == b"new"
    await database.close()


@pytest.mark.parametrize(
    ("keys", "index", "said"),
    [
        (NEW, INDEX, "encryption key 'old' is not in the key ring"),
        (f"old:{new_key()}", INDEX, "does not fit its key"),
        (OLD, new_key(), "BLIND_INDEX_KEY is not the key"),
    ],
    ids=["the old key left out", "another key under the old name", "another index key"],
)
async def test_keys_that_do_not_fit_the_database_are_found(database_url: str, keys: str, index: str, said: str) -> None:
    await _fill(database_url)
    database = Database.open(database_url, Keyring.parse(keys, index))
    async with database.reading() as connection:
        with pytest.raises(KeyringError, match=said):
            await check_keys(connection)
    await database.close()


async def test_an_empty_database_takes_any_keys(database_url: str) -> None:
    database = Database.open(database_url, Keyring.parse(OLD, INDEX))
    async with database.reading() as connection:
        await check_keys(connection)
        assert (await connection.execute(select(communications.c.id))).all() == []
    await database.close()


def test_two_keys_of_one_name_are_refused() -> None:
    with pytest.raises(KeyringError, match="is there twice"):
        Keyring.parse(f"{OLD},old:{new_key()}", INDEX)


def test_serve_with_the_wrong_keys_ends_in_one_line(sqlite_url: str) -> None:
    asyncio.run(_fill(sqlite_url))
    ended = program("serve", "--port", "0", environment=settings_for(sqlite_url))
    assert ended.code == 2
    (line,) = ended.err.splitlines()
    assert "encryption key 'old' is not in the key ring" in line


@pytest.mark.law(10)
async def test_an_error_of_the_database_shows_no_value(database_url: str) -> None:
    database = Database.open(database_url, Keyring.parse(OLD, INDEX))
    clinic = await seed_clinic(database, NOW)
    again = insert(organizations).values(id=clinic.organization_id, name="Ana Alvarez", zone="UTC", is_demo=0, created_at=NOW)
    async with database.transaction() as connection:
        with pytest.raises(IntegrityError) as caught:
            await connection.execute(again)
        await connection.rollback()
    assert "Ana Alvarez" not in str(caught.value)
    await database.close()
