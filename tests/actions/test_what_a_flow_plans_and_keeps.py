"""What a check-in leaves in the database besides questions: an extra check-in, another cadence, a kept answer, a lesson, a re-check."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from service.actions.change_cadence import change_cadence
from service.db.changes import Changes
from service.db.check_in import check_ins, enrollments, flow_sessions
from service.db.communication import communications
from service.db.contexts import load_contexts
from service.db.escalation import concerns, escalations
from service.db.observation import observations
from service.domain.event import CadenceQuickened, FollowUpPlanned
from service.domain.urgency import Urgency
from tests.actions.house import MONDAY, House, content
from tests.flows.model import KINDS

CHI = "+12025550103"
TUESDAY = date(2026, 11, 24)


async def begin(house: House) -> None:
    """The check-in with every kind of step has asked its first question."""
    enrollment = await house.enroll(house.clinic.chi, KINDS, rule=KINDS.cadence)
    await house.check_in(house.clinic.chi, KINDS, enrollment)


async def answer(house: House, *texts: str) -> None:
    for text in texts:
        house.clock.time += timedelta(minutes=2)
        await house.text(CHI, text)


async def test_an_extra_check_in_is_planned_for_its_day(house: House) -> None:
    await begin(house)
    await answer(house, "110", "no", "0", "0", "yes", "2")
    [place] = await house.rows(enrollments)
    assert place.rule == f"{KINDS.cadence}, once on {TUESDAY}"
    assert (place.planned_through, place.status) == (None, "active"), "the next planning plans it anew"
    assert [row.rule for row in await house.rows(concerns)] == ["shared_kit/every_kind.lost_kit"]


async def test_an_answer_is_kept_under_the_name_that_the_flow_gives_it(house: House) -> None:
    await begin(house)
    await answer(house, "110", "no", "0", "0", "yes", "1")
    [kept] = await house.rows(observations, observations.c.kind == "answer")
    [check_in] = await house.rows(check_ins)
    assert (kept.name, kept.detail, kept.check_in_id) == ("kit", "at_home", check_in.id)
    assert await house.rows(concerns) == []
    assert check_in.status == "answered"


async def test_the_next_check_in_knows_what_the_last_one_kept(house: House) -> None:
    flow = content().flows["depression/phq"]
    enrollment = await house.enroll(house.clinic.chi, flow)
    for scores in ("120000000", "120000011", "120001111"):
        await house.check_in(house.clinic.chi, flow, enrollment)
        await answer(house, *scores[:-1])
        await answer(house, scores[-1])
        await answer(house, "no" if scores[-1] == "0" else "yes", "no")
        house.clock.time += timedelta(days=14)
    kept = await house.rows(observations, observations.c.kind == "answer", observations.c.name == "phq_total")
    assert [(row.detail, row.value) for row in kept] == [("total", 3), ("total", 5), ("total", 7)]
    await house.check_in(house.clinic.chi, flow, enrollment)
    await answer(house, *"120222111")
    risen = [row for row in await house.rows(concerns) if row.rule == "depression/phq.phq_9.risen"]
    assert [row.reason for row in risen] == ["PHQ-9 total of 12, up 5 from 7 the last time"]
    assert risen[0].facts["recorded"][-1][:3] == ["phq_total", "total", 7]


async def test_a_lesson_is_remembered_and_the_next_one_comes_next(house: House) -> None:
    for days, (lesson, words) in enumerate([("look", "Look at your feet"), ("shoes", "Wear shoes")]):
        house.clock.time = MONDAY + timedelta(days=days)
        if days == 0:
            await begin(house)
        else:
            [place] = await house.rows(enrollments)
            await house.check_in(house.clinic.chi, KINDS, place.id)
        await answer(house, "110", "no", "0", "0", "yes", "1")
        newest = (await house.rows(observations, observations.c.kind == "education"))[-1]
        assert (newest.name, newest.detail) == ("feet", lesson)
        said = await house.rows(communications, communications.c.direction == "out", communications.c.purpose == "answer")
        assert words in said[-1].body
    assert len(await house.rows(observations, observations.c.kind == "education")) == 2


async def test_check_ins_come_more_often_again_when_somebody_gets_worse(house: House) -> None:
    await begin(house)
    await answer(house, "301")
    [place] = await house.rows(enrollments)
    assert place.rule == f"{KINDS.cadence}, plus daily from {TUESDAY} for 14 d"
    assert place.planned_through is None
    assert place.stops_on == MONDAY.date() + timedelta(days=60), "the programme lasts no longer for it"


async def test_at_the_edge_they_do_not(house: House) -> None:
    await begin(house)
    await answer(house, "300")
    [place] = await house.rows(enrollments)
    assert place.rule == KINDS.cadence


async def test_a_safety_re_check_without_an_answer_raises_the_urgency_by_one_class(house: House) -> None:
    await begin(house)
    await answer(house, "62")
    [item] = await house.rows(escalations)
    assert item.urgency_rank == Urgency.URGENT.rank
    assert await house.silence(minutes=14) == 0
    assert await house.sent("recheck") == []
    assert await house.silence(minutes=1) == 1
    [recheck] = await house.sent("recheck")
    assert "after the snack" in recheck.body
    assert recheck.useful_until == house.clock.time + timedelta(minutes=30)
    assert await house.silence(minutes=29) == 0
    assert await house.silence(minutes=1) == 1
    [item] = await house.rows(escalations)
    assert item.urgency_rank == Urgency.EMERGENCY.rank
    assert (await house.rows(concerns))[-1].rule == "shared_kit/every_kind.again.no_recheck"
    [session] = await house.rows(flow_sessions)
    assert (session.status, session.state["left_open"]) == ("ended", "again")
    house.clock.time += timedelta(minutes=5)
    await house.text(CHI, "102")
    [late] = await house.rows(observations, observations.c.value == 102)
    assert late.check_in_id == session.check_in_id, "an answer that comes after all is put to the re-check"
    assert len(await house.rows(escalations)) == 1


async def test_two_changes_of_the_dates_in_one_transaction_both_count(house: House) -> None:
    chi = house.clinic.chi
    enrollment = await house.enroll(chi, KINDS, rule=KINDS.cadence)
    async with house.database.transaction() as connection:
        context = (await load_contexts(connection, [chi.id], house.clock.now()))[chi.id]
        changes = Changes(house.clock.now())
        for flow, days in ((KINDS.key, 1), ("other/flow", 1), ("other/flow", 2)):
            event = FollowUpPlanned("again", flow, days)
            context = change_cadence(changes, context, enrollment, event)
        change_cadence(changes, context, enrollment, CadenceQuickened(1, 14))
        await changes.write(connection)
    own, other = await house.rows(enrollments)
    assert own.rule == f"{KINDS.cadence}, plus daily from {TUESDAY} for 14 d, once on {TUESDAY}"
    assert (other.flow, other.rule, other.stops_on) == ("flow", "once on 2026-11-25", date(2026, 11, 25))


@pytest.mark.law(1)
async def test_dates_that_cannot_be_changed_keep_no_red_flag_back(house: House) -> None:
    """The enrollment's dates are those of an earlier version of the flow: without phases, so that there is none to go back to."""
    enrollment = await house.enroll(house.clinic.chi, KINDS, rule="days 1, 7, 14")
    await house.check_in(house.clinic.chi, KINDS, enrollment)
    await answer(house, "301")
    told = [row.rule for row in await house.rows(concerns)]
    assert "machine.check_ins_not_planned" in told
    assert "glucose_300" in told
    assert "machine.not_read" not in told
    [place] = await house.rows(enrollments)
    assert place.rule == "days 1, 7, 14"
