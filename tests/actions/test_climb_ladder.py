"""The ladder with people on it: who is paged when, who stands in, what a change of the rota does; on both databases."""

from __future__ import annotations

from datetime import date, time, timedelta
from itertools import product

import pytest
from sqlalchemy import delete

from service.actions.acknowledge_page import acknowledge_page
from service.actions.change_rota import change_rota
from service.actions.claim_escalation import claim_escalation
from service.actions.follow_up_safety_texts import follow_up_safety_texts
from service.actions.refusal import Refused
from service.actions.release_escalation import release_escalation
from service.actions.release_leases import release_leases
from service.actions.set_ladder import set_ladder
from service.actions.set_staff_paging import set_staff_paging
from service.db import rota
from service.db.changes import Changes
from service.db.communication import communications
from service.db.escalation import escalation_events, escalations
from service.db.organization import teams
from service.db.rota import rota_shifts
from service.domain.communication import Purpose, Status
from service.domain.escalation import Reached, State
from service.domain.ladder import Ladder, Rung, Whom
from service.domain.rota import Override, OverrideKind, RotaRole, RotaShift
from service.domain.staff import Role
from service.domain.urgency import Urgency
from tests.actions.climbing import ask, both, item, outcome, paged, problems, work
from tests.actions.crew import NORA, OMAR, SOL, member
from tests.jobs.world import World
from tests.seed import Member

pytestmark = pytest.mark.usefixtures("on_call")

TEAM = "+12025550191"


async def test_an_unacknowledged_emergency_climbs_every_five_minutes_to_somebody_else_then_to_the_lead(world: World) -> None:
    await item(world)
    for minute in range(16):
        await work(world)
        if minute == 4:
            assert await paged(world) == both(0, NORA)
        world.clock.forward(minutes=1)
    assert await paged(world) == [*both(0, NORA), *both(1, OMAR), *both(2, SOL), *both(3, NORA)]
    assert [text.to for text in world.provider.calls] == [NORA, OMAR, SOL, NORA]


async def test_an_urgent_item_is_paged_by_text_then_called_then_passed_on(world: World) -> None:
    await item(world, Urgency.URGENT)
    for _ in range(46):
        await work(world)
        world.clock.forward(minutes=1)
    assert await paged(world) == [(0, NORA, "text"), (1, NORA, "call"), *both(2, OMAR), *both(3, SOL)]


async def test_a_same_day_item_pages_the_lead_half_an_hour_before_it_is_due_and_no_earlier(world: World) -> None:
    item_id = await item(world, Urgency.SAME_DAY)
    await world.set(escalations, item_id, due_at=world.now + timedelta(hours=3))
    await work(world)
    world.clock.forward(minutes=149)
    await work(world)
    assert await paged(world) == []
    world.clock.forward(minutes=1)
    await work(world)
    assert await paged(world) == [(0, SOL, "text")]


@pytest.mark.law(2)
@pytest.mark.parametrize("how", ["given back", "lapsed", "woken"])
@pytest.mark.parametrize(("minutes", "begun"), [(60, False), (160, True)])
async def test_a_same_day_item_that_comes_back_to_the_pool_is_unseen_and_its_ladder_goes_on_in_its_time(
    world: World, how: str, minutes: int, begun: bool
) -> None:
    item_id = await item(world, Urgency.SAME_DAY)
    await world.set(escalations, item_id, due_at=world.now + timedelta(hours=3))
    await work(world)
    nora = member(world.clinic, world.clinic.nora, Role.NURSE)
    assert (await claim_escalation(world.database, nora, item_id, world.now)).won
    back = world.now + timedelta(minutes=minutes)
    asleep = {"state": State.SNOOZED, "snoozed_until": back} if how == "woken" else {"claimed_until": back}
    await world.set(escalations, item_id, **asleep)
    for _ in range(minutes):
        world.clock.forward(minutes=1)
        await work(world)
    assert await paged(world) == [], "its holder has it"
    if how == "given back":
        await release_escalation(world.database, nora, item_id, world.now)
    else:
        await release_leases(world.database, world.knowledge, world.now)
    await work(world)
    [row] = await world.rows(escalations, escalations.c.id == item_id)
    assert (row.state, row.acknowledged_at) == (State.OPEN, None)
    assert await paged(world) == ([(0, SOL, "text")] if begun else []), "no page before its time"
    world.clock.forward(minutes=max(0, 150 - minutes))
    await work(world)
    assert await paged(world) == [(0, SOL, "text")]


async def test_a_page_says_no_name_and_nothing_of_health(world: World) -> None:
    item_id = await item(world)
    await work(world)
    [text] = world.provider.calls
    assert text.body == f"Rounds: EMERGENCY item, C.C., answer by 11:00 am. Open: http://localhost:8080/items/{item_id}"


async def test_a_page_about_nobody_who_is_known_says_so(world: World) -> None:
    item_id = await item(world, known=False)
    await work(world)
    [text] = world.provider.calls
    assert text.body == f"Rounds: EMERGENCY item, no known patient, answer by 11:00 am. Open: http://localhost:8080/items/{item_id}"


async def test_whoever_is_on_call_at_the_instant_of_the_page_gets_it(world: World) -> None:
    swap = Override(
        OverrideKind.SWAP, world.now + timedelta(minutes=3), world.now + timedelta(hours=8), world.clinic.nora.id, world.clinic.omar.id
    )
    await change_rota(world.database, world.clinic.team_a, [swap], world.now, by=member(world.clinic, world.clinic.sol, Role.SUPERVISOR))
    await item(world)
    await work(world)
    world.clock.forward(minutes=5)
    await work(world)
    assert await paged(world) == [*both(0, NORA), *both(1, NORA)], "the back-up is Nora since the swap began"


async def test_a_change_of_the_ladder_is_for_later_items(world: World) -> None:
    await item(world)
    await work(world)
    await set_ladder(world.database, world.clinic.team_a, Urgency.EMERGENCY, Ladder((Rung(0, Whom.SUPERVISOR),), 5), world.now)
    world.clock.forward(minutes=5)
    await work(world)
    assert await paged(world) == [*both(0, NORA), *both(1, OMAR)]


async def test_worse_news_begins_the_more_urgent_ladder_at_once(world: World) -> None:
    item_id = await item(world, Urgency.URGENT)
    await work(world)
    await world.set(escalations, item_id, urgency_rank=Urgency.EMERGENCY.rank, acknowledged_at=None)
    await ask(world, item_id, "start", Urgency.EMERGENCY)
    await work(world)
    assert await paged(world) == [(0, NORA, "text"), *both(1, NORA)]
    for _ in range(3):
        world.clock.forward(minutes=5)
        await work(world)
    assert (await paged(world))[3:] == [*both(2, OMAR), *both(3, SOL), *both(4, NORA)], "the urgent ladder's own steps page nobody any more"


async def test_new_words_page_the_same_people_again_and_put_no_step_off(world: World) -> None:
    item_id = await item(world)
    await work(world)
    for _ in range(2):
        world.clock.forward(minutes=2)
        await ask(world, item_id, "again", Urgency.EMERGENCY)
        await work(world)
    assert [rung for rung, _, channel in await paged(world) if channel == "text"] == [0, 0, 0]
    world.clock.forward(minutes=1)
    await work(world)
    assert (await paged(world))[-2:] == both(1, OMAR)
    for _ in range(4):
        world.clock.forward(minutes=1)
        await work(world)
    assert (await paged(world))[-2:] == both(1, OMAR), "what was planned with the repeated pages pages nobody twice"


async def test_new_words_are_paged_also_when_a_rung_that_was_paged_before_comes_due_with_them(world: World) -> None:
    item_id = await item(world)
    await work(world)
    world.clock.forward(minutes=2)
    await outcome(world, "call", Status.UNDELIVERED, "no_answer")
    await work(world)
    assert await paged(world) == [*both(0, NORA), *both(1, OMAR)], "before its time: it is due all the same after five minutes"
    world.clock.forward(minutes=3)
    await ask(world, item_id, "again", Urgency.EMERGENCY)
    await work(world)
    assert (await paged(world))[4:] == both(1, OMAR)


async def test_to_acknowledge_stops_the_ladder_and_not_to_claim_lets_it_go_on_to_the_next_person(world: World) -> None:
    item_id = await item(world)
    await work(world)
    nora = member(world.clinic, world.clinic.nora, Role.NURSE)
    await acknowledge_page(world.database, nora, item_id, world.now)
    for _ in range(14):
        world.clock.forward(minutes=1)
        await work(world)
        await release_leases(world.database, world.knowledge, world.now)
    assert await paged(world) == both(0, NORA)
    world.clock.forward(minutes=1)
    await release_leases(world.database, world.knowledge, world.now)
    assert (await paged(world))[2:] == both(1, OMAR)


@pytest.mark.parametrize("code", ["no_answer", "busy", "declined", "pin_refused"])
async def test_who_cannot_be_reached_by_call_or_passes_it_on_is_followed_at_once(world: World, code: str) -> None:
    await item(world)
    await work(world)
    await outcome(world, "call", Status.UNDELIVERED, code)
    assert await paged(world) == [*both(0, NORA), *both(1, OMAR)]


async def on_every_duty(world: World, one: Member) -> None:
    """From now on this person is the only one on every duty of team A, as in a small team's nights."""
    changes = Changes(world.now)
    async with world.database.transaction() as connection:
        await connection.execute(delete(rota_shifts))
        crew = (await rota.crews(connection, [world.clinic.team_a], world.now))[world.clinic.team_a]
        for role, day in product((RotaRole.ON_CALL, RotaRole.BACKUP, RotaRole.SUPERVISOR), range(7)):
            rota.add_shift(changes, crew, RotaShift(role, one.id, day, time(), time(), date(2026, 1, 1)))
        await changes.write(connection)


async def test_passing_it_on_rings_somebody_else_though_the_next_rungs_name_the_same_person(world: World) -> None:
    await on_every_duty(world, world.clinic.nora)
    rungs = Ladder((Rung(0, Whom.ON_CALL), Rung(5, Whom.BACKUP), Rung(10, Whom.STAFF, id=world.clinic.omar.id)), 5)
    await set_ladder(world.database, world.clinic.team_a, Urgency.EMERGENCY, rungs, world.now)
    await item(world)
    await work(world)
    await outcome(world, "call", Status.UNDELIVERED, "declined")
    assert await paged(world) == [*both(0, NORA), *both(2, OMAR)]
    await outcome(world, "call", Status.UNDELIVERED, "declined")
    assert await paged(world) == [*both(0, NORA), *both(2, OMAR), *both(3, NORA)], "and round again"
    world.clock.forward(minutes=5)
    await work(world)
    assert (await paged(world))[6:] == both(4, NORA), "by the clock every rung comes, whoever stands on it"


async def test_passing_it_on_with_nobody_else_on_the_ladder_goes_to_the_next_rung_all_the_same(world: World) -> None:
    await on_every_duty(world, world.clinic.nora)
    await item(world)
    await work(world)
    await outcome(world, "call", Status.UNDELIVERED, "declined")
    assert await paged(world) == [*both(0, NORA), *both(1, NORA)]


async def test_whose_text_has_failed_is_still_called_by_the_next_rung(world: World) -> None:
    await item(world, Urgency.URGENT)
    await work(world)
    await outcome(world, "text", Status.UNDELIVERED, "30003")
    assert await paged(world) == [(0, NORA, "text"), (1, NORA, "call")]


async def test_a_text_that_fails_leaves_it_to_the_call_and_both_together_to_the_next_person(world: World) -> None:
    await item(world)
    await work(world)
    await outcome(world, "text", Status.UNDELIVERED, "30003")
    assert await paged(world) == both(0, NORA)
    await outcome(world, "call", Status.FAILED, "no_telephone")
    assert await paged(world) == [*both(0, NORA), *both(1, OMAR)]


async def test_that_the_service_cannot_call_is_nobodys_absence(world: World) -> None:
    await item(world)
    await work(world)
    await outcome(world, "call", Status.FAILED, "no_telephone")
    assert await paged(world) == both(0, NORA), "the text is on its way"


async def test_fault_20_with_nobody_on_call_the_supervisor_is_paged_at_once_and_an_alarm_stands(world: World) -> None:
    sick = Override(OverrideKind.SICK, world.now, world.now + timedelta(hours=8), world.clinic.nora.id)
    await change_rota(world.database, world.clinic.team_a, [sick], world.now)
    item_id = await item(world)
    await work(world)
    assert await paged(world) == both(0, SOL)
    [text] = world.provider.calls
    assert (text.to, str(item_id) in text.body) == (SOL, True)
    [alarm] = await problems(world, "nobody_on_call")
    assert (alarm.urgency_rank, alarm.state) == (Urgency.EMERGENCY.rank, "open")
    assert "gap" in alarm.summary
    assert "nobody_on_call" in [event.what for event in await world.rows(escalation_events)]


async def test_fault_20_with_nobody_at_all_an_alarm_stands_and_the_ladder_keeps_looking(world: World) -> None:
    for one, role in ((world.clinic.nora, Role.NURSE), (world.clinic.omar, Role.NURSE)):
        await set_staff_paging(world.database, member(world.clinic, one, role), phone=None, paged_by="both", pin=None, now=world.now)
    sol = member(world.clinic, world.clinic.sol, Role.SUPERVISOR)
    await set_staff_paging(world.database, sol, phone=None, paged_by="both", pin=None, now=world.now)
    await world.set(teams, world.clinic.team_a, on_call_phone="")  # as a hand in the database might
    await item(world)
    await work(world)
    assert await paged(world) == []
    [alarm] = await problems(world, "ladder_empty")
    assert alarm.urgency_rank == Urgency.EMERGENCY.rank
    await world.set(teams, world.clinic.team_a, on_call_phone=TEAM)
    world.clock.forward(minutes=5)
    await work(world)
    assert [(phone, channel) for _, phone, channel in await paged(world)] == [(TEAM, "text"), (TEAM, "call")]


async def test_a_number_that_is_taken_away_may_not_leave_a_team_without_an_end(world: World) -> None:
    await world.set(teams, world.clinic.team_a, on_call_phone="")
    sol = member(world.clinic, world.clinic.sol, Role.SUPERVISOR)
    with pytest.raises(Refused, match="could end with nobody: set the team's on-call number"):
        await set_staff_paging(world.database, sol, phone=None, paged_by="both", pin=None, now=world.now)
    await set_staff_paging(world.database, sol, phone=SOL, paged_by="text", pin=None, now=world.now)


async def test_a_patient_whom_the_safety_text_has_not_reached_is_followed_up_while_the_ladder_climbs(world: World) -> None:
    item_id = await item(world)
    await world.set(escalations, item_id, reached=Reached.ON_ITS_WAY)
    text_id = await world.text(world.clinic.chi, "Call 911", Purpose.SAFETY, escalation_id=item_id)
    await world.set(communications, text_id, status=Status.UNDELIVERED)
    for minute in range(6):
        await work(world)
        followed = await follow_up_safety_texts(world.database, world.knowledge.follow_through, world.now)
        assert followed == (1 if minute == 2 else 0)
        world.clock.forward(minutes=1)
    [found] = await world.rows(escalations, escalations.c.id == item_id)
    assert found.reached == Reached.NOT_REACHED, "the item says that the patient has had no answer"
    assert await paged(world) == [*both(0, NORA), *both(1, OMAR)]
