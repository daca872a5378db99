"""What a patient was told about when a nurse would answer: kept, renewed once before it breaks, or broken for all to see."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from service.actions.claim_escalation import claim_escalation
from service.actions.keep_promises import Kept, keep_promises
from service.actions.settle_communications import Word
from service.actions.settle_pages import settle_pages
from service.actions.write_note import write_note
from service.db import pages as page_rows
from service.db.changes import Changes
from service.db.communication import communications
from service.db.due_work import due_work
from service.db.escalation import escalation_events, escalations, pages
from service.db.promises import promises
from service.domain.communication import Status
from service.domain.ladder import DEFAULTS, TEXT_ONLY, PageChannel, Target, Whom
from service.domain.promise import PromiseState
from service.domain.staff import Role
from service.domain.urgency import Urgency
from tests.actions.crew import SOL, crew_of, member
from tests.actions.house import House
from tests.seed import seed_item

URGENT = "my ankles are swollen and I have gained 4 pounds since yesterday"


@pytest.fixture
async def told(house: House) -> House:
    """Chi has told of something urgent at ten on a Monday, and was told that a nurse answers within an hour."""
    await crew_of(house.database, house.clinic, house.clock.now())
    await house.text(house.clinic.chi.number, URGENT)
    return house


async def states(house: House) -> list[tuple[str, str]]:
    return [(row.words, row.state) for row in await house.rows(promises)]


async def round_of(house: House) -> Kept:
    return await keep_promises(house.database, house.knowledge, house.clock.now())


async def leave(house: House, status: str = "sent") -> None:
    """What is due has become of so."""
    async with house.database.transaction() as connection:
        await connection.execute(update(communications).where(communications.c.status == "due").values(status=status))


async def answer(house: House) -> None:
    """Nora takes the item and writes down that she has called."""
    nora = member(house.clinic, house.clinic.nora, Role.NURSE)
    [item] = await house.rows(escalations, escalations.c.kind == "clinical")
    await claim_escalation(house.database, nora, item.id, house.clock.now())
    await write_note(house.database, nora, item.id, text="Called, no answer, left a neutral message.", now=house.clock.now())


async def events(house: House) -> list[str]:
    return [event.what for event in await house.rows(escalation_events)]


async def test_a_text_that_says_when_a_nurse_answers_is_a_promise_with_its_time(told: House) -> None:
    [made] = await told.rows(promises)
    assert (made.words, made.state, made.urgency_rank) == ("within 1 hour", PromiseState.OPEN, Urgency.URGENT.rank)
    assert made.due_at == told.clock.now() + timedelta(hours=1)
    [text] = await told.rows(communications, communications.c.id == made.communication_id)
    assert "A nurse will answer you within 1 hour." in text.body
    assert made.patient_id == told.clinic.chi.id


async def test_a_question_promises_nothing(house: House) -> None:
    await house.start_flow(house.clinic.chi)
    assert await house.rows(promises) == []


async def test_a_nurse_who_has_logged_an_attempt_in_time_has_kept_it(told: House) -> None:
    await leave(told)
    told.clock.time += timedelta(minutes=30)
    await answer(told)
    told.clock.time += timedelta(minutes=16)
    assert await round_of(told) == Kept(kept=1)
    assert await states(told) == [("within 1 hour", "kept")]
    assert await told.sent("answer") == [text for text in await told.sent("answer") if text.reason != "promise_renewed"]


async def test_to_claim_alone_keeps_nothing(told: House) -> None:
    await leave(told)
    [item] = await told.rows(escalations)
    await claim_escalation(told.database, member(told.clinic, told.clinic.nora, Role.NURSE), item.id, told.clock.now())
    told.clock.time += timedelta(minutes=46)
    assert (await round_of(told)).warned == 1


async def test_before_it_breaks_the_lead_is_paged_and_the_patient_is_told_the_new_time_once(told: House) -> None:
    await leave(told)
    told.clock.time += timedelta(minutes=44)
    assert await round_of(told) == Kept()
    told.clock.time += timedelta(minutes=1)
    assert (await round_of(told)).warned == 1
    assert (await round_of(told)).warned == 0
    [renewal] = [text for text in await told.sent("answer") if text.reason == "promise_renewed"]
    assert "A nurse will answer you within 1 hour." in renewal.body
    assert renewal.useful_until == told.clock.now() + timedelta(minutes=15), "a new time that comes after the old one is no use"
    [page] = [page for page in await told.rows(pages) if page.rung == -1]
    assert (page.phone, page.channel) == (SOL, "text")
    assert "Chi" not in page.body
    assert "within 1 hour" in page.body
    await leave(told)
    assert (await round_of(told)).renewed == 1
    assert await states(told) == [("within 1 hour", "renewed"), ("within 1 hour", "open")]
    told.clock.time += timedelta(minutes=61)
    assert (await round_of(told)).broken == 1
    assert await states(told) == [("within 1 hour", "renewed"), ("within 1 hour", "broken")]
    assert len([text for text in await told.sent("answer") if text.reason == "promise_renewed"]) == 1, "once"
    assert "promise_broken" in await events(told)


@pytest.mark.parametrize(("status", "code"), [("undelivered", "30003"), ("unknown", "lost")])
async def test_a_page_about_a_promise_that_does_not_arrive_begins_no_ladder(house: House, status: str, code: str) -> None:
    await crew_of(house.database, house.clinic, house.clock.now())
    chi = house.clinic.chi
    item_id = await seed_item(house.database, chi, house.clock.now(), urgency=Urgency.SAME_DAY)
    async with house.database.transaction() as connection:
        [standing] = (await page_rows.standings(connection, [item_id])).values()
        changes = Changes(house.clock.now())
        page_rows.keep_ladder(changes, standing, DEFAULTS[Urgency.SAME_DAY])  # its first rung is hours away
        lead = Target(Whom.SUPERVISOR, "Sol", SOL, TEXT_ONLY)
        page_rows.add_page(changes, standing, 0, page_rows.NO_RUNG, lead, PageChannel.TEXT, "Rounds: a promise is about to break.")
        await changes.write(connection)
    [page] = await house.rows(pages)
    async with house.database.transaction() as connection:
        await connection.execute(update(pages).values(status="claimed"))
        await settle_pages(connection, house.knowledge, [Word(page.id, Status(status), "webhook", error_code=code)], house.clock.now())
    assert [one.rung for one in await house.rows(pages)] == [page_rows.NO_RUNG]
    assert await house.rows(due_work) == []


@pytest.mark.parametrize("status", ["cancelled", "expired", "failed"])
async def test_a_renewal_that_may_not_leave_renews_nothing(told: House, status: str) -> None:
    await leave(told)
    told.clock.time += timedelta(minutes=45)
    await round_of(told)
    await leave(told, status)
    told.clock.time += timedelta(minutes=15)
    assert (await round_of(told)).broken == 1
    told.clock.time += timedelta(minutes=60)
    await round_of(told)
    assert await states(told) == [("within 1 hour", "broken"), ("within 1 hour", "void")]


async def test_a_promise_that_never_reached_the_patient_is_void(told: House) -> None:
    await leave(told, "undelivered")
    told.clock.time += timedelta(minutes=50)
    await round_of(told)
    assert await states(told) == [("within 1 hour", "void")]


async def test_what_is_answered_too_late_is_broken_all_the_same(told: House) -> None:
    await leave(told)
    told.clock.time += timedelta(minutes=61)
    await answer(told)
    assert (await round_of(told)).broken == 1


@pytest.mark.law(2)
@pytest.mark.parametrize("answered", [False, True])
async def test_a_broken_promise_without_an_open_item_is_an_item_unless_a_nurse_has_answered_by_then(told: House, answered: bool) -> None:
    await leave(told)
    told.clock.time += timedelta(minutes=61)
    if answered:
        await answer(told)
    async with told.database.transaction() as connection:
        await connection.execute(update(escalations).values(state="resolved", resolved_at=told.clock.now(), claimed_until=None))
    for _ in range(2):
        await round_of(told)
    assert await states(told) == [("within 1 hour", "broken")]
    found = await told.rows(escalations, escalations.c.kind == "operational")
    assert [(item.patient_id, item.urgency_rank) for item in found] == ([] if answered else [(told.clinic.chi.id, Urgency.SAME_DAY.rank)])


async def test_at_night_the_promise_is_the_mornings_and_holds_until_noon(house: House) -> None:
    house.clock.time += timedelta(hours=13)
    await house.text(house.clinic.chi.number, URGENT)
    [made] = await house.rows(promises)
    assert made.words == "tomorrow morning"
    assert made.due_at == house.clock.now() + timedelta(hours=13), "noon in New York"


async def test_of_several_promises_to_one_patient_each_is_counted_and_one_text_renews_them(told: House) -> None:
    told.clock.time += timedelta(minutes=5)
    await told.text(told.clinic.chi.number, "my weight went up 4 pounds since yesterday")
    await leave(told)
    made: list[Any] = await told.rows(promises)
    told.clock.time += timedelta(minutes=46)
    await round_of(told)
    renewals = [text for text in await told.sent("answer") if text.reason == "promise_renewed"]
    assert len(made) == 2
    assert len(renewals) == 1
