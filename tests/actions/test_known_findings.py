"""A finding that a nurse has accepted: told again it raises nothing, worse or more urgent it does, and it ends on its day."""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import cache
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from service.actions.accept_finding import accept_finding, end_acceptance, rules_of
from service.actions.alert_relatives import NEVER_OF
from service.actions.refusal import NotFound, Refused
from service.db.accepted import accepted_findings
from service.db.audit import audit_events
from service.db.check_in import flow_sessions
from service.db.communication import communications
from service.db.escalation import concerns, escalations
from service.db.observation import observations
from service.domain.decision import Fired
from service.domain.known_finding import KnownFinding, figure, is_known, level, may_be_known, why_not_acceptable
from service.domain.staff import Role, Staff
from service.domain.urgency import Urgency
from service.engine import Flow
from tests.actions.house import House, content

SWOLLEN = "my ankles are swollen"


@cache
def rules() -> dict[str, bool]:
    return rules_of(content().tables, content().flows.values())


def nora(house: House, role: Role = Role.NURSE) -> Staff:
    return Staff(house.clinic.nora.id, house.clinic.organization_id, "Nora", role, house.clinic.nora.team_ids)


async def items(house: House) -> list[Any]:
    async with house.database.reading() as connection:
        wanted = select(escalations).where(escalations.c.kind == "clinical", escalations.c.state != "resolved")
        return list((await connection.execute(wanted)).all())


async def accepted_swelling(house: House, until: date = date(2026, 12, 1)) -> UUID:
    """Chi's swelling has raised an item, which Nora has accepted as known and closed."""
    await house.text(house.clinic.chi.number, SWOLLEN)
    [item] = await items(house)
    async with house.database.reading() as connection:
        found = (await connection.execute(select(concerns).where(concerns.c.escalation_id == item.id))).all()
    known = UUID(int=0)
    for one in found:
        known = await accept_finding(
            house.database, nora(house), item.id, one.id, until, "Stable; show me if worse", house.clock.now(), rules()
        )
    async with house.database.transaction() as connection:
        await connection.execute(update(escalations).values(state="resolved", resolved_at=house.clock.now()))
    return known


@pytest.mark.law(2)
async def test_what_is_known_raises_no_item_and_stays_in_the_record(house: House) -> None:
    await accepted_swelling(house)
    house.clock.time += timedelta(days=1)
    await house.text(house.clinic.chi.number, SWOLLEN)
    assert await items(house) == []
    async with house.database.reading() as connection:
        assert len((await connection.execute(select(communications).where(communications.c.direction == "in"))).all()) == 2
        assert len((await connection.execute(select(observations.c.id))).all()) >= 2
        trail = list(await connection.scalars(select(audit_events.c.action)))
    assert "known_finding_told" in trail


@pytest.mark.law(2)
async def test_a_loss_that_goes_on_at_the_same_pace_is_shown_anew(house: House) -> None:
    """Five pounds a week, week after week: the figure stays what was accepted, and the patient is wasting away."""
    chi = house.clinic.chi
    for weight in (190, 184):
        await house.text(chi.number, f"my weight is {weight}")
        house.clock.time += timedelta(days=3)
    [found] = [one for one in await house.rows(concerns) if one.rule.endswith("weight_loss_7d")]
    assert found.measured["change"] == "6"
    await accept_finding(
        house.database, nora(house), found.escalation_id, found.id, date(2026, 12, 20), "Diuretics", house.clock.now(), rules()
    )
    async with house.database.transaction() as connection:
        await connection.execute(update(escalations).values(state="resolved", resolved_at=house.clock.now()))
    await house.text(chi.number, "my weight is 184")
    assert await items(house) == [], "the same weight is what she knows"
    house.clock.time += timedelta(days=3)
    await house.text(chi.number, "my weight is 178")
    [item] = await items(house)
    assert [one.rule for one in await house.rows(concerns, concerns.c.escalation_id == item.id)] == [found.rule]


async def test_what_is_known_leaves_a_line_in_the_trail_in_a_check_in_too(house: House) -> None:
    """The patient, the rules and until when each is accepted; once for each time that it is told."""
    chi, written = house.clinic.chi, content().flows["heart_failure/daily"].to_json()
    weight = next(step for step in written["steps"] if step["key"] == "weight")
    light = {"name": "light", "when": {"value": "weight", "below": "185 lb"}, "urgency": "same_day", "reason": "Light", "source": "zones"}
    weight["red_flags"] = [{**weight["red_flags"][-1], **light, "answer": ""}]
    flow = Flow.from_json(written)
    await house.start_flow(chi, flow)
    await house.text(chi.number, "180")
    [found] = await house.rows(concerns, concerns.c.rule == "heart_failure/daily.weight.light")
    own, now = rules() | {found.rule: False}, house.clock.now()
    await accept_finding(house.database, nora(house), found.escalation_id, found.id, date(2026, 12, 1), "Her own", now, own)
    async with house.database.transaction() as connection:
        await connection.execute(update(escalations).values(state="resolved", resolved_at=house.clock.now()))
        await connection.execute(update(flow_sessions).values(status="ended"))
    house.clock.time += timedelta(days=1)
    await house.start_flow(chi, flow)
    for body in ("180", "no"):
        await house.text(chi.number, body)
    assert await items(house) == []
    [line] = await house.rows(audit_events, audit_events.c.action == "known_finding_told")
    assert (line.patient_id, line.detail) == (chi.id, {"rules": [found.rule], "until": ["2026-12-02T05:00:00+00:00"]})


@pytest.mark.law(8)
async def test_something_more_dangerous_in_the_same_words_is_shown_at_once(house: House) -> None:
    await accepted_swelling(house)
    house.clock.time += timedelta(days=1)
    await house.text(house.clinic.chi.number, f"{SWOLLEN} and I have chest pain")
    [item] = await items(house)
    assert item.urgency_rank == Urgency.EMERGENCY.rank


async def test_an_acceptance_ends_on_its_day_and_when_it_is_taken_back(house: House) -> None:
    known = await accepted_swelling(house, date(2026, 11, 24))
    house.clock.time += timedelta(days=2)
    await house.text(house.clinic.chi.number, SWOLLEN)
    assert len(await items(house)) == 1
    assert await end_acceptance(house.database, nora(house), house.clinic.chi.id, known, house.clock.now())
    assert not await end_acceptance(house.database, nora(house), house.clinic.chi.id, known, house.clock.now())


async def test_only_who_judges_accepts_and_never_an_emergency(house: House) -> None:
    await house.text(house.clinic.chi.number, "I have chest pain")
    [item] = await items(house)
    async with house.database.reading() as connection:
        [worst, *_] = (await connection.execute(select(concerns).order_by(concerns.c.urgency_rank))).all()
    now, day = house.clock.now(), date(2026, 12, 1)
    with pytest.raises(Refused, match="emergency"):
        await accept_finding(house.database, nora(house), item.id, worst.id, day, "stable", now, rules())
    with pytest.raises(NotFound):
        await accept_finding(house.database, nora(house, Role.COORDINATOR), item.id, worst.id, day, "stable", now, rules())
    omar = Staff(house.clinic.omar.id, house.clinic.organization_id, "Omar", Role.NURSE, house.clinic.omar.team_ids)
    with pytest.raises(NotFound):
        await accept_finding(house.database, omar, item.id, worst.id, day, "stable", now, rules())


def fired(urgency: Urgency = Urgency.SAME_DAY, answer: str = "", **measured: str) -> Fired:
    return Fired("a.rule", "1", urgency, "", "", answer=answer, measured=measured)


def test_nothing_of_despair_violence_or_death_can_ever_be_known() -> None:
    """Every rule of the urgency table and of the flows, by what it says and what it answers."""
    flows = content().flows.values()
    flagged = [(flow.rule(step, flag), flag.answer) for flow in flows for step in flow.questions for flag in step.red_flags]
    rules = [*((rule, rule.answer) for rule in content().tables.rules), *flagged]
    grave = re.compile(r"suicid|self-harm|abuse|death|harm to others|hurt (your|them)sel|not safe|has died", re.IGNORECASE)
    found = [rule for rule, answer in rules if answer in NEVER_OF or grave.search(rule.reason)]
    assert len(found) >= 8
    assert [rule.id for rule in found if may_be_known(rule.id, Urgency.ROUTINE, 1.0)] == []


async def test_an_urgent_finding_is_known_for_three_days_at_most_and_only_with_a_figure(house: House) -> None:
    await house.text(house.clinic.chi.number, SWOLLEN)
    [item] = await items(house)
    async with house.database.reading() as connection:
        [one, *_] = (await connection.execute(select(concerns))).all()

    async def accept(until: date, **values: object) -> UUID:
        async with house.database.transaction() as connection:
            await connection.execute(update(concerns).where(concerns.c.id == one.id).values(urgency_rank=Urgency.URGENT.rank, **values))
        return await accept_finding(house.database, nora(house), item.id, one.id, until, "stable", house.clock.now(), rules())

    with pytest.raises(Refused, match="told in words"):
        await accept(date(2026, 12, 1), measured=None)
    measured = {"side": "above", "value": "310"}
    with pytest.raises(Refused, match="3 days"):
        await accept(date(2026, 11, 27), measured=measured)
    known = await accept(date(2026, 11, 26), measured=measured)
    [row] = await house.rows(accepted_findings, accepted_findings.c.id == known)
    assert row.until == house.clock.now() + timedelta(hours=72), "to the hour, not to the end of the third day"
    with pytest.raises(Refused, match="despair"):
        await accept(date(2026, 12, 1), measured=measured, rule="universal.phq_item_9")


ONE_NUMBER = {"side": "above", "value": "310"}


@pytest.mark.parametrize(
    ("rule", "measured", "why"),
    [
        ("heart_failure/daily.breathing_swelling.swelling", None, "safety answer"),
        ("machine.recheck_not_asked", None, "no finding of a rule"),
        ("heart_failure/daily.weight.hand_over", None, "no finding of a rule"),
        ("swelling_mild", {"side": "at_least", "value": "150", "value_2": "95"}, "compared"),
        ("swelling_mild", {"side": "odd", "value": "3"}, "compared"),
        ("swelling_mild", {"side": "gain_over", "value": "210"} | {"change": "4"}, ""),
        ("swelling_mild", ONE_NUMBER, ""),
        ("swelling_mild", None, ""),
    ],
)
async def test_what_would_be_shown_each_time_all_the_same_is_not_accepted(
    house: House, rule: str, measured: dict[str, str] | None, why: str
) -> None:
    await house.text(house.clinic.chi.number, SWOLLEN)
    [item] = await items(house)
    [one, *_] = await house.rows(concerns)
    async with house.database.transaction() as connection:
        changed = update(concerns).where(concerns.c.id == one.id)
        await connection.execute(changed.values(rule=rule, measured=measured, urgency_rank=Urgency.SAME_DAY.rank))
    known = rules() | {"swelling_mild": False}
    accepting = accept_finding(house.database, nora(house), item.id, one.id, date(2026, 12, 1), "stable", house.clock.now(), known)
    if why:
        with pytest.raises(Refused, match=why):
            await accepting
        assert await house.rows(accepted_findings) == []
    else:
        assert await accepting


def test_no_rule_whose_patient_is_answered_can_be_accepted_and_some_others_can() -> None:
    """Told again with the same figure, every one that can be accepted is known, and every other one is shown."""
    can = 0
    for rule, answered in rules().items():
        for urgency in Urgency:
            for measured in ({}, ONE_NUMBER, {"side": "at_least", "value": "150", "value_2": "95"}):
                again = Fired(rule, "2", urgency, "", "", answer="same_day" if answered else "", measured=measured)
                side, amount = figure(measured)
                holds = is_known(again, [KnownFinding(rule, urgency, side, amount, level(measured))])
                assert (why_not_acceptable(rule, urgency, measured, answered) == "") is holds, (rule, urgency, measured)
                can += holds
    assert can > 40
    assert all(why_not_acceptable(rule, Urgency.URGENT, ONE_NUMBER, True) for rule in rules())


@pytest.mark.parametrize(
    ("known", "found", "holds"),
    [
        (KnownFinding("a.rule", Urgency.SAME_DAY), fired(), True),
        (KnownFinding("another", Urgency.SAME_DAY), fired(), False),
        (KnownFinding("a.rule", Urgency.SAME_DAY), fired(Urgency.URGENT), False),
        (KnownFinding("a.rule", Urgency.URGENT), fired(Urgency.ROUTINE), True),
        (KnownFinding("a.rule", Urgency.URGENT), fired(Urgency.URGENT), False),  # urgent, and nothing to tell "worse" by
        (KnownFinding("a.rule", Urgency.URGENT, "above", 300), fired(Urgency.URGENT, side="above", value="300"), True),
        (KnownFinding("a.rule", Urgency.EMERGENCY), fired(Urgency.EMERGENCY), False),
        (KnownFinding("a.rule", Urgency.SAME_DAY), fired(answer="low_glucose"), False),
        (KnownFinding("a.rule", Urgency.SAME_DAY, "above", 250), fired(side="above", value="250"), True),
        (KnownFinding("a.rule", Urgency.SAME_DAY, "above", 250), fired(side="above", value="251"), False),
        (KnownFinding("a.rule", Urgency.SAME_DAY, "below", 93), fired(side="below", value="93"), True),
        (KnownFinding("a.rule", Urgency.SAME_DAY, "below", 93), fired(side="below", value="92"), False),
        (KnownFinding("a.rule", Urgency.SAME_DAY, "gain_over", 4, 210), fired(side="gain_over", value="210", change="4"), True),
        (KnownFinding("a.rule", Urgency.SAME_DAY, "gain_over", 4, 210), fired(side="gain_over", value="203", change="5"), False),
        (KnownFinding("a.rule", Urgency.SAME_DAY, "gain_over", 4, 210), fired(side="gain_over", value="214", change="4"), False),
        (KnownFinding("a.rule", Urgency.SAME_DAY, "gain_over", 4), fired(side="gain_over", value="210", change="4"), False),
        (KnownFinding("a.rule", Urgency.SAME_DAY, "loss_over", 6, 190), fired(side="loss_over", value="190", change="6"), True),
        (KnownFinding("a.rule", Urgency.SAME_DAY, "loss_over", 4, 190), fired(side="loss_over", value="190", change="6"), False),
        (KnownFinding("a.rule", Urgency.SAME_DAY, "loss_over", 6, 190), fired(side="loss_over", value="188", change="6"), False),
        (KnownFinding("a.rule", Urgency.SAME_DAY, "worse_by", 3, 88), fired(side="worse_by", value="88", change="3", baseline="91"), True),
        (KnownFinding("a.rule", Urgency.SAME_DAY, "worse_by", 3, 88), fired(side="worse_by", value="86", change="3", baseline="89"), False),
        (KnownFinding("a.rule", Urgency.SAME_DAY, "worse_by", 9, 99), fired(side="worse_by", value="99", change="9", baseline="90"), True),
        (
            KnownFinding("a.rule", Urgency.SAME_DAY, "worse_by", 9, 99),
            fired(side="worse_by", value="104", change="9", baseline="95"),
            False,
        ),
        (KnownFinding("a.rule", Urgency.SAME_DAY, "below", -6, 84), fired(side="below", value="80", change="-6", baseline="86"), False),
        (KnownFinding("a.rule", Urgency.SAME_DAY, "at_least", 150), fired(side="at_least", value="150", value_2="95"), False),
        (KnownFinding("a.rule", Urgency.SAME_DAY), fired(side="above", value="250"), False),
        (KnownFinding("a.rule", Urgency.SAME_DAY, "above", 250), fired(), False),
        (KnownFinding("a.rule", Urgency.SAME_DAY, "odd", 250), fired(side="odd", value="1"), False),
    ],
)
def test_only_what_is_no_worse_is_known(known: KnownFinding, found: Fired, holds: bool) -> None:
    assert is_known(found, [known]) is holds
