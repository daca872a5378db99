"""A shift is handed over line by line: taken by name, declined with a reason, or passed up; and nobody leaves with danger in hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import update

from service.actions.answer_hand_over import answer_hand_over
from service.actions.claim_escalation import claim_escalation
from service.actions.do_due_work import do_due_work
from service.actions.end_shift import Left, end_shift
from service.actions.offer_hand_over import Offer, offer_hand_over
from service.actions.pass_up_hand_overs import pass_up_hand_overs
from service.actions.refusal import Held, NotFound, Refused
from service.actions.release_leases import release_leases
from service.actions.view_hand_over import view_hand_over
from service.db.audit import audit_events
from service.db.escalation import escalation_events, escalations, pages
from service.db.hand_overs import hand_overs
from service.domain.communication import Lane
from service.domain.hand_over import WAITING, HandOverState, Ipass, transition
from service.domain.staff import Role, Staff
from service.domain.urgency import Urgency
from tests.actions.crew import OMAR, SOL, crew_of, member
from tests.actions.house import House
from tests.seed import Person, seed_item

WORDS = Ipass("Chi Chen, 76: swelling since yesterday.", "Call before noon.", "If breath is short: 911.")


@pytest.fixture
async def shift(house: House) -> House:
    await crew_of(house.database, house.clinic, house.clock.now())
    return house


def nora(house: House) -> Staff:
    return member(house.clinic, house.clinic.nora, Role.NURSE)


def omar(house: House) -> Staff:
    one = member(house.clinic, house.clinic.omar, Role.NURSE)
    return Staff(one.id, one.organization_id, one.name, one.role, (house.clinic.team_a, house.clinic.team_b))


def sol(house: House) -> Staff:
    return member(house.clinic, house.clinic.sol, Role.SUPERVISOR)


async def held(house: House, person: Person, urgency: Urgency = Urgency.URGENT) -> UUID:
    """An item that Nora has claimed."""
    now = house.clock.now()
    id = await seed_item(house.database, person, now, urgency=urgency)
    assert (await claim_escalation(house.database, nora(house), id, now)).won
    return id


async def offered(house: House, item_id: UUID) -> UUID:
    return await offer_hand_over(house.database, nora(house), Offer(item_id, None, house.clinic.omar.id, WORDS), house.clock.now())


async def item(house: House, id: UUID) -> tuple[str, UUID | None]:
    [row] = await house.rows(escalations, escalations.c.id == id)
    return row.state, row.claimed_by


async def line(house: House, id: UUID) -> str:
    [row] = await house.rows(hand_overs, hand_overs.c.id == id)
    return str(row.state)


async def history(house: House, id: UUID) -> list[str]:
    return [row.what for row in await house.rows(escalation_events, escalation_events.c.escalation_id == id)]


async def due(house: House) -> None:
    kinds = {"hand_over": lambda connection, works, now: pass_up_hand_overs(connection, house.knowledge, works, now)}
    for lane in Lane:
        await do_due_work(house.database, kinds, lane, house.clock, "node-1")


@pytest.mark.law(6)
async def test_the_giver_holds_the_item_until_the_receiver_has_said_yes(shift: House) -> None:
    id = await held(shift, shift.clinic.chi)
    offer = await offered(shift, id)
    assert await item(shift, id) == ("claimed", shift.clinic.nora.id)
    assert await answer_hand_over(shift.database, omar(shift), offer, HandOverState.ACCEPTED, shift.clock.now()) is HandOverState.ACCEPTED
    assert await item(shift, id) == ("claimed", shift.clinic.omar.id)
    assert (await history(shift, id))[-2:] == ["hand_over_offered", "handed_over"]
    [row] = await shift.rows(escalation_events, escalation_events.c.what == "handed_over")
    assert (row.detail["from"], row.detail["to"]) == (str(shift.clinic.nora.id), str(shift.clinic.omar.id))
    trail = {row.action for row in await shift.rows(audit_events)}
    assert {"hand_over_offered", "hand_over_accepted"} <= trail
    with pytest.raises(Refused, match="answered already"):
        await answer_hand_over(shift.database, omar(shift), offer, HandOverState.DECLINED, shift.clock.now(), reason="busy")


async def test_who_declines_says_why_and_the_giver_keeps_the_item(shift: House) -> None:
    id = await held(shift, shift.clinic.chi)
    offer = await offered(shift, id)
    with pytest.raises(Refused, match="Say why"):
        await answer_hand_over(shift.database, omar(shift), offer, HandOverState.DECLINED, shift.clock.now(), reason="  ")
    await answer_hand_over(shift.database, omar(shift), offer, HandOverState.DECLINED, shift.clock.now(), reason="Two emergencies here")
    assert await item(shift, id) == ("claimed", shift.clinic.nora.id)
    [row] = await shift.rows(hand_overs)
    assert (row.state, row.reason, row.answered_by) == ("declined", "Two emergencies here", shift.clinic.omar.id)
    await offered(shift, id)  # to be offered anew is free


async def test_only_those_it_concerns_may_answer_or_take_back(shift: House) -> None:
    id = await held(shift, shift.clinic.chi)
    offer = await offered(shift, id)
    now = shift.clock.now()
    strangers = [
        (nora(shift), HandOverState.ACCEPTED),
        (sol(shift), HandOverState.ACCEPTED),  # not before it is overdue
        (omar(shift), HandOverState.WITHDRAWN),
        (member(shift.clinic, shift.clinic.omar, Role.NURSE), HandOverState.ACCEPTED),  # team B only
    ]
    for staff, answer in strangers:
        with pytest.raises(NotFound):
            await answer_hand_over(shift.database, staff, offer, answer, now)
    await answer_hand_over(shift.database, nora(shift), offer, HandOverState.WITHDRAWN, now)
    assert await line(shift, offer) == "withdrawn"


@pytest.mark.law(6)
def test_what_has_been_answered_is_answered_for_good() -> None:
    for current in HandOverState:
        onward = {new for new in HandOverState if transition(current, new)}
        assert (onward == set()) is (current not in WAITING)
        assert HandOverState.OFFERED not in onward


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (Ipass("", "a", "b"), "what has happened"),
        (Ipass("a", " ", "b"), "done next"),
        (Ipass("a", "b", ""), "gets worse"),
        (Ipass("a", "b", "c" * 601), "three sentences"),
    ],
)
async def test_a_line_without_all_its_parts_is_refused(shift: House, words: Ipass, said: str) -> None:
    id = await held(shift, shift.clinic.chi)
    with pytest.raises(Refused, match=said):
        await offer_hand_over(shift.database, nora(shift), Offer(id, None, shift.clinic.omar.id, words), shift.clock.now())
    assert await shift.rows(hand_overs) == []


async def test_what_is_not_in_my_hands_or_offered_already_cannot_be_offered(shift: House) -> None:
    free = await seed_item(shift.database, shift.clinic.ben, shift.clock.now())
    with pytest.raises(Held):
        await offered(shift, free)
    id = await held(shift, shift.clinic.chi)
    await offered(shift, id)
    with pytest.raises(Refused, match="offered to somebody already"):
        await offered(shift, id)
    with pytest.raises(Refused, match="nurse or supervisor of the team"):
        await offer_hand_over(
            shift.database, nora(shift), Offer(await held(shift, shift.clinic.ana), None, shift.clinic.cleo.id, WORDS), shift.clock.now()
        )


@pytest.mark.law(2, 11)
async def test_what_nobody_answers_goes_to_the_supervisor_who_may_take_it(shift: House) -> None:
    id = await held(shift, shift.clinic.chi)
    offer = await offered(shift, id)
    await due(shift)
    asked = [(row.phone, row.channel, row.rung) for row in await shift.rows(pages)]
    assert asked == [(OMAR, "text", -1)], "who is asked learns of it at once"
    shift.clock.time += timedelta(minutes=9)
    await due(shift)
    assert await line(shift, offer) == "offered"
    shift.clock.time += timedelta(minutes=2)
    await due(shift)
    assert await line(shift, offer) == "overdue"
    paged = [(row.phone, row.channel, row.rung) for row in await shift.rows(pages) if "nobody has taken over" in row.body]
    assert paged == [(SOL, "text", -1)]
    [problem] = await shift.rows(escalations, escalations.c.kind == "operational")
    assert (problem.team_id, problem.urgency_rank, problem.state) == (shift.clinic.team_a, Urgency.URGENT.rank, "open")
    await release_leases(shift.database, shift.knowledge, shift.clock.now())
    assert (await item(shift, id))[0] == "open", "the giver's claim ends with the offer"
    await answer_hand_over(shift.database, sol(shift), offer, HandOverState.ACCEPTED, shift.clock.now())
    assert await item(shift, id) == ("claimed", shift.clinic.sol.id)
    [problem] = await shift.rows(escalations, escalations.c.kind == "operational")
    assert problem.state == "resolved"


@pytest.mark.parametrize("urgency", [Urgency.EMERGENCY, Urgency.URGENT])
async def test_danger_that_is_offered_is_paged_anew_once_the_givers_claim_is_over(shift: House, urgency: Urgency) -> None:
    id = await held(shift, shift.clinic.chi, urgency)
    offer = await offered(shift, id)
    await release_leases(shift.database, shift.knowledge, shift.clock.now())
    assert await item(shift, id) == ("claimed", shift.clinic.nora.id), "until then it is the giver's"
    shift.clock.time += timedelta(minutes=11)
    before = len(await shift.rows(pages, pages.c.rung >= 0))
    await release_leases(shift.database, shift.knowledge, shift.clock.now())
    assert await item(shift, id) == ("open", None)
    assert len(await shift.rows(pages, pages.c.rung >= 0)) > before, "whoever is on call is paged in the same sweep"
    assert "lease_expired" in await history(shift, id)
    assert await line(shift, offer) == "offered", "and the receiver may still take it"


@pytest.mark.law(2)
async def test_many_lines_that_nobody_answers_are_one_item_that_says_how_many(shift: House) -> None:
    clinic = shift.clinic
    lines = [
        await offered(shift, await held(shift, clinic.chi)),
        await offered(shift, await held(shift, clinic.ana)),
        await offered(shift, await held(shift, clinic.ben, Urgency.SAME_DAY)),
    ]
    shift.clock.time += timedelta(minutes=11)
    await due(shift)
    [problem] = await shift.rows(escalations, escalations.c.kind == "operational")
    assert "2 lines of a hand-over" in problem.summary
    shift.clock.time += timedelta(minutes=20)
    await due(shift)
    [later] = await shift.rows(escalations, escalations.c.kind == "operational")
    assert "3 lines of a hand-over" in later.summary
    assert later.version > problem.version, "an open page shows it"
    for answered, said in ((1, "2 lines of"), (2, "A line of")):
        await answer_hand_over(shift.database, omar(shift), lines[answered - 1], HandOverState.DECLINED, shift.clock.now(), reason="busy")
        [left] = await shift.rows(escalations, escalations.c.kind == "operational")
        assert (left.state, left.summary.startswith(said)) == ("open", True)
    await answer_hand_over(shift.database, omar(shift), lines[2], HandOverState.DECLINED, shift.clock.now(), reason="busy")
    [over] = await shift.rows(escalations, escalations.c.kind == "operational")
    assert over.state == "resolved"


async def test_an_item_that_a_third_person_holds_by_now_does_not_change_hands(shift: House) -> None:
    id = await held(shift, shift.clinic.chi)
    offer = await offered(shift, id)
    shift.clock.time += timedelta(minutes=11)
    assert (await claim_escalation(shift.database, sol(shift), id, shift.clock.now())).won
    assert await answer_hand_over(shift.database, omar(shift), offer, HandOverState.ACCEPTED, shift.clock.now()) is HandOverState.VOID
    assert await item(shift, id) == ("claimed", shift.clinic.sol.id)


async def test_who_may_no_longer_judge_what_was_offered_does_not_take_it(shift: House) -> None:
    item_id = await held(shift, shift.clinic.ana)
    line_id = await offered(shift, item_id)
    coordinator = replace(omar(shift), role=Role.COORDINATOR)
    with pytest.raises(Refused, match="asks for a nurse's judgement"):
        await answer_hand_over(shift.database, coordinator, line_id, HandOverState.ACCEPTED, shift.clock.now())
    assert await item(shift, item_id) == ("claimed", shift.clinic.nora.id)
    assert await line(shift, line_id) == "offered"


@pytest.mark.parametrize("urgency", [Urgency.EMERGENCY, Urgency.URGENT])
async def test_no_shift_ends_with_danger_in_hand_not_even_when_it_is_offered(shift: House, urgency: Urgency) -> None:
    id = await held(shift, shift.clinic.chi, urgency)
    offer = await offered(shift, id)
    left = await end_shift(shift.database, nora(shift), shift.clock.now())
    assert [one.id for one in left.blocked_by] == [id]
    assert [one.offered_to for one in left.blocked_by] == ["Omar"]
    assert "shift_ended" not in [row.action for row in await shift.rows(audit_events)]
    await answer_hand_over(shift.database, omar(shift), offer, HandOverState.ACCEPTED, shift.clock.now())
    assert not (await end_shift(shift.database, nora(shift), shift.clock.now())).blocked_by
    assert "shift_ended" in [row.action for row in await shift.rows(audit_events)]


async def test_the_rest_goes_back_to_the_pool_unless_somebody_was_asked_for_it(shift: House) -> None:
    back = await held(shift, shift.clinic.chi, Urgency.SAME_DAY)
    kept = await held(shift, shift.clinic.ben, Urgency.ROUTINE)
    await offered(shift, kept)
    left = await end_shift(shift.database, nora(shift), shift.clock.now())
    assert (left.blocked_by, left.given_back) == ((), 1)
    assert (await item(shift, back))[0] == "open"
    assert await item(shift, kept) == ("claimed", shift.clinic.nora.id)
    [row] = await shift.rows(escalation_events, escalation_events.c.what == "released")
    assert row.detail["why"] == "shift_end"


async def test_a_patient_without_an_item_is_handed_over_too(shift: House) -> None:
    offer = Offer(None, shift.clinic.ana.id, shift.clinic.omar.id, WORDS)
    id = await offer_hand_over(shift.database, nora(shift), offer, shift.clock.now())
    eva = Offer(None, shift.clinic.eva.id, shift.clinic.omar.id, WORDS)
    with pytest.raises(NotFound):
        await offer_hand_over(shift.database, nora(shift), eva, shift.clock.now())
    shift.clock.time += timedelta(minutes=31)
    await due(shift)
    assert await line(shift, id) == "overdue"
    assert await shift.rows(pages) == [], "nobody is woken for a patient to watch"
    await answer_hand_over(shift.database, omar(shift), id, HandOverState.ACCEPTED, shift.clock.now())
    assert await line(shift, id) == "accepted"


async def test_an_item_that_is_closed_meanwhile_needs_nobody(shift: House) -> None:
    id = await held(shift, shift.clinic.chi)
    offer = await offered(shift, id)
    async with shift.database.transaction() as connection:
        await connection.execute(escalations.update().where(escalations.c.id == id).values(state="resolved"))
    shift.clock.time += timedelta(minutes=11)
    await due(shift)
    assert await line(shift, offer) == "void"
    assert await shift.rows(escalations, escalations.c.kind == "operational") == []


async def put_off(house: House, person: Person, urgency: Urgency, **by: float) -> UUID:
    """An item that Nora has put off for so long."""
    id, until = await held(house, person, urgency), house.clock.now() + timedelta(**by)
    async with house.database.transaction() as connection:
        asleep = update(escalations).where(escalations.c.id == id)
        await connection.execute(asleep.values(state="snoozed", snoozed_until=until, claimed_until=None, version=escalations.c.version + 1))
    return id


async def test_what_is_put_off_sleeps_on_in_the_name_of_whoever_takes_it_over(shift: House) -> None:
    id = await put_off(shift, shift.clinic.chi, Urgency.SAME_DAY, hours=3)
    offer = await offered(shift, id)
    await answer_hand_over(shift.database, omar(shift), offer, HandOverState.ACCEPTED, shift.clock.now())
    [row] = await shift.rows(escalations, escalations.c.id == id)
    assert (row.state, row.claimed_by, row.snoozed_until) == ("snoozed", shift.clinic.omar.id, shift.clock.now() + timedelta(hours=3))
    left = await end_shift(shift.database, nora(shift), shift.clock.now())
    assert (left.blocked_by, left.given_back) == ((), 0)


@pytest.mark.law(2)
async def test_an_item_that_wakes_while_it_is_offered_keeps_its_line(shift: House) -> None:
    id = await put_off(shift, shift.clinic.chi, Urgency.SAME_DAY, minutes=5)
    offer = await offered(shift, id)
    shift.clock.time += timedelta(minutes=6)
    await release_leases(shift.database, shift.knowledge, shift.clock.now())
    assert await item(shift, id) == ("open", None)
    assert await line(shift, offer) == "offered"
    await answer_hand_over(shift.database, omar(shift), offer, HandOverState.ACCEPTED, shift.clock.now())
    assert await item(shift, id) == ("claimed", shift.clinic.omar.id)


@pytest.mark.law(10)
async def test_whoever_left_the_team_sees_nothing_of_its_patients_on_the_page(shift: House) -> None:
    await held(shift, shift.clinic.ana, Urgency.SAME_DAY)
    await put_off(shift, shift.clinic.chi, Urgency.SAME_DAY, hours=3)
    await offered(shift, await held(shift, shift.clinic.ben, Urgency.SAME_DAY))
    gone, asked = replace(nora(shift), team_ids=(shift.clinic.team_b,)), replace(omar(shift), team_ids=(shift.clinic.team_b,))
    page = await view_hand_over(shift.database, nora(shift), shift.clock.now())
    assert (len(page.held), len(page.waking), len(page.given)) == (2, 1, 1)
    assert len((await view_hand_over(shift.database, omar(shift), shift.clock.now())).asked) == 1
    page = await view_hand_over(shift.database, gone, shift.clock.now())
    assert (page.held, page.waking, page.given) == ((), (), ())
    assert (await view_hand_over(shift.database, asked, shift.clock.now())).asked == ()
    assert await end_shift(shift.database, gone, shift.clock.now()) == Left()


async def test_danger_that_is_put_off_keeps_a_shift_from_ending_and_the_rest_sleeps_on(shift: House) -> None:
    calm = await put_off(shift, shift.clinic.ben, Urgency.SAME_DAY, hours=3)
    id = await put_off(shift, shift.clinic.chi, Urgency.URGENT, minutes=15)
    left = await end_shift(shift.database, nora(shift), shift.clock.now())
    assert [one.id for one in left.blocked_by] == [id]
    await answer_hand_over(shift.database, omar(shift), await offered(shift, id), HandOverState.ACCEPTED, shift.clock.now())
    assert await end_shift(shift.database, nora(shift), shift.clock.now()) == Left()
    assert await item(shift, calm) == ("snoozed", shift.clinic.nora.id)
