"""Staff say whose numbers are whose: a patient's numbers, who relatives and carers are and what they may do, and a stop told to staff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.own_patient import own_patient
from service.actions.refusal import Refused
from service.actions.stop_contact import forget_number, opt_out
from service.db import inbound, numbers, patient, people
from service.db.changes import Changes
from service.db.database import Database
from service.db.people import People
from service.domain.patient import PatientContext
from service.domain.phone_number import parse_phone_number
from service.domain.related_person import Scope
from service.domain.schedule import to_local
from service.domain.staff import Permission, Staff

LONGEST_NAME = 200
LONGEST_RELATION = 40
LEAST_OF_A_YEAR = 2000


@dataclass(frozen=True, slots=True)
class Told:
    """A related person as a form tells them: words as typed, dates as 2026-03-31, "" for none."""

    name: str
    relation: str
    number: str
    scope: Sequence[str] = ()
    signed_by: str = ""
    signed_on: str = ""
    expires_on: str = ""


async def view_people(database: Database, staff: Staff, patient_id: UUID, now: datetime) -> People:
    """The patient's numbers and related persons, the look itself audited. Raises NotFound for other teams' patients."""
    async with database.transaction() as connection:
        await own_patient(connection, staff, patient_id, now)
        await people.opened(connection, staff, patient_id, now)
        return await people.load(connection, patient_id)


async def change_number(database: Database, staff: Staff, patient_id: UUID, phone_id: UUID, what: str, now: datetime) -> None:
    """One of the patient's numbers is confirmed, put first, not theirs any more, or safe again (`what`: confirm | first | end | safe).

    A number that is not safe to contact becomes safe by this alone, and by whoever may judge: no text from it lifts that.
    Raises NotFound for other teams' patients, Refused when it is none of theirs.
    """
    if what == "safe" and not staff.may(Permission.ASSESS):
        raise Refused("Whether a number is safe again is judged by a nurse: ask one of your team.")
    async with database.transaction() as connection:
        await people.lock_numbers(connection, patient_id)
        context = await own_patient(connection, staff, patient_id, now)
        phone = next((one for one in (*context.phones, *context.former_phones) if one.id == phone_id), None)
        if phone is None:
            raise Refused("That number is not on this patient's record.")
        changes = Changes(now)
        if what == "confirm":
            people.confirm_number(changes, context.id, phone.id)
        elif what == "first" and phone in context.phones:
            order = [row.id for row in (await people.load(connection, context.id)).numbers if row.id != phone.id]
            people.put_first(changes, context.id, [phone.id, *order])
        elif what == "end" and phone in context.phones:
            forget_number(changes, context, phone, staff_id=staff.id)
        elif what == "safe" and phone in context.phones and phone.unsafe_since is not None:
            patient.set_phone(changes, phone.id, unsafe_since=None)
        else:
            raise Refused("Say what has changed: the number is confirmed, comes first, is not the patient's any more, or is safe again.")
        await _written(connection, changes, staff, context, f"number_{what}", "phone", phone.id)


async def add_number(database: Database, staff: Staff, patient_id: UUID, number: str, now: datetime) -> None:
    """A further number of the patient, heard from themself. No consent comes with it: that is recorded apart.

    Raises NotFound for other teams' patients, Refused saying what to write instead.
    """
    async with database.transaction() as connection:
        phone_id = await _phone_id(connection, staff, number, now)
        context = await own_patient(connection, staff, patient_id, now)
        changes = Changes(now)
        if phone_id in {phone.id for phone in (*context.phones, *context.former_phones)}:
            people.confirm_number(changes, context.id, phone_id)
        else:
            position = await people.next_position(connection, context.id)
            people.add_number(changes, context.organization.id, context.id, phone_id, position)
        await _written(connection, changes, staff, context, "number_added", "phone", phone_id)


async def stop_for_patient(database: Database, staff: Staff, patient_id: UUID, now: datetime) -> None:
    """The patient has told staff that they want no more messages: as if they had written STOP (decisions 12); nothing is sent about it.

    Raises NotFound for other teams' patients, Refused when the messages have ended already.
    """
    async with database.transaction() as connection:
        await people.lock_numbers(connection, patient_id)
        context = await own_patient(connection, staff, patient_id, now)
        if context.phones and all(phone.opted_out_at is not None for phone in context.phones):
            raise Refused("The messages have ended already.")
        changes = Changes(now)
        opt_out(changes, context, staff_id=staff.id)
        changes.wake(f"patient:{context.id}")
        await changes.write(connection)


async def keep_related(database: Database, staff: Staff, patient_id: UUID, related_id: UUID | None, told: Told, now: datetime) -> UUID:
    """A relative or carer, with what they may do and who signed for it; the id. `related_id`: an earlier entry is changed.

    Raises NotFound for other teams' patients, Refused saying what to write instead.
    """
    name, relation, signed_by = told.name.strip(), told.relation.strip(), told.signed_by.strip()
    if not name or len(name) > LONGEST_NAME:
        raise Refused("Write the name, at most {longest_name} letters.", longest_name=LONGEST_NAME)
    if not relation or len(relation) > LONGEST_RELATION:
        raise Refused(
            "Write what they are to the patient, such as daughter, at most {longest_relation} letters.", longest_relation=LONGEST_RELATION
        )
    scope = [one for one in Scope if one.value in told.scope]
    signed_on, expires_on = _day(told.signed_on, "of the signature"), _day(told.expires_on, "until which it holds")
    if scope and not (signed_by and signed_on):
        raise Refused("Write who has agreed to this, and on which day: without it a relative may do nothing here.")
    if scope and not told.number.strip():
        raise Refused("Write their own number: what they may do is tied to it.")
    async with database.transaction() as connection:
        phone_id = await _phone_id(connection, staff, told.number, now) if told.number.strip() else None
        context = await own_patient(connection, staff, patient_id, now)
        today = to_local(now, context.zone).date()
        if signed_on is not None and signed_on > today:
            raise Refused("The day of the signature lies in the future.")
        if expires_on is not None and expires_on < (signed_on or today):
            raise Refused("The last day comes before the signature.")
        known = {row.id: row for row in (await people.load(connection, context.id)).related}
        if related_id is not None and related_id not in known:
            raise Refused("That person is not on this patient's record.")
        if phone_id in {phone.id for phone in context.phones}:
            raise Refused("That is the patient's own number. A relative answers from a number of their own.")
        changes = Changes(now)
        id = people.keep_related(
            changes,
            context.organization.id,
            context.id,
            related_id,
            phone_id=phone_id,
            name=name,
            relation=relation,
            scope=[one.value for one in scope],
            signed_by=signed_by,
            signed_on=signed_on,
            expires_on=expires_on,
        )
        before = known[related_id].phone_id if related_id is not None else None
        reachable = phone_id if scope else None
        people.consent_to_write(changes, context, staff.id, reachable, before or phone_id, signed_on, expires_on)
        await _written(connection, changes, staff, context, "related_person_kept", "related_person", id)
    return id


async def end_related(database: Database, staff: Staff, patient_id: UUID, related_id: UUID, now: datetime) -> None:
    """This relative or carer is heard and written to no more. Raises NotFound, Refused when they are none of this patient's."""
    async with database.transaction() as connection:
        context = await own_patient(connection, staff, patient_id, now)
        known = {row.id: row.phone_id for row in (await people.load(connection, context.id)).related if row.ended_at is None}
        if related_id not in known:
            raise Refused("That person is not on this patient's record.")
        changes = Changes(now)
        numbers.end_related(changes, related_id)
        people.consent_to_write(changes, context, staff.id, None, known[related_id], None, None)
        await _written(connection, changes, staff, context, "related_person_ended", "related_person", related_id)


async def _written(
    connection: AsyncConnection, changes: Changes, staff: Staff, context: PatientContext, what: str, kind: str, id: UUID
) -> None:
    people.told(changes, staff, context.id, what, kind, id)
    changes.wake(f"patient:{context.id}")
    await changes.write(connection)


async def _phone_id(connection: AsyncConnection, staff: Staff, number: str, now: datetime) -> UUID:
    try:
        wanted = parse_phone_number(number)
    except ValueError as error:
        raise Refused("The number {error}.", error=error) from None
    place = staff.organization_id, wanted
    return (await inbound.phones_of(connection, [place], now))[place].id


def _day(written: str, what: str) -> date | None:
    if not written.strip():
        return None
    try:
        found = date.fromisoformat(written.strip())
    except ValueError:
        raise Refused("The day {what} is none: write it as 2026-03-31.", what=what) from None
    if found.year < LEAST_OF_A_YEAR:
        raise Refused("The day {what} is too long ago.", what=what)
    return found
