"""The house of tests of calls: a clinic, the real webhooks over HTTP, the real twilio library, and a callee to act by."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import insert

from service.actions.answer_called_number import CallIn, answer_called_number
from service.actions.answer_nurse_call import answer_nurse_call, receive_nurse_call_status
from service.actions.answer_page_call import answer_page_call
from service.actions.call_instead import call_first
from service.actions.keep_unreadable import keep_unreadable
from service.actions.knowledge import Knowledge
from service.actions.place_calls import place_calls
from service.actions.receive_call_input import receive_call_input, receive_machine
from service.actions.receive_call_status import receive_call_status
from service.actions.receive_page_call_status import receive_page_call_status
from service.actions.receive_reply import receive_replies
from service.actions.time_out_sessions import time_out_sessions
from service.db.calls import calls
from service.db.changes import Changes
from service.db.contexts import load_contexts
from service.db.database import Database
from service.db.patient import consents
from service.db.schema import new_id
from service.domain.call import CallInput, CallUpdate
from service.domain.prompt import Prompt
from service.engine import Flow
from service.telephony.exchange import TIMEOUT_SECONDS
from service.telephony.port import Webhooks
from service.telephony.twilio import TwilioReceiver, TwilioTelephone, TwilioVoice
from service.webhooks import Calls, Turn, setup, setup_calls, setup_staff_calls
from tests.actions.house import MONDAY, House, StoppedClock, content
from tests.seed import KEYRING, SENDER, Clinic, Person, seed_clinic
from tests.stand_in_twilio.calls import Heard, PlacedCall
from tests.stand_in_twilio.options import Options
from tests.stand_in_twilio.server import StandIn


class Telephones(House):
    """A clinic whose webhooks are served, and Twilio's stand-in."""

    def __init__(self, url: str, database: Database, clinic: Clinic, knowledge: Knowledge, clock: StoppedClock, twilio: StandIn) -> None:
        super().__init__(database, clinic, knowledge, clock)
        self.url, self.twilio = url, twilio
        self.runner: web.AppRunner | None = None
        self.base = ""
        self.telephone: TwilioTelephone | None = None

    async def ask_later(self) -> None:
        """From now on calls speak at once, and who has picked up is told by itself."""
        await self.use_telephone(asks_first=False)

    async def use_telephone(self, *, timeout_seconds: float = TIMEOUT_SECONDS, asks_first: bool = True) -> None:
        """From now on calls are placed like this."""
        if self.telephone is not None:
            await self.telephone.close()
        self.telephone = TwilioTelephone(
            account_sid=self.twilio.options.account_sid,
            auth_token=self.twilio.options.auth_token,
            sender=SENDER,
            public_base_url=self.base,
            api_base=self.twilio.url,
            timeout_seconds=timeout_seconds,
            asks_first=asks_first,
        )

    async def serve(self, port: int = 0) -> None:
        """Serves the webhooks; again on the same port after a restart."""
        account, token = self.twilio.options.account_sid, self.twilio.options.auth_token
        receiver = TwilioReceiver(account_sid=account, auth_tokens=[token])
        if not port:
            port = _free_port()
        self.base = f"http://127.0.0.1:{port}"
        app = web.Application()
        heard = partial(receive_replies, self.database, self.knowledge, self.clock)
        setup(app, {receiver.name: receiver}, self.base, heard, _no_statuses, partial(keep_unreadable, self.database, self.clock))
        voice = TwilioVoice(account_sid=account)
        setup_calls(app, Calls({voice.name: voice}, self.base, content().script, step=self.step, status=self.status, called=self.called))
        setup_staff_calls(app, Webhooks.PAGE, self.page_step, self.page_status)
        setup_staff_calls(app, Webhooks.NURSE, self.nurse_step, self.nurse_status)
        self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", port).start()
        await self.use_telephone()

    async def step(self, heard: CallInput) -> Turn:
        said = await receive_call_input(self.database, self.knowledge, content().script, self.clock, heard)
        return Turn(said.turn, said.prompt)

    async def called(self, call: CallIn) -> Prompt:
        return await answer_called_number(self.database, content().script, self.clock, call)

    async def status(self, update: CallUpdate) -> object:
        if update.status is None and update.answered_by is not None:
            assert self.telephone is not None
            by_name = {"twilio": self.telephone}
            return await receive_machine(self.database, self.knowledge, content().script, by_name, self.clock, update)
        return await receive_call_status(self.database, self.knowledge, update, self.clock.now())

    async def page_step(self, heard: CallInput) -> Turn:
        said = await answer_page_call(self.database, self.knowledge, content().script, self.clock, heard)
        return Turn(said.turn, said.prompt)

    async def page_status(self, update: CallUpdate) -> object:
        return await receive_page_call_status(self.database, self.knowledge, update, self.clock.now())

    async def nurse_step(self, heard: CallInput) -> Turn:
        said = await answer_nurse_call(self.database, content().script, self.clock, heard)
        return Turn(said.turn, said.prompt)

    async def nurse_status(self, update: CallUpdate) -> object:
        return await receive_nurse_call_status(self.database, update, self.clock.now())

    async def restart(self) -> None:
        """The process ends and another begins: nothing is left but the database."""
        assert self.runner is not None
        port = int(self.base.rpartition(":")[2])
        await self.close()
        self.database = Database.open(self.url, KEYRING)
        self.knowledge = known()
        await self.serve(port)

    async def close(self) -> None:
        if self.telephone is not None:
            await self.telephone.close()
        if self.runner is not None:
            await self.runner.cleanup()
        await self.database.close()

    async def agree_to_calls(self, person: Person) -> None:
        async with self.database.transaction() as connection:
            await connection.execute(
                insert(consents).values(
                    id=new_id(MONDAY), organization_id=person.organization_id, patient_id=person.id, phone_id=person.phone_id,
                    channel="voice", programme="", detail=True, per_day=3, source="paper form", wording_version="1",
                    given_at=MONDAY - timedelta(days=30),
                )
            )  # fmt: skip

    async def plan(self, person: Person, flow: Flow | None = None) -> None:
        """A check-in that begins with a call, due now."""
        await self.start_flow(person, flow)
        async with self.database.transaction() as connection:
            changes = Changes(self.clock.now())
            context = (await load_contexts(connection, [person.id], self.clock.now()))[person.id]
            assert context.session is not None
            call_first(changes, context, context.session)
            await changes.write(connection)

    async def place(self) -> int:
        """One round of the job that places calls."""
        assert self.telephone is not None
        return await place_calls(self.database, {"twilio": self.telephone}, self.clock, "node", content().law)

    async def ring(self, person: Person, flow: Flow | None = None) -> PlacedCall:
        """A check-in's call that rings at the patient's."""
        await self.plan(person, flow)
        assert await self.place() == 1
        return self.twilio.calls.newest

    async def identified(self, person: Person) -> tuple[PlacedCall, Heard]:
        """A call whose caller has given the birth year: the first question is open."""
        call = await self.ring(person)
        await call.pick_up()
        return call, await call.press("1950")

    async def ring_nobody(self, call: PlacedCall) -> Heard:
        """Another call of the account that claims to be this one."""
        return await PlacedCall(call.options, call.caller, call.form).pick_up()

    async def time_passes(self, **ahead: float) -> None:
        self.clock.time += timedelta(**ahead)
        await time_out_sessions(self.database, self.knowledge, self.clock.now())

    async def call_rows(self) -> list[Any]:
        return await self.rows(calls)


def known() -> Knowledge:
    """The shipped content, as app.py injects it."""
    return Knowledge(
        content().lexicon,
        content().tables,
        content().wording,
        "http://localhost:8080",
        content().follow_through,
        content().opening,
        content().law,
    )


async def _no_statuses(updates: Any) -> list[object]:
    return list(updates)


def _free_port() -> int:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
async def telephones(database_url: str) -> AsyncIterator[Telephones]:
    async with _telephones(database_url) as house:
        yield house


@pytest.fixture
async def telephones_on_sqlite(sqlite_url: str) -> AsyncIterator[Telephones]:
    async with _telephones(sqlite_url) as house:
        yield house


@asynccontextmanager
async def _telephones(database_url: str) -> AsyncIterator[Telephones]:
    database = Database.open(database_url, KEYRING)
    clinic = await seed_clinic(database, MONDAY - timedelta(days=30))
    knowledge = known()
    async with StandIn(Options(numbers=[SENDER])).running() as twilio:
        house = Telephones(database_url, database, clinic, knowledge, StoppedClock(MONDAY), twilio)
        await house.serve()
        try:
            yield house
        finally:
            await house.close()
