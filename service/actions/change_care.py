"""Staff say that a patient has died, is in hospice, has left care or is back; and where the patient lives and wants messages.

What stops, stops in this transaction: the conversation ends, planned check-ins are refused when they come due, and texts and calls that
wait are cancelled at the moment they would leave (safety rule 43). Nothing is sent about it. A stay in the hospital is a pause.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.actions.own_patient import own_patient
from service.actions.refusal import Refused
from service.actions.stop_contact import stop_patient
from service.db import audit, check_in, consents, patient, planning
from service.db.changes import Changes
from service.db.database import Database
from service.domain.contact_hours import EVERY_DAY, ContactHours, Wish, state_of
from service.domain.contact_law import STATES, ContactLaw
from service.domain.patient import PatientStatus
from service.domain.registration import parse_hours, parse_weekday
from service.domain.schedule import to_local
from service.domain.staff import Staff

STOPS = (PatientStatus.DECEASED, PatientStatus.HOSPICE, PatientStatus.LEFT)


async def change_care(database: Database, staff: Staff, patient_id: UUID, status: str, now: datetime) -> None:
    """The patient has died, is in hospice or has left care; "active": they are back, and their check-ins run again.

    Raises NotFound for other teams' patients, Refused when there is nothing to change or it is a pause that is to be resumed.
    """
    if status not in {*STOPS, PatientStatus.ACTIVE}:
        raise Refused(
            "Say what has changed: {choices}. A stay in the hospital is a pause.", choices=", ".join((*STOPS, PatientStatus.ACTIVE))
        )
    wanted = PatientStatus(status)
    async with database.transaction() as connection:
        context = await own_patient(connection, staff, patient_id, now)
        if context.status is wanted:
            raise Refused("That is on record already.")
        changes = Changes(now)
        if wanted in STOPS:
            stop_patient(changes, context, wanted, staff_id=staff.id)
        elif context.status is PatientStatus.PAUSED:
            raise Refused("The check-ins are paused: resume them.")
        else:
            patient.set_status(changes, context.id, PatientStatus.ACTIVE)
            check_in.resume_enrollments(changes, context.id, "paused")
            audit.record(changes, context.organization.id, "patient_active", staff_id=staff.id, patient_id=context.id)
        changes.wake(f"patient:{context.id}")
        await changes.write(connection)


@dataclass(frozen=True, slots=True)
class Where:
    """Where a patient lives and when they want messages, as a form or a command tells it; "" is: not said, no such wish."""

    zone: str
    state: str = ""
    hours: str = ""
    """Such as 10:00-18:00."""
    days: str = ""
    """Such as mon; tue; wed."""
    on_holidays: bool = False


async def change_place(database: Database, law: ContactLaw, staff: Staff, patient_id: UUID, where: Where, now: datetime) -> None:
    """Records it. Planned check-ins keep their wall time and move with the zone; the next planning, within a minute, does that.

    Raises NotFound for other teams' patients, Refused saying what to write instead.
    """
    code = where.state.strip().upper()
    if code and code not in STATES:
        raise Refused("The state is none: write its two letters, such as TX.")
    try:
        to_local(now, where.zone.strip())
        hours = parse_hours(where.hours) if where.hours.strip() else (None, None)
        days = frozenset(parse_weekday(one.strip()) for one in where.days.split(";") if one.strip()) or EVERY_DAY
    except ValueError as error:
        raise Refused("That cannot be read: {error}.", error=error) from None
    wish = Wish(hours[0], hours[1], days, where.on_holidays)
    async with database.transaction() as connection:
        context = await own_patient(connection, staff, patient_id, now)
        organization = context.organization
        together = ContactHours(where.zone.strip(), organization.quiet_start, organization.quiet_end, state_of(law.states, code), wish)
        if not together.ever_open():
            raise Refused("These hours leave none in common with the quiet hours and the law of the state: nothing could ever be sent.")
        changes = Changes(now)
        consents.set_place(changes, context.id, zone=where.zone.strip(), state=code, address=None, wish=wish)
        audit.record(changes, organization.id, "contact_hours_changed", staff_id=staff.id, patient_id=context.id)
        changes.wake(f"patient:{context.id}")
        await changes.write(connection)
        await planning.plan_anew(connection, context.id)
