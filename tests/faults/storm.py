"""An outage in fake time: every job of the service by its own schedule, and a carrier that fails as it is told."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text, update
from sqlalchemy.engine import make_url

from service.actions.send_communications import send_communications
from service.db.communication import communications
from service.db.database import Database
from service.db.escalation import concerns, escalations
from service.db.senders import senders
from service.domain.communication import Lane, Purpose
from service.jobs.work import registry
from service.telephony.port import Accepted, OutgoingText, RemoteText, TransientFailure, UnknownOutcome
from tests.jobs.world import MONDAY, Recorder, StoppedClock, World
from tests.seed import KEYRING, Person, seed_clinic, seed_patient
from tests.story.clinic import invented

USEFUL_FOR = timedelta(hours=4)
RATE = 5.0
"""Segments a second of the clinic's sender."""
KINDS = ("429", "500", "timeout", "garbage")
"""Refused; nothing accepted and no list either; accepted every second time and never answered; accepted and not understood."""


class Carrier(Recorder):
    """Accepts everything, or fails as `failing` says. Keeps every text that it really sends."""

    def __init__(self, clock: StoppedClock) -> None:
        super().__init__(clock)
        self.failing = ""
        self.asked = 0

    async def send_text(self, text: OutgoingText) -> Accepted:
        self.asked += 1
        match self.failing:
            case "429":
                raise TransientFailure("20429", "too many requests, not processed", 7.0)
            case "500":
                raise UnknownOutcome("20500", "the provider had an internal error")
            case "timeout":
                if self.asked % 2:
                    self.keep(text)
                raise UnknownOutcome("timeout", "no answer in time")
            case "garbage":
                self.keep(text)
                raise UnknownOutcome("not_understood", "the answer was not understood")
        self.calls.append(text)
        return self.keep(text)

    async def list_texts(self, *, to: str | None, since: datetime, limit: int = 200) -> Sequence[RemoteText]:
        if self.failing in ("429", "500"):
            raise UnknownOutcome("20500", "the provider had an internal error")
        return await super().list_texts(to=to, since=since, limit=limit)


@dataclass
class Storm:
    """A clinic with many patients, its carrier, and the time that both live in."""

    world: World
    carrier: Carrier
    people: list[Person]
    tick: timedelta
    """Time stands between two ticks; may be changed on the way."""
    began: datetime

    @classmethod
    async def open(cls, database_url: str, patients: int, tick: timedelta) -> Storm:
        """The clinic at ten o'clock on a Monday; on PostgreSQL the database's clock is the test's too."""
        await _own_clock(database_url)
        database = Database.open(database_url, KEYRING)
        await _set_clock(database, MONDAY)
        clinic = await seed_clinic(database, MONDAY - timedelta(days=30))
        people = []
        async with database.transaction() as connection:
            for name, number in list(invented(patients + 70).items())[70:]:  # the first are the cast's
                people.append(await seed_patient(connection, clinic.organization_id, clinic.team_a, MONDAY, name, number))
            await connection.execute(update(senders).values(segments_per_second=RATE))
        world = World(database, clinic, StoppedClock(MONDAY))
        carrier = Carrier(world.clock)
        world.provider = carrier
        world.providers["twilio"] = carrier  # the surroundings hold this very dict
        return cls(world, carrier, people, tick, MONDAY)

    async def close(self) -> None:
        await self.world.database.close()

    async def live(self, lasting: timedelta, *, each: Callable[[], Any] | None = None) -> None:
        """Time passes, tick by tick: both lanes send, and every job runs when its turn comes."""
        until = self.world.now + lasting
        jobs = registry(self.world.around)
        last: dict[str, datetime] = defaultdict(lambda: self.began - timedelta(days=1))
        while self.world.now < until:
            if each is not None:
                await each()
            for lane in Lane:
                await send_communications(
                    self.world.database, self.world.providers, lane, self.world.clock, "node-1", self.world.knowledge.law, limit=50
                )
            for name, job in jobs.items():
                if name not in _LEFT_OUT and (self.world.now - last[name]).total_seconds() >= max(job.every_seconds, 5):
                    last[name] = self.world.now
                    await job.run()
            self.world.clock.time += self.tick
            await _set_clock(self.world.database, self.world.now)

    async def write(self, person: Person, body: str, purpose: Purpose = Purpose.REMINDER, **more: Any) -> UUID:
        """A text that is due now and of use for four hours."""
        return await self.world.text(person, body, purpose, **{"useful_until": self.world.now + USEFUL_FOR, **more})

    async def operational(self) -> list[str]:
        """The rules of all operational items that were ever opened, one for each item."""
        async with self.world.database.reading() as connection:
            found = await connection.execute(
                concerns.join(escalations, escalations.c.id == concerns.c.escalation_id).select().where(escalations.c.kind == "operational")
            )
            return sorted(row.rule for row in found.all())

    async def opened_after(self, rule: str) -> timedelta | None:
        """How long after the storm's beginning the first item of this rule was opened."""
        [first, *_] = [row for row in await self.world.rows(concerns) if row.rule == rule] or [None]
        return None if first is None else first.raised_at - self.began

    async def lost_and_doubled(self) -> tuple[list[str], list[str]]:
        """The words that no phone has got, and those that one has got twice."""
        sent = Counter((text.to, text.body) for text in self.carrier.kept)
        meant = {row.body for row in await self.world.rows(communications, communications.c.direction == "out")}
        lost = sorted(meant - {body for _, body in sent})
        return lost, sorted(body for (_, body), times in sent.items() if times > 1)


_LEFT_OUT = frozenset({"plan_check_ins", "recover_replies", "walk_synthetic"})
"""Jobs that have nothing to do here; the first would wait for the demo's flows."""


_OWN_CLOCK = (
    "CREATE SCHEMA fake",
    "CREATE TABLE fake.clock (at timestamptz NOT NULL)",
    "CREATE FUNCTION fake.now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT at FROM fake.clock'",
    "INSERT INTO fake.clock VALUES (clock_timestamp())",
)


async def _own_clock(database_url: str) -> None:
    """On PostgreSQL, for all who connect from here on, `now()` in this database is what `_set_clock` has said."""
    database = Database.open(database_url, KEYRING)
    if database.is_postgresql:
        path = f'ALTER DATABASE "{make_url(database_url).database}" SET search_path = fake, "$user", public, pg_catalog'
        async with database.transaction() as connection:
            for statement in (*_OWN_CLOCK, path):
                await connection.execute(text(statement))
    await database.close()


async def _set_clock(database: Database, now: datetime) -> None:
    if database.is_postgresql:
        async with database.transaction() as connection:
            await connection.execute(text("UPDATE fake.clock SET at = :now"), {"now": now})
