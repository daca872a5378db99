"""The closed loop of drills: a team with a rota, and staff who press the key when called, or answer the text when no call comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update

from service.actions.add_staff import add_staff
from service.actions.passwords import hash_password
from service.db.changes import Changes
from service.db.database import Database
from service.db.drills import Drill, get, plan
from service.db.escalation import escalations
from service.db.organization import teams
from service.db.rota import rota_shifts
from service.db.schema import new_id
from service.db.staff import staff
from service.domain.staff import Role
from tests.faults.ledger import ITEMS_OF_PEOPLE
from tests.stand_in_twilio import StandIn
from tests.stand_in_twilio.calls import PlacedCall
from tests.story.clinic import PASSWORD, SetUp
from tests.story.rows import rows
from tests.story.served import KEYRING

NORAS, SOLS = "+12025550161", "+12025550162"
READS_AFTER_SECONDS = 4.0
"""A call comes sooner than anybody reads a text."""
PINS = {NORAS: "246810", SOLS: "135790"}


async def staffed(database: Database, clinic: SetUp) -> UUID:
    """Nora is on call day and night, Sol leads the team; both have a telephone and a PIN. The team's id."""
    now = datetime.now(UTC)
    await add_staff(
        database, clinic.organization_id, email="sol@riverside.example", name="Sol Sanders", role=Role.SUPERVISOR,
        team_names=["Team A"], password=PASSWORD, now=now,
    )  # fmt: skip
    async with database.transaction() as connection:
        team_id = UUID(str(await connection.scalar(select(teams.c.id).where(teams.c.name == "Team A"))))
        people = {row.name: row.id for row in (await connection.execute(select(staff))).all()}
        for name, phone in (("Nora Novak", NORAS), ("Sol Sanders", SOLS)):
            index = KEYRING.blind_index(clinic.organization_id, phone)
            values = {"phone": phone, "phone_index": index, "pin_hash": hash_password(PINS[phone])}
            await connection.execute(update(staff).where(staff.c.id == people[name]).values(**values))
        for day in range(7):
            shift = {"role": "on_call", "staff_id": people["Nora Novak"], "weekday": day, "starts": time(0), "ends": time(0)}
            whose = {"id": new_id(now), "organization_id": clinic.organization_id, "team_id": team_id, "created_at": now}
            await connection.execute(insert(rota_shifts).values(**whose, **shift, valid_from=(now - timedelta(days=9)).date()))
    return team_id


async def begin(database: Database, clinic: SetUp, team_id: UUID) -> UUID:
    """A drill that is due now; its id."""
    changes = Changes(datetime.now(UTC))
    id = plan(changes, clinic.organization_id, team_id, changes.now, unannounced=True)
    async with database.transaction() as connection:
        await changes.write(connection)
    return id


async def drill_of(database: Database, id: UUID) -> Drill:
    """The drill as it stands."""
    async with database.reading() as connection:
        drill = await get(connection, id)
    assert drill is not None
    return drill


class OnCall:
    """People who pick up every call that rings, give their PIN and press 1; and who answer a text by ACK when no call has come of it.

    `answered`: the ids of calls that they have acknowledged.
    """

    def __init__(self, twilio: StandIn, database: Database) -> None:
        self._twilio = twilio
        self._database = database
        self._taken = 0
        self._read = 0
        self._talking: set[asyncio.Task[None]] = set()
        self.answered: list[str] = []
        self.broken = 0

    @asynccontextmanager
    async def awake(self) -> AsyncIterator[OnCall]:
        """While the block runs they listen for their telephones."""
        task = asyncio.create_task(self._listen())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, *self._talking, return_exceptions=True)

    async def _listen(self) -> None:
        while True:
            placed = self._twilio.calls.placed
            for call in placed[self._taken :]:
                if call.form["To"] in PINS:
                    self._begin(self._answer(call))
            self._taken = len(placed)
            texts = self._twilio.store.accepted
            for text in texts[self._read :]:
                if text.to in PINS:
                    self._begin(self._write_back(text.to))
            self._read = len(texts)
            await asyncio.sleep(0.05)

    def _begin(self, doing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(doing)
        self._talking.add(task)
        task.add_done_callback(self._talking.discard)

    async def _write_back(self, number: str) -> None:
        await asyncio.sleep(READS_AFTER_SECONDS)
        waiting = (
            escalations.c.kind == "clinical",
            escalations.c.state == "open",
            escalations.c.acknowledged_at.is_(None),
            ITEMS_OF_PEOPLE,
        )
        if await rows(self._database, escalations, *waiting):
            await self._twilio.inbound(number, "ACK")

    async def _answer(self, call: PlacedCall) -> None:
        """Where the service cannot be reached in mid-call, the line ends: the ladder has to go on by itself."""
        try:
            heard = await call.pick_up()
            if heard.over:
                return
            heard = await call.press(f"{PINS[call.form['To']]}#")
            if not heard.over and "is waiting" in heard:
                await call.press("1")
                self.answered.append(call.sid)
        except AssertionError:
            self.broken += 1
            await call.hang_up()
