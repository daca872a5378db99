"""A clinic, a clock moved by hand and the action under test: what most tests of replies need."""

from __future__ import annotations

import functools
from datetime import UTC, datetime, time, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy import Table, insert, select

from service.actions.apply_events import begin
from service.actions.climb_ladder import climb_ladder
from service.actions.do_due_work import do_due_work
from service.actions.knowledge import Knowledge
from service.actions.receive_reply import Receipt, receive_replies
from service.actions.time_out_sessions import time_out_sessions
from service.content import Content, load_content
from service.db import flows
from service.db.changes import Changes
from service.db.check_in import check_ins, enrollments
from service.db.communication import communications
from service.db.contexts import load_contexts
from service.db.database import Database
from service.db.escalation import pages
from service.db.schema import new_id
from service.domain.communication import Lane
from service.engine import Flow
from service.telephony.port import InboundMessage
from tests.seed import SENDER, Clinic, Person

MONDAY = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)  # 10:00 in New York: staffed
NIGHT = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)  # 23:00 in New York: nobody is there
_ids = count(1)


class StoppedClock:
    """A clock that is moved by hand."""

    def __init__(self, now: datetime) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time


class House:
    """A clinic and everything a reply needs."""

    def __init__(self, database: Database, clinic: Clinic, knowledge: Knowledge, clock: StoppedClock) -> None:
        self.database, self.clinic, self.knowledge, self.clock = database, clinic, knowledge, clock

    async def text(self, sender: str, body: str, *, provider_id: str = "", opt_out_type: str = "", to: str = SENDER) -> Receipt | Exception:
        """One inbound text through the action; what became of it."""
        receipt: Receipt | Exception
        [receipt] = await self.texts((sender, body), provider_id=provider_id, opt_out_type=opt_out_type, to=to)
        return receipt

    async def texts(self, *pairs: tuple[str, str], provider_id: str = "", opt_out_type: str = "", to: str = SENDER) -> list[Any]:
        """Several inbound texts as one batch."""
        messages = [
            InboundMessage("twilio", "AC1", provider_id or f"SM{next(_ids):032x}", sender, to, body, 0, opt_out_type, {"Body": body})
            for sender, body in pairs
        ]
        return await receive_replies(self.database, self.knowledge, self.clock, messages)

    async def rows(self, table: Table, *where: Any) -> list[Any]:
        """Rows in the order they were made."""
        async with self.database.reading() as connection:
            return list((await connection.execute(select(table).where(*where).order_by(table.c.id))).all())

    async def paged(self) -> list[Any]:
        """The pages by text so far, once the emergency lane has looked: what is due for the ladders is done."""
        climb: Any = lambda connection, works, now: climb_ladder(connection, self.knowledge, works, now)  # noqa: E731
        await do_due_work(self.database, {"page_ladder": climb}, Lane.EMERGENCY, self.clock, "node-1")
        return await self.rows(pages, pages.c.channel == "text")

    async def sent(self, purpose: str) -> list[Any]:
        """Outbound texts of this purpose."""
        return await self.rows(communications, communications.c.direction == "out", communications.c.purpose == purpose)

    async def enroll(self, person: Person, flow: Flow, *, rule: str = "daily") -> UUID:
        """A place in the flow's programme since a week; returns its id."""
        programme, _, name = flow.key.partition("/")
        whose = {"organization_id": person.organization_id, "patient_id": person.id}
        today = self.clock.now().date()
        dates = {"starts_on": today - timedelta(days=6), "stops_on": today + timedelta(days=60), "created_at": self.clock.now()}
        row = {"id": new_id(self.clock.now()), **whose, "programme": programme, "flow": name, "rule": rule, "wall_time": time(10)}
        async with self.database.transaction() as connection:
            await connection.execute(insert(enrollments).values(**row, high_risk=False, status="active", **dates))
        return UUID(str(row["id"]))

    async def publish(self, flow: Flow, *, approved: bool = False) -> UUID:
        """This version under the flow's own key; its id."""
        programme, _, name = flow.key.partition("/")
        async with self.database.transaction() as connection:
            id = await flows.publish(
                connection,
                self.clinic.organization_id,
                programme=programme,
                flow=name,
                content_hash=flow.version,
                content=flow.to_json(),
                now=self.clock.now(),
            )
            if approved:
                await flows.approve(connection, self.clinic.organization_id, id, "Dr. Sample", self.clock.now())
        return id

    async def check_in(self, person: Person, flow: Flow, enrollment_id: UUID) -> UUID:
        """A check-in of this enrollment that is due now and has asked its first question; returns its id."""
        now = self.clock.now()
        id, useful = new_id(now), now + timedelta(hours=4)
        version = await self.publish(flow)
        async with self.database.transaction() as connection:
            whose = {"organization_id": person.organization_id, "patient_id": person.id, "enrollment_id": enrollment_id}
            due = {"local_date": now.date(), "slot": 0, "due_at": now, "useful_until": useful, "status": "started", "started_at": now}
            await connection.execute(insert(check_ins).values(id=id, **whose, **due))
            context = (await load_contexts(connection, [person.id], now))[person.id]
            enrollment = next(one for one in context.enrollments if one.id == enrollment_id)
            changes = Changes(now)
            begin(
                changes,
                self.knowledge,
                context,
                flow=flow,
                flow_version_id=version,
                enrollment=enrollment,
                check_in_id=id,
                useful_until=useful,
            )
            await changes.write(connection)
        return id

    async def silence(self, **by: float) -> int:
        """So much time passes, then what is waited for in vain is looked at; how many conversations were."""
        self.clock.time += timedelta(**by)
        return await time_out_sessions(self.database, self.knowledge, self.clock.now())

    async def start_flow(self, person: Person, flow: Flow | None = None) -> None:
        """A heart failure check-in (or this one) that waits for its first answer."""
        flow = flow or content().flows["heart_failure/daily"]
        version = await self.publish(flow)
        async with self.database.transaction() as connection:
            changes = Changes(self.clock.now())
            context = (await load_contexts(connection, [person.id], self.clock.now()))[person.id]
            begin(
                changes, self.knowledge, context, flow=flow, flow_version_id=version, enrollment=None, check_in_id=None, useful_until=None
            )
            await changes.write(connection)


@functools.cache
def content() -> Content:
    """Read once: nothing in it changes."""
    return load_content()
