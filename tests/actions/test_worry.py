"""A nurse's gut feeling: for 48 hours silence counts sooner, check-ins come daily, and the hand-over begins with the patient."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from service.actions.plan_check_ins import plan_check_ins
from service.actions.worry import end_worry, press_worry
from service.db.check_in import check_ins, flow_sessions
from service.db.escalation import concerns
from service.domain.staff import Role, Staff
from service.domain.urgency import by_rank
from service.engine import Session
from tests.actions.crew import member
from tests.actions.house import House, content

FLOW = "heart_failure/daily"
SILENCE = content().flows[FLOW].silence


def nora(house: House) -> Staff:
    return member(house.clinic, house.clinic.nora, Role.NURSE)


async def press(house: House) -> None:
    await press_worry(house.database, nora(house), house.clinic.chi.id, "", house.clock.now())


async def silences(house: House) -> list[str]:
    return [by_rank(one.urgency_rank).value for one in await house.rows(concerns) if one.rule == f"{FLOW}.silence"]


async def asked_and_reminded(house: House) -> None:
    await house.start_flow(house.clinic.chi)
    await house.silence(minutes=SILENCE.remind_after)


@pytest.mark.law(2)
@pytest.mark.parametrize("why", ["worried", "long ago", "taken back"])
async def test_silence_counts_sooner_for_48_hours_unless_it_is_taken_back(house: House, why: str) -> None:
    await press(house)
    if why == "taken back":
        assert await end_worry(house.database, nora(house), house.clinic.chi.id, house.clock.now())
    house.clock.time += timedelta(hours=49 if why == "long ago" else 1)
    await asked_and_reminded(house)
    await house.silence(minutes=SILENCE.silent_after_high_risk - SILENCE.remind_after)
    assert await silences(house) == ([SILENCE.urgency_high_risk.value] if why == "worried" else [])
    await house.silence(minutes=SILENCE.silent_after - SILENCE.silent_after_high_risk)
    assert len(await silences(house)) == 1


@pytest.mark.law(2)
@pytest.mark.parametrize(("pressed_after", "silent_after"), [(4 * 60, SILENCE.silent_after_high_risk), (6 * 60, 6 * 60 + 30)])
async def test_a_check_in_that_waits_already_is_not_waited_for_as_long(house: House, pressed_after: int, silent_after: int) -> None:
    """Its reminder has gone out: it would have been waited for by the longer time that was set then."""
    await asked_and_reminded(house)
    await house.silence(minutes=pressed_after - SILENCE.remind_after)
    await press(house)
    [row] = await house.rows(flow_sessions)
    assert Session.from_json(row.state).wait_until == row.waits_until
    await house.silence(minutes=silent_after - pressed_after - 1)
    assert await silences(house) == []
    await house.silence(minutes=1)
    assert await silences(house) == [SILENCE.urgency_high_risk.value]


async def test_a_check_in_that_has_not_been_reminded_of_is_reminded_of_in_its_time(house: House) -> None:
    await house.start_flow(house.clinic.chi)
    [before] = await house.rows(flow_sessions)
    await press(house)
    [after] = await house.rows(flow_sessions)
    assert (after.waits_until, after.state) == (before.waits_until, before.state)


async def test_check_ins_come_daily_for_two_days_whatever_the_programme_says_and_then_as_before(house: House) -> None:
    flow = content().flows[FLOW]
    await house.enroll(house.clinic.chi, flow, rule="weekly")
    await house.publish(flow, approved=True)
    await press(house)
    for _ in range(9):
        await plan_check_ins(house.database, house.knowledge, house.clock.now())
        house.clock.time += timedelta(days=1)
    days = sorted(row.local_date for row in await house.rows(check_ins))
    assert days[:3] == [date(2026, 11, 24), date(2026, 11, 25), date(2026, 12, 1)]
