"""Drills by rows: begun when due and nothing real waits, failed visibly, never left open, planned at moments nobody can foretell."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update

from service.actions.climb_ladder import climb_ladder
from service.actions.do_due_work import do_due_work
from service.actions.walk_drills import ANSWER, PUT_OFF, WORDS, walk_drills
from service.db import drills
from service.db.changes import Changes
from service.db.communication import attempts, communications
from service.db.drills import Drill
from service.db.escalation import escalations, pages
from service.db.patient import patients
from service.db.schema import new_id
from service.domain.communication import Lane
from service.domain.drill import WITHIN, Station, next_moment, why_not_plan
from service.domain.schedule import to_local
from service.domain.synthetic import DRILL_NUMBER
from tests.actions.house import MONDAY, House
from tests.seed import NEW_YORK


class Phone:
    """The invented patient's telephone: what it says comes in as a text."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.said: list[str] = []

    async def says(self, _provider: str, to: str, words: str) -> str:
        self.said.append(words)
        await self._house.text(DRILL_NUMBER, words, to=to)
        return "LOOP1"


async def asked_for(house: House) -> Any:
    changes = Changes(house.clock.now())
    id = drills.plan(changes, house.clinic.organization_id, house.clinic.team_a, changes.now, unannounced=False)
    async with house.database.transaction() as connection:
        await changes.write(connection)
    return id


async def drill(house: House, id: Any) -> Drill:
    async with house.database.reading() as connection:
        found = await drills.get(connection, id)
    assert found is not None
    return found


async def climb(house: House) -> None:
    works: Any = lambda connection, due, now: climb_ladder(connection, house.knowledge, due, now)  # noqa: E731
    await do_due_work(house.database, {"page_ladder": works}, Lane.EMERGENCY, house.clock, "node")


async def test_a_drill_pages_with_the_word_drill_and_one_that_misses_a_station_is_an_item_and_leaves_none_open(house: House) -> None:
    phone, id = Phone(house), await asked_for(house)
    await walk_drills(house.database, phone.says, house.clock)
    assert phone.said == [WORDS]
    await climb(house)
    assert {page.body[:7] for page in await house.rows(pages)} == {"DRILL. "}
    await walk_drills(house.database, phone.says, house.clock)
    assert set((await drill(house, id)).reached) == {Station.SAID, Station.RAISED}
    house.clock.time += WITHIN[Station.ANSWERED] + timedelta(seconds=1)  # no provider: neither safety text nor page leaves
    await walk_drills(house.database, phone.says, house.clock)
    ended = await drill(house, id)
    assert (ended.result, ended.missed) == ("failed", Station.ANSWERED)
    [problem] = await house.rows(escalations, escalations.c.kind == "operational")
    assert 'A drill of team "Team A" failed: no safety text was handed out' in problem.summary
    assert {item.state for item in await house.rows(escalations, escalations.c.kind == "clinical")} == {"resolved"}
    assert await walk_drills(house.database, phone.says, house.clock) == 0


@pytest.mark.parametrize(("status", "handed"), [("delivered", True), ("unknown", False)])
async def test_what_the_provider_took_although_its_answer_was_lost_has_been_handed_out(house: House, status: str, handed: bool) -> None:
    phone, id = Phone(house), await asked_for(house)
    await walk_drills(house.database, phone.says, house.clock)
    await climb(house)
    now = house.clock.now()
    common = {"organization_id": house.clinic.organization_id, "number": 1, "started_at": now, "ended_at": now, "outcome": "unknown"}
    [safety] = await house.sent("safety")
    tried = [
        {"id": new_id(now), "communication_id": safety.id, "page_id": None, **common},
        *({"id": new_id(now), "communication_id": None, "page_id": page.id, **common} for page in await house.rows(pages)),
    ]
    async with house.database.transaction() as connection:
        await connection.execute(insert(attempts), tried)
        for table in (communications, pages):
            await connection.execute(update(table).where(table.c.status == "due").values(status=status))
    await walk_drills(house.database, phone.says, house.clock)
    reached = (await drill(house, id)).reached
    assert (Station.ANSWERED in reached, Station.PAGED in reached) == (handed, handed)


async def test_a_team_with_a_real_emergency_is_not_drilled(house: House) -> None:
    await house.text(house.clinic.chi.number, "I have chest pain")
    phone, id = Phone(house), await asked_for(house)
    await walk_drills(house.database, phone.says, house.clock)
    assert phone.said == []
    put_off = await drill(house, id)
    assert (put_off.began_at, put_off.due_at) == (None, house.clock.now() + PUT_OFF)


async def test_one_drill_at_a_time_has_the_invented_patient(house: House) -> None:
    phone = Phone(house)
    first, second = await asked_for(house), await asked_for(house)
    await walk_drills(house.database, phone.says, house.clock)
    assert phone.said == [WORDS]
    assert [(await drill(house, id)).began_at is not None for id in (first, second)] == [True, False]
    [invented] = await house.rows(patients, patients.c.synthetic)
    assert invented.team_id == house.clinic.team_a


async def test_words_that_got_lost_are_said_again_and_join_the_same_drill(house: House) -> None:
    phone, id = Phone(house), await asked_for(house)

    async def lost(_provider: str, _to: str, _words: str) -> str:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await walk_drills(house.database, lost, house.clock)
    house.clock.time += timedelta(seconds=9)
    await walk_drills(house.database, phone.says, house.clock)
    assert phone.said == [WORDS]
    await walk_drills(house.database, phone.says, house.clock)
    assert Station.RAISED in (await drill(house, id)).reached
    assert ANSWER not in phone.said, "nothing has reached the patient yet"


async def test_a_plan_begins_a_drill_and_the_next_at_a_moment_by_chance(house: House) -> None:
    now = house.clock.now()
    async with house.database.transaction() as connection:
        await drills.set_plan(connection, house.clinic.organization_id, house.clinic.team_a, 14, time(9), time(17), now, now)
    phone = Phone(house)
    await walk_drills(house.database, phone.says, house.clock)
    [begun] = await house.rows(drills.drills)
    assert begun.unannounced
    [plan] = await house.rows(drills.drill_plans)
    following = to_local(plan.next_due_at, NEW_YORK)
    assert following.date() == to_local(now, NEW_YORK).date() + timedelta(days=14)
    assert time(9) <= following.time() <= time(17)


def test_moments_lie_between_the_times_whatever_chance_says() -> None:
    found = [to_local(next_moment(MONDAY, NEW_YORK, 7, time(9), time(17), chance / 10), NEW_YORK) for chance in range(11)]
    assert found[0].time() == time(9)
    assert found[-1].time() == time(17)
    assert found == sorted(found)
    assert why_not_plan(0, time(9), time(17))
    assert why_not_plan(93, time(9), time(17))
    assert why_not_plan(7, time(17), time(9))
    assert not why_not_plan(7, time(9), time(17))
