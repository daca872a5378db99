"""A nurse pauses a patient's check-ins or lets them run again, from the page of an item or from the command line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.own_patient import own_patient
from service.actions.pause_check_ins import LONGEST_REASON, Wanted, pause, resume
from service.actions.refusal import NotFound, Refused
from service.db import escalation_claims, registration
from service.db.changes import Changes
from service.db.contexts import load_contexts
from service.db.database import Database
from service.db.pauses import open_pauses
from service.domain.patient import PatientContext, PatientStatus
from service.domain.pause import LONGEST_DAYS, PauseEnd, PauseKind, start_of
from service.domain.schedule import to_local
from service.domain.staff import Permission, Staff

MOST_DAYS_AHEAD = 180
"""A pause begins at most so far ahead."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A pause as a form or a command asks for it: days as ISO dates, "" for none."""

    kind: str
    reason: str
    until: str = ""
    """The first day on which check-ins run again."""
    begins: str = ""
    """The first day without check-ins; "" is now."""


async def pause_from_item(database: Database, staff: Staff, item_id: UUID, asked: Asked, now: datetime) -> None:
    """Pauses the check-ins of an item's patient. Raises NotFound for another team's item, Refused saying what to write instead."""
    if not staff.may(Permission.ASSESS):
        raise NotFound
    async with database.transaction() as connection:
        context = await _of_item(connection, staff, item_id, now)
        changes = Changes(now)
        _pause(changes, context, staff, asked)
        await changes.write(connection)
        await _told(connection, staff, item_id, "check_ins_paused", now)


async def resume_from_item(database: Database, staff: Staff, item_id: UUID, now: datetime) -> None:
    """Lets the check-ins of an item's patient run again. Raises NotFound; Refused when none rest and none are to."""
    if not staff.may(Permission.ASSESS):
        raise NotFound
    async with database.transaction() as connection:
        context = await _of_item(connection, staff, item_id, now)
        await _resume(connection, context, staff, now)
        await _told(connection, staff, item_id, "check_ins_resumed", now)


async def pause_patient(database: Database, staff: Staff, patient_id: UUID, asked: Asked, now: datetime) -> None:
    """As `pause_from_item`, of a patient of the member's teams; Refused too for whoever may not judge."""
    if not staff.may(Permission.ASSESS):
        raise Refused("Check-ins are paused by a nurse: ask one of your team.")
    async with database.transaction() as connection:
        context = await own_patient(connection, staff, patient_id, now)
        changes = Changes(now)
        _pause(changes, context, staff, asked)
        await changes.write(connection)


async def resume_patient(database: Database, staff: Staff, patient_id: UUID, now: datetime) -> None:
    """As `resume_from_item`, of a patient of the member's teams."""
    if not staff.may(Permission.ASSESS):
        raise Refused("Check-ins are paused by a nurse: ask one of your team.")
    async with database.transaction() as connection:
        await _resume(connection, await own_patient(connection, staff, patient_id, now), staff, now)


async def pause_by_number(database: Database, staff: Staff, record_number: str, asked: Asked, now: datetime) -> None:
    """As `pause_from_item`, of the patient with this record number; NotFound when they are in none of the member's teams."""
    async with database.transaction() as connection:
        context = await _of_number(connection, staff, record_number, now)
        changes = Changes(now)
        _pause(changes, context, staff, asked)
        await changes.write(connection)


async def resume_by_number(database: Database, staff: Staff, record_number: str, now: datetime) -> None:
    """As `resume_from_item`, of the patient with this record number."""
    async with database.transaction() as connection:
        await _resume(connection, await _of_number(connection, staff, record_number, now), staff, now)


def wanted(asked: Asked, zone: str, staff_id: UUID, now: datetime) -> Wanted:
    """What is asked for, where the patient is. Raises Refused saying what to write instead."""
    if asked.kind not in set(PauseKind):
        raise Refused("Say why check-ins rest: {kinds}.", kinds=", ".join(PauseKind))
    reason, kind = asked.reason.strip(), PauseKind(asked.kind)
    if not reason or len(reason) > LONGEST_REASON:
        raise Refused("Give a reason of at most {longest_reason} characters, for the next nurse.", longest_reason=LONGEST_REASON)
    today = to_local(now, zone).date()
    begins, until = _day(asked.begins, "from"), _day(asked.until, "until")
    if kind is PauseKind.HOSPITAL and until is not None:
        raise Refused("A stay in the hospital has no end date: leave it empty and resume when the patient is home.")
    if begins is not None and not today <= begins <= today + timedelta(days=MOST_DAYS_AHEAD):
        raise Refused("The first day must be today or one of the next {most_days_ahead} days.", most_days_ahead=MOST_DAYS_AHEAD)
    first = begins or today
    if until is not None and not first < until <= first + timedelta(days=LONGEST_DAYS):
        raise Refused("Check-ins can run again 1 to {longest_days} days after the first day of the pause.", longest_days=LONGEST_DAYS)
    return Wanted(
        kind,
        ends_at=start_of(until, zone) if until is not None else None,
        begins_at=start_of(begins, zone) if begins is not None and begins > today else None,
        staff_id=staff_id,
        reason=reason,
    )


def _day(written: str, name: str) -> date | None:
    try:
        return date.fromisoformat(written.strip()) if written.strip() else None
    except ValueError:
        raise Refused("The date {name} is none: write it as 2026-03-31.", name=name) from None


def _pause(changes: Changes, context: PatientContext, staff: Staff, asked: Asked) -> None:
    want = wanted(asked, context.zone, staff.id, changes.now)
    if context.status not in (PatientStatus.ACTIVE, PatientStatus.PAUSED):
        raise Refused("This patient gets no check-ins any more: there is nothing to pause.")
    pause(changes, context, want)


async def _resume(connection: AsyncConnection, context: PatientContext, staff: Staff, now: datetime) -> None:
    if not (await open_pauses(connection, [context.id])).get(context.id):
        raise Refused("The check-ins of this patient are not paused.")
    changes = Changes(now)
    resume(changes, context, PauseEnd.STAFF, staff.id)
    await changes.write(connection)


async def _of_item(connection: AsyncConnection, staff: Staff, item_id: UUID, now: datetime) -> PatientContext:
    if not staff.may(Permission.WORK_QUEUE):
        raise NotFound
    item = await escalation_claims.lock_item(connection, staff, item_id)
    if item is None:
        raise NotFound
    if item.patient_id is None:
        raise Refused("Nobody knows which patient this item is about: there are no check-ins to pause.")
    return (await load_contexts(connection, [item.patient_id], now))[item.patient_id]


async def _of_number(connection: AsyncConnection, staff: Staff, record_number: str, now: datetime) -> PatientContext:
    if not staff.may(Permission.WORK_QUEUE):
        raise NotFound("only a nurse or a supervisor pauses and resumes check-ins")
    found = await registration.patients_by_record_number(connection, staff.organization_id, [record_number])
    context = (await load_contexts(connection, list(found.values()), now)).get(next(iter(found.values()))) if found else None
    if context is None or not staff.sees(context.team.id, context.id):
        raise NotFound("no patient of this member's teams has this record number")
    return context


async def _told(connection: AsyncConnection, staff: Staff, item_id: UUID, what: str, now: datetime) -> None:
    """In the history of the item."""
    item = await escalation_claims.lock_item(connection, staff, item_id)
    if item is not None:
        await escalation_claims.record(connection, item, what, staff, now, {})
