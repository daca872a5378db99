"""A clinic with the jobs' surroundings: a clock moved by hand, a provider that records and fails on demand, readings of rows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy import Table, insert, select, update

from service.actions.knowledge import Knowledge
from service.db import flows
from service.db.check_in import enrollments
from service.db.communication import communications
from service.db.database import Database
from service.db.escalation import pages
from service.db.organization import organizations
from service.db.schema import new_id
from service.domain.communication import Lane, Purpose, Status
from service.jobs.work import Surroundings
from service.telephony.port import Accepted, OutgoingText, RemoteText
from tests.actions.house import content
from tests.seed import KEYRING, Clinic, Person, seed_clinic

MONDAY = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)  # 10:00 in New York


class StoppedClock:
    """A clock that is moved by hand."""

    def __init__(self, now: datetime) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time

    def forward(self, **by: float) -> datetime:
        self.time += timedelta(**by)
        return self.time


class Recorder:
    """A provider that keeps what it is handed. `behave` may raise for a text; `during` runs while the call is under way."""

    name = "twilio"
    account = "AC1"
    list_is_sure = True

    def __init__(self, clock: StoppedClock) -> None:
        self.clock = clock
        self.calls: list[OutgoingText] = []
        self.called = asyncio.Event()
        self.kept: list[RemoteText] = []
        self.behave: Callable[[OutgoingText], None] = lambda text: None
        self.during: Callable[[OutgoingText], Any] | None = None
        self.listing: Callable[[], None] = lambda: None
        self._ids = count(1)

    async def send_text(self, text: OutgoingText) -> Accepted:
        self.calls.append(text)
        self.called.set()
        if self.during is not None:
            await self.during(text)
        self.behave(text)
        return self.keep(text)

    def keep(self, text: OutgoingText) -> Accepted:
        provider_id = f"SM{next(self._ids):032x}"
        self.kept.insert(0, RemoteText(provider_id, text.to, text.sender, text.body, Status.SENT, "sent", self.clock.now()))
        return Accepted(provider_id, Status.ACCEPTED)

    async def list_texts(self, *, to: str | None, since: datetime, limit: int = 200) -> Sequence[RemoteText]:
        self.listing()
        return [text for text in self.kept if (to is None or text.to == to) and text.created_at >= since][:limit]

    async def fetch_text(self, provider_id: str) -> RemoteText | None:
        return next((text for text in self.kept if text.provider_id == provider_id), None)

    async def close(self) -> None:
        await asyncio.sleep(0)


class World:
    """Database, clinic, content, clock and provider of one test."""

    def __init__(self, database: Database, clinic: Clinic, clock: StoppedClock) -> None:
        self.database, self.clinic, self.clock = database, clinic, clock
        wording, self.flows = content().wording, content().flows
        # The jobs read no replies: a use of the vocabulary or the urgency table here would be a mistake, and fails.
        unread: Any = None
        self.knowledge = Knowledge(
            unread, unread, wording, "http://localhost:8080", content().follow_through, content().opening, content().law
        )
        self.provider = Recorder(clock)
        self.providers = {"twilio": self.provider}
        self.around = Surroundings(database, self.providers, self.knowledge, clock, "node-1")

    @classmethod
    async def open(cls, url: str, now: datetime = MONDAY) -> World:
        database = Database.open(url, KEYRING)
        return cls(database, await seed_clinic(database, now - timedelta(days=30)), StoppedClock(now))

    @property
    def now(self) -> datetime:
        return self.clock.now()

    async def rows(self, table: Table, *where: Any) -> list[Any]:
        """Rows in the order they were made."""
        order = list(table.primary_key.columns)
        async with self.database.reading() as connection:
            return list((await connection.execute(select(table).where(*where).order_by(*order))).all())

    async def set(self, table: Table, id: UUID, **values: Any) -> None:
        async with self.database.transaction() as connection:
            await connection.execute(update(table).where(table.c.id == id).values(**values))

    async def publish_flow(self, *, approved: bool = True) -> UUID:
        """The heart failure flow as a version of this clinic."""
        flow = self.flows["heart_failure/daily"]
        async with self.database.transaction() as connection:
            id = await flows.publish(
                connection,
                self.clinic.organization_id,
                programme="heart_failure",
                flow="daily",
                content_hash=flow.version,
                content=flow.to_json(),
                now=self.now,
            )
            if approved:
                await flows.approve(connection, self.clinic.organization_id, id, "Dr. Sample", self.now)
        return id

    async def demo(self) -> None:
        await self.set(organizations, self.clinic.organization_id, is_demo=1)

    async def enroll(
        self,
        person: Person,
        *,
        at: time = time(10),
        rule: str = "daily",
        starts_on: date | None = None,
        days: int = 365,
        created_at: datetime | None = None,
    ) -> UUID:
        id = new_id(self.now)
        starts_on = starts_on or (self.now - timedelta(days=1)).date()
        async with self.database.transaction() as connection:
            await connection.execute(
                insert(enrollments).values(
                    id=id,
                    organization_id=person.organization_id,
                    patient_id=person.id,
                    programme="heart_failure",
                    flow="daily",
                    rule=rule,
                    wall_time=at,
                    high_risk=False,
                    starts_on=starts_on,
                    stops_on=starts_on + timedelta(days=days),
                    status="active",
                    created_at=created_at or self.now - timedelta(days=1),
                )
            )
        return id

    async def text(self, person: Person, body: str = "Hello", purpose: Purpose = Purpose.CHECK_IN, **values: Any) -> UUID:
        """A text that is due now."""
        id = new_id(self.now)
        row = {
            "id": id,
            "organization_id": person.organization_id,
            "patient_id": person.id,
            "phone_id": person.phone_id,
            "direction": "out",
            "channel": "sms",
            "purpose": purpose,
            "lane": Lane.EMERGENCY if purpose is Purpose.SAFETY else Lane.ROUTINE,
            "status": Status.DUE,
            "body": body,
            "created_at": self.now,
            "due_at": self.now,
            "status_at": self.now,
        }
        async with self.database.transaction() as connection:
            await connection.execute(insert(communications).values(**{**row, **values}))
        return id

    async def page(self, person: Person, escalation_id: UUID, step: int = 0) -> UUID:
        """A page to the on-call number that is due now."""
        id = new_id(self.now)
        async with self.database.transaction() as connection:
            await connection.execute(
                insert(pages).values(
                    id=id,
                    organization_id=person.organization_id,
                    escalation_id=escalation_id,
                    team_id=person.team_id,
                    phone="+12025550191",
                    body="Rounds: EMERGENCY item",
                    step=step,
                    status=Status.DUE,
                    created_at=self.now,
                    due_at=self.now,
                    status_at=self.now,
                )
            )
        return id

    async def lose_leases(self, table: Table) -> None:
        """As if every holder of a lease had been gone for long (leases run by the database's clock)."""
        past = datetime(2020, 1, 1, tzinfo=UTC)
        async with self.database.transaction() as connection:
            await connection.execute(update(table).where(table.c.lease_until.is_not(None)).values(lease_until=past))
