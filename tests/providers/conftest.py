"""One clinic for each provider and each database: Ana gets texts, Eva gets calls, their check-ins are due at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from service.db.database import Database
from tests import stand_in_telnyx, stand_in_twilio
from tests.stand_in_twilio.calls import PlacedCall
from tests.stand_in_twilio.options import signalwire
from tests.story.clinic import NORA, ON_CALL, PASSWORD, SetUp, enroll, set_up
from tests.story.rows import opened
from tests.story.served import Served

ANA, EVA = "+12025550101", "+12025550105"
PEOPLE = {"Ana Alvarez": ANA, "Eva Estrada": EVA}
STAND_INS: dict[str, Callable[[], stand_in_twilio.StandIn]] = {
    "twilio": stand_in_twilio.StandIn,
    "signalwire": lambda: stand_in_twilio.StandIn(signalwire()),
    "telnyx": stand_in_telnyx.StandIn,
}


@dataclass(frozen=True, slots=True)
class House:
    """Everything that runs."""

    served: Served
    phones: stand_in_twilio.StandIn
    """The provider's side: what it has accepted, and the patients' telephones."""
    database: Database
    clinic: SetUp

    def texts_to(self, number: str) -> list[str]:
        """What the carrier has accepted for this number, in order."""
        return [message.body for message in self.phones.store.accepted if message.to == number]

    def calls_to(self, number: str) -> list[PlacedCall]:
        """The calls that have rung there, in order."""
        return [call for call in self.phones.calls.placed if call.form["To"] == number]

    def pages(self) -> list[str]:
        """What the nurse on call has been handed."""
        return self.texts_to(ON_CALL)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def providers_url(request: pytest.FixtureRequest) -> str:
    """An empty, migrated database; PostgreSQL as in production, with every commit on the disk."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "durable_postgres_url")
    return url


@pytest.fixture(params=STAND_INS)
async def house(request: pytest.FixtureRequest, providers_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with _house(request.param, providers_url, tmp_path) as made:
        yield made


@pytest.fixture(params=STAND_INS)
async def house_on_sqlite(request: pytest.FixtureRequest, sqlite_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """The answers to the first two texts or calls that the provider accepts never arrive; who has picked up, a call hears late."""
    async with _house(request.param, sqlite_url, tmp_path, "reset_after_accept", "500_after_accept") as made:
        if isinstance(made.phones.options, stand_in_telnyx.Options):
            made.phones.options.machine_told_with = "late"
        yield made


@asynccontextmanager
async def _house(provider: str, database_url: str, folder: Path, *faults: str) -> AsyncIterator[House]:
    async with STAND_INS[provider]().running() as phones, opened(database_url) as database:
        for fault in faults:
            phones.faults.add(fault)
        clinic = await set_up(database, PEOPLE, provider=phones.options.name, by_call=["Eva Estrada"])
        await enroll(database, clinic, [record for record, _ in clinic.patients], first_in=timedelta(seconds=1))
        served = Served(database_url, phones, folder)
        phones.options.sms_url = served.sms_url
        async with served.running():
            yield House(served, phones, database, clinic)
            assert served.alive
            assert await served.stop() == 0
        log = served.log.read_text()
        secrets = (*PEOPLE.values(), "Alvarez", "Estrada", NORA, PASSWORD, "chest", phones.options.auth_token)
        told = [secret for secret in secrets if secret in log]
        assert not told, "a name, a number, a key or words of a patient stand in the log"
