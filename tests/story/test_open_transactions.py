"""While the carrier takes its time, no transaction of ours is open: seen from the database itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from service.db.database import Database
from tests.stand_in_twilio import StandIn
from tests.story.clinic import CAST, ON_CALL, set_up
from tests.story.rows import opened, until
from tests.story.served import Served

CARRIER_SECONDS = 2.0
LOOKS = 20
_OPEN = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
)


@pytest.mark.postgres
@pytest.mark.law(5)
async def test_no_transaction_is_open_while_the_carrier_is_being_called(durable_postgres_url: str, tmp_path: Path) -> None:
    chi = CAST["Chi Chen"]
    async with StandIn().running() as twilio, opened(durable_postgres_url) as database:
        await set_up(database)
        twilio.options.answer_seconds = CARRIER_SECONDS
        served = Served(durable_postgres_url, twilio, tmp_path)
        twilio.options.sms_url = served.sms_url
        async with served.running():
            answer = await twilio.inbound(chi, "I have chest pain")
            assert answer is not None
            assert answer.status == 200
            called = {chi, ON_CALL}  # the safety text and the page, both on their way and not answered yet
            await until(lambda: called <= {message.to for message in twilio.store.accepted})
            looks = [await _open_transactions(database) for _ in range(LOOKS)]
            assert 0 in looks, "a transaction is open all the while that the provider is called"


async def _open_transactions(database: Database) -> int:
    """How many transactions other connections have open at this moment; those of the jobs come and go."""
    await asyncio.sleep(CARRIER_SECONDS / 2 / LOOKS)
    async with database.reading() as connection:
        return int(await connection.scalar(_OPEN) or 0)
