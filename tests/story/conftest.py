"""A clinic served by a real process, next to a stand-in Twilio: on SQLite, and on a PostgreSQL that writes through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from service.db.database import Database
from tests.stand_in_twilio import StandIn
from tests.story.clinic import CAST, NORA, PASSWORD, SetUp, enroll, set_up
from tests.story.rows import opened
from tests.story.served import Served


@dataclass(frozen=True, slots=True)
class House:
    """Everything that runs. Patients are `CAST`; all of them are enrolled, and their first check-in is due at once."""

    served: Served
    twilio: StandIn
    database: Database
    clinic: SetUp

    def texts_to(self, number: str) -> list[str]:
        """What the carrier has accepted for this number, in order."""
        return [message.body for message in self.twilio.store.accepted if message.to == number]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def story_url(request: pytest.FixtureRequest) -> str:
    """An empty, migrated database; PostgreSQL as in production, with every commit on the disk."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "durable_postgres_url")
    return url


@pytest.fixture
async def house(story_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with StandIn().running() as twilio, opened(story_url) as database:
        clinic = await set_up(database)
        await enroll(database, clinic, [record for record, _ in clinic.patients], first_in=timedelta(seconds=1))
        served = Served(story_url, twilio, tmp_path)
        twilio.options.sms_url = served.sms_url
        async with served.running():
            yield House(served, twilio, database, clinic)
            assert served.alive
            assert await served.stop() == 0
        log = served.log.read_text()
        surnames = [name.split()[-1] for name in CAST]
        told = [secret for secret in (*surnames, *CAST.values(), NORA, PASSWORD, "water pill", "chest pain") if secret in log]
        assert not told, "a name, a number or words of a patient stand in the log"
