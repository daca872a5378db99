"""Two records of one person become one: no row is left behind, whatever table it stands in, and the stricter of both holds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    Date,
    Float,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Time,
    Uuid,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.change_care import change_care
from service.actions.merge_patients import merge_patients, view_pairs
from service.actions.refusal import NotFound, Refused
from service.db import audit, audit_trail
from service.db.audit import audit_events
from service.db.audit_trail import Wanted
from service.db.calls import calls
from service.db.check_in import enrollments, flow_sessions
from service.db.due_work import due_work
from service.db.encryption import Encrypted
from service.db.escalation import concerns, escalations, notes, pages
from service.db.follow_ups import follow_ups
from service.db.merges import LEFT_BEHIND, columns_of_patients
from service.db.patient import conditions, consents, limits, patient_phones, patients, phones
from service.db.pauses import pauses
from service.db.record_changes import limit_changes
from service.db.schema import Instant, new_id
from service.db.tables import metadata
from service.domain.limits import LimitTerm
from service.domain.staff import Role, Staff
from service.domain.urgency import Urgency
from tests.actions.house import MONDAY, House
from tests.seed import Member, Person, seed_item, seed_patient

NOW = MONDAY
TERMS = {"weight_gain_24h": LimitTerm("weight_gain_24h", "lb", True, True, 0.1, 50, (3.0,))}


def nurse(house: House, member: Member | None = None, role: Role = Role.NURSE) -> Staff:
    member = member or house.clinic.nora
    return Staff(member.id, house.clinic.organization_id, member.name, role, member.team_ids)


async def second_record(house: House, number: str = "+12025550181", **more: Any) -> Person:
    """Chi once more, with a number of their own."""
    async with house.database.transaction() as connection:
        clinic = house.clinic
        return await seed_patient(connection, clinic.organization_id, clinic.team_a, NOW - timedelta(days=3), "Chi  chen", number, **more)


async def merge(house: House, other: UUID, **more: Any) -> Mapping[str, int]:
    return await merge_patients(house.database, TERMS, nurse(house), house.clinic.chi.id, other, NOW, **more)


async def add(house: House, table: Table, patient: UUID, **values: Any) -> UUID:
    id = new_id(NOW)
    async with house.database.transaction() as connection:
        own = {"id": id, "organization_id": house.clinic.organization_id, "patient_id": patient}
        await connection.execute(insert(table).values(**own, **values))
    return id


def anything(column: Column[Any], known: Mapping[str, UUID]) -> Any:
    """A value that this column takes, of a row of an existing kind where it refers to one."""
    for key in column.foreign_keys:
        return known.get(key.column.table.name)
    kind = column.type
    if isinstance(kind, Encrypted):
        return "x"
    if isinstance(kind, Instant):
        return NOW
    for types, value in (
        ((Uuid,), new_id(NOW)),
        ((Boolean,), False),
        ((Integer, SmallInteger), 3),
        ((Float,), 1.5),
        ((Date,), date(2026, 11, 1)),
        ((Time,), time(9)),
        ((LargeBinary,), b"x" * 12),
        ((String,), "x"),
    ):
        if isinstance(kind, types):
            return value
    return []


async def fill(connection: AsyncConnection, known: dict[str, UUID], tables: set[str]) -> None:
    """A row in each of these tables (and in those they need), all of them about `known["patients"]`."""
    for table in metadata.sorted_tables:
        needed = {key.column.table.name for name in tables for key in metadata.tables[name].foreign_keys}
        if table.name in known or table.name not in tables | needed:
            continue
        row = {column.name: anything(column, known) for column in table.columns}
        if "patient_id" in row:
            row["patient_id"] = known["patients"]
        await connection.execute(insert(table).values(**row))
        if "id" in row:
            known[table.name] = row["id"]


async def naming(connection: AsyncConnection, patient: UUID) -> dict[str, int]:
    """How many rows of each table name this patient."""
    found: dict[str, int] = {}
    for table, column in columns_of_patients():
        count = await connection.scalar(select(func.count()).select_from(table).where(column == patient))
        found[f"{table.name}.{column.name}"] = int(count or 0)
    return found


async def test_no_row_of_any_table_is_left_behind(house: House) -> None:
    other, clinic = await second_record(house), house.clinic
    named = {table.name for table, _ in columns_of_patients()} - {"patients", "phones", "synthetic_walks", "drills"}
    known = {
        "organizations": clinic.organization_id,
        "teams": clinic.team_a,
        "staff": clinic.nora.id,
        "patients": other.id,
        "phones": other.phone_id,
    }
    async with house.database.transaction() as connection:
        await fill(connection, known, named - {"patient_phones"})
        await connection.execute(update(phones).where(phones.c.id == other.phone_id).values(answering_id=other.id))
        before = await naming(connection, other.id)
    assert {name.partition(".")[0] for name, count in before.items() if count} >= named
    moved = await merge(house, other.id)
    async with house.database.reading() as connection:
        left, there = await naming(connection, other.id), await naming(connection, clinic.chi.id)
    assert {name: count for name, count in left.items() if count} == {}
    assert {name for name, count in before.items() if count} <= {name for name, count in there.items() if count}
    assert named <= moved.keys()


def test_what_stays_behind_is_named_and_there() -> None:
    assert metadata.tables.keys() >= LEFT_BEHIND
    known = {(table.name, column.name) for table, column in columns_of_patients()}
    named = {
        (key.parent.table.name, key.parent.name)
        for table in metadata.sorted_tables
        for key in table.foreign_keys
        if key.column is patients.c.id
    }
    named |= {(table.name, "patient_id") for table in metadata.sorted_tables if "patient_id" in table.c}
    assert {table for table, _ in named - known} == LEFT_BEHIND


async def test_the_other_record_is_a_pointer_and_the_audit_says_what_moved(house: House) -> None:
    other = await second_record(house)
    await add(house, conditions, other.id, code="copd")
    await add(house, conditions, other.id, code="heart_failure")
    moved = await merge(house, other.id)
    [row] = await house.rows(patients, patients.c.id == other.id)
    assert (row.merged_into_id, row.merged_at, row.status) == (house.clinic.chi.id, NOW, "left")
    [entry] = await house.rows(audit_events, audit_events.c.action == "patient_merged")
    assert (entry.patient_id, entry.staff_id) == (house.clinic.chi.id, house.clinic.nora.id)
    assert entry.detail == {"from": str(other.id), "moved": dict(moved), "alike": {"conditions": 1}}
    codes = [row.code for row in await house.rows(conditions, conditions.c.patient_id == house.clinic.chi.id)]
    assert sorted(codes) == ["copd", "heart_failure"]
    with pytest.raises(Refused, match="part of another"):
        await merge(house, other.id)


async def test_an_auditor_who_asks_for_the_kept_record_reads_what_was_done_to_the_other_before(house: House) -> None:
    """Entries are chained and never altered, so that they stay under the id that they were made with; also where a third one comes in."""
    other, third = await second_record(house), await second_record(house, "+12025550182")
    chi, ben = house.clinic.chi.id, house.clinic.ben.id
    async with house.database.transaction() as connection:
        made = [audit.entry(house.clinic.organization_id, NOW, "seen_then", patient_id=id) for id in (other.id, third.id, chi, ben)]
        await audit.append(connection, made)
    await merge_patients(house.database, TERMS, nurse(house), other.id, third.id, NOW)
    await merge(house, other.id)
    async with house.database.reading() as connection:
        for whom in (chi, other.id, third.id):
            found = await audit_trail.read(connection, house.clinic.organization_id, Wanted(whom=whom, action="seen_"), None)
            assert {entry.patient_id for entry in found} == {chi, other.id, third.id}
        nobody = await audit_trail.read(connection, house.clinic.organization_id, Wanted(whom=UUID(int=0)), None)
        assert nobody == []


async def test_the_kept_record_has_both_numbers_and_is_written_to_on_its_own(house: House) -> None:
    other = await second_record(house)
    await merge(house, other.id)
    links = await house.rows(patient_phones, patient_phones.c.patient_id == house.clinic.chi.id)
    assert {row.phone_id: row.position for row in links} == {house.clinic.chi.phone_id: 0, other.phone_id: 1}


async def test_of_two_open_items_the_more_dangerous_stays_with_the_concerns_of_both_and_is_paged_for_again(house: House) -> None:
    other = await second_record(house)
    mine = await seed_item(house.database, house.clinic.chi, NOW - timedelta(hours=2), urgency=Urgency.SAME_DAY)
    theirs = await seed_item(house.database, other, NOW - timedelta(hours=1), urgency=Urgency.EMERGENCY)
    async with house.database.transaction() as connection:
        seen = {"acknowledged_at": NOW, "acknowledged_by": house.clinic.nora.id}
        await connection.execute(update(escalations).where(escalations.c.id == theirs).values(**seen))
    await merge(house, other.id)
    rows = {row.id: row for row in await house.rows(escalations, escalations.c.id.in_([mine, theirs]))}
    assert (rows[theirs].state, rows[theirs].urgency_rank, rows[theirs].patient_id) == ("open", 0, house.clinic.chi.id)
    assert rows[theirs].acknowledged_at is None
    assert (rows[mine].state, rows[mine].resolved_by, rows[mine].patient_id) == ("resolved", house.clinic.nora.id, house.clinic.chi.id)
    assert len(await house.rows(concerns, concerns.c.escalation_id == theirs)) == 2
    assert await house.rows(due_work, due_work.c.subject_id == theirs, due_work.c.kind == "page_ladder", due_work.c.state == "due")


async def test_who_has_opted_out_on_one_record_has_opted_out(house: House) -> None:
    other = await second_record(house, opted_out=True)
    async with house.database.transaction() as connection:
        await connection.execute(update(consents).where(consents.c.patient_id == other.id).values(revoked_why="opt_out"))
    await merge(house, other.id)
    rows = await house.rows(consents, consents.c.patient_id == house.clinic.chi.id)
    assert [row.revoked_why for row in rows] == ["opt_out", "opt_out"]
    assert all(row.revoked_at is not None for row in rows)


async def test_for_one_number_the_stricter_consent_is_left(house: House) -> None:
    other, chi = await second_record(house), house.clinic.chi
    async with house.database.transaction() as connection:
        values = {"phone_id": chi.phone_id, "per_day": 1, "per_week": 3, "detail": False}
        await connection.execute(update(consents).where(consents.c.patient_id == other.id).values(**values))
    await merge(house, other.id)
    rows = await house.rows(consents, consents.c.patient_id == chi.id)
    assert {(row.per_day, row.revoked_why) for row in rows} == {(1, None), (3, "merged")}


async def test_the_stricter_limit_stays_and_the_other_is_kept_among_the_changes(house: House) -> None:
    other, chi = await second_record(house), house.clinic.chi
    limit = {"name": "weight_gain_24h", "unit": "lb", "loosens": False, "author": "Dr. Vale", "reason": "x", "signed_at": NOW}
    await add(house, limits, chi.id, amount=2.5, **limit)
    await add(house, limits, other.id, amount=2.0, **limit)
    await merge(house, other.id)
    assert [row.amount for row in await house.rows(limits, limits.c.patient_id == chi.id)] == [2.0]
    [change] = await house.rows(limit_changes, limit_changes.c.patient_id == chi.id)
    assert (change.what, change.amount) == ("ended", 2.5)


async def test_a_programme_that_ran_twice_runs_once(house: House) -> None:
    other, chi = await second_record(house), house.clinic.chi
    place = {
        "programme": "heart_failure",
        "flow": "daily",
        "rule": "daily",
        "wall_time": time(9),
        "high_risk": False,
        "starts_on": date(2026, 11, 1),
        "stops_on": date(2026, 12, 1),
        "status": "active",
        "created_at": NOW,
    }
    mine, theirs = await add(house, enrollments, chi.id, **place), await add(house, enrollments, other.id, **{**place, "high_risk": True})
    await merge(house, other.id)
    assert [row.high_risk for row in await house.rows(enrollments, enrollments.c.id == mine)] == [True]
    states = {row.id: (row.status, row.patient_id) for row in await house.rows(enrollments)}
    assert states == {mine: ("active", chi.id), theirs: ("ended", chi.id)}


async def test_nothing_is_merged_while_a_call_is_under_way_nor_by_whoever_may_not(house: House) -> None:
    other, chi = await second_record(house), house.clinic.chi
    with pytest.raises(Refused, match="one and the same"):
        await merge(house, chi.id)
    with pytest.raises(NotFound):
        await merge(house, house.clinic.eva.id)
    coordinator = nurse(house, role=Role.COORDINATOR)
    with pytest.raises(Refused, match="nurse"):
        await merge_patients(house.database, TERMS, coordinator, chi.id, other.id, NOW)
    call = {"phone_id": other.phone_id, "purpose": "check_in", "number": 1, "status": "talking", "status_at": NOW}
    await add(house, calls, other.id, **call, created_at=NOW, due_at=NOW)
    with pytest.raises(Refused, match="under way"):
        await merge(house, other.id)
    assert [row.merged_into_id for row in await house.rows(patients, patients.c.id == other.id)] == [None]


async def test_records_that_look_alike_are_shown_likeliest_first(house: House) -> None:
    other = await second_record(house)
    found = await view_pairs(house.database, nurse(house), NOW)
    pairs = [(pair.older.id, pair.newer.id, set(pair.same)) for pair in found]
    assert (min(house.clinic.chi.id, other.id), max(house.clinic.chi.id, other.id), {"name"}) in pairs
    assert (house.clinic.fay.id, house.clinic.gus.id, {"number"}) in pairs
    assert len(pairs) == 2
    assert await view_pairs(house.database, nurse(house, house.clinic.omar), NOW) == []
    seen = await house.rows(audit_events, audit_events.c.object_kind == "doubles")
    assert {row.patient_id for row in seen} == {house.clinic.chi.id, other.id, house.clinic.fay.id, house.clinic.gus.id}


async def test_two_conversations_become_one(house: House) -> None:
    from tests.actions.house import content

    other, chi = await second_record(house), house.clinic.chi
    flow = content().flows["heart_failure/daily"]
    for person in (chi, other):
        await house.check_in(person, flow, await house.enroll(person, flow))
    await merge(house, other.id)
    waiting = await house.rows(flow_sessions, flow_sessions.c.status == "waiting")
    assert [(row.patient_id, row.phone_id) for row in waiting] == [(chi.id, chi.phone_id)]


async def test_the_item_that_is_left_loses_neither_what_was_not_delivered_nor_what_stood_on_the_other(house: House) -> None:
    other, chi, clinic = await second_record(house), house.clinic.chi, house.clinic
    mine = await seed_item(house.database, chi, NOW - timedelta(hours=2), urgency=Urgency.SAME_DAY)
    theirs = await seed_item(house.database, other, NOW - timedelta(hours=1), urgency=Urgency.SAME_DAY)
    async with house.database.transaction() as connection:
        put_off = {"state": "snoozed", "snoozed_until": NOW + timedelta(hours=5), "claimed_by": clinic.nora.id}
        await connection.execute(update(escalations).where(escalations.c.id == mine).values(**put_off, urgency_rank=1))
        await connection.execute(update(escalations).where(escalations.c.id == theirs).values(reached="not_reached"))
    plan = {"escalation_id": theirs, "item_id": theirs, "team_id": clinic.team_a, "created_by": clinic.nora.id, "what": "call"}
    await add(house, follow_ups, other.id, **plan, words="x", urgency_rank=2, state="due", due_at=NOW, created_at=NOW)
    page = {"id": new_id(NOW), "organization_id": clinic.organization_id, "escalation_id": theirs, "team_id": clinic.team_a, "step": 0}
    async with house.database.transaction() as connection:
        at = {"created_at": NOW, "due_at": NOW, "status_at": NOW}
        await connection.execute(insert(pages).values(**page, **at, phone="+12025550190", body="x", status="due"))
    await merge(house, other.id)
    [row] = await house.rows(escalations, escalations.c.state != "resolved", escalations.c.patient_id == chi.id)
    assert (row.id, row.state, row.reached, row.snoozed_until) == (mine, "open", "not_reached", None)
    assert [row.item_id for row in await house.rows(follow_ups)] == [mine]
    assert [row.status for row in await house.rows(pages, pages.c.escalation_id == theirs)] == ["cancelled"]


async def test_what_another_team_had_in_hand_is_the_kept_teams_and_paged_by_its_ladder(house: House) -> None:
    other, clinic = await second_record(house), house.clinic
    item = await seed_item(house.database, other, NOW - timedelta(hours=1), urgency=Urgency.URGENT)
    async with house.database.transaction() as connection:
        await connection.execute(update(patients).where(patients.c.id == other.id).values(team_id=clinic.team_b))
        held = {"state": "claimed", "claimed_by": clinic.omar.id, "claimed_until": NOW + timedelta(minutes=5), "acknowledged_at": NOW}
        await connection.execute(update(escalations).where(escalations.c.id == item).values(team_id=clinic.team_b, **held))
    both = Staff(clinic.nora.id, clinic.organization_id, "Nora", Role.NURSE, (clinic.team_a, clinic.team_b))
    await merge_patients(house.database, TERMS, both, clinic.chi.id, other.id, NOW)
    [row] = await house.rows(escalations, escalations.c.id == item)
    assert (row.team_id, row.patient_id, row.state, row.claimed_by) == (clinic.team_a, clinic.chi.id, "open", None)
    assert (row.acknowledged_at, row.ladder) == (None, None)
    assert await house.rows(due_work, due_work.c.subject_id == item, due_work.c.kind == "page_ladder", due_work.c.state == "due")


async def test_a_limit_that_is_over_does_not_take_the_place_of_one_that_holds(house: House) -> None:
    other, chi = await second_record(house), house.clinic.chi
    limit = {"name": "weight_gain_24h", "unit": "lb", "loosens": False, "author": "Dr. Vale", "reason": "x", "signed_at": NOW}
    await add(house, limits, chi.id, amount=1.5, ends_on=NOW.date() - timedelta(days=30), **limit)
    await add(house, limits, other.id, amount=2.0, **limit)
    await merge(house, other.id)
    assert [row.amount for row in await house.rows(limits, limits.c.patient_id == chi.id)] == [2.0]
    assert await house.rows(limit_changes) == []


@pytest.mark.parametrize("gone", ["deceased", "hospice"])
async def test_what_ran_on_the_other_record_stops_where_the_kept_one_was_stopped(house: House, gone: str) -> None:
    from tests.actions.house import content

    other, chi = await second_record(house), house.clinic.chi
    flow = content().flows["heart_failure/daily"]
    await house.check_in(other, flow, await house.enroll(other, flow))
    async with house.database.transaction() as connection:
        await connection.execute(update(patients).where(patients.c.id == chi.id).values(status=gone))
    await merge(house, other.id)
    assert await house.rows(flow_sessions, flow_sessions.c.status == "waiting") == []
    assert [row.status for row in await house.rows(enrollments, enrollments.c.patient_id == chi.id)] == ["paused"]


async def test_a_safety_recheck_goes_on_before_a_check_in(house: House) -> None:
    from tests.actions.house import content

    other, chi = await second_record(house), house.clinic.chi
    flow = content().flows["heart_failure/daily"]
    for person in (chi, other):
        await house.check_in(person, flow, await house.enroll(person, flow))
    async with house.database.transaction() as connection:
        recheck = {"check_in_id": None, "enrollment_id": None}
        await connection.execute(update(flow_sessions).where(flow_sessions.c.patient_id == other.id).values(**recheck))
    await merge(house, other.id)
    waiting = await house.rows(flow_sessions, flow_sessions.c.status == "waiting")
    assert [(row.patient_id, row.check_in_id) for row in waiting] == [(chi.id, None)]


async def test_of_two_due_calls_the_one_for_safety_stays(house: House) -> None:
    other, chi = await second_record(house), house.clinic.chi
    call = {"number": 1, "status": "due", "status_at": NOW, "created_at": NOW, "due_at": NOW}
    await add(house, calls, chi.id, phone_id=chi.phone_id, purpose="check_in", **call)
    await add(house, calls, other.id, phone_id=other.phone_id, purpose="safety", **call)
    await merge(house, other.id)
    assert {row.purpose: row.status for row in await house.rows(calls)} == {"check_in": "cancelled", "safety": "due"}


async def test_the_longer_pause_that_is_on_stays_beside_a_planned_one(house: House) -> None:
    other, chi = await second_record(house), house.clinic.chi
    pause = {"kind": "hospital", "reason": "x", "created_at": NOW}
    planned = await add(house, pauses, chi.id, state="planned", begins_at=NOW + timedelta(days=20), **pause)
    short = await add(house, pauses, chi.id, state="on", begins_at=NOW, ends_at=NOW + timedelta(days=1), **pause)
    long = await add(house, pauses, other.id, state="on", begins_at=NOW, ends_at=None, **pause)
    await merge(house, other.id)
    assert {row.id: row.state for row in await house.rows(pauses)} == {planned: "planned", short: "over", long: "on"}


async def test_what_the_other_record_asked_for_stays_known(house: House) -> None:
    other, chi = await second_record(house), house.clinic.chi
    async with house.database.transaction() as connection:
        wish = {"contact_from": time(10), "contact_until": time(18), "contact_days": "1111100", "on_holidays": True}
        theirs = {"emergency_instruction": "Hospice line first", "emergency_instruction_by": "Dr. Vale"}
        await connection.execute(update(patients).where(patients.c.id == other.id).values(**wish, **theirs))
        await connection.execute(update(patients).where(patients.c.id == chi.id).values(emergency_instruction="No CPR", on_holidays=False))
    await merge(house, other.id)
    [row] = await house.rows(patients, patients.c.id == chi.id)
    assert (row.contact_from, row.contact_until, row.contact_days, row.on_holidays) == (time(10), time(18), "1111100", False)
    assert row.emergency_instruction == "No CPR"
    assert [row.body for row in await house.rows(notes)] == ["Emergency instruction of the merged record: Hospice line first (Dr. Vale)"]


async def test_nothing_is_written_on_the_pointer_any_more(house: House) -> None:
    other = await second_record(house)
    await merge(house, other.id)
    with pytest.raises(NotFound):
        await change_care(house.database, nurse(house), other.id, "active", NOW)
    assert [row.status for row in await house.rows(patients, patients.c.id == other.id)] == ["left"]
