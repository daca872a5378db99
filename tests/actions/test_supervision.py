"""A supervisor's figures and the weekly self-report: what was measured, frozen once, and replies that are read again."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, update

from service.actions.judge_sample import judge_sample
from service.actions.make_reports import make_reports
from service.actions.refusal import NotFound, Refused
from service.actions.view_supervision import BURST, Span, bursts_of, view_supervision
from service.db.check_in import check_ins, enrollments
from service.db.communication import communications
from service.db.escalation import concerns, escalation_events, escalations
from service.db.schema import new_id
from service.db.self_reports import sampled_replies, self_reports
from service.domain.escalation import Kind
from service.domain.self_report import Verdict, last_week, percentile, week_span
from service.domain.staff import Role
from service.domain.urgency import Urgency
from tests.actions.crew import crew_of, member
from tests.actions.house import MONDAY, House
from tests.seed import Person, seed_item

MINUTE = timedelta(minutes=1)


def test_a_percentile_is_a_time_that_somebody_has_waited() -> None:
    chance = random.Random(7)
    values = sorted(chance.uniform(0, 1000) for _ in range(997))
    for part in (0.5, 0.95):
        found = percentile(values, part)
        assert found is not None
        at_or_below = sum(value <= found for value in values)
        assert at_or_below >= part * len(values) > at_or_below - 1
    assert percentile([], 0.5) is None
    assert [percentile([3.0], 0.5), percentile([3.0], 0.95)] == [3.0, 3.0]
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.0


def test_a_week_is_reported_from_monday_three_in_the_morning_on() -> None:
    zone = "America/New_York"
    begins, ends = week_span(date(2026, 10, 26), zone)
    assert ends - begins == timedelta(days=7, hours=1), "the clocks went back in it"
    assert last_week(ends + timedelta(hours=2, minutes=59), zone) is None
    assert last_week(ends + timedelta(hours=3), zone) == date(2026, 10, 26)


def test_a_storm_is_ten_of_a_rule_within_an_hour() -> None:
    few = [("a", MONDAY)] * (BURST - 1)
    assert bursts_of(few) == []
    assert bursts_of([*few, ("a", MONDAY + MINUTE)]) == [("a", BURST, MONDAY.replace(minute=0))]


async def item(
    house: House, person: Person, opened: Any, *, taken: int, answered: int, urgency: Urgency = Urgency.URGENT, **more: Any
) -> UUID:
    """An item that Nora took and answered so many minutes after it was opened, and that is closed then."""
    id = await seed_item(house.database, person, opened)
    rows = [("claimed", taken), ("call_attempt", answered), ("resolved", answered + 5)]
    async with house.database.transaction() as connection:
        for what, minutes in rows:
            at = opened + minutes * MINUTE
            row = {"id": new_id(at), "organization_id": house.clinic.organization_id, "escalation_id": id, "at": at, "what": what}
            await connection.execute(insert(escalation_events).values(**row, staff_id=house.clinic.nora.id, detail={}))
        closed = {"state": "resolved", "resolved_at": opened + (answered + 5) * MINUTE, "disposition": "advice_given", **more}
        await connection.execute(update(escalations).where(escalations.c.id == id).values(closed))
    return id


async def test_a_supervisor_sees_pace_load_yield_and_what_waits_of_her_teams_only(house: House) -> None:
    await crew_of(house.database, house.clinic, MONDAY)
    sol, now = member(house.clinic, house.clinic.sol, Role.SUPERVISOR), house.clock.now()
    since = now - timedelta(minutes=100)
    await item(house, house.clinic.ana, since, taken=2, answered=10)
    await item(house, house.clinic.ben, since, taken=4, answered=70, disposition="no_action_needed")
    dismissed = await item(house, house.clinic.dov, since, taken=6, answered=20)
    async with house.database.transaction() as connection:
        await connection.execute(update(concerns).where(concerns.c.escalation_id == dismissed).values(useful=False))
    await seed_item(house.database, house.clinic.chi, since, urgency=Urgency.EMERGENCY, due_in=timedelta(minutes=15))
    await seed_item(house.database, house.clinic.eva, since, urgency=Urgency.URGENT)
    await seed_item(house.database, house.clinic.fay, since, kind=Kind.OPERATIONAL)

    found = await view_supervision(house.database, sol, house.clinic.team_a, Span.TODAY, now)
    [pace] = [one for one in found.pace if one.urgency is Urgency.URGENT]
    assert (pace.items, pace.taken_median, pace.taken_95) == (3, 240.0, 360.0)
    assert (pace.contact_median, pace.contact_95) == (20 * 60.0, 70 * 60.0)
    assert (pace.judged, pace.kept) == (3, 2), "one was answered after its hour"
    [emergency] = [one for one in found.pace if one.urgency is Urgency.EMERGENCY]
    assert (emergency.items, emergency.judged, emergency.kept) == (1, 1, 0), "nobody has answered, and its time is over"
    assert [(one.urgency, one.many, one.late) for one in found.waiting if one.many] == [(Urgency.EMERGENCY, 1, 1)]
    [rule] = found.yields
    assert (rule.rule, rule.fired, rule.closed, rule.acted_on, rule.dismissed) == ("heart_failure.swelling", 4, 3, 1, 1)
    [nora] = [one for one in found.load if one.name == "Nora"]
    assert (nora.held, nora.closed) == (0, 3)
    assert [one.team for one in found.on_call] == ["Team A"]
    assert len(found.storms) == 1

    both = await view_supervision(house.database, sol, None, Span.TODAY, now)
    assert sum(one.many for one in both.waiting) == 2
    other = await view_supervision(house.database, sol, house.clinic.team_b, Span.MONTH, now)
    assert [one.items for one in other.pace] == [0, 1, 0, 0]
    for stranger in (member(house.clinic, house.clinic.nora, Role.NURSE), member(house.clinic, house.clinic.ada, Role.ADMINISTRATOR)):
        with pytest.raises(NotFound):
            await view_supervision(house.database, stranger, None, Span.TODAY, now)


async def test_last_weeks_figures_are_frozen_once_and_hold_every_language_and_channel(house: House) -> None:
    now = MONDAY  # 10 in the morning: last week is over
    week = now - timedelta(days=5)
    await enrolled(house, house.clinic.ana, week, ["answered", "answered", "silent"])
    await enrolled(house, house.clinic.eva, week, ["partly", "planned"])
    await item(house, house.clinic.ana, week, taken=3, answered=12)
    async with house.database.transaction() as connection:
        await connection.execute(update(concerns).values(rule="weekly.how.not_understood"))
        for words in ("fine", "all good"):
            await connection.execute(insert(communications).values(**text(house, house.clinic.ben, words, week)))
    assert await make_reports(house.database, now) == 1
    assert await make_reports(house.database, now + timedelta(days=1)) == 0
    [report] = await house.rows(self_reports)
    everything, team_a = report.figures["all"], report.figures[str(house.clinic.team_a)]
    assert report.week == (now - timedelta(days=7)).date()
    assert everything["answers"] == {"all": [4, 3], "en/sms": [3, 2], "es/sms": [1, 1]}
    assert team_a["answers"] == {"all": [3, 2], "en/sms": [3, 2]}
    assert everything["readings"] == {"all": [3, 1], "en/sms": [3, 1]}
    assert everything["pace"]["urgent"] == {
        "items": 1,
        "taken_median": 180.0,
        "taken_95": 180.0,
        "contact_median": 720.0,
        "contact_95": 720.0,
        "judged": 1,
        "kept": 1,
    }
    assert everything["patient_weeks"] == {"en": 1, "es": 1}
    assert everything["items"] == {"en": 1}
    before = report.figures
    await item(house, house.clinic.dov, week, taken=1, answered=2)
    await make_reports(house.database, now + timedelta(hours=1))
    [report] = await house.rows(self_reports)
    assert report.figures == before


async def test_a_reply_that_was_missed_becomes_an_item_when_a_nurse_reads_it_again(house: House) -> None:
    week = MONDAY - timedelta(days=5)
    async with house.database.transaction() as connection:
        for person, words in ((house.clinic.ben, "fine"), (house.clinic.eva, "no puedo respirar")):
            await connection.execute(insert(communications).values(**text(house, person, words, week)))
    await make_reports(house.database, MONDAY)
    sampled = {row.patient_id: row.id for row in await house.rows(sampled_replies)}
    assert set(sampled) == {house.clinic.ben.id, house.clinic.eva.id}
    nora, omar = member(house.clinic, house.clinic.nora, Role.NURSE), member(house.clinic, house.clinic.omar, Role.NURSE)
    with pytest.raises(NotFound):
        await judge_sample(house.database, nora, sampled[house.clinic.eva.id], Verdict.MISSED, MONDAY)
    await judge_sample(house.database, nora, sampled[house.clinic.ben.id], Verdict.RIGHT, MONDAY)
    assert await house.rows(escalations) == []
    await judge_sample(house.database, omar, sampled[house.clinic.eva.id], Verdict.MISSED, MONDAY)
    [opened] = await house.rows(escalations)
    assert (opened.patient_id, opened.urgency_rank, opened.state) == (house.clinic.eva.id, Urgency.URGENT.rank, "open")
    with pytest.raises(Refused, match="judged this message already"):
        await judge_sample(house.database, omar, sampled[house.clinic.eva.id], Verdict.RIGHT, MONDAY)


def text(house: House, person: Person, words: str, at: Any) -> dict[str, Any]:
    """A patient's words that came in."""
    plain = {"direction": "in", "channel": "sms", "purpose": "reply", "lane": "routine", "status": "received", "body": words}
    whose = {"organization_id": house.clinic.organization_id, "patient_id": person.id, "phone_id": person.phone_id}
    return {"id": new_id(at), **whose, **plain, "created_at": at, "status_at": at}


async def enrolled(house: House, person: Person, week: Any, ends: list[str]) -> None:
    """A programme of this patient with check-ins of that week that ended so."""
    id, organization_id = new_id(week), house.clinic.organization_id
    async with house.database.transaction() as connection:
        row = {"id": id, "organization_id": organization_id, "patient_id": person.id, "programme": "weekly", "flow": "how_are_you"}
        when = {"rule": "FREQ=DAILY", "wall_time": week.time(), "starts_on": week.date(), "stops_on": (week + timedelta(days=90)).date()}
        await connection.execute(insert(enrollments).values(**row, **when, high_risk=False, status="active", created_at=week))
        for slot, status in enumerate(ends):
            made = {"id": new_id(week), "organization_id": organization_id, "patient_id": person.id, "enrollment_id": id}
            more = {"local_date": week.date(), "slot": slot, "due_at": week, "useful_until": week, "status": status}
            await connection.execute(insert(check_ins).values(**made, **more, started_at=None if status == "planned" else week))
