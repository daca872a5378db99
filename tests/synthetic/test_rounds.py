"""Single rounds of the walk, on both databases: one walk a quarter of an hour, its alarms, its end, and what it never touches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from service.actions.note_arrivals import receive_texts
from service.actions.raise_alarms import raise_alarms
from service.actions.send_communications import send_communications
from service.actions.set_up_synthetic import SyntheticPhone
from service.actions.walk_synthetic import ANSWER, walk_synthetic
from service.db import clinic, rota
from service.db.communication import communications
from service.db.escalation import escalations
from service.db.patient import patient_phones, patients
from service.db.schema import new_id
from service.db.synthetic import synthetic_walks
from service.domain.communication import Lane
from service.domain.synthetic import FIRST_AFTER, PAGES_NUMBER, PATIENT_NUMBER, STOPPED, WITHIN, Station, next_station, overdue
from service.domain.urgency import Urgency
from service.telephony.port import InboundMessage, TransientFailure
from tests.jobs.world import MONDAY, World
from tests.seed import SENDER, seed_item


class Phone:
    """The synthetic telephone, which only remembers what it was told to say."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str, str]] = []
        self.fails = False

    async def says(self, provider: str, to: str, words: str) -> str:
        if self.fails:
            raise TransientFailure("loop_not_taken", "away")
        self.said.append((provider, to, words))
        return f"LOOP{len(self.said)}"

    @property
    def synthetic(self) -> SyntheticPhone:
        return SyntheticPhone(PATIENT_NUMBER, PAGES_NUMBER, self.says)


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    world = await World.open(database_url)
    yield world
    await world.database.close()


async def look(world: World, phone: Phone) -> str:
    return await walk_synthetic(world.database, phone.synthetic, world.clock)


async def set_out(world: World, phone: Phone) -> None:
    assert await look(world, phone) == ""
    world.clock.forward(minutes=FIRST_AFTER.total_seconds() / 60)
    assert await look(world, phone) == "began"


async def arrives(world: World, body: str = "checking", to: str = PATIENT_NUMBER) -> None:
    message = InboundMessage("twilio", "AC1", f"SM{new_id(world.now).hex}", SENDER, to, body)
    await receive_texts(world.database, world.knowledge, world.clock, {PATIENT_NUMBER, PAGES_NUMBER}, [message])


async def walks(world: World) -> list[Any]:
    return sorted(await world.rows(synthetic_walks), key=lambda row: row.slot)


async def alarms(world: World) -> set[str]:
    return {name for name in await raise_alarms(world.database, {}, world.now) if name.startswith("synthetic")}


async def test_a_new_patient_rests_then_walks_once_a_quarter_of_an_hour_however_many_nodes_look(world: World) -> None:
    phone = Phone()
    await set_out(world, phone)
    found = await asyncio.gather(*(look(world, phone) for _ in range(4)))
    assert "began" not in found
    assert len(await walks(world)) == 1
    assert len(await world.rows(patients, patients.c.synthetic)) == 1
    assert world.now - MONDAY == FIRST_AFTER


async def test_the_answer_is_given_once_when_the_first_text_has_come_in(world: World) -> None:
    phone = Phone()
    await set_out(world, phone)
    await look(world, phone)
    assert phone.said == []
    await arrives(world)
    for _ in range(3):
        await look(world, phone)
    assert phone.said == [("twilio", SENDER, ANSWER)]
    assert await world.rows(communications, communications.c.direction == "in") == [], "our own text is stored as nobody's words"


@pytest.mark.law(2)
async def test_an_answer_that_does_not_come_in_is_an_emergency_alarm_until_a_walk_goes_through(world: World) -> None:
    phone = Phone()
    phone.fails = True
    await set_out(world, phone)
    await send_communications(world.database, world.providers, Lane.ROUTINE, world.clock, "node-1", world.knowledge.law)
    assert [text.to for text in world.provider.calls] == [PATIENT_NUMBER]
    await arrives(world)
    await look(world, phone)
    for _ in range(4):
        world.clock.forward(minutes=1)
        last = await look(world, phone)
        if last.startswith("broken"):
            break
    assert last == "broken:received"
    [row] = await walks(world)
    assert (row.broken_at, row.ended_at) == ("received", world.now)
    world.clock.forward(seconds=1)
    assert await alarms(world) == {"synthetic_patient_broken"}


async def test_when_nobody_sets_out_any_more_that_is_an_alarm(world: World) -> None:
    phone = Phone()
    await set_out(world, phone)
    world.clock.forward(minutes=19)
    assert await alarms(world) == set()
    world.clock.forward(minutes=2)
    assert await alarms(world) == {"synthetic_patient_late"}


async def test_without_such_a_patient_there_is_no_alarm_about_one(world: World) -> None:
    world.clock.forward(days=1)
    assert await alarms(world) == set()


async def test_a_walk_during_which_the_service_was_away_says_nothing(world: World) -> None:
    phone = Phone()
    await set_out(world, phone)
    world.clock.forward(hours=1)
    assert await look(world, phone) == f"broken:{STOPPED}"
    assert await look(world, phone) == "began", "and the next sets out at once"
    assert await alarms(world) == set()


@pytest.mark.law(8)
async def test_the_end_of_a_walk_closes_nobody_elses_item(world: World) -> None:
    phone = Phone()
    item = await seed_item(world.database, world.clinic.chi, world.now, urgency=Urgency.EMERGENCY)
    await set_out(world, phone)
    world.clock.forward(hours=1)
    await look(world, phone)
    [row] = await world.rows(escalations, escalations.c.id == item)
    assert row.state == "open"


async def test_nobody_is_in_its_team_and_no_list_of_teams_shows_it(world: World) -> None:
    await look(world, Phone())
    async with world.database.reading() as connection:
        names = await clinic.team_ids_by_name(connection, world.clinic.organization_id)
        ids = await rota.team_ids(connection, world.clinic.organization_id)
    assert set(names.values()) == set(ids) == {world.clinic.team_a, world.clinic.team_b}


async def test_a_number_that_is_a_patients_is_never_written_to(world: World) -> None:
    phone = Phone()
    hers = SyntheticPhone(world.clinic.ana.number, PAGES_NUMBER, phone.says)
    for _ in range(3):
        assert await walk_synthetic(world.database, hers, world.clock) == ""
        world.clock.forward(minutes=15)
    assert await walks(world) == []


async def test_another_number_in_the_settings_becomes_the_patients_number(world: World) -> None:
    phone = Phone()
    await look(world, phone)
    other = SyntheticPhone("+12025550120", "+12025550120", phone.says)
    world.clock.forward(minutes=15)
    assert await walk_synthetic(world.database, other, world.clock) == "began"
    linked = await world.rows(
        patient_phones, patient_phones.c.patient_id.in_([row.id for row in await world.rows(patients, patients.c.synthetic)])
    )
    assert [row.ended_at is None for row in linked] == [False, True]


def test_the_first_station_that_is_late_is_named() -> None:
    reached = dict.fromkeys((Station.ASKED, Station.ARRIVED), MONDAY)
    assert next_station(reached) is Station.REPLIED
    assert overdue(reached, MONDAY, MONDAY + WITHIN[Station.REPLIED]) is None
    assert overdue(reached, MONDAY, MONDAY + WITHIN[Station.REPLIED] + timedelta(seconds=1)) is Station.REPLIED
    assert overdue(dict.fromkeys(Station, MONDAY), MONDAY, MONDAY + timedelta(days=1)) is None


def test_a_walk_fits_into_its_quarter_of_an_hour_also_when_every_station_takes_its_time() -> None:
    assert sum((WITHIN[station] for station in Station), timedelta()) < timedelta(minutes=20)
    assert set(WITHIN) == set(Station)
