"""Whoever holds a claim and comes back too late changes nothing: every kind of claim has a lease by the database's clock and a fence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.climb_ladder import climb_ladder
from service.actions.do_due_work import do_due_work
from service.actions.page_by_call import page_by_call
from service.actions.release_leases import release_leases
from service.actions.send_communications import send_communications
from service.actions.send_pages import send_pages
from service.actions.settle_communications import Word, settle_communications
from service.actions.settle_pages import settle_pages
from service.db import due_work
from service.db.changes import Changes
from service.db.communication import attempts, communication_statuses, communications
from service.db.due_work import Work
from service.db.escalation import escalations, pages
from service.db.items import plan_paging
from service.db.schema import new_id
from service.domain.call import CallStatus
from service.domain.communication import Lane, Status
from service.domain.urgency import Urgency
from service.telephony.port import OutgoingCall, OutgoingText, RemoteCall, UnknownOutcome
from tests.jobs.world import World
from tests.seed import seed_item

pytestmark = pytest.mark.law(3)
LATE = timedelta(minutes=3)


class Slow:
    """A clock that jumps once, as it does for a process that was stopped: after `looks` looks."""

    def __init__(self, start: datetime, looks: int) -> None:
        self._time, self._looks = start, looks

    def now(self) -> datetime:
        self._looks -= 1
        return self._time if self._looks >= 0 else self._time + LATE


class Ringing:
    """A telephone that keeps what it is asked to place."""

    name, account, list_is_sure = "twilio", "AC1", True

    def __init__(self) -> None:
        self.placed: list[OutgoingCall] = []

    async def place_call(self, call: OutgoingCall) -> RemoteCall:
        self.placed.append(call)
        return RemoteCall(f"CA{len(self.placed):032x}", call.to, CallStatus.PLACED, "queued")


async def claimed_anew(world: World, table: Any, id: UUID, whose: Mapping[str, Any]) -> UUID:
    """Somebody else has claimed the row since, by a new attempt."""
    row = {"id": new_id(world.now), "organization_id": world.clinic.organization_id, "number": 2, "started_at": world.now, **whose}
    async with world.database.transaction() as connection:
        await connection.execute(insert(attempts).values(**row))
        until = world.now + timedelta(minutes=1)
        values = {"status": "claimed", "attempt_id": row["id"], "attempts": 2, "claimed_by": "node-2", "lease_until": until}
        await connection.execute(update(table).where(table.c.id == id).values(**values))
    return UUID(str(row["id"]))


@pytest.mark.parametrize("status", [Status.ACCEPTED, Status.FAILED, Status.DUE, Status.UNKNOWN])
async def test_a_text_that_was_claimed_anew_takes_no_word_of_the_holder_before(world: World, status: Status) -> None:
    id = await world.text(world.clinic.ana)
    fence = None

    async def meanwhile(text: OutgoingText) -> None:
        nonlocal fence
        fence = await claimed_anew(world, communications, id, {"communication_id": id})
        async with world.database.transaction() as connection:
            word = Word(id, status, "sender", attempt_id=text.attempt_id, outcome="x", provider="twilio", provider_id="SMlate")
            assert await settle_communications(connection, [word], world.now) == [False]

    world.provider.during = meanwhile
    await send_communications(world.database, world.providers, Lane.ROUTINE, world.clock, "node-1", world.knowledge.law)
    [row] = await world.rows(communications)
    assert (row.status, row.attempt_id, row.claimed_by, row.provider_id) == ("claimed", fence, "node-2", None)
    late = [line for line in await world.rows(communication_statuses) if not line.applied]
    assert len(late) == 2, "what came too late is kept as history"


async def test_a_page_that_was_claimed_anew_takes_no_word_of_the_holder_before(world: World) -> None:
    item = await seed_item(world.database, world.clinic.chi, world.now)
    id = await world.page(world.clinic.chi, item)
    fence = None

    async def meanwhile(_text: OutgoingText) -> None:
        nonlocal fence
        fence = await claimed_anew(world, pages, id, {"page_id": id})

    world.provider.during = meanwhile
    await send_pages(world.database, world.providers, world.knowledge, world.clock, "node-1")
    [row] = await world.rows(pages)
    assert (row.status, row.attempt_id, row.claimed_by, row.provider_id) == ("claimed", fence, "node-2", None)
    async with world.database.transaction() as connection:
        assert fence is not None
        word = Word(id, Status.ACCEPTED, "sender", attempt_id=fence, outcome="accepted", provider="twilio", provider_id="SMown")
        assert await settle_pages(connection, world.knowledge, [word], world.now) == [True], "its own holder may speak"


async def test_due_work_done_too_late_is_rolled_back_with_all_that_it_wrote(world: World) -> None:
    key = new_id(world.now)
    async with world.database.transaction() as connection:
        await due_work.add(connection, [due_work.row(world.clinic.organization_id, "late", "late", key, world.now, world.now)])
    done: list[int] = []

    async def slow(connection: AsyncConnection, works: Sequence[Work], now: datetime) -> Mapping[Work, datetime]:
        done.append(works[0].fence)
        await connection.execute(due_work.due_work.update().values(failure=f"written by {works[0].fence}"))
        if len(done) == 1:  # its lease ends while it works, and somebody else takes it
            await connection.execute(due_work.due_work.update().values(fence=due_work.due_work.c.fence + 1))
        return {}

    await do_due_work(world.database, {"late": slow}, Lane.ROUTINE, world.clock, "node-1")
    [row] = await world.rows(due_work.due_work)
    assert (row.state, row.fence, row.failure) == ("claimed", 1, ""), "nothing that it did was committed"
    await world.lose_leases(due_work.due_work)
    await release_leases(world.database, world.knowledge, world.now)
    await do_due_work(world.database, {"late": slow}, Lane.ROUTINE, world.clock, "node-2")
    [row] = await world.rows(due_work.due_work)
    assert (row.state, row.fence, done) == ("done", 2, [1, 2])


async def test_a_process_that_was_stopped_between_claim_and_call_sends_no_text(world: World) -> None:
    await world.text(world.clinic.ana)
    await send_communications(world.database, world.providers, Lane.ROUTINE, Slow(world.now, 1), "node-1", world.knowledge.law)
    assert world.provider.calls == []
    [row] = await world.rows(communications)
    assert row.status == "due", "certain not to have left: it waits for its next turn"


@pytest.mark.parametrize("channel", ["text", "call"])
async def test_nor_does_it_page_anybody(world: World, channel: str) -> None:
    item = await seed_item(world.database, world.clinic.chi, world.now)
    id = await world.page(world.clinic.chi, item)
    await world.set(pages, id, channel=channel)
    telephone = Ringing()
    if channel == "text":
        await send_pages(world.database, world.providers, world.knowledge, Slow(world.now, 1), "node-1")
    else:
        await page_by_call(world.database, {"twilio": telephone}, world.knowledge, Slow(world.now, 1), "node-1")  # type: ignore[dict-item]
    assert (world.provider.calls, telephone.placed) == ([], [])
    [row] = await world.rows(pages)
    assert row.status == "due"


@pytest.mark.parametrize("table", [communications, pages])
async def test_a_claim_whose_lease_is_over_is_in_doubt_and_never_due_again(world: World, table: Any) -> None:
    item = await seed_item(world.database, world.clinic.chi, world.now)
    whose = (
        {"page_id": await world.page(world.clinic.chi, item)}
        if table is pages
        else {"communication_id": await world.text(world.clinic.ana)}
    )
    [id] = whose.values()
    await claimed_anew(world, table, id, whose)
    await world.lose_leases(table)
    await release_leases(world.database, world.knowledge, world.now)
    [row] = await world.rows(table, table.c.id == id)
    assert row.status == "unknown"
    await send_communications(world.database, world.providers, Lane.ROUTINE, world.clock, "node-3", world.knowledge.law)
    await send_pages(world.database, world.providers, world.knowledge, world.clock, "node-3")
    assert world.provider.calls == []


@pytest.mark.law(2)
async def test_pages_of_which_none_has_surely_left_are_followed_within_seconds_by_new_ones(world: World) -> None:
    """A carrier that answers nothing sensible: nobody may know of the item, and to be paged twice harms nobody."""

    def nothing_sensible(_text: OutgoingText) -> None:
        raise UnknownOutcome("500", "an HTML page")

    item = await seed_item(world.database, world.clinic.chi, world.now)
    await world.set(escalations, item, urgency_rank=0)
    world.provider.behave = nothing_sensible
    climb: Any = lambda connection, works, now: climb_ladder(connection, world.knowledge, works, now)  # noqa: E731
    async with world.database.transaction() as connection:
        changes = Changes(world.now)
        plan_paging(changes, world.clinic.organization_id, item, "start", Urgency.EMERGENCY)
        await changes.write(connection)
    attempts_at: list[float] = []
    for second in range(0, 120, 5):
        await do_due_work(world.database, {"page_ladder": climb}, Lane.EMERGENCY, world.clock, "node-1")
        await page_by_call(world.database, {}, world.knowledge, world.clock, "node-1")
        if await send_pages(world.database, world.providers, world.knowledge, world.clock, "node-1"):
            attempts_at.append(second)
        world.clock.forward(seconds=5)
    assert attempts_at[0] == 0
    assert 3 <= len(attempts_at) <= 6, attempts_at
    assert attempts_at[1] <= 30
    assert {row.attempts for row in await world.rows(pages, pages.c.channel == "text")} == {1}, "no page is handed over twice"
