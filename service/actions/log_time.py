"""Minutes on a patient: the page's timer beats, a nurse writes down her own, gives them a code, or strikes what was wrong."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.own_item import own_item
from service.actions.own_patient import own_patient
from service.actions.refusal import Refused
from service.db import audit, time_log
from service.db.database import Database
from service.domain.staff import Staff
from service.domain.time_log import LONGEST_MINUTES, Activity, Code, counted

LONGEST_WORDS = 300


async def beat(database: Database, staff: Staff, item_id: UUID, seconds: float, now: datetime) -> int:
    """The item's page was worked on for so long since its last beat; the seconds that count.

    Never more than two minutes, and never more than have passed since the member's last beat on any patient: two windows, or two
    patients at once, count once. Raises NotFound for another team's item.
    """
    async with database.transaction() as connection:
        item = await own_item(connection, staff, item_id)
        if item.patient_id is None:
            return 0
        last = await time_log.last_beat(connection, staff)
        count = counted(seconds, last.last_at if last is not None else None, now)
        if count == 0:
            return 0
        goes_on = (
            last is not None and last.escalation_id == item.id and now - last.last_at <= time_log.SAME_TOUCH and last.struck_at is None
        )
        if last is not None and goes_on:
            await time_log.add_to(connection, last.id, count, now)
        else:
            started_at = now - timedelta(seconds=count)
            await time_log.add(connection, staff, item.patient_id, item.id, source="timer", seconds=count, started_at=started_at, now=now)
    return count


async def add_minutes(
    database: Database, staff: Staff, patient_id: UUID, minutes: str, activity: str, code: str, words: str, now: datetime
) -> None:
    """Minutes written down by hand, that end now. Raises NotFound for another team's patient, Refused for a number that is none."""
    if not (minutes.isascii() and minutes.isdigit() and len(minutes) < 6 and 1 <= int(minutes) <= LONGEST_MINUTES):
        raise Refused("Write whole minutes, from 1 to {most}.", most=LONGEST_MINUTES)
    if activity not in set(Activity) or code not in set(Code):
        raise Refused("Choose what was done and what it counts for.")
    async with database.transaction() as connection:
        await own_patient(connection, staff, patient_id, now)
        length = timedelta(minutes=int(minutes))
        id = await time_log.add(
            connection,
            staff,
            patient_id,
            None,
            source="manual",
            seconds=int(length.total_seconds()),
            started_at=now - length,
            now=now,
            activity=Activity(activity),
            code=Code(code),
            words=words.strip()[:LONGEST_WORDS],
        )
        await _audited(connection, staff, patient_id, id, "time_added", now)


async def code_time(database: Database, staff: Staff, patient_id: UUID, entry_id: UUID, code: str, now: datetime) -> None:
    """An entry counts for one code and for no other. Raises NotFound, or Refused for a code or entry that there is not."""
    if code not in set(Code):
        raise Refused("Choose what it counts for.")
    async with database.transaction() as connection:
        await own_patient(connection, staff, patient_id, now)
        if not await time_log.change_code(connection, patient_id, entry_id, Code(code)):
            raise Refused("There is no such entry that counts.")
        await _audited(connection, staff, patient_id, entry_id, "time_coded", now)


async def strike_time(database: Database, staff: Staff, patient_id: UUID, entry_id: UUID, now: datetime) -> None:
    """An entry made in error stays to be seen and counts no more. Raises NotFound, or Refused when there is none such."""
    async with database.transaction() as connection:
        await own_patient(connection, staff, patient_id, now)
        if not await time_log.strike(connection, staff, patient_id, entry_id, now):
            raise Refused("There is no such entry that counts.")
        await _audited(connection, staff, patient_id, entry_id, "time_struck", now)


async def _audited(connection: AsyncConnection, staff: Staff, patient_id: UUID, id: UUID, what: str, now: datetime) -> None:
    await audit.leave(
        connection, staff.organization_id, now, what, staff_id=staff.id, patient_id=patient_id, object_kind="time_entry", object_id=id
    )
