"""Approval of a version by a named clinician: what is refused, what it starts, and what taking it back stops; on both databases."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from typing import Any
from uuid import uuid4

import pytest

from service.actions.do_due_work import do_due_work
from service.actions.notice_reviews import AGAIN_AFTER, notice_reviews
from service.actions.plan_check_ins import plan_check_ins
from service.actions.publish_flow import FlowState, approve_flow, flow_states, publish_flow, running_version, unfit, withdraw_approval
from service.actions.refusal import Refused
from service.content import load_cases
from service.db import flows
from service.db.audit import audit_events
from service.db.check_in import check_ins, enrollments, flow_sessions
from service.db.communication import communications
from service.db.escalation import concerns, escalations
from service.domain.communication import Lane
from service.domain.staff import Role, Staff
from service.engine import Flow
from service.engine.cases import Case, Ears
from service.jobs.work import handlers
from tests.actions.house import content
from tests.jobs.world import World

KEY = "heart_failure/daily"
TODAY = date(2026, 11, 23)


@cache
def ears() -> Ears:
    return Ears(content().lexicon, content().tables, content().wording)


def shipped() -> Flow:
    return content().flows[KEY]


def small() -> tuple[Flow, tuple[Case, ...]]:
    """The shipped check-in without its red flags, and one case: enough for what approval does, and quick to play."""
    data = shipped().to_json()
    data["steps"] = [step | ({"red_flags": []} if step["kind"] == "ask" else {}) for step in data["steps"] if step["kind"] != "hand_over"]
    return Flow.from_json(data), (Case("A weight", 7, {}, ({"patient": "180"},)),)


def clinician(world: World, name: str = "Dr. Sample", role: Role = Role.CLINICIAN) -> Staff:
    return Staff(world.clinic.cleo.id, world.clinic.organization_id, name, role, ())


async def approve(world: World, flow: Flow, **more: Any) -> None:
    cases = more.pop("cases", small()[1])
    named = {"version": flow.version, "clinician": clinician(world), **more}
    await approve_flow(world.database, world.clinic.organization_id, flow, cases=cases, ears=ears(), now=world.now, **named)


async def withdraw(world: World, **more: Any) -> int:
    named = {"clinician": clinician(world, "Dr. Other"), "reason": "The limit is wrong", **more}
    return await withdraw_approval(world.database, world.clinic.organization_id, KEY, now=world.now, **named)


async def state(world: World, flow: Flow) -> FlowState:
    [found] = await flow_states(world.database, world.clinic.organization_id, {KEY: flow})
    return found


async def work(world: World) -> int:
    return await do_due_work(world.database, handlers(world.around), Lane.ROUTINE, world.clock, "node-1")


def test_the_shipped_content_with_its_cases_is_fit() -> None:
    assert unfit(shipped(), load_cases(KEY), ears(), TODAY) == []


def test_what_makes_content_unfit_is_told() -> None:
    flow, cases = small()
    assert unfit(flow, cases, ears(), TODAY) == []
    assert unfit(flow, (), ears(), TODAY) == ["there are no cases beside it"]
    wrong = replace(cases[0], talk=({"patient": "180", "urgency": "emergency"},))
    assert unfit(flow, (wrong,), ears(), TODAY) == ['the case "A weight" (line 7) does not come out']
    assert unfit(flow, cases, ears(), flow.review_by + timedelta(days=1)) == [
        f"its review date has passed ({flow.review_by}): review it and set a new one"
    ]
    assert unfit(flow, cases, ears(), flow.review_by) == []
    hidden = unfit(shipped(), cases, ears(), TODAY)
    assert "no case shows weight.gained_in_a_day" in hidden


@pytest.mark.parametrize("text", ["unknown", "TBD.", "?", None])
def test_a_source_that_says_nothing_makes_content_unfit(text: str | None) -> None:
    flow, cases = small()
    data = flow.to_json()
    data["sources"] = {name: said for name, said in data["sources"].items() if name != "silence"} | ({"silence": text} if text else {})
    assert unfit(Flow.from_json(data), cases, ears(), TODAY) == ["the source of silence is not known (silence)"]


@pytest.mark.law(7)
async def test_approval_is_a_record_by_name_on_the_exact_content(world: World) -> None:
    flow, cases = small()
    with pytest.raises(Refused, match="not published"):
        await approve(world, flow)
    await publish_flow(world.database, world.clinic.organization_id, flow, world.now)
    for role in set(Role) - {Role.CLINICIAN}:
        with pytest.raises(Refused, match="for a clinician"):
            await approve(world, flow, clinician=clinician(world, role=role))
    for version in (flow.version[:7], "0" * 64, shipped().version):
        with pytest.raises(Refused, match="not the version that the file holds"):
            await approve(world, flow, version=version)
    wrong = replace(cases[0], talk=({"patient": "180", "urgency": "emergency"},))
    with pytest.raises(Refused, match="does not come out"):
        await approve(world, flow, cases=(wrong,))
    assert (await state(world, flow)).approved_by == ()
    await approve(world, flow, version=flow.version[:12])
    found = await state(world, flow)
    assert (found.approved_by, found.runs, found.published) == (("Dr. Sample",), flow.version, True)
    other = await state(world, shipped())
    assert (other.approved_by, other.runs, other.published) == ((), flow.version, False), "another letter is another version"


async def test_publishing_is_for_clinicians_and_administrators_and_lets_nothing_run(world: World) -> None:
    flow = small()[0]
    for role in (Role.NURSE, Role.SUPERVISOR):
        with pytest.raises(Refused, match="for a clinician or an administrator"):
            await publish_flow(world.database, world.clinic.organization_id, flow, world.now, by=clinician(world, role=role))
    assert await world.rows(audit_events) == []
    for role in (Role.ADMINISTRATOR, Role.CLINICIAN):
        await publish_flow(world.database, world.clinic.organization_id, flow, world.now, by=clinician(world, role=role))
    assert [line.staff_id for line in await world.rows(audit_events)] == [world.clinic.cleo.id] * 2
    found = await state(world, flow)
    assert (found.published, found.runs) == (True, "")


async def test_publishing_with_the_approval_is_both_or_neither(world: World) -> None:
    flow, cases = small()
    wrong = replace(cases[0], talk=({"patient": "180", "urgency": "emergency"},))
    with pytest.raises(Refused, match="does not come out"):
        await approve(world, flow, cases=(wrong,), publish=True)
    assert not (await state(world, flow)).published
    await approve(world, flow, publish=True)
    assert (await state(world, flow)).runs == flow.version


@pytest.mark.law(7)
async def test_nobody_of_another_clinic_publishes_approves_or_withdraws(world: World) -> None:
    flow = small()[0]
    await approve(world, flow, publish=True)
    stranger = replace(clinician(world), organization_id=uuid4())
    with pytest.raises(Refused, match="ask one of your clinic"):
        await publish_flow(world.database, world.clinic.organization_id, shipped(), world.now, by=stranger)
    with pytest.raises(Refused, match="ask one of your clinic"):
        await approve(world, flow, clinician=stranger)
    with pytest.raises(Refused, match="ask one of your clinic"):
        await withdraw(world, clinician=stranger)
    found = await state(world, flow)
    assert (found.runs, len(found.approvals)) == (flow.version, 1)


async def test_a_form_sent_twice_is_one_approval(world: World) -> None:
    flow = small()[0]
    for _ in range(2):
        await approve(world, flow, publish=True)
    assert [approval.clinician for approval in (await state(world, flow)).approvals] == ["Dr. Sample"]
    assert len(await world.rows(audit_events, audit_events.c.action == "flow_approved")) == 1
    await approve(world, flow, clinician=clinician(world, "Dr. Other"))
    assert (await state(world, flow)).approved_by == ("Dr. Sample", "Dr. Other"), "another clinician's is another approval"
    assert await withdraw(world) == 1
    await approve(world, flow)
    assert (await state(world, flow)).runs == flow.version, "after a withdrawal it is approved anew"


async def test_the_version_that_runs_is_read_back_whole(world: World) -> None:
    older, newer = small()[0], shipped()
    assert await running_version(world.database, world.clinic.organization_id, KEY) is None
    await approve(world, older, publish=True)
    await publish_flow(world.database, world.clinic.organization_id, newer, world.now)
    running = await running_version(world.database, world.clinic.organization_id, KEY)
    assert running is not None
    assert (running.flow, running.flow.version) == (older, older.version), "published is not approved"
    assert [approval.clinician for approval in running.approvals] == ["Dr. Sample"]
    await world.demo()
    world.clock.forward(minutes=1)
    await publish_flow(world.database, world.clinic.organization_id, shipped(), world.now)
    assert await withdraw(world) == 1
    running = await running_version(world.database, world.clinic.organization_id, KEY)
    assert running is not None
    assert running.approvals == (), "in a demo drafts run"


async def test_a_withdrawn_approval_starts_nothing_new_and_what_runs_goes_on(world: World) -> None:
    await world.publish_flow()
    await world.enroll(world.clinic.ana)
    await world.enroll(world.clinic.chi)
    await plan_check_ins(world.database, world.knowledge, world.now)
    assert await work(world) == 2
    running = await world.rows(flow_sessions)
    assert await withdraw(world) == 1
    world.clock.forward(days=1)
    await plan_check_ins(world.database, world.knowledge, world.now)
    await work(world)
    assert await world.rows(flow_sessions) == running, "they are neither ended nor changed, and none is new"
    cancelled = [row for row in await world.rows(check_ins) if row.due_at == world.now]
    assert [row.status for row in cancelled] == ["cancelled"] * 2
    [item] = await world.rows(escalations, escalations.c.kind == "operational")
    assert item.patient_id is None, "one item of the clinic, not one for each patient"
    assert [row.rule for row in await world.rows(concerns)] == ["flow_not_approved"]
    assert len(await world.rows(communications)) == 2
    found = await state(world, world.flows[KEY])
    assert (found.runs, found.approved_by) == ("", ())
    [approval] = found.approvals
    assert (approval.withdrawn_by, approval.reason, approval.withdrawn_at) == (
        "Dr. Other",
        "The limit is wrong",
        world.now - timedelta(days=1),
    )
    [line] = await world.rows(audit_events, audit_events.c.action == "flow_approval_withdrawn")
    assert (line.detail, line.staff_id) == ({"flow": KEY}, world.clinic.cleo.id)
    with pytest.raises(Refused, match="nothing to withdraw"):
        await withdraw(world)
    with pytest.raises(Refused, match="reason"):
        await withdraw(world, reason=" ")
    with pytest.raises(Refused, match="for a clinician"):
        await withdraw(world, clinician=clinician(world, role=Role.ADMINISTRATOR))


async def test_of_two_who_withdraw_at_once_one_has_done_it(world: World) -> None:
    await approve(world, small()[0], publish=True)
    done = await asyncio.gather(*(withdraw(world, clinician=clinician(world, name)) for name in ("Dr. A", "Dr. B")), return_exceptions=True)
    assert [each for each in done if each == 1] == [1]
    assert [str(each) for each in done if isinstance(each, Refused)] == [f"No approval of {KEY} stands: there is nothing to withdraw."]
    assert len(await world.rows(audit_events, audit_events.c.action == "flow_approval_withdrawn")) == 1


async def test_no_earlier_version_comes_back_by_itself_and_the_one_approved_last_runs(world: World) -> None:
    older, newer = small()[0], world.flows[KEY]
    await publish_flow(world.database, world.clinic.organization_id, older, world.now)
    await approve(world, older)
    world.clock.forward(minutes=1)
    newer_id = await world.publish_flow()
    assert (await state(world, older)).runs == newer.version
    assert await withdraw(world) == 2
    assert (await state(world, older)).runs == ""
    world.clock.forward(minutes=1)
    await approve(world, older)
    assert (await state(world, older)).runs == older.version
    world.clock.forward(minutes=1)
    async with world.database.transaction() as connection:
        await flows.approve(connection, world.clinic.organization_id, newer_id, "Dr. Sample", world.now)
    assert (await state(world, older)).runs == newer.version
    world.clock.forward(minutes=1)
    await approve(world, older)
    found = await state(world, older)
    assert (found.runs, len(found.approvals)) == (older.version, 3), "approved anew, it runs although it was published first"


async def test_conversations_on_another_version_are_counted(world: World) -> None:
    await world.publish_flow()
    await world.enroll(world.clinic.ana)
    await plan_check_ins(world.database, world.knowledge, world.now)
    await work(world)
    assert (await state(world, world.flows[KEY])).others_under_way == {}
    found = await state(world, small()[0])
    assert found.others_under_way == {world.flows[KEY].version: 1}


async def test_a_check_in_after_the_last_day_does_not_start(world: World) -> None:
    await world.publish_flow()
    enrollment = await world.enroll(world.clinic.ana)
    await plan_check_ins(world.database, world.knowledge, world.now)
    await world.set(enrollments, enrollment, stops_on=world.now.date())
    assert await work(world) == 1
    assert len(await world.rows(flow_sessions)) == 1, "the last day counts"
    world.clock.forward(days=1)
    await work(world)
    assert len(await world.rows(flow_sessions)) == 1
    [planned] = await world.rows(check_ins, check_ins.c.local_date == world.now.date())
    assert planned.status == "cancelled"
    assert await world.rows(escalations, escalations.c.kind == "operational") == []


async def test_a_review_date_that_has_passed_is_one_item_of_the_clinic(world: World) -> None:
    await world.publish_flow()
    last = world.flows[KEY].review_by
    day = timedelta(days=(last - world.now.date()).days)
    world.clock.time += day + timedelta(days=1)
    assert await notice_reviews(world.database, world.knowledge, world.now) == 0, "nobody is enrolled"
    await world.enroll(world.clinic.ana)
    await world.enroll(world.clinic.chi)
    world.clock.time -= timedelta(days=1)
    assert await notice_reviews(world.database, world.knowledge, world.now) == 0, "on its last day it holds"
    world.clock.time += timedelta(days=1)
    assert await notice_reviews(world.database, world.knowledge, world.now) == 1
    assert await notice_reviews(world.database, world.knowledge, world.now) == 0
    [item] = await world.rows(escalations)
    assert (item.kind, item.patient_id) == ("operational", None)
    assert f"{KEY} ({last})" in item.summary
    await world.set(escalations, item.id, state="resolved")
    assert await notice_reviews(world.database, world.knowledge, world.now) == 0, "closed a moment ago"
    world.clock.time += AGAIN_AFTER + timedelta(minutes=1)
    assert await notice_reviews(world.database, world.knowledge, world.now) == 1


async def test_a_flow_that_does_not_run_needs_no_review(world: World) -> None:
    await world.publish_flow(approved=False)
    await world.enroll(world.clinic.ana)
    world.clock.forward(days=1000)
    assert await notice_reviews(world.database, world.knowledge, world.now) == 0
