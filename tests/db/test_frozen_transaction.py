"""A process that is frozen in the middle of a transaction keeps no row from the others for long."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import Update, text, update
from sqlalchemy.exc import DBAPIError

from service.db import database as module
from service.db.database import Database
from service.db.organization import organizations
from tests.patience import PATIENCE_SECONDS
from tests.seed import KEYRING, seed_clinic
from tests.web.conftest import NOW


@pytest.mark.postgres
@pytest.mark.law(3)
async def test_the_rows_of_a_frozen_transaction_are_free_again(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FROZEN_AFTER_SECONDS", 1)
    frozen, other = Database.open(postgres_url, KEYRING), Database.open(postgres_url, KEYRING)
    try:
        clinic = await seed_clinic(other, NOW)
        renamed = update(organizations).where(organizations.c.id == clinic.organization_id)
        with pytest.raises(DBAPIError):
            await _frozen_while(frozen, other, renamed)
        async with frozen.reading() as connection:  # and works on with a new connection
            assert await connection.scalar(text("SELECT name FROM organizations")) == "Other"
    finally:
        await frozen.close()
        await other.close()


async def _frozen_while(frozen: Database, other: Database, renamed: Update) -> None:
    async with frozen.transaction() as connection:
        await connection.execute(renamed.values(name="Frozen"))
        async with asyncio.timeout(PATIENCE_SECONDS), other.transaction() as its:
            await its.execute(renamed.values(name="Other"))
        await connection.execute(text("SELECT 1"))  # it wakes up, and learns that its transaction is over
