"""Break-glass: in need a nurse opens the record of another team's patient with a reason; that team and its supervisors know at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.refusal import NotFound, Refused
from service.db import audit, break_glass, registration
from service.db.break_glass import RULE, Opened
from service.db.changes import Changes
from service.db.contexts import load_contexts
from service.db.database import Database
from service.db.problems import Problem, report
from service.db.sessions import MOST_OPENED
from service.domain.phone_number import parse_phone_number
from service.domain.staff import Permission, Role, Staff
from service.domain.urgency import Urgency

OPEN_FOR = timedelta(minutes=60)
SHORTEST_REASON, LONGEST_REASON = 10, 500
TOLD = "A nurse of another team has opened this patient's record with a reason. See the report of opened records, and say whether it holds."
NOBODY = "There is nobody with this record number or telephone number."


@dataclass(frozen=True, slots=True)
class Ask:
    """Whose record and why: `whose` is the record number or a telephone number of the patient."""

    whose: str
    reason: str


async def open_record(database: Database, staff: Staff, ask: Ask, now: datetime) -> UUID:
    """The patient whose record is open to this member for the next hour, their items too. Raises Refused saying what to write.

    An ask that finds nobody is kept in the trail as well: it cannot be used to look for people.
    """
    if not staff.may(Permission.BREAK_GLASS):
        raise NotFound
    reason = " ".join(ask.reason.split())
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        raise Refused("Write in a sentence why you need this record now: the patient's team reads it.")
    async with database.transaction() as connection:
        patient_id = await find_patient(connection, staff.organization_id, ask.whose.strip())
        context = (await load_contexts(connection, [patient_id], now)).get(patient_id) if patient_id is not None else None
        if context is None or context.organization.id != staff.organization_id:
            await audit.leave(connection, staff.organization_id, now, "record_not_found", staff_id=staff.id)
            found = None
        elif staff.sees(context.team.id, context.id):
            return context.id
        else:
            found = context
            if len(staff.opened) >= MOST_OPENED:
                raise Refused("You have {most} records of other teams open: close one first.", most=MOST_OPENED)
            opened_id = await break_glass.keep(
                connection,
                staff.organization_id,
                staff_id=staff.id,
                patient_id=context.id,
                team_id=context.team.id,
                reason=reason,
                ends_at=now + OPEN_FOR,
                now=now,
            )
            changes = Changes(now)
            detail = {"opened": str(opened_id), "staff_id": str(staff.id)}
            problem = Problem(staff.organization_id, RULE, TOLD, Urgency.SAME_DAY, patient_id=context.id, detail=detail)
            await report(connection, changes, [problem])
            audit.record(
                changes,
                staff.organization_id,
                "record_opened",
                staff_id=staff.id,
                patient_id=context.id,
                object_kind="opened_record",
                object_id=opened_id,
            )
            await changes.write(connection)
    if found is None:
        raise Refused(NOBODY)
    return found.id


async def close_record(database: Database, staff: Staff, patient_id: UUID, now: datetime) -> None:
    """Closes it before the hour is over; harmless when it is closed already."""
    async with database.transaction() as connection:
        if await break_glass.close(connection, staff.id, patient_id, now):
            await audit.leave(connection, staff.organization_id, now, "record_closed", staff_id=staff.id, patient_id=patient_id)


async def open_now(database: Database, staff: Staff, now: datetime) -> dict[UUID, tuple[str, datetime]]:
    """Patient -> name and end, of the records that this member has open."""
    async with database.reading() as connection:
        return await break_glass.open_now(connection, staff.id, now)


async def view_report(database: Database, staff: Staff, before: UUID | None, now: datetime) -> list[Opened]:
    """Opened records, newest first: supervisors see those of their teams' patients, auditors all. Reading it is kept in the trail."""
    if not staff.may(Permission.REVIEW_ACCESS):
        raise NotFound
    async with database.transaction() as connection:
        found = await break_glass.report(connection, staff.organization_id, team_ids=_teams(staff), before=before)
        viewed = [
            audit.entry(
                staff.organization_id,
                now,
                "opened_record_viewed",
                staff_id=staff.id,
                patient_id=one.patient_id,
                object_kind="opened_record",
                object_id=one.id,
            )
            for one in found
        ]
        await audit.append(connection, viewed)
    return found


async def review_record(database: Database, staff: Staff, id: UUID, words: str, now: datetime) -> None:
    """Keeps what a supervisor or auditor found of an opening; nobody reviews their own. Raises NotFound, and Refused without words."""
    if not staff.may(Permission.REVIEW_ACCESS):
        raise NotFound
    words = " ".join(words.split())
    if not 1 <= len(words) <= LONGEST_REASON:
        raise Refused("Write in a few words whether the reason holds.")
    async with database.transaction() as connection:
        patient_id = await break_glass.review(
            connection, id, staff.organization_id, team_ids=_teams(staff), by=staff.id, words=words, now=now
        )
        if patient_id is None:
            raise NotFound
        await audit.leave(
            connection,
            staff.organization_id,
            now,
            "opened_record_reviewed",
            staff_id=staff.id,
            patient_id=patient_id,
            object_kind="opened_record",
            object_id=id,
        )


def _teams(staff: Staff) -> tuple[UUID, ...] | None:
    return None if staff.role is Role.AUDITOR else staff.team_ids


async def find_patient(connection: AsyncConnection, organization_id: UUID, whose: str) -> UUID | None:
    """The patient with this record number, else the only one with this telephone number."""
    found = await registration.patients_by_record_number(connection, organization_id, [whose[:200]])
    if found:
        return next(iter(found.values()))
    try:
        number = parse_phone_number(whose[:40])
    except ValueError:
        return None
    return await break_glass.only_patient_of(connection, organization_id, number)
