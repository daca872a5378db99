"""A landline is known before its first text: asked of the real adapter and its stand-in, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from service.actions.look_up_numbers import look_up_numbers
from service.actions.send_communications import send_communications
from service.db.communication import communications
from service.db.escalation import escalations
from service.db.patient import phones
from service.domain.communication import Lane, Purpose
from service.telephony.twilio import TwilioProvider
from tests.jobs.world import World
from tests.stand_in_twilio import Options, StandIn
from tests.unit.telephony.conftest import make_provider


class Desk:
    """A clinic, the stand-in and our provider."""

    def __init__(self, world: World, twilio: StandIn, provider: TwilioProvider) -> None:
        self.world, self.twilio, self.provider = world, twilio, provider

    async def lines(self) -> dict[str, str]:
        return {row.number: row.line for row in await self.world.rows(phones)}

    async def send(self, lane: Lane = Lane.ROUTINE) -> None:
        world = self.world
        await send_communications(world.database, world.providers, lane, world.clock, "node-1", world.knowledge.law)


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    world = await World.open(database_url)
    async with StandIn(Options(callbacks=[])).running() as twilio:
        provider = make_provider(twilio)
        yield Desk(world, twilio, provider)
        await provider.close()
    await world.database.close()


async def test_each_patients_number_is_asked_about_once(desk: Desk) -> None:
    ana, ben, chi, eva = (getattr(desk.world.clinic, name).number for name in ("ana", "ben", "chi", "eva"))
    desk.twilio.options.lines = {ben: "landline", chi: "nonFixedVoip", eva: "pager"}
    known = await look_up_numbers(desk.world.database, desk.provider)
    assert known > 3
    lines = await desk.lines()
    assert (lines[ana], lines[ben], lines[chi], lines[eva]) == ("mobile", "landline", "voip", "unknown")
    assert await look_up_numbers(desk.world.database, desk.provider) == 0


async def test_without_a_directory_nobody_is_asked(desk: Desk) -> None:
    assert await look_up_numbers(desk.world.database, None) == 0
    assert set((await desk.lines()).values()) == {""}


async def test_a_round_is_bounded_and_one_that_fails_comes_again(desk: Desk) -> None:
    assert await look_up_numbers(desk.world.database, desk.provider, limit=2) == 2
    token, desk.twilio.options.auth_token = desk.twilio.options.auth_token, "another"
    assert await look_up_numbers(desk.world.database, desk.provider, limit=2) == 0
    desk.twilio.options.auth_token = token
    assert await look_up_numbers(desk.world.database, desk.provider, limit=2) == 2


@pytest.mark.law(2)
async def test_a_routine_text_to_a_landline_is_not_handed_over_and_a_person_is_told(desk: Desk) -> None:
    ana = desk.world.clinic.ana
    await desk.world.set(phones, ana.phone_id, line="landline")
    id = await desk.world.text(ana, "How is your weight?", Purpose.CHECK_IN)
    await desk.send()
    assert desk.world.provider.calls == []
    [row] = await desk.world.rows(communications, communications.c.id == id)
    assert (row.status, row.error_code) == ("failed", "landline")
    assert len(await desk.world.rows(escalations)) == 1


async def test_a_safety_text_is_tried_all_the_same(desk: Desk) -> None:
    ana = desk.world.clinic.ana
    await desk.world.set(phones, ana.phone_id, line="landline")
    await desk.world.text(ana, "Call 911 now", Purpose.SAFETY)
    await desk.send(Lane.EMERGENCY)
    assert len(desk.world.provider.calls) == 1
