"""One row that cannot be read or acted on is set aside, and the rounds go on with all the others (law 12); on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import LargeBinary, type_coerce, update

from service.actions.do_due_work import do_due_work
from service.actions.expire_work import expire_work
from service.actions.follow_up_safety_texts import follow_up_safety_texts
from service.actions.one_by_one import together_or_one_by_one
from service.actions.page_again import asking, page_again
from service.actions.pause_check_ins import turn_pauses
from service.actions.release_leases import release_leases
from service.actions.send_pages import send_pages
from service.actions.watch import watch
from service.db import due_work, items
from service.db.changes import Changes
from service.db.communication import communications
from service.db.escalation import escalation_events, escalations, pages
from service.db.organization import teams
from service.db.patient import patients
from service.db.pauses import pauses
from service.db.schema import new_id
from service.db.staff import staff
from service.domain.communication import Lane, Purpose, Status
from service.domain.escalation import Kind, Reached
from service.domain.urgency import Urgency
from service.jobs.work import handlers
from tests.actions.crew import NORA, OMAR, put_on_call
from tests.jobs.world import World
from tests.seed import Person, seed_item

pytestmark = pytest.mark.law(12)
SPOILT: Any = type_coerce(b"\x01k" * 20, LargeBinary)
"""Stands in the place of an encrypted value, and no key fits it."""


async def emergency(world: World, person: Person, **more: Any) -> UUID:
    item_id = await seed_item(world.database, person, world.now, urgency=Urgency.EMERGENCY, **more)
    changes = Changes(world.now)
    items.plan_paging(changes, world.clinic.organization_id, item_id, "start", Urgency.EMERGENCY)
    async with world.database.transaction() as connection:
        await changes.write(connection)
    return item_id


async def lane(world: World) -> list[str]:
    """One round of the emergency lane; to whom texts have gone so far."""
    await do_due_work(world.database, handlers(world.around), Lane.EMERGENCY, world.clock, "node-1")
    await send_pages(world.database, world.providers, world.knowledge, world.clock, "node-1")
    return [call.to for call in world.provider.calls]


async def test_a_page_that_cannot_be_read_fails_and_all_others_go(world: World) -> None:
    await put_on_call(world)
    first, second = await emergency(world, world.clinic.chi), await emergency(world, world.clinic.ben)
    await do_due_work(world.database, handlers(world.around), Lane.EMERGENCY, world.clock, "node-1")
    async with world.database.transaction() as connection:
        theirs = (pages.c.escalation_id == first) & (pages.c.channel == "text")
        await connection.execute(update(pages).where(theirs).values(phone=SPOILT))
        await connection.execute(update(pages).where(pages.c.channel == "call").values(status="delivered"))
    assert await lane(world) == [NORA]
    failed = [row for row in await world.rows(pages, pages.c.escalation_id == second) if row.status == "failed"]
    assert failed == []
    told = await world.rows(escalation_events, escalation_events.c.what == "page_failed")
    assert [(row.escalation_id, row.detail["code"]) for row in told] == [(first, "unreadable")]


async def test_a_number_of_staff_that_cannot_be_read_is_none_and_somebody_else_is_paged(world: World) -> None:
    await put_on_call(world)
    async with world.database.transaction() as connection:
        await connection.execute(update(staff).where(staff.c.id == world.clinic.nora.id).values(phone=SPOILT, name=SPOILT))
    await emergency(world, world.clinic.chi)
    [paged] = await lane(world)
    assert paged != NORA
    reasons = [row.summary for row in await world.rows(escalations, escalations.c.kind == "operational")]
    assert any("somebody whose name cannot be read has no telephone number" in reason for reason in reasons)


async def test_a_teams_number_that_cannot_be_read_stops_no_other_number(world: World) -> None:
    await put_on_call(world)
    async with world.database.transaction() as connection:
        await connection.execute(update(teams).where(teams.c.id == world.clinic.team_a).values(on_call_phone=SPOILT))
    await emergency(world, world.clinic.chi)
    assert await lane(world) == [NORA]


async def test_for_a_patient_whose_name_cannot_be_read_somebody_is_paged(world: World) -> None:
    item = await emergency(world, world.clinic.chi)
    async with world.database.transaction() as connection:
        await connection.execute(update(patients).where(patients.c.id == world.clinic.chi.id).values(name=SPOILT))
    assert await lane(world) == ["+12025550191"]
    [page] = await world.rows(pages, pages.c.channel == "text")
    assert (page.escalation_id, page.status) == (item, "accepted")


async def test_a_claim_that_lapses_is_free_also_when_nobody_can_be_paged_for_it(world: World) -> None:
    broken, other = [
        await seed_item(world.database, person, world.now, urgency=Urgency.EMERGENCY) for person in (world.clinic.chi, world.clinic.ben)
    ]
    claim = {"state": "claimed", "claimed_by": world.clinic.nora.id, "claimed_at": world.now, "claimed_until": world.now}
    for id in (broken, other):
        await world.set(escalations, id, **claim)
    await world.set(escalations, broken, ladder={"urgency_rank": Urgency.EMERGENCY.rank})
    world.clock.forward(seconds=1)
    assert (await release_leases(world.database, world.knowledge, world.now)).items == 2
    assert {row.state for row in await world.rows(escalations)} == {"open"}
    assert {page.escalation_id for page in await world.rows(pages)} == {other}


async def test_a_lost_claim_that_cannot_be_settled_keeps_no_other_claimed(world: World) -> None:
    values: dict[str, Any] = {"status": Status.CLAIMED, "attempt_id": new_id(world.now), "lease_until": world.now - timedelta(days=300)}
    bad, good = [await world.text(person, purpose=Purpose.ANSWER, **values) for person in (world.clinic.ana, world.clinic.ben)]
    await world.set(communications, bad, purpose="nonsense")
    await release_leases(world.database, world.knowledge, world.now)
    found = {row.id: row.status for row in await world.rows(communications)}
    assert (found[good], found[bad]) == ("unknown", "claimed")


async def test_lost_work_that_cannot_be_freed_keeps_no_other_claimed(world: World) -> None:
    work = due_work.due_work
    org, ana = world.clinic.organization_id, world.clinic.ana.id
    async with world.database.transaction() as connection:
        await due_work.add(connection, [due_work.row(org, key, "tea", ana, world.now, world.now) for key in ("good", "bad")])
        assert len(await due_work.claim(connection, Lane.ROUTINE, world.now, "node-1", 10)) == 2
    await world.lose_leases(work)
    async with refusing(world, "due_work", "new.key = 'bad'"):
        await release_leases(world.database, world.knowledge, world.now)
    assert {row.key: row.state for row in await world.rows(work)} == {"good": "due", "bad": "claimed"}


@asynccontextmanager
async def refusing(world: World, table: str, when: str) -> AsyncIterator[None]:
    """The database refuses to change rows of this table of which this holds, as it would by a broken constraint."""
    if world.database.is_postgresql:
        body = "begin raise exception 'refused' using errcode = 'check_violation'; end"
        made = [
            f"create function refuse() returns trigger language plpgsql as $$ {body} $$",
            f"create trigger refusing before update on {table} for each row when ({when}) execute function refuse()",
        ]
        gone = [f"drop trigger refusing on {table}", "drop function refuse()"]
    else:
        made = [f"create trigger refusing before update on {table} when {when} begin select raise(abort, 'refused'); end"]
        gone = ["drop trigger refusing"]
    for statements in (made, gone):
        async with world.database.transaction() as connection:
            for statement in statements:
                await connection.exec_driver_sql(statement)
        if statements is made:
            yield


async def test_a_text_that_cannot_be_ended_keeps_no_other_from_it(world: World) -> None:
    late = world.now - timedelta(minutes=1)
    bad, good = [await world.text(person, useful_until=late) for person in (world.clinic.ana, world.clinic.ben)]
    await world.set(communications, bad, purpose="nonsense")
    assert await expire_work(world.database, world.now) == 1
    found = {row.id: row.status for row in await world.rows(communications)}
    assert (found[good], found[bad]) == ("expired", "due")


async def test_a_silent_patient_who_cannot_be_followed_up_keeps_no_other_from_it(world: World) -> None:
    ids = []
    for person in (world.clinic.ana, world.clinic.ben):
        id = await seed_item(world.database, person, world.now, urgency=Urgency.EMERGENCY, reached=Reached.ON_ITS_WAY)
        await world.text(person, "Call 911", Purpose.SAFETY, escalation_id=id, status=Status.SENT)
        ids.append(id)
    await world.set(escalations, ids[0], reached="nonsense")
    world.clock.forward(minutes=3)
    await follow_up_safety_texts(world.database, world.knowledge.follow_through, world.now)
    followed = await world.rows(escalation_events, escalation_events.c.what == "patient_silent")
    assert [row.escalation_id for row in followed] == [ids[1]]


async def test_items_that_cannot_be_paged_for_do_not_fill_the_net(world: World) -> None:
    """More of them than fit in one transaction, all older than the one that can."""
    broken = [
        await seed_item(world.database, world.clinic.ana, world.now, urgency=Urgency.EMERGENCY, kind=Kind.OPERATIONAL) for _ in range(101)
    ]
    async with world.database.transaction() as connection:
        await connection.execute(update(escalations).where(escalations.c.id.in_(broken)).values(ladder={"urgency_rank": 0}))
    world.clock.forward(seconds=1)
    other = await seed_item(world.database, world.clinic.dov, world.now, urgency=Urgency.EMERGENCY)
    world.clock.forward(minutes=7)
    await watch(world.database, world.knowledge, "node-1", {}, {}, {}, world.now)
    assert {page.escalation_id for page in await world.rows(pages)} == {other}


async def test_pauses_that_cannot_end_do_not_fill_the_round(world: World) -> None:
    for number, person in enumerate((world.clinic.chi, world.clinic.ana)):
        begins = world.now - timedelta(days=9 - number)
        row = {"patient_id": person.id, "kind": "away", "state": "on", "begins_at": begins, "ends_at": world.now, "reason": ""}
        async with world.database.transaction() as connection:
            values = {"id": new_id(world.now), "organization_id": person.organization_id, "created_at": begins}
            await connection.execute(pauses.insert().values(**row, **values))
            await connection.execute(update(patients).where(patients.c.id == person.id).values(status="paused"))
    async with world.database.transaction() as connection:
        await connection.execute(update(patients).where(patients.c.id == world.clinic.chi.id).values(name=SPOILT))
    world.clock.forward(seconds=1)
    await turn_pauses(world.database, world.now, limit=1)
    assert {row.patient_id: row.state for row in await world.rows(pauses)} == {world.clinic.chi.id: "on", world.clinic.ana.id: "over"}


@pytest.mark.law(1)
async def test_an_emergencys_page_goes_before_an_older_one_of_less(world: World) -> None:
    lesser = await seed_item(world.database, world.clinic.ben, world.now, urgency=Urgency.SAME_DAY)
    await world.page(world.clinic.ben, lesser)
    world.clock.forward(seconds=5)
    item = await seed_item(world.database, world.clinic.chi, world.now, urgency=Urgency.EMERGENCY)
    first = await world.page(world.clinic.chi, item)
    await send_pages(world.database, world.providers, world.knowledge, world.clock, "node-1", limit=1)
    assert [row.id for row in await world.rows(pages, pages.c.status == "accepted")] == [first]


async def test_the_watchdog_and_the_ladder_agree_on_who_is_next(world: World) -> None:
    """A page that cannot be read counts as one that has not arrived: the next person is paged at once."""
    await put_on_call(world)
    item = await emergency(world, world.clinic.chi)
    async with world.database.transaction() as connection:
        changes = Changes(world.now)
        await page_again(connection, changes, world.knowledge, asking([item]))
        await changes.write(connection)
    async with world.database.transaction() as connection:
        await connection.execute(update(pages).where(pages.c.channel == "text").values(body=SPOILT))
        await connection.execute(update(pages).where(pages.c.channel == "call").values(status="failed"))
    await send_pages(world.database, world.providers, world.knowledge, world.clock, "node-1")
    assert [row.rung for row in await world.rows(pages, pages.c.channel == "text", pages.c.status == "due")] == [1]
    assert (await lane(world))[-1] == OMAR


async def test_a_row_that_cannot_even_be_set_aside_stops_no_other_and_is_not_kept_quiet() -> None:
    worst, bad, good = (UUID(int=number) for number in range(3))
    done: list[UUID] = []
    aside: list[UUID] = []

    async def together(ids: Sequence[UUID]) -> None:
        if {worst, bad} & set(ids):
            raise ValueError
        done.extend(ids)

    async def set_aside(id: UUID, failure: str) -> None:
        assert failure == "ValueError"
        if id == worst:
            raise LookupError
        aside.append(id)

    with pytest.raises(LookupError):
        await together_or_one_by_one("rows", [worst, bad, good], together, set_aside)
    assert (aside, done) == ([bad], [good])
