"""The whole line of a text in one process: a signed webhook in, the outbox out, with everything between as it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import insert, select, update
from twilio.request_validator import RequestValidator

from service import webhooks
from service.actions.do_due_work import do_due_work
from service.actions.keep_unreadable import keep_unreadable
from service.actions.knowledge import Knowledge
from service.actions.plan_check_ins import plan_check_ins
from service.actions.receive_delivery_statuses import receive_delivery_statuses
from service.actions.receive_reply import receive_replies
from service.actions.send_communications import send_communications
from service.db.check_in import check_ins
from service.db.database import Database
from service.db.patient import consents, patient_phones
from service.db.schema import new_id
from service.domain.communication import Lane
from service.jobs.work import handlers
from service.telephony.port import OutgoingText
from service.telephony.twilio import TwilioReceiver
from tests.actions.house import content
from tests.jobs.world import StoppedClock, World
from tests.seed import NEW_YORK, SENDER, Clinic, Person, seed_phone

_NEW_YORK = ZoneInfo(NEW_YORK)
PUBLIC = "https://rounds.example"
TOKEN = "twelve green tokens"
ACCOUNT = "AC" + "1" * 32
_ids = count(1)


class Line(World):
    """A world whose replies are read too, and whose texts come in by the provider's webhook. Every number is confirmed."""

    def __init__(self, database: Database, clinic: Clinic, clock: StoppedClock) -> None:
        super().__init__(database, clinic, clock)
        made = content()
        address = self.knowledge.public_base_url
        self.knowledge = Knowledge(made.lexicon, made.tables, made.wording, address, made.follow_through, made.opening, made.law)
        self.around = replace(self.around, knowledge=self.knowledge)
        receiver = TwilioReceiver(account_sid=ACCOUNT, auth_tokens=[TOKEN])
        app = web.Application()
        webhooks.setup(app, {receiver.name: receiver}, PUBLIC, self._heard, self._told, partial(keep_unreadable, self.database, self.clock))
        self.client = TestClient(TestServer(app))

    @classmethod
    @asynccontextmanager
    async def serving(cls, database_url: str) -> AsyncIterator[Line]:
        """Open while its webhooks are served."""
        line = cls(*_parts(await World.open(database_url)))
        async with line.database.transaction() as connection:
            await connection.execute(update(patient_phones).values(confirmed_at=line.now))
        async with line.client:
            yield line
        await line.database.close()

    async def _heard(self, messages: Any) -> Any:
        return await receive_replies(self.database, self.knowledge, self.clock, messages)

    async def _told(self, updates: Any) -> Any:
        return await receive_delivery_statuses(self.database, self.knowledge, updates, self.now)

    async def says(self, sender: str, body: str, *, opt_out_type: str = "") -> None:
        """A text arrives: Twilio's signed form, answered with 200."""
        form = {"MessageSid": f"SM{next(_ids):032x}", "AccountSid": ACCOUNT, "From": sender, "To": SENDER, "Body": body, "NumMedia": "0"}
        if opt_out_type:
            form["OptOutType"] = opt_out_type
        await self._post("/webhooks/twilio/sms", form)

    async def provider_says(self, provider_id: str, status: str, error_code: str = "") -> None:
        """A status callback on a text of ours."""
        form = {"MessageSid": provider_id, "AccountSid": ACCOUNT, "From": SENDER, "To": "+12025550101", "MessageStatus": status}
        await self._post("/webhooks/twilio/status", form | ({"ErrorCode": error_code} if error_code else {}))

    async def _post(self, path: str, form: dict[str, str]) -> None:
        signature = RequestValidator(TOKEN).compute_signature(PUBLIC + path, form)
        answer = await self.client.post(path, data=form, headers={"X-Twilio-Signature": signature})
        assert answer.status in (200, 204), await answer.text()

    async def send(self) -> list[OutgoingText]:
        """Hands over all that is due; what has been handed over since the last time."""
        before = len(self.provider.calls)
        for lane in (Lane.EMERGENCY, Lane.ROUTINE):
            for _ in range(50):
                sent = await send_communications(self.database, self.providers, lane, self.clock, "node-1", self.knowledge.law)
                if not sent.claimed and not sent.refused:
                    break
        return self.provider.calls[before:]

    async def work(self) -> int:
        """Does the routine work that is due."""
        return await do_due_work(self.database, handlers(self.around), Lane.ROUTINE, self.clock, "node-1")

    async def planned(self, *people: Person) -> list[Any]:
        """Check-ins of these people that are due now."""
        await self.publish_flow()
        for person in people:
            await self.enroll(person, at=self.now.astimezone(_NEW_YORK).time())
        await plan_check_ins(self.database, self.knowledge, self.now)
        return [row for row in await self.rows(check_ins) if row.due_at <= self.now + timedelta(minutes=1)]

    async def start(self, person: Person) -> None:
        """A heart failure check-in of this patient that waits for its first answer; what it asks has been handed over."""
        await self.planned(person)
        await self.work()
        await self.send()

    async def second_phone(self, person: Person, number: str) -> Any:
        """Another number of this patient, with consent to texts; its id."""
        async with self.database.transaction() as connection:
            phone_id = await seed_phone(connection, person.organization_id, self.now, number)
            whose = {"organization_id": person.organization_id, "patient_id": person.id, "phone_id": phone_id}
            await connection.execute(insert(patient_phones).values(id=new_id(self.now), **whose, position=1, confirmed_at=self.now))
            given = (await connection.execute(select(consents).where(consents.c.patient_id == person.id).limit(1))).mappings().one()
            await connection.execute(insert(consents).values(**{**given, "id": new_id(self.now), **whose}))
        return phone_id


def _parts(world: World) -> tuple[Database, Clinic, StoppedClock]:
    return world.database, world.clinic, world.clock
