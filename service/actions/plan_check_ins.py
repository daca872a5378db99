"""Plans check-ins ahead: rows with a due time from date rules in each patient's zone, exactly one a local date (laws 3, 11)."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.knowledge import Knowledge
from service.db import due_work, flows, planning, senders
from service.db.changes import Changes
from service.db.database import Database
from service.db.planning import Plan, Planned
from service.db.problems import Problem, report
from service.domain.cadence import parse_cadence
from service.domain.schedule import occurrences
from service.domain.sender import LIMITS, Kind, Use
from service.domain.spread import offset, window
from service.domain.urgency import Urgency

AHEAD = timedelta(hours=48)
MOST_DAYS_BACK = 60
"""After a standstill, missed days are planned (and expire, visibly) at most so far back."""
MOST_BATCHES = 200
MOST_WAITS, WAIT = 5, timedelta(milliseconds=200)
"""For patients whom something else has locked; beyond that they are planned a minute later."""


@dataclass(frozen=True, slots=True)
class Planning:
    """What one round of planning did; `not_approved` counts flows that wait for a clinician's approval."""

    enrollments: int = 0
    planned: int = 0
    moved: int = 0
    not_approved: int = 0


async def plan_check_ins(
    database: Database, knowledge: Knowledge, now: datetime, *, limit: int = 500, send_rate: float | None = None
) -> Planning:
    """Plans every enrollment at least 48 hours ahead, in batches of `limit`, and ends those that are over.

    Check-ins of the same hour are spread as the senders' rates ask for (`send_rate`: of senders without one of their own).

    Everybody is planned through the local date that no zone reaches within 48 hours, so that "planned through" is one
    date for all zones and nobody is looked at twice a day. A bad rule or zone is set aside and becomes a work item.
    """
    through = (now + AHEAD).astimezone(UTC).date() + timedelta(days=1)
    total, waited = Planning(), 0
    for _ in range(MOST_BATCHES):
        done, found = await _batch(database, knowledge, through, now, limit, send_rate)
        total = Planning(total.enrollments + done.enrollments, total.planned + done.planned, total.moved + done.moved)
        if found < limit and done.enrollments == found:
            break
        if done.enrollments == 0:  # all of them are being worked on just now, which takes no time
            if waited == MOST_WAITS:
                break
            waited += 1
            await asyncio.sleep(WAIT.total_seconds())
    async with database.transaction() as connection:
        await planning.end_enrollments(connection, now.astimezone(UTC).date() - timedelta(days=1), now, limit)
        waiting = await planning.not_runnable(connection, limit)
        reason = "Patients are enrolled in a check-in that no clinician has approved: none is sent."
        organization_ids = {organization_id for organization_id, _, _ in waiting}
        changes = Changes(now)
        problems = [Problem(id, "flow_not_approved", reason, Urgency.SAME_DAY) for id in organization_ids]
        await report(connection, changes, problems, repeat=False)
        await changes.write(connection)
    return replace(total, not_approved=len(waiting))


async def _batch(
    database: Database, knowledge: Knowledge, through: date, now: datetime, limit: int, send_rate: float | None
) -> tuple[Planning, int]:
    async with database.transaction() as connection:
        plans, found = await planning.enrollments_to_plan(connection, through, limit)
        if not plans:
            return Planning(), found
        first = min(_first_date(plan, now) for plan in plans)
        known: dict[UUID, list[Planned]] = defaultdict(list)
        for one in await planning.existing(connection, [plan.enrollment_id for plan in plans], first, through):
            known[one.enrollment_id].append(one)
        useful_for = await _useful_for(connection, knowledge, plans)
        offsets = await _offsets(connection, plans, send_rate, now)
        rows: list[dict[str, Any]] = []
        moves: list[tuple[UUID, datetime, datetime]] = []
        problems: list[Problem] = []
        for plan in plans:
            try:
                more, moved = _plan(
                    plan, known[plan.enrollment_id], through, useful_for[plan.enrollment_id], offsets[plan.enrollment_id], now
                )
            except ValueError:  # a rule or a zone that nobody can read: the others go on (law 12)
                reason = "A patient's check-ins cannot be planned: the rule or the time zone is not readable."
                problems.append(Problem(plan.organization_id, "plan_unreadable", reason, Urgency.SAME_DAY, patient_id=plan.patient_id))
                continue
            rows += more
            moves += moved
        zones = {plan.enrollment_id: plan.zone for plan in plans}
        inserted = await planning.add(connection, rows)
        await due_work.add(connection, [_work(row, zones[row["enrollment_id"]], now) for row in inserted])
        await planning.move(connection, moves)
        await planning.set_planned_through(connection, [plan.enrollment_id for plan in plans], through)
        changes = Changes(now)
        await report(connection, changes, problems, repeat=False)
        await changes.write(connection)
    return Planning(len(plans), len(inserted), len(moves)), found


async def _useful_for(connection: AsyncConnection, knowledge: Knowledge, plans: Sequence[Plan]) -> dict[UUID, timedelta]:
    """How long after its time each enrollment's check-in is still worth sending: its flow says so."""
    organization_ids = {plan.organization_id for plan in plans}
    demos = frozenset(plan.organization_id for plan in plans if plan.is_demo)
    versions = await flows.newest_runnable(connection, organization_ids, drafts_too=demos)
    used = {plan.enrollment_id: versions[plan.organization_id, plan.programme, plan.flow] for plan in plans}
    known = await knowledge.flows(connection, used.values())
    return {id: known[version].useful for id, version in used.items()}


async def _offsets(connection: AsyncConnection, plans: Sequence[Plan], send_rate: float | None, now: datetime) -> dict[UUID, timedelta]:
    """How long after the enrollment's time each patient's check-ins are due."""
    organization_ids = {plan.organization_id for plan in plans}
    in_hour = await planning.in_each_hour(connection, organization_ids)
    rates: dict[UUID, float] = defaultdict(float)
    for one in await senders.of_organizations(connection, organization_ids, [], now):
        if one.use is Use.PATIENTS:
            rates[one.organization_id] += one.segments_per_second or send_rate or LIMITS[one.kind].segments_per_second
    found = {}
    for plan in plans:
        rate = rates.get(plan.organization_id) or send_rate or LIMITS[Kind.LONG_CODE].segments_per_second
        spread_over = window(in_hour.get((plan.organization_id, plan.wall_time.hour), 1), rate, plan.spread_minutes)
        found[plan.enrollment_id] = offset(plan.patient_id, plan.wall_time, spread_over, plan.quiet_start)
    return found


def _first_date(plan: Plan, now: datetime) -> date:
    today = now.astimezone(UTC).date()
    first = today - timedelta(days=1)
    if plan.planned_through is not None:
        first = min(first, plan.planned_through + timedelta(days=1))
    return max(first, plan.starts_on, today - timedelta(days=MOST_DAYS_BACK))


def _plan(
    plan: Plan, known: Sequence[Planned], through: date, useful_for: timedelta, later: timedelta, now: datetime
) -> tuple[list[dict[str, Any]], list[tuple[UUID, datetime, datetime]]]:
    """New check-ins, and planned ones whose time has changed with the zone: (id, due, useful until)."""
    rows: list[dict[str, Any]] = []
    moves: list[tuple[UUID, datetime, datetime]] = []
    have = {one.local_date: one for one in known}
    rule = parse_cadence(plan.rule).anchored(plan.starts_on)
    for day, due_at in occurrences(rule, plan.wall_time, plan.zone, _first_date(plan, now), min(through, plan.stops_on)):
        due_at += later
        one = have.get(day)
        if one is None:
            if plan.planned_through is None:
                wanted = due_at >= plan.created_at and due_at + useful_for > now
            else:
                wanted = day > plan.planned_through
            if wanted:
                rows.append(planning.check_in_row(plan, day, due_at, due_at + useful_for, now))
        elif one.status == "planned" and one.due_at > now and one.due_at != due_at:
            # Somebody who has travelled east may find today's hour past already: then it is due at once, not lost.
            due_at = max(due_at, now)
            moves.append((one.id, due_at, due_at + useful_for))
    return rows, moves


def _work(row: dict[str, Any], zone: str, now: datetime) -> dict[str, Any]:
    return due_work.row(
        row["organization_id"],
        f"check_in:{row['enrollment_id']}:{row['local_date']}:{row['slot']}",
        planning.KIND,
        row["id"],
        row["due_at"],
        now,
        useful_until=row["useful_until"],
        payload={"zone": zone},
    )
