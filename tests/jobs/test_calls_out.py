"""Calls to patients on their way out: a safety call waits for nobody's slow hand-over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert

from service.actions.place_calls import place_calls
from service.db.calls import calls, plan
from service.db.changes import Changes
from service.db.organization import organizations
from service.db.patient import consents
from service.db.schema import new_id
from service.domain.call import CallStatus
from service.domain.communication import Purpose
from service.jobs.emergency import emergency_lane
from service.telephony.port import OutgoingCall, RemoteCall
from tests.jobs.test_heartbeat import NEVER_QUIET, until
from tests.jobs.world import World
from tests.patience import PATIENCE_SECONDS
from tests.seed import Person


class SlowTelephone:
    """Keeps the hand-over of calls to one number until it is freed."""

    name, account, list_is_sure = "twilio", "AC1", True

    def __init__(self, slow: str) -> None:
        self.slow, self.freed, self.called = slow, asyncio.Event(), asyncio.Event()

    async def place_call(self, call: OutgoingCall) -> RemoteCall:
        if call.to == self.slow:
            self.called.set()
            await self.freed.wait()
        return RemoteCall(f"CA{call.call_id.hex}", call.to, CallStatus.PLACED, "queued")


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    world = await World.open(database_url)
    await world.set(organizations, world.clinic.organization_id, **NEVER_QUIET)
    yield world
    await world.database.close()


async def call(world: World, person: Person, purpose: Purpose = Purpose.SAFETY) -> UUID:
    changes = Changes(world.now)
    whose: dict[str, Any] = {"organization_id": person.organization_id, "patient_id": person.id, "phone_id": person.phone_id}
    more: dict[str, Any] = {"flow_session_id": None, "programme": "", "number": 1, "useful_until": None}
    id = plan(changes, purpose=purpose, due_at=world.now, **whose, **more)
    agreed = {"channel": "voice", "programme": "", "detail": True, "per_day": 3, "source": "paper form", "wording_version": "1"}
    async with world.database.transaction() as connection:
        await connection.execute(insert(consents).values(id=new_id(world.now), given_at=world.now, **whose, **agreed))
        await changes.write(connection)
    return id


@pytest.mark.law(1)
async def test_a_safety_call_does_not_wait_for_another_ones_slow_hand_over(world: World) -> None:
    telephone: Any = SlowTelephone(world.clinic.ana.number)
    around, stopping = replace(world.around, telephones={"twilio": telephone}), asyncio.Event()
    slow = await call(world, world.clinic.ana)
    task = asyncio.create_task(emergency_lane(around, lambda name: None, stopping))
    await asyncio.wait_for(telephone.called.wait(), PATIENCE_SECONDS)
    quick = await call(world, world.clinic.ben)

    async def placed() -> bool:
        [row] = await world.rows(calls, calls.c.id == quick)
        return bool(row.status == "placed")

    await until(placed)
    assert [row.status for row in await world.rows(calls, calls.c.id == slow)] == ["claimed"]
    stopping.set()
    world.database.wakeups.wake(["stop"])
    telephone.freed.set()
    await task
    assert {row.status for row in await world.rows(calls)} == {"placed"}


@pytest.mark.law(1)
async def test_calls_for_check_ins_have_places_of_their_own(world: World) -> None:
    telephone: Any = SlowTelephone("")
    await call(world, world.clinic.ana, Purpose.REMINDER)
    safety = await call(world, world.clinic.ben)
    where = (world.database, {"twilio": telephone}, world.clock, "node-1", world.knowledge.law)
    assert await place_calls(*where, limit=1, purposes={Purpose.SAFETY}) == 1
    assert [row.id for row in await world.rows(calls, calls.c.status == "placed")] == [safety]
