"""The worry key: a nurse's gut feeling needs no reason. For 48 hours silence counts sooner and check-ins come every day."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.own_patient import own_patient
from service.actions.refusal import NotFound, Refused
from service.db import audit, check_in, flows, worries
from service.db.changes import Changes
from service.db.database import Database
from service.domain.cadence import daily_for_a_while, parse_cadence
from service.domain.patient import Enrollment, WaitingSession
from service.domain.schedule import to_local
from service.domain.staff import Permission, Staff
from service.engine import Flow, Session, hasten

LONGEST_REASON = 300
DAYS = 2


async def press_worry(database: Database, staff: Staff, patient_id: UUID, reason: str, now: datetime) -> UUID:
    """Worries about a patient of the member's own teams from now on, for 48 hours; pressing again begins anew. The worry's id.

    A check-in that waits for its answer is waited for no longer than a patient at risk's. Check-ins of every programme come daily from
    tomorrow for two days, as far as what the patient has agreed to lets them be sent.
    Raises NotFound for other teams' patients, Refused for an overlong reason.
    """
    if not staff.may(Permission.GATHER):
        raise NotFound
    if len(reason) > LONGEST_REASON:
        raise Refused("The reason is longer than {most} characters: shorten it.", most=LONGEST_REASON)
    async with database.transaction() as connection:
        context = await own_patient(connection, staff, patient_id, now)
        id = await worries.add(connection, staff, patient_id, reason.strip(), now)
        changes = Changes(now)
        tomorrow = to_local(now, context.zone).date() + timedelta(days=1)
        for one in context.enrollments:
            rule = _daily(one, tomorrow)
            if rule and one.stops_on is not None:
                check_in.plan_otherwise(changes, one.id, rule=rule, stops_on=one.stops_on)
        if context.session is not None:
            await _hasten(connection, changes, context.session)
        audit.record(
            changes, staff.organization_id, "worry_begun", staff_id=staff.id, patient_id=patient_id, object_kind="worry", object_id=id
        )
        changes.wake(f"queue:{staff.organization_id}")
        await changes.write(connection)
    return id


async def end_worry(database: Database, staff: Staff, patient_id: UUID, now: datetime) -> bool:
    """Takes it back before its time; whether one stood. The check-ins that were added stay: more of them harm nobody."""
    if not staff.may(Permission.GATHER):
        raise NotFound
    async with database.transaction() as connection:
        await own_patient(connection, staff, patient_id, now)
        ended = await worries.end(connection, staff, patient_id, now)
        if ended:
            await audit.leave(
                connection, staff.organization_id, now, "worry_ended", staff_id=staff.id, patient_id=patient_id, object_kind="worry"
            )
            changes = Changes(now)
            changes.wake(f"queue:{staff.organization_id}")
            await changes.write(connection)
    return ended


async def _hasten(connection: AsyncConnection, changes: Changes, waiting: WaitingSession) -> None:
    contents = await flows.contents_of(connection, [waiting.flow_version_id])
    before = Session.from_json(waiting.state)
    after = hasten(Flow.from_json(contents[waiting.flow_version_id]), before, changes.now)
    if after != before and not waiting.live_call:
        check_in.save_session(changes, waiting.id, after.to_json(), after.wait_until, ended=False)


def _daily(one: Enrollment, tomorrow: date) -> str:
    """The enrollment's line of dates with two daily check-ins from tomorrow on, "" when its line cannot say that."""
    try:
        return daily_for_a_while(parse_cadence(one.rule), tomorrow, DAYS).text if one.rule else ""
    except ValueError:
        return ""
