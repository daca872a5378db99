"""Two records of one person: which may be such, and the rows that move when they become one.

The columns that name a patient are read from the schema, so that a table made tomorrow moves too. What is unique for a patient is put
right first; then every row of the other record is moved, and counted.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Row, Select, Table, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.calls import calls
from service.db.check_in import check_ins, enrollments, flow_sessions
from service.db.communication import communications
from service.db.due_work import due_work
from service.db.escalation import concerns, escalations, note_drafts, notes, pages
from service.db.follow_ups import follow_ups
from service.db.hand_overs import hand_overs
from service.db.nurse_calls import call_attempts, nurse_calls
from service.db.patient import conditions, consents, limits, patient_phones, patients
from service.db.pauses import pauses
from service.db.schema import metadata
from service.domain.communication import Purpose, Status
from service.domain.escalation import Kind, Reached, State, transition
from service.domain.hand_over import WAITING, HandOverState
from service.domain.merging import ConsentOnRecord, LimitOnRecord, reached_of
from service.domain.pause import PauseEnd, PauseState
from service.domain.staff import Staff

LEFT_BEHIND = frozenset({"audit_events", "opened_records", "patient_search"})
"""What keeps the other record's id: the trail of who saw and changed what is never rewritten; the search index is made anew."""
MOST_LOOKED_AT = 5_000
"""Patients whose names are compared: those put on record last."""
MOST_PAIRS = 100
_RINGING = ("claimed", "placed", "talking", "unknown")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two records that may be one person's, the older first; `same`: number | name."""

    older: Row[Any]
    newer: Row[Any]
    same: frozenset[str]


@functools.cache
def columns_of_patients() -> tuple[tuple[Table, Column[Any]], ...]:
    """Every column that names a patient, parents first, but those that stay behind."""
    found = []
    for table in metadata.sorted_tables:
        for column in table.columns:
            named = column.name == "patient_id" or any(key.column is patients.c.id for key in column.foreign_keys)
            if named and table.name not in LEFT_BEHIND:
                found.append((table, column))
    return tuple(found)


async def pairs(connection: AsyncConnection, staff: Staff) -> list[Pair]:
    """Records of the member's teams with the same name and birth date, or with the same number; at most 100, likeliest first."""
    c = patients.c
    wanted: Select[Any] = select(c.id, c.name, c.birth_date, c.record_number, c.created_at).where(
        c.organization_id == staff.organization_id, c.team_id.in_(staff.team_ids), c.merged_into_id.is_(None), c.synthetic.is_(False)
    )
    rows = {row.id: row for row in (await connection.execute(wanted.order_by(c.id.desc()).limit(MOST_LOOKED_AT))).all()}
    same: dict[tuple[UUID, UUID], set[str]] = defaultdict(set)
    for ids, what in ((_by_name(rows.values()), "name"), (await _by_number(connection, staff), "number")):
        for together in ids:
            known = sorted(id for id in together if id in rows)
            for n, first in enumerate(known):
                for second in known[n + 1 :]:
                    same[first, second].add(what)
    found = [Pair(rows[first], rows[second], frozenset(what)) for (first, second), what in same.items()]
    return sorted(found, key=lambda pair: (-len(pair.same), "name" not in pair.same, pair.newer.id))[:MOST_PAIRS]


def _by_name(rows: Any) -> list[list[UUID]]:
    named: dict[tuple[str, str], list[UUID]] = defaultdict(list)
    for row in rows:
        if row.birth_date:
            named[" ".join(row.name.casefold().split()), row.birth_date].append(row.id)
    return [ids for ids in named.values() if len(ids) > 1]


async def _by_number(connection: AsyncConnection, staff: Staff) -> list[list[UUID]]:
    c = patient_phones.c
    own = (patients.c.organization_id == staff.organization_id, patients.c.team_id.in_(staff.team_ids), patients.c.merged_into_id.is_(None))
    shared = select(c.phone_id).join(patients, patients.c.id == c.patient_id).where(*own, c.ended_at.is_(None))
    shared = shared.group_by(c.phone_id).having(func.count() > 1).order_by(c.phone_id.desc()).limit(MOST_PAIRS)
    wanted = select(c.phone_id, c.patient_id).where(c.phone_id.in_(shared), c.ended_at.is_(None)).limit(10 * MOST_PAIRS)
    found: dict[UUID, list[UUID]] = defaultdict(list)
    for row in (await connection.execute(wanted)).all():
        found[row.phone_id].append(row.patient_id)
    return list(found.values())


async def ringing(connection: AsyncConnection, patient_ids: Sequence[UUID]) -> bool:
    """Whether a call to one of these patients is under way."""
    under_way = select(calls.c.id).where(calls.c.patient_id.in_(list(patient_ids)), calls.c.status.in_(_RINGING))
    return (await connection.scalar(under_way.limit(1))) is not None


async def records(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, Row[Any]]:
    """The patients' rows."""
    return {row.id: row for row in (await connection.execute(select(patients).where(patients.c.id.in_(list(ids))))).all()}


async def consents_of(connection: AsyncConnection, ids: Sequence[UUID], but_source: str) -> list[ConsentOnRecord]:
    """Every consent of these records, save those of this source."""
    wanted = select(consents).where(consents.c.patient_id.in_(list(ids)), consents.c.source != but_source)
    return [
        ConsentOnRecord(
            row.id,
            row.patient_id,
            row.phone_id,
            row.channel,
            row.programme,
            row.given_at,
            row.revoked_at,
            row.revoked_why or "",
            row.per_day,
            row.per_week,
            bool(row.detail),
        )
        for row in (await connection.execute(wanted)).all()
    ]


async def limits_of(connection: AsyncConnection, patient_id: UUID, today: date) -> dict[str, LimitOnRecord]:
    """The limits of a record by name, also those that have ended."""
    rows = (await connection.execute(select(limits).where(limits.c.patient_id == patient_id))).all()
    return {
        row.name: LimitOnRecord(
            row.id,
            row.name,
            row.amount,
            bool(row.loosens),
            begun=row.starts_on is None or row.starts_on <= today,
            over=row.ends_on is not None and row.ends_on < today,
        )
        for row in rows
    }


async def open_items(connection: AsyncConnection, ids: Sequence[UUID]) -> list[Row[Any]]:
    """The open clinical items of these records, the most dangerous first."""
    c = escalations.c
    wanted = select(escalations).where(c.patient_id.in_(list(ids)), c.state != State.RESOLVED, c.kind == Kind.CLINICAL)
    return list((await connection.execute(wanted.order_by(c.urgency_rank, c.opened_at, c.id))).all())


async def into_item(connection: AsyncConnection, kept: Row[Any], other: Row[Any], now: Any, staff_id: UUID) -> None:
    """What another open item holds is this one's from now on; the other closes by the named member of staff who merges."""
    for table in (concerns, notes, communications, follow_ups, call_attempts, nurse_calls):
        await connection.execute(update(table).where(table.c.escalation_id == other.id).values(escalation_id=kept.id))
    await connection.execute(update(follow_ups).where(follow_ups.c.item_id == other.id).values(item_id=kept.id))
    own = select(note_drafts.c.author_id).where(note_drafts.c.escalation_id == kept.id)
    drafts = (note_drafts.c.escalation_id == other.id, note_drafts.c.author_id.not_in(own))
    await connection.execute(update(note_drafts).where(*drafts).values(escalation_id=kept.id))
    due = (pages.c.escalation_id == other.id) & (pages.c.status == Status.DUE)
    await connection.execute(update(pages).where(due).values(status=Status.CANCELLED, status_at=now))
    waiting = (hand_overs.c.escalation_id == other.id) & hand_overs.c.state.in_(WAITING)
    await connection.execute(update(hand_overs).where(waiting).values(state=HandOverState.VOID, answered_at=now, answered_by=staff_id))
    closed = {"state": State.RESOLVED, "resolved_at": now, "resolved_by": staff_id, "claimed_until": None, "snoozed_until": None}
    await connection.execute(update(escalations).where(escalations.c.id == other.id).values(**closed, version=other.version + 1))
    again = {"due_at": min(kept.due_at, other.due_at), "acknowledged_at": None, "acknowledged_by": None, "version": kept.version + 1}
    again["reached"] = reached_of(Reached(kept.reached), Reached(other.reached))
    again["last_patient_event_at"] = max(filter(None, (kept.last_patient_event_at, other.last_patient_event_at)), default=None)
    if other.do_not_contact:
        again["do_not_contact"] = True
    if State(kept.state) is State.SNOOZED and transition(State.SNOOZED, State.OPEN):  # what joins it was not put off
        again |= {"state": State.OPEN, "claimed_by": None, "claimed_at": None, "claimed_until": None, "snoozed_until": None}
    await connection.execute(update(escalations).where(escalations.c.id == kept.id).values(**again, touched_at=now))


async def drop_doubles(connection: AsyncConnection, kept: UUID, other: UUID, now: Any) -> dict[str, int]:
    """Takes away what both records have alike and a patient can have once; how many rows of which table."""
    codes = select(conditions.c.code).where(conditions.c.patient_id == kept)
    gone = {"conditions": await _delete(connection, conditions, conditions.c.patient_id == other, conditions.c.code.in_(codes))}
    mine = {
        row.phone_id: row for row in (await connection.execute(select(patient_phones).where(patient_phones.c.patient_id == kept))).all()
    }
    theirs = select(patient_phones).where(patient_phones.c.patient_id == other).order_by(patient_phones.c.position)
    last, doubles = max((row.position for row in mine.values()), default=-1), 0
    for row in (await connection.execute(theirs)).all():
        own = mine.get(row.phone_id)
        if own is None:
            last += 1
            await connection.execute(update(patient_phones).where(patient_phones.c.id == row.id).values(position=last))
            continue
        doubles += 1
        stricter = {"ended_at": own.ended_at or row.ended_at, "ended_why": own.ended_why or row.ended_why}
        stricter |= {"doubted_at": own.doubted_at or row.doubted_at, "confirmed_at": own.confirmed_at or row.confirmed_at}
        await connection.execute(update(patient_phones).where(patient_phones.c.id == own.id).values(**stricter))
        await connection.execute(delete(patient_phones).where(patient_phones.c.id == row.id))
    return {**gone, "patient_phones": doubles}


async def one_of_each(connection: AsyncConnection, kept: UUID, other: UUID, now: Any) -> None:
    """Ends what runs twice: a conversation, a call that is due, a pause, a place in the same programme."""
    both = [kept, other]
    c = flow_sessions.c
    talking = (await connection.execute(select(flow_sessions).where(c.patient_id.in_(both), c.status == "waiting"))).all()
    # a safety re-check goes on before a check-in: it alone notices that nobody answers
    for row in sorted(talking, key=lambda row: (row.check_in_id is not None, row.patient_id != kept))[1:]:
        await connection.execute(update(check_ins).where(check_ins.c.id == row.check_in_id).values(status="cancelled", ended_at=now))
        await connection.execute(update(flow_sessions).where(c.id == row.id).values(status="ended", waits_until=None, changed_at=now))
    due = (await connection.execute(select(calls).where(calls.c.patient_id.in_(both), calls.c.status == "due"))).all()
    for row in sorted(due, key=lambda row: (row.purpose != Purpose.SAFETY, row.patient_id != kept))[1:]:
        over = {"status": "cancelled", "status_at": now, "reason": "patient_stopped"}
        await connection.execute(update(calls).where(calls.c.id == row.id).values(over))
    await _one_pause(connection, both, now)
    running = ("active", "paused", "opted_out")
    places = select(enrollments).where(enrollments.c.patient_id.in_(both), enrollments.c.status.in_(running))
    rows = (await connection.execute(places)).all()
    here = {(row.programme, row.flow): row for row in rows if row.patient_id == kept}
    doubles = [row for row in rows if row.patient_id == other and (row.programme, row.flow) in here]
    at_risk = [here[row.programme, row.flow].id for row in doubles if row.high_risk]
    await connection.execute(update(enrollments).where(enrollments.c.id.in_(at_risk)).values(high_risk=True))
    twice = [row.id for row in doubles]
    await connection.execute(update(enrollments).where(enrollments.c.id.in_(twice)).values(status="ended", ended_at=now))
    planned = (check_ins.c.enrollment_id.in_(twice), check_ins.c.status == "planned")
    await connection.execute(update(check_ins).where(*planned).values(status="cancelled", ended_at=now, held_why="enrollment_stopped"))


async def _one_pause(connection: AsyncConnection, both: Sequence[UUID], now: Any) -> None:
    """Of two pauses that are on, or planned, the longer one is left; one without an end is the longest."""
    wanted = select(pauses).where(pauses.c.patient_id.in_(list(both)), pauses.c.state != PauseState.OVER)
    by_state: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in (await connection.execute(wanted)).all():
        by_state[row.state].append(row)
    over = {"state": PauseState.OVER, "ended_at": now, "ended_how": PauseEnd.REPLACED}
    for same in by_state.values():
        longest = max(same, key=lambda row: (row.ends_at is None, row.ends_at or now, row.patient_id == both[0]))
        gone = [row.id for row in same if row.id != longest.id]
        await connection.execute(update(pauses).where(pauses.c.id.in_(gone)).values(over))


async def drop_limit(connection: AsyncConnection, limit_id: UUID) -> None:
    """The less strict of two limits of one name; what it was stands among the changes."""
    await connection.execute(delete(limits).where(limits.c.id == limit_id))


async def end_consents(connection: AsyncConnection, ended: Mapping[UUID, str], now: Any, staff_id: UUID) -> None:
    """Ends these consents, each for its reason."""
    for id, why in ended.items():
        values = {"revoked_at": now, "revoked_why": why, "revoked_by": staff_id}
        await connection.execute(update(consents).where(consents.c.id == id).values(**values))


async def move_rows(connection: AsyncConnection, kept: UUID, other: UUID) -> dict[str, int]:
    """Every row that still names the other record names the kept one; how many of which table."""
    moved: dict[str, int] = {}
    for table, column in columns_of_patients():
        changed = await connection.execute(update(table).where(column == other).values({column: kept}))
        if changed.rowcount:
            moved[table.name] = moved.get(table.name, 0) + changed.rowcount
    work = await connection.execute(update(due_work).where(due_work.c.subject_id == other).values(subject_id=kept))
    if work.rowcount:
        moved["due_work"] = work.rowcount
    return moved


async def forget_search(connection: AsyncConnection, patient_id: UUID) -> None:
    """The merged record is found by nobody any more."""
    table = metadata.tables["patient_search"]
    await connection.execute(delete(table).where(table.c.patient_id == patient_id))


async def _delete(connection: AsyncConnection, table: Table, *where: Any) -> int:
    gone = await connection.execute(delete(table).where(*where))
    return int(gone.rowcount)
